//! The search: which points to solve next.

use faer::c64;
use gnomon_mechanism::random::{Purpose, Stream};

use super::Scan;
use super::poles::{Seen, seen};
use super::rounding::{rounding, same};
use crate::error::EmulateError;
use crate::holes::share::{Share, error_rate_of_attempt};
use crate::rational::{Fit, Goal, Samples, fit, misfit};

/// The fewest solves beside the checks.
pub const FEWEST: usize = 20;
/// Fresh random points that must agree in a row before a certificate is tried.
const STREAK: usize = 4;
/// Fits go for this share of the tolerance, so that it holds between the samples, too.
const MARGIN: f64 = 0.1;

/// What the search leaves to be certified.
pub struct Explored {
    pub samples: Samples,
    pub failed: Vec<f64>,
    pub scales: Vec<f64>,
    /// What errors are measured in at each sample.
    pub units: Vec<Vec<f64>>,
    pub fit: Option<Fit>,
    /// What the last fresh checks said.
    pub share: Option<Share>,
}

/// Solves, fits and solves again until the checks agree or the budget is spent.
pub fn explore<E: From<EmulateError>>(
    solve: impl FnMut(&[f64]) -> Result<Vec<Vec<c64>>, E>,
    scan: &Scan,
) -> Result<Explored, E> {
    let mut search = Search {
        solve,
        scan,
        fresh: Stream::new(scan.seed, Purpose::HOLES, 1),
        samples: Samples::default(),
        failed: Vec::new(),
        unguided: Vec::new(),
    };
    let first = (scan.budget / 12)
        .clamp(12, 32)
        .min(scan.budget - scan.checks);
    search.ask(&chebyshev(scan.range, first))?;
    search.unguided.extend(0..search.samples.len());
    let (mut last, mut streak, mut attempt): (Option<Fit>, usize, usize) = (None, 0, 0);
    let mut share = None;
    while search.samples.len() >= 3 {
        let scales = search.scales();
        let start = last.as_ref().map_or(&[][..], |fit| fit.rational.support());
        let units = search.units(&scales);
        let next = search.fit(&units, &start[..start.len() * 4 / 5])?;
        let seen = seen(&next.rational, &search.samples, &scales, scan.range)?;
        let mut wanted = search.at_poles(&seen);
        let settled = wanted.is_empty() && next.misfit <= scan.tolerance && streak >= STREAK;
        let (apart, largest) = search.apart(&next, last.as_ref(), &scales, &units);
        let left = scan.budget - search.solves();
        let ready = settled && largest <= scan.tolerance;
        if ready || (left <= scan.checks && next.misfit <= scan.tolerance) {
            attempt += 1;
            let count = scan.checks.min(left);
            let bad = search.check(count, &next, &scales)?;
            let error_rate = error_rate_of_attempt(scan.error_rate, attempt);
            share = Some(Share::new(bad, count, error_rate));
            if bad == 0 && count > 0 {
                return Ok(search.explored(Some(next), scales, share));
            }
            streak = 0;
            last = Some(next);
            if scan.budget == search.solves() {
                break;
            }
            continue;
        }
        // A growing part of what there is: the number of fits stays small.
        let room = left.saturating_sub(scan.checks);
        if room == 0 {
            break;
        }
        let step = (search.samples.len() / 8).max(6).min(room);
        wanted.truncate(step.div_ceil(2));
        wanted.extend(apart.into_iter().take(step / 4));
        let count = step.saturating_sub(wanted.len() + 2).max(1);
        wanted.extend(search.gaps(count));
        wanted.truncate(step);
        search.ask(&wanted)?;
        let count = 2.min(scan.budget - search.solves());
        let bad = search.check(count, &next, &scales)?;
        streak = if bad == 0 { streak + count } else { 0 };
        last = Some(next);
    }
    let scales = search.scales();
    let fit = match search.samples.len() >= 3 {
        true => Some(search.fit(&search.units(&scales), &[])?),
        false => None,
    };
    Ok(search.explored(fit, scales, share))
}

