//! The truncated normal: density, tails and moments, anchored at the end of the interval that is
//! nearest the mean, so that an interval far out in a tail costs no digits.

use crate::elementary::{exp, exp_m1, ln, ln_1p};

use super::law::Truncated;
use super::solve::solve;
use super::special::{GAUSS_LEGENDRE, LN_SQRT_TAU, Tails, central, ln_lower, ln_upper_interval};

/// A truncated normal in standard units, mirrored where needed so that `high > 0`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standard {
    /// `(low - mean) / sd`
    pub low: f64,
    /// `(high - mean) / sd`
    pub high: f64,
    /// `high - low`
    pub width: f64,
    /// Whether low and high were exchanged.
    pub mirrored: bool,
}

/// A value in standard units, with its distances from both ends, each known in its own right.
#[derive(Clone, Copy, Debug)]
struct Point {
    z: f64,
    above_low: f64,
    below_high: f64,
}

impl Truncated {
    /// In standard units.
    pub(super) fn standard(self) -> Standard {
        let low = (self.low - self.mean) / self.sd;
        let high = (self.high - self.mean) / self.sd;
        let width = (self.high - self.low) / self.sd;
        let mirrored = high <= 0.0;
        let (low, high) = if mirrored { (-high, -low) } else { (low, high) };
        Standard {
            low,
            high,
            width,
            mirrored,
        }
    }

    fn point(self, x: f64) -> Point {
        let z = (x - self.mean) / self.sd;
        let above_low = (x - self.low) / self.sd;
        let below_high = (self.high - x) / self.sd;
        if self.standard().mirrored {
            Point {
                z: -z,
                above_low: below_high,
                below_high: above_low,
            }
        } else {
            Point {
                z,
                above_low,
                below_high,
            }
        }
    }

    pub(super) fn ln_density(self, x: f64) -> f64 {
        self.standard().ln_density(self.point(x)) - ln(self.sd)
    }

    pub(super) fn tails(self, x: f64) -> Tails {
        let standard = self.standard();
        let tails = standard.tails(self.point(x));
        if standard.mirrored {
            tails.swapped()
        } else {
            tails
        }
    }

    /// The value with these tails.
    pub(super) fn invert(self, tails: Tails) -> f64 {
        let standard = self.standard();
        let mirrored = standard.mirrored;
        let point = standard.invert(if mirrored { tails.swapped() } else { tails });
        let (z, above_low, below_high) = if mirrored {
            (-point.z, point.below_high, point.above_low)
        } else {
            (point.z, point.above_low, point.below_high)
        };
        // From whichever is nearest: the mean or one of the ends.
        if above_low <= z.abs() && above_low <= below_high {
            self.low + self.sd * above_low
        } else if below_high <= z.abs() {
            self.high - self.sd * below_high
        } else {
            self.mean + self.sd * z
        }
    }

    /// Mean and variance, by composite Gauss-Legendre quadrature.
    pub(super) fn moments(self) -> (f64, f64) {
        let standard = self.standard();
        let (origin, from, to) = standard.bulk();
        const PANELS: usize = 32;
        let half = 0.5 * (to - from) / PANELS as f64;
        let mut sums = [0.0; 3];
        for panel in 0..PANELS {
            let middle = from + half * (2 * panel + 1) as f64;
            for (node, weight) in GAUSS_LEGENDRE {
                for offset in [middle - half * node, middle + half * node] {
                    let density = weight * exp(-offset * (origin + 0.5 * offset));
                    sums[0] += density;
                    sums[1] += density * offset;
                    sums[2] += density * offset * offset;
                }
            }
        }
        let offset = sums[1] / sums[0];
        let variance = sums[2] / sums[0] - offset * offset;
        let mean = match (origin > 0.0, standard.mirrored) {
            (true, true) => self.high - self.sd * offset,
            (true, false) => self.low + self.sd * offset,
            (false, true) => self.mean - self.sd * offset,
            (false, false) => self.mean + self.sd * offset,
        };
        (mean, variance * self.sd * self.sd)
    }
}

impl Standard {
    /// Whether the interval lies on one side of the mean.
    fn one_sided(self) -> bool {
        self.low >= 0.0
    }

    /// Where nearly all (1 - 1e-17) of the mass lies: from and to, relative to an origin.
    fn bulk(self) -> (f64, f64, f64) {
        const DEPTH: f64 = 80.0;
        if self.one_sided() {
            let reach = DEPTH / ((self.low * self.low + DEPTH).sqrt() + self.low);
            (self.low, 0.0, self.width.min(reach))
        } else {
            let reach = DEPTH.sqrt();
            (0.0, self.low.max(-reach), self.high.min(reach))
        }
    }

