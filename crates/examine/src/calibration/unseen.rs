//! Quantiles of what is observed and not given, such as forecasts: the coverage of central intervals,
//! and the gain in interval score over the quantiles before anything is given.

use super::{About, Settings, Statistic, UnseenQuantiles, stream};
use crate::curve;
use gnomon_claim::{Assertion, Claim, Family, Inputs};
use gnomon_mechanism::random::Stream;

pub(super) fn gain_name(label: &str) -> String {
    format!("gain over the prior about {label}")
}

/// The coverage, and the gain.
pub(super) fn claims(label: &str, settings: &Settings) -> [Claim; 2] {
    let levels = settings.coverage_levels.iter();
    let levels: Vec<String> = levels.map(|l| format!("{:.0} %", 100.0 * l)).collect();
    let margin = settings.interval_margin;
    [
        settings.claim(
            format!("coverage of {label}"),
            format!(
                "Prediction intervals of {} hold {label} as often as they say, to within {:.0} percentage \
                 points, averaged over its entries.",
                levels.join(", "),
                100.0 * settings.coverage_tolerance
            ),
            Family::Coverage,
            "level of the smallest central interval that holds an entry taken at random, in (0, 1)",
            Assertion::CoverageWithin {
                levels: settings.coverage_levels.clone(),
                tolerance: settings.coverage_tolerance,
            },
        ),
        settings.claim(
            gain_name(label),
            format!(
                "The data tell more about {label} than the prior does: interval scores are better by at \
                 least {:.0} % of the sum of both, on average.",
                100.0 * margin
            ),
            Family::Accuracy,
            "(prior's interval score - own) / (prior's + own)",
            Assertion::MeanAtLeast {
                margin,
                lowest: -1.0,
                highest: 1.0,
            },
        ),
    ]
}

pub(super) fn statistics(
    unseen: &UnseenQuantiles<'_>,
    settings: &Settings,
    seed: u64,
    index: u64,
) -> [Statistic; 2] {
    let [coverage, gain] = claims(unseen.label, settings);
    let columns = unseen.truths.len() / unseen.data_sets.max(1);
    let width = unseen.levels.len();
    let truths = unseen.truths.chunks_exact(columns);
    let quantiles = unseen.quantiles.chunks_exact(columns * width);
    let prior = Prior::of(unseen, columns);
    let (mut reached, mut gains) = (Vec::new(), Vec::new());
    for (row, (truths, quantiles)) in truths.zip(quantiles).enumerate() {
        let known: Vec<usize> = (0..columns).filter(|&k| !truths[k].is_nan()).collect();
        if known.is_empty() {
            continue;
        }
        let mut stream = stream(seed, 6, index, 0, row);
        let taken = known[((stream.uniform() * known.len() as f64) as usize).min(known.len() - 1)];
        let own = |k: usize| &quantiles[k * width..(k + 1) * width];
        let p = probability_below(truths[taken], own(taken), unseen.levels, &mut stream);
        reached.push((2.0 * p - 1.0).abs());
        let (mut of_prior, mut of_answer) = (0.0, 0.0);
        for &k in &known {
            let scale = prior.mean_loss[k];
            if scale > 0.0 {
                of_prior += pinball(truths[k], &prior.quantiles[k], unseen.levels) / scale;
                of_answer += pinball(truths[k], own(k), unseen.levels) / scale;
            }
        }
        let sum = of_prior + of_answer;
        gains.push(if sum > 0.0 {
            (of_prior - of_answer) / sum
        } else {
            0.0
        });
    }
    let statistic = |claim: Claim, numbers: Vec<f64>| Statistic {
        claim,
        about: About::new(None, Some(unseen.label)),
        inputs: Inputs::Numbers(numbers),
        curve: None,
        rests_on: Vec::new(),
    };
    [
        Statistic {
            curve: Some(curve::coverage(&reached, settings.coverage_tolerance)),
            rests_on: vec![gain_name(unseen.label)],
            ..statistic(coverage, reached)
        },
        statistic(gain, gains),
    ]
}

