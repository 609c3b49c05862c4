//! What is observed in the mechanisms and not given: hidden series, and the future.

use gnomon_infer::Amortized;
use gnomon_learn::matrix::Matrix;
use gnomon_mechanism::study::Part;
use gnomon_report::content;

use super::series;
use crate::context::Context;
use crate::failure::Failure;

/// Quantiles of what the study asks of series that are not given, for one data set.
///
/// # Errors
/// Where the network cannot be run.
pub(super) fn unseen(
    context: &Context,
    amortized: &Amortized,
    given: &Matrix,
    data: &[f64],
) -> Result<Vec<content::Unseen>, Failure> {
    let found = amortized.unseen(given);
    let Some(quantiles) = found.map_err(|error| Failure::damaged(error, "learn anew"))? else {
        return Ok(Vec::new());
    };
    let study = &context.study;
    let known = series(context, data);
    let mut first = 0;
    let mut all = Vec::new();
    for part in &study.unseen {
        let places = first..first + part.times.len();
        first = places.end;
        let at_level = |level: usize| {
            let places = places.clone();
            places.map(|place| quantiles.of(0, place)[level]).collect()
        };
        all.push(content::Unseen {
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
                quantiles: (0..quantiles.levels.len()).map(at_level).collect(),
                levels: quantiles.levels.clone(),
                samples: Vec::new(),
            },
            identified: None,
        });
    }
    Ok(all)
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
