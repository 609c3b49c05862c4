//! From an assertion and the inputs' statistics to an estimate, bounds and two p-values.

use crate::betting::{Bets, Side, bet, bound};
use crate::exact::{at_least, at_most, share_lower, share_upper};
use crate::{Assertion, Claim, ClaimError, Inputs, reliability, uniformity};

/// What the inputs say about an assertion.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// The statistic's estimate.
    pub estimate: f64,
    /// Lower and upper bounds, each at the threshold.
    pub interval: [f64; 2],
    /// p-value of "the claim is false".
    pub p_survive: f64,
    /// p-value of "the claim is true".
    pub p_falsify: f64,
    /// Stopped e-values of the two, where the test bets.
    pub e_values: Option<[f64; 2]>,
    /// The input that violates most, where one input can show a violation.
    pub worst: Option<usize>,
}

/// Weighs the inputs of a claim; `threshold` is the error rate of each bound, and what bets aim at.
///
/// # Errors
/// [`ClaimError`] when the claim is malformed, has no inputs, or a statistic cannot be used.
pub fn weigh(claim: &Claim, inputs: &Inputs, threshold: f64) -> Result<Evidence, ClaimError> {
    claim.check()?;
    check(claim, inputs)?;
    Ok(match (&claim.assertion, inputs) {
        (
            Assertion::MeanAtMost {
                tolerance,
                lowest,
                highest,
            },
            Inputs::Numbers(x),
        ) => {
            let mut evidence = mean(x, *tolerance, [*lowest, *highest], threshold);
            evidence.worst = index_of_largest(x.iter().copied());
            evidence
        }
        (
            Assertion::MeanAtLeast {
                margin,
                lowest,
                highest,
            },
            Inputs::Numbers(x),
        ) => {
            // Mirrored: the mean of -x is at most -margin.
            let mirrored: Vec<f64> = x.iter().map(|x| -x).collect();
            let evidence = mean(&mirrored, -margin, [-highest, -lowest], threshold);
            let [low, high] = evidence.interval;
            Evidence {
                estimate: -evidence.estimate,
                interval: [-high, -low],
                ..evidence
            }
        }
        (
            Assertion::ShareAtMost {
                threshold: limit,
                share,
            },
            Inputs::Numbers(x),
        ) => share_above(x, *limit, *share, threshold),
        (
            Assertion::NoneAbove {
                threshold: limit,
                share,
            },
            Inputs::Numbers(x),
        ) => {
            let mut evidence = share_above(x, *limit, *share, threshold);
            if evidence.estimate > 0.0 {
                (evidence.p_survive, evidence.p_falsify) = (1.0, 0.0);
            } else {
                evidence.p_falsify = 1.0;
            }
            evidence
        }
        (Assertion::UniformWithin { tolerance }, Inputs::Numbers(x)) => {
            let deviation = uniformity::deviation(x);
            Evidence {
                estimate: deviation,
                interval: uniformity::deviation_bounds(deviation, x.len(), threshold),
                p_survive: uniformity::p_beyond(deviation, x.len(), *tolerance),
                p_falsify: uniformity::p_within(deviation, x.len(), *tolerance),
                e_values: None,
                worst: None,
            }
        }
        (Assertion::CoverageWithin { levels, tolerance }, Inputs::Numbers(x)) => {
            coverage(x, levels, *tolerance, threshold)
        }
        (Assertion::ReliabilityWithin { tolerance, bins }, Inputs::Forecasts(forecasts)) => {
            let weighed = reliability::weigh(forecasts, *bins, *tolerance, threshold);
            Evidence {
                estimate: weighed.estimate,
                interval: weighed.interval,
                p_survive: weighed.p_beyond,
                p_falsify: weighed.p_within,
                e_values: Some([weighed.e_beyond, weighed.e_within]),
                worst: None,
            }
        }
        _ => {
            return Err(ClaimError::Malformed {
                claim: claim.name.clone(),
                problem: "reliability needs forecasts, and everything else needs numbers",
            });
        }
    })
}

