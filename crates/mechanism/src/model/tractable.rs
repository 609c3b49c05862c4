//! Whether a mechanism's likelihood can be worked out or estimated, and if not, why not.

use super::{Law, Mechanism};
use crate::distribution::Family;
use crate::expression::{Input, Node};

/// Combinations of latents' values that a likelihood sums over.
const MOST_COMBINATIONS: usize = 256;

impl Mechanism {
    /// Why the likelihood of the observed series `given` cannot be worked out, if it cannot.
    #[must_use]
    pub fn no_likelihood(&self, given: &[String]) -> Option<String> {
        if let Some(hidden) = self.hidden_acceptance(given) {
            return Some(hidden);
        }
        if self.likelihood.is_some() {
            let columns = self.observed.iter().flat_map(|observed| {
                std::iter::repeat_n(observed.name.as_str(), observed.times.len())
            });
            let series: Vec<&str> = columns.collect();
            let used = self.likelihood_columns().into_iter();
            let not_given = used
                .map(|column| series[column])
                .find(|name| !given.iter().any(|given| given == name));
            return not_given
                .map(|name| format!("its [likelihood] needs `{name}`, which is not given"));
        }
        if self.latent_values().is_none() {
            return Some("its latents cannot be summed over".into());
        }
        if let Some(changed) = self.changed_after(given) {
            return Some(changed);
        }
        match &self.dynamics.law {
            Law::Sde { .. } => {
                if let Some(why) = self.no_filter() {
                    return Some(format!("its dynamics are random, and {why}"));
                }
            }
            Law::Jumps { .. } | Law::Leaps { .. } => return Some("its dynamics are random".into()),
            Law::Program(_) => return Some("it is a program".into()),
            Law::Static | Law::Ode { .. } | Law::Map { .. } | Law::Response(_) => {}
        }
        self.without_noise(given)
    }

    /// Why a filter on a grid cannot work out the likelihood of random dynamics, if it cannot: it takes
    /// one noisy state, whose noise may depend on the time and the parameters, and which moves
    /// and is seen without events, flows or a look back.
    #[must_use]
    pub fn no_filter(&self) -> Option<String> {
        let Law::Sde { diffusion, .. } = &self.dynamics.law else {
            return Some("its dynamics are no stochastic differential equation".into());
        };
        let inputs = self.graph.inputs_of(diffusion);
        let moves = |input: &Input| matches!(input, Input::State(_));
        match self.dynamics.states.len() {
            _ if !self.dynamics.events.is_empty() => Some("events change its state".into()),
            _ if !self.dynamics.flows.is_empty() => {
                Some("a flow is a state beside the noisy one".into())
            }
            _ if !self.dynamics.lags.is_empty() => Some("what is observed looks back".into()),
            1 if inputs.iter().any(moves) => Some("its noise depends on its state".into()),
            1 => None,
            states => Some(format!("it has {states} states")),
        }
    }

    /// Whether the likelihood of the observed series `given` is worked out by that filter.
    #[must_use]
    pub fn is_filtered(&self, given: &[String]) -> bool {
        self.likelihood.is_none()
            && self.no_filter().is_none()
            && self.no_likelihood(given).is_none()
    }

    /// Why the likelihood of the observed series `given` cannot be estimated by a particle filter
    /// either, if it cannot.
    #[must_use]
    pub fn no_estimate(&self, given: &[String]) -> Option<String> {
        match &self.dynamics.law {
            _ if self.likelihood.is_some() => self.no_likelihood(given),
            Law::Sde { .. } | Law::Jumps { .. } | Law::Leaps { .. } => {
                let other = self.hidden_acceptance(given);
                let other = other.or_else(|| self.changed_after(given));
                if let Some(other) = other.or_else(|| self.looks_back(given)) {
                    return Some(other);
                }
                let without = self.without_noise(given)?;
                Some(format!("its dynamics are random and {without}"))
            }
            _ => self.no_likelihood(given),
        }
    }

