//! An emulator's outputs as a trajectory: which state each is, and when.

use gnomon_mechanism::expression::{Input, Operation};
use gnomon_mechanism::model::{Mechanism, Observed};
use gnomon_mechanism::study::Part;
use gnomon_simulate::VectorField;

use super::{Control, Swept, Told, sweep};
use crate::error::EmulateError;
use crate::points::Points;

/// Corrects an emulator's answers by the equations of its mechanism.
#[derive(Clone, Debug)]
pub struct Sweeper {
    field: VectorField,
    control: Control,
    times: Vec<f64>,
    /// For each time and component, which output it is; none for flows, which nothing depends on.
    outputs: Vec<Option<usize>>,
    /// For each output, its time and component.
    places: Vec<(usize, usize)>,
}

/// An answer after its sweeps.
#[derive(Clone, Debug, PartialEq)]
pub struct Corrected {
    /// One number an output.
    pub values: Vec<f64>,
    /// How it came to them; its `history` is empty.
    pub swept: Swept,
    /// The outputs before the first sweep and after each, where they are kept.
    pub history: Points,
}

/// Why answers cannot be swept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSweeps {
    /// The mechanism has no equations that could be held against an answer.
    #[error("{0}")]
    Equations(String),
    /// An output is not a state as it is.
    #[error("`{0}` is not one of the states, seen exactly: sweeps correct whole trajectories")]
    NotAState(String),
    /// A state is nowhere among the outputs, or not at all times of the others.
    #[error(
        "the state `{0}` is not predicted at all times: sweeps need every state at the same times"
    )]
    Missing(String),
}

impl Sweeper {
    /// Sweeps for answers that are `parts` of what `mechanism` shows, column by column.
    ///
    /// # Errors
    /// [`NoSweeps`], with the reason.
    pub fn new(mechanism: &Mechanism, parts: &[Part]) -> Result<Self, NoSweeps> {
        let field = VectorField::new(mechanism).map_err(|e| NoSweeps::Equations(e.to_string()))?;
        let mut seen = Vec::new();
        for part in parts {
            let series = mechanism.observed.iter().find(|o| o.name == part.name);
            let state = series.and_then(|series| state(mechanism, series));
            let state = state.ok_or_else(|| NoSweeps::NotAState(part.name.clone()))?;
            seen.extend(part.times.iter().map(|&time| (time, state)));
        }
        let mut times: Vec<f64> = seen.iter().map(|(time, _)| *time).collect();
        times.sort_by(f64::total_cmp);
        times.dedup();
        let n = field.components();
        let mut outputs = vec![None; times.len() * n];
        let mut places = Vec::with_capacity(seen.len());
        for (output, &(time, state)) in seen.iter().enumerate() {
            let row = times.partition_point(|other| *other < time);
            outputs[row * n + state] = Some(output);
            places.push((row, state));
        }
        let start = mechanism.dynamics.start;
        for (c, state) in mechanism.dynamics.states.iter().enumerate() {
            let known = times.iter().zip(outputs.chunks_exact(n));
            let mut known = known.filter(|(time, _)| **time > start);
            if known.any(|(_, row)| row[c].is_none()) || times.is_empty() {
                return Err(NoSweeps::Missing(state.name.clone()));
            }
        }
        Ok(Self {
            control: Control::of(&field),
            field,
            times,
            outputs,
            places,
        })
    }

