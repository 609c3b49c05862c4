//! Where log-likelihoods come from: a closed form, or a particle filter's estimates.

use gnomon_learn::matrix::Matrix;
use gnomon_simulate::{estimate_log_likelihood, log_likelihood};

use super::{Confirmation, FEWEST_EFFECTIVE, Method, Particles, Problem, Refined, importance};
use crate::amortized::InferError;

/// Points whose parameters and likelihoods are worked out between two looks at the interrupt flag and the
/// clock: of closed forms, and of filters.
const AT_ONCE: [usize; 2] = [20_000, 1_000];
/// Simulations that estimates make between two such looks.
const SIMULATIONS_AT_ONCE: usize = 500_000;

impl Problem<'_> {
    /// The log-likelihood at `rows` rows, or its estimate at points of numbers `first`, ...
    pub(super) fn log_likelihood(
        &self,
        parameters: &[Vec<f64>],
        rows: usize,
        first: u64,
    ) -> Result<Vec<f64>, InferError> {
        let Some(Particles { count, seed, .. }) = self.particles else {
            return Ok(log_likelihood(self.compiled, parameters, self.data)?);
        };
        let numbers: Vec<u64> = (first..first + rows as u64).collect();
        let data = self.data;
        Ok(estimate_log_likelihood(
            self.compiled,
            parameters,
            data,
            count,
            seed,
            &numbers,
        )?)
    }

    /// Points between two looks at the interrupt flag.
    pub(super) fn at_once(&self) -> usize {
        let particles = self.particles.map_or(1, |particles| particles.count);
        let most = AT_ONCE[usize::from(self.is_dear())];
        (SIMULATIONS_AT_ONCE / particles).clamp(1, most)
    }

    /// A mechanism whose parameters are all fixed: one likelihood is the evidence.
    pub(super) fn without_parameters(&self, draws: usize) -> Result<Refined, InferError> {
        let parameters = self.amortized.coordinates(self.mechanism).fixed(1);
        // One closed form is enough; estimates are averaged.
        let times = self.particles.map_or(1, |_| FEWEST_EFFECTIVE);
        let again = |column: &Vec<f64>| vec![column[0]; times];
        let parameters: Vec<Vec<f64>> = parameters.iter().map(again).collect();
        let logs = self.log_likelihood(&parameters, times, 0)?;
        let weighted = importance::weigh(&logs);
        let log_evidence = weighted.log_evidence;
        if log_evidence == f64::NEG_INFINITY {
            return Err(InferError::Impossible);
        }
        let error = match self.particles {
            None => 0.0,
            Some(_) => weighted.log_evidence_error,
        };
        let each = self.particles.map_or(1, |particles| particles.count);
        Ok(Refined {
            draws: self
                .amortized
                .draws_at(self.mechanism, Matrix::default(), draws),
            log_density: vec![0.0; draws],
            method: Method::Importance,
            particles: self.particles,
            effective: draws as f64,
            k_hat: f64::NAN,
            log_evidence,
            log_evidence_error: error,
            calls: (times * each) as u64,
            progress: Vec::new(),
            confirmation: Ok(Confirmation {
                log_evidence,
                error,
                apart: [0.0; 2],
                shift: [0.0; 2],
                runs: 1,
                particles: 0,
            }),
        })
    }
}
