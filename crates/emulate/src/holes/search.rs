//! Searching a space of several parameters for the points where a cheap model is worst.
//!
//! A quarter of the solves fills the space (Halton's sequence, randomly shifted); the others go where
//! an error estimate is largest, found by ascent from many starts, and uphill from the worst errors found.
//! All these points guide the search, so none of them certifies anything: see [`super::share`].

use gnomon_mechanism::random::{Purpose, Stream};

use crate::points::Points;

/// Share of the solves that fills the space whatever is found.
const SPACE_FILLING: f64 = 0.25;
/// Starts of the ascent on the estimate, for each point that it proposes.
const STARTS: usize = 64;

/// A search in the unit cube.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Search {
    /// Parameters.
    pub dimension: usize,
    /// Solves, all in all.
    pub budget: usize,
    /// Errors above this are bad.
    pub threshold: f64,
    /// Of the random shift.
    pub seed: u64,
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Searched {
    /// Points in the unit cube at which the solver was asked.
    pub points: Points,
    /// The error at each; infinite where the solver failed.
    pub errors: Vec<f64>,
    /// The bad points that are the worst of their surroundings, worst first, by number.
    pub worst: Vec<usize>,
}

impl Search {
    /// Searches. `estimate` is a cheap guess of the error, `error` asks the solver: both take a point of
    /// the unit cube. A NaN counts as infinite.
    pub fn run(
        &self,
        estimate: impl Fn(&[f64]) -> f64,
        mut error: impl FnMut(&[f64]) -> f64,
    ) -> Searched {
        let halton = Halton::new(self.dimension, self.seed);
        let mut found = Searched {
            points: Points::zeros(0, self.dimension),
            ..Searched::default()
        };
        let mut ask = |found: &mut Searched, point: &[f64]| -> f64 {
            let value = error(point);
            let value = if value.is_nan() { f64::INFINITY } else { value };
            if found.points.push(point).is_ok() {
                found.errors.push(value);
            }
            value
        };
        let filling = (SPACE_FILLING * self.budget as f64).ceil() as usize;
        for number in 0..filling {
            ask(&mut found, &halton.point(number as u64));
        }
        let guided = self.budget.saturating_sub(filling);
        // Half goes where the estimate is largest.
        for proposal in 0..guided / 2 {
            let point = self.propose(&estimate, &found, &halton, proposal);
            ask(&mut found, &point);
        }
        self.climb(&mut found, guided - guided / 2, &mut ask);
        found.worst = self.summits(&found);
        found
    }

    /// The largest estimate that ascents from fresh starts reach, discounted near to points already asked.
    fn propose(
        &self,
        estimate: &impl Fn(&[f64]) -> f64,
        found: &Searched,
        halton: &Halton,
        proposal: usize,
    ) -> Vec<f64> {
        let reach = 0.5 * (found.points.rows() as f64).powf(-1.0 / self.dimension as f64);
        let merit = |point: &[f64]| {
            let nearest = found.points.iter().map(|other| distance(point, other));
            let nearest = nearest.fold(f64::INFINITY, f64::min);
            let value = estimate(point);
            let value = if value.is_nan() { f64::MAX } else { value };
            value * (nearest / reach).min(1.0)
        };
        let first = self.budget + proposal * STARTS;
        let starts = (first..first + STARTS).map(|number| halton.point(number as u64));
        let mut ranked: Vec<(f64, Vec<f64>)> = starts.map(|p| (merit(&p), p)).collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        ranked.truncate(4);
        let climbed = ranked.into_iter().map(|(mut value, mut point)| {
            let mut step = reach;
            while step > 0.01 * reach {
                match neighbours(point.clone(), step)
                    .map(|p| (merit(&p), p))
                    .find(|(v, _)| *v > value)
                {
                    Some(better) => (value, point) = better,
                    None => step *= 0.5,
                }
            }
            (value, point)
        });
        let best = climbed.max_by(|a, b| a.0.total_cmp(&b.0));
        best.map_or_else(|| halton.point(first as u64), |(_, point)| point)
    }

    /// Uphill on the error itself, from the worst points found, turn by turn with shrinking steps.
    fn climb(
        &self,
        found: &mut Searched,
        solves: usize,
        ask: &mut impl FnMut(&mut Searched, &[f64]) -> f64,
    ) {
        let mut order: Vec<usize> = (0..found.errors.len()).collect();
        order.sort_by(|&a, &b| found.errors[b].total_cmp(&found.errors[a]));
        let step = 0.5 * (found.points.rows() as f64).powf(-1.0 / self.dimension as f64);
        let mut climbers: Vec<(Vec<f64>, f64, f64)> = Vec::new();
        for number in order {
            let point = found.points.row(number).to_vec();
            let near = |other: &(Vec<f64>, f64, f64)| distance(&other.0, &point) < step;
            if climbers.len() < 8 && !climbers.iter().any(near) {
                climbers.push((point, found.errors[number], step));
            }
        }
        let mut left = solves;
        while left > 0 && !climbers.is_empty() {
            climbers.retain(|(_, value, step)| *step > 1e-9 && value.is_finite());
            for (point, value, step) in &mut climbers {
                let mut better = false;
                for next in neighbours(point.clone(), *step) {
                    if left == 0 {
                        return;
                    }
                    left -= 1;
                    let error = ask(found, &next);
                    if error > *value {
                        (*point, *value, better) = (next, error, true);
                        break;
                    }
                }
                if !better {
                    *step *= 0.5;
                }
            }
        }
    }

