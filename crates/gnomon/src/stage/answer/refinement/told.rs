//! What is told of a refinement, and the claim that it is exact.

use gnomon_infer::refine::{Agreement, Method, Refined, SAME_EVIDENCE, SAME_MEAN, Unconfirmed};
use gnomon_mechanism::Mechanism;
use gnomon_report::content::{Claim, Control, Refinement, Settling, Standing, Subject, Verdict};

/// What is told of a refinement.
pub(in super::super) fn in_words(
    mechanism: &Mechanism,
    refined: &Result<Refined, String>,
) -> Refinement {
    let up_to_constant = mechanism.likelihood.is_some_and(|l| l.up_to_constant);
    let mut words = of_name(&mechanism.name, refined);
    if refined.is_ok() && mechanism.likelihood.is_none() && mechanism.no_filter().is_none() {
        words.on_grid = true;
        words.method.push_str(" with a grid filter");
    }
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
        Ok((_, Agreement::Same)) => (Standing::Exact, String::new()),
        Ok((other, agreement)) => {
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
        Err(why) => {
            let why = match why {
                Unconfirmed::NotAsked => {
                    "a start from the prior, which could confirm it, would take longer than a minute; \
                     `refine = true` under `[answer]` asks for it"
                }
                Unconfirmed::Late => {
                    "a start from the prior, which could confirm it, was stopped once refinement had taken a \
                     minute; `refine = true` under `[answer]` lets it go on"
                }
                Unconfirmed::NoEnd => "a start from the prior came to no answer",
            };
            let because = format!("refined but not exact, since {why}");
            (Standing::Refined, because)
        }
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
        on_grid: false,
        particles: refined.particles.map_or(0, |p| p.count as u64),
        log_likelihood_sd: refined.particles.map_or(f64::NAN, |p| p.spread),
        effective: refined.effective,
        k_hat: refined.k_hat,
        log_evidence: refined.log_evidence,
        log_evidence_error: refined.log_evidence_error,
        calls: refined.calls,
        tempered: refined.method == Method::Tempering,
        from_prior: confirmation.map_or([f64::NAN; 2], |c| [c.log_evidence, c.error]),
        prior_particles: confirmation.map_or(0, |c| c.particles as u64),
        progress: refined
            .progress
            .iter()
            .map(|at| Settling {
                tempered: at.method == Method::Tempering,
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
pub(in super::super) fn claim(mechanism: &str, refined: &Refined) -> Claim {
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
    let confirmation = match refined.confirmation {
        Ok(confirmation) => confirmation,
        Err(why) => {
            let why = match why {
                Unconfirmed::NotAsked => {
                    "no start from the prior was made, which would take longer than a minute"
                }
                Unconfirmed::Late => {
                    "the start from the prior was stopped once refinement had taken a minute"
                }
                Unconfirmed::NoEnd => "the start from the prior came to no answer",
            };
            claim.because = why.into();
            return claim;
        }
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

#[cfg(test)]
mod tests {
    use super::super::samples::refined;
    use super::*;
    use gnomon_infer::refine::Confirmation;

    #[test]
    fn an_answer_that_nothing_confirmed_is_not_called_exact() {
        let words = of_name("m", &refined(-3.0, 0.1));
        assert_eq!(words.standing, Standing::Refined);
        assert!(words.because.contains("came to no answer"));
        let undecided = claim("m", &refined(-3.0, 0.1).unwrap());
        assert_eq!(undecided.verdict, Verdict::Undecided);
        let mut unasked = refined(-3.0, 0.1).unwrap();
        unasked.confirmation = Err(Unconfirmed::NotAsked);
        assert!(
            claim("m", &unasked)
                .because
                .contains("no start from the prior was made")
        );
        let words = of_name("m", &Ok(unasked));
        assert_eq!(words.standing, Standing::Refined);
        assert!(words.because.contains("would take longer than a minute"));
        let mut late = refined(-3.0, 0.1).unwrap();
        late.confirmation = Err(Unconfirmed::Late);
        assert_eq!(claim("m", &late).verdict, Verdict::Undecided);
        let words = of_name("m", &Ok(late));
        assert_eq!(words.standing, Standing::Refined);
        assert!(words.because.contains("was stopped"));
        let mut sure = refined(-3.0, 0.1).unwrap();
        sure.confirmation = Ok(Confirmation {
            log_evidence: -3.1,
            error: 0.01,
            apart: [0.05, 0.15],
            shift: [0.0, 0.1],
            runs: 8,
            particles: 4_000,
        });
        assert_eq!(of_name("m", &Ok(sure.clone())).prior_particles, 4_000);
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