struct Search<'a, S> {
    solve: S,
    scan: &'a Scan,
    fresh: Stream,
    samples: Samples,
    failed: Vec<f64>,
    /// Samples whose place does not depend on the response: they tell its typical size.
    unguided: Vec<usize>,
}

impl<S, E> Search<'_, S>
where
    S: FnMut(&[f64]) -> Result<Vec<Vec<c64>>, E>,
    E: From<EmulateError>,
{
    fn solves(&self) -> usize {
        self.samples.len() + self.failed.len()
    }

    fn explored(self, fit: Option<Fit>, scales: Vec<f64>, share: Option<Share>) -> Explored {
        Explored {
            units: self.units(&scales),
            samples: self.samples,
            failed: self.failed,
            scales,
            fit,
            share,
        }
    }

    /// Solves at points.
    fn ask(&mut self, points: &[f64]) -> Result<(), E> {
        let mut new: Vec<f64> = Vec::new();
        for &point in points {
            let known = self.samples.points().contains(&point) || self.failed.contains(&point);
            if !known && !new.contains(&point) {
                new.push(point);
            }
        }
        let answers = (self.solve)(&new)?;
        if answers.len() != new.len() {
            return Err(EmulateError::Shape {
                what: "answers of the solver".into(),
                expected: new.len(),
                found: answers.len(),
            }
            .into());
        }
        for (point, row) in new.into_iter().zip(answers) {
            match self.samples.push(point, row) {
                Ok(()) => {}
                Err(EmulateError::NotFinite { .. }) => self.failed.push(point),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Solves at fresh random points; answers at how many the fit was off by more than the tolerance, or
    /// the solver failed.
    fn check(&mut self, count: usize, fit: &Fit, scales: &[f64]) -> Result<usize, E> {
        let [low, high] = self.scan.range;
        let points: Vec<f64> = (0..count)
            .map(|_| low + (high - low) * self.fresh.uniform())
            .collect();
        let before = self.samples.len();
        self.ask(&points)?;
        let new = before..self.samples.len();
        self.unguided.extend(new.clone());
        let units = self.units(scales);
        let agree = new.filter(|&i| {
            let answer = fit.rational.at_real(self.samples.points()[i]);
            misfit(&answer, &self.samples.values()[i], &units[i]) <= self.scan.tolerance
        });
        Ok(count - agree.count())
    }

    /// The outputs' typical sizes, but none so small that rounding errors of the largest value exceed the
    /// tolerance.
    fn scales(&self) -> Vec<f64> {
        let mut scales = self.samples.select(&self.unguided).scales();
        let floor = 10.0 * f64::EPSILON / (MARGIN * self.scan.tolerance);
        for (output, scale) in scales.iter_mut().enumerate() {
            let sizes = self.samples.values().iter().map(|row| row[output].norm());
            *scale = scale.max(floor * sizes.fold(0.0, f64::max));
        }
        scales
    }

    /// What errors are measured in at each sample: `|y| + scale`, but no less than what lets a fit off
    /// following rounding.
    fn units(&self, scales: &[f64]) -> Vec<Vec<f64>> {
        let mut units = self.samples.units(scales);
        for (row, floor) in units.iter_mut().zip(rounding(&self.samples)) {
            for (unit, floor) in row.iter_mut().zip(floor) {
                *unit = unit.max(floor / (MARGIN * self.scan.tolerance));
            }
        }
        units
    }

    fn fit(&self, units: &[Vec<f64>], start: &[f64]) -> Result<Fit, EmulateError> {
        let goal = Goal {
            tolerance: MARGIN * self.scan.tolerance,
            ..Goal::default()
        };
        fit(&self.samples, units, goal, start)
    }

    /// Points at the poles and half a width beside them that are not solved yet, the best seen first.
    fn at_poles(&self, seen: &[Seen]) -> Vec<f64> {
        let [low, high] = self.scan.range;
        let mut wanted = Vec::new();
        for beside in [0.0, -1.0, 1.0] {
            for pole in seen {
                let half = pole.at.im.abs();
                let x = (pole.at.re + beside * half).clamp(low, high);
                // No solve can be told to be inside of it.
                if half < same(x) {
                    continue;
                }
                let mut solved = self.samples.points().iter().chain(&self.failed);
                let near = 0.4 * half;
                if !solved.any(|s| (s - x).abs() <= near) && !wanted.contains(&x) {
                    wanted.push(x);
                }
            }
        }
        wanted
    }

    /// Points inside gaps where two fits differ by more than the tolerance, largest first, and how much
    /// they differ.
    fn apart(
        &self,
        fit: &Fit,
        last: Option<&Fit>,
        scales: &[f64],
        units: &[Vec<f64>],
    ) -> (Vec<f64>, f64) {
        let Some(last) = last else {
            return (Vec::new(), f64::INFINITY);
        };
        let points = self.samples.points();
        // What rounding adds to a sample's units.
        let excess = |x: f64| {
            let near = points.iter().position(|p| *p == x);
            let values = near.map(|i| (&units[i], &self.samples.values()[i]));
            values.map(|(units, values)| {
                let each = units.iter().zip(values).zip(scales);
                each.map(|((unit, y), scale)| unit - y.norm() - scale)
                    .collect::<Vec<f64>>()
            })
        };
        let mut found: Vec<(f64, f64)> = Vec::new();
        for gap in self.sorted().windows(2) {
            if gap[1] - gap[0] <= same(gap[0]) {
                continue;
            }
            let ends = [excess(gap[0]), excess(gap[1])];
            let inside = [0.25, 0.5, 0.75].map(|part| {
                let x = gap[0] + part * (gap[1] - gap[0]);
                let (new, old) = (fit.rational.at_real(x), last.rational.at_real(x));
                let unit = new
                    .iter()
                    .zip(scales)
                    .enumerate()
                    .map(|(output, (y, scale))| {
                        let rounded = ends.iter().flatten().map(|end| end[output]);
                        y.norm() + scale + rounded.fold(0.0, f64::max)
                    });
                (misfit(&old, &new, &unit.collect::<Vec<f64>>()), x)
            });
            found.extend(inside.into_iter().max_by(|a, b| a.0.total_cmp(&b.0)));
        }
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        let largest = found.first().map_or(0.0, |(difference, _)| *difference);
        let differ = found
            .into_iter()
            .filter(|(difference, _)| *difference > self.scan.tolerance);
        (differ.map(|(_, x)| x).collect(), largest)
    }

    /// The middles of the widest gaps.
    fn gaps(&self, count: usize) -> Vec<f64> {
        let sorted = self.sorted();
        let mut gaps: Vec<[f64; 2]> = sorted.windows(2).map(|gap| [gap[0], gap[1]]).collect();
        gaps.sort_by(|a, b| (b[1] - b[0]).total_cmp(&(a[1] - a[0])));
        let middle = |gap: &[f64; 2]| 0.5 * (gap[0] + gap[1]);
        gaps.iter().take(count).map(middle).collect()
    }

    fn sorted(&self) -> Vec<f64> {
        let mut points = self.samples.points().to_vec();
        points.extend(&self.failed);
        points.sort_by(f64::total_cmp);
        points
    }
}

/// Chebyshev points of the range, ends included: smooth backgrounds are fitted best from them.
fn chebyshev([low, high]: [f64; 2], count: usize) -> Vec<f64> {
    let step = std::f64::consts::PI / (count - 1) as f64;
    let unit = |i: usize| 0.5 - 0.5 * gnomon_mechanism::elementary::cos(step * i as f64);
    (0..count).map(|i| low + (high - low) * unit(i)).collect()
}
