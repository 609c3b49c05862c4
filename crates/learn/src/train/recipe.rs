//! How a network is trained: everything that decides the result besides data and network.

use gnomon_mechanism::elementary;
use serde::{Deserialize, Serialize};

/// A training recipe. With 10,000 simulations of the mechanisms in `bench/learn/tasks` and 1,800 steps, a
/// learning rate of 1e-3 ends up to 0.3 nats worse than the default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipe {
    /// Seed of the starting weights, the held-out split and the shuffling.
    pub seed: u64,
    /// Examples a step.
    pub batch: usize,
    /// Most epochs.
    pub epochs: usize,
    /// Epochs without a better held-out loss before training stops.
    pub patience: usize,
    /// A loss is better where it is lower than the best before it by more than this.
    pub improvement: f64,
    /// Learning rate after the warm-up.
    pub learning_rate: f64,
    /// Steps over which the learning rate grows from 0.
    pub warm_up: u64,
    /// Learning rate at the end of the cosine decay, as a share of `learning_rate`; 1 for none.
    pub final_share: f64,
    /// Decoupled weight decay (0: plain Adam).
    pub weight_decay: f64,
    /// Gradients with a larger norm are scaled down to it.
    pub clip_norm: Option<f64>,
    /// Share of rows held out for early stopping; with 0 none are, and each epoch is judged by its mean
    /// training loss.
    pub validation: f64,
    /// The sd of normal noise that is added to each given column at every step, anew; empty for none. The
    /// held-out loss is measured with noise, too, the same at every epoch.
    pub noise: Vec<f32>,
    /// Steps over which weights are averaged exponentially; 0 for none. The averaged weights are
    /// the ones evaluated and kept.
    pub averaging: u64,
    /// Factor of the starting weights, which are uniform within 1 / sqrt(inputs) times it.
    pub initial_scale: f64,
    /// Whether examples in memory are taken in a new order at every epoch; blocks come as they are.
    pub shuffle: bool,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            seed: 1,
            batch: 200,
            epochs: 200,
            patience: 20,
            improvement: 0.0,
            learning_rate: 3e-3,
            warm_up: 100,
            final_share: 0.02,
            weight_decay: 0.0,
            clip_norm: Some(5.0),
            validation: 0.1,
            noise: Vec::new(),
            averaging: 0,
            initial_scale: 1.0,
            shuffle: true,
        }
    }
}

impl Recipe {
    /// Says what makes no sense for a network of `given` columns.
    pub(super) fn check(&self, given: usize) -> Result<(), String> {
        let positive = |what: &str, x: f64| {
            let fine = x.is_finite() && x > 0.0;
            if fine {
                Ok(())
            } else {
                Err(format!("{what} is {x}, and must be positive"))
            }
        };
        positive("batch", self.batch as f64)?;
        positive("epochs", self.epochs as f64)?;
        positive("patience", self.patience as f64)?;
        positive("learning_rate", self.learning_rate)?;
        positive("initial_scale", self.initial_scale)?;
        self.clip_norm
            .map_or(Ok(()), |norm| positive("clip_norm", norm))?;
        if !(0.0..1.0).contains(&self.validation) {
            return Err(format!(
                "validation is {}, and must be in [0, 1)",
                self.validation
            ));
        }
        if !(self.improvement >= 0.0 && self.improvement.is_finite()) {
            return Err(format!(
                "improvement is {}, and must not be negative",
                self.improvement
            ));
        }
        if !(0.0..=1.0).contains(&self.final_share) {
            return Err(format!(
                "final_share is {}, and must be in [0, 1]",
                self.final_share
            ));
        }
        let columns = self.noise.len();
        if columns > 0 && columns != given {
            return Err(format!("noise is given for {columns} columns of {given}"));
        }
        if let Some(sd) = self
            .noise
            .iter()
            .find(|sd| !(**sd >= 0.0 && sd.is_finite()))
        {
            return Err(format!("noise is {sd}, and must not be negative"));
        }
        if !(self.weight_decay >= 0.0 && self.weight_decay.is_finite()) {
            return Err(format!(
                "weight_decay is {}, and must not be negative",
                self.weight_decay
            ));
        }
        Ok(())
    }

    /// The learning rate by step.
    pub(super) fn schedule(&self, steps_per_epoch: u64) -> Schedule {
        Schedule {
            peak: self.learning_rate,
            warm_up: self.warm_up,
            end: (steps_per_epoch * self.epochs as u64).max(self.warm_up + 1),
            final_share: self.final_share,
        }
    }
}

/// Linear warm-up, then cosine decay (Loshchilov & Hutter 2017, without restarts).
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    peak: f64,
    warm_up: u64,
    end: u64,
    final_share: f64,
}

impl Schedule {
    /// The learning rate of step `step`, from 0.
    pub fn rate(&self, step: u64) -> f64 {
        if step < self.warm_up {
            return self.peak * (step + 1) as f64 / self.warm_up as f64;
        }
        let gone = (step - self.warm_up) as f64 / (self.end - self.warm_up) as f64;
        let cosine = 0.5 * (1.0 + elementary::cos(std::f64::consts::PI * gone.min(1.0)));
        self.peak * (self.final_share + (1.0 - self.final_share) * cosine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_and_falls_to_its_final_share() {
        let recipe = Recipe {
            learning_rate: 1e-3,
            warm_up: 10,
            epochs: 5,
            final_share: 0.1,
            ..Recipe::default()
        };
        let schedule = recipe.schedule(20);
        assert!((schedule.rate(0) - 1e-4).abs() < 1e-12);
        assert!((schedule.rate(10) - 1e-3).abs() < 1e-12);
        assert!((schedule.rate(55) - 0.55e-3).abs() < 1e-12);
        assert!((schedule.rate(100) - 1e-4).abs() < 1e-12);
    }
}
