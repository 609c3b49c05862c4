//! Radau points of an element, and polynomials through them.

/// Nodes of an element; collocation at them is of order 2 `STAGES` - 1 at its end.
pub(super) const STAGES: usize = 5;
/// Points that a polynomial goes through: the element's start, then its nodes.
pub(super) const POINTS: usize = STAGES + 1;

/// Weights of the values at the points: what a polynomial is, or how fast it changes, somewhere.
pub(super) type Weights = [f64; POINTS];

/// An element from 0 to 1.
#[derive(Clone, Debug)]
pub(super) struct Nodes {
    /// 0, then the nodes; the last is 1.
    pub points: [f64; POINTS],
    /// The slope at each node.
    pub slopes: [Weights; STAGES],
    /// Where the residual is looked at: midway between neighbouring points.
    pub checks: [f64; STAGES],
    /// Value and slope at each check.
    pub checked: [(Weights, Weights); STAGES],
}

impl Nodes {
    /// The right Radau points: zeros of P_s - P_(s-1) (Hairer & Wanner 1996, IV.5), by Newton's method.
    pub fn radau() -> Self {
        let mut points = [0.0; POINTS];
        for (k, point) in points[1..].iter_mut().enumerate() {
            // Zeros of P_s + P_(s-1) lie near those of a Chebyshev polynomial; ours are their mirror images.
            let guess = std::f64::consts::PI * 2.0 * (STAGES - 1 - k) as f64;
            let mut x = -(guess / (2 * STAGES - 1) as f64).cos();
            for _ in 0..50 {
                let ((p, dp), (q, dq)) = (legendre(STAGES, x), legendre(STAGES - 1, x));
                let slope = dp + dq;
                if slope != 0.0 {
                    x -= (p + q) / slope;
                }
            }
            *point = f64::midpoint(1.0, -x);
        }
        points[STAGES] = 1.0;
        let checks: [f64; STAGES] =
            std::array::from_fn(|k| f64::midpoint(points[k], points[k + 1]));
        Self {
            points,
            slopes: std::array::from_fn(|k| weights(&points, points[k + 1]).1),
            checks,
            checked: checks.map(|at| weights(&points, at)),
        }
    }

    /// Weights of the value at `at`.
    pub fn value(&self, at: f64) -> Weights {
        weights(&self.points, at).0
    }
}

/// The Legendre polynomial of degree n and its slope, by recurrence.
fn legendre(n: usize, x: f64) -> (f64, f64) {
    let (mut p, mut dp) = ((1.0, x), (0.0, 1.0));
    for k in 1..n {
        let (a, b) = (
            (2 * k + 1) as f64 / (k + 1) as f64,
            k as f64 / (k + 1) as f64,
        );
        p = (p.1, a * x * p.1 - b * p.0);
        dp = (dp.1, a * (p.0 + x * dp.1) - b * dp.0);
    }
    if n == 0 { (1.0, 0.0) } else { (p.1, dp.1) }
}

/// Lagrange's polynomials of `points` and their slopes, at `at`.
fn weights(points: &[f64; POINTS], at: f64) -> (Weights, Weights) {
    let value = |j: usize, left_out: usize| -> f64 {
        let others = (0..POINTS).filter(|&k| k != j && k != left_out);
        others
            .map(|k| (at - points[k]) / (points[j] - points[k]))
            .product()
    };
    let values = std::array::from_fn(|j| value(j, j));
    let slopes = std::array::from_fn(|j| {
        let terms = (0..POINTS).filter(|&k| k != j);
        terms.map(|k| value(j, k) / (points[j] - points[k])).sum()
    });
    (values, slopes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn radau_points_integrate_what_they_should() {
        let nodes = Nodes::radau();
        // Three stages' middle node is (4 - sqrt 6) / 10; with five, published to nine digits.
        assert!((nodes.points[1] - 0.057_104_196_1).abs() < 1e-9);
        assert!((nodes.points[4] - 0.860_240_135_7).abs() < 1e-9);
        assert!(nodes.points.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn polynomials_up_to_the_degree_are_exact() {
        let nodes = Nodes::radau();
        for degree in 0..=STAGES as i32 {
            let values = nodes.points.map(|x| x.powi(degree));
            let sum = |w: &Weights| -> f64 { w.iter().zip(values).map(|(w, v)| w * v).sum() };
            let slope = |x: f64| {
                if degree == 0 {
                    0.0
                } else {
                    f64::from(degree) * x.powi(degree - 1)
                }
            };
            for (at, (value, change)) in nodes.checks.iter().zip(&nodes.checked) {
                assert!((sum(value) - at.powi(degree)).abs() < 1e-13);
                assert!((sum(change) - slope(*at)).abs() < 1e-11);
            }
            for (at, change) in nodes.points[1..].iter().zip(&nodes.slopes) {
                assert!((sum(change) - slope(*at)).abs() < 1e-11);
            }
            assert!((sum(&nodes.value(0.3)) - 0.3f64.powi(degree)).abs() < 1e-13);
        }
    }
}
