//! Certification: fresh queries, on all of which the solver was asked, against what the cascade says.

use gnomon_claim::{
    Assertion, Claim, Control, Family, Inputs, Level, Subject, Test, Verdict, decide,
};
use gnomon_emulate::accept::BEYOND_ESTIMATE;
use gnomon_emulate::cascade::{Cascade, Opinion, Reason, error};
use gnomon_emulate::domain::Outside;
use gnomon_mechanism::study::Emulation;
use gnomon_report::content;

use super::known::Known;
use crate::failure::Failure;
use crate::stage::examine::in_words;

/// The name of the claim about the tolerance.
pub const WITHIN: &str = "within the tolerance";

/// What became of one fresh query.
pub struct Judged {
    /// What the learned map says, or why it says nothing.
    pub opinion: Result<Opinion, Reason>,
    /// How far that is from the solver, in tolerances; infinite where the solver failed, NaN where the
    /// learned map says nothing.
    pub error: f64,
    /// Whether it was accepted.
    pub is_accepted: bool,
    /// How far the bank's mean is from the solver, in tolerances.
    pub error_of_mean: f64,
}

/// Holds what a cascade says of a pool against the solver; `mean` is the bank's.
pub fn judge(cascade: &Cascade, pool: &Known, mean: &[f64]) -> Vec<Judged> {
    let opinions = cascade.opinions(&pool.queries, &pool.placed());
    let rows = opinions.into_iter().enumerate();
    rows.map(|(row, opinion)| {
        let off = |answer: &[f64]| match pool.failures[row] {
            Some(_) => f64::INFINITY,
            None => error(answer, pool.answers.row(row), &cascade.tolerances),
        };
        Judged {
            error: opinion.as_ref().map_or(f64::NAN, |own| off(&own.values)),
            is_accepted: opinion
                .as_ref()
                .is_ok_and(|own| cascade.acceptance.accepts(own.estimate)),
            error_of_mean: off(mean),
            opinion,
        }
    })
    .collect()
}

/// The claims about an emulator, but for those about what is conserved.
pub fn claims(emulation: &Emulation) -> [Claim; 2] {
    let percent = |share: f64| format!("{} %", 100.0 * share);
    let claim = |name: &str, statement: String, population: &str, statistic: &str, share| Claim {
        name: name.into(),
        statement,
        family: Family::Accuracy,
        subject: Subject::Emulated,
        level: Level::ThisNetwork,
        population: population.into(),
        statistic: statistic.into(),
        assertion: Assertion::ShareAtMost {
            threshold: 1.0,
            share,
        },
        error_rate: 1.0 - emulation.confidence,
        most_inputs: emulation.queries,
    };
    [
        claim(
            WITHIN,
            format!(
                "Of the answers that do not come from the solver, at most {} are off by more than the \
                 tolerance.",
                percent(emulation.level)
            ),
            "fresh queries from the prior that the emulator answers itself",
            "share of answers whose error is above the tolerance",
            emulation.level,
        ),
        claim(
            "error estimates",
            format!(
                "At most {} of the queries inside the domain have an error above its estimate, accepted or not.",
                percent(BEYOND_ESTIMATE)
            ),
            "fresh queries from the prior inside the domain",
            "share of queries whose error is above its estimate",
            BEYOND_ESTIMATE,
        ),
    ]
}

/// A claim, the statistics of its inputs, and the controls that were run for it.
pub type Seen = (Claim, Vec<f64>, Vec<Control>);

/// Tests the claims about an emulator, and others with them.
pub fn test(
    emulation: &Emulation,
    judged: &[Judged],
    others: Vec<Seen>,
    seed: u64,
    attempt: u32,
) -> Result<Vec<content::Claim>, Failure> {
    let [tolerance, estimates] = claims(emulation);
    let accepted: Vec<f64> = judged
        .iter()
        .filter(|j| j.is_accepted)
        .map(|j| j.error)
        .collect();
    let ratios: Vec<f64> = judged
        .iter()
        .filter_map(|j| j.opinion.as_ref().ok().map(|own| j.error / own.estimate))
        .map(|ratio| if ratio.is_nan() { f64::INFINITY } else { ratio })
        .collect();
    let of_mean: Vec<bool> = judged.iter().map(|j| j.error_of_mean > 1.0).collect();
    let mean_in_error = of_mean.iter().filter(|x| **x).count() as f64 / of_mean.len().max(1) as f64;
    let mut all: Vec<Seen> = vec![
        (tolerance, accepted, Vec::new()),
        (estimates, ratios, Vec::new()),
    ];
    all.extend(others);
    let (tested, untested): (Vec<Seen>, Vec<Seen>) = all
        .into_iter()
        .partition(|(_, inputs, _)| !inputs.is_empty());
    let tests: Vec<Test> = tested
        .into_iter()
        .map(|(claim, inputs, controls)| Test {
            attempt,
            controls,
            ..Test::new(claim, Inputs::Numbers(inputs), seed)
        })
        .collect();
    let decided = decide(&tests).map_err(|error| Failure::damaged(error, "emulate anew"))?;
    let mut all: Vec<content::Claim> = decided
        .into_iter()
        .map(|mut tested| {
            let is_trivial = tested.claim.name == WITHIN
                && mean_in_error <= emulation.level
                && tested.verdict == Verdict::Survived;
            if is_trivial {
                tested.verdict = Verdict::Vacuous;
            }
            let mut claim = in_words(&tested, false);
            if is_trivial {
                claim.because = format!(
                    "the bank's mean, whatever is asked, is within the tolerance as well (but for {:.2} % of \
                     queries)",
                    100.0 * mean_in_error
                );
            }
            claim
        })
        .collect();
    all.extend(untested.into_iter().map(|(claim, ..)| content::Claim {
        name: claim.name,
        statement: claim.statement,
        verdict: content::Verdict::Vacuous,
        because: "the emulator answers nothing itself".into(),
        statistic: claim.statistic,
        tolerance: claim.assertion.tolerance(),
        error_rate: claim.error_rate,
        subject: content::Subject::Emulated,
        ..content::Claim::default()
    }));
    Ok(all)
}

/// Why queries went to the solver, and how many for each reason; and how many the emulator answered.
pub fn sources(judged: &[Judged]) -> Vec<(String, u64)> {
    let count = |is: &dyn Fn(&Judged) -> bool| judged.iter().filter(|j| is(j)).count() as u64;
    let refused = |is: fn(&Reason) -> bool| move |j: &Judged| j.opinion.as_ref().is_err_and(is);
    let all: [(&str, u64); 5] = [
        ("answered by the emulator", count(&|j| j.is_accepted)),
        (
            "error estimate too large",
            count(&|j| j.opinion.is_ok() && !j.is_accepted),
        ),
        (
            "outside the bank's domain",
            count(&refused(|r| {
                matches!(
                    r,
                    Reason::OutsidePrior | Reason::Outside(Outside::Box(_) | Outside::Far)
                )
            })),
        ),
        (
            "where simulations failed",
            count(&refused(|r| matches!(r, Reason::Outside(Outside::Failed)))),
        ),
        (
            "refused by the learned map",
            count(&refused(|r| {
                matches!(r, Reason::Refused(_) | Reason::NoNumber(_))
            })),
        ),
    ];
    all.into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(words, count)| (words.to_owned(), count))
        .collect()
}
