//! Claims about attribution, tested on fresh simulations that nothing was fitted to.

use std::time::Instant;

use gnomon_claim::seal;
use gnomon_claim::uniformity::weighted_rank;
use gnomon_examine::attribution::{self as claims, Answers, Asked, GivenMechanism, Settings};
use gnomon_infer::amortized::{Question, rows_of};
use gnomon_infer::attribution::{Attributor, Targets, Weighted, mean_scores};
use gnomon_infer::excess::{Against, FIRST_POINTS};
use gnomon_infer::truncation::Inside;
use gnomon_learn::matrix::Matrix;
use gnomon_mechanism::model::Law;
use gnomon_mechanism::random::{Purpose, Stream};
use gnomon_report::content;

use super::gather::{Embedding, Eye, Wanted, gather};
use super::nearest::probabilities;
use super::{Attributors, Learned, claimed_from};
use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt;
use crate::stage::examine::{count_attempt, digest, in_words};
use crate::stage::learn;
use crate::stage::usable::Usable;
use crate::stamp::{self, Cost, Stamp};

pub(in crate::stage) const STAGE: &str = "attribute-claims";
const FILE: &str = "attribution/claims.json";
/// Simulations among which neighbours by one embedding are held against those by another.
const MOST_COMPARED: usize = 100_000;
/// Data sets whose attribution is held against the exact posterior.
const EXACT: usize = 1000;
/// Data sets at a time.
const AT_ONCE: usize = 500;
/// What a network's own neighbours are held against, in the order of the claims.
const RIVALS: usize = 2;

/// The verdicts; where they are not there, the claims are tested.
pub(super) fn run(
    context: &Context,
    learned: Learned<'_>,
    usable: &Usable<'_>,
    attributors: &Attributors,
) -> Result<Vec<content::Claim>, Failure> {
    let made_from = claimed_from(context, learned.from);
    let done = Stamp::read(&context.results(), STAGE);
    if done.is_some_and(|stamp| stamp.made_from == made_from)
        && let Some(verdicts) = context.read_result(FILE)
    {
        return Ok(verdicts);
    }
    Stamp::remove(&context.results(), STAGE);
    let began = Instant::now();
    let study = &context.study;
    let of = |mechanism: usize| attributors.parameters[mechanism].as_ref();
    let mechanisms: Vec<usize> = (0..study.mechanisms.len())
        .filter(|&mechanism| of(mechanism).is_some())
        .collect();
    let asked = Asked {
        given: mechanisms
            .iter()
            .map(|&m| study.mechanisms[m].name.clone())
            .collect(),
        exact: mechanisms.iter().map(|&m| is_exact(context, m)).collect(),
        mechanisms: attributors.mechanism.is_some(),
    };
    let settings = settings(context);
    let wrong = |error: &dyn std::fmt::Display| Failure::damaged(error, "learn anew");
    let written = claims::claims(&asked, &settings);
    let seed = seal::test_seed(&digest(learned.amortized), &written).map_err(|e| wrong(&e))?;
    let attempt = count_attempt(context, seed)?;
    let questions = mechanisms.iter().map(|&m| Question::Parameters(m));
    let questions: Vec<Question> = questions
        .chain(asked.mechanisms.then_some(Question::Mechanism))
        .collect();
    let embeddings = [
        Embedding::Trained,
        Embedding::Series,
        Embedding::Untrained(seed),
    ];
    let compared = questions.iter().flat_map(|&question| {
        embeddings.map(|embedding| Wanted {
            question,
            embedding,
            most: MOST_COMPARED,
        })
    });
    let compared = gather(context, usable, learned.amortized, compared.collect())?;
    // They are of the same simulations as those that are searched: there are some.
    let compared: Vec<Attributor> = compared.into_iter().flatten().collect();
    let work = (questions.len() * study.claims.data_sets) as u64;
    let bar = context
        .progress
        .bar("testing the claims", "data sets", work);
    let mut answers = Answers::default();
    for (&question, compared) in questions
        .iter()
        .zip(compared.chunks_exact(embeddings.len()))
    {
        let own = match question {
            Question::Mechanism => attributors.mechanism.as_ref(),
            Question::Parameters(mechanism) => of(mechanism),
        };
        let Some(own) = own else { continue };
        let eyes =
            embeddings.map(|embedding| Eye::new(context, learned.amortized, question, embedding));
        let test = Test {
            context,
            learned,
            own,
            eyes,
            compared,
            seed,
            bar: &bar,
        };
        match question {
            Question::Mechanism => answers.mechanisms = Some(test.mechanisms()?),
            Question::Parameters(mechanism) => answers.given.push(test.given(mechanism)?),
        }
    }
    bar.finish_and_clear();
    let tested = claims::examine(&asked, &answers, &settings, seed, attempt);
    let tested = tested.map_err(|error| wrong(&error))?;
    let verdicts: Vec<content::Claim> = tested.iter().map(|one| in_words(one, false)).collect();
    context.write(FILE, &verdicts)?;
    let cost = Cost {
        what: format!("test data sets attributed (attempt {attempt} at these)"),
        count: work,
        seconds: began.elapsed().as_secs_f64(),
        per_query: false,
    };
    Stamp {
        made_from,
        cost: vec![cost],
    }
    .write(&context.results(), STAGE)?;
    Ok(verdicts)
}

