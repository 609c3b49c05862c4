//! What rounding does to a response: no fit may be asked to follow it.
//!
//! A solver knows its point to a few rounding errors only, so that a response of slope dy/dx is known to no
//! better than eps |x| |dy/dx|. Inside a narrow peak this can exceed any tolerance that is relative to the
//! response elsewhere, and a fit held to that tolerance is full of poles that are none.

use crate::rational::Samples;

/// Rounding errors of a point until the response is there.
const ROUNDINGS: f64 = 4.0;

/// Points that are nearer to each other than this say nothing of a slope: half the digits of x.
fn apart(x: f64) -> f64 {
    f64::EPSILON.sqrt() * x.abs()
}

/// Points that are nearer to each other than this, rounding makes the same to a thousandth.
pub fn same(x: f64) -> f64 {
    1e3 * f64::EPSILON * x.abs()
}

/// How far each output is off by rounding at each sample: one row a sample, in the samples' order. Slopes
/// are those of the straight lines to the nearest samples that are not too near.
pub fn rounding(samples: &Samples) -> Vec<Vec<f64>> {
    let (points, values) = (samples.points(), samples.values());
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by(|&a, &b| points[a].total_cmp(&points[b]));
    let mut found = vec![vec![0.0; samples.outputs()]; points.len()];
    for (place, &i) in order.iter().enumerate() {
        let far = |j: &&usize| (points[**j] - points[i]).abs() >= apart(points[i]);
        let left = order[..place].iter().rev().find(far);
        let right = order[place + 1..].iter().find(far);
        for &j in left.into_iter().chain(right) {
            let error = ROUNDINGS * f64::EPSILON * points[i].abs() / (points[j] - points[i]).abs();
            for (output, worst) in found[i].iter_mut().enumerate() {
                let moved: f64 = (values[j][output] - values[i][output]).norm();
                *worst = f64::max(*worst, error * moved);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use faer::c64;

    use super::*;

    #[test]
    fn it_is_the_slope_times_the_roundings_of_the_point() {
        let points = vec![2.0, 1.0, 1.0 + 1e-13, 3.0];
        let values = [4.0, 2.0, 2.1, 6.0].map(|y| vec![c64::new(0.0, y)]);
        let samples = Samples::new(points, values.to_vec()).unwrap();
        let found = rounding(&samples);
        let one = ROUNDINGS * f64::EPSILON;
        for (row, exact) in found.iter().zip([4.0, 2.0, 1.9, 6.0]) {
            assert!((row[0] / one - exact).abs() < 1e-9, "{found:?}");
        }
        assert!(rounding(&Samples::default()).is_empty());
    }
}
