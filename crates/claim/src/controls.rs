//! The controls that every test runs on itself: planted violations it must catch, and what holds,
//! which it must spare. Each is repeated with fresh randomness at the claim's own number of inputs.

use crate::betting::{Bets, Side, bet};
use crate::evidence::coverage_p_falsify;
use crate::exact::at_least;
use crate::reliability::bin_of;
use crate::{Assertion, Claim, Control, Forecast, Inputs, reliability, uniformity};
use gnomon_mechanism::random::{Purpose, Stream};
use statrs::function::erf::{erfc, erfc_inv};

/// Repetitions of a control.
pub const REPETITIONS: u64 = 100;

/// A planted violation must be caught in this share of repetitions.
pub const POWER: f64 = 0.95;

/// Runs the controls of a claim tested with these inputs, each side deciding at `threshold`.
#[must_use]
pub fn run(claim: &Claim, inputs: &Inputs, threshold: f64, seed: u64) -> Vec<Control> {
    let count = |control: u64, falsified: &dyn Fn(&mut Stream) -> bool| {
        let repetition = |i| Stream::new(seed, Purpose::CLAIM, (1 + control) << 32 | i);
        (0..REPETITIONS)
            .filter(|&i| falsified(&mut repetition(i)))
            .count()
    };
    let spared = |name: &str, falsified| spared_at(threshold, name, falsified);
    let n = inputs.len();
    let double = 2.0 * claim.assertion.tolerance();
    match (&claim.assertion, inputs) {
        (Assertion::UniformWithin { tolerance }, _) => {
            let deviates = |rank: &dyn Fn(f64) -> f64, stream: &mut Stream| {
                let ranks: Vec<f64> = (0..n).map(|_| rank(stream.uniform())).collect();
                uniformity::p_within(uniformity::deviation(&ranks), n, *tolerance) <= threshold
            };
            let (shift, scale) = (shift_of(double), narrowing_of(double));
            vec![
                planted(
                    format!("a normal posterior moved by {shift:.2} sd, its ranks off by {double}"),
                    count(0, &|s| {
                        deviates(&|u| normal_cdf(normal_quantile(u) + shift), s)
                    }),
                ),
                planted(
                    format!(
                        "a normal posterior with {:.0} % of the right sd, its ranks off by {double}",
                        100.0 / scale
                    ),
                    count(1, &|s| {
                        deviates(&|u| normal_cdf(normal_quantile(u) * scale), s)
                    }),
                ),
                spared("exactly uniform ranks", count(2, &|s| deviates(&|u| u, s))),
            ]
        }
        (Assertion::CoverageWithin { levels, tolerance }, _) => {
            let falsified = |off: f64, stream: &mut Stream| {
                let x: Vec<f64> = (0..n).map(|_| stream.uniform()).collect();
                let tests = 2.0 * levels.len() as f64;
                levels.iter().any(|&level| {
                    // Coverage off downward, as of a posterior too narrow; upward near level 0.
                    let covered = if level > off {
                        level - off
                    } else {
                        level + off
                    };
                    let k = x.iter().filter(|&&x| x <= covered).count();
                    coverage_p_falsify(k, n, level, *tolerance, tests) <= threshold
                })
            };
            vec![
                planted(
                    format!("credible regions that hold the truth {double} less often than stated"),
                    count(0, &|s| falsified(double, s)),
                ),
                spared("exact coverage", count(1, &|s| falsified(0.0, s))),
            ]
        }
        (Assertion::ShareAtMost { share, .. }, _) => {
            let falsified = |p: f64, stream: &mut Stream| {
                let k = (0..n).filter(|_| stream.uniform() < p).count();
                at_least(k, n, *share) <= threshold
            };
            vec![
                planted(
                    format!("violations with a share of {double}"),
                    count(0, &|s| falsified(double, s)),
                ),
                spared(
                    "violations with the largest share allowed",
                    count(1, &|s| falsified(*share, s)),
                ),
            ]
        }
        (Assertion::NoneAbove { share, .. }, _) => {
            let seen = |p: f64, stream: &mut Stream| (0..n).any(|_| stream.uniform() < p);
            vec![planted(
                format!("violations with a share of {share}"),
                count(0, &|s| seen(*share, s)),
            )]
        }
        (
            Assertion::MeanAtMost {
                tolerance,
                lowest,
                highest,
            },
            Inputs::Numbers(x),
        ) => {
            let range = [*lowest, *highest];
            // One tolerance beyond the tolerance; a tolerance of 0 or less has no double.
            let beyond = tolerance + tolerance.abs();
            let (double, edge) = (moved(x, beyond, range), moved(x, *tolerance, range));
            let falls = |x: &[f64], s: &mut Stream| {
                falsified_mean(&resampled(x, s), *tolerance, range, threshold)
            };
            vec![
                planted(
                    format!("the same statistics moved to mean {beyond}"),
                    count(0, &|s| falls(&double, s)),
                ),
                spared(
                    "the same statistics moved to the tolerance",
                    count(1, &|s| falls(&edge, s)),
                ),
            ]
        }
        (
            Assertion::MeanAtLeast {
                margin,
                lowest,
                highest,
            },
            Inputs::Numbers(x),
        ) => {
            let range = [-highest, -lowest];
            let mirrored: Vec<f64> = x.iter().map(|x| -x).collect();
            let caught = falsified_mean(&vec![0.0; n], -margin, range, threshold);
            let edge = moved(&mirrored, -margin, range);
            let at_margin =
                |s: &mut Stream| falsified_mean(&resampled(&edge, s), -margin, range, threshold);
            vec![
                planted(
                    "the control in the answer's place, gain 0".into(),
                    if caught { REPETITIONS as usize } else { 0 },
                ),
                spared("the same gains moved to the margin", count(1, &at_margin)),
            ]
        }
        (Assertion::ReliabilityWithin { tolerance, bins }, Inputs::Forecasts(forecasts)) => {
            let falsified = |off: f64, stream: &mut Stream| {
                let planted: Vec<Forecast> = forecasts
                    .iter()
                    .map(|f| {
                        // Forecasts too sure: events nearer to 1/2 than stated, bin by bin.
                        let low = 2 * bin_of(f.probability, *bins) + 1 < *bins;
                        let truth = f.probability + if low { off } else { -off };
                        Forecast {
                            happened: stream.uniform() < truth,
                            ..*f
                        }
                    })
                    .collect();
                reliability::p_within(&planted, *bins, *tolerance, threshold) <= threshold
            };
            vec![
                planted(
                    format!("the same forecasts, too sure by {double}"),
                    count(0, &|s| falsified(double, s)),
                ),
                spared(
                    "the same forecasts, exactly right",
                    count(1, &|s| falsified(0.0, s)),
                ),
            ]
        }
        _ => Vec::new(),
    }
}

