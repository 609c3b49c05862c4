//! How an answer depends on its priors: posterior draws reweighed to another prior.
//!
//! A prior is changed in its own coordinates, where it is a standard normal: made narrower or wider,
//! or moved. For a log-normal prior that is its sd and its median on the logarithm's scale. The mean
//! weight is the ratio of the evidences. As in power-scaling (Kallioinen et al. 2024), nothing is
//! simulated or learned again.

use gnomon_learn::matrix::Matrix;
use gnomon_mechanism::elementary::ln;

use crate::refine::importance::{Weighted, weigh};

/// What is done to one parameter's prior.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Its sd becomes two thirds.
    Narrower,
    /// Its sd becomes one and a half.
    Wider,
    /// It moves down by half an sd.
    Lower,
    /// It moves up by half an sd.
    Higher,
}

impl Change {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Narrower, Self::Wider, Self::Lower, Self::Higher];

    /// Mean and sd of the changed prior, in units of the prior as it is.
    fn prior(self) -> (f64, f64) {
        match self {
            Self::Narrower => (0.0, 1.0 / 1.5),
            Self::Wider => (0.0, 1.5),
            Self::Lower => (-0.5, 1.0),
            Self::Higher => (0.5, 1.0),
        }
    }
}

/// Weights that make posterior draws (`scores`: draws x dimension) those under a changed prior of one
/// coordinate. `log_evidence` is ln of the changed over the present evidence.
#[must_use]
pub fn under(scores: &Matrix, coordinate: usize, change: Change) -> Weighted {
    let (mean, sd) = change.prior();
    let ratio = |row: usize| {
        let x = f64::from(scores.row(row)[coordinate]);
        let z = (x - mean) / sd;
        0.5 * (x * x - z * z) - ln(sd)
    };
    weigh(&(0..scores.rows()).map(ratio).collect::<Vec<f64>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use gnomon_mechanism::random::{Purpose, Stream};

    /// y = 1 is normal about x with sd .5, x standard normal: under a prior N(m, s^2) the evidence is
    /// N(1; m, s^2 + .25) and the posterior mean (m / s^2 + 4) / (1 / s^2 + 4).
    #[test]
    fn changed_priors_give_their_own_posterior_and_evidence() {
        let mut stream = Stream::new(3, Purpose::POSTERIOR, 0);
        let draws = (0..20_000).map(|_| (0.8 + 0.2f64.sqrt() * stream.normal()) as f32);
        let scores = Matrix::new(1, draws.collect());
        let log_evidence = |mean: f64, sd: f64| {
            let variance = sd * sd + 0.25;
            -0.5 * ((1.0 - mean).powi(2) / variance + variance.ln())
        };
        for change in Change::ALL {
            let (m, s) = change.prior();
            let weighted = under(&scores, 0, change);
            let exact = log_evidence(m, s) - log_evidence(0.0, 1.0);
            // 20,000 draws: an error of some .005.
            assert!((weighted.log_evidence - exact).abs() < 0.02, "{change:?}");
            let all = scores.values().iter().zip(&weighted.weights);
            let mean: f64 = all.map(|(&x, w)| f64::from(x) * w).sum();
            let exact = (m / (s * s) + 4.0) / (1.0 / (s * s) + 4.0);
            assert!(
                (mean - exact).abs() < 0.02,
                "{change:?}: {mean}, exact {exact}"
            );
            assert!(weighted.usable());
        }
    }
}
