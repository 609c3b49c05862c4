//! A study's simulations as rows of one table: simulation `i` of a seed runs a mechanism drawn with
//! the study's prior probabilities, with parameters drawn from that mechanism's priors.

use std::sync::Arc;

use gnomon_bank::{Column, MechanismText, Role, Rows, Schema};
use gnomon_infer::truncation::Region;
use gnomon_mechanism::model::Law;
use gnomon_mechanism::random::{Purpose, Stream};
use gnomon_mechanism::{Mechanism, Study};
use gnomon_simulate::{Batch, Compiled, derived, draw_parameters, program, reject, simulate_at};

use crate::failure::Failure;
use crate::interrupt;

/// Simulations in a shard of the bank.
const SHARD_ROWS: u64 = 10_000;
/// The same where a mechanism is a program, whose simulations are dear.
const SHARD_ROWS_OF_PROGRAM: u64 = 500;

/// A study's mechanisms, ready to run, and the columns they fill.
#[derive(Clone)]
pub struct Population<'a> {
    study: &'a Study,
    compiled: Vec<Compiled>,
    columns: Vec<Column>,
    /// For each mechanism, the column of each of its parameters, derived and observed numbers.
    places: Vec<Vec<usize>>,
    /// Where parameters are drawn instead of from the whole prior.
    within: Option<Within>,
}

/// A region, and what tells it from others.
#[derive(Clone)]
struct Within {
    region: Arc<Region>,
    name: String,
}

impl<'a> Population<'a> {
    /// Compiles the study's mechanisms.
    ///
    /// # Errors
    /// Where a mechanism cannot be run.
    pub fn new(study: &'a Study) -> Result<Self, Failure> {
        let compiled = study
            .mechanisms
            .iter()
            .map(|mechanism| Compiled::new(mechanism).map_err(Failure::simulation))
            .collect::<Result<_, _>>()?;
        let mut columns: Vec<Column> = Vec::new();
        let mut places = Vec::new();
        for own in study.mechanisms.iter().map(columns_of) {
            places.push(
                own.into_iter()
                    .map(|column| place(&mut columns, column))
                    .collect(),
            );
        }
        Ok(Self {
            study,
            compiled,
            columns,
            places,
            within: None,
        })
    }

    /// The same with parameters from the prior inside a region of the only mechanism; `name` tells it
    /// from other regions.
    #[must_use]
    pub fn within(&self, region: Arc<Region>, name: String) -> Self {
        Self {
            within: Some(Within { region, name }),
            ..self.clone()
        }
    }

    /// The region that parameters are from, where they are not from the whole prior.
    #[must_use]
    pub fn region(&self) -> Option<&Region> {
        self.within.as_ref().map(|within| within.region.as_ref())
    }

    /// A mechanism, ready to run.
    #[must_use]
    pub fn compiled(&self, mechanism: usize) -> &Compiled {
        &self.compiled[mechanism]
    }

    /// The bank's schema under a seed.
    #[must_use]
    pub fn schema(&self, seed: u64) -> Schema {
        let mechanisms = self.study.mechanisms.iter().zip(&self.study.weights);
        let is_program = self.study.mechanisms.iter().any(runs_a_program);
        Schema {
            study: match &self.within {
                None => self.study.identity(),
                Some(within) => format!("{}, {}", self.study.identity(), within.name),
            },
            engine: env!("CARGO_PKG_VERSION").to_owned(),
            seed,
            mechanisms: mechanisms
                .map(|(mechanism, &weight)| MechanismText {
                    name: mechanism.name.clone(),
                    text: mechanism.text.to_string(),
                    weight,
                })
                .collect(),
            columns: self.columns.clone(),
            shard_rows: if is_program {
                SHARD_ROWS_OF_PROGRAM
            } else {
                SHARD_ROWS
            },
        }
    }

