//! A measured forcing series, interpolated linearly inside an expression.

use serde::{Deserialize, Serialize};

/// A column of measurements against strictly increasing times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// The column's name, as written in `interp(t, name)`.
    pub name: String,
    /// Strictly increasing; at least one.
    pub times: Vec<f64>,
    /// One value a time.
    pub values: Vec<f64>,
}

impl Series {
    /// The value at `t`: linear between measurements, constant before the first and after the last.
    #[must_use]
    pub fn value(&self, t: f64) -> f64 {
        let after = self.times.partition_point(|&time| time <= t);
        if t.is_nan() || self.times.is_empty() {
            f64::NAN
        } else if after == 0 {
            self.values[0]
        } else if after == self.times.len() {
            self.values[after - 1]
        } else {
            let weight = (t - self.times[after - 1]) / (self.times[after] - self.times[after - 1]);
            self.values[after - 1] + weight * (self.values[after] - self.values[after - 1])
        }
    }

    /// The slope at `t`: that of the segment right of `t`, 0 outside the measurements.
    #[must_use]
    pub fn slope(&self, t: f64) -> f64 {
        let after = self.times.partition_point(|&time| time <= t);
        if t.is_nan() {
            f64::NAN
        } else if after == 0 || after == self.times.len() {
            0.0
        } else {
            (self.values[after] - self.values[after - 1])
                / (self.times[after] - self.times[after - 1])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpolation_is_linear_inside_and_constant_outside() {
        let series = Series {
            name: "rain".into(),
            times: vec![0.0, 2.0, 3.0],
            values: vec![1.0, 5.0, 4.0],
        };
        let at = |t| (series.value(t), series.slope(t));
        assert_eq!(at(-1.0), (1.0, 0.0));
        assert_eq!(at(0.0), (1.0, 2.0));
        assert_eq!(at(1.0), (3.0, 2.0));
        assert_eq!(at(2.5), (4.5, -1.0));
        assert_eq!(at(9.0), (4.0, 0.0));
        assert!(series.value(f64::NAN).is_nan());
    }
}
