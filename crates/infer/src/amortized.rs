//! Amortized answers: one pass through the networks answers any data set of the study's form.

use gnomon_learn::coordinates::Coordinates;
use gnomon_learn::ensemble::Ensemble;
use gnomon_learn::matrix::Matrix;
use gnomon_learn::model::ModelError;
use gnomon_learn::standardise::{StandardiseError, Standardiser};
use gnomon_mechanism::Mechanism;
use gnomon_mechanism::expression::{Inputs, Tape};
use gnomon_simulate::SimulateError;

use crate::unseen::{Drawn, Unseen, unseen};

/// The networks that answer one study.
#[derive(Clone, Debug)]
pub struct Networks {
    /// How the given columns enter every network.
    pub standardiser: Standardiser,
    /// p(mechanism | given), where there are several mechanisms.
    pub classes: Option<Ensemble>,
    /// p(scores | given, mechanism), one a mechanism; `None` where all its parameters are fixed.
    pub densities: Vec<Option<Ensemble>>,
    /// Quantiles or the joint density of what is observed and not given, in whatever mechanism; `None`
    /// where that is not asked.
    pub unseen: Option<Ensemble>,
    /// What the network's mechanism probabilities are multiplied with before they are normalised:
    /// each mechanism's prior probability over its share of the training rows; 1 where they agree.
    pub tilt: Vec<f64>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum InferError {
    /// The networks are not those of these mechanisms.
    #[error("the networks do not fit the mechanisms: {0}; learn anew")]
    Foreign(String),
    /// A network could not be run.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The data could not be standardised.
    #[error(transparent)]
    Given(#[from] StandardiseError),
    /// A mechanism could not be run.
    #[error(transparent)]
    Simulate(#[from] SimulateError),
    /// No parameters were found under which a mechanism can produce the data.
    #[error("under no parameters that were tried can the mechanism produce the data")]
    Impossible,
    /// A likelihood is infinite.
    #[error(
        "the likelihood is infinite at some parameters: the data lie where a density of the mechanism is"
    )]
    Unbounded,
    /// Tempering came to no end, or beyond what it may cost.
    #[error("neither weights nor tempering came to an answer within what they may cost")]
    Unsettled,
    /// Parameters that a mechanism's conditions accept were not found.
    #[error(
        "no draw of the prior that was tried is accepted by the conditions of the mechanism's file"
    )]
    NotAccepted,
    /// Time ran out.
    #[error("it takes longer than it may")]
    Late,
    /// A truncated prior's region is all but empty.
    #[error("the region in which the posterior lies is too small to draw the prior inside it")]
    NoRegion,
    /// The user asked to stop.
    #[error("interrupted")]
    Interrupted,
}

/// Networks and mechanisms together: what answers questions.
#[derive(Clone, Debug)]
pub struct Amortized {
    networks: Networks,
    mechanisms: Vec<Quantities>,
    threads: usize,
}

/// A mechanism's quantities: coordinates of its parameters, and what is worked out from them.
#[derive(Clone, Debug)]
struct Quantities {
    coordinates: Coordinates,
    derived: Tape,
    /// The conditions of acceptance that are of parameters alone; none where there are none.
    conditions: Option<Tape>,
}

/// Posterior draws given one mechanism, for one or more data sets; the draws of a data set are
/// together.
#[derive(Clone, Debug)]
pub struct Draws {
    /// In the coordinates the network knows: draws x dimension.
    pub scores: Matrix,
    /// One column a parameter, fixed ones included.
    pub parameters: Vec<Vec<f64>>,
    /// One column a derived quantity.
    pub derived: Vec<Vec<f64>>,
}

impl Draws {
    /// All quantities: parameters, then derived ones.
    pub fn quantities(&self) -> impl Iterator<Item = &[f64]> {
        self.parameters
            .iter()
            .chain(&self.derived)
            .map(Vec::as_slice)
    }
}

