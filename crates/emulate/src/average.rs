//! Averages over many inputs: the emulator's mean, put right by a few solves. Unbiased however wrong the
//! emulator is, holes included; what a poor emulator costs is precision, and that is told.

use crate::error::EmulateError;

/// The mean of a solver's output over a distribution of inputs.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Average {
    /// The estimate.
    pub mean: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// That of the mean of the same solves without the emulator.
    pub without: f64,
    /// The weight of the emulator.
    pub coefficient: f64,
    /// Inputs at which the solver was asked, the pilot's left out.
    pub solves: usize,
    /// Further inputs at which the emulator alone was asked.
    pub emulated: usize,
}

impl Average {
    /// The variance over that of the mean of the same solves alone: below 1 the emulator pays.
    #[must_use]
    pub fn variance_factor(&self) -> f64 {
        (self.standard_error / self.without).powi(2)
    }
}

/// What solver and emulator say at the same inputs.
#[derive(Clone, Copy, Debug)]
pub struct Pairs<'a> {
    /// One number an input.
    pub solver: &'a [f64],
    /// As many.
    pub emulator: &'a [f64],
}

impl Pairs<'_> {
    fn check(&self, least: usize) -> Result<(), EmulateError> {
        let found = self.emulator.len();
        if found != self.solver.len() || found < least {
            return Err(EmulateError::Shape {
                what: "answers of the emulator beside the solver's".into(),
                expected: self.solver.len().max(least),
                found,
            });
        }
        finite("the solver's answers", self.solver)?;
        finite("the emulator's answers", self.emulator)
    }
}

fn finite(what: &str, numbers: &[f64]) -> Result<(), EmulateError> {
    if numbers.iter().all(|x| x.is_finite()) {
        return Ok(());
    }
    Err(EmulateError::NotFinite { what: what.into() })
}

/// The coefficient with the least variance, cov(solver, emulator) / var(emulator), where
/// `emulated_per_solve` further inputs follow on each solve: it is shrunk by N / (N + n), as the emulator's own mean is uncertain, too. To be
/// estimated on a pilot, whose pairs are not used again: else the average is biased.
///
/// # Errors
/// [`EmulateError::Shape`] for fewer than three pairs or unequal lengths; [`EmulateError::NotFinite`].
pub fn coefficient(pilot: Pairs<'_>, emulated_per_solve: f64) -> Result<f64, EmulateError> {
    pilot.check(3)?;
    let (s, e) = (mean(pilot.solver), mean(pilot.emulator));
    let pairs = pilot.solver.iter().zip(pilot.emulator);
    let covariance: f64 = pairs.map(|(a, b)| (a - s) * (b - e)).sum();
    let own: f64 = pilot.emulator.iter().map(|b| (b - e).powi(2)).sum();
    let share = emulated_per_solve / (1.0 + emulated_per_solve);
    Ok(if own > 0.0 {
        share * covariance / own
    } else {
        0.0
    })
}

/// c mean of the emulator over `emulated` + mean of (solver - c emulator) over `pairs` (control variates,
/// with an estimated mean; Pasupathy et al. 2012). All inputs are independent draws.
///
/// # Errors
/// [`EmulateError::Shape`] for fewer than two inputs of either kind or unequal lengths;
/// [`EmulateError::NotFinite`] for a number that is none.
///
/// ```
/// use gnomon_emulate::average::{Pairs, average};
/// // The emulator is wrong by 1 everywhere: the average is not.
/// let solver = [1.0, 2.0, 3.0];
/// let emulator = [2.0, 3.0, 4.0];
/// let found = average(Pairs { solver: &solver, emulator: &emulator }, &[1.0, 3.0, 5.0], 1.0)?;
/// assert_eq!(found.mean, 2.0);
/// # Ok::<(), gnomon_emulate::EmulateError>(())
/// ```
pub fn average(
    pairs: Pairs<'_>,
    emulated: &[f64],
    coefficient: f64,
) -> Result<Average, EmulateError> {
    pairs.check(2)?;
    if emulated.len() < 2 {
        return Err(EmulateError::Shape {
            what: "answers of the emulator alone".into(),
            expected: 2,
            found: emulated.len(),
        });
    }
    finite("the emulator's answers", emulated)?;
    let both = pairs.solver.iter().zip(pairs.emulator);
    let rest: Vec<f64> = both.map(|(s, e)| s - coefficient * e).collect();
    let of_rest = variance_of_mean(&rest);
    let of_emulated = coefficient * coefficient * variance_of_mean(emulated);
    Ok(Average {
        mean: coefficient.mul_add(mean(emulated), mean(&rest)),
        standard_error: (of_rest + of_emulated).sqrt(),
        without: variance_of_mean(pairs.solver).sqrt(),
        coefficient,
        solves: rest.len(),
        emulated: emulated.len(),
    })
}

fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

fn variance_of_mean(numbers: &[f64]) -> f64 {
    let (centre, n) = (mean(numbers), numbers.len() as f64);
    numbers.iter().map(|x| (x - centre).powi(2)).sum::<f64>() / (n * (n - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gnomon_mechanism::random::{Purpose, Stream};

    /// A solver and an emulator that misses a bump of it, and is off elsewhere by a tenth.
    fn answers(x: f64) -> (f64, f64) {
        let bump = if (0.4..0.41).contains(&x) { 30.0 } else { 0.0 };
        (x * x + bump, 1.1 * x * x + 0.2)
    }

    #[test]
    fn it_is_unbiased_with_a_hole_and_says_its_error() {
        let (solves, emulated, repeats) = (200, 4000, 400u64);
        let truth = 1.0 / 3.0 + 0.3;
        let (mut means, mut told) = (Vec::new(), Vec::new());
        for repeat in 0..repeats {
            let mut stream = Stream::new(5, Purpose::PARAMETERS, repeat);
            let mut draws = |n: usize| -> (Vec<f64>, Vec<f64>) {
                (0..n).map(|_| answers(stream.uniform())).unzip()
            };
            let (pilot, own, alone) = (draws(50), draws(solves), draws(emulated).1);
            let pairs = |(solver, emulator)| Pairs { solver, emulator };
            let pilot = pairs((&pilot.0, &pilot.1));
            let c = coefficient(pilot, emulated as f64 / solves as f64).unwrap();
            let found = average(pairs((&own.0, &own.1)), &alone, c).unwrap();
            means.push(found.mean);
            told.push(found.standard_error.powi(2));
        }
        // Within five standard errors of 400 means: a false alarm in a million.
        let spread = variance_of_mean(&means);
        assert!((mean(&means) - truth).abs() < 5.0 * spread.sqrt());
        // Their variance is what was told, but for its own chance (7 %) and that of the variances told (3 %).
        let ratio = spread * repeats as f64 / mean(&told);
        assert!((0.65..1.4).contains(&ratio), "{ratio}");
    }

    #[test]
    fn a_perfect_emulator_leaves_its_own_sampling_error() {
        let mut stream = Stream::new(6, Purpose::PARAMETERS, 0);
        let xs: Vec<f64> = (0..100).map(|_| stream.uniform()).collect();
        let more: Vec<f64> = (0..10_000).map(|_| stream.uniform()).collect();
        let pairs = Pairs {
            solver: &xs,
            emulator: &xs,
        };
        let found = average(pairs, &more, 1.0).unwrap();
        assert!((found.variance_factor() - 0.01).abs() < 0.003);
        assert!((found.mean - 0.5).abs() < 5.0 * found.standard_error);
        let c = coefficient(pairs, 100.0).unwrap();
        assert!((c - 100.0 / 101.0).abs() < 1e-12);
    }

    #[test]
    fn wrong_input_is_refused() {
        let pairs = |solver, emulator| Pairs { solver, emulator };
        assert!(average(pairs(&[1.0, 2.0], &[1.0]), &[1.0, 2.0], 1.0).is_err());
        assert!(average(pairs(&[1.0, 2.0], &[1.0, f64::NAN]), &[1.0, 2.0], 1.0).is_err());
        assert!(average(pairs(&[1.0, 2.0], &[1.0, 2.0]), &[1.0], 1.0).is_err());
        assert_eq!(
            coefficient(pairs(&[1.0, 2.0, 3.0], &[1.0; 3]), 9.0).unwrap(),
            0.0
        );
        assert!(coefficient(pairs(&[1.0, 2.0], &[1.0, 2.0]), 9.0).is_err());
    }
}
