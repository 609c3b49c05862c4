//! Rolling-origin evaluation: at every origin the networks see a window that ends there, the baselines
//! the series' past up to there, and all are scored by what came.

use std::path::Path;
use std::time::Instant;

use gnomon_infer::Amortized;
use gnomon_infer::forecast::baseline::Baseline;
use gnomon_infer::forecast::origins::{Choice, Shape};
use gnomon_infer::forecast::tally::{Forecaster, Summary, Target, groups, summarise};
use gnomon_infer::forecast::{Forecast, INTERVALS, LEVELS, nominal, smoothing, write};
use gnomon_mechanism::Study;
use gnomon_mechanism::study::{Columns, SeriesTable};
use gnomon_report::content;
use gnomon_report::figures::{Figure, skill};
use rayon::prelude::*;

use super::left_out::{LeftOut, Why, nothing_to_do};
use super::{Alarms, Case, Read};
use crate::context::Context;
use crate::failure::Failure;
use crate::file;
use crate::interrupt;
use crate::stage::paths;

/// Origins between two looks at the interrupt flag.
const AT_ONCE: usize = 256;
/// What the networks' forecasts are called.
const OWN: &str = "gnomon";

/// What the user asks of a backtest.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What the table's columns are.
    pub columns: Columns,
    /// Times between which origins lie, `FROM..TO`, either of them perhaps left open.
    pub origins: Option<String>,
    /// Steps from one origin to the next.
    pub every: usize,
    /// Entries that a series has up to its first origin.
    pub least: Option<usize>,
    /// Steps after which a pattern comes again, for ETS; 1 for none.
    pub season: usize,
    /// Whether each window is held against simulations.
    pub look: bool,
}

/// Forecasts of the networks and the baselines, and what they were worth.
pub struct Backtest {
    read: Read,
    targets: Vec<Target>,
    /// Baselines first, the last value before all.
    models: Vec<Forecaster>,
    /// How many origins, over all series.
    pub origins: usize,
    /// Origins whose window lacks entries that the networks cannot do without.
    pub skipped: usize,
    /// The first of them: its series, and what is missing.
    pub first_skipped: Option<LeftOut>,
    /// Series without an origin, and why.
    pub left_out: Vec<LeftOut>,
    /// Whether the mechanisms can have made the windows; `None` where nobody looked.
    pub alarms: Option<Alarms>,
    /// Seconds that forecasting took, baselines among them.
    pub seconds: f64,
}

/// Neighbouring horizons of one variable, and every model's scores there.
pub struct Group {
    /// The variable's name.
    pub variable: String,
    /// The first and the last horizon, in steps.
    pub horizons: (usize, usize),
    /// Each model's name and scores.
    pub models: Vec<(String, Summary)>,
}

/// Forecasts a file's series from every origin.
///
/// # Errors
/// Where the study predicts no future, the file does not fit, no origin is left, or the user interrupts.
pub fn backtest(
    context: &Context,
    amortized: &Amortized,
    path: &Path,
    asked: &Asked,
) -> Result<Backtest, Failure> {
    if asked.season > smoothing::LONGEST_SEASON {
        return Err(Failure::refused(
            format!("a season of {} steps is too long for ETS", asked.season),
            format!("at most {} steps", smoothing::LONGEST_SEASON),
        ));
    }
    let began = Instant::now();
    let read = Read::new(context, amortized, path, &asked.columns)?;
    let least = asked.least.unwrap_or_else(|| read.least());
    let (from, to) = between(&read.table, asked.origins.as_deref())?;
    let choice = |series: usize| {
        let series = &read.table.series[series];
        let from = from.map_or(Some(0), |from| read.table.entry_from(series, from));
        let to = to.map_or(Some(usize::MAX), |to| read.table.entry_to(series, to));
        Some(Choice {
            within: from?..=to?,
            every: asked.every,
            least,
        })
    };
    let Cases {
        cases,
        skipped,
        left_out,
    } = Cases::of(&read, choice);
    if cases.is_empty() {
        return Err(nothing_to_do(path, &left_out));
    }
    let first_skipped = skipped.first().and_then(|&case| {
        Some(LeftOut {
            series: read.table.series[case.series].name.clone(),
            why: read.hole(case)?,
        })
    });
    let answers = read.answers(context, amortized, &cases, paths::FEWEST, |_, _, _| ())?;
    let baselines = baselines(context, &read, &cases, asked.season)?;

    let mut targets = Vec::new();
    let mut forecasts = vec![Vec::new(); Baseline::ALL.len() + 1];
    for (number, case) in cases.iter().enumerate() {
        let values = &read.table.series[case.series].values;
        let came = read.shape.came(values, case.origin);
        for (place, (entry, observed)) in read.shape.predicted.iter().zip(came).enumerate() {
            let known = values[entry.variable][..=case.origin].iter();
            if observed.is_nan() || known.copied().all(f64::is_nan) {
                continue;
            }
            targets.push(Target {
                series: case.series,
                variable: entry.variable,
                origin: case.origin,
                horizon: entry.step.unsigned_abs(),
                observed,
            });
            let all = baselines[number].iter().chain([&answers[number]]);
            for (forecasts, own) in forecasts.iter_mut().zip(all) {
                forecasts.push(own[place]);
            }
        }
    }
    let names = Baseline::ALL.iter().map(|baseline| baseline.name());
    let models = names
        .chain([OWN])
        .zip(forecasts)
        .map(|(name, forecasts)| Forecaster::new(name, forecasts, &targets))
        .collect();
    let seconds = began.elapsed().as_secs_f64();
    let alarms = match asked.look {
        true => Alarms::of(context, amortized, &read, &cases)?,
        false => None,
    };
    Ok(Backtest {
        origins: cases.len(),
        alarms,
        seconds,
        left_out,
        skipped: skipped.len(),
        first_skipped,
        targets,
        models,
        read,
    })
}

