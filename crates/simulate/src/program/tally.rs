//! Failures counted in the order of rows, and the verdict that too many of them failed.

use std::collections::HashMap;

use gnomon_mechanism::model::{Program, Protocol};

use super::one_shot::{Files, filled};
use super::request::Requests;
use super::{Failure, ProgramError};

/// A program that failed in all of this many first simulations cannot do its work at all.
const FIRST: usize = 10;
/// No share is judged on fewer simulations than these.
const ENOUGH: usize = 20;
/// The probability of ending a batch early although the program fails no oftener than allowed.
const FALSE_ALARM: f64 = 1e-6;

/// Failures so far.
pub(super) struct Tally<'a> {
    program: &'a Program,
    requests: &'a Requests<'a>,
    tried: usize,
    failed: usize,
    /// What went wrong -> how often, and the first failure of its kind.
    reasons: HashMap<String, (usize, String)>,
}

impl<'a> Tally<'a> {
    pub(super) fn new(program: &'a Program, requests: &'a Requests<'a>) -> Self {
        Self {
            program,
            requests,
            tried: 0,
            failed: 0,
            reasons: HashMap::new(),
        }
    }

    /// Counts the next row; an error where going on makes no sense.
    pub(super) fn add(&mut self, failure: Option<&Failure>) -> Result<(), ProgramError> {
        self.tried += 1;
        if let Some(failure) = failure {
            self.failed += 1;
            self.reasons
                .entry(failure.what.clone())
                .or_insert_with(|| (0, failure.text()))
                .0 += 1;
        }
        let share = self.program.most_failures;
        if self.tried == FIRST && self.failed == FIRST && share < 1.0 {
            return Err(ProgramError::NeverAnswered {
                command: self.program.command.join(" "),
                folder: self.program.folder.clone(),
                tried: self.tried,
                reasons: self.commonest(),
                by_hand: self.by_hand(),
            });
        }
        if self.tried >= ENOUGH && surely_past(share, self.failed, self.tried) {
            return Err(self.too_many());
        }
        Ok(())
    }

    /// How the first simulation is tried in a shell.
    fn by_hand(&self) -> String {
        match &self.program.protocol {
            Protocol::JsonLines => format!(
                "echo '{}' | {}",
                self.requests.json_line(0),
                self.program.command.join(" ")
            ),
            Protocol::OneShot { ending } => {
                let files = Files {
                    output: format!("output{ending}").into(),
                    parameters: "parameters.json".into(),
                };
                let words = self.program.command.iter();
                let words = words.map(|word| filled(word, self.requests, 0, &files));
                let command = words.collect::<Vec<_>>().join(" ");
                if self
                    .program
                    .command
                    .iter()
                    .any(|w| w.contains("{parameters}"))
                {
                    let parameters = self.requests.parameters_json(0);
                    format!("echo '{parameters}' > parameters.json; {command}")
                } else {
                    command
                }
            }
        }
    }

    /// Judges the share at the end of a batch.
    pub(super) fn finish(&self) -> Result<(), ProgramError> {
        let past = self.failed as f64 > self.program.most_failures * self.tried as f64;
        if self.tried >= ENOUGH && past {
            return Err(self.too_many());
        }
        Ok(())
    }

    fn too_many(&self) -> ProgramError {
        ProgramError::TooManyFailures {
            command: self.program.command.join(" "),
            failed: self.failed,
            tried: self.tried,
            most_failures: self.program.most_failures,
            reasons: self.commonest(),
        }
    }

    fn commonest(&self) -> String {
        let mut reasons: Vec<(usize, &str)> = self
            .reasons
            .values()
            .map(|(times, example)| (*times, example.as_str()))
            .collect();
        reasons.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
        let lines: Vec<String> = reasons
            .iter()
            .take(3)
            .map(|(times, example)| format!("  {times} x {example}"))
            .collect();
        lines.join("\n")
    }
}

/// Whether `failed` of `tried` refutes, at any time it is asked, a failure probability of at most
/// `share`: the bet exp(n KL(failed / n || share)) / (n + 1), which is below the uniform mixture's
/// likelihood ratio, against Ville's inequality (Robbins 1970).
fn surely_past(share: f64, failed: usize, tried: usize) -> bool {
    let n = tried as f64;
    let seen = failed as f64 / n;
    if seen <= share {
        return false;
    }
    let term = |p: f64, q: f64| if p == 0.0 { 0.0 } else { p * (p / q).ln() };
    let divergence = term(seen, share) + term(1.0 - seen, 1.0 - share);
    n * divergence - (n + 1.0).ln() > -FALSE_ALARM.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_share_past_doubt_ends_a_batch_early() {
        assert!(surely_past(0.2, 20, 20));
        assert!(surely_past(0.0, 1, 20));
        assert!(!surely_past(0.2, 6, 20));
        assert!(surely_past(0.2, 300, 1000));
        assert!(!surely_past(0.2, 200, 1000));
        assert!(!surely_past(1.0, 1000, 1000));
        assert!(!surely_past(0.5, 0, 1000));
    }
}