    /// The mechanism that simulation number `simulation` of `seed` runs.
    #[must_use]
    pub fn mechanism_of(&self, seed: u64, simulation: u64) -> usize {
        let uniform = Stream::new(seed, Purpose::MECHANISM, simulation).uniform();
        let mut below = 0.0;
        for (mechanism, weight) in self.study.weights.iter().enumerate() {
            below += weight;
            if uniform < below {
                return mechanism;
            }
        }
        self.study.weights.len() - 1
    }

    /// Runs `simulations` of `seed`.
    ///
    /// # Errors
    /// Where a program cannot be run, or work is interrupted. A simulation that fails is a row with
    /// its reason.
    pub fn rows(&self, seed: u64, simulations: &[u64]) -> Result<Rows, Failure> {
        let chosen: Vec<u32> = simulations
            .iter()
            .map(|&i| self.mechanism_of(seed, i) as u32)
            .collect();
        let mut rows = Rows {
            simulation: simulations.to_vec(),
            mechanism: chosen.clone(),
            failure: vec![None; simulations.len()],
            columns: vec![vec![f64::NAN; simulations.len()]; self.columns.len()],
        };
        for mechanism in 0..self.compiled.len() {
            let own: Vec<usize> = (0..chosen.len())
                .filter(|&row| chosen[row] as usize == mechanism)
                .collect();
            let numbers: Vec<u64> = own.iter().map(|&row| simulations[row]).collect();
            let batch = self.run(mechanism, seed, &numbers)?;
            let Batch {
                parameters,
                derived,
                observed,
                failures,
            } = batch;
            let filled = parameters.iter().chain(&derived).chain(&observed);
            for (values, &place) in filled.zip(&self.places[mechanism]) {
                for (&row, &value) in own.iter().zip(values) {
                    rows.columns[place][row] = value;
                }
            }
            for (&row, failure) in own.iter().zip(failures) {
                rows.failure[row] = failure.map(|failure| failure.to_string());
            }
        }
        Ok(rows)
    }
}

/// Simulations of one mechanism that succeeded.
pub struct Simulated {
    /// Their numbers.
    pub simulations: Vec<u64>,
    /// One column a parameter.
    pub parameters: Vec<Vec<f64>>,
    /// One column a derived quantity.
    pub derived: Vec<Vec<f64>>,
    /// The study's given columns, row after row.
    pub given: Vec<f64>,
    /// What is observed and not given, row after row.
    pub unseen: Vec<f64>,
}

