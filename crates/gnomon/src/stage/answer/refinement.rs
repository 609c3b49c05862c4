//! The network's answer, corrected by the mechanisms' likelihoods where they have one or it can be
//! estimated.

mod evidence;
mod particles;
mod told;

use std::time::{Duration, Instant};

use gnomon_infer::refine::{NEVER_LATE, Problem, Refined};
use gnomon_infer::{Amortized, InferError};
use gnomon_learn::matrix::Matrix;
use gnomon_mechanism::Mechanism;
use gnomon_mechanism::model::Observed;
use gnomon_simulate::{draw_parameters, log_likelihood};

use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt;
use crate::population::Population;
pub(crate) use evidence::incomparable;
pub(super) use evidence::probabilities;
use particles::{Estimated, estimated};
pub(super) use told::{claim, in_words};

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
/// The same where a filter works them out, which takes longer: for the refinement, and for its confirmation.
const USUAL_FILTERED: [f64; 2] = [6_000.0, 100_000.0];
/// Likelihoods that it may take at most, and where it is asked for in any case.
const BUDGET: [u64; 2] = [4_000_000, 40_000_000];
/// Likelihoods worked out to see what one costs: a few first, then more.
const TRIED: [u64; 2] = [16, 500];
/// Seconds that refinement may cost unless it is asked for: expected, and by the clock.
const AFFORDABLE: f64 = 60.0;
/// Timings of which the least counts, and seconds after which none is added.
const TIMINGS: usize = 5;
const TIMED: f64 = 1.0;

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
            mechanism.no_estimate(&study.given_names()).or_else(lacking)
        })
        .collect();
    let own: Vec<Vec<f64>> = (0..count).map(own_data).collect();
    let in_closed_form = |mechanism: usize| {
        study.mechanisms[mechanism]
            .no_likelihood(&study.given_names())
            .is_none()
    };
    let filtered = |mechanism: usize| study.mechanisms[mechanism].is_filtered(&study.given_names());
    let mut confirm_filtered = true;
    let began = Instant::now();
    let mut seconds = 0.0;
    // Of each mechanism, to leave later ones their time.
    let mut expected = vec![0.0; count];
    if wish == Refine::Affordable {
        // Of filters: with confirmations.
        let mut confirmed = 0.0;
        for mechanism in (0..count).filter(|&m| reasons[m].is_none() && in_closed_form(m)) {
            interrupt::check()?;
            if amortized.coordinates(mechanism).dimension() == 0 || seconds > AFFORDABLE {
                continue;
            }
            if filtered(mechanism) {
                let each = cost_of_filter(
                    context,
                    population,
                    amortized,
                    given,
                    mechanism,
                    &own[mechanism],
                )?;
                expected[mechanism] = each * USUAL_FILTERED[0];
                confirmed += each * USUAL_FILTERED[1];
            } else {
                expected[mechanism] = cost(context, population, mechanism, &own[mechanism])?;
            }
            seconds += expected[mechanism];
        }
        confirm_filtered = seconds + confirmed <= AFFORDABLE;
        if confirm_filtered {
            seconds += confirmed;
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
    let problem = |mechanism: usize| Problem {
        amortized,
        mechanism,
        compiled: population.compiled(mechanism),
        given,
        data: &own[mechanism],
        particles: None,
        budget: BUDGET[usize::from(wish == Refine::Always)],
        confirm: confirm_filtered || !filtered(mechanism),
        stop: interrupt::flag(),
        late: NEVER_LATE,
    };
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
        let kept: f64 = expected[mechanism + 1..].iter().sum();
        let time = Duration::from_secs_f64((AFFORDABLE - kept).max(0.0));
        let late = || wish == Refine::Affordable && began.elapsed() > time;
        let problem = Problem {
            late: &late,
            ..problem
        };
        all.push(match problem.refine(draws, seed) {
            Ok(refined) => Ok(refined),
            Err(InferError::Late) => Err(stopped()),
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
pub(crate) fn not_observed(mechanism: &Mechanism, data: &[f64]) -> Option<String> {
    let missing = |columns: Vec<usize>| columns.into_iter().find(|&column| data[column].is_nan());
    let (table, missing) = match missing(mechanism.likelihood_columns()) {
        Some(missing) => ("likelihood", missing),
        None => ("accept", missing(mechanism.acceptance_columns())?),
    };
    let mut columns = mechanism.observed.iter().flat_map(Observed::columns);
    let name = columns.nth(missing).unwrap_or_default();
    Some(format!("its [{table}] needs `{name}`, which is missing"))
}

fn stopped() -> String {
    format!(
        "the answer is the network's own, since refinement was stopped once it had taken {AFFORDABLE:.0} seconds; \
         `refine = true` under `[answer]` lets it go on"
    )
}

fn no_likelihood(reason: String) -> String {
    format!("the answer is the network's own, since {reason}: it has no likelihood to refine by")
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
    let timed = |tried: u64| {
        let numbers: Vec<u64> = (0..tried).collect();
        let parameters = draw_parameters(compiled, seed, &numbers);
        let began = Instant::now();
        log_likelihood(compiled, &parameters, data).map_err(Failure::simulation)?;
        Ok(began.elapsed().as_secs_f64() / tried as f64 * USUAL_CALLS)
    };
    let first = timed(TRIED[0])?;
    // The first few hold no thread busy for long: ten times too much is too much.
    if first > 10.0 * AFFORDABLE {
        return Ok(first);
    }
    least(|| timed(TRIED[1]))
}

/// The least of several timings: whatever else the machine does only adds to one.
fn least(mut timed: impl FnMut() -> Result<f64, Failure>) -> Result<f64, Failure> {
    let began = Instant::now();
    let mut least = timed()?;
    for _ in 1..TIMINGS {
        if began.elapsed().as_secs_f64() > TIMED {
            break;
        }
        least = least.min(timed()?);
    }
    Ok(least)
}

/// Seconds that a filter's likelihood takes, at draws of the network.
fn cost_of_filter(
    context: &Context,
    population: &Population<'_>,
    amortized: &Amortized,
    given: &Matrix,
    mechanism: usize,
    data: &[f64],
) -> Result<f64, Failure> {
    let tried = TRIED[0] as usize * 8;
    let seed = context.seed_for("cost of refinement");
    let drawn = amortized.draw(mechanism, given, tried, seed);
    let drawn = drawn.map_err(|error| Failure::damaged(error, "learn anew"))?;
    let timed = || {
        let began = Instant::now();
        log_likelihood(population.compiled(mechanism), &drawn.parameters, data)
            .map_err(Failure::simulation)?;
        Ok(began.elapsed().as_secs_f64() / tried as f64)
    };
    let first = timed()?;
    Ok(first.min(least(timed)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slow_timing_does_not_decide() {
        let mut timings = [3.0, 105.0, 0.2, 0.3, 0.4].into_iter();
        let least = least(|| Ok(timings.next().unwrap_or(f64::NAN))).unwrap();
        assert_eq!(least, 0.2);
    }
}

#[cfg(test)]
mod samples {
    use gnomon_infer::Draws;
    use gnomon_infer::refine::{Method, Unconfirmed};

    use super::*;

    /// A refined answer that nothing confirmed.
    pub(super) fn refined(log_evidence: f64, log_evidence_error: f64) -> Result<Refined, String> {
        Ok(Refined {
            draws: Draws {
                scores: Matrix::default(),
                parameters: Vec::new(),
                derived: Vec::new(),
            },
            log_density: Vec::new(),
            method: Method::Importance,
            particles: None,
            effective: 1.0,
            k_hat: 0.1,
            log_evidence,
            log_evidence_error,
            calls: 1,
            progress: Vec::new(),
            confirmation: Err(Unconfirmed::NoEnd),
        })
    }
}
