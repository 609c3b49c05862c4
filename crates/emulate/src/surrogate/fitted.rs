//! What a family becomes once it is fitted, in standardised coordinates.

use super::family::Family;
use super::network::Networks;
use super::polynomial::{Expansions, Sobol};
use super::process::Processes;
use super::rational::Fractions;
use super::reduced::Basis;
use super::{ELEMENTARY, Settings};
use crate::error::EmulateError;
use crate::points::Points;
use gnomon_mechanism::random::{Purpose, Stream};
use serde::{Deserialize, Serialize};

/// A fitted family: from coordinates of inputs to coordinates of outputs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Fitted {
    /// 0 with sd 1, for so many outputs.
    Mean(usize),
    Polynomial(Expansions),
    GaussianProcess(Processes),
    Network(Networks),
    Rational(Fractions),
    Reduced(Basis, Box<Fitted>),
}

impl Fitted {
    /// Fits `family` to coordinates of inputs and outputs; with `known`, what is costly to search is taken
    /// from a fit of the same family to other rows.
    pub fn fit(
        x: &Points,
        y: &Points,
        family: &Family,
        control: &Settings<'_>,
        known: Option<&Self>,
    ) -> Result<Self, EmulateError> {
        match family {
            Family::Mean => Ok(Self::Mean(y.columns())),
            Family::Polynomial(settings) => {
                at_least(3, x.rows(), family)?;
                let known = known.and_then(|known| match known {
                    Self::Polynomial(known) => Some(known),
                    _ => None,
                });
                Ok(Self::Polynomial(Expansions::fit(
                    x, y, settings, control, known,
                )))
            }
            Family::GaussianProcess(settings) => {
                at_least(4, x.rows(), family)?;
                let known = known.and_then(|known| match known {
                    Self::GaussianProcess(known) => Some(known),
                    _ => None,
                });
                let fitted = Processes::fit(x, y, settings, control, known);
                fitted
                    .map(Self::GaussianProcess)
                    .ok_or_else(|| EmulateError::Family {
                        family: family.to_string(),
                        reason: "its correlations are singular on this bank".into(),
                    })
            }
            Family::Network(settings) => {
                at_least(20, x.rows(), family)?;
                let fitted = Networks::fit(x, y, settings, control);
                fitted
                    .map(Self::Network)
                    .map_err(|reason| EmulateError::Family {
                        family: family.to_string(),
                        reason,
                    })
            }
            Family::Rational(settings) => {
                at_least(6, x.rows(), family)?;
                let known = known.and_then(|known| match known {
                    Self::Rational(known) => Some(known),
                    _ => None,
                });
                let fitted = Fractions::fit(x, y, settings, control, known);
                fitted
                    .map(Self::Rational)
                    .map_err(|reason| EmulateError::Family {
                        family: family.to_string(),
                        reason,
                    })
            }
            Family::Reduced { modes, of } => {
                at_least(3, x.rows(), family)?;
                let most = match known {
                    Some(Self::Reduced(known, _)) => known.modes(),
                    _ => *modes,
                };
                let Some((basis, coefficients)) = Basis::of(y, most, control.seed) else {
                    return Err(EmulateError::Family {
                        family: family.to_string(),
                        reason: "the bank's outputs have no singular values".into(),
                    });
                };
                if let Some(Self::Reduced(_, inner)) = known {
                    let inner = Self::fit(x, &coefficients, of, control, Some(inner))?;
                    return Ok(Self::Reduced(basis, Box::new(inner)));
                }
                let inner = Self::fit(x, &coefficients, of, control, None)?;
                if of.is_costly() || basis.modes() == 1 {
                    return Ok(Self::Reduced(basis, Box::new(inner)));
                }
                let worth = worth(x, &coefficients, &basis, (of, &inner), control)?;
                if worth == basis.modes() {
                    return Ok(Self::Reduced(basis, Box::new(inner)));
                }
                let (basis, coefficients) = basis.cut(worth, &coefficients);
                let inner = Self::fit(x, &coefficients, of, control, Some(&inner))?;
                Ok(Self::Reduced(basis, Box::new(inner)))
            }
            Family::Logarithm(_) => Err(EmulateError::Family {
                family: family.to_string(),
                reason: "logarithms are taken first, not within another family".into(),
            }),
        }
    }

    /// Answers and their sd: rows x outputs each.
    pub fn predict(&self, x: &Points) -> Result<[Points; 2], EmulateError> {
        if let Self::GaussianProcess(processes) = self {
            return Ok(processes.predict(x));
        }
        if let Self::Reduced(basis, inner) = self {
            let [c, sd] = inner.predict(x)?;
            let mut values = Points::zeros(x.rows(), basis.outputs());
            let mut spread = values.clone();
            for row in 0..x.rows() {
                let learned = [c.row(row), sd.row(row)];
                basis.expand(learned, values.row_mut(row), spread.row_mut(row));
            }
            return Ok([values, spread]);
        }
        if let Self::Rational(fractions) = self {
            return Ok(fractions.predict(x));
        }
        if let Self::Network(networks) = self {
            return networks.predict(x).map_err(network_error);
        }
        let outputs = self.outputs();
        let mut values = Points::zeros(x.rows(), outputs);
        let mut spread = values.clone();
        for row in 0..values.rows() {
            let (values, spread) = (values.row_mut(row), spread.row_mut(row));
            match self {
                Self::Mean(_) => spread.fill(1.0),
                Self::Polynomial(expansions) => expansions.predict(x.row(row), values, spread),
                Self::GaussianProcess(_)
                | Self::Network(_)
                | Self::Rational(_)
                | Self::Reduced(..) => {}
            }
        }
        Ok([values, spread])
    }

