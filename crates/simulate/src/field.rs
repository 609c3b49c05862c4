//! The right-hand side of a mechanism's equations, and its Jacobian, at times and states of the
//! caller's choice: what a trajectory from elsewhere is held against.

use gnomon_mechanism::model::{Law, Mechanism, OdeMethod, OdeSolver};

use crate::block::Block;
use crate::checkpoint::Checkpoint;
use crate::compiled::{Compiled, LawPlan, OdePlan, StiffPlan};
use crate::events::EventState;
use crate::failure::SimulateError;
use crate::lanes::{Frame, LaneTape, WIDTH, run};
use crate::linear::order::narrow;

/// dy/dt = f(t, y) of a mechanism of ordinary differential equations. Components of y are its states,
/// then the flows that it accumulates.
///
/// ```
/// use gnomon_mechanism::Mechanism;
/// use gnomon_simulate::VectorField;
/// let text = "[parameters]\nk = 'Uniform(0, 2)'\n[states]\nx = 1\n[dynamics]\nx = '-k * x'\n\
///             [observed]\ntimes = [1]\nx = 'x'";
/// let field = VectorField::new(&Mechanism::parse("decay", text, ".")?)?;
/// let mut at = field.at(&[0.5])?;
/// assert_eq!(at.start(), (0.0, [1.0].as_slice()));
/// let (mut slopes, mut jacobians) = (Vec::new(), Vec::new());
/// at.slopes(&[0.0, 1.0], &[1.0, 3.0], &mut slopes);
/// at.jacobians(&[0.0], &[1.0], &mut jacobians);
/// assert_eq!((slopes, jacobians), (vec![-0.5, -1.5], vec![-0.5]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct VectorField {
    compiled: Compiled,
}

/// A [`VectorField`] at some parameters.
#[derive(Clone, Debug)]
pub struct FieldAt<'a> {
    compiled: &'a Compiled,
    ode: &'a OdePlan,
    stiff: &'a StiffPlan,
    frame: Frame<WIDTH>,
    start: Vec<f64>,
    breaks: Vec<(f64, f64)>,
}

impl VectorField {
    /// Differentiates and compiles the equations of `mechanism`.
    ///
    /// # Errors
    /// [`SimulateError::Unsupported`] where its law is another one, or events change its states.
    pub fn new(mechanism: &Mechanism) -> Result<Self, SimulateError> {
        let unsupported = |what: String| Err(SimulateError::Unsupported(what));
        let mut mechanism = mechanism.clone();
        let Law::Ode { solver, .. } = &mut mechanism.dynamics.law else {
            return unsupported(format!(
                "`{}` is not a set of ordinary differential equations",
                mechanism.name
            ));
        };
        if solver.steady {
            return unsupported(format!("`{}` is observed at rest", mechanism.name));
        }
        // The explicit method alone would do without the Jacobian.
        solver.method = OdeMethod::Auto;
        if !mechanism.dynamics.events.is_empty() {
            return unsupported(format!("events change the states of `{}`", mechanism.name));
        }
        Ok(Self {
            compiled: Compiled::new(&mechanism)?,
        })
    }

    /// How many components y has.
    #[must_use]
    pub fn components(&self) -> usize {
        self.compiled.dynamics.components
    }

