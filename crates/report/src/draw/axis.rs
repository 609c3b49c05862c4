//! Values to fractions of an axis, and ticks at nice numbers.

use super::number;
use crate::content::Scale;

/// One axis: a scale and the range it shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    scale: Scale,
    /// Range in the scale's own coordinate (the value, or its decimal logarithm).
    low: f64,
    high: f64,
}

/// A tick: where, and what is written there.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// Fraction of the axis, 0 to 1.
    pub fraction: f64,
    /// Its label.
    pub label: String,
}

impl Axis {
    /// The axis that shows all finite `values` (on a log scale: all positive ones) with a margin of
    /// `margin` of their span on both sides. Without any, it shows 0 to 1; around a single value it
    /// leaves room.
    pub fn fit(scale: Scale, values: impl IntoIterator<Item = f64>, margin: f64) -> Self {
        let mut hull = [f64::INFINITY, f64::NEG_INFINITY];
        for value in values {
            let at = coordinate(scale, value);
            if at.is_finite() {
                hull = [hull[0].min(at), hull[1].max(at)];
            }
        }
        let [low, high] = hull;
        if low > high {
            return Self {
                scale: Scale::Linear,
                low: 0.0,
                high: 1.0,
            };
        }
        let span = high - low;
        if span <= 1e-12 * low.abs().max(high.abs()) {
            let room = match scale {
                Scale::Linear if low != 0.0 => 0.5 * low.abs(),
                Scale::Linear => 1.0,
                Scale::Log => 0.5,
            };
            return Self {
                scale,
                low: low - room,
                high: high + room,
            };
        }
        Self {
            scale,
            low: low - margin * span,
            high: high + margin * span,
        }
    }

    /// The linear axis from `low` to `high`.
    pub fn between(low: f64, high: f64) -> Self {
        Self::fit(Scale::Linear, [low, high], 0.0)
    }

    /// The scale.
    pub fn scale(&self) -> Scale {
        self.scale
    }

    /// The range shown, in the scale's own coordinate.
    pub fn range(&self) -> [f64; 2] {
        [self.low, self.high]
    }

    /// `value` in the scale's own coordinate: itself, or its decimal logarithm (NaN if not positive).
    pub fn coordinate(&self, value: f64) -> f64 {
        coordinate(self.scale, value)
    }

    /// Where `value` lies: 0 at the start of the axis, 1 at its end; NaN where it has no place.
    pub fn fraction(&self, value: f64) -> f64 {
        self.fraction_of_coordinate(self.coordinate(value))
    }

    /// Where a number in the scale's own coordinate lies.
    pub fn fraction_of_coordinate(&self, at: f64) -> f64 {
        (at - self.low) / (self.high - self.low)
    }

    /// At most about `most` ticks at nice numbers, at least two where the range allows.
    pub fn ticks(&self, most: usize) -> Vec<Tick> {
        let most = most.max(2);
        let ticks = match self.scale {
            Scale::Linear => self.linear_ticks(self.low, self.high, most),
            Scale::Log => self.log_ticks(most),
        };
        debug_assert!(ticks.len() <= 2 * most + 2);
        ticks
    }

    /// The finest nice step that makes at most `most` ticks; one finer if that leaves fewer than two.
    fn linear_ticks(&self, low: f64, high: f64, most: usize) -> Vec<Tick> {
        let mut finer = Vec::new();
        let mut step = nice_step((high - low) / (4 * most) as f64);
        // From a quarter of the asked distance, at most six nice steps lead beyond the range.
        for _ in 0..8 {
            let first = (low / step - 1e-9).ceil();
            let last = (high / step + 1e-9).floor();
            let count = (last - first + 1.0).max(0.0) as usize;
            let values: Vec<f64> = (0..count).map(|i| (first + i as f64) * step).collect();
            if count <= most {
                return if count >= 2 {
                    self.labelled(&values, step)
                } else {
                    finer
                };
            }
            finer = self.labelled(&values, step);
            step = nice_step(1.5 * step);
        }
        finer
    }

    fn labelled(&self, values: &[f64], step: f64) -> Vec<Tick> {
        let largest = values.iter().fold(0.0f64, |most, v| most.max(v.abs()));
        let decimals = (-(step * 1.0001).log10().floor()).max(0.0) as usize;
        let label = |value: f64| match largest {
            l if (1e-4..1e6).contains(&l) => number::fixed(value, decimals),
            _ if value == 0.0 => "0".to_owned(),
            _ => {
                let digits = (largest.log10().floor() - (step * 1.0001).log10().floor()).max(0.0);
                number::scientific(value, digits as usize)
            }
        };
        values
            .iter()
            .map(|&value| Tick {
                fraction: self.fraction(value),
                label: label(value),
            })
            .collect()
    }

