//! How one column is standardised, and how that is measured.

use gnomon_mechanism::elementary;
use gnomon_mechanism::random::Stream;
use serde::{Deserialize, Serialize};

/// What is done to a column before it is centred and scaled.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// Nothing.
    Identity,
    /// ln(1 + |x| / width) with the sign of x: for what is never negative and spans orders of
    /// magnitude, such as counts.
    Log {
        /// 1 for whole numbers, else a small positive value of the column.
        width: f64,
    },
    /// asinh((x - middle) / width): linear near the middle, logarithmic in the tails.
    SignedLog {
        /// The median.
        middle: f64,
        /// The distance between the quartiles (or a typical distance from the middle, if 0).
        width: f64,
    },
}

/// How one column is standardised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// What is done first.
    pub shape: Shape,
    /// Then subtracted.
    pub centre: f64,
    /// Then divided by; 0 for a constant column, whose result is 0.
    pub scale: f64,
    /// The least and the largest standardised number of training: what lies beyond is taken as if it
    /// lay a little (a tenth of their distance) beyond.
    pub range: [f64; 2],
    /// How heavy its tails are: (q99.5 - q0.5) / (q75 - q25), 3.8 for a normal.
    pub tail_ratio: f64,
    /// Whether training rows lacked it; an indicator column then says where.
    pub missing: bool,
    /// What all of training's numbers were multiples of, where they were whole; else 0.
    #[serde(default)]
    pub step: f64,
}

/// Columns with a larger tail ratio get a signed logarithm: a normal has 3.8, an exponential 4.8,
/// Student's t with 3 degrees of freedom 7.6, a log-normal with sigma 1 has 9.
const HEAVY: f64 = 7.0;
/// Quantities that are never negative and span this factor between their 25 % and 95 % quantiles get
/// a logarithm.
const SPAN: f64 = 10.0;
/// How far beyond training's range a number may be, as a share of the range: farther out a network
/// extrapolates, and may answer anything.
const BEYOND: f64 = 0.1;

impl Shape {
    fn apply(self, x: f64) -> f64 {
        match self {
            Self::Identity => x,
            Self::Log { width } => elementary::ln_1p(x.abs() / width).copysign(x),
            Self::SignedLog { middle, width } => asinh((x - middle) / width),
        }
    }
}

impl Column {
    /// Standardises one number, however far it is.
    fn at(&self, x: f64) -> f64 {
        (self.shape.apply(x) - self.centre) / self.scale
    }

    /// The same; of a constant column, the difference from its number.
    pub(super) fn unbounded(&self, x: f64) -> f64 {
        if self.scale == 0.0 {
            return x - self.centre;
        }
        self.at(x)
    }

    /// Standardises one number that is there.
    #[must_use]
    pub fn apply(&self, x: f64) -> f32 {
        if self.scale == 0.0 {
            return 0.0;
        }
        let [low, high] = self.range;
        let beyond = BEYOND * (high - low);
        self.at(x).clamp(low - beyond, high + beyond) as f32
    }

    /// Standardises one number so that what it becomes has a density: a whole number takes a place drawn
    /// between it and the next (Theis, van den Oord & Bethge 2016), a constant one of a normal.
    #[must_use]
    pub fn spread(&self, x: f64, stream: &mut Stream) -> f32 {
        match self.scale == 0.0 {
            true => stream.normal() as f32,
            // The place of the largest is beyond training's range by less than a step.
            false if self.step > 0.0 => self.at(x + self.step * stream.uniform()) as f32,
            false => self.apply(x),
        }
    }

    /// The number that [`Column::spread`] took to `z`; at most training's largest and at least its least.
    #[must_use]
    pub fn gather(&self, z: f32) -> f64 {
        let [low, high] = self.range.map(|end| self.restore(end as f32));
        let x = self.restore(z);
        match self.step > 0.0 {
            // Ends are restored to the precision of single numbers.
            true => ((x / self.step).floor() * self.step).clamp(
                (low / self.step).round() * self.step,
                (high / self.step).round() * self.step,
            ),
            false => x.clamp(low, high),
        }
    }
}

impl Shape {
    /// The inverse of [`Shape::apply`].
    fn restore(self, y: f64) -> f64 {
        match self {
            Self::Identity => y,
            // Of what is never negative.
            Self::Log { width } => width * elementary::exp_m1(y.max(0.0)),
            Self::SignedLog { middle, width } => middle + width * elementary::sinh(y),
        }
    }
}

