//! What is observed in the mechanisms and not given: hidden series, and the future.

use std::ops::Range;

use gnomon_infer::unseen::{Drawn, Paths};
use gnomon_infer::{Amortized, DrawTable, Summary};
use gnomon_learn::matrix::Matrix;
use gnomon_mechanism::study::Part;
use gnomon_report::content;

use super::series;
use crate::context::Context;
use crate::failure::Failure;
use crate::stage::paths::{self, OfPath};

/// Paths that a figure shows.
const SHOWN: usize = 12;

/// What is told of series that are not given.
pub(super) struct Told {
    pub series: Vec<content::Unseen>,
    /// Whole paths, a draw a row, where the joint density was learned; else empty.
    pub paths: DrawTable,
}

/// What the study asks of series that are not given, for one data set.
///
/// # Errors
/// Where the network cannot be run.
pub(super) fn unseen(
    context: &Context,
    amortized: &Amortized,
    given: &Matrix,
    data: &[f64],
    draws: usize,
) -> Result<Told, Failure> {
    let drawn = Drawn {
        draws: draws.max(paths::FEWEST),
        seed: context.seed_for("paths"),
        first: 0,
    };
    let found = amortized.unseen(given, drawn);
    let mut told = Told {
        series: Vec::new(),
        paths: DrawTable::default(),
    };
    let Some(found) = found.map_err(|error| Failure::damaged(error, "learn anew"))? else {
        return Ok(told);
    };
    let study = &context.study;
    let known = series(context, data);
    let mut first = 0;
    for part in &study.unseen {
        let places = first..first + part.times.len();
        first = places.end;
        let at_level = |level: usize| {
            let places = places.clone();
            places
                .map(|place| found.quantiles.of(0, place)[level])
                .collect()
        };
        let own = found.paths.as_ref().filter(|_| places.len() > 1);
        let shown = own.map_or(0, |paths| paths.draws.min(SHOWN));
        told.series.push(content::Unseen {
            label: part.label.clone(),
            given: known
                .iter()
                .find(|series| series.name == part.name)
                .cloned()
                .unwrap_or_else(|| described(part)),
            prediction: content::Prediction {
                mechanism: None,
                series: part.name.clone(),
                times: part.times.clone(),
                quantiles: (0..found.quantiles.levels.len()).map(at_level).collect(),
                levels: found.quantiles.levels.clone(),
                samples: (0..shown)
                    .filter_map(|draw| Some(own?.of(0, draw)[places.clone()].to_vec()))
                    .collect(),
            },
            of_paths: own.map_or_else(Vec::new, |paths| of_paths(paths, &places)),
            identified: None,
        });
    }
    if let Some(paths) = &found.paths {
        told.paths.names = study.unseen_columns();
        let column = |place| (0..draws).map(|draw| paths.of(0, draw)[place]).collect();
        told.paths.columns = (0..paths.targets).map(column).collect();
    }
    Ok(told)
}

/// The quantities of whole paths over some of their entries.
fn of_paths(drawn: &Paths, places: &Range<usize>) -> Vec<content::OfPaths> {
    let of = |quantity: OfPath| {
        let draws = 0..drawn.draws;
        let values: Vec<f64> = draws
            .map(|draw| quantity.of(&drawn.of(0, draw)[places.clone()]))
            .collect();
        let own = Summary::of(&values);
        content::OfPaths {
            name: quantity.name().into(),
            median: own.median,
            interval_50: own.interval_50,
            interval_90: own.interval_90,
        }
    };
    OfPath::ALL.map(of).to_vec()
}

/// A series of which nothing is given.
fn described(part: &Part) -> content::Series {
    content::Series {
        name: part.name.clone(),
        label: part.description.clone().unwrap_or_default(),
        unit: part.unit.clone().unwrap_or_default(),
        ..content::Series::default()
    }
}
