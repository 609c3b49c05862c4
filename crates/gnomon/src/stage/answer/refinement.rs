//! The network's answer, corrected by the mechanisms' likelihoods where they have one or it can be
//! estimated.

mod particles;

use std::time::Instant;

use gnomon_infer::refine::{Agreement, Method, Problem, Refined, SAME_EVIDENCE, SAME_MEAN};
use gnomon_infer::{Amortized, InferError};
use gnomon_learn::matrix::Matrix;
use gnomon_mechanism::elementary::exp;
use gnomon_mechanism::model::Observed;
use gnomon_mechanism::{Mechanism, Study};
use gnomon_report::content::{Claim, Control, Refinement, Settling, Standing, Subject, Verdict};
use gnomon_simulate::{draw_parameters, log_likelihood};

use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt;
use crate::population::Population;
use particles::{Estimated, estimated};

/// Whether the network's answer is to be refined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refine {
    /// No: the amortized answer.
    Never,
    /// Where it costs less than a minute.
    Affordable,
    /// In any case.
    Always,
}

/// Likelihoods that refining one mechanism and confirming it takes, more or less.
const USUAL_CALLS: f64 = 600_000.0;
/// Likelihoods that it may take at most, and where it is asked for in any case.
const BUDGET: [u64; 2] = [4_000_000, 40_000_000];
/// Likelihoods worked out to see what one costs: a few first, then more.
const TRIED: [u64; 2] = [16, 500];
/// Seconds that refinement may cost unless it is asked for.
const AFFORDABLE: f64 = 60.0;