/// Whether a claim's controls rest on its assertion and number of inputs alone.
#[must_use]
pub fn are_shared(assertion: &Assertion) -> bool {
    matches!(
        assertion,
        Assertion::UniformWithin { .. }
            | Assertion::CoverageWithin { .. }
            | Assertion::ShareAtMost { .. }
            | Assertion::NoneAbove { .. }
    )
}

fn planted(name: String, caught: usize) -> Control {
    let needed = (POWER * REPETITIONS as f64).ceil() as usize;
    Control {
        name,
        expected: format!("falsified in at least {needed} of {REPETITIONS} repetitions"),
        observed: format!("falsified in {caught}"),
        behaved: caught >= needed,
        planted: true,
    }
}

/// What holds may be falsified at the threshold's rate: more often than chance explains (probability
/// below 0.001) is misbehaviour.
fn spared_at(threshold: f64, name: &str, falsified: usize) -> Control {
    let n = REPETITIONS as usize;
    let allowed = (0..n)
        .find(|&k| at_least(k + 1, n, threshold) < 1e-3)
        .unwrap_or(n);
    Control {
        name: name.into(),
        expected: format!("falsified in at most {allowed} of {REPETITIONS} repetitions"),
        observed: format!("falsified in {falsified}"),
        behaved: falsified <= allowed,
        planted: false,
    }
}

