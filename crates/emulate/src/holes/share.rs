//! The share of a space that is bad, bounded by fresh draws that guided nothing.

use gnomon_claim::exact::share_upper;
use serde::{Deserialize, Serialize};

use super::{Certificate, Grade};

/// What fresh draws said.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// Fresh draws.
    pub draws: usize,
    /// How many were bad.
    pub bad: usize,
    /// The probability that the bound is wrong, at most.
    pub error_rate: f64,
    /// The bad share is below this.
    pub bound: f64,
}

impl Share {
    /// The bound from so many draws: 1 - `error_rate`^(1 / draws) where none was bad, and that of Clopper
    /// & Pearson (1934) otherwise, of which it is the case.
    #[must_use]
    pub fn new(bad: usize, draws: usize, error_rate: f64) -> Self {
        let bound = if bad == 0 && draws > 0 {
            -(error_rate.ln() / draws as f64).exp_m1()
        } else {
            share_upper(bad, draws, error_rate)
        };
        Self {
            draws,
            bad,
            error_rate,
            bound,
        }
    }

    /// The certificate; none without draws. `what` is bad, `space` is what the share is of.
    #[must_use]
    pub fn certificate(&self, what: &str, space: &str) -> Option<Certificate> {
        (self.draws > 0).then(|| Certificate {
            grade: Grade::Statistical,
            excludes: format!(
                "no {what} of more than {} of {space}, {} %",
                percent(self.bound),
                trimmed(100.0 * (1.0 - self.error_rate)),
            ),
            cannot_exclude: format!("a {what} of less than {} of {space}", percent(self.bound)),
        })
    }
}

/// The error rate of the `attempt`-th certificate (from 1), of one that is tried until it holds: they add
/// up to `error_rate`, so that trying again costs what it must.
#[must_use]
pub fn error_rate_of_attempt(error_rate: f64, attempt: usize) -> f64 {
    error_rate / (attempt * (attempt + 1)) as f64
}

/// A share as a percentage of two digits.
#[must_use]
pub fn percent(share: f64) -> String {
    format!("{} %", trimmed(100.0 * share))
}

/// Three significant digits at most, zeros at the end left out.
fn trimmed(number: f64) -> String {
    let digits = 2 - number.abs().max(1e-300).log10().floor() as i32;
    let text = format!("{number:.*}", digits.clamp(0, 12) as usize);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_those_of_the_binomial() {
        let share = Share::new(0, 299, 0.05);
        assert!((share.bound - 0.009969).abs() < 1e-6);
        // P(Binomial(20, p) <= 1) = 0.05 at p = 0.21611.
        assert!((Share::new(1, 20, 0.05).bound - 0.216_11).abs() < 1e-5);
        assert_eq!(Share::new(0, 0, 0.05).bound, 1.0);
        assert_eq!(Share::new(0, 0, 0.05).certificate("a", "b"), None);
    }

    #[test]
    fn attempts_share_one_error_rate() {
        let spent: f64 = (1..10_000).map(|i| error_rate_of_attempt(0.05, i)).sum();
        assert!(spent < 0.05 && spent > 0.0499);
    }

    #[test]
    fn words_hold_the_share() {
        let certificate = Share::new(0, 9985, 0.05).certificate("bad region", "the prior's volume");
        assert_eq!(
            certificate.unwrap().excludes,
            "no bad region of more than 0.03 % of the prior's volume, 95 %"
        );
    }
}
