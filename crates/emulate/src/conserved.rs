//! What a mechanism conserves, along answers that an emulator gives: the states of an answer -> the
//! quantity at the start and at each of its times -> how far it drifts.

use gnomon_mechanism::expression::{Input, Inputs, Tape};
use gnomon_mechanism::model::Mechanism;
use gnomon_mechanism::study::Part;

use crate::sweep::state;

/// The conserved quantities of a mechanism, as an emulator's outputs tell them.
#[derive(Clone, Debug)]
pub struct Conserved {
    initial: Tape,
    states: usize,
    /// The time of the initial values.
    start: f64,
    /// Where the time of what is observed depends on the parameters.
    moment: Option<Tape>,
    quantities: Vec<Quantity>,
    /// Those that the outputs do not tell: their name, and a state that is not predicted.
    untold: Vec<(String, String)>,
}

/// One of them.
#[derive(Clone, Debug)]
struct Quantity {
    name: String,
    value: Tape,
    /// Its states, by their positions and names.
    needed: Vec<(usize, String)>,
    /// For each time at which all of them are predicted, these states and their outputs.
    rows: Vec<(f64, Vec<(usize, usize)>)>,
}

impl Conserved {
    /// What `mechanism` conserves, for answers that are `parts` of what it shows, column by column.
    #[must_use]
    pub fn new(mechanism: &Mechanism, parts: &[Part]) -> Self {
        let (graph, dynamics) = (&mechanism.graph, &mechanism.dynamics);
        let initial: Vec<_> = dynamics.states.iter().map(|s| s.initial).collect();
        // For each output, which state it is and when, where it is one.
        let mut outputs: Vec<(f64, Option<usize>)> = Vec::new();
        for part in parts {
            let series = mechanism.observed.iter().find(|o| o.name == part.name);
            let state = series.and_then(|series| state(mechanism, series));
            outputs.extend(part.times.iter().map(|&time| (time, state)));
        }
        let mut times: Vec<f64> = outputs.iter().map(|(time, _)| *time).collect();
        times.sort_by(f64::total_cmp);
        times.dedup();
        let find = |wanted: usize, at: f64| {
            let mut all = outputs.iter();
            all.position(|&(time, state)| time == at && state == Some(wanted))
        };
        let mut conserved = Self {
            initial: Tape::compile(graph, &initial),
            states: initial.len(),
            start: dynamics
                .moment
                .map_or(dynamics.start, |moment| moment.start),
            moment: dynamics
                .moment
                .map(|moment| Tape::compile(graph, &[moment.at])),
            quantities: Vec::new(),
            untold: Vec::new(),
        };
        for own in &mechanism.conserved {
            let inputs = graph.inputs_of(&[own.value]);
            let needed: Vec<usize> = inputs
                .iter()
                .filter_map(|input| match input {
                    Input::State(state) => Some(*state),
                    _ => None,
                })
                .collect();
            let row = |&time: &f64| {
                let all = needed.iter().map(|&s| Some((s, find(s, time)?)));
                Some((time, all.collect::<Option<Vec<_>>>()?))
            };
            let rows: Vec<_> = times.iter().filter_map(row).collect();
            if rows.is_empty() {
                let mut hidden = needed.iter().filter(|s| {
                    let mut seen = outputs.iter();
                    !seen.any(|(_, state)| state == &Some(**s))
                });
                let state = hidden.next().or(needed.first()).copied().unwrap_or(0);
                let name = dynamics.states[state].name.clone();
                conserved.untold.push((own.name.clone(), name));
            } else {
                conserved.quantities.push(Quantity {
                    name: own.name.clone(),
                    value: Tape::compile(graph, &[own.value]),
                    needed: needed
                        .iter()
                        .map(|&s| (s, dynamics.states[s].name.clone()))
                        .collect(),
                    rows,
                });
            }
        }
        conserved
    }

