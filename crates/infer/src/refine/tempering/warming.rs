//! Temperatures: each as high as leaves enough particles effective, and particles drawn anew by their weights.

use gnomon_mechanism::elementary::{exp, ln};
use gnomon_mechanism::random::Stream;

use super::swarm::Swarm;

/// The share of an island's particles that a change of temperature leaves effective.
const KEPT: f64 = 0.5;
/// Particles of an island that must have a density under the target, for each dimension and one more.
const FEWEST_ALIVE: usize = 10;
/// Changes of temperature after which an island is given up.
const MOST_TEMPERATURES: usize = 500;

/// How far one group of particles has come.
pub(super) struct Island {
    pub(super) temperature: f64,
    pub(super) log_evidence: f64,
    pub(super) stream: Stream,
    pub(super) temperatures: usize,
}

/// Raises an island's temperature and draws its particles anew by their weights; whether it can.
pub(super) fn warm(island: &mut Island, number: usize, swarm: &mut Swarm<'_>) -> bool {
    let rows = number * swarm.size..(number + 1) * swarm.size;
    let gain = swarm.gain(rows);
    let rest = 1.0 - island.temperature;
    let Some(step) = next_step(&gain, rest, swarm.d) else {
        return false;
    };
    let weights = relative(&gain, step);
    let largest = gain.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    island.log_evidence += step * largest + ln(weights.iter().sum::<f64>() / weights.len() as f64);
    // Steps are compared as they are added, so that the last one ends at 1 and nowhere else.
    island.temperature = if step >= rest {
        1.0
    } else {
        island.temperature + step
    };
    island.temperatures += 1;
    if island.temperatures > MOST_TEMPERATURES {
        return false;
    }
    let chosen = systematic(&weights, swarm.size, island.stream.uniform());
    swarm.choose(number, &chosen);
    true
}

/// exp(step gain), the largest 1.
fn relative(gain: &[f64], step: f64) -> Vec<f64> {
    let largest = gain.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    gain.iter().map(|g| exp(step * (g - largest))).collect()
}

/// The largest step of temperature, up to `rest`, that leaves enough particles effective; `None` where
/// too few are alive to move along each other's differences.
fn next_step(gain: &[f64], rest: f64, d: usize) -> Option<f64> {
    let alive = gain.iter().filter(|g| **g > f64::NEG_INFINITY).count();
    if alive < (FEWEST_ALIVE * (d + 1)).min(gain.len()) {
        return None;
    }
    let alive = alive as f64;
    let enough = |step: f64| {
        let weights = relative(gain, step);
        let (sum, squares) = weights
            .iter()
            .fold((0.0, 0.0), |(s, q), w| (s + w, q + w * w));
        sum * sum / squares >= KEPT * alive
    };
    if enough(rest) {
        return Some(rest);
    }
    let (mut low, mut high) = (0.0, rest);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if enough(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low > 0.0).then_some(low)
}

/// `count` places drawn by `weights`, each as often as expected, to less than one.
pub(in crate::refine) fn systematic(weights: &[f64], count: usize, uniform: f64) -> Vec<usize> {
    let step = weights.iter().sum::<f64>() / count as f64;
    let (mut below, mut place) = (weights[0], 0);
    (0..count)
        .map(|k| {
            let at = (k as f64 + uniform) * step;
            while below < at && place + 1 < weights.len() {
                place += 1;
                below += weights[place];
            }
            place
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systematic_draws_are_as_many_as_expected() {
        let chosen = systematic(&[0.5, 0.0, 0.25, 0.25], 8, 0.5);
        assert_eq!(chosen, [0, 0, 0, 0, 2, 2, 3, 3]);
    }
}
