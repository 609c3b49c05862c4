//! Answers to test data sets, as plain arrays; all are row-major.

use super::accuracy::{Accuracy, Errors};
use crate::ExamineError;
use crate::error::{finite, shape};

/// What was asked: the names that claims are made about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked {
    /// Each mechanism, with its parameters and derived quantities.
    pub given: Vec<(String, Vec<String>)>,
    /// Quantities averaged over mechanisms.
    pub shared: Vec<String>,
    /// The mechanisms among which probability is divided, if it is.
    pub mechanisms: Option<Vec<String>>,
    /// What is observed and not given.
    pub unseen: Vec<String>,
    /// Quantities of its whole paths, each with what it is of, among `unseen`.
    pub paths: Vec<(String, String)>,
    /// Mechanisms whose file writes their likelihood.
    pub likelihoods: Vec<String>,
    /// What the study claims of its own.
    pub accuracy: Vec<Accuracy>,
}

/// Answers to test data sets that nothing was fitted to.
#[derive(Clone, Debug, Default)]
pub struct Answers<'a> {
    /// Posteriors given the mechanism, over data sets of that mechanism.
    pub given: Vec<GivenMechanism<'a>>,
    /// Quantities averaged over mechanisms, over data sets of the mixture.
    pub shared: Vec<Quantity<'a>>,
    /// Mechanism probabilities, over data sets of the mixture.
    pub mechanisms: Option<MechanismForecasts<'a>>,
    /// Quantiles of what is observed and not given, over data sets of the mixture.
    pub unseen: Vec<UnseenQuantiles<'a>>,
    /// Quantities of its whole paths, each with what it is of, over data sets of the mixture.
    pub paths: Vec<(Quantity<'a>, &'a str)>,
    /// What written likelihoods tell, over data sets of their mechanism.
    pub likelihoods: Vec<LikelihoodForecasts<'a>>,
    /// Errors that the study claims something of.
    pub accuracy: Vec<Errors<'a>>,
}

/// The posterior of one mechanism's parameters for n data sets, L draws each.
#[derive(Clone, Copy, Debug)]
pub struct GivenMechanism<'a> {
    /// The mechanism's name.
    pub mechanism: &'a str,
    /// Names of its P parameters and derived quantities.
    pub parameters: &'a [String],
    /// n x D: what each posterior was given, or its embedding.
    pub data: &'a [f64],
    /// n x P: the true values.
    pub truths: &'a [f64],
    /// n x L x P: posterior draws.
    pub draws: &'a [f64],
    /// n: log posterior density at the truth, in nats.
    pub log_q_truth: &'a [f64],
    /// n x L: log posterior density at the draws, in nats.
    pub log_q_draws: &'a [f64],
    /// n: log prior density at the truth, in nats, in the same coordinates.
    pub log_prior_truth: &'a [f64],
}

impl GivenMechanism<'_> {
    /// The number n of data sets.
    #[must_use]
    pub fn data_sets(&self) -> usize {
        self.log_q_truth.len()
    }

    /// The number L of draws a data set.
    #[must_use]
    pub fn draws_per_set(&self) -> usize {
        self.log_q_draws.len() / self.data_sets().max(1)
    }

    pub(super) fn check(&self) -> Result<(), ExamineError> {
        let (n, p) = (self.data_sets(), self.parameters.len());
        let l = self.draws_per_set();
        let what = |array: &str| format!("{array} given `{}`", self.mechanism);
        shape(&what("parameters"), p, p.max(1))?;
        shape(&what("true values"), self.truths.len(), n * p)?;
        shape(
            &what("log densities of draws"),
            self.log_q_draws.len(),
            n * l,
        )?;
        shape(&what("draws"), self.draws.len(), n * l * p)?;
        shape(&what("log prior densities"), self.log_prior_truth.len(), n)?;
        let width = self.data.len() / n.max(1);
        shape(&what("data"), self.data.len(), n * width.max(1))?;
        // One draw is set aside for TARP's scale.
        if l < 2 {
            shape(&what("draws of a data set"), l, 2)?;
        }
        finite(&what("the true value"), self.truths, p)?;
        finite(&what("the log prior density"), self.log_prior_truth, 1)
    }
}