/// Each mechanism's posterior, refined or with the reason why not.
pub(super) fn refine(
    context: &Context,
    population: &Population<'_>,
    amortized: &Amortized,
    given: &Matrix,
    data: &[f64],
    draws: usize,
    wish: Refine,
) -> Result<Vec<Result<Refined, String>>, Failure> {
    let study = &context.study;
    let count = study.mechanisms.len();
    if wish == Refine::Never {
        return Ok(vec![Err(String::new()); count]);
    }
    let places: Vec<Vec<usize>> = (0..count).map(|m| population.given_places(m)).collect();
    let own_data = |mechanism: usize| -> Vec<f64> {
        let mut own = vec![f64::NAN; study.mechanisms[mechanism].observed_count()];
        for (&place, &value) in places[mechanism].iter().zip(data) {
            own[place] = value;
        }
        own
    };
    let reasons: Vec<Option<String>> = study
        .mechanisms
        .iter()
        .enumerate()
        .map(|(index, mechanism)| {
            let lacking = || not_observed(mechanism, &own_data(index));
            mechanism.no_estimate(&study.given).or_else(lacking)
        })
        .collect();
    let own: Vec<Vec<f64>> = (0..count).map(own_data).collect();
    let problem = |mechanism: usize| Problem {
        amortized,
        mechanism,
        compiled: population.compiled(mechanism),
        given,
        data: &own[mechanism],
        particles: None,
        budget: BUDGET[usize::from(wish == Refine::Always)],
        confirm: true,
        stop: interrupt::flag(),
    };
    let in_closed_form = |mechanism: usize| {
        study.mechanisms[mechanism]
            .no_likelihood(&study.given)
            .is_none()
    };
    let mut seconds = 0.0;
    if wish == Refine::Affordable {
        for mechanism in (0..count).filter(|&m| reasons[m].is_none() && in_closed_form(m)) {
            interrupt::check()?;
            if amortized.coordinates(mechanism).dimension() > 0 && seconds <= AFFORDABLE {
                seconds += cost(context, population, mechanism, &own[mechanism])?;
            }
        }
        if seconds > AFFORDABLE {
            let why = format!(
                "refinement would take some {seconds:.0} seconds; `refine = true` under `[answer]` \
                 asks for it"
            );
            let why =
                |reason: Option<String>| Err(reason.map_or_else(|| why.clone(), no_likelihood));
            return Ok(reasons.into_iter().map(why).collect());
        }
    }
    let seed = context.seed_for("refinement");
    let random = (0..count).filter(|&m| reasons[m].is_none() && !in_closed_form(m));
    let random = random.map(problem).collect();
    let say = |text: &str| context.progress.say(text);
    let mut random = estimated(random, wish, AFFORDABLE - seconds, seed, say)?;
    let possible = reasons.iter().filter(|reason| reason.is_none()).count();
    let bar = context
        .progress
        .bar("refining", "mechanisms", possible as u64);
    let mut all = Vec::new();
    for (mechanism, reason) in reasons.into_iter().enumerate() {
        if let Some(reason) = reason {
            all.push(Err(no_likelihood(reason)));
            continue;
        }
        let problem = match random.remove(&mechanism) {
            None => problem(mechanism),
            Some(Estimated::By(problem)) => problem,
            Some(Estimated::Not(why)) => {
                all.push(Err(why));
                bar.inc(1);
                continue;
            }
        };
        all.push(match problem.refine(draws, seed) {
            Ok(refined) => Ok(refined),
            Err(
                error @ (InferError::Impossible | InferError::Unbounded | InferError::Unsettled),
            ) => Err(format!("the answer is the network's own, since {error}")),
            Err(InferError::Interrupted) => return Err(Failure::Interrupted),
            Err(InferError::Simulate(error)) => return Err(Failure::simulation(error)),
            Err(error) => return Err(Failure::damaged(error, "learn anew")),
        });
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(all)
}

/// Why data with missing entries have no likelihood, where the file gives it for whole data.
fn not_observed(mechanism: &Mechanism, data: &[f64]) -> Option<String> {
    let mut used = mechanism.likelihood_columns().into_iter();
    let missing = used.find(|&column| data[column].is_nan())?;
    let mut columns = mechanism.observed.iter().flat_map(Observed::columns);
    let name = columns.nth(missing).unwrap_or_default();
    Some(format!("its [likelihood] needs `{name}`, which is missing"))
}

fn no_likelihood(reason: String) -> String {
    format!("the answer is the network's own, since {reason}: it has no likelihood to refine by")
}

/// Why evidences of the mechanisms cannot be compared, if they cannot: a probability is no density.
pub(super) fn incomparable(study: &Study) -> Option<String> {
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
            "the mechanisms' probabilities are the network's own, since the likelihood of `{}` is known up to \
             a constant only",
            mechanism.name
        ));
    }
    let mixed = study.given.iter().find(|name| {
        let kinds = study.mechanisms.iter().filter_map(|m| discrete(m, name));
        let mut kinds: Vec<bool> = kinds.collect();
        kinds.dedup();
        kinds.len() > 1
    });
    mixed.map(|name| {
        format!(
            "the mechanisms' probabilities are the network's own, since `{name}` is a whole number in some \
             mechanisms and any number in others: evidences of the two cannot be compared"
        )
    })
}

/// Seconds that refining one mechanism will take, from a few likelihoods.
fn cost(
    context: &Context,
    population: &Population<'_>,
    mechanism: usize,
    data: &[f64],
) -> Result<f64, Failure> {
    let compiled = population.compiled(mechanism);
    let seed = context.seed_for("cost of refinement");
    let mut seconds = 0.0;
    for tried in TRIED {
        let numbers: Vec<u64> = (0..tried).collect();
        let parameters = draw_parameters(compiled, seed, &numbers);
        let began = Instant::now();
        log_likelihood(compiled, &parameters, data).map_err(Failure::simulation)?;
        seconds = began.elapsed().as_secs_f64() / tried as f64 * USUAL_CALLS;
        // The first few hold no thread busy for long: ten times too much is too much.
        if seconds > 10.0 * AFFORDABLE {
            break;
        }
    }
    Ok(seconds)
}

