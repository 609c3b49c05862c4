//! The curves that a report draws beside a claim, as plain data.

use gnomon_claim::exact::clopper_pearson;
use gnomon_claim::reliability::bin_of;
use gnomon_claim::{Forecast, uniformity};
use serde::{Deserialize, Serialize};

/// The error rate of the bands and intervals drawn.
const ERROR_RATE: f64 = 0.05;

/// Points of a drawn curve.
const POINTS: usize = 101;

/// What a claim about calibration looks like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Curve {
    /// The ranks' distribution function minus the uniform one.
    EcdfDifference(EcdfDifference),
    /// Coverage of credible regions by their level.
    Coverage(CoverageCurve),
    /// Observed frequencies by stated probability.
    Reliability(ReliabilityCurve),
}

/// The empirical distribution function of ranks minus the uniform one (Säilynoja et al. 2022).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EcdfDifference {
    /// Points u in [0, 1].
    pub levels: Vec<f64>,
    /// `F_n(u) - u`.
    pub difference: Vec<f64>,
    /// Half-width of the simultaneous 95 % band (Dvoretzky, Kiefer, Wolfowitz; Massart 1990).
    pub band: f64,
    /// The claim's tolerance.
    pub tolerance: f64,
}

/// How often regions of each level hold the truth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CoverageCurve {
    /// Levels in [0, 1].
    pub levels: Vec<f64>,
    /// Share of data sets whose region of that level holds the truth.
    pub coverage: Vec<f64>,
    /// Lower end of the pointwise 95 % interval (Clopper & Pearson 1934).
    pub lower: Vec<f64>,
    /// Upper end of it.
    pub upper: Vec<f64>,
    /// The claim's tolerance.
    pub tolerance: f64,
}

/// Frequencies by bins of stated probability.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityCurve {
    /// Bins of equal width, without empty ones.
    pub bins: Vec<ReliabilityBin>,
    /// The claim's tolerance for the sum of gaps weighted by the bins' shares.
    pub tolerance: f64,
}

/// One bin of stated probability.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Lower edge.
    pub from: f64,
    /// Upper edge.
    pub to: f64,
    /// Forecasts in the bin.
    pub forecasts: usize,
    /// Their mean stated probability.
    pub stated: f64,
    /// The share of them that happened.
    pub frequency: f64,
    /// 95 % interval of that share (Clopper & Pearson 1934).
    pub interval: [f64; 2],
}

fn levels() -> Vec<f64> {
    (0..POINTS)
        .map(|i| i as f64 / (POINTS - 1) as f64)
        .collect()
}

fn counts_at(levels: &[f64], ranks: &[f64]) -> Vec<usize> {
    let mut sorted = ranks.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    levels
        .iter()
        .map(|&level| sorted.partition_point(|&u| u <= level))
        .collect()
}

pub(crate) fn ecdf_difference(ranks: &[f64], tolerance: f64) -> Curve {
    let levels = levels();
    let n = ranks.len();
    let difference = counts_at(&levels, ranks)
        .into_iter()
        .zip(&levels)
        .map(|(k, u)| k as f64 / n as f64 - u)
        .collect();
    let band = uniformity::band(n, ERROR_RATE);
    Curve::EcdfDifference(EcdfDifference {
        levels,
        difference,
        band,
        tolerance,
    })
}

pub(crate) fn coverage(ranks: &[f64], tolerance: f64) -> Curve {
    let levels = levels();
    let n = ranks.len();
    let counts = counts_at(&levels, ranks);
    let intervals: Vec<[f64; 2]> = counts
        .iter()
        .map(|&k| clopper_pearson(k, n, ERROR_RATE))
        .collect();
    Curve::Coverage(CoverageCurve {
        coverage: counts.iter().map(|&k| k as f64 / n as f64).collect(),
        lower: intervals.iter().map(|i| i[0]).collect(),
        upper: intervals.iter().map(|i| i[1]).collect(),
        levels,
        tolerance,
    })
}

pub(crate) fn reliability(forecasts: &[Forecast], bins: usize, tolerance: f64) -> Curve {
    let bins = (0..bins)
        .filter_map(|bin| {
            let members = forecasts
                .iter()
                .filter(|f| bin_of(f.probability, bins) == bin);
            let (mut n, mut happened, mut stated) = (0, 0, 0.0);
            for forecast in members {
                n += 1;
                happened += usize::from(forecast.happened);
                stated += forecast.probability;
            }
            (n > 0).then(|| ReliabilityBin {
                from: bin as f64 / bins as f64,
                to: (bin + 1) as f64 / bins as f64,
                forecasts: n,
                stated: stated / n as f64,
                frequency: happened as f64 / n as f64,
                interval: clopper_pearson(happened, n, ERROR_RATE),
            })
        })
        .collect();
    Curve::Reliability(ReliabilityCurve { bins, tolerance })
}
