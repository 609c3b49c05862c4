//! Fresh data sets, and the risk of every network at each of them.

use gnomon_infer::amortized::rows_of;
use gnomon_infer::excess::{Against, Excess, FIRST_POINTS, POINTS};
use gnomon_infer::{Amortized, DrawTable, InferError};
use gnomon_mechanism::elementary::{exp, ln};
use gnomon_mechanism::random::{Purpose, Stream};
use gnomon_simulate::log_likelihood;
use rayon::prelude::*;

use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt;
use crate::population::{Population, Simulated};
use crate::stage::answer::{incomparable, not_observed};
use crate::stage::learn;

/// Data sets answered between two looks at the interrupt flag.
const BLOCK: usize = 64;
/// A mechanism whose probability is below e to this power of another's needs no better evidence.
const NEGLIGIBLE: f64 = -20.0;

/// What tests all networks.
pub(super) struct Tester<'a> {
    pub context: &'a Context,
    pub population: &'a Population<'a>,
    /// By each number of simulations.
    pub networks: &'a [Amortized],
    pub budgets: &'a [u64],
    /// Of each mechanism, and of all together.
    pub data_sets: usize,
    pub seed: u64,
}

/// One network's risks.
pub(super) struct Measured {
    /// Of which parameters; `None` for the mechanism's network.
    pub mechanism: Option<String>,
    /// Why the risk is no excess over the exact predictor; empty where it is.
    pub because: String,
    /// At each data set in nats, one list a number of simulations.
    pub risk: Vec<Vec<f64>>,
    /// The mean excess squared error of the posterior mean, one a number of simulations; empty where
    /// there is none.
    pub squared: Vec<f64>,
    /// Data sets whose exact posterior was not found.
    pub left_out: u64,
}

/// Data sets of one mechanism, with what was found of each.
#[derive(Clone, Copy)]
struct Block<'a> {
    simulated: &'a Simulated,
    /// The given columns, row after row.
    given: &'a [f64],
    excess: &'a [Option<Excess>],
    /// Those that count.
    kept: &'a [usize],
}

/// All of it, with one row a data set.
pub(super) struct All {
    pub networks: Vec<Measured>,
    /// Data sets of each mechanism.
    pub given: DrawTable,
    /// Data sets of all mechanisms together.
    pub mechanisms: DrawTable,
}