/// What is told of a refinement.
pub(super) fn in_words(mechanism: &Mechanism, refined: &Result<Refined, String>) -> Refinement {
    let up_to_constant = mechanism.likelihood.is_some_and(|l| l.up_to_constant);
    let mut words = of_name(&mechanism.name, refined);
    if up_to_constant && refined.is_ok() {
        if !words.because.is_empty() {
            words.because.push_str("; ");
        }
        words
            .because
            .push_str("ln evidence lacks a constant, as the [likelihood] of the file does");
    }
    words
}

fn of_name(mechanism: &str, refined: &Result<Refined, String>) -> Refinement {
    let refined = match refined {
        Ok(refined) => refined,
        Err(because) => {
            return Refinement {
                mechanism: mechanism.to_owned(),
                because: because.clone(),
                ..Refinement::default()
            };
        }
    };
    let confirmation = refined.confirmation;
    let (standing, because) = match confirmation.map(|c| (c, c.agreement())) {
        Some((_, Agreement::Same)) => (Standing::Exact, String::new()),
        Some((other, agreement)) => {
            let what = match agreement {
                Agreement::Different => "a start from the prior came to another answer",
                _ => "a start from the prior was not sure enough to confirm it",
            };
            let because = format!(
                "refined but not exact, since {what} (ln evidence {:.2} ± {:.2} instead of {:.2} ± \
                 {:.2}; means up to {:.2} posterior sds apart)",
                other.log_evidence,
                other.error,
                refined.log_evidence,
                refined.log_evidence_error,
                other.shift[1]
            );
            (Standing::Refined, because)
        }
        None if !refined.asked_for_confirmation => (
            Standing::Refined,
            "refined but not exact, since a start from the prior, which could confirm it, would take longer \
             than a minute; `refine = true` under `[answer]` asks for it"
                .to_owned(),
        ),
        None => (
            Standing::Refined,
            "refined but not exact, since a start from the prior came to no answer".to_owned(),
        ),
    };
    Refinement {
        mechanism: mechanism.to_owned(),
        standing,
        because,
        method: match (refined.method, refined.particles) {
            (Method::Importance, None) => "importance sampling".into(),
            (Method::Tempering, None) => "tempering".into(),
            (Method::Importance, Some(_)) => "importance sampling with a particle filter".into(),
            (Method::Tempering, Some(_)) => "tempering with a particle filter".into(),
        },
        particles: refined.particles.map_or(0, |p| p.count as u64),
        log_likelihood_sd: refined.particles.map_or(f64::NAN, |p| p.spread),
        effective: refined.effective,
        k_hat: refined.k_hat,
        log_evidence: refined.log_evidence,
        log_evidence_error: refined.log_evidence_error,
        calls: refined.calls,
        from_prior: confirmation.map_or([f64::NAN; 2], |c| [c.log_evidence, c.error]),
        progress: refined
            .progress
            .iter()
            .map(|at| Settling {
                calls: at.calls,
                log_evidence: at.log_evidence,
                error: at.error,
                effective: at.effective,
                shift: at.shift,
            })
            .collect(),
    }
}