/// What is known of each entry before anything is given: the quantiles over all data sets.
struct Prior {
    quantiles: Vec<Vec<f64>>,
    mean_loss: Vec<f64>,
}

impl Prior {
    fn of(unseen: &UnseenQuantiles<'_>, columns: usize) -> Self {
        let column = |k: usize| {
            let mut all: Vec<f64> = unseen
                .truths
                .iter()
                .skip(k)
                .step_by(columns)
                .copied()
                .collect();
            all.retain(|x| !x.is_nan());
            all.sort_unstable_by(f64::total_cmp);
            all
        };
        let at = |sorted: &[f64], level: f64| {
            let place = (level * sorted.len() as f64) as usize;
            sorted
                .get(place)
                .or(sorted.last())
                .copied()
                .unwrap_or(f64::NAN)
        };
        let (mut quantiles, mut mean_loss) = (Vec::new(), Vec::new());
        for k in 0..columns {
            let sorted = column(k);
            let own: Vec<f64> = unseen.levels.iter().map(|&l| at(&sorted, l)).collect();
            let losses = sorted.iter().map(|&x| pinball(x, &own, unseen.levels));
            mean_loss.push(losses.sum::<f64>() / sorted.len().max(1) as f64);
            quantiles.push(own);
        }
        Self {
            quantiles,
            mean_loss,
        }
    }
}

/// The mean pinball loss of quantiles, half of their weighted interval score up to the weights
/// (Bracher et al. 2021, eq. 3).
fn pinball(truth: f64, quantiles: &[f64], levels: &[f64]) -> f64 {
    let loss = |(q, level): (&f64, &f64)| {
        let above = truth - q;
        (level * above).max((level - 1.0) * above)
    };
    quantiles.iter().zip(levels).map(loss).sum::<f64>() / levels.len() as f64
}

/// The probability that the quantiles give to what lies below `truth`, linear between them; drawn
/// where several quantiles are equal to it, or it lies beyond all.
fn probability_below(truth: f64, quantiles: &[f64], levels: &[f64], stream: &mut Stream) -> f64 {
    let first = quantiles.partition_point(|&q| q < truth);
    let end = quantiles.partition_point(|&q| q <= truth);
    let level = |place: usize| levels.get(place).copied().unwrap_or(1.0);
    if first < end || first == 0 || first == levels.len() {
        let from = if first == 0 { 0.0 } else { levels[first - 1] };
        // A quantile that is the truth by chance alone has its own level.
        let (from, to) = match end - first {
            1 if first > 0 && end < levels.len() => (levels[first], levels[first]),
            _ => (from, level(end)),
        };
        return from + stream.uniform() * (to - from);
    }
    let (low, high) = (quantiles[first - 1], quantiles[first]);
    let share = (truth - low) / (high - low);
    level(first - 1) + share * (level(first) - level(first - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gnomon_mechanism::random::Purpose;

    const LEVELS: [f64; 5] = [0.1, 0.25, 0.5, 0.75, 0.9];

    #[test]
    fn probabilities_lie_between_the_quantiles() {
        let mut stream = Stream::new(1, Purpose::CLAIM, 0);
        let mut p = |x: f64| probability_below(x, &[0.0, 0.0, 1.0, 2.0, 4.0], &LEVELS, &mut stream);
        assert_eq!(p(0.5), 0.375);
        assert_eq!(p(2.0), 0.75);
        assert!((0.0..=0.5).contains(&p(0.0)));
        assert!((0.0..=0.1).contains(&p(-1.0)));
        assert!((0.9..=1.0).contains(&p(5.0)));
    }

    #[test]
    fn the_pinball_loss_is_least_at_the_quantiles() {
        let loss = |shift: f64| {
            let own: Vec<f64> = LEVELS.iter().map(|l| l + shift).collect();
            let truths = (0..1000).map(|i| (f64::from(i) + 0.5) / 1000.0);
            truths.map(|x| pinball(x, &own, &LEVELS)).sum::<f64>()
        };
        assert!(loss(0.0) < loss(0.05) && loss(0.0) < loss(-0.05));
    }
}