    /// Says so where a condition of acceptance needs a series that is not `given`: then the data do not
    /// tell whether they were accepted.
    fn hidden_acceptance(&self, given: &[String]) -> Option<String> {
        let series = self
            .observed
            .iter()
            .flat_map(|observed| std::iter::repeat_n(observed.name.as_str(), observed.times.len()));
        let series: Vec<&str> = series.collect();
        self.acceptance.iter().find_map(|rule| {
            let inputs = self.graph.inputs_of(&[rule.condition]);
            let hidden = inputs.iter().find_map(|input| match input {
                Input::Observed(column) if !given.iter().any(|g| g == series[*column]) => {
                    Some(series[*column])
                }
                _ => None,
            })?;
            Some(format!(
                "whether it is accepted by `{}` depends on `{hidden}`, which is not given",
                rule.name
            ))
        })
    }

    /// Says so where one of the series `given` is rounded, or lacks entries by a rule that depends on more
    /// than the time.
    fn changed_after(&self, given: &[String]) -> Option<String> {
        self.observed.iter().find_map(|observed| {
            if !given.contains(&observed.name) {
                return None;
            }
            let by_time = |input: &Input| *input == Input::Time;
            let missing = observed.missing.map(|node| self.graph.inputs_of(&[node]));
            match (observed.rounded, missing) {
                (Some(_), _) => Some(format!("`{}` may be rounded", observed.name)),
                (None, Some(inputs)) if !inputs.iter().all(by_time) => Some(format!(
                    "which entries `{}` lacks depends on the simulation",
                    observed.name
                )),
                _ => None,
            }
        })
    }

    /// Says so where one of the series `given` depends on what was before.
    fn looks_back(&self, given: &[String]) -> Option<String> {
        let back = self.observed.iter().find(|observed| {
            let inputs = self.graph.inputs_of(&observed.distribution.arguments);
            given.contains(&observed.name) && inputs.iter().any(|i| matches!(i, Input::Lag(_)))
        });
        back.map(|observed| format!("`{}` looks back by lag(...)", observed.name))
    }

    /// Says so where one of the series `given` is observed without noise.
    fn without_noise(&self, given: &[String]) -> Option<String> {
        let exact = self.observed.iter().find(|observed| {
            observed.distribution.family == Family::Exact && given.contains(&observed.name)
        });
        exact.map(|observed| format!("`{}` is observed without noise", observed.name))
    }

    /// The observed columns that the file's own likelihood uses; none without one.
    #[must_use]
    pub fn likelihood_columns(&self) -> Vec<usize> {
        let log = self.likelihood.iter().map(|likelihood| likelihood.log);
        self.observed_columns_in(&log.collect::<Vec<_>>())
    }

    /// The observed columns that conditions of acceptance use.
    #[must_use]
    pub fn acceptance_columns(&self) -> Vec<usize> {
        let all = self.acceptance.iter().map(|rule| rule.condition);
        self.observed_columns_in(&all.collect::<Vec<_>>())
    }

    /// The conditions of acceptance that are of parameters alone: whether they hold is known without a
    /// simulation.
    #[must_use]
    pub fn conditions_of_parameters(&self) -> Vec<Node> {
        let all = self.acceptance.iter().map(|rule| rule.condition);
        all.filter(|&condition| {
            let inputs = self.graph.inputs_of(&[condition]);
            inputs
                .iter()
                .all(|input| matches!(input, Input::Parameter(_)))
        })
        .collect()
    }

    fn observed_columns_in(&self, nodes: &[Node]) -> Vec<usize> {
        let inputs = self.graph.inputs_of(nodes);
        let columns = inputs.iter().filter_map(|input| match input {
            Input::Observed(column) => Some(*column),
            _ => None,
        });
        columns.collect()
    }

    /// Every combination of values that the latents may have, where they are few; one of none
    /// where there are no latents.
    #[must_use]
    pub fn latent_values(&self) -> Option<Vec<Vec<f64>>> {
        let mut all = vec![Vec::new()];
        for latent in &self.latents {
            let arguments = &latent.prior.arguments;
            let most = match latent.prior.family {
                Family::Bernoulli => 1,
                Family::Categorical => arguments.len() - 1,
                Family::Binomial => {
                    let n = self.graph.as_constant(arguments[0])?;
                    (n < MOST_COMBINATIONS as f64).then_some(n as usize)?
                }
                _ => return None,
            };
            if all.len() * (most + 1) > MOST_COMBINATIONS {
                return None;
            }
            all = all
                .iter()
                .flat_map(|before| {
                    (0..=most).map(|value| {
                        let mut values = before.clone();
                        values.push(value as f64);
                        values
                    })
                })
                .collect();
        }
        Some(all)
    }
}
