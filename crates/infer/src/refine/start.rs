//! Where tempering starts: the prior, or a mixture of normal distributions fitted to the network's
//! draws, nine parts of it and one part prior. Its density and gradient cost next to nothing.

use gnomon_mechanism::elementary::{exp, ln};
use gnomon_mechanism::random::{Purpose, Stream};
use rayon::prelude::*;

use crate::normal::Normal;

/// The prior's share of a start from the network.
const PRIOR: f64 = 0.1;
/// Numbers of components that are tried.
const COMPONENTS: [usize; 4] = [1, 2, 4, 8];
/// Draws that there must be for each number that a component has.
const DRAWS: usize = 10;
/// Draws that a mixture is fitted to, at most; one in five judges it.
const MOST_DRAWS: usize = 5000;
/// Rounds of expectation and maximisation.
const ROUNDS: usize = 25;

/// A normalised density that can be drawn from.
#[derive(Clone, Debug)]
pub struct Start {
    dimension: usize,
    /// Shares that sum to 1.
    components: Vec<(f64, Normal)>,
}

impl Start {
    /// The prior: independent standard normal numbers.
    #[must_use]
    pub fn prior(dimension: usize) -> Self {
        Self {
            dimension,
            components: vec![(1.0, Normal::standard(dimension))],
        }
    }

    /// Fitted to `draws` (rows x dimension, in any order): of several numbers of components the one
    /// under which draws left out are most probable.
    #[must_use]
    pub fn fitted(draws: &[f64], dimension: usize, seed: u64) -> Self {
        let d = dimension;
        let rows = (draws.len() / d).min(MOST_DRAWS);
        let (judges, others) = draws[..rows * d].split_at(rows / 5 * d);
        let numbers = d * (d + 3) / 2;
        let mut best: Option<(f64, Self)> = None;
        for count in COMPONENTS {
            if count > 1 && count * numbers * DRAWS > others.len() / d {
                break;
            }
            let mut stream = Stream::new(seed, Purpose::REFINEMENT, count as u64);
            let found = Self::of_components(others, d, count, &mut stream);
            let score: f64 = found.log_density(judges).iter().sum();
            if best.as_ref().is_some_and(|(most, _)| score <= *most) {
                break;
            }
            best = Some((score, found));
        }
        let mut start = best.map_or_else(|| Self::prior(d), |(_, found)| found);
        start
            .components
            .iter_mut()
            .for_each(|(share, _)| *share *= 1.0 - PRIOR);
        start.components.push((PRIOR, Normal::standard(d)));
        start
    }

    /// Expectation maximisation (Dempster, Laird & Rubin 1977) from draws far apart as means (Arthur &
    /// Vassilvitskii 2007).
    fn of_components(draws: &[f64], d: usize, count: usize, stream: &mut Stream) -> Self {
        let rows = draws.len() / d;
        let whole = Normal::fitted(draws, &vec![1.0; rows], d);
        let mut white = vec![0.0; draws.len()];
        for (x, y) in draws.chunks_exact(d).zip(white.chunks_exact_mut(d)) {
            whole.whiten(x, y);
        }
        let squared = |a: usize, b: usize| -> f64 {
            let (a, b) = (&white[a * d..(a + 1) * d], &white[b * d..(b + 1) * d]);
            a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
        };
        let mut nearest = vec![f64::INFINITY; rows];
        let mut owner = vec![0; rows];
        let mut middle = ((stream.uniform() * rows as f64) as usize).min(rows - 1);
        for component in 0..count {
            for row in 0..rows {
                let distance = squared(row, middle);
                if distance < nearest[row] {
                    (nearest[row], owner[row]) = (distance, component);
                }
            }
            let at = stream.uniform() * nearest.iter().sum::<f64>();
            let mut below = 0.0;
            let reached = |&row: &usize| {
                below += nearest[row];
                below > at
            };
            middle = (0..rows).find(reached).unwrap_or(middle);
        }
        let mut shares: Vec<Vec<f64>> = (0..count)
            .map(|c| {
                owner
                    .iter()
                    .map(|&o| if o == c { 1.0 } else { 0.0 })
                    .collect()
            })
            .collect();
        let mut start = Self {
            dimension: d,
            components: Vec::new(),
        };
        let rounds = if count == 1 { 1 } else { ROUNDS };
        for round in 0..rounds {
            // A component that has lost its draws is left out.
            let fewest = (d + 1) as f64;
            let alive = shares.iter().map(|w| (w.iter().sum::<f64>(), w));
            let alive: Vec<_> = alive
                .filter(|(total, _)| count == 1 || *total > fewest)
                .collect();
            let all: f64 = alive.iter().map(|(total, _)| total).sum();
            start.components = alive
                .iter()
                .map(|(total, w)| (total / all, Normal::fitted(draws, w, d)))
                .collect();
            if round + 1 < rounds {
                shares = start.shares(draws);
            }
        }
        start
    }