/// The statistics, moved so that their mean is `mean` while they stay within their bounds.
fn moved(x: &[f64], mean: f64, [lowest, highest]: [f64; 2]) -> Vec<f64> {
    let shifted = |shift: f64| {
        x.iter()
            .map(move |x| (x.clamp(lowest, highest) + shift).clamp(lowest, highest))
    };
    let (mut low, mut high) = (lowest - highest, highest - lowest);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if shifted(middle).sum::<f64>() < mean * x.len() as f64 {
            low = middle;
        } else {
            high = middle;
        }
    }
    // From below: a null control must not lie above its null.
    shifted(low).collect()
}

fn resampled(x: &[f64], stream: &mut Stream) -> Vec<f64> {
    x.iter()
        .map(|_| x[stream.below(x.len() as u64) as usize])
        .collect()
}

fn falsified_mean(x: &[f64], tolerance: f64, [lowest, highest]: [f64; 2], threshold: f64) -> bool {
    let scale = |x: f64| (x.clamp(lowest, highest) - lowest) / (highest - lowest);
    let scaled: Vec<f64> = x.iter().map(|&x| scale(x)).collect();
    let bets = Bets::PredictablePlugIn {
        error_rate: threshold,
        budget: Some(x.len()),
    };
    bet(&scaled, scale(tolerance), Side::Greater, bets).p_value() <= threshold
}

fn normal_cdf(z: f64) -> f64 {
    0.5 * erfc(-z / std::f64::consts::SQRT_2)
}

fn normal_quantile(u: f64) -> f64 {
    -std::f64::consts::SQRT_2 * erfc_inv(2.0 * u)
}

/// The shift, in sd, of a normal posterior whose ranks then deviate by `deviation`:
/// `sup |Phi(z + d) - Phi(z)| = 2 Phi(d / 2) - 1`.
fn shift_of(deviation: f64) -> f64 {
    2.0 * normal_quantile(0.5 * (1.0 + deviation.min(0.999)))
}

/// The factor by which a normal posterior is too narrow when its ranks deviate by `deviation`, at
/// most 1/2 (the deviation of an infinitely narrow one).
fn narrowing_of(deviation: f64) -> f64 {
    let deviates = |scale: f64| {
        // sup over z of Phi(scale z) - Phi(z), attained where the two densities agree.
        let z = (2.0 * scale.ln() / (scale * scale - 1.0)).sqrt();
        normal_cdf(scale * z) - normal_cdf(z)
    };
    let (mut low, mut high) = (1.0 + 1e-9, 1e6_f64);
    for _ in 0..100 {
        let middle: f64 = (low * high).sqrt();
        if deviates(middle) < deviation {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planted_ranks_deviate_as_stated() {
        let grid: Vec<f64> = (1..10_000).map(|i| f64::from(i) / 10_000.0).collect();
        let (shift, scale) = (shift_of(0.1), narrowing_of(0.1));
        let worst = |f: &dyn Fn(f64) -> f64| {
            grid.iter()
                .map(|&u| (f(normal_quantile(u)) - u).abs())
                .fold(0.0, f64::max)
        };
        assert!((worst(&|z| normal_cdf(z + shift)) - 0.1).abs() < 1e-4);
        assert!((worst(&|z| normal_cdf(z * scale)) - 0.1).abs() < 1e-4);
        assert!((normal_cdf(1.959_963_985) - 0.975).abs() < 1e-9);
    }
}
