//! The sealed pool of test data sets, and the networks' answers to them.

mod mixture;

use gnomon_examine::calibration::{
    Answers, Asked, GivenMechanism, LikelihoodForecasts, MechanismForecasts, Quantity,
    UnseenQuantiles,
};
use gnomon_infer::amortized::rows_of;
use gnomon_infer::truncation::Inside;
use gnomon_infer::{Amortized, Draws};
use gnomon_learn::matrix::Matrix;
use gnomon_mechanism::elementary::exp;
use gnomon_mechanism::random::{Purpose, Stream};
use gnomon_simulate::log_likelihood;

use super::super::learn;
use super::{claimed, learned, writes_likelihood};
use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt;
use crate::population::{Population, Simulated};
use crate::stamp;

pub(super) use mixture::{OfMixture, OfUnseen};

/// Data sets answered at once.
const BLOCK: usize = 500;
/// Marks the random streams of labels, apart from those of the claims' own tests.
const LABELS: u64 = 15 << 60;

/// Answers to the test data sets of one mechanism.
pub(super) struct OfMechanism {
    pub names: Vec<String>,
    data: Vec<f64>,
    pub truths: Vec<f64>,
    pub draws: Vec<f64>,
    pub log_q_truth: Vec<f64>,
    log_q_draws: Vec<f64>,
    log_prior_truth: Vec<f64>,
    labels: Labels,
}

/// Of the truth and a draw, which made each data set, by the file's likelihood; empty without one.
#[derive(Default)]
struct Labels {
    probabilities: Vec<f64>,
    first: Vec<bool>,
}

/// The networks' answers to every test data set.
pub(super) struct Tests {
    /// Each mechanism of which anything was learned, by its place.
    pub given: Vec<(usize, OfMechanism)>,
    pub mixture: OfMixture,
}

impl Tests {
    pub(super) fn new(
        context: &Context,
        population: &Population<'_>,
        amortized: &Amortized,
        seed: u64,
    ) -> Result<Self, Failure> {
        let study = &context.study;
        let learned = learned(study);
        let mixed = study.mechanisms.len() > 1 || !study.unseen.is_empty();
        let rounds = learned.len() + usize::from(mixed);
        let bar = context.progress.bar(
            "testing the claims",
            "data sets",
            (rounds * study.claims.data_sets) as u64,
        );
        let pool = Pool {
            context,
            population,
            amortized,
            seed,
            bar: &bar,
        };
        let given = learned
            .into_iter()
            .map(|mechanism| Ok((mechanism, pool.given(mechanism)?)))
            .collect::<Result<_, Failure>>()?;
        let mixture = if mixed {
            pool.mixture()?
        } else {
            OfMixture::default()
        };
        bar.finish_and_clear();
        Ok(Self { given, mixture })
    }

    pub(super) fn data_sets(&self) -> usize {
        let given: usize = self
            .given
            .iter()
            .map(|(_, own)| own.log_q_truth.len())
            .sum();
        given + self.mixture.truths.len()
    }

    pub(super) fn answers<'a>(&'a self, context: &'a Context, asked: &'a Asked) -> Answers<'a> {
        let study = &context.study;
        let given = self.given.iter().map(|(mechanism, own)| GivenMechanism {
            mechanism: &study.mechanisms[*mechanism].name,
            parameters: &own.names,
            data: &own.data,
            truths: &own.truths,
            draws: &own.draws,
            log_q_truth: &own.log_q_truth,
            log_q_draws: &own.log_q_draws,
            log_prior_truth: &own.log_prior_truth,
        });
        let mixture = &self.mixture;
        let shared = mixture.shared.iter();
        Answers {
            given: given.collect(),
            shared: shared
                .map(|(name, truths, draws)| Quantity {
                    name,
                    truths,
                    draws,
                })
                .collect(),
            unseen: study
                .unseen
                .iter()
                .zip(&mixture.unseen)
                .map(|(part, own)| UnseenQuantiles {
                    label: &part.label,
                    data_sets: mixture.truths.len(),
                    levels: &mixture.levels,
                    truths: &own.truths,
                    quantiles: &own.quantiles,
                })
                .collect(),
            paths: asked
                .paths
                .iter()
                .zip(&mixture.paths)
                .map(|((name, label), (truths, draws))| {
                    let quantity = Quantity {
                        name,
                        truths,
                        draws,
                    };
                    (quantity, label.as_str())
                })
                .collect(),
            likelihoods: self
                .given
                .iter()
                .filter(|(_, own)| !own.labels.first.is_empty())
                .map(|(mechanism, own)| LikelihoodForecasts {
                    mechanism: &study.mechanisms[*mechanism].name,
                    probabilities: &own.labels.probabilities,
                    first: &own.labels.first,
                })
                .collect(),
            accuracy: Vec::new(),
            mechanisms: (study.mechanisms.len() > 1).then_some(MechanismForecasts {
                names: &mixture.names,
                prior: &study.weights,
                truths: &mixture.truths,
                probabilities: &mixture.probabilities,
            }),
        }
    }
}