impl Tester<'_> {
    /// Tests every network.
    pub fn all(&self) -> Result<All, Failure> {
        let study = &self.context.study;
        let count = study.mechanisms.len();
        let free = |m: &usize| self.networks[0].coordinates(*m).dimension() > 0;
        let several = usize::from(count > 1);
        let tested: Vec<usize> = (0..count).filter(free).collect();
        let bar = self.context.progress.bar(
            "testing the networks",
            "data sets",
            ((tested.len() + several) * self.data_sets) as u64,
        );
        let mut all = All {
            networks: Vec::new(),
            given: DrawTable::default(),
            mechanisms: DrawTable::default(),
        };
        if several > 0 {
            let own = self.mechanism(&mut all.mechanisms, &bar)?;
            all.networks.push(own);
        }
        for mechanism in tested {
            let own = self.parameters(mechanism, &mut all.given, &bar)?;
            all.networks.push(own);
        }
        bar.finish_and_clear();
        Ok(all)
    }

    /// Why a mechanism's exact posterior is not known, if it is not.
    fn unknown(&self, mechanism: usize) -> Option<String> {
        let study = &self.context.study;
        let own = &study.mechanisms[mechanism];
        let seen = vec![0.0; study.given_columns().len()];
        let lacking = || not_observed(own, &self.observed(mechanism, &self.without_missing(seen)));
        own.no_likelihood(&study.given_names()).or_else(lacking)
    }

    /// Data sets as the study's data are: without the entries that these lack.
    fn without_missing(&self, mut given: Vec<f64>) -> Vec<f64> {
        let width = self.context.study.given_columns().len();
        for row in given.chunks_exact_mut(width) {
            for entry in learn::missing_entries(self.context) {
                row[entry] = f64::NAN;
            }
        }
        given
    }

    /// A data set as a mechanism observes it.
    fn observed(&self, mechanism: usize, given: &[f64]) -> Vec<f64> {
        let own = &self.context.study.mechanisms[mechanism];
        let mut data = vec![f64::NAN; own.observed_count()];
        let places = self.population.given_places(mechanism);
        for (place, &value) in places.into_iter().zip(given) {
            data[place] = value;
        }
        data
    }

    /// Data sets of one mechanism, and the networks' risks at them.
    fn parameters(
        &self,
        mechanism: usize,
        table: &mut DrawTable,
        bar: &indicatif::ProgressBar,
    ) -> Result<Measured, Failure> {
        let because = self.unknown(mechanism).unwrap_or_default();
        let study = &self.context.study;
        let name = &study.mechanisms[mechanism].name;
        let width = study.given_columns().len();
        let mut own = Measured::new(Some(name.clone()), because, self.networks.len());
        for block in blocks(self.data_sets) {
            interrupt::check()?;
            let numbers = numbers(mechanism, block.clone());
            let simulated = self.population.of(mechanism, self.seed, &numbers)?;
            let given = self.without_missing(simulated.given.clone());
            let rows = simulated.simulations.len();
            let mut log_q = Vec::new();
            let mut excess: Vec<Option<Excess>> = vec![None; rows];
            if !own.because.is_empty() {
                log_q = self.log_density_of_truth(mechanism, &simulated, &given)?;
            } else {
                let all = given.par_chunks_exact(width).zip(&simulated.simulations);
                let all = all.map(|(given, &number)| self.excess(mechanism, given, number));
                excess = all.collect::<Result<_, _>>()?;
            }
            let mut kept = Vec::new();
            for row in 0..rows {
                match (&excess[row], own.because.is_empty()) {
                    (Some(excess), _) => own.add(&excess.risk, &excess.squared),
                    (None, true) => {
                        own.left_out += 1;
                        continue;
                    }
                    (None, false) => {
                        let loss: Vec<f64> = log_q.iter().map(|log_q| -log_q[row]).collect();
                        own.add(&loss, &[]);
                    }
                }
                kept.push(row);
            }
            let found = Block {
                simulated: &simulated,
                given: &given,
                excess: &excess,
                kept: &kept,
            };
            self.keep(mechanism, found, &own, table)?;
            bar.inc(block.len() as u64);
        }
        own.average();
        Ok(own)
    }

    /// ln q of the true parameters in the prior's coordinates, one list a network.
    fn log_density_of_truth(
        &self,
        mechanism: usize,
        simulated: &Simulated,
        given: &[f64],
    ) -> Result<Vec<Vec<f64>>, Failure> {
        let slices: Vec<&[f64]> = simulated.parameters.iter().map(Vec::as_slice).collect();
        let coordinates = self.networks[0].coordinates(mechanism);
        let scores = rows_of(&coordinates.to_scores(&slices, self.seed, &simulated.simulations));
        let of = |network: &Amortized| {
            let given = network.standardise(given)?;
            network.log_density_of_scores(mechanism, &given, &scores)
        };
        let all = self.networks.par_iter().map(of);
        all.collect::<Result<_, _>>().map_err(wrong)
    }

    /// The excess of every network at one data set; `None` where its exact posterior is not found.
    fn excess(
        &self,
        mechanism: usize,
        given: &[f64],
        number: u64,
    ) -> Result<Option<Excess>, Failure> {
        let against = self.against(mechanism, self.networks, FIRST_POINTS);
        self.measured(&against, given, number, f64::NEG_INFINITY)
    }

    /// ln p(data | mechanism), by points of the network that knows most; `None` where it is not found. One
    /// that seems to be below `least` is left at that.
    fn log_evidence(
        &self,
        mechanism: usize,
        given: &[f64],
        number: u64,
        least: f64,
    ) -> Result<Option<f64>, Failure> {
        let best = &self.networks[self.networks.len() - 1..];
        let against = self.against(mechanism, best, POINTS);
        let found = self.measured(&against, given, number, least)?;
        Ok(found.map(|found| found.log_evidence))
    }

    fn against<'b>(
        &'b self,
        mechanism: usize,
        networks: &'b [Amortized],
        points: usize,
    ) -> Against<'b> {
        Against {
            networks,
            mechanism,
            compiled: self.population.compiled(mechanism),
            points,
            stop: interrupt::flag(),
        }
    }

    fn measured(
        &self,
        against: &Against<'_>,
        given: &[f64],
        number: u64,
        least: f64,
    ) -> Result<Option<Excess>, Failure> {
        let mechanism = against.mechanism;
        let data = self.observed(mechanism, given);
        let seed = Stream::new(self.seed, Purpose::REFINEMENT, number).next_u64();
        match against.measure(given, &data, least, seed) {
            Ok(excess) => Ok(Some(excess)),
            Err(InferError::Impossible | InferError::Unsettled | InferError::Unbounded) => Ok(None),
            Err(InferError::Interrupted) => Err(Failure::Interrupted),
            Err(error) => Err(wrong(error)),
        }
    }

    /// Writes data sets down: parameters, data, and what was found.
    fn keep(
        &self,
        mechanism: usize,
        block: Block<'_>,
        own: &Measured,
        table: &mut DrawTable,
    ) -> Result<(), Failure> {
        let Block {
            simulated,
            given,
            excess,
            kept,
        } = block;
        let study = &self.context.study;
        let of = &study.mechanisms[mechanism];
        let names = of.parameters.iter().map(|p| p.name.clone());
        let mut names: Vec<String> = names.chain(study.given_columns()).collect();
        let width = study.given_columns().len();
        let parameters = simulated.parameters.iter();
        let mut columns: Vec<Vec<f64>> = parameters
            .map(|column| kept.iter().map(|&row| column[row]).collect())
            .collect();
        columns
            .extend((0..width).map(|k| kept.iter().map(|&row| given[row * width + k]).collect()));
        if own.because.is_empty() {
            let found: Vec<&Excess> = kept
                .iter()
                .filter_map(|&row| excess[row].as_ref())
                .collect();
            let slices: Vec<&[f64]> = simulated.parameters.iter().map(Vec::as_slice).collect();
            let prior = self.networks[0].coordinates(mechanism).log_prior(&slices);
            let exact = kept.iter().zip(&found).map(|(&row, found)| {
                let at: Vec<Vec<f64>> = slices.iter().map(|column| vec![column[row]]).collect();
                let data = self.observed(mechanism, &given[row * width..(row + 1) * width]);
                let likelihood = log_likelihood(self.population.compiled(mechanism), &at, &data)
                    .map_err(Failure::simulation)?;
                Ok(prior[row] + likelihood[0] - found.log_evidence)
            });
            names.extend(["log_evidence", "log_evidence_error", "log_density"].map(String::from));
            columns.push(found.iter().map(|found| found.log_evidence).collect());
            columns.push(found.iter().map(|found| found.log_evidence_error).collect());
            columns.push(exact.collect::<Result<_, Failure>>()?);
        }
        self.add_risks(own, kept.len(), &mut names, &mut columns);
        let slices: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        table.add(&of.name, &names, &slices);
        Ok(())
    }

    /// The last `rows` risks of every network, in columns of their own.
    fn add_risks(
        &self,
        own: &Measured,
        rows: usize,
        names: &mut Vec<String>,
        columns: &mut Vec<Vec<f64>>,
    ) {
        let what = if own.because.is_empty() {
            "excess"
        } else {
            "loss"
        };
        for (simulations, risk) in self.budgets.iter().zip(&own.risk) {
            names.push(format!("{what}_{simulations}"));
            columns.push(risk[risk.len() - rows..].to_vec());
        }
    }

    /// Data sets of all mechanisms together, and the risk of the network that tells which one.
    fn mechanism(
        &self,
        table: &mut DrawTable,
        bar: &indicatif::ProgressBar,
    ) -> Result<Measured, Failure> {
        let study = &self.context.study;
        let count = study.mechanisms.len();
        let unknown = (0..count).find_map(|m| {
            let why = self.unknown(m)?;
            Some(format!("of {} {why}", study.mechanisms[m].name))
        });
        let because = unknown.or_else(|| incomparable(study)).unwrap_or_default();
        let mut own = Measured::new(None, because, self.networks.len());
        let given_names = study.given_columns();
        let width = given_names.len();
        let schema = self.population.schema(self.seed);
        for block in blocks(self.data_sets) {
            interrupt::check()?;
            let numbers: Vec<u64> = block.clone().map(|i| i as u64).collect();
            let rows = self.population.rows(self.seed, &numbers)?;
            let succeeded = (0..rows.len()).filter(|&row| rows.failure[row].is_none());
            let succeeded: Vec<usize> = succeeded.collect();
            let places: Vec<usize> = given_names
                .iter()
                .filter_map(|name| schema.position(name))
                .collect();
            let given = succeeded.iter();
            let given = given.flat_map(|&row| places.iter().map(move |&place| (row, place)));
            let given = given.map(|(row, place)| rows.columns[place][row]).collect();
            let given = self.without_missing(given);
            let truths = succeeded.iter().map(|&row| rows.mechanism[row] as usize);
            let truths: Vec<usize> = truths.collect();
            let of_networks = self.networks.par_iter();
            let q: Vec<Vec<f64>> = of_networks
                .map(|network| network.probabilities(&network.standardise(&given)?))
                .collect::<Result<_, _>>()
                .map_err(wrong)?;
            let mut exact: Vec<Option<Vec<f64>>> = vec![None; truths.len()];
            if own.because.is_empty() {
                let all = given.par_chunks_exact(width).zip(&truths).zip(&succeeded);
                let all = all.map(|((given, &truth), &row)| {
                    self.probabilities(given, truth, rows.simulation[row])
                });
                exact = all.collect::<Result<_, _>>()?;
            }
            let mut kept = Vec::new();
            for (row, &truth) in truths.iter().enumerate() {
                let of = |q: &Vec<f64>, m: usize| {
                    ln(q[row * count + m].max(f64::from(f32::MIN_POSITIVE)))
                };
                let risk: Vec<f64> = match (&exact[row], own.because.is_empty()) {
                    (Some(p), _) => q.iter().map(|q| divergence(p, |m| of(q, m))).collect(),
                    (None, false) => q.iter().map(|q| -of(q, truth)).collect(),
                    (None, true) => {
                        own.left_out += 1;
                        continue;
                    }
                };
                own.add(&risk, &[]);
                kept.push(row);
            }
            let mut names = given_names.clone();
            let column = |k: usize| kept.iter().map(|&row| given[row * width + k]).collect();
            let mut columns: Vec<Vec<f64>> = (0..width).map(column).collect();
            if own.because.is_empty() {
                for (number, mechanism) in study.mechanisms.iter().enumerate() {
                    let own = kept.iter().filter_map(|&row| exact[row].as_ref());
                    names.push(format!("probability_{}", mechanism.name));
                    columns.push(own.map(|p| p[number]).collect());
                }
            }
            self.add_risks(&own, kept.len(), &mut names, &mut columns);
            let start = table.columns.first().map_or(0, Vec::len);
            let slices: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
            table.add("", &names, &slices);
            // The mechanism that made each data set.
            for (place, &row) in kept.iter().enumerate() {
                table.mechanism[start + place].clone_from(&study.mechanisms[truths[row]].name);
            }
            bar.inc(block.len() as u64);
        }
        own.average();
        Ok(own)
    }

    /// The mechanisms' exact probabilities by their evidences; `None` where one is not found.
    fn probabilities(
        &self,
        given: &[f64],
        truth: usize,
        number: u64,
    ) -> Result<Option<Vec<f64>>, Failure> {
        let weights = &self.context.study.weights;
        let mut logs = vec![f64::NEG_INFINITY; weights.len()];
        let others = (0..weights.len()).filter(|&m| m != truth);
        for mechanism in std::iter::once(truth).chain(others) {
            let weight = ln(weights[mechanism]);
            let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let least = largest + NEGLIGIBLE - weight;
            let number = number | (mechanism as u64 + 1) << 50;
            let Some(found) = self.log_evidence(mechanism, given, number, least)? else {
                return Ok(None);
            };
            logs[mechanism] = found + weight;
        }
        let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let masses: Vec<f64> = logs.iter().map(|log| exp(log - largest)).collect();
        let sum: f64 = masses.iter().sum();
        Ok(sum
            .is_finite()
            .then(|| masses.iter().map(|mass| mass / sum).collect()))
    }
}