    /// The logarithm of the normal mass between the ends, plus `low^2 / 2` where one-sided.
    fn ln_total(self) -> f64 {
        if self.one_sided() {
            ln_upper_interval(self.low, self.high, self.width)
        } else {
            ln(central(self.high) - central(self.low))
        }
    }

    fn ln_density(self, point: Point) -> f64 {
        let exponent = if self.one_sided() {
            point.above_low * (self.low + 0.5 * point.above_low)
        } else {
            0.5 * point.z * point.z
        };
        -exponent - LN_SQRT_TAU - self.ln_total()
    }

    fn tails(self, point: Point) -> Tails {
        let Point {
            z,
            above_low,
            below_high,
        } = point;
        let total = self.ln_total();
        let (lower, upper) = if self.one_sided() {
            let drop = above_low * (self.low + 0.5 * above_low);
            (
                ln_upper_interval(self.low, z, above_low),
                ln_upper_interval(z, self.high, below_high) - drop,
            )
        } else {
            let half_square = 0.5 * z * z;
            if z <= 0.0 {
                (
                    ln_upper_interval(-z, -self.low, above_low) - half_square,
                    ln(central(self.high) - central(z)),
                )
            } else {
                (
                    ln(central(z) - central(self.low)),
                    ln_upper_interval(z, self.high, below_high) - half_square,
                )
            }
        };
        // The smaller side is the accurate one.
        if lower < upper {
            Tails::from_ln_lower((lower - total).min(0.0))
        } else {
            Tails::from_ln_upper((upper - total).min(0.0))
        }
    }

    fn above(self, above_low: f64) -> Point {
        Point {
            z: self.low + above_low,
            above_low,
            below_high: self.width - above_low,
        }
    }

    fn below(self, below_high: f64) -> Point {
        Point {
            z: self.high - below_high,
            above_low: self.width - below_high,
            below_high,
        }
    }

    fn invert(self, tails: Tails) -> Point {
        let target = tails.to_normal();
        let guess = if self.one_sided() {
            // As if the density were normal from `low` on, but for the mass cut off above `high`.
            let ln_cut = -self.width * (self.low + 0.5 * self.width);
            let ln_left = if tails.ln_lower < tails.ln_upper {
                ln_1p(exp_m1(ln_cut) * exp(tails.ln_lower))
            } else {
                ln_sum(tails.ln_upper, tails.ln_lower + ln_cut)
            };
            let depth = (-2.0 * ln_left).max(f64::MIN_POSITIVE);
            self.above(depth / ((self.low * self.low + depth).sqrt() + self.low))
        } else {
            let mix = |low: f64, high: f64| ln_sum(tails.ln_upper + low, tails.ln_lower + high);
            let z = Tails {
                ln_lower: mix(ln_lower(self.low), ln_lower(self.high)).min(0.0),
                ln_upper: mix(ln_lower(-self.low), ln_lower(-self.high)).min(0.0),
            }
            .to_normal();
            let point = Point {
                z,
                above_low: z - self.low,
                below_high: self.high - z,
            };
            if point.above_low.min(point.below_high) > z.abs() {
                // Nearer to the mean than to the ends: z itself has all its digits.
                return point;
            }
            point
        };
        // Refined in the logarithm of the distance from the nearer end.
        let refine = |guess: f64, sign: f64, point: &dyn Fn(f64) -> Point| {
            let largest = ln(self.width.min(1e300));
            exp(solve(sign * target, ln(guess), (-745.0, largest), |u| {
                let at = point(exp(u));
                let z = self.tails(at).to_normal();
                let slope = exp(self.ln_density(at) + u + 0.5 * z * z + LN_SQRT_TAU);
                (sign * z, slope)
            }))
        };
        if guess.above_low <= guess.below_high {
            self.above(refine(guess.above_low, 1.0, &|e| self.above(e)))
        } else {
            self.below(refine(guess.below_high, -1.0, &|e| self.below(e)))
        }
    }
}

/// `ln(exp(a) + exp(b))`.
fn ln_sum(a: f64, b: f64) -> f64 {
    let larger = a.max(b);
    if larger == f64::NEG_INFINITY {
        return larger;
    }
    larger + ln_1p(exp(a.min(b) - larger))
}