/// The claim that a refined posterior is the exact one.
pub(super) fn claim(mechanism: &str, refined: &Refined) -> Claim {
    let mut claim = Claim {
        name: format!("refined posterior given {mechanism}"),
        statement: format!(
            "The refined posterior given `{mechanism}` is the exact one: started from the prior alone, \
             without the network, tempering comes to the same evidence and the same means."
        ),
        statistic: "difference of ln evidence between the two starts, nats".into(),
        tolerance: SAME_EVIDENCE,
        error_rate: 0.05,
        subject: Subject::Refined,
        ..Claim::default()
    };
    let Some(confirmation) = refined.confirmation else {
        claim.because = match refined.asked_for_confirmation {
            true => "the start from the prior came to no answer".into(),
            false => {
                "no start from the prior was made, which would take longer than a minute".into()
            }
        };
        return claim;
    };
    claim.inputs = confirmation.runs as u64;
    claim.estimate = (refined.log_evidence - confirmation.log_evidence).abs();
    claim.interval = confirmation.apart;
    claim.verdict = match confirmation.agreement() {
        Agreement::Same => Verdict::Survived,
        Agreement::Different => Verdict::Falsified,
        Agreement::Unclear => Verdict::Undecided,
    };
    let [least, most] = confirmation.shift;
    if least > SAME_MEAN {
        claim.because = format!("a posterior mean differs by at least {least:.2} posterior sds");
    } else if claim.verdict == Verdict::Undecided && most > SAME_MEAN {
        claim.because = format!("a posterior mean may differ by up to {most:.2} posterior sds");
    }
    claim.controls = vec![Control {
        name: format!("posterior means of the two starts differ by less than {SAME_MEAN} sds"),
        result: format!("the farthest by {least:.3} to {most:.3}"),
        behaved: most <= SAME_MEAN,
    }];
    claim
}

/// Mechanism probabilities by their evidences, with the standard error of each, where every
/// mechanism was refined.
pub(super) fn probabilities(
    weights: &[f64],
    all: &[Result<Refined, String>],
) -> Option<(Vec<f64>, Vec<f64>)> {
    let evidences: Vec<(f64, f64)> = all
        .iter()
        .map(|refined| {
            let refined = refined.as_ref().ok()?;
            // An evidence that was not confirmed is no better known than the two differ.
            let doubt = match refined.confirmation {
                Some(other) if other.agreement() != Agreement::Same => other.apart[1],
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
    use super::*;
    use gnomon_infer::Draws;
    use gnomon_infer::refine::Confirmation;

    fn refined(log_evidence: f64, log_evidence_error: f64) -> Result<Refined, String> {
        Ok(Refined {
            draws: Draws {
                scores: Matrix::default(),
                parameters: Vec::new(),
                derived: Vec::new(),
            },
            log_density: Vec::new(),
            method: Method::Importance,
            particles: None,
            asked_for_confirmation: true,
            effective: 1.0,
            k_hat: 0.1,
            log_evidence,
            log_evidence_error,
            calls: 1,
            progress: Vec::new(),
            confirmation: None,
        })
    }

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

    #[test]
    fn an_answer_that_nothing_confirmed_is_not_called_exact() {
        let words = of_name("m", &refined(-3.0, 0.1));
        assert_eq!(words.standing, Standing::Refined);
        assert!(words.because.contains("came to no answer"));
        let undecided = claim("m", &refined(-3.0, 0.1).unwrap());
        assert_eq!(undecided.verdict, Verdict::Undecided);
        let mut unasked = refined(-3.0, 0.1).unwrap();
        unasked.asked_for_confirmation = false;
        assert!(
            claim("m", &unasked)
                .because
                .contains("no start from the prior was made")
        );
        let words = of_name("m", &Ok(unasked));
        assert_eq!(words.standing, Standing::Refined);
        assert!(words.because.contains("would take longer than a minute"));
        let mut sure = refined(-3.0, 0.1).unwrap();
        sure.confirmation = Some(Confirmation {
            log_evidence: -3.1,
            error: 0.01,
            apart: [0.05, 0.15],
            shift: [0.0, 0.1],
            runs: 8,
        });
        assert_eq!(claim("m", &sure).verdict, Verdict::Survived);
        assert_eq!(of_name("m", &Ok(sure.clone())).standing, Standing::Exact);
        sure.confirmation = sure.confirmation.map(|c| Confirmation {
            shift: [0.3, 0.4],
            ..c
        });
        assert_eq!(claim("m", &sure).verdict, Verdict::Falsified);
        assert_eq!(of_name("m", &Ok(sure)).standing, Standing::Refined);
        assert_eq!(
            of_name("m", &Err("why".into())).standing,
            Standing::Amortized
        );
    }
}