impl Population<'_> {
    /// The observed numbers (one column each) of simulations of one mechanism at given parameters
    /// (one column each); NaN where a simulation failed.
    ///
    /// # Errors
    /// Where a program cannot be run, or work is interrupted.
    pub fn observe(
        &self,
        mechanism: usize,
        parameters: Vec<Vec<f64>>,
        seed: u64,
        simulations: &[u64],
    ) -> Result<Vec<Vec<f64>>, Failure> {
        Ok(self
            .run_at(mechanism, parameters, seed, simulations)?
            .observed)
    }

    /// Simulations of one mechanism, with parameters from its priors (inside the region, if there is
    /// one), those that fail left out.
    ///
    /// # Errors
    /// Where a program cannot be run, or work is interrupted.
    pub fn of(
        &self,
        mechanism: usize,
        seed: u64,
        simulations: &[u64],
    ) -> Result<Simulated, Failure> {
        let batch = self.run(mechanism, seed, simulations)?;
        let kept: Vec<usize> = (0..simulations.len())
            .filter(|&row| batch.failures[row].is_none())
            .collect();
        let pick = |columns: &[Vec<f64>]| -> Vec<Vec<f64>> {
            columns
                .iter()
                .map(|column| kept.iter().map(|&row| column[row]).collect())
                .collect()
        };
        let entries = |places: Vec<usize>| -> Vec<f64> {
            let rows = kept.iter();
            rows.flat_map(|&row| places.iter().map(move |&place| (row, place)))
                .map(|(row, place)| batch.observed[place][row])
                .collect()
        };
        Ok(Simulated {
            simulations: kept.iter().map(|&row| simulations[row]).collect(),
            parameters: pick(&batch.parameters),
            derived: pick(&batch.derived),
            given: entries(self.given_places(mechanism)),
            unseen: entries(self.places_of(mechanism, &self.study.unseen_columns())),
        })
    }

    /// Where the study's given columns lie among a mechanism's own observed numbers.
    #[must_use]
    pub fn given_places(&self, mechanism: usize) -> Vec<usize> {
        self.places_of(mechanism, &self.study.given_columns())
    }

    /// Where columns lie among a mechanism's own observed numbers.
    fn places_of(&self, mechanism: usize, columns: &[String]) -> Vec<usize> {
        let own: Vec<String> = self.study.mechanisms[mechanism]
            .observed
            .iter()
            .flat_map(|o| o.columns())
            .collect();
        columns
            .iter()
            .filter_map(|name| own.iter().position(|other| other == name))
            .collect()
    }

    fn run(&self, mechanism: usize, seed: u64, simulations: &[u64]) -> Result<Batch, Failure> {
        let parameters = match self.region() {
            None => draw_parameters(&self.compiled[mechanism], seed, simulations),
            Some(region) => region
                .parameters(seed, simulations, interrupt::flag())
                .map_err(Failure::region)?,
        };
        self.run_at(mechanism, parameters, seed, simulations)
    }

    fn run_at(
        &self,
        mechanism: usize,
        parameters: Vec<Vec<f64>>,
        seed: u64,
        simulations: &[u64],
    ) -> Result<Batch, Failure> {
        let compiled = &self.compiled[mechanism];
        let own = &self.study.mechanisms[mechanism];
        let Law::Program(program) = &own.dynamics.law else {
            return simulate_at(compiled, parameters, seed, simulations)
                .map_err(Failure::simulation);
        };
        let (workers, stop) = (rayon::current_num_threads(), Some(interrupt::flag()));
        let answers = program::run(own, program, &parameters, seed, simulations, workers, stop)
            .map_err(|error| Failure::program(program, error.to_string(), error.help()))?;
        let mut batch = Batch {
            derived: derived(compiled, &parameters).map_err(Failure::simulation)?,
            parameters,
            observed: answers.observed,
            failures: answers
                .failures
                .into_iter()
                .map(|reason| reason.map(gnomon_simulate::Failure::Program))
                .collect(),
        };
        reject(
            compiled,
            &batch.parameters,
            &mut batch.observed,
            &mut batch.failures,
        );
        Ok(batch)
    }
}

/// Whether a mechanism is a program in any language.
#[must_use]
pub fn runs_a_program(mechanism: &Mechanism) -> bool {
    matches!(mechanism.dynamics.law, Law::Program(_))
}

/// The columns of one mechanism: parameters, derived quantities, observed numbers.
fn columns_of(mechanism: &Mechanism) -> Vec<Column> {
    let described =
        |name: &str, role, unit: &Option<String>, description: &Option<String>| Column {
            unit: unit.clone(),
            description: description.clone(),
            mechanisms: vec![mechanism.name.clone()],
            ..Column::new(name, role)
        };
    let parameters = mechanism
        .parameters
        .iter()
        .map(|p| described(&p.name, Role::Parameter, &p.unit, &p.description));
    let derived = mechanism
        .derived
        .iter()
        .map(|d| described(&d.name, Role::Derived, &d.unit, &d.description));
    let observed = mechanism.observed.iter().flat_map(|o| {
        o.columns().into_iter().enumerate().map(|(entry, name)| {
            let role = Role::Observed {
                series: o.name.clone(),
                entry,
                time: o.times.get(entry).copied(),
            };
            described(&name, role, &o.unit, &o.description)
        })
    });
    parameters.chain(derived).chain(observed).collect()
}

/// The place of `column` among `columns`, where another mechanism may have put it already.
fn place(columns: &mut Vec<Column>, column: Column) -> usize {
    match columns.iter().position(|other| other.name == column.name) {
        Some(place) => {
            columns[place].mechanisms.extend(column.mechanisms);
            place
        }
        None => {
            columns.push(column);
            columns.len() - 1
        }
    }
}
