//! Posterior predictive checks (Rubin 1984; Gelman, Meng & Stern 1996): summaries of the observed data
//! among those of data simulated from the posterior.

use super::{About, Check};
use crate::ExamineError;
use crate::error::{finite, shape};
use gnomon_claim::permutation::p_value_two_sided;

/// The names of [`series_summaries`].
pub const SERIES_SUMMARIES: [&str; 7] = [
    "mean",
    "standard deviation",
    "smallest",
    "largest",
    "position of the largest",
    "last",
    "lag-1 autocorrelation",
];

/// Summaries of one series, in the order of [`SERIES_SUMMARIES`]; missing (NaN) entries are left out.
///
/// ```
/// use gnomon_examine::observed::predictive::series_summaries;
/// let [mean, _, smallest, largest, position, last, _] = series_summaries(&[1.0, f64::NAN, 5.0, 3.0]);
/// assert_eq!([mean, smallest, largest, position, last], [3.0, 1.0, 5.0, 2.0, 3.0]);
/// ```
#[must_use]
pub fn series_summaries(series: &[f64]) -> [f64; 7] {
    let seen: Vec<(usize, f64)> = series
        .iter()
        .copied()
        .enumerate()
        .filter(|(_, x)| !x.is_nan())
        .collect();
    let n = seen.len() as f64;
    let mean = seen.iter().map(|(_, x)| x).sum::<f64>() / n;
    let variance = seen.iter().map(|(_, x)| (x - mean).powi(2)).sum::<f64>() / n;
    let smallest = seen.iter().map(|&(_, x)| x).fold(f64::INFINITY, f64::min);
    let (position, largest) = seen.iter().fold((0, f64::NEG_INFINITY), |best, &(i, x)| {
        if x > best.1 { (i, x) } else { best }
    });
    let last = seen.last().map_or(f64::NAN, |&(_, x)| x);
    let products = series.windows(2).map(|w| (w[0] - mean) * (w[1] - mean));
    let lagged: f64 = products.filter(|x| !x.is_nan()).sum();
    let autocorrelation = if variance > 0.0 {
        lagged / (n * variance)
    } else {
        0.0
    };
    [
        mean,
        variance.sqrt(),
        smallest,
        largest,
        position as f64,
        last,
        autocorrelation,
    ]
}

/// One two-sided check a summary. `observed` holds S summaries, `replicated` R x S of data simulated
/// from the posterior. These p-values are conservative, because the posterior has seen the data.
///
/// # Errors
/// [`ExamineError`] when the arrays contradict one another, or an observed summary is not finite.
pub fn checks(
    names: &[String],
    observed: &[f64],
    replicated: &[f64],
) -> Result<Vec<Check>, ExamineError> {
    let s = names.len();
    shape("observed summaries", observed.len(), s)?;
    shape(
        "replicated summaries",
        replicated.len(),
        replicated.len() / s.max(1) * s,
    )?;
    finite("an observed summary", observed, s)?;
    let checks = names
        .iter()
        .zip(observed)
        .enumerate()
        .map(|(column, (name, &observed))| {
            // A replicate that failed says nothing.
            let column = replicated.iter().skip(column).step_by(s).copied();
            let replicates: Vec<f64> = column.filter(|r| !r.is_nan()).collect();
            Check {
                name: name.clone(),
                about: About::Posterior,
                observed,
                p_value: p_value_two_sided(observed, &replicates),
                replicates,
                entries: Vec::new(),
            }
        });
    Ok(checks.collect())
}
