//! What a solver answered along one frequency-like variable.

use faer::c64;

use crate::error::EmulateError;

/// Points of a line and, at each, one complex number an output.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    points: Vec<f64>,
    values: Vec<Vec<c64>>,
}

impl Samples {
    /// Samples from points and their values (one row a point, one number an output).
    ///
    /// # Errors
    /// [`EmulateError::Shape`] when there is not one row a point or rows differ in length;
    /// [`EmulateError::NotFinite`] when a number is not finite.
    pub fn new(points: Vec<f64>, values: Vec<Vec<c64>>) -> Result<Self, EmulateError> {
        let shape = |what: &str, expected, found| EmulateError::Shape {
            what: what.into(),
            expected,
            found,
        };
        if values.len() != points.len() {
            return Err(shape("rows of values", points.len(), values.len()));
        }
        let mut samples = Self::default();
        for (point, row) in points.into_iter().zip(values) {
            samples.push(point, row)?;
        }
        Ok(samples)
    }

    /// Adds a point; one that is there already is left as it was.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn push(&mut self, point: f64, row: Vec<c64>) -> Result<(), EmulateError> {
        if let Some(first) = self.values.first()
            && first.len() != row.len()
        {
            return Err(EmulateError::Shape {
                what: "outputs at a point".into(),
                expected: first.len(),
                found: row.len(),
            });
        }
        if !point.is_finite() || row.iter().any(|y| !(y.re.is_finite() && y.im.is_finite())) {
            return Err(EmulateError::NotFinite {
                what: format!("the sample at {point}"),
            });
        }
        if !self.points.contains(&point) {
            self.points.push(point);
            self.values.push(row);
        }
        Ok(())
    }

    /// Number of points.
    #[must_use]
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// Whether there is no point.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Number of outputs; 0 without points.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.values.first().map_or(0, Vec::len)
    }

    /// The points, in the order they came.
    #[must_use]
    pub fn points(&self) -> &[f64] {
        &self.points
    }

    /// The values at each point.
    #[must_use]
    pub fn values(&self) -> &[Vec<c64>] {
        &self.values
    }

    /// The samples of these numbers.
    #[must_use]
    pub fn select(&self, numbers: &[usize]) -> Self {
        Self {
            points: numbers.iter().map(|&i| self.points[i]).collect(),
            values: numbers.iter().map(|&i| self.values[i].clone()).collect(),
        }
    }

    /// What an error is measured in, one row a sample and one number an output: `|y| + scale`.
    #[must_use]
    pub fn units(&self, scales: &[f64]) -> Vec<Vec<f64>> {
        let row = |row: &Vec<c64>| row.iter().zip(scales).map(|(y, s)| y.norm() + s).collect();
        self.values.iter().map(row).collect()
    }

    /// The typical size of each output: the median of its absolute value, or the largest where that is
    /// 0; 1 for an output that is 0 everywhere.
    #[must_use]
    pub fn scales(&self) -> Vec<f64> {
        (0..self.outputs())
            .map(|output| {
                let mut sizes: Vec<f64> =
                    self.values.iter().map(|row| row[output].norm()).collect();
                sizes.sort_by(f64::total_cmp);
                let (median, largest) = (sizes[sizes.len() / 2], sizes[sizes.len() - 1]);
                match (median > 0.0, largest > 0.0) {
                    (true, _) => median,
                    (false, true) => largest,
                    (false, false) => 1.0,
                }
            })
            .collect()
    }
}

/// The error of `answer` against `truth` in units of each output, the largest over outputs.
pub(crate) fn misfit(answer: &[c64], truth: &[c64], units: &[f64]) -> f64 {
    let each = answer.iter().zip(truth).zip(units);
    let errors = each.map(|((a, t), unit)| (a - t).norm() / unit);
    // A NaN is the worst error there is.
    errors.fold(0.0, |most, e| if e <= most { most } else { e })
}
