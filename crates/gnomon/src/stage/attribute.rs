//! Beside the answer: the simulations that the networks take as most like the data, whether they say
//! what the posterior says, and claims about that on fresh simulations.

mod claims;
mod gather;
mod nearest;

use std::path::PathBuf;
use std::time::Instant;

use gnomon_bank::Bank;
use gnomon_infer::Amortized;
use gnomon_infer::amortized::Question;
use gnomon_infer::attribution::Attributor;
use gnomon_report::content;

use super::answer::Answer;
use super::usable::Usable;
use crate::context::Context;
use crate::failure::Failure;
use crate::file;
use crate::population::{Population, runs_a_program};
use crate::stamp::{self, Cost, Stamp};
pub(super) use claims::STAGE as CLAIMS;
use gather::{Embedding, Wanted, gather};

pub(super) const STAGE: &str = "attribute";
const FOLDER: &str = "attribution";
/// Simulations that are searched, of each network's.
const MOST_SEARCHED: usize = 1_000_000;

/// The simulations that are searched for a study.
pub struct Attributors {
    /// By what tells the mechanisms apart; `None` with one mechanism.
    mechanism: Option<Attributor>,
    /// By what tells about each mechanism's parameters; `None` where it has none that are free.
    parameters: Vec<Option<Attributor>>,
}

/// A study's simulations, networks, and what the networks were made from.
#[derive(Clone, Copy)]
pub struct Learned<'a> {
    /// What runs the mechanisms.
    pub population: &'a Population<'a>,
    /// One bank a round.
    pub banks: &'a [Bank],
    /// The networks.
    pub amortized: &'a Amortized,
    /// A hash of what they were made from.
    pub from: &'a str,
}

/// Simulations that a report shows, of each mechanism.
const SHOWN: usize = 10;

/// The simulations most like the study's own data, and the claims about attribution; the claims alone where it
/// has no data, and nothing where it has several rounds.
///
/// # Errors
/// As [`run`].
pub fn of_answer(
    context: &Context,
    learned: Learned<'_>,
    answer: &Answer,
) -> Result<content::Attribution, Failure> {
    match refusal(context) {
        Some(_) => Ok(content::Attribution::default()),
        None => run(
            context,
            learned,
            context.study.data.as_deref(),
            answer,
            SHOWN,
        ),
    }
}

/// The simulations most like `data`, if there are any, at most `count` of each mechanism; beside them what the
/// posterior in `answer` says, and the claims about attribution. These are left out where a mechanism is a
/// program, whose fresh simulations would take its time.
///
/// # Errors
/// Where the study has several rounds, the bank is damaged, a network or simulator cannot be run, or
/// the disk refuses.
pub fn run(
    context: &Context,
    learned: Learned<'_>,
    data: Option<&[f64]>,
    answer: &Answer,
    count: usize,
) -> Result<content::Attribution, Failure> {
    if let Some(why) = refusal(context) {
        return Err(why);
    }
    let usable = Usable::new(context, learned.banks)?;
    let attributors = stored(context, learned, &usable)?;
    let dear = context.study.mechanisms.iter().any(runs_a_program);
    Ok(content::Attribution {
        given: match data {
            None => Vec::new(),
            Some(data) => {
                nearest::given(context, learned, &usable, &attributors, data, answer, count)?
            }
        },
        claims: match dear {
            true => Vec::new(),
            false => claims::run(context, learned, &usable, &attributors)?,
        },
    })
}

/// Why simulations of several rounds say nothing by their number: they do not follow one prior.
#[must_use]
pub fn refusal(context: &Context) -> Option<Failure> {
    (context.study.simulate.rounds > 1).then(|| {
        Failure::refused(
            "simulations of several rounds do not follow one prior, so those near the data are no \
             posterior",
            "leave `[simulate] rounds` out and learn anew",
        )
    })
}

/// The simulations that are searched: those of the disk, or gathered from the bank where the networks
/// or the bank have changed.
fn stored(
    context: &Context,
    learned: Learned<'_>,
    usable: &Usable<'_>,
) -> Result<Attributors, Failure> {
    let done = Stamp::read(&context.results(), STAGE);
    if done.is_some_and(|stamp| stamp.made_from == learned.from)
        && let Some(stored) = read(context, learned.amortized)
    {
        return Ok(stored);
    }
    Stamp::remove(&context.results(), STAGE);
    let began = Instant::now();
    let questions = questions(learned.amortized, context.study.mechanisms.len());
    let wanted = questions.iter().map(|&question| Wanted {
        question,
        embedding: Embedding::Trained,
        most: MOST_SEARCHED,
    });
    let found = gather(context, usable, learned.amortized, wanted.collect())?;
    let mut searched = 0;
    let mut all = Attributors {
        mechanism: None,
        parameters: vec![None; context.study.mechanisms.len()],
    };
    for (question, attributor) in questions.into_iter().zip(found) {
        if let Some(attributor) = &attributor {
            let bytes = attributor.to_bytes();
            let bytes = bytes.map_err(|error| Failure::Outside(error.to_string()))?;
            file::write(&path(context, question), &bytes)?;
            searched += attributor.simulations().numbers.len();
        }
        match question {
            Question::Mechanism => all.mechanism = attributor,
            Question::Parameters(mechanism) => all.parameters[mechanism] = attributor,
        }
    }
    let cost = Cost {
        what: "simulations placed in the networks' features".into(),
        count: searched as u64,
        seconds: began.elapsed().as_secs_f64(),
        per_query: false,
    };
    Stamp {
        made_from: learned.from.to_owned(),
        cost: vec![cost],
    }
    .write(&context.results(), STAGE)?;
    Ok(all)
}

/// What is on the disk; `None` where a file is missing or damaged.
fn read(context: &Context, amortized: &Amortized) -> Option<Attributors> {
    let count = context.study.mechanisms.len();
    let mut all = Attributors {
        mechanism: None,
        parameters: vec![None; count],
    };
    for question in questions(amortized, count) {
        let bytes = std::fs::read(path(context, question)).ok()?;
        let attributor = Some(Attributor::from_bytes(&bytes).ok()?);
        match question {
            Question::Mechanism => all.mechanism = attributor,
            Question::Parameters(mechanism) => all.parameters[mechanism] = attributor,
        }
    }
    Some(all)
}

/// The questions that networks were trained on.
fn questions(amortized: &Amortized, mechanisms: usize) -> Vec<Question> {
    let all = [Question::Mechanism].into_iter();
    all.chain((0..mechanisms).map(Question::Parameters))
        .filter(|&question| amortized.networks().of(question).is_some())
        .collect()
}

fn path(context: &Context, question: Question) -> PathBuf {
    let name = match question {
        Question::Mechanism => "mechanism".to_owned(),
        Question::Parameters(mechanism) => {
            format!("parameters-of-{}", context.study.mechanisms[mechanism].name)
        }
    };
    context.results().join(FOLDER).join(name + ".safetensors")
}

/// A hash of what claims about attribution are made from.
fn claimed_from(context: &Context, learned_from: &str) -> String {
    stamp::hash(&[learned_from, &format!("{:?}", context.study.claims)])
}