/// Whether the exact posterior of a mechanism's data sets can be had at little cost: its likelihood is in closed
/// form, and nothing is solved or simulated for it.
fn is_exact(context: &Context, mechanism: usize) -> bool {
    let own = &context.study.mechanisms[mechanism];
    let needed = own.likelihood_columns();
    let missing = !learn::missing_entries(context).is_empty();
    matches!(own.dynamics.law, Law::Static)
        && own.no_likelihood(&context.study.given_names()).is_none()
        && (!missing || needed.is_empty())
}

fn settings(context: &Context) -> Settings {
    let wishes = &context.study.claims;
    Settings {
        population: match learn::missing_entries(context).len() {
            0 => "fresh simulations from the prior".into(),
            n => format!("fresh simulations from the prior, without the {n} entries the data lack"),
        },
        error_rate: wishes.error_rate,
        most_inputs: wishes.data_sets,
        rank_tolerance: wishes.tolerance,
        ..Settings::default()
    }
}

/// The test of what one network's neighbours say.
struct Test<'a> {
    context: &'a Context,
    learned: Learned<'a>,
    /// All simulations that are searched.
    own: &'a Attributor,
    /// By the network, by the series, by the network before training.
    eyes: [Eye<'a>; 1 + RIVALS],
    /// Fewer simulations, the same ones by each.
    compared: &'a [Attributor],
    seed: u64,
    bar: &'a indicatif::ProgressBar,
}