    /// The share of each component in the density at each point.
    fn shares(&self, points: &[f64]) -> Vec<Vec<f64>> {
        let d = self.dimension;
        let mut shares = vec![Vec::with_capacity(points.len() / d); self.components.len()];
        let mut y = vec![0.0; d];
        for x in points.chunks_exact(d) {
            let (logs, whole) = self.at(x, &mut y);
            for (shares, log) in shares.iter_mut().zip(logs) {
                shares.push(exp(log - whole));
            }
        }
        shares
    }

    /// ln of each component's part of the density at `x`, and of the whole.
    fn at(&self, x: &[f64], y: &mut [f64]) -> (Vec<f64>, f64) {
        let part = |(share, normal): &(f64, Normal)| {
            normal.whiten(x, y);
            ln(*share) + normal.log_density(y)
        };
        let logs: Vec<f64> = self.components.iter().map(part).collect();
        let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logs.iter().map(|log| exp(log - largest)).sum();
        (logs, largest + ln(sum))
    }

    /// How many coordinates there are.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Draws (rows x dimension).
    #[must_use]
    pub fn draw(&self, rows: usize, stream: &mut Stream) -> Vec<f64> {
        let d = self.dimension;
        let mut points = vec![0.0; rows * d];
        let mut y = vec![0.0; d];
        for x in points.chunks_exact_mut(d) {
            let uniform = stream.uniform();
            let mut below = 0.0;
            let chosen = self.components.iter().find(|(share, _)| {
                below += share;
                uniform < below
            });
            y.iter_mut().for_each(|y| *y = stream.normal());
            if let Some((_, normal)) = chosen.or(self.components.last()) {
                normal.place(&y, x);
            }
        }
        points
    }

    /// ln of the density at each point.
    #[must_use]
    pub fn log_density(&self, points: &[f64]) -> Vec<f64> {
        let d = self.dimension;
        let rows = points.par_chunks_exact(d);
        rows.map_init(|| vec![0.0; d], |y, x| self.at(x, y).1)
            .collect()
    }

    /// Adds `weight` times the gradient of ln of the density at `x`.
    pub fn add_slope(&self, x: &[f64], weight: f64, to: &mut [f64]) {
        let mut y = vec![0.0; self.dimension];
        let (logs, whole) = self.at(x, &mut y);
        for ((_, normal), log) in self.components.iter().zip(logs) {
            let share = exp(log - whole);
            if share > 1e-12 {
                normal.whiten(x, &mut y);
                normal.add_slope(&y, weight * share, to);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws of two distant modes: both are found, with their shares, and the slope is that of the
    /// density.
    #[test]
    fn modes_are_found_with_their_shares() {
        let mut stream = Stream::new(1, Purpose::CLAIM, 0);
        let mut draws = Vec::new();
        for _ in 0..4000 {
            let middle = if stream.uniform() < 0.3 { -2.0 } else { 1.5 };
            let x = middle + 0.2 * stream.normal();
            draws.extend([x, 0.5 * x + 0.1 * stream.normal()]);
        }
        let start = Start::fitted(&draws, 2, 5);
        let of_prior = Start::prior(2).log_density(&draws).iter().sum::<f64>();
        let own = start.log_density(&draws).iter().sum::<f64>();
        assert!(own > of_prior + 4000.0);
        let again = start.draw(4000, &mut stream);
        let left = again.chunks(2).filter(|x| x[0] < -1.0).count() as f64 / 4000.0;
        // 0.27, and some of the prior's 0.1: standard error 0.01, so 1 in 10,000 over seeds.
        assert!((left - 0.286).abs() < 0.04, "{left}");
        let x = [1.2, 0.4];
        let mut slope = [0.0; 2];
        start.add_slope(&x, 1.0, &mut slope);
        for k in 0..2 {
            let at = |shift: f64| {
                let mut moved = x;
                moved[k] += shift;
                start.log_density(&moved)[0]
            };
            let difference = (at(1e-6) - at(-1e-6)) / 2e-6;
            assert!((slope[k] - difference).abs() < 1e-5 * (1.0 + difference.abs()));
        }
    }

    /// Few draws of many dimensions make one component.
    #[test]
    fn many_dimensions_make_few_components() {
        let mut stream = Stream::new(2, Purpose::CLAIM, 0);
        let draws: Vec<f64> = (0..2000 * 30).map(|_| stream.normal()).collect();
        assert_eq!(Start::fitted(&draws, 30, 1).components.len(), 2);
    }
}