impl Column {
    /// The number that is standardised to `z`.
    #[must_use]
    pub fn restore(&self, z: f32) -> f64 {
        let [low, high] = self.range;
        let beyond = BEYOND * (high - low);
        let raw = |z: f64| self.shape.restore(z * self.scale + self.centre);
        if self.scale == 0.0 {
            return self.centre;
        }
        let x = raw(f64::from(z).clamp(low - beyond, high + beyond));
        // What was never negative in training stays so.
        if raw(low) >= -1e-9 * raw(high).abs() {
            x.max(0.0)
        } else {
            x
        }
    }
}

/// Inverse hyperbolic sine, from |x| so that nothing cancels.
fn asinh(x: f64) -> f64 {
    let a = x.abs();
    if a > 1e8 {
        return (elementary::ln(a) + std::f64::consts::LN_2).copysign(x);
    }
    let root = (a * a + 1.0).sqrt();
    elementary::ln_1p(a + a * a / (root + 1.0)).copysign(x)
}

/// The value below which a share `q` of the sorted numbers lies.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let at = q * (sorted.len() - 1) as f64;
    let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    low + (high - low) * at.fract()
}

/// Mean and sd; numbers are scaled by the largest first, so that squares cannot overflow.
pub(super) fn mean_and_sd(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let largest = values.clone().fold(0.0, |a: f64, x| a.max(x.abs()));
    if largest == 0.0 {
        return (0.0, 0.0);
    }
    let n = values.clone().count() as f64;
    let mean = values.clone().map(|x| x / largest).sum::<f64>() / n;
    let variance = values.map(|x| (x / largest - mean).powi(2)).sum::<f64>() / n;
    // Below rounding of the mean, spread is noise: the column is constant.
    let sd = if variance.sqrt() < 1e-13 {
        0.0
    } else {
        variance.sqrt()
    };
    (mean * largest, sd * largest)
}

/// [`Shape::Log`] for numbers that are never negative and whose 95 % quantile is at least [`SPAN`]
/// times their 25 % quantile; NaN is missing. Leaves them sorted.
pub(super) fn logarithmic(pool: &mut Vec<f64>) -> Option<Shape> {
    pool.retain(|x| !x.is_nan());
    pool.sort_unstable_by(f64::total_cmp);
    if !pool.first().is_some_and(|&lowest| lowest >= 0.0) {
        return None;
    }
    let positive = &pool[pool.partition_point(|&x| x <= 0.0)..];
    let whole = positive.iter().all(|x| x.fract() == 0.0);
    let width = match positive {
        [] => return None,
        _ if whole => 1.0,
        _ => quantile(positive, 0.05),
    };
    let spans = quantile(pool, 0.95) >= SPAN * quantile(pool, 0.25).max(width);
    spans.then_some(Shape::Log { width })
}

/// The largest number that all others are multiples of, where they are whole; else, and where all are 0, 0.
fn step(numbers: &[f64]) -> f64 {
    const MOST: f64 = (1_u64 << 53) as f64;
    let mut divisor = 0_u64;
    for &x in numbers {
        if x.fract() != 0.0 || x.abs() > MOST {
            return 0.0;
        }
        let (mut a, mut b) = (x.abs() as u64, divisor);
        while b > 0 {
            (a, b) = (b, a % b);
        }
        divisor = a;
    }
    divisor as f64
}

/// Measures a column from its numbers, NaN where missing; leaves them sorted. `shape` is that of
/// all columns of its series, if they have one.
pub(super) fn measure(pool: &mut Vec<f64>, shape: Option<Shape>) -> Column {
    let all = pool.len();
    pool.retain(|x| !x.is_nan());
    let missing = pool.len() < all;
    pool.sort_unstable_by(f64::total_cmp);
    let constant = Column {
        shape: Shape::Identity,
        centre: 0.0,
        scale: 0.0,
        range: [0.0; 2],
        tail_ratio: 0.0,
        missing,
        step: step(pool),
    };
    if pool.is_empty() || pool[0] == pool[pool.len() - 1] {
        return Column {
            centre: pool.first().copied().unwrap_or(0.0),
            ..constant
        };
    }
    let quartiles = quantile(pool, 0.75) - quantile(pool, 0.25);
    let tails = quantile(pool, 0.995) - quantile(pool, 0.005);
    let middle = quantile(pool, 0.5);
    // Where over half of the numbers are equal, a typical distance of the others.
    let width = if quartiles > 0.0 {
        quartiles
    } else {
        let mut distances: Vec<f64> = pool
            .iter()
            .map(|x| (x - middle).abs())
            .filter(|&d| d > 0.0)
            .collect();
        distances.sort_unstable_by(f64::total_cmp);
        quantile(&distances, 0.5)
    };
    let tail_ratio = tails / width;
    let (lowest, highest) = (middle - pool[0], pool[pool.len() - 1] - middle);
    let heavy = tail_ratio > HEAVY || lowest.max(highest) > 30.0 * width;
    let shape = match shape {
        Some(shape) => shape,
        None if heavy => Shape::SignedLog { middle, width },
        None => Shape::Identity,
    };
    let (centre, scale) = mean_and_sd(pool.iter().map(|&x| shape.apply(x)));
    let mut column = Column {
        shape,
        centre,
        scale,
        range: [0.0; 2],
        tail_ratio,
        missing,
        step: constant.step,
    };
    column.range = [pool[0], pool[pool.len() - 1]].map(|x| column.at(x));
    column
}

