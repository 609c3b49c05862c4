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
use gnomon_infer::forecast::write::{self, Place, forecasts};
use gnomon_infer::forecast::{Forecast, LEVELS};
use gnomon_infer::unseen::Drawn;
use gnomon_mechanism::study::{Columns, SeriesTable};

pub use alarms::Alarms;
pub use backtest::{Asked, Backtest, Group, backtest};
pub use left_out::{LeftOut, Why, in_groups};
use window::Window;

use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt;
use crate::stage::paths;

/// Windows that the networks read at a time.
const AT_ONCE: usize = 500;
/// Draws of joint densities that are held at a time.
const MOST_DRAWS: usize = 200_000;
/// Whole paths of each series that are written, where nobody says how many.
const WRITTEN: usize = 100;
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
    /// Whole paths, one row a series and draw, as CSV; `None` where only quantiles were learned.
    pub paths: Option<Vec<u8>>,
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

    /// The networks' forecasts: for each case one of every predicted entry. Where they learned the joint
    /// density, forecasts are of `draws` draws, and `paths` is handed those of each case, in the order of
    /// the shape's predicted entries.
    fn answers(
        &self,
        context: &Context,
        amortized: &Amortized,
        cases: &[Case],
        draws: usize,
        mut paths: impl FnMut(Case, usize, &mut dyn Iterator<Item = f64>),
    ) -> Result<Vec<Vec<Forecast>>, Failure> {
        let wrong = |error| Failure::damaged(error, "learn anew");
        let total = cases.len() as u64;
        let bar = context.progress.bar("answering", "windows", total);
        let mut answers = Vec::with_capacity(cases.len());
        let at_once = (MOST_DRAWS / draws.max(1)).clamp(1, AT_ONCE);
        let seed = context.seed_for("paths");
        for (chunk, cases) in cases.chunks(at_once).enumerate() {
            interrupt::check()?;
            let windows = cases.iter().flat_map(|case| {
                let values = &self.table.series[case.series].values;
                self.shape.seen(values, case.origin)
            });
            let given = amortized.standardise(&windows.collect::<Vec<f64>>());
            let drawn = Drawn {
                draws,
                seed,
                first: (chunk * at_once) as u64,
            };
            let found = amortized.unseen(&given.map_err(wrong)?, drawn);
            let found = found
                .map_err(wrong)?
                .filter(|found| found.quantiles.levels == LEVELS)
                .ok_or_else(|| {
                    wrong(gnomon_infer::InferError::Foreign(
                        "they give other quantiles than forecasts have".into(),
                    ))
                })?;
            for (number, &case) in cases.iter().enumerate() {
                let forecast = |&target: &usize| {
                    let mut forecast = [f64::NAN; LEVELS.len()];
                    forecast.copy_from_slice(found.quantiles.of(number, target));
                    forecast
                };
                answers.push(self.targets.iter().map(forecast).collect());
                let all = found.paths.iter();
                for (draw, path) in all.flat_map(|all| (0..draws).map(|d| (d, all.of(number, d)))) {
                    let mut own = self.targets.iter().map(|&target| path[target]);
                    paths(case, draw, &mut own);
                }
            }
            bar.inc(cases.len() as u64);
        }
        bar.finish_and_clear();
        Ok(answers)
    }

    /// Whole paths as CSV: a row a series and draw, a column a variable and horizon, such as `cases+3`.
    fn paths(&self, paths: &[(Case, usize, Vec<f64>)]) -> Result<Vec<u8>, Failure> {
        let entries = self.shape.predicted.iter();
        let names: Vec<String> = entries
            .map(|entry| format!("{}+{}", self.table.variables[entry.variable], entry.step))
            .collect();
        let rows = paths.iter().map(|(case, draw, path)| {
            let series = &self.table.series[case.series];
            let origin = self.table.time(series, case.origin);
            (series.name.as_str(), origin, *draw, path.as_slice())
        });
        write::paths(&names, rows).map_err(|error| Failure::Outside(error.to_string()))
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

/// What is asked about each series of a file.
#[derive(Clone, Debug)]
pub struct AskedAhead {
    /// What the table's columns are.
    pub columns: Columns,
    /// Whole paths of each series, where not the default; only of a study that learns their density.
    pub draws: Option<usize>,
    /// Whether each window is held against simulations.
    pub look: bool,
}

/// Forecasts each series of a file from its last window.
///
/// # Errors
/// Where the study predicts no future or no paths that are asked for, the file does not fit, or no series
/// can be forecast.
pub fn ahead(
    context: &Context,
    amortized: &Amortized,
    file: &Path,
    asked: &AskedAhead,
) -> Result<Ahead, Failure> {
    let has_paths = amortized.networks().have_paths();
    if asked.draws.is_some() && !has_paths {
        return Err(Failure::refused(
            "the networks of this study know quantiles of each entry alone: there is nothing to draw",
            "write series = \"density\" in `[learn]` and learn anew, or leave `--draws` out",
        ));
    }
    let began = Instant::now();
    let read = Read::new(context, amortized, file, &asked.columns)?;
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
    let written = asked.draws.unwrap_or(WRITTEN);
    let mut paths = Vec::new();
    let keep = |case: Case, draw: usize, path: &mut dyn Iterator<Item = f64>| {
        if draw < written {
            paths.push((case, draw, path.collect()));
        }
    };
    let answers = read.answers(context, amortized, &cases, written.max(paths::FEWEST), keep)?;
    let mut rows = Vec::new();
    for (&case, own) in cases.iter().zip(answers) {
        for (entry, forecast) in read.shape.predicted.iter().zip(own) {
            let horizon = entry.step.unsigned_abs();
            rows.push((read.place(case, entry.variable, horizon), forecast));
        }
    }
    let csv = forecasts(&rows).map_err(|error| Failure::Outside(error.to_string()))?;
    let paths = match has_paths {
        true => Some(read.paths(&paths)?),
        false => None,
    };
    let seconds = began.elapsed().as_secs_f64();
    let alarms = match asked.look {
        true => Alarms::of(context, amortized, &read, &cases)?,
        false => None,
    };
    Ok(Ahead {
        series: cases.len(),
        left_out,
        csv,
        paths,
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