/// The sealed pool of test data sets.
struct Pool<'a> {
    context: &'a Context,
    population: &'a Population<'a>,
    amortized: &'a Amortized,
    seed: u64,
    bar: &'a indicatif::ProgressBar,
}

impl Pool<'_> {
    fn wrong(error: gnomon_infer::InferError) -> Failure {
        Failure::damaged(error, "learn anew")
    }

    /// Data sets as the networks read them, without the entries that the study's data lack.
    fn standardise(&self, mut given: Vec<f64>) -> Result<Matrix, Failure> {
        let width = self.context.study.given_columns().len();
        for row in given.chunks_exact_mut(width) {
            for entry in learn::missing_entries(self.context) {
                row[entry] = f64::NAN;
            }
        }
        self.amortized.standardise(&given).map_err(Self::wrong)
    }

    /// Answers to data sets of one mechanism.
    fn given(&self, mechanism: usize) -> Result<OfMechanism, Failure> {
        let study = &self.context.study;
        let claimed = claimed(study, mechanism);
        let draws = study.claims.draws;
        let mut own = OfMechanism {
            names: claimed.iter().map(|(_, name)| name.clone()).collect(),
            data: Vec::new(),
            truths: Vec::new(),
            draws: Vec::new(),
            log_q_truth: Vec::new(),
            log_q_draws: Vec::new(),
            log_prior_truth: Vec::new(),
            labels: Labels::default(),
        };
        let first = (mechanism as u64 + 1) << 40;
        let inside = Inside {
            amortized: self.amortized,
            mechanism,
            region: self.population.region(),
        };
        let log_mass = inside
            .log_mass(self.seed, interrupt::flag())
            .map_err(Failure::region)?;
        for block in blocks(study.claims.data_sets) {
            interrupt::check()?;
            let numbers: Vec<u64> = block.clone().map(|number| first | number as u64).collect();
            let simulated = self.population.of(mechanism, self.seed, &numbers)?;
            let given = self.standardise(simulated.given.clone())?;
            let rows = given.rows();
            let coordinates = self.amortized.coordinates(mechanism);
            let slices: Vec<&[f64]> = simulated.parameters.iter().map(Vec::as_slice).collect();
            let scores = coordinates.to_scores(&slices, self.seed, &simulated.simulations);
            let scores = rows_of(&scores);
            let seed = stamp::seed(&[
                "test posterior",
                &self.seed.to_string(),
                &block.start.to_string(),
            ]);
            let restricted = inside
                .draw(&given, draws, seed, interrupt::flag())
                .map_err(Failure::region)?;
            let (drawn, log_inside) = (restricted.draws, restricted.log_inside);
            let density = |given: &Matrix, scores: &Matrix| {
                self.amortized
                    .log_density_of_scores(mechanism, given, scores)
                    .map_err(Self::wrong)
            };
            let (mut log_q_truth, mut log_q_draws) =
                (density(&given, &scores)?, density(&given, &drawn.scores)?);
            // Posterior and prior inside the region and the conditions of parameters.
            for (row, inside) in log_inside.iter().enumerate() {
                log_q_truth[row] -= inside;
                let own = &mut log_q_draws[row * draws..(row + 1) * draws];
                own.iter_mut().for_each(|log_q| *log_q -= inside);
            }
            let log_prior: Vec<f64> = (0..rows)
                .map(|row| standard_normal(scores.row(row)) - log_mass)
                .collect();
            if writes_likelihood(study, mechanism) {
                // ln of prior over posterior at the truth, less the same at the first draw.
                let ratio = |row: usize| {
                    let first = row * draws;
                    let at_draw =
                        standard_normal(drawn.scores.row(first)) - log_mass - log_q_draws[first];
                    log_prior[row] - log_q_truth[row] - at_draw
                };
                let ratios: Vec<f64> = (0..rows).map(ratio).collect();
                self.label(mechanism, &simulated, &drawn, &ratios, &mut own.labels)?;
            }
            own.log_q_truth.extend(log_q_truth);
            own.log_q_draws.extend(log_q_draws);
            own.log_prior_truth.extend(log_prior);
            own.data
                .extend(given.values().iter().map(|&x| f64::from(x)));
            let truths: Vec<&Vec<f64>> = simulated
                .parameters
                .iter()
                .chain(&simulated.derived)
                .collect();
            let quantities: Vec<&[f64]> = drawn.quantities().collect();
            let place = |&(place, _): &(usize, String)| place;
            let claimed_truths: Vec<&[f64]> = claimed
                .iter()
                .map(place)
                .map(|k| truths[k].as_slice())
                .collect();
            let claimed_draws: Vec<&[f64]> =
                claimed.iter().map(place).map(|k| quantities[k]).collect();
            extend_by_rows(&mut own.truths, &claimed_truths, rows);
            extend_by_rows(&mut own.draws, &claimed_draws, rows * draws);
            self.bar.inc(block.len() as u64);
        }
        Ok(own)
    }

    /// Beside the parameters of each data set the first draw of the network's posterior; and what the
    /// file's likelihood says about which of the two made it.
    fn label(
        &self,
        mechanism: usize,
        simulated: &Simulated,
        drawn: &Draws,
        log_ratios: &[f64],
        labels: &mut Labels,
    ) -> Result<(), Failure> {
        let study = &self.context.study;
        let places = self.population.given_places(mechanism);
        let mut data = vec![f64::NAN; study.mechanisms[mechanism].observed_count()];
        let given = simulated.given.chunks_exact(places.len());
        for (row, (&number, given)) in simulated.simulations.iter().zip(given).enumerate() {
            for (&place, &value) in places.iter().zip(given) {
                data[place] = value;
            }
            let both = simulated.parameters.iter().zip(&drawn.parameters);
            let parameters: Vec<Vec<f64>> = both
                .map(|(truth, draws)| vec![truth[row], draws[row * study.claims.draws]])
                .collect();
            let logs = log_likelihood(self.population.compiled(mechanism), &parameters, &data)
                .map_err(Failure::simulation)?;
            // What the likelihood calls impossible has happened.
            let of_truth = if logs[0] == f64::NEG_INFINITY {
                0.0
            } else {
                1.0 / (1.0 + exp(logs[1] - logs[0] - log_ratios[row]))
            };
            let mut stream = Stream::new(self.seed, Purpose::CLAIM, LABELS | number);
            let truth_first = stream.uniform() < 0.5;
            labels.probabilities.push(match truth_first {
                true => of_truth,
                false => 1.0 - of_truth,
            });
            labels.first.push(truth_first);
        }
        Ok(())
    }
}

/// Appends `rows` rows of `columns` to `all`, row after row.
fn extend_by_rows(all: &mut Vec<f64>, columns: &[&[f64]], rows: usize) {
    for row in 0..rows {
        all.extend(columns.iter().map(|column| column[row]));
    }
}

fn blocks(total: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..total)
        .step_by(BLOCK)
        .map(move |start| start..(start + BLOCK).min(total))
}

fn standard_normal(scores: &[f32]) -> f64 {
    let term = |&x: &f32| -0.5 * (f64::from(x).powi(2) + std::f64::consts::TAU.ln());
    scores.iter().map(term).sum()
}
