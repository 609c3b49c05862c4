//! Mechanism probabilities by their evidences.

use gnomon_infer::refine::{Agreement, Refined};
use gnomon_mechanism::elementary::exp;
use gnomon_mechanism::{Mechanism, Study};

/// Why likelihoods of different mechanisms cannot be compared, if they cannot.
pub(crate) fn incomparable(study: &Study) -> Option<String> {
    let discrete = |mechanism: &Mechanism, name: &str| {
        let series = mechanism.observed.iter().find(|o| o.name == name);
        series.map(|series| series.distribution.family.is_discrete())
    };
    if study.mechanisms.len() < 2 {
        return None;
    }
    let up_to_constant = |m: &&Mechanism| m.likelihood.is_some_and(|l| l.up_to_constant);
    if let Some(mechanism) = study.mechanisms.iter().find(up_to_constant) {
        return Some(format!(
            "the likelihood of `{}` is known up to a constant only",
            mechanism.name
        ));
    }
    let given = study.given_names();
    let mixed = given.iter().find(|name| {
        let kinds = study.mechanisms.iter().filter_map(|m| discrete(m, name));
        let mut kinds: Vec<bool> = kinds.collect();
        kinds.dedup();
        kinds.len() > 1
    });
    mixed.map(|name| {
        format!(
            "`{name}` is a whole number in some mechanisms and any number in others, and a probability is no \
             density"
        )
    })
}

/// Mechanism probabilities by their evidences, with the standard error of each, where every
/// mechanism was refined.
pub(in super::super) fn probabilities(
    weights: &[f64],
    all: &[Result<Refined, String>],
) -> Option<(Vec<f64>, Vec<f64>)> {
    let evidences: Vec<(f64, f64)> = all
        .iter()
        .map(|refined| {
            let refined = refined.as_ref().ok()?;
            // An evidence that was not confirmed is no better known than the two differ.
            let doubt = match refined.confirmation {
                Ok(other) if other.agreement() != Agreement::Same => other.apart[1],
                _ => 0.0,
            };
            Some((refined.log_evidence, refined.log_evidence_error.max(doubt)))
        })
        .collect::<Option<_>>()?;
    let largest = evidences
        .iter()
        .map(|(log, _)| *log)
        .fold(f64::NEG_INFINITY, f64::max);
    let masses: Vec<f64> = evidences
        .iter()
        .zip(weights)
        .map(|((log, _), weight)| weight * exp(log - largest))
        .collect();
    let sum: f64 = masses.iter().sum();
    if !(sum.is_finite() && sum > 0.0) {
        return None;
    }
    let probabilities: Vec<f64> = masses.iter().map(|mass| mass / sum).collect();
    // d p_i / d log evidence_j = p_i (1[i = j] - p_j)
    let errors = (0..probabilities.len())
        .map(|i| {
            let terms = (0..probabilities.len()).map(|j| {
                let same = if i == j { 1.0 } else { 0.0 };
                (same - probabilities[j]) * evidences[j].1
            });
            probabilities[i] * terms.map(|term| term * term).sum::<f64>().sqrt()
        })
        .collect();
    Some((probabilities, errors))
}

#[cfg(test)]
mod tests {
    use super::super::samples::refined;
    use super::*;

    #[test]
    fn evidences_give_probabilities_with_their_errors() {
        let all = [refined(-1000.0, 0.1), refined(-1000.0 + 3f64.ln(), 0.0)];
        let (p, error) = probabilities(&[0.5, 0.5], &all).unwrap();
        assert!((p[0] - 0.25).abs() < 1e-12 && (p[1] - 0.75).abs() < 1e-12);
        // p (1 - p) times the error of the log odds.
        assert!((error[0] - 0.25 * 0.75 * 0.1).abs() < 1e-12);
        assert!((error[1] - error[0]).abs() < 1e-12);
        assert!(probabilities(&[0.5, 0.5], &[refined(0.0, 0.0), Err("no".into())]).is_none());
    }
}