    /// Bad points without a worse one near, worst first.
    fn summits(&self, found: &Searched) -> Vec<usize> {
        let mut bad: Vec<usize> = (0..found.errors.len())
            .filter(|&i| found.errors[i] > self.threshold)
            .collect();
        bad.sort_by(|&a, &b| found.errors[b].total_cmp(&found.errors[a]));
        let reach = (self.budget as f64).powf(-1.0 / self.dimension as f64);
        let mut kept: Vec<usize> = Vec::new();
        for i in bad {
            let near = |&j: &usize| distance(found.points.row(i), found.points.row(j)) < reach;
            if !kept.iter().any(near) {
                kept.push(i);
            }
        }
        kept
    }
}

/// The largest difference of coordinates.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter()
        .zip(b)
        .fold(0.0, |most, (x, y)| most.max((x - y).abs()))
}

/// A step up and down along each coordinate, inside the unit cube.
fn neighbours(point: Vec<f64>, step: f64) -> impl Iterator<Item = Vec<f64>> {
    (0..2 * point.len()).map(move |k| {
        let mut next = point.clone();
        let signed = if k % 2 == 0 { step } else { -step };
        next[k / 2] = (next[k / 2] + signed).clamp(0.0, 1.0);
        next
    })
}

/// Halton's sequence (1960), shifted by a random vector modulo 1 (Cranley & Patterson 1976).
pub struct Halton {
    bases: Vec<u64>,
    shift: Vec<f64>,
}

impl Halton {
    /// The sequence of so many dimensions under a seed.
    #[must_use]
    pub fn new(dimension: usize, seed: u64) -> Self {
        let mut stream = Stream::new(seed, Purpose::HOLES, 0);
        let prime = |n: &u64| {
            (2..*n)
                .take_while(|d| d * d <= *n)
                .all(|d| !n.is_multiple_of(d))
        };
        Self {
            bases: (2..).filter(prime).take(dimension).collect(),
            shift: (0..dimension).map(|_| stream.uniform()).collect(),
        }
    }

    /// Its point of this number, in the unit cube.
    #[must_use]
    pub fn point(&self, number: u64) -> Vec<f64> {
        let each = self.bases.iter().zip(&self.shift);
        each.map(|(&base, shift)| {
            let (mut rest, mut unit, mut x) = (number + 1, 1.0, *shift);
            while rest > 0 {
                unit /= base as f64;
                x += (rest % base) as f64 * unit;
                rest /= base;
            }
            x.fract()
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halton_fills_the_square_evenly() {
        let halton = Halton::new(2, 3);
        let mut counts = [0; 36];
        for number in 0..1080 {
            let p = halton.point(number);
            counts[(p[0] * 6.0) as usize * 6 + (p[1] * 6.0) as usize] += 1;
        }
        // Of an even share of 30 in each cell; random points would differ by 5.5 as a rule.
        assert!(
            counts.iter().all(|c: &i32| (c - 30).abs() <= 6),
            "{counts:?}"
        );
    }

    #[test]
    fn a_bad_corner_is_found_by_the_estimate_and_the_climb() {
        let hole = [0.93, 0.04, 0.5];
        let far = |p: &[f64]| -> f64 { p.iter().zip(&hole).map(|(x, h)| (x - h).powi(2)).sum() };
        let error = |p: &[f64]| (-far(p) / (2.0 * 0.03_f64.powi(2))).exp();
        // The estimate knows the neighbourhood only.
        let estimate = |p: &[f64]| 1.0 / (0.1 + far(p));
        let search = Search {
            dimension: 3,
            budget: 200,
            threshold: 0.5,
            seed: 1,
        };
        let mut solves = 0;
        let found = search.run(estimate, |p| {
            solves += 1;
            error(p)
        });
        assert_eq!(solves, 200);
        assert_eq!(found.errors.len(), 200);
        let worst = found.worst.first().expect("a bad point");
        assert!(found.errors[*worst] > 0.9, "{}", found.errors[*worst]);
    }

    #[test]
    fn failures_of_the_solver_are_the_worst_errors() {
        let search = Search {
            dimension: 2,
            budget: 80,
            threshold: 1.0,
            seed: 2,
        };
        let found = search.run(|_| 1.0, |p| if p[0] < 0.3 { f64::NAN } else { 0.0 });
        assert!(!found.worst.is_empty());
        assert!(found.worst.iter().all(|&i| found.points.row(i)[0] < 0.3));
    }
}
