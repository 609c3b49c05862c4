//! Binned calibration error of forecasts, `sum_b |E[(happened - p) 1(p in b)]|`, bounded by betting.
//!
//! The error is the largest of the means `E[w(bin) (happened - p)]` over all signs w (the binned
//! form of the expected calibration error, Naeini et al. 2015, class by class, Kull et al. 2019;
//! binning can only make it smaller). It is below the tolerance when the mean of every sign pattern
//! is, so each pattern must be rejected (an intersection-union test, without correction); it is
//! above it when any predictable choice of signs has a larger mean, and the signs that the past
//! favours are one.

use crate::Forecast;
use crate::betting::{Bets, Side, bet, bound};

/// What betting says about the binned calibration error.
#[derive(Clone, Debug)]
pub struct Reliability {
    /// The error of the sample itself (biased upward by noise).
    pub estimate: f64,
    /// Lower and upper bounds, each at the error rate.
    pub interval: [f64; 2],
    /// p-value of "the error is at least the tolerance".
    pub p_beyond: f64,
    /// p-value of "the error is at most the tolerance".
    pub p_within: f64,
    /// Stopped e-value against "the error is at least the tolerance".
    pub e_beyond: f64,
    /// Stopped e-value against "the error is at most the tolerance".
    pub e_within: f64,
}

/// The equal-width bin of a probability.
#[must_use]
pub fn bin_of(probability: f64, bins: usize) -> usize {
    ((probability * bins as f64) as usize).min(bins - 1)
}

/// Weighs forecasts against a tolerance; `bins` between 1 and 10.
#[must_use]
pub fn weigh(forecasts: &[Forecast], bins: usize, tolerance: f64, error_rate: f64) -> Reliability {
    let gaps = gaps(forecasts, bins);
    let mut sums = vec![0.0; bins];
    gaps.iter().for_each(|&(bin, gap)| sums[bin] += gap);
    let estimate = sums.iter().map(|s: &f64| s.abs()).sum::<f64>() / gaps.len().max(1) as f64;

    let chased = chase(&gaps, bins);
    let budget = Some(gaps.len());
    let bets = Bets::PredictablePlugIn { error_rate, budget };
    let null = unit(tolerance);
    let against = bet(&chased, null, Side::Greater, bets);
    let lower = from_unit(bound(&chased, Side::Greater, error_rate, budget)).max(0.0);

    // Empty bins have no sign to vary.
    let used: Vec<usize> = (0..bins)
        .filter(|&b| gaps.iter().any(|&(bin, _)| bin == b))
        .collect();
    let (mut p_beyond, mut e_beyond, mut upper): (f64, f64, f64) = (0.0, f64::MAX, 0.0);
    let mut signed = vec![0.0; gaps.len()];
    for pattern in 0..1usize << used.len() {
        let mut signs = vec![1.0; bins];
        for (bit, &bin) in used.iter().enumerate() {
            signs[bin] = if pattern >> bit & 1 == 1 { 1.0 } else { -1.0 };
        }
        for (value, &(bin, gap)) in signed.iter_mut().zip(&gaps) {
            *value = unit(signs[bin] * gap);
        }
        let capital = bet(&signed, null, Side::Less, bets);
        p_beyond = p_beyond.max(capital.p_value());
        e_beyond = e_beyond.min(capital.e_value());
        // Only a pattern that does not reject the bound so far can raise it.
        if bet(&signed, unit(upper).min(1.0 - 1e-12), Side::Less, bets).p_value() > error_rate {
            upper = upper.max(from_unit(bound(&signed, Side::Less, error_rate, budget)));
        }
    }
    Reliability {
        estimate,
        interval: [lower, upper],
        p_beyond,
        p_within: against.p_value(),
        e_beyond,
        e_within: against.e_value(),
    }
}

/// p-value of "the binned calibration error is at most `tolerance`" alone: quicker than [`weigh`].
#[must_use]
pub fn p_within(forecasts: &[Forecast], bins: usize, tolerance: f64, error_rate: f64) -> f64 {
    let bets = Bets::PredictablePlugIn {
        error_rate,
        budget: Some(forecasts.len()),
    };
    let chased = chase(&gaps(forecasts, bins), bins);
    bet(&chased, unit(tolerance), Side::Greater, bets).p_value()
}

fn gaps(forecasts: &[Forecast], bins: usize) -> Vec<(usize, f64)> {
    forecasts
        .iter()
        .map(|f| {
            (
                bin_of(f.probability, bins),
                f64::from(u8::from(f.happened)) - f.probability,
            )
        })
        .collect()
}

/// Each gap, signed as its bin's past gaps were on the whole.
fn chase(gaps: &[(usize, f64)], bins: usize) -> Vec<f64> {
    let mut sums: Vec<f64> = vec![0.0; bins];
    gaps.iter()
        .map(|&(bin, gap)| {
            let sign = if sums[bin] < 0.0 { -1.0 } else { 1.0 };
            sums[bin] += gap;
            unit(sign * gap)
        })
        .collect()
}

/// From [-1, 1] to [0, 1].
fn unit(x: f64) -> f64 {
    0.5 * (x + 1.0)
}

fn from_unit(x: f64) -> f64 {
    2.0 * x - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use gnomon_mechanism::random::{Purpose, Stream};

    /// Forecasts uniform on (0, 1), the event's probability moved towards 1/2 by `shrink`; the
    /// calibration error is then shrink / 4.
    fn forecasts(index: u64, n: usize, shrink: f64) -> Vec<Forecast> {
        let mut stream = Stream::new(61, Purpose::CLAIM, index);
        (0..n)
            .map(|_| {
                let probability = stream.uniform();
                let true_probability = probability + shrink * (0.5 - probability);
                Forecast {
                    probability,
                    happened: stream.uniform() < true_probability,
                }
            })
            .collect()
    }

    /// At the edge (error 0.05 = tolerance) either side is right at most in 5 % of 400 tests: more
    /// than 37 has probability below 1e-3.
    #[test]
    fn both_sides_keep_their_error_rate_at_the_edge() {
        let (mut survived, mut falsified) = (0, 0);
        for i in 0..400 {
            let weighed = weigh(&forecasts(i, 500, 0.2), 4, 0.05, 0.05);
            survived += usize::from(weighed.p_beyond <= 0.05);
            falsified += usize::from(weighed.p_within <= 0.05);
        }
        assert!(survived <= 37 && falsified <= 37, "{survived} {falsified}");
    }

    #[test]
    fn calibrated_and_overconfident_forecasts_are_told_apart() {
        let calibrated = weigh(&forecasts(1000, 4000, 0.0), 6, 0.05, 0.002);
        assert!(calibrated.p_beyond <= 0.002 && calibrated.interval[1] < 0.05);
        let overconfident = weigh(&forecasts(1001, 4000, 0.4), 6, 0.05, 0.002);
        assert!(overconfident.p_within <= 0.002 && overconfident.interval[0] > 0.05);
        assert!((overconfident.estimate - 0.1).abs() < 0.03);
    }
}