    /// How many parameters it depends on.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.compiled.mechanism.parameters.len()
    }

    /// The tolerances and limits of the mechanism's own solver.
    #[must_use]
    pub fn solver(&self) -> OdeSolver {
        self.plans().map_or_else(OdeSolver::default, |p| p.0.solver)
    }

    /// (row, column) of the Jacobian's entries that are not 0 everywhere.
    #[must_use]
    pub fn entries(&self) -> &[(usize, usize)] {
        self.plans().map_or(&[], |(_, stiff)| &stiff.entries)
    }

    /// The components in an order in which the Jacobian is a narrow band.
    #[must_use]
    pub fn order(&self) -> Vec<usize> {
        narrow(self.components(), self.entries())
    }

    fn plans(&self) -> Option<(&OdePlan, &StiffPlan)> {
        match &self.compiled.dynamics.law {
            LawPlan::Ode(ode) => ode.stiff.as_ref().map(|stiff| (ode, stiff)),
            _ => None,
        }
    }

    /// The field at `parameters`, one number each.
    ///
    /// # Errors
    /// [`SimulateError::Columns`] where there are more or fewer than the mechanism has.
    pub fn at(&self, parameters: &[f64]) -> Result<FieldAt<'_>, SimulateError> {
        let compiled = &self.compiled;
        let wanted = compiled.mechanism.parameters.len();
        let Some((ode, stiff)) = self.plans().filter(|_| parameters.len() == wanted) else {
            let found = parameters.len();
            return Err(SimulateError::Columns(format!(
                "{found} parameters, where there are {wanted}"
            )));
        };
        let block = Block {
            parameters: parameters.chunks(1).collect(),
            simulations: &[0],
            seed: 0,
        };
        let begin = Checkpoint::start(compiled, &block);
        let (dynamics, n) = (&compiled.dynamics, compiled.dynamics.components);
        let mut frame = dynamics
            .plan
            .frame(ode.slopes.outputs().max(stiff.tape.outputs()));
        for lane in 0..WIDTH {
            begin.load(0, lane, &mut frame);
        }
        let margin = dynamics.events.margin;
        let breaks = begin.events.iter().flat_map(EventState::times);
        Ok(FieldAt {
            compiled,
            ode,
            stiff,
            frame,
            start: begin.components[..n].to_vec(),
            breaks: breaks.map(|end| (end, end + 2.0 * margin)).collect(),
        })
    }
}

impl FieldAt<'_> {
    /// The time and the components at the start.
    #[must_use]
    pub fn start(&self) -> (f64, &[f64]) {
        (self.compiled.dynamics.start, &self.start)
    }

    /// Where the equations are not smooth: a step ends at the first of two times, the next one begins
    /// at the second, and nothing moves between them. Increasing.
    #[must_use]
    pub fn breaks(&self) -> &[(f64, f64)] {
        &self.breaks
    }

    /// dy/dt at each of `times`; `components` and `slopes` are row-major, one row a time.
    ///
    /// # Panics
    /// Where there are not as many rows of components as times.
    pub fn slopes(&mut self, times: &[f64], components: &[f64], slopes: &mut Vec<f64>) {
        let ode = self.ode;
        self.evaluate(&ode.slopes, times, components, slopes);
    }

    /// The Jacobian's [`VectorField::entries`] at each of `times`, row-major as in [`Self::slopes`].
    ///
    /// # Panics
    /// Where there are not as many rows of components as times.
    pub fn jacobians(&mut self, times: &[f64], components: &[f64], jacobians: &mut Vec<f64>) {
        let stiff = self.stiff;
        self.evaluate(&stiff.tape, times, components, jacobians);
        let (kept, all) = (stiff.entries.len(), stiff.tape.outputs());
        if kept < all {
            // Derivatives by the time come last in each row.
            for row in 0..times.len() {
                jacobians.copy_within(row * all..row * all + kept, row * kept);
            }
            jacobians.truncate(times.len() * kept);
        }
    }

    fn evaluate(&mut self, tape: &LaneTape, times: &[f64], components: &[f64], to: &mut Vec<f64>) {
        let n = self.start.len();
        assert_eq!(components.len(), n * times.len(), "one row a time");
        let (first, outputs) = (self.compiled.dynamics.plan.outputs(), tape.outputs());
        to.clear();
        to.resize(times.len() * outputs, 0.0);
        for (group, times) in times.chunks(WIDTH).enumerate() {
            let rows = &components[group * WIDTH * n..][..times.len() * n];
            for (lane, (&time, row)) in times.iter().zip(rows.chunks_exact(n.max(1))).enumerate() {
                self.frame[0].0[lane] = time;
                for (slot, &value) in self.frame[1..].iter_mut().zip(row) {
                    slot.0[lane] = value;
                }
            }
            run(self.compiled.set, tape, &mut self.frame, first);
            let to = &mut to[group * WIDTH * outputs..][..times.len() * outputs];
            for (lane, row) in to.chunks_exact_mut(outputs.max(1)).enumerate() {
                for (value, slot) in row.iter_mut().zip(&self.frame[first..]) {
                    *value = slot.0[lane];
                }
            }
        }
    }
}