#[cfg(test)]
mod tests {
    use super::*;
    use gnomon_mechanism::random::Purpose;

    /// What is standardised and restored is the same to the precision of single numbers; what lies
    /// beyond the range of training is not reached.
    #[test]
    fn numbers_are_restored() {
        let counts: Vec<f64> = (0..400).map(|i| f64::from(i % 40).exp2().floor()).collect();
        let cubes: Vec<f64> = (-200..200).map(|i| f64::from(i).powi(3)).collect();
        let plain: Vec<f64> = (0..100).map(f64::from).collect();
        for values in [counts, cubes, plain] {
            let mut pool = values.clone();
            let shape = logarithmic(&mut pool);
            let column = measure(&mut pool, shape);
            let largest = values.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
            for &x in &values {
                let restored = column.restore(column.apply(x));
                let near = 1e-5 * x.abs().max(1.0) + 1e-9 * largest;
                assert!((restored - x).abs() < near, "{x} {restored}");
            }
            assert!(column.restore(f32::MAX).is_finite());
        }
        let constant = measure(&mut vec![3.0; 4], None);
        assert_eq!(constant.restore(0.7), 3.0);
    }

    /// What is spread is gathered again: whole numbers exactly, whatever their place was.
    #[test]
    fn whole_numbers_are_spread_and_gathered() {
        let counts: Vec<f64> = (0..400).map(|i| f64::from(i % 20).exp2().floor()).collect();
        let mut pool = counts.clone();
        let shape = logarithmic(&mut pool);
        let column = measure(&mut pool, shape);
        assert_eq!(column.step, 1.0);
        let mut stream = Stream::new(1, Purpose::COORDINATES, 0);
        for &x in counts.iter().chain(&[3.0, 77.0]) {
            let gathered = column.gather(column.spread(x, &mut stream));
            // Single numbers tell neighbours apart up to some 100,000.
            assert!((gathered - x).abs() <= x * 1e-5, "{x} {gathered}");
        }
        // Beyond what training had nothing is drawn.
        let ends = [-9.0, 9.0].map(|z| column.gather(z));
        assert_eq!(ends, [1.0, 524_288.0]);
        // Few values: no two of them land on one place. Tens stay tens.
        for values in [[0.0, 1.0, 1.0, 0.0], [20.0, 30.0, 0.0, 50.0]] {
            let column = measure(&mut values.to_vec(), None);
            let x = values.iter().copied().fold(0.0, f64::max);
            let mut spread: Vec<f32> = (0..100).map(|_| column.spread(x, &mut stream)).collect();
            assert!(spread.iter().all(|&z| column.gather(z) == x), "{column:?}");
            spread.sort_unstable_by(f32::total_cmp);
            spread.dedup();
            assert_eq!(spread.len(), 100);
        }
        let same = measure(&mut vec![3.0; 4], None);
        let spread: Vec<f32> = (0..4).map(|_| same.spread(3.0, &mut stream)).collect();
        assert!(spread[0] != spread[1] && same.gather(spread[0]) == 3.0);
        let real = measure(&mut vec![0.25, 1.0, 2.0, 4.5], None);
        assert!(real.step == 0.0 && real.spread(1.0, &mut stream) == real.apply(1.0));
    }

    #[test]
    fn asinh_agrees_with_the_library() {
        for exponent in -20..300 {
            for x in [10_f64.powi(exponent), -3.3 * 10_f64.powi(exponent)] {
                assert!((asinh(x) / x.asinh() - 1.0).abs() < 1e-13, "{x}");
            }
        }
        assert_eq!(asinh(0.0), 0.0);
    }
}
