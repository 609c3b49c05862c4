//! Claims of a study's own: answers are off by more than an error in at most a share of data sets. Each rests
//! on a companion: the same cannot be said without the data.

use super::{About, Settings, Statistic};
use gnomon_claim::{Assertion, Claim, Family, Inputs};

use crate::ExamineError;
use crate::error::shape;

/// What is claimed of one answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Accuracy {
    /// What is answered.
    pub of: String,
    /// What kind of answer it is.
    pub kind: AnswerKind,
    /// The error that may be exceeded; 0 of a mechanism.
    pub error: f64,
    /// The largest share of data sets with more.
    pub share: f64,
}

/// What an answer's error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerKind {
    /// 1 where the most probable mechanism is another one than the true one.
    Mechanism,
    /// How far a posterior's median is off.
    Quantity,
    /// How far the medians of a series are off, on average over its entries.
    Series,
}

/// Errors of the answers to n data sets.
#[derive(Clone, Debug)]
pub struct Errors<'a> {
    /// What is claimed of them.
    pub claimed: &'a Accuracy,
    /// n: those of the answers.
    pub answers: Vec<f64>,
    /// n: those of what the prior alone would say.
    pub without: Vec<f64>,
}

impl Errors<'_> {
    pub(super) fn check(&self) -> Result<(), ExamineError> {
        let what = format!("errors of `{}` without the data", self.claimed.of);
        shape(&what, self.without.len(), self.answers.len())
    }
}

/// Half-way between right and wrong.
const EITHER: f64 = 0.5;

impl Accuracy {
    fn name(&self) -> String {
        match self.kind {
            AnswerKind::Mechanism => {
                format!("the mechanism is right in {}", percent(1.0 - self.share))
            }
            _ => format!(
                "{} is within {} in {}",
                self.of,
                self.error,
                percent(1.0 - self.share)
            ),
        }
    }

    fn companion(&self) -> String {
        format!("without the data less: {}", self.name())
    }

    /// What is off, for sentences.
    fn off(&self) -> String {
        match self.kind {
            AnswerKind::Mechanism => {
                "the mechanism that is called most probable is another one than the true one".into()
            }
            AnswerKind::Quantity => format!(
                "the median of {} is off by more than {}",
                self.of, self.error
            ),
            AnswerKind::Series => format!(
                "the medians of {} are off by more than {} on average over its entries",
                self.of, self.error
            ),
        }
    }

    fn threshold(&self) -> f64 {
        match self.kind {
            AnswerKind::Mechanism => EITHER,
            AnswerKind::Quantity | AnswerKind::Series => self.error,
        }
    }
}

/// The claim, and the companion that it rests on.
pub(super) fn claims(accuracy: &Accuracy, settings: &Settings) -> [Claim; 2] {
    let share = percent(accuracy.share);
    [
        settings.claim(
            accuracy.name(),
            format!("In at most {share} of fresh data sets {}.", accuracy.off()),
            Family::Accuracy,
            "error of the answer",
            Assertion::ShareAtMost {
                threshold: accuracy.threshold(),
                share: accuracy.share,
            },
        ),
        settings.claim(
            accuracy.companion(),
            format!(
                "What the prior alone says is wrong more often: by it, in more than {share} of fresh data sets {}.",
                accuracy.off()
            ),
            Family::Accuracy,
            "1 where the prior's answer is within the error, else 0",
            Assertion::ShareAtMost {
                threshold: EITHER,
                share: 1.0 - accuracy.share,
            },
        ),
    ]
}

pub(super) fn statistics(errors: &Errors<'_>, settings: &Settings) -> [Statistic; 2] {
    let [claim, companion] = claims(errors.claimed, settings);
    let threshold = errors.claimed.threshold();
    let within = errors.without.iter();
    let within = within.map(|error| f64::from(u8::from(*error <= threshold)));
    let statistic = |claim: Claim, numbers: Vec<f64>, rests_on: Vec<String>| Statistic {
        claim,
        about: About::new(None, Some(&errors.claimed.of)),
        inputs: Inputs::Numbers(numbers),
        curve: None,
        rests_on,
    };
    let name = errors.claimed.companion();
    let within = within.collect();
    [
        statistic(claim, errors.answers.clone(), vec![name]),
        statistic(companion, within, Vec::new()),
    ]
}

fn percent(share: f64) -> String {
    let percent = (1e4 * share).round() / 100.0;
    format!("{percent}\u{a0}%")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::calibration::{Answers, examine};
    use gnomon_claim::Verdict;

    /// Errors that are uniform on (0, 1), those without the data on (0, `wider`). Binomial tails decide: with
    /// 2,000 data sets and shares 5 sd from the bounds a verdict is wrong with a probability below 1e-5.
    fn verdicts(error: f64, wider: f64) -> [Verdict; 2] {
        let claimed = Accuracy {
            of: "R0".into(),
            kind: AnswerKind::Quantity,
            error,
            share: 0.2,
        };
        let spread = |wider: f64| (0..2000).map(move |i| wider * (f64::from(i) + 0.5) / 2000.0);
        let answers = Answers {
            accuracy: vec![Errors {
                claimed: &claimed,
                answers: spread(1.0).collect(),
                without: spread(wider).collect(),
            }],
            ..Answers::default()
        };
        let examined = examine(&answers, &Settings::default(), 1, 1).unwrap();
        [examined[0].tested.verdict, examined[1].tested.verdict]
    }

    #[test]
    fn what_the_prior_says_as_well_is_vacuous() {
        use Verdict::{Falsified, Survived, Vacuous};
        assert_eq!(verdicts(0.9, 10.0), [Survived, Survived]);
        assert_eq!(verdicts(0.7, 10.0), [Falsified, Survived]);
        assert_eq!(verdicts(0.9, 1.0), [Vacuous, Falsified]);
    }
}