/// One quantity's posterior draws for n data sets.
#[derive(Clone, Copy, Debug)]
pub struct Quantity<'a> {
    /// Its name.
    pub name: &'a str,
    /// n: the true values.
    pub truths: &'a [f64],
    /// n x L: posterior draws.
    pub draws: &'a [f64],
}

impl Quantity<'_> {
    pub(super) fn check(&self) -> Result<(), ExamineError> {
        let n = self.truths.len();
        let l = self.draws.len() / n.max(1);
        shape(
            &format!("draws of `{}`", self.name),
            self.draws.len(),
            n * l.max(1),
        )?;
        finite(&format!("the true `{}`", self.name), self.truths, 1)
    }
}

/// Probabilities of M mechanisms for n data sets.
#[derive(Clone, Copy, Debug)]
pub struct MechanismForecasts<'a> {
    /// The mechanisms' names.
    pub names: &'a [String],
    /// M: their prior probabilities.
    pub prior: &'a [f64],
    /// n: the index of the mechanism that made each data set.
    pub truths: &'a [usize],
    /// n x M: their posterior probabilities.
    pub probabilities: &'a [f64],
}

impl MechanismForecasts<'_> {
    pub(super) fn check(&self) -> Result<(), ExamineError> {
        let (n, m) = (self.truths.len(), self.names.len());
        shape("mechanisms", m, m.max(1))?;
        shape("prior mechanism probabilities", self.prior.len(), m)?;
        shape("mechanism probabilities", self.probabilities.len(), n * m)?;
        finite("a mechanism probability", self.probabilities, m)?;
        match self
            .truths
            .iter()
            .position(|&t| t >= m || self.prior[t] <= 0.0)
        {
            None => Ok(()),
            Some(data_set) => {
                let what = "the log prior probability of the true mechanism".into();
                Err(ExamineError::NotFinite { what, data_set })
            }
        }
    }
}

/// Quantiles of the T entries of a series that is observed and not given, for n data sets.
#[derive(Clone, Copy, Debug)]
pub struct UnseenQuantiles<'a> {
    /// What the study calls it.
    pub label: &'a str,
    /// The number n of data sets.
    pub data_sets: usize,
    /// L: levels, increasing.
    pub levels: &'a [f64],
    /// n x T: the true entries; NaN where missing.
    pub truths: &'a [f64],
    /// n x T x L: quantiles, increasing.
    pub quantiles: &'a [f64],
}

impl UnseenQuantiles<'_> {
    pub(super) fn check(&self) -> Result<(), ExamineError> {
        let n = self.data_sets;
        let entries = self.truths.len() / n.max(1);
        let what = |array: &str| format!("{array} of `{}`", self.label);
        shape(&what("entries"), self.truths.len(), n * entries.max(1))?;
        let wanted = self.truths.len() * self.levels.len();
        shape(&what("quantiles"), self.quantiles.len(), wanted)?;
        finite(
            &what("a quantile"),
            self.quantiles,
            entries.max(1) * self.levels.len(),
        )
    }
}

/// Of the parameters that made each of n data sets and a draw of the network's posterior, in random
/// order, which ones did, by a written likelihood.
#[derive(Clone, Copy, Debug)]
pub struct LikelihoodForecasts<'a> {
    /// The mechanism's name.
    pub mechanism: &'a str,
    /// n: the probability that the first ones did.
    pub probabilities: &'a [f64],
    /// n: whether they did.
    pub first: &'a [bool],
}

impl LikelihoodForecasts<'_> {
    pub(super) fn check(&self) -> Result<(), ExamineError> {
        let n = self.first.len();
        let what = format!("probabilities by the likelihood of `{}`", self.mechanism);
        shape(&what, self.probabilities.len(), n)?;
        finite(&what, self.probabilities, 1)
    }
}