    /// Exact derivatives at one point: outputs x inputs.
    pub fn slopes(&self, point: &[f64]) -> Result<Points, EmulateError> {
        Ok(match self {
            Self::Mean(outputs) => Points::zeros(*outputs, point.len()),
            Self::Polynomial(expansions) => expansions.slopes(point),
            Self::GaussianProcess(processes) => processes.slopes(point),
            Self::Rational(fractions) => fractions.slopes(point),
            Self::Network(networks) => networks.slopes(point).map_err(network_error)?,
            Self::Reduced(basis, inner) => basis.expand_slopes(&inner.slopes(point)?),
        })
    }

    /// The networks in it, whose members are saved apart.
    pub fn networks(&self) -> Option<&Networks> {
        match self {
            Self::Network(networks) => Some(networks),
            Self::Reduced(_, inner) => inner.networks(),
            Self::Mean(_) | Self::Polynomial(_) | Self::GaussianProcess(_) | Self::Rational(_) => {
                None
            }
        }
    }

    /// The same, to be completed.
    pub fn networks_mut(&mut self) -> Option<&mut Networks> {
        match self {
            Self::Network(networks) => Some(networks),
            Self::Reduced(_, inner) => inner.networks_mut(),
            Self::Mean(_) | Self::Polynomial(_) | Self::GaussianProcess(_) | Self::Rational(_) => {
                None
            }
        }
    }

    /// Outputs that tell all modes of a reduced basis.
    pub fn interpolation_points(&self) -> Option<Vec<usize>> {
        match self {
            Self::Reduced(basis, _) => Some(basis.interpolation_points()),
            _ => None,
        }
    }

    /// Works out again what is not saved.
    pub fn restore(&mut self) -> bool {
        match self {
            Self::Mean(_) | Self::Polynomial(_) | Self::Rational(_) => true,
            Self::Network(networks) => networks.count() == networks.members.len(),
            Self::GaussianProcess(processes) => processes.restore(),
            Self::Reduced(_, inner) => inner.restore(),
        }
    }

    /// Number of outputs.
    fn outputs(&self) -> usize {
        match self {
            Self::Mean(outputs) => *outputs,
            Self::Polynomial(expansions) => expansions.outputs(),
            Self::GaussianProcess(processes) => processes.outputs(),
            Self::Rational(fractions) => fractions.outputs(),
            Self::Network(networks) => networks.outputs(),
            Self::Reduced(basis, _) => basis.outputs(),
        }
    }

    /// Operations of one answer and its spread.
    pub fn operations(&self) -> u64 {
        match self {
            Self::Mean(outputs) => *outputs as u64,
            Self::Polynomial(expansions) => expansions.operations(),
            Self::GaussianProcess(processes) => processes.operations(ELEMENTARY),
            Self::Network(networks) => networks.operations(ELEMENTARY),
            Self::Rational(fractions) => fractions.operations(),
            Self::Reduced(basis, inner) => {
                inner.operations() + 5 * (basis.modes() * basis.outputs()) as u64
            }
        }
    }

    /// Sobol' indices, where they are known.
    pub fn sobol(&self, inputs: usize) -> Option<Vec<Sobol>> {
        match self {
            Self::Polynomial(expansions) => Some(expansions.sobol(inputs)),
            _ => None,
        }
    }
}

/// Modes whose removal would raise the mean squared held-out error by less than this share are removed.
const WORTH: f64 = 0.001;

/// How many of a basis's modes lower the held-out error: `of`, fitted to all rows as `whole`, is fitted
/// again without every fifth.
fn worth(
    x: &Points,
    coefficients: &Points,
    basis: &Basis,
    (of, whole): (&Family, &Fitted),
    control: &Settings<'_>,
) -> Result<usize, EmulateError> {
    let mut rows: Vec<usize> = (0..x.rows()).collect();
    Stream::new(control.seed, Purpose::SHUFFLE, 3).shuffle(&mut rows);
    let (held_out, rest) = rows.split_at(rows.len() / 5);
    let part = Fitted::fit(
        &x.select(rest),
        &coefficients.select(rest),
        of,
        control,
        Some(whole),
    );
    let part = match part {
        Err(EmulateError::Family { .. }) => return Ok(basis.modes()),
        other => other?,
    };
    let [answers, _] = part.predict(&x.select(held_out))?;
    let truth = coefficients.select(held_out);
    Ok(basis.worth(&answers, &truth, WORTH))
}

/// What a network said.
fn network_error(reason: String) -> EmulateError {
    EmulateError::Family {
        family: "a network".into(),
        reason,
    }
}

/// Refuses a bank with fewer rows than a family needs.
fn at_least(needed: usize, rows: usize, family: &Family) -> Result<(), EmulateError> {
    if rows >= needed {
        return Ok(());
    }
    Err(EmulateError::Family {
        family: family.to_string(),
        reason: format!("it needs {needed} rows, and the bank has {rows}"),
    })
}