fn check(claim: &Claim, inputs: &Inputs) -> Result<(), ClaimError> {
    if inputs.is_empty() {
        return Err(ClaimError::TooFewInputs {
            claim: claim.name.clone(),
            needed: 1,
            given: 0,
        });
    }
    let is_rank = matches!(
        claim.assertion,
        Assertion::UniformWithin { .. } | Assertion::CoverageWithin { .. }
    );
    let unit = |x: f64| (0.0..=1.0).contains(&x);
    let bad = match inputs {
        Inputs::Numbers(x) => x
            .iter()
            .copied()
            .enumerate()
            .find(|&(_, x)| x.is_nan() || is_rank && !unit(x)),
        Inputs::Forecasts(f) => f
            .iter()
            .map(|f| f.probability)
            .enumerate()
            .find(|&(_, p)| !unit(p)),
    };
    match bad {
        None => Ok(()),
        Some((input, value)) => Err(ClaimError::Statistic {
            claim: claim.name.clone(),
            input,
            value,
            problem: if value.is_nan() {
                "and must be a number"
            } else {
                "and must lie between 0 and 1"
            },
        }),
    }
}

fn mean(x: &[f64], tolerance: f64, [lowest, highest]: [f64; 2], threshold: f64) -> Evidence {
    let width = highest - lowest;
    let scaled: Vec<f64> = x
        .iter()
        .map(|x| (x.clamp(lowest, highest) - lowest) / width)
        .collect();
    let null = (tolerance - lowest) / width;
    let budget = Some(x.len());
    let bets = Bets::PredictablePlugIn {
        error_rate: threshold,
        budget,
    };
    let survive = bet(&scaled, null, Side::Less, bets);
    let falsify = bet(&scaled, null, Side::Greater, bets);
    let unscaled = |u: f64| lowest + width * u;
    Evidence {
        estimate: unscaled(scaled.iter().sum::<f64>() / scaled.len() as f64),
        interval: [Side::Greater, Side::Less]
            .map(|side| unscaled(bound(&scaled, side, threshold, budget))),
        p_survive: survive.p_value(),
        p_falsify: falsify.p_value(),
        e_values: Some([survive.e_value(), falsify.e_value()]),
        worst: None,
    }
}

fn share_above(x: &[f64], limit: f64, share: f64, threshold: f64) -> Evidence {
    let (n, k) = (x.len(), x.iter().filter(|&&x| x > limit).count());
    Evidence {
        estimate: k as f64 / n as f64,
        interval: [share_lower(k, n, threshold), share_upper(k, n, threshold)],
        p_survive: at_most(k, n, share),
        p_falsify: at_least(k, n, share),
        e_values: None,
        worst: if k > 0 {
            index_of_largest(x.iter().copied())
        } else {
            None
        },
    }
}

/// Every level's coverage must be shown within the tolerance (no correction: an intersection-union
/// test); any level outside falsifies (corrected for both sides of each).
fn coverage(x: &[f64], levels: &[f64], tolerance: f64, threshold: f64) -> Evidence {
    let n = x.len();
    let tests = 2.0 * levels.len() as f64;
    let mut evidence = Evidence {
        estimate: 0.0,
        interval: [0.0, 0.0],
        p_survive: 0.0,
        p_falsify: 1.0,
        e_values: None,
        worst: None,
    };
    for &level in levels {
        let k = x.iter().filter(|&&x| x <= level).count();
        let (low, high) = (level - tolerance, level + tolerance);
        // A bound outside [0, 1] cannot be crossed.
        let too_low = if low > 0.0 { at_least(k, n, low) } else { 0.0 };
        let too_high = if high < 1.0 { at_most(k, n, high) } else { 0.0 };
        evidence.p_survive = evidence.p_survive.max(too_low).max(too_high);
        evidence.p_falsify = evidence
            .p_falsify
            .min(coverage_p_falsify(k, n, level, tolerance, tests));
        evidence.estimate = evidence.estimate.max((k as f64 / n as f64 - level).abs());
        let error_rate = threshold / tests;
        evidence.interval[0] = evidence.interval[0]
            .max(share_lower(k, n, error_rate) - level)
            .max(level - share_upper(k, n, error_rate));
        evidence.interval[1] = evidence.interval[1]
            .max(share_upper(k, n, threshold) - level)
            .max(level - share_lower(k, n, threshold));
    }
    evidence
}

/// p-value of "coverage at `level` is within the tolerance", one of `tests` one-sided tests, when `k`
/// of `n` regions hold the truth.
pub(crate) fn coverage_p_falsify(
    k: usize,
    n: usize,
    level: f64,
    tolerance: f64,
    tests: f64,
) -> f64 {
    let (low, high) = (level - tolerance, level + tolerance);
    let too_low = if low > 0.0 { at_most(k, n, low) } else { 1.0 };
    let too_high = if high < 1.0 {
        at_least(k, n, high)
    } else {
        1.0
    };
    (tests * too_low.min(too_high)).min(1.0)
}

fn index_of_largest(x: impl Iterator<Item = f64>) -> Option<usize> {
    x.enumerate()
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(i, _)| i)
}