    /// Names of those that answers tell.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.quantities
            .iter()
            .map(|quantity| quantity.name.as_str())
    }

    /// Those that answers do not tell: the quantity, and a state of it that is not predicted at any time
    /// of the others.
    #[must_use]
    pub fn untold(&self) -> &[(String, String)] {
        &self.untold
    }

    /// The states of a quantity by name, and for each time that tells it the time and the outputs that are
    /// these states.
    pub fn states(
        &self,
        quantity: usize,
    ) -> (Vec<&str>, impl Iterator<Item = (f64, Vec<usize>)> + '_) {
        let own = &self.quantities[quantity];
        let names = own.needed.iter().map(|(_, name)| name.as_str()).collect();
        let outputs = |row: &[(usize, usize)]| row.iter().map(|&(_, output)| output).collect();
        let rows = own.rows.iter();
        (names, rows.map(move |(time, row)| (*time, outputs(row))))
    }

    /// A quantity at the start; `parameters` are all of the mechanism's.
    #[must_use]
    pub fn at_start(&self, quantity: usize, parameters: &[f64]) -> f64 {
        let states = self.initial.evaluate(&Inputs {
            parameters,
            ..Inputs::default()
        });
        self.quantities[quantity].value.evaluate(&Inputs {
            time: self.start,
            parameters,
            states: &states,
            ..Inputs::default()
        })[0]
    }

    /// A quantity at each of an answer's times that tell it; `answer` has one number an output.
    #[must_use]
    pub fn along(&self, quantity: usize, parameters: &[f64], answer: &[f64]) -> Vec<f64> {
        let moment = self.moment.as_ref().map(|tape| {
            tape.evaluate(&Inputs {
                parameters,
                ..Inputs::default()
            })[0]
        });
        let own = &self.quantities[quantity];
        let mut states = vec![0.0; self.states];
        let rows = own.rows.iter().map(|(time, outputs)| {
            for &(state, output) in outputs {
                states[state] = answer[output];
            }
            own.value.evaluate(&Inputs {
                time: moment.unwrap_or(*time),
                parameters,
                states: &states,
                ..Inputs::default()
            })[0]
        });
        rows.collect()
    }

    /// How far a quantity is from its value at the start, at most, over an answer's times; infinite where
    /// that is no number.
    #[must_use]
    pub fn drift(&self, quantity: usize, parameters: &[f64], answer: &[f64]) -> f64 {
        let start = self.at_start(quantity, parameters);
        let values = self.along(quantity, parameters, answer).into_iter();
        values.fold(0.0, |most: f64, value| match (value - start).abs() {
            drift if drift.is_nan() => f64::INFINITY,
            drift => most.max(drift),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPRING: &str = "[parameters]\nk = 'Uniform(1, 4)'\n[states]\nx = 1\nv = 0\n\
        [dynamics]\nx = 'v'\nv = '-k * x'\n[conserved]\nenergy = '(k * x^2 + v^2) / 2'\nphase = 'x + t'\n\
        [observed]\ntimes = [1, 2]\nv = 'v'\nx = 'x'\nother = { distribution = 'x', times = [0.5, 3] }";

    fn parts(mechanism: &Mechanism, names: &[&str]) -> Vec<Part> {
        let find = |name: &&str| mechanism.observed.iter().find(|o| o.name == **name);
        names.iter().filter_map(find).map(Part::whole).collect()
    }

    #[test]
    fn the_drift_is_the_largest_over_the_times() {
        let mechanism = Mechanism::parse("spring", SPRING, ".").unwrap();
        let conserved = Conserved::new(&mechanism, &parts(&mechanism, &["v", "x"]));
        assert_eq!(conserved.names().collect::<Vec<_>>(), ["energy", "phase"]);
        let exact = [-2.0 * 2f64.sin(), -2.0 * 4f64.sin(), 2f64.cos(), 4f64.cos()];
        assert_eq!(conserved.at_start(0, &[4.0]), 2.0);
        assert!(conserved.drift(0, &[4.0], &exact) < 1e-15);
        let mut off = exact;
        off[3] += 0.5;
        let expected = 2.0 * (off[3] * off[3] - exact[3] * exact[3]).abs();
        assert!((conserved.drift(0, &[4.0], &off) - expected).abs() < 1e-14);
        off[0] = f64::NAN;
        assert_eq!(conserved.drift(0, &[4.0], &off), f64::INFINITY);
        // x + t at 1 and 2.
        let along = conserved.along(1, &[4.0], &exact);
        assert_eq!(along, [2f64.cos() + 1.0, 4f64.cos() + 2.0]);
    }

    #[test]
    fn a_quantity_of_states_that_are_not_predicted_together_is_untold() {
        let mechanism = Mechanism::parse("spring", SPRING, ".").unwrap();
        let of = |names: &[&str]| Conserved::new(&mechanism, &parts(&mechanism, names));
        let (energy, v) = ("energy".to_owned(), "v".to_owned());
        assert_eq!(of(&["x"]).untold(), [(energy.clone(), v)]);
        assert_eq!(of(&["v", "other"]).untold().len(), 1);
        assert!(of(&["x"]).names().eq(["phase"]));
    }
}