/// Origins of all series.
struct Cases {
    cases: Vec<Case>,
    /// Those whose windows have holes.
    skipped: Vec<Case>,
    left_out: Vec<LeftOut>,
}

impl Cases {
    /// Every origin that a choice leaves.
    fn of(read: &Read, choice: impl Fn(usize) -> Option<Choice>) -> Self {
        let mut all = Self {
            cases: Vec::new(),
            skipped: Vec::new(),
            left_out: read.empty(),
        };
        for (series, own) in read.table.series.iter().enumerate() {
            let case = |origin: usize| Case { series, origin };
            let choice = choice(series);
            let found = choice.as_ref().map(|choice| {
                let may = &read.may_be_missing;
                read.shape.origins(&own.values, may, choice)
            });
            let found = found.unwrap_or_default();
            all.skipped.extend(found.skipped.iter().copied().map(case));
            if found.origins.is_empty() {
                let hole = found.skipped.first().and_then(|&o| read.hole(case(o)));
                all.left_out.push(LeftOut {
                    series: own.name.clone(),
                    why: hole.unwrap_or_else(|| without_origin(own.len(), choice)),
                });
            }
            all.cases.extend(found.origins.into_iter().map(case));
        }
        all
    }
}

/// Why a series of so many entries has no origin, if not for holes.
fn without_origin(entries: usize, choice: Option<Choice>) -> Why {
    match choice {
        Some(choice) if entries < choice.least => Why::Short {
            entries,
            needed: choice.least,
        },
        Some(choice)
            if *choice.within.start() < entries
                && choice.within.end().saturating_add(1) >= choice.least =>
        {
            Why::NothingCame { entries }
        }
        _ => Why::Outside,
    }
}

/// The two times of `FROM..TO`.
fn between<'a>(
    table: &SeriesTable,
    asked: Option<&'a str>,
) -> Result<(Option<&'a str>, Option<&'a str>), Failure> {
    let Some(asked) = asked else {
        return Ok((None, None));
    };
    let wrong = || {
        Failure::refused(
            format!("`{asked}` are no times of the file"),
            "write --origins FROM..TO with two times as in the file, or one of them, such as 2020-07-01..",
        )
    };
    let (from, to) = asked.split_once("..").ok_or_else(wrong)?;
    let time = |text: &'a str| match text.trim() {
        "" => Ok(None),
        text if table.is_time(text) => Ok(Some(text)),
        _ => Err(wrong()),
    };
    Ok((time(from)?, time(to)?))
}

/// For each case every baseline's forecast of each predicted entry.
fn baselines(
    context: &Context,
    read: &Read,
    cases: &[Case],
    season: usize,
) -> Result<Vec<Vec<Vec<Forecast>>>, Failure> {
    let lowest: Vec<Option<f64>> = read
        .table
        .variables
        .iter()
        .map(|name| lowest(&context.study, name))
        .collect();
    let total = cases.len() as u64;
    let bar = context.progress.bar("baselines", "origins", total);
    let mut all = Vec::with_capacity(cases.len());
    for cases in cases.chunks(AT_ONCE) {
        interrupt::check()?;
        let of_case = |case: &Case| -> Vec<Vec<Forecast>> {
            let values = &read.table.series[case.series].values;
            let own = Baseline::ALL.iter();
            own.map(|&baseline| {
                of_baseline(baseline, &read.shape, values, case.origin, season, &lowest)
            })
            .collect()
        };
        all.par_extend(cases.par_iter().map(of_case));
        bar.inc(cases.len() as u64);
    }
    bar.finish_and_clear();
    Ok(all)
}