impl Test<'_> {
    /// Over data sets of one mechanism.
    fn given(&self, mechanism: usize) -> Result<GivenMechanism, Failure> {
        let study = &self.context.study;
        let amortized = self.learned.amortized;
        let mut answers = GivenMechanism::default();
        let first = (mechanism as u64 + 1) << 40;
        for start in (0..study.claims.data_sets).step_by(AT_ONCE) {
            interrupt::check()?;
            let end = study.claims.data_sets.min(start + AT_ONCE);
            let numbers: Vec<u64> = (start..end).map(|number| first | number as u64).collect();
            let simulated = self.learned.population.of(mechanism, self.seed, &numbers)?;
            let columns: Vec<&[f64]> = simulated.parameters.iter().map(Vec::as_slice).collect();
            let coordinates = amortized.coordinates(mechanism);
            let truths = coordinates.to_scores(&columns, self.seed, &simulated.simulations);
            let truths = rows_of(&truths);
            let given = self.eyes[0].read(simulated.given.clone())?;
            let seed = stamp::seed(&["attribution", &self.seed.to_string(), &start.to_string()]);
            let draws = study.claims.draws;
            let inside = Inside {
                amortized,
                mechanism,
                region: None,
            };
            let restricted = inside.draw(&given, draws, seed, interrupt::flag());
            let drawn = restricted.map_err(Failure::region)?.draws;
            let own = self.own.attribute(&self.eyes[0].features(&given)?);
            let Targets::Scores(scores) = &self.own.simulations().targets else {
                continue;
            };
            for (row, weighted) in own.iter().enumerate() {
                let mut stream = Stream::new(
                    self.seed,
                    Purpose::CLAIM,
                    RANKS | simulated.simulations[row],
                );
                answers
                    .ranks
                    .push(rank(weighted, scores, truths.row(row), &mut stream));
                let drawn = (row * draws..(row + 1) * draws).map(|draw| drawn.scores.row(draw));
                answers
                    .shifts
                    .push(shift(&mean_scores(weighted, scores), drawn));
            }
            if is_exact(self.context, mechanism) && start < EXACT {
                let means: Vec<Vec<f64>> = (own.iter())
                    .map(|weighted| mean_scores(weighted, scores))
                    .collect();
                let shifts = self.exact_shifts(mechanism, &simulated.given, &means)?;
                answers.exact_shifts.extend(shifts);
                answers.exact_shifts.truncate(EXACT);
            }
            let error = |attributor: &Attributor, weighted: &Weighted, row: usize| {
                let Targets::Scores(scores) = &attributor.simulations().targets else {
                    return 0.0;
                };
                square(&mean_scores(weighted, scores), truths.row(row))
            };
            self.compare(&given, error, &mut answers.gains)?;
            self.bar.inc((end - start) as u64);
        }
        Ok(answers)
    }

    /// How far means lie from those of the exact posterior of each data set (the given columns, row after row),
    /// in its sds, on average over coordinates.
    fn exact_shifts(
        &self,
        mechanism: usize,
        given: &[f64],
        means: &[Vec<f64>],
    ) -> Result<Vec<f64>, Failure> {
        let population = self.learned.population;
        let own = &self.context.study.mechanisms[mechanism];
        let places = population.given_places(mechanism);
        let against = Against {
            networks: std::slice::from_ref(self.learned.amortized),
            mechanism,
            compiled: population.compiled(mechanism),
            points: FIRST_POINTS,
            stop: interrupt::flag(),
        };
        let missing = learn::missing_entries(self.context);
        let of = |(number, (row, means)): (usize, (&[f64], &Vec<f64>))| -> Result<f64, Failure> {
            interrupt::check()?;
            let mut row = row.to_vec();
            missing.iter().for_each(|&entry| row[entry] = f64::NAN);
            let mut data = vec![f64::NAN; own.observed_count()];
            for (&place, &value) in places.iter().zip(&row) {
                data[place] = value;
            }
            let seed = stamp::seed(&["exact", &self.seed.to_string(), &number.to_string()]);
            let found = against.moments(&row, &data, seed);
            let found = found.map_err(|error| Failure::damaged(error, "learn anew"))?;
            let Some(exact) = found else {
                return Ok(claims::FARTHEST);
            };
            let all = means.iter().zip(exact.mean.iter().zip(&exact.sd));
            let sum: f64 = all.map(|(own, (mean, sd))| (own - mean).abs() / sd).sum();
            Ok((sum / means.len().max(1) as f64).min(claims::FARTHEST))
        };
        let width = places.len();
        let rows = given.chunks_exact(width).zip(means).enumerate();
        rows.map(of).collect()
    }

    /// Over data sets of the mixture.
    fn mechanisms(&self) -> Result<claims::OverMechanisms, Failure> {
        let study = &self.context.study;
        let (amortized, population) = (self.learned.amortized, self.learned.population);
        let wrong = |error: gnomon_infer::InferError| Failure::damaged(error, "learn anew");
        let schema = population.schema(self.seed);
        let columns = study.given_columns();
        let places: Vec<usize> = columns
            .iter()
            .filter_map(|name| schema.position(name))
            .collect();
        let count = study.mechanisms.len();
        let mut answers = claims::OverMechanisms::default();
        for start in (0..study.claims.data_sets).step_by(AT_ONCE) {
            interrupt::check()?;
            let end = study.claims.data_sets.min(start + AT_ONCE);
            let numbers: Vec<u64> = (start as u64..end as u64).collect();
            let rows = population.rows(self.seed, &numbers)?;
            let kept: Vec<usize> = (0..rows.len())
                .filter(|&r| rows.failure[r].is_none())
                .collect();
            let entries = kept
                .iter()
                .flat_map(|&row| places.iter().map(move |&place| (place, row)));
            let given = entries
                .map(|(place, row)| rows.columns[place][row])
                .collect();
            let given = self.eyes[0].read(given)?;
            let stated = amortized.probabilities(&given).map_err(wrong)?;
            let own = self.own.attribute(&self.eyes[0].features(&given)?);
            for (weighted, stated) in own.iter().zip(stated.chunks_exact(count)) {
                let by_nearest = probabilities(self.learned, self.own, weighted);
                let both = by_nearest.iter().zip(stated);
                let distance = 0.5 * both.map(|(a, b)| (a - b).abs()).sum::<f64>();
                answers.distances.push(distance);
            }
            let error = |attributor: &Attributor, weighted: &Weighted, row: usize| {
                let by_nearest = probabilities(self.learned, attributor, weighted);
                let truth = rows.mechanism[kept[row]] as usize;
                let of =
                    |(class, p): (usize, &f64)| (p - f64::from(u8::from(class == truth))).powi(2);
                by_nearest.iter().enumerate().map(of).sum()
            };
            self.compare(&given, error, &mut answers.gains)?;
            self.bar.inc((end - start) as u64);
        }
        Ok(answers)
    }

    /// How much larger the error by each rival is than by the network's own features.
    fn compare(
        &self,
        given: &Matrix,
        error: impl Fn(&Attributor, &Weighted, usize) -> f64,
        gains: &mut [Vec<f64>; RIVALS],
    ) -> Result<(), Failure> {
        let mut errors: Vec<Vec<f64>> = Vec::new();
        for (eye, attributor) in self.eyes.iter().zip(self.compared) {
            let found = attributor.attribute(&eye.features(given)?);
            let all = found.iter().enumerate();
            errors.push(
                all.map(|(row, near)| error(attributor, near, row))
                    .collect(),
            );
        }
        for (gains, rival) in gains.iter_mut().zip(&errors[1..]) {
            gains.extend(
                rival
                    .iter()
                    .zip(&errors[0])
                    .map(|(theirs, own)| theirs - own),
            );
        }
        Ok(())
    }
}