impl Amortized {
    /// Joins networks and the mechanisms that they were trained on. `threads` does not change any
    /// answer.
    ///
    /// # Errors
    /// [`InferError::Foreign`] where their shapes differ.
    pub fn new(
        mechanisms: &[Mechanism],
        networks: Networks,
        threads: usize,
    ) -> Result<Self, InferError> {
        let foreign = |what: String| Err(InferError::Foreign(what));
        let (have, want) = (networks.densities.len(), mechanisms.len());
        if have != want || networks.tilt.len() != want {
            return foreign(format!("there are {have} densities for {want} mechanisms"));
        }
        let classes = networks.classes.as_ref().map(predicted);
        if classes.is_some_and(|classes| classes != want) || (want > 1 && classes.is_none()) {
            return foreign(format!("{classes:?} classes for {want} mechanisms"));
        }
        let quantities: Vec<Quantities> = mechanisms
            .iter()
            .map(|mechanism| {
                let derived: Vec<_> = mechanism.derived.iter().map(|d| d.value).collect();
                Quantities {
                    coordinates: Coordinates::new(mechanism),
                    conditions: {
                        let all = mechanism.conditions_of_parameters();
                        (!all.is_empty()).then(|| Tape::compile(&mechanism.graph, &all))
                    },
                    derived: Tape::compile(&mechanism.graph, &derived),
                }
            })
            .collect();
        for (mechanism, (density, own)) in mechanisms
            .iter()
            .zip(networks.densities.iter().zip(&quantities))
        {
            let (have, want) = (
                density.as_ref().map_or(0, predicted),
                own.coordinates.dimension(),
            );
            if have != want {
                let name = &mechanism.name;
                return foreign(format!(
                    "{have} dimensions for the {want} parameters of `{name}`"
                ));
            }
        }
        let inputs = networks.standardiser.outputs();
        let mut all = networks
            .classes
            .iter()
            .chain(networks.densities.iter().flatten())
            .chain(&networks.unseen);
        if let Some(other) = all.find(|ensemble| ensemble.members()[0].network.given != inputs) {
            let have = other.members()[0].network.given;
            return foreign(format!(
                "a network reads {have} columns, and {inputs} are given"
            ));
        }
        Ok(Self {
            networks,
            mechanisms: quantities,
            threads,
        })
    }

    /// The networks.
    #[must_use]
    pub fn networks(&self) -> &Networks {
        &self.networks
    }

    /// The coordinates of a mechanism's parameters.
    #[must_use]
    pub fn coordinates(&self, mechanism: usize) -> &Coordinates {
        &self.mechanisms[mechanism].coordinates
    }

    /// Data sets (row after row, in the order of the study's given columns; NaN is missing) as the
    /// networks read them.
    ///
    /// # Errors
    /// Where rows are not whole, or an entry is missing that never was in training.
    pub fn standardise(&self, given: &[f64]) -> Result<Matrix, InferError> {
        Ok(self.networks.standardiser.apply(given)?)
    }

    /// p(mechanism | given): rows x mechanisms, row after row.
    ///
    /// # Errors
    /// Where a network cannot be run.
    pub fn probabilities(&self, given: &Matrix) -> Result<Vec<f64>, InferError> {
        match &self.networks.classes {
            None => Ok(vec![1.0; given.rows()]),
            Some(ensemble) => Ok(self.tilted(&ensemble.class_probabilities(given, self.threads)?)),
        }
    }

    /// Class probabilities under the study's own prior.
    fn tilted(&self, probabilities: &Matrix) -> Vec<f64> {
        let mut tilted = Vec::with_capacity(probabilities.values().len());
        for row in 0..probabilities.rows() {
            let own = probabilities.row(row).iter().zip(&self.networks.tilt);
            let own: Vec<f64> = own.map(|(&p, tilt)| f64::from(p) * tilt).collect();
            let sum: f64 = own.iter().sum();
            tilted.extend(own.iter().map(|p| p / sum));
        }
        tilted
    }

