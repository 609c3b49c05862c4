//! Likelihoods that a particle filter estimates: how many particles that takes, and whether it is worth
//! its cost.

use std::collections::HashMap;

use gnomon_infer::InferError;
use gnomon_infer::refine::{Pilot, Problem};

use super::Refine;
use crate::failure::Failure;
use crate::interrupt;

/// Estimates that importance sampling takes, more or less, and those of the start from the prior.
const USUAL: [f64; 2] = [6_000.0, 80_000.0];
/// How many times as long as expected it may take unless it is asked for.
const SLACK: f64 = 2.0;
/// The sd of the log-likelihood's estimate beyond which importance weights are chance.
const TOO_NOISY: f64 = 3.0;

/// A mechanism whose likelihood was to be estimated.
pub(super) enum Estimated<'a> {
    /// With these particles.
    By(Problem<'a>),
    /// Not at all, for this reason.
    Not(String),
}

/// Tries how many particles each of `problems` needs, and leaves out what takes more than `affordable`
/// seconds together: first the confirmations, then all. By the mechanisms' numbers.
pub(super) fn estimated<'a>(
    problems: Vec<Problem<'a>>,
    wish: Refine,
    affordable: f64,
    seed: u64,
    say: impl Fn(&str),
) -> Result<HashMap<usize, Estimated<'a>>, Failure> {
    let always = wish == Refine::Always;
    let mut found = HashMap::new();
    let (mut spent, mut tried) = (0.0, Vec::new());
    for problem in problems {
        interrupt::check()?;
        let go_on = |seconds: f64| always || spent + seconds * USUAL[0] <= affordable;
        let pilot = match problem.pilot(seed, go_on) {
            Ok(pilot) => pilot,
            Err(InferError::Interrupted) => return Err(Failure::Interrupted),
            Err(InferError::Simulate(error)) => return Err(Failure::simulation(error)),
            Err(error) => return Err(Failure::damaged(error, "learn anew")),
        };
        let (particles, seconds) = match pilot {
            Pilot::Enough(particles, seconds) => (particles, seconds),
            Pilot::Noisy(particles, seconds) if always && particles.spread <= TOO_NOISY => {
                (particles, seconds)
            }
            Pilot::Noisy(particles, _) => {
                let why = format!(
                    "the answer is the network's own, since its dynamics are random, and a particle filter's \
                     estimate of the log-likelihood has an sd of {:.1} even with {} particles",
                    particles.spread, particles.count
                );
                found.insert(problem.mechanism, Estimated::Not(why));
                continue;
            }
            Pilot::Dear(seconds) => {
                let why = too_dear(seconds * USUAL[0], "at least ");
                found.insert(problem.mechanism, Estimated::Not(why));
                continue;
            }
        };
        spent += seconds * USUAL[0];
        let usual = seconds * (USUAL[0] + USUAL[1]);
        if always && usual > affordable {
            say(&format!(
                "{}: a particle filter of {} particles will take some {:.0} minutes",
                problem.compiled.mechanism().name,
                particles.count,
                (usual / 60.0).ceil()
            ));
        }
        let particles = Some(particles);
        tried.push((
            Problem {
                particles,
                ..problem
            },
            seconds,
        ));
    }
    let confirmed: f64 = tried
        .iter()
        .map(|(_, seconds)| seconds * (USUAL[0] + USUAL[1]))
        .sum();
    let confirm = always || confirmed <= affordable;
    for (problem, seconds) in tried {
        let usual = USUAL[0] + if confirm { USUAL[1] } else { 0.0 };
        let limit = (SLACK * affordable / seconds).max(usual) as u64;
        let one = match always || spent <= affordable {
            true => Estimated::By(Problem {
                confirm,
                budget: if always {
                    problem.budget
                } else {
                    limit.min(problem.budget)
                },
                ..problem
            }),
            false => Estimated::Not(too_dear(seconds * USUAL[0], "some ")),
        };
        found.insert(problem.mechanism, one);
    }
    Ok(found)
}

fn too_dear(seconds: f64, about: &str) -> String {
    format!(
        "the answer is the network's own, since its dynamics are random, and to estimate its likelihood by a \
         particle filter would take {about}{seconds:.0} seconds; `refine = true` under `[answer]` asks for it"
    )
}