/// A baseline's forecast of each predicted entry, from each variable's past alone.
fn of_baseline(
    baseline: Baseline,
    shape: &Shape,
    values: &[Vec<f64>],
    origin: usize,
    season: usize,
    lowest: &[Option<f64>],
) -> Vec<Forecast> {
    let mut forecasts = vec![[f64::NAN; LEVELS.len()]; shape.predicted.len()];
    for (variable, values) in values.iter().enumerate() {
        let own = shape.predicted.iter().enumerate();
        let (places, horizons): (Vec<usize>, Vec<usize>) = own
            .filter(|(_, entry)| entry.variable == variable)
            .map(|(place, entry)| (place, entry.step.unsigned_abs()))
            .unzip();
        let past = &values[..=origin];
        let found = baseline.forecast(past, &horizons, season, lowest[variable]);
        for (place, forecast) in places.into_iter().zip(found) {
            forecasts[place] = forecast;
        }
    }
    forecasts
}

/// The least that a series can be, where no mechanism observes negative values.
fn lowest(study: &Study, series: &str) -> Option<f64> {
    let mut all = study.mechanisms.iter().flat_map(|mechanism| {
        let own = mechanism.observed.iter().filter(|o| o.name == series);
        own.map(move |observed| mechanism.impossible(&observed.distribution, -1.0))
    });
    all.all(|reason| reason.is_some()).then_some(0.0)
}

impl Backtest {
    /// How many numbers were forecast by each model.
    #[must_use]
    pub fn forecasts(&self) -> usize {
        self.targets.len()
    }

    /// How many series have an origin.
    #[must_use]
    pub fn series(&self) -> usize {
        self.read.table.series.len() + self.read.table.empty.len() - self.left_out.len()
    }

    /// Every model's scores for each variable and group of horizons, those over all horizons first.
    #[must_use]
    pub fn groups(&self) -> Vec<Group> {
        let mut all = Vec::new();
        for (variable, name) in self.read.table.variables.iter().enumerate() {
            let own = self.read.shape.predicted.iter();
            let horizons: Vec<usize> = own
                .filter(|entry| entry.variable == variable)
                .map(|entry| entry.step.unsigned_abs())
                .collect();
            let parts = groups(&horizons);
            let (Some(first), Some(last)) = (parts.first(), parts.last()) else {
                continue;
            };
            let whole = (first.0, last.1);
            let rest = parts.iter().copied().filter(|&part| part != whole);
            for (from, to) in std::iter::once(whole).chain(rest) {
                let keep = |target: &Target| {
                    target.variable == variable && (from..=to).contains(&target.horizon)
                };
                let models = self.models.iter().map(|model| {
                    let summary = summarise(&self.targets, model, &self.models[0], keep);
                    (model.name.clone(), summary)
                });
                all.push(Group {
                    variable: name.clone(),
                    horizons: (from, to),
                    models: models.collect(),
                });
            }
        }
        all
    }

    /// What the figures show: for each variable the scores by horizon, and what intervals hold.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        let variables = self.read.table.variables.iter().enumerate();
        let shown = variables.filter_map(|(variable, name)| {
            let own = self.read.shape.predicted.iter();
            let own = own.filter(|entry| entry.variable == variable);
            let mut horizons: Vec<usize> = own.map(|entry| entry.step.unsigned_abs()).collect();
            horizons.sort_unstable();
            let summary = |model: &Forecaster, horizon: Option<usize>| {
                summarise(&self.targets, model, &self.models[0], |target| {
                    target.variable == variable && horizon.is_none_or(|h| h == target.horizon)
                })
            };
            let of_model = |model: &Forecaster| content::Forecaster {
                name: model.name.clone(),
                relative_score: horizons
                    .iter()
                    .map(|&horizon| summary(model, Some(horizon)).relative_wis)
                    .collect(),
                covered: summary(model, None).coverage.into_iter().rev().collect(),
            };
            skill::figure(&content::Forecasts {
                variable: name.clone(),
                reference: self.models[0].name.clone(),
                nominal: (0..INTERVALS).rev().map(nominal).collect(),
                models: self.models.iter().map(of_model).collect(),
                horizons: horizons.clone(),
            })
        });
        shown.collect()
    }

    /// Writes `scores.csv`, `quantiles.csv` and a figure for each variable into a folder.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn write(&self, folder: &Path) -> Result<(), Failure> {
        let place = |target: &Target| {
            let case = Case {
                series: target.series,
                origin: target.origin,
            };
            self.read.place(case, target.variable, target.horizon)
        };
        let wrong = |error| Failure::Outside(format!("{error}"));
        let scores = write::scores(&self.models, &self.targets, place).map_err(wrong)?;
        file::write(&folder.join("scores.csv"), &scores)?;
        let quantiles = write::quantiles(&self.models, &self.targets, place).map_err(wrong)?;
        file::write(&folder.join("quantiles.csv"), &quantiles)?;
        for figure in self.figures() {
            let path = folder.join(format!("{}.svg", figure.name));
            file::write(&path, figure.file().as_bytes())?;
        }
        Ok(())
    }
}