impl Measured {
    fn new(mechanism: Option<String>, because: String, networks: usize) -> Self {
        Self {
            mechanism,
            because,
            risk: vec![Vec::new(); networks],
            squared: Vec::new(),
            left_out: 0,
        }
    }

    /// Adds one data set.
    fn add(&mut self, risk: &[f64], squared: &[f64]) {
        let lists = self.risk.iter_mut().zip(risk);
        lists.for_each(|(list, &risk)| list.push(risk));
        self.squared.resize(squared.len(), 0.0);
        let sums = self.squared.iter_mut().zip(squared);
        sums.for_each(|(sum, squared)| *sum += squared);
    }

    /// From sums to means.
    fn average(&mut self) {
        let count = self.risk.first().map_or(0, Vec::len) as f64;
        self.squared.iter_mut().for_each(|sum| *sum /= count);
    }
}

/// The sum of p ln(p / q).
fn divergence(p: &[f64], log_q: impl Fn(usize) -> f64) -> f64 {
    let terms = p.iter().enumerate().filter(|(_, p)| **p > 0.0);
    terms.map(|(m, &p)| p * (ln(p) - log_q(m))).sum()
}

/// The simulations' numbers of some data sets of one mechanism.
pub(super) fn numbers(mechanism: usize, data_sets: std::ops::Range<usize>) -> Vec<u64> {
    let first = (mechanism as u64 + 1) << 40;
    data_sets.map(|i| first | i as u64).collect()
}

fn blocks(total: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    let starts = (0..total).step_by(BLOCK);
    starts.map(move |start| start..(start + BLOCK).min(total))
}

fn wrong(error: InferError) -> Failure {
    Failure::damaged(error, "learn anew")
}