    /// p(mechanism | given) by each member of the ensemble: how far they disagree.
    ///
    /// # Errors
    /// Where a network cannot be run.
    pub fn member_probabilities(&self, given: &Matrix) -> Result<Vec<Vec<f64>>, InferError> {
        let members = self.networks.classes.iter().flat_map(Ensemble::members);
        members
            .map(|member| Ok(self.tilted(&member.class_probabilities(given, self.threads)?)))
            .collect()
    }

    /// What is observed and not given, for each row of `given`; `None` where no network learned that.
    /// Quantiles that a network learned need no draws; from a joint density they are those of draws.
    ///
    /// # Errors
    /// Where a network cannot be run.
    pub fn unseen(&self, given: &Matrix, drawn: Drawn) -> Result<Option<Unseen>, InferError> {
        let ensemble = self.networks.unseen.as_ref();
        ensemble
            .map(|ensemble| unseen(ensemble, given, drawn, self.threads))
            .transpose()
    }

    /// `draws` draws from p(parameters | given, mechanism) for each row of `given`. Draw `d` of row
    /// `r` depends on `seed`, the mechanism, `r` and `d` alone.
    ///
    /// # Errors
    /// Where a network cannot be run.
    pub fn draw(
        &self,
        mechanism: usize,
        given: &Matrix,
        draws: usize,
        seed: u64,
    ) -> Result<Draws, InferError> {
        let scores = match &self.networks.densities[mechanism] {
            Some(ensemble) => {
                let first_row = (mechanism as u64) << 40;
                ensemble.draw(given, draws, seed, first_row, self.threads)?
            }
            None => Matrix::default(),
        };
        Ok(self.draws_at(mechanism, scores, given.rows() * draws))
    }

    /// The draws that `count` points of a mechanism's coordinates (one a row) stand for.
    pub(crate) fn draws_at(&self, mechanism: usize, scores: Matrix, count: usize) -> Draws {
        let own = &self.mechanisms[mechanism];
        let parameters = match scores.columns() {
            0 => own.coordinates.fixed(count),
            _ => own.coordinates.to_parameters(scores.values()),
        };
        let derived = derived(&own.derived, &parameters);
        Draws {
            scores,
            parameters,
            derived,
        }
    }

    /// Whether the mechanism's file accepts simulations by conditions of their parameters alone.
    #[must_use]
    pub fn has_conditions(&self, mechanism: usize) -> bool {
        self.mechanisms[mechanism].conditions.is_some()
    }

    /// Whether each row of scores keeps these conditions. One that is not a number is broken.
    pub(crate) fn accepts(&self, mechanism: usize, scores: &Matrix) -> Vec<bool> {
        let own = &self.mechanisms[mechanism];
        let mut kept = vec![true; scores.rows()];
        if let Some(conditions) = &own.conditions {
            let parameters = own.coordinates.to_parameters(scores.values());
            for column in derived(conditions, &parameters) {
                let holds = column.iter().map(|&value| value != 0.0 && !value.is_nan());
                kept.iter_mut()
                    .zip(holds)
                    .for_each(|(kept, holds)| *kept &= holds);
            }
        }
        kept
    }

    /// log p(scores | given, mechanism), row by row, in nats. There may be several rows of scores for
    /// each row of `given`, equally many and together.
    ///
    /// # Errors
    /// Where a network cannot be run.
    pub fn log_density_of_scores(
        &self,
        mechanism: usize,
        given: &Matrix,
        scores: &Matrix,
    ) -> Result<Vec<f64>, InferError> {
        match &self.networks.densities[mechanism] {
            Some(ensemble) => Ok(ensemble.log_density(given, scores, self.threads)?),
            None => Ok(vec![0.0; given.rows()]),
        }
    }

