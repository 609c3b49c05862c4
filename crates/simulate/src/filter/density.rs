//! A state's density at the points of a grid that moves with it.

use super::{ASTRAY, MATTERS, Misfit};
use crate::lanes::WIDTH;

/// Masses at evenly spaced points.
#[derive(Clone, Debug)]
pub(super) struct Density {
    /// The number of the first point, counted in its spacing from the grid's origin.
    pub first: i64,
    /// How often the grid's spacing is halved.
    pub halvings: u32,
    /// The density times the spacing.
    pub weights: Vec<f64>,
    /// Whether all of it is at one place: the start.
    pub is_point: bool,
}

impl Density {
    /// All at the origin.
    pub fn point() -> Self {
        Self {
            first: 0,
            halvings: 0,
            weights: vec![1.0],
            is_point: true,
        }
    }

    /// Of a state that cannot be anywhere.
    pub fn nothing() -> Self {
        Self {
            first: 0,
            halvings: 0,
            weights: Vec::new(),
            is_point: false,
        }
    }

    /// Leaves out what lies at the ends and is below a share of the peak.
    pub fn trim(&mut self, share: f64) {
        let least = share * self.peak();
        let counts = |&weight: &f64| weight > 0.0 && weight >= least;
        let Some(first) = self.weights.iter().position(counts) else {
            self.weights.clear();
            return;
        };
        let last = self.weights.iter().rposition(counts).unwrap_or(first);
        self.weights.truncate(last + 1);
        self.weights.drain(..first);
        self.first += first as i64;
    }

    /// The largest mass.
    pub fn peak(&self) -> f64 {
        let mut lanes = [0.0; 8];
        for weights in self.weights.chunks(8) {
            for (lane, &weight) in lanes.iter_mut().zip(weights) {
                *lane = if weight > *lane { weight } else { *lane };
            }
        }
        lanes.into_iter().fold(0.0, f64::max)
    }

    /// The numbers of the blocks of [`WIDTH`] points that it lies in.
    pub fn blocks(&self) -> std::ops::Range<i64> {
        let (width, count) = (WIDTH as i64, self.weights.len() as i64);
        self.first.div_euclid(width)..(self.first + count - 1).div_euclid(width) + 1
    }

    /// Refuses a step by which neighbours part by more than `most`: `slope` gives the distance of point j and the next one after
    /// it, as a share of that before.
    pub fn check_steepness(&self, most: f64, slope: impl Fn(usize) -> f64) -> Result<(), Misfit> {
        let least = MATTERS * self.peak();
        let mut steepest = 0.0;
        for (j, pair) in self.weights.windows(2).enumerate() {
            if pair[0].min(pair[1]) > least {
                steepest = slope(j).abs().max(steepest);
            }
        }
        match steepest > most && steepest.is_finite() {
            true => Err(Misfit::Steep(steepest)),
            false => Ok(()),
        }
    }

    /// From a little before to a little behind it, in numbers of points of a grid halved so often.
    pub fn span(&self, halvings: u32) -> [i64; 2] {
        let last = self.first + self.weights.len() as i64 - 1;
        [(self.first - 2) << halvings, (last + 2) << halvings]
    }

    /// In spacings.
    pub fn sd(&self) -> f64 {
        let (mut sum, mut mean, mut square) = (0.0, 0.0, 0.0);
        for (j, &weight) in self.weights.iter().enumerate() {
            let place = j as f64;
            sum += weight;
            mean += weight * place;
            square += weight * place * place;
        }
        (square / sum - (mean / sum).powi(2)).max(0.0).sqrt()
    }

    /// How much more mass is at even than at odd points, or less: next to nothing where the grid resolves the
    /// density.
    pub fn unevenness(&self) -> f64 {
        let (mut sum, mut difference) = (0.0, 0.0);
        for pair in self.weights.chunks(2) {
            let odd = pair.get(1).copied().unwrap_or(0.0);
            sum += pair[0] + odd;
            difference += pair[0] - odd;
        }
        (difference / sum).abs()
    }
}

/// Of where weights go, the stretch of this length that holds most of them; none where more than a share `ASTRAY` of all is left
/// out, or there is no length.
pub(super) fn densest(mut moved: Vec<(f64, f64)>, length: f64) -> Option<[f64; 2]> {
    if length.is_nan() || length < 0.0 {
        return None;
    }
    let all: f64 = moved.iter().map(|(_, weight)| weight).sum();
    moved.retain(|(place, weight)| place.is_finite() && *weight > 0.0);
    moved.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut first, mut held, mut best) = (0, 0.0, (0.0, [0.0; 2]));
    for &(place, weight) in &moved {
        held += weight;
        while place - moved[first].0 > length {
            held -= moved[first].1;
            first += 1;
        }
        if held > best.0 {
            best = (held, [moved[first].0, place]);
        }
    }
    (best.0 >= (1.0 - ASTRAY) * all).then_some(best.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(sd: f64, shift: f64) -> Density {
        let mass = |k: i32| (-0.5 * ((f64::from(k) - shift) / sd).powi(2)).exp();
        Density {
            first: -20,
            weights: (-20..=20).map(mass).collect(),
            ..Density::nothing()
        }
    }

    #[test]
    fn a_grid_tells_whether_it_resolves_a_density() {
        assert!(normal(2.0, 0.3).unevenness() < 1e-7);
        assert!(normal(0.5, 0.1).unevenness() > 0.1);
        assert!((normal(2.0, 0.3).sd() - 2.0).abs() < 1e-6);
    }

    #[test]
    fn what_flies_off_is_left_out_if_it_is_little() {
        let mut moved: Vec<(f64, f64)> = (0..100).map(|k| (f64::from(k), 1.0)).collect();
        moved.push((1e6, 0.05));
        moved.push((f64::INFINITY, 0.04));
        assert_eq!(densest(moved.clone(), 200.0), Some([0.0, 99.0]));
        moved.push((-1e6, 0.5));
        assert_eq!(densest(moved.clone(), 200.0), None);
        // A kernel that is itself wider than any grid.
        assert_eq!(densest(moved, -1.0), None);
    }

    #[test]
    fn ends_that_are_next_to_nothing_are_left_out() {
        let mut density = normal(2.0, 0.0);
        density.trim((-0.5f64 * 9.0).exp() * 0.999);
        assert_eq!((density.first, density.weights.len()), (-6, 13));
        assert_eq!(density.span(1), [-16, 16]);
        assert_eq!(density.blocks(), -1..1);
        assert!(density.check_steepness(1.25, |_| 1.2).is_ok());
        assert!(density.check_steepness(1.25, |j| j as f64).is_err());
    }
}