/// Marks the random streams of ranks, apart from those of the claims' own tests.
const RANKS: u64 = 14 << 60;

/// The rank of the truth of one parameter, taken at random, among the weighted ones.
fn rank(weighted: &Weighted, scores: &Matrix, truth: &[f32], stream: &mut Stream) -> f64 {
    let place = stream.below(truth.len() as u64) as usize;
    let values = weighted
        .rows
        .iter()
        .map(|&row| f64::from(scores.row(row)[place]));
    let counts = weighted.weights.iter().map(|w| w * weighted.effective);
    weighted_rank(f64::from(truth[place]), values.zip(counts), stream)
}

/// The distance of means from those of draws, in the draws' sds, on average over coordinates.
fn shift<'a>(means: &[f64], draws: impl Iterator<Item = &'a [f32]> + Clone) -> f64 {
    let count = draws.clone().count() as f64;
    let one = |(place, mean): (usize, &f64)| {
        let own = || draws.clone().map(move |draw| f64::from(draw[place]));
        let centre = own().sum::<f64>() / count;
        let variance = own().map(|x| (x - centre).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
        (mean - centre).abs() / variance.sqrt()
    };
    means.iter().enumerate().map(one).sum::<f64>() / means.len().max(1) as f64
}

/// The squared distance from the truth, on average over coordinates.
fn square(means: &[f64], truth: &[f32]) -> f64 {
    let squares = means
        .iter()
        .zip(truth)
        .map(|(m, &t)| (m - f64::from(t)).powi(2));
    squares.sum::<f64>() / means.len().max(1) as f64
}