    fn log_ticks(&self, most: usize) -> Vec<Tick> {
        let at = |coordinate: f64, value: f64| Tick {
            fraction: self.fraction_of_coordinate(coordinate),
            label: number::significant(value, 1),
        };
        let decades = (self.low - 1e-9).ceil() as i64..=(self.high + 1e-9).floor() as i64;
        let inside = decades.clone().count();
        if inside >= 3 || (inside == 2 && most < 4) {
            let every = inside.div_ceil(most) as i64;
            return decades
                .filter(|d| d.rem_euclid(every) == 0)
                .map(|d| at(d as f64, 10f64.powi(d as i32)))
                .collect();
        }
        let mut ticks = Vec::new();
        for decade in self.low.floor() as i64..=self.high.floor() as i64 {
            for digit in [1.0f64, 2.0, 5.0] {
                let coordinate = decade as f64 + digit.log10();
                if coordinate >= self.low - 1e-9 && coordinate <= self.high + 1e-9 {
                    ticks.push(at(coordinate, digit * 10f64.powi(decade as i32)));
                }
            }
        }
        if (2..=most).contains(&ticks.len()) {
            return ticks;
        }
        let (low, high) = (10f64.powf(self.low), 10f64.powf(self.high));
        let linear = self.linear_ticks(low, high, most);
        if ticks.len() < 2 {
            linear
        } else {
            spread(&ticks, most)
        }
    }
}

/// Every k-th tick, so that at most `most` are left.
pub fn spread(ticks: &[Tick], most: usize) -> Vec<Tick> {
    ticks
        .iter()
        .step_by(ticks.len().div_ceil(most.max(1)).max(1))
        .cloned()
        .collect()
}

fn coordinate(scale: Scale, value: f64) -> f64 {
    match scale {
        // Squares and differences of such numbers overflow: nothing is drawn there.
        _ if value.abs() > 1e100 => f64::NAN,
        Scale::Linear => value,
        Scale::Log if value > 0.0 => value.log10(),
        Scale::Log => f64::NAN,
    }
}

/// The smallest of 1, 2, 5 times a power of ten that is at least `raw`.
fn nice_step(raw: f64) -> f64 {
    let power = 10f64.powf(raw.log10().floor());
    let nice = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|n| raw <= n * power * (1.0 + 1e-9));
    nice.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: Axis, most: usize) -> Vec<String> {
        axis.ticks(most)
            .into_iter()
            .map(|tick| tick.label)
            .collect()
    }

    #[test]
    fn ticks_are_nice_numbers() {
        assert_eq!(
            labels(Axis::between(0.0, 763.0), 5),
            ["0", "200", "400", "600"]
        );
        assert_eq!(
            labels(Axis::between(-0.031, 0.052), 4),
            ["−0.02", "0.00", "0.02", "0.04"]
        );
        assert_eq!(labels(Axis::between(0.0, 1.0), 3), ["0.0", "0.5", "1.0"]);
        assert_eq!(labels(Axis::between(0.0, 4e7), 3), ["0", "2×10⁷", "4×10⁷"]);
    }

    #[test]
    fn log_axes_count_decades_or_their_parts() {
        let axis = |low: f64, high: f64| Axis::fit(Scale::Log, [low, high], 0.0);
        assert_eq!(
            labels(axis(0.01, 1000.0), 6),
            ["0.01", "0.1", "1", "10", "100", "1000"]
        );
        assert_eq!(labels(axis(0.8, 12.0), 5), ["1", "2", "5", "10"]);
        assert_eq!(labels(axis(3.1, 4.2), 4), ["3.5", "4.0"]);
        assert!(axis(-1.0, 10.0).fraction(-1.0).is_nan());
    }

    #[test]
    fn degenerate_ranges_still_make_an_axis() {
        for values in [
            vec![],
            vec![f64::NAN],
            vec![3.0],
            vec![0.0, 0.0],
            vec![f64::INFINITY, 2.0],
        ] {
            for scale in [Scale::Linear, Scale::Log] {
                let axis = Axis::fit(scale, values.iter().copied(), 0.05);
                assert!(axis.low < axis.high);
                assert!(axis.ticks(4).len() >= 2, "{values:?} {scale:?}");
            }
        }
        let huge = Axis::between(-1e308, 1e308);
        assert!(huge.ticks(4).len() >= 2);
        assert!(Axis::between(5e-324, 1e-323).ticks(3).len() < 20);
    }

    #[test]
    fn fractions_run_from_0_to_1() {
        let axis = Axis::fit(Scale::Log, [1.0, 100.0], 0.0);
        assert!((axis.fraction(10.0) - 0.5).abs() < 1e-12);
        assert!(axis.fraction(f64::NAN).is_nan());
    }
}