    /// log p(parameters | given, mechanism), row by row, in nats, in the parameters' own units:
    /// `parameters` has one column a parameter, fixed ones included. There may be several rows of
    /// parameters for each row of `given`, equally many and together.
    ///
    /// For a discrete parameter the density is that of its randomised score (see
    /// [`Coordinates`]), drawn with `seed`.
    ///
    /// # Errors
    /// Where a network cannot be run.
    pub fn log_density(
        &self,
        mechanism: usize,
        given: &Matrix,
        parameters: &[&[f64]],
        seed: u64,
    ) -> Result<Vec<f64>, InferError> {
        let coordinates = &self.mechanisms[mechanism].coordinates;
        let count = parameters
            .first()
            .map_or(given.rows(), |column| column.len());
        if coordinates.dimension() == 0 {
            return Ok(vec![0.0; count]);
        }
        let rows: Vec<u64> = (0..count as u64).collect();
        let scores = coordinates.to_scores(parameters, seed, &rows);
        let scores = rows_of(&scores);
        let of_scores = self.log_density_of_scores(mechanism, given, &scores)?;
        let slopes = coordinates.log_slope(parameters);
        Ok(of_scores
            .iter()
            .zip(slopes)
            .map(|(density, slope)| density + slope)
            .collect())
    }

    /// Derived quantities of parameters (one column each): one column a quantity.
    #[must_use]
    pub fn derived(&self, mechanism: usize, parameters: &[Vec<f64>]) -> Vec<Vec<f64>> {
        derived(&self.mechanisms[mechanism].derived, parameters)
    }

    /// What the networks make of data sets before they predict: the features of every network, side
    /// by side (rows x features, row after row), and the number of features.
    ///
    /// # Errors
    /// Where a network cannot be run.
    pub fn features(&self, given: &Matrix) -> Result<(Vec<f64>, usize), InferError> {
        let first = match &self.networks.classes {
            Some(classes) => Some(classes),
            None => self.networks.densities.iter().flatten().next(),
        };
        let Some(ensemble) = first else {
            let values = given.values().iter().map(|&x| f64::from(x)).collect();
            return Ok((values, given.columns()));
        };
        let features = ensemble.members()[0].embed(given, self.threads)?;
        Ok((
            features.values().iter().map(|&x| f64::from(x)).collect(),
            features.columns(),
        ))
    }
}

/// A study's networks by what they predict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Which mechanism.
    Mechanism,
    /// The parameters of this mechanism.
    Parameters(usize),
}

impl Networks {
    /// Whether whole paths of what is not given can be drawn: their joint density was learned.
    #[must_use]
    pub fn have_paths(&self) -> bool {
        let mut members = self.unseen.iter().flat_map(Ensemble::members);
        members.any(|member| member.network.head.is_density())
    }

    /// The networks that answer a question; `None` where nothing was learned about it.
    #[must_use]
    pub fn of(&self, question: Question) -> Option<&Ensemble> {
        match question {
            Question::Mechanism => self.classes.as_ref(),
            Question::Parameters(mechanism) => self.densities.get(mechanism)?.as_ref(),
        }
    }
}

fn predicted(ensemble: &Ensemble) -> usize {
    ensemble.members()[0].network.predict
}

/// Columns as the rows of a matrix.
#[must_use]
pub fn rows_of(columns: &[Vec<f64>]) -> Matrix {
    let rows = columns.first().map_or(0, Vec::len);
    let mut matrix = Matrix::zeros(rows, columns.len());
    for (position, column) in columns.iter().enumerate() {
        for (row, &value) in column.iter().enumerate() {
            matrix.row_mut(row)[position] = value as f32;
        }
    }
    matrix
}

fn derived(tape: &Tape, parameters: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let rows = parameters.first().map_or(0, Vec::len);
    let mut columns = vec![Vec::with_capacity(rows); tape.outputs.len()];
    let mut point = vec![0.0; parameters.len()];
    let mut registers = vec![0.0; tape.registers];
    let mut outputs = vec![0.0; tape.outputs.len()];
    for row in 0..rows {
        point
            .iter_mut()
            .zip(parameters)
            .for_each(|(value, column)| *value = column[row]);
        let inputs = Inputs {
            parameters: &point,
            ..Inputs::default()
        };
        tape.evaluate_into(&inputs, &mut registers, &mut outputs);
        columns
            .iter_mut()
            .zip(&outputs)
            .for_each(|(column, &value)| column.push(value));
    }
    columns
}
