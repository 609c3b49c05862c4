//! Forecasts of many series: the study's question as a window that slides -> a table of series -> the
//! network's quantiles at every origin.

mod alarms;
mod backtest;
mod left_out;
mod window;

use std::path::Path;
use std::time::Instant;

use gnomon_infer::Amortized;
use gnomon_infer::forecast::origins::Shape;
use gnomon_infer::forecast::write::{Place, forecasts};
use gnomon_infer::forecast::{Forecast, LEVELS};
use gnomon_mechanism::study::{Columns, SeriesTable};

pub use alarms::Alarms;
pub use backtest::{Asked, Backtest, Group, backtest};
pub use left_out::{LeftOut, Why, in_groups};
use window::Window;

use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt;

/// Windows that the networks read at a time.
const AT_ONCE: usize = 500;
/// Entries that a series has before its first origin, where the networks can do without the others.
const LEAST: usize = 10;

/// A table of series, and where the study's window lies in it.
struct Read {
    table: SeriesTable,
    shape: Shape,
    /// For each predicted entry of the shape, its place among the networks' targets.
    targets: Vec<usize>,
    /// For each given entry, whether the networks can do without.
    may_be_missing: Vec<bool>,
}

/// An origin of one series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Case {
    series: usize,
    origin: usize,
}

/// Forecasts from the last window of each series of a table.
pub struct Ahead {
    /// How many series were forecast.
    pub series: usize,
    /// Those that could not be, and why.
    pub left_out: Vec<LeftOut>,
    /// One row a series, variable and horizon, as CSV.
    pub csv: Vec<u8>,
    /// Seconds that forecasting took.
    pub seconds: f64,
    /// Whether the mechanisms can have made the windows; `None` where nobody looked.
    pub alarms: Option<Alarms>,
}

impl Read {
    fn new(
        context: &Context,
        amortized: &Amortized,
        file: &Path,
        columns: &Columns,
    ) -> Result<Self, Failure> {
        let study = &context.study;
        let window = Window::of(study)?;
        let (needed, optional) = window.variables(study);
        let table = study.read_series(file, &needed, &optional, columns, window.step)?;
        let (shape, targets) = window.shape(&table.variables)?;
        Ok(Self {
            table,
            shape,
            targets,
            may_be_missing: amortized.networks().standardiser.may_be_missing(),
        })
    }

    /// Entries that a series has up to its first origin, where nobody says.
    fn least(&self) -> usize {
        match self.may_be_missing.iter().all(|&may| may) {
            true => self.shape.window().min(LEAST),
            false => self.shape.window(),
        }
    }

    /// The networks' forecasts: for each case one of every predicted entry.
    fn answers(
        &self,
        context: &Context,
        amortized: &Amortized,
        cases: &[Case],
    ) -> Result<Vec<Vec<Forecast>>, Failure> {
        let wrong = |error| Failure::damaged(error, "learn anew");
        let total = cases.len() as u64;
        let bar = context.progress.bar("answering", "windows", total);
        let mut answers = Vec::with_capacity(cases.len());
        for cases in cases.chunks(AT_ONCE) {
            interrupt::check()?;
            let windows = cases.iter().flat_map(|case| {
                let values = &self.table.series[case.series].values;
                self.shape.seen(values, case.origin)
            });
            let given = amortized.standardise(&windows.collect::<Vec<f64>>());
            let found = amortized.unseen(&given.map_err(wrong)?).map_err(wrong)?;
            let quantiles = found
                .filter(|found| found.levels == LEVELS)
                .ok_or_else(|| {
                    wrong(gnomon_infer::InferError::Foreign(
                        "they give other quantiles than forecasts have".into(),
                    ))
                })?;
            for number in 0..cases.len() {
                let forecast = |&target: &usize| {
                    let mut forecast = [f64::NAN; LEVELS.len()];
                    forecast.copy_from_slice(quantiles.of(number, target));
                    forecast
                };
                answers.push(self.targets.iter().map(forecast).collect());
            }
            bar.inc(cases.len() as u64);
        }
        bar.finish_and_clear();
        Ok(answers)
    }

    /// What is missing in the window of a series at an origin, as the table has it.
    fn hole(&self, case: Case) -> Option<Why> {
        let series = &self.table.series[case.series];
        let may = &self.may_be_missing;
        let entry = self.shape.lacking(&series.values, case.origin, may)?;
        let place = case.origin.saturating_add_signed(entry.step);
        Some(Why::Hole {
            variable: self.table.variables[entry.variable].clone(),
            time: self.table.time(series, place),
        })
    }

    /// Series without any value.
    fn empty(&self) -> Vec<LeftOut> {
        let names = self.table.empty.iter();
        names
            .map(|name| LeftOut {
                series: name.clone(),
                why: Why::Empty,
            })
            .collect()
    }

    /// Where a predicted number belongs.
    fn place(&self, case: Case, variable: usize, horizon: usize) -> Place<'_> {
        let series = &self.table.series[case.series];
        Place {
            series: &series.name,
            variable: &self.table.variables[variable],
            origin: self.table.time(series, case.origin),
            horizon,
            time: self.table.time(series, case.origin + horizon),
        }
    }
}

/// Forecasts each series of a file from its last window; where `look`, each window is held against
/// simulations.
///
/// # Errors
/// Where the study predicts no future, the file does not fit, or no series can be forecast.
pub fn ahead(
    context: &Context,
    amortized: &Amortized,
    file: &Path,
    columns: &Columns,
    look: bool,
) -> Result<Ahead, Failure> {
    let began = Instant::now();
    let read = Read::new(context, amortized, file, columns)?;
    let least = read.least();
    let (mut cases, mut left_out) = (Vec::new(), read.empty());
    for (number, series) in read.table.series.iter().enumerate() {
        let case = Case {
            series: number,
            origin: series.len() - 1,
        };
        let why = match series.len() < least {
            true => Some(Why::Short {
                entries: series.len(),
                needed: least,
            }),
            false => read.hole(case),
        };
        match why {
            None => cases.push(case),
            Some(why) => left_out.push(LeftOut {
                series: series.name.clone(),
                why,
            }),
        }
    }
    if cases.is_empty() {
        return Err(left_out::nothing_to_do(file, &left_out));
    }
    let answers = read.answers(context, amortized, &cases)?;
    let mut rows = Vec::new();
    for (&case, own) in cases.iter().zip(answers) {
        for (entry, forecast) in read.shape.predicted.iter().zip(own) {
            let horizon = entry.step.unsigned_abs();
            rows.push((read.place(case, entry.variable, horizon), forecast));
        }
    }
    let csv = forecasts(&rows).map_err(|error| Failure::Outside(error.to_string()))?;
    let seconds = began.elapsed().as_secs_f64();
    let alarms = match look {
        true => Alarms::of(context, amortized, &read, &cases)?,
        false => None,
    };
    Ok(Ahead {
        series: cases.len(),
        left_out,
        csv,
        seconds,
        alarms,
    })
}

/// Refuses a study that forecasts nothing, before anything is read or learned.
///
/// # Errors
/// Where the study predicts nothing that comes after what is given, or its times are not evenly spaced.
pub fn refuse(context: &Context) -> Result<(), Failure> {
    Window::of(&context.study).map(|_| ())
}