    /// The tolerances in force.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control
    }

    /// Sweeps over an answer: `parameters` are all of the mechanism's, `values` the answer, one number an
    /// output. `keep` is whether the answer is kept at every sweep.
    ///
    /// # Errors
    /// As [`sweep`]; [`EmulateError::Shape`] where numbers are too few or too many.
    pub fn correct(
        &self,
        parameters: &[f64],
        values: &[f64],
        keep: bool,
    ) -> Result<Corrected, EmulateError> {
        self.correct_from(parameters, values, &[], keep)
    }

    /// The same where answers to the same query at earlier times are known as well: `earlier` has times
    /// between the start and the first of this answer's, increasing, and what the states of that first
    /// time would be then, output by output.
    ///
    /// # Errors
    /// As [`Sweeper::correct`].
    pub fn correct_from(
        &self,
        parameters: &[f64],
        values: &[f64],
        earlier: &[(f64, Vec<f64>)],
        keep: bool,
    ) -> Result<Corrected, EmulateError> {
        if values.len() != self.places.len() {
            return Err(EmulateError::Shape {
                what: "numbers of an answer".into(),
                expected: self.places.len(),
                found: values.len(),
            });
        }
        let mut at = self.field.at(parameters).map_err(|_| EmulateError::Shape {
            what: "parameters of the mechanism".into(),
            expected: self.field.parameters(),
            found: parameters.len(),
        })?;
        let first = &self.outputs[..self.field.components()];
        let read = |outputs: &[Option<usize>], values: &[f64]| -> Vec<f64> {
            let each = outputs.iter();
            each.map(|o| o.and_then(|o| values.get(o).copied()).unwrap_or(0.0))
                .collect()
        };
        let before = earlier.iter().flat_map(|(_, values)| read(first, values));
        let components: Vec<f64> = before.chain(read(&self.outputs, values)).collect();
        let times: Vec<f64> = earlier
            .iter()
            .map(|(time, _)| *time)
            .chain(self.times.iter().copied())
            .collect();
        let told = Told {
            times: &times,
            components: &components,
        };
        let mut swept = sweep(&mut at, &self.field, told, &self.times, &self.control, keep)?;
        let read = |rows: &Points| -> Vec<f64> {
            let each = self.places.iter();
            each.map(|&(row, component)| rows.row(row)[component])
                .collect()
        };
        let history = std::mem::take(&mut swept.history);
        let history = history.iter().flat_map(read).collect();
        Ok(Corrected {
            values: read(&swept.components),
            history: Points::new(values.len(), history)?,
            swept,
        })
    }
}

/// The state that a series is, where it is one as it stands.
pub(crate) fn state(mechanism: &Mechanism, series: &Observed) -> Option<usize> {
    let argument = *series.distribution.arguments.first()?;
    match mechanism.graph.operation(argument) {
        Operation::Input(Input::State(state)) if series.is_plain() => Some(state),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPRING: &str = "[parameters]\nk = 'Uniform(1, 4)'\n[states]\nx = 1\nv = 0\n\
        [dynamics]\nx = 'v'\nv = '-k * x'\n[observed]\ntimes = [1, 2]\nx = 'x'\nv = 'v'\ne = 'k * x^2 + v^2'";

    fn parts(mechanism: &Mechanism, names: &[&str]) -> Vec<Part> {
        let find = |name: &&str| mechanism.observed.iter().find(|o| o.name == **name);
        names.iter().filter_map(find).map(Part::whole).collect()
    }

    #[test]
    fn an_answer_is_corrected_in_its_own_order() {
        let mechanism = Mechanism::parse("spring", SPRING, ".").unwrap();
        let sweeper = Sweeper::new(&mechanism, &parts(&mechanism, &["v", "x"])).unwrap();
        let exact = [-2.0 * 2f64.sin(), -2.0 * 4f64.sin(), 2f64.cos(), 4f64.cos()];
        let wrong = exact.map(|y| y + 0.1);
        let found = sweeper.correct(&[4.0], &wrong, true).unwrap();
        assert!(found.swept.converged);
        assert_eq!(found.history.row(0), wrong);
        for (found, exact) in found.values.iter().zip(exact) {
            assert!((found - exact).abs() < 1e-7, "{found} {exact}");
        }
        assert!(sweeper.correct(&[4.0], &wrong[1..], false).is_err());
        assert!(sweeper.correct(&[], &wrong, false).is_err());
    }

    #[test]
    fn what_is_no_whole_trajectory_is_refused_by_name() {
        let mechanism = Mechanism::parse("spring", SPRING, ".").unwrap();
        let of = |names: &[&str]| Sweeper::new(&mechanism, &parts(&mechanism, names)).unwrap_err();
        assert_eq!(of(&["x"]), NoSweeps::Missing("v".into()));
        assert_eq!(of(&["x", "e"]), NoSweeps::NotAState("e".into()));
        let still = "[parameters]\na = 'Uniform(0, 1)'\n[observed]\ny = 'a'";
        let still = Mechanism::parse("still", still, ".").unwrap();
        let refused = Sweeper::new(&still, &parts(&still, &["y"])).unwrap_err();
        assert!(matches!(refused, NoSweeps::Equations(_)));
    }
}
