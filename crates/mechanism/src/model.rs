//! A mechanism as checked data: what every other room works on.

mod tractable;

use std::path::PathBuf;
use std::sync::Arc;

use crate::distribution::Family;
use crate::expression::{Graph, Input, Node, Operation};
use crate::source::{Source, Span};

/// A simulator: parameters with priors, dynamics, and what is observed of them.
///
/// All expressions are nodes of one [`Graph`].
#[derive(Clone, Debug)]
pub struct Mechanism {
    /// The file's stem, or the name that the study gives it.
    pub name: String,
    /// What it is, in a sentence.
    pub description: String,
    /// The text it was read from.
    pub text: Arc<str>,
    /// Every expression.
    pub graph: Graph,
    /// In order: a prior may depend on the parameters before it.
    pub parameters: Vec<Parameter>,
    /// Random numbers that every simulation draws for itself and nobody asks for, in order; in
    /// expressions they are numbered on after the parameters.
    pub latents: Vec<Parameter>,
    /// Quantities worked out from the parameters.
    pub derived: Vec<Derived>,
    /// How the states move.
    pub dynamics: Dynamics,
    /// What is seen.
    pub observed: Vec<Observed>,
    /// The log-likelihood, where the file gives it.
    pub likelihood: Option<Likelihood>,
    /// Conditions that a simulation must meet to count.
    pub acceptance: Vec<Acceptance>,
    /// What stays the same while the states move, by the file's own word.
    pub conserved: Vec<Conserved>,
}

/// A quantity that stays the same while the states move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conserved {
    /// As written in the file.
    pub name: String,
    /// Of states, parameters and the time `t` (the file's own, also where there is a
    /// [`Dynamics::moment`]).
    pub value: Node,
}

/// A condition on a whole simulation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// As written in the file.
    pub name: String,
    /// Of parameters and observed numbers: 0 where the simulation does not count.
    pub condition: Node,
}

/// A log-likelihood as an expression of the parameters and the observed numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Likelihood {
    /// ln p(observed | parameters).
    pub log: Node,
    /// Whether it lacks terms that depend on what is observed alone: evidences cannot be compared.
    pub up_to_constant: bool,
}

/// A parameter and its prior.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Parameter {
    pub name: String,
    /// Arguments depend on earlier parameters at most.
    pub prior: Distribution,
    pub unit: Option<String>,
    pub description: Option<String>,
}

/// A distribution whose arguments are expressions.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    /// Which distribution.
    pub family: Family,
    /// In the family's order.
    pub arguments: Vec<Node>,
}

/// A quantity worked out from the parameters alone.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Derived {
    pub name: String,
    pub value: Node,
    pub unit: Option<String>,
    pub description: Option<String>,
}

/// States, their law of motion, and what happens to them.
#[derive(Clone, Debug)]
pub struct Dynamics {
    /// Empty for a mechanism without states. Parameters that an event switches are states here,
    /// starting at the parameter's value, with no motion of their own.
    pub states: Vec<State>,
    /// The time at which the states have their initial values.
    pub start: f64,
    /// How the states move.
    pub law: Law,
    /// Quantities accumulated between observations.
    pub flows: Vec<Flow>,
    /// States and flows as they were at earlier entries of an observed series.
    pub lags: Vec<Lag>,
    /// Interventions.
    pub events: Vec<Event>,
    /// The time at which all is observed, where that is an expression of the parameters. The clock then
    /// runs from 0, the file's own start, to 1, and `law`, `flows` and `events` are written by it.
    pub moment: Option<Moment>,
}

/// A time that is an expression of the parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// The file's own start, the time of the initial values.
    pub start: f64,
    /// The time at which all is observed.
    pub at: Node,
}

/// A state and its initial value, an expression of the parameters.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct State {
    pub name: String,
    pub initial: Node,
    pub unit: Option<String>,
    pub description: Option<String>,
}

/// How the states move. Vectors have one entry a state, expressions of time, states, parameters.
#[derive(Clone, Debug)]
pub enum Law {
    /// No states: observations come from the parameters alone.
    Static,
    /// d state / d t.
    Ode {
        /// One a state.
        derivatives: Vec<Node>,
        /// Which solver, and how accurate.
        solver: OdeSolver,
    },
    /// d state = drift dt + diffusion dW, Ito, one independent noise a state, Euler-Maruyama.
    Sde {
        /// One a state.
        drift: Vec<Node>,
        /// One a state.
        diffusion: Vec<Node>,
        /// The largest step; steps are shortened to meet observation times exactly.
        step: f64,
    },
    /// A jump process, simulated exactly.
    Jumps {
        /// What can happen.
        reactions: Vec<Reaction>,
    },
    /// A jump process, simulated in steps over which rates are held.
    Leaps {
        /// What can happen.
        reactions: Vec<Reaction>,
        /// How many firings a step has.
        counts: Counts,
        /// How long a step is.
        leap: Leap,
    },
    /// state(t + step) = next(state(t)).
    Map {
        /// One a state.
        next: Vec<Node>,
        /// The time between two applications.
        step: f64,
    },
    /// A linear system shaken at one frequency; its unknowns are pairs of states, the observed times are
    /// angular frequencies.
    Response(Response),
    /// A program in any language.
    Program(Program),
}

/// A(w) y = force, complex, with A = stiffness + j (w damping + imaginary) - w^2 mass.
///
/// State 2k is the real part of unknown k, state 2k + 1 its imaginary part. Expressions depend on the
/// frequency (as the time) and the parameters.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Response {
    /// The angular frequency w: the time, or an expression of the parameters.
    pub frequency: Node,
    /// As the file names it.
    pub frequency_name: String,
    /// The unknowns' name.
    pub unknown: String,
    pub mass: Vec<MatrixEntry>,
    pub damping: Vec<MatrixEntry>,
    pub stiffness: Vec<MatrixEntry>,
    /// What else is imaginary.
    pub imaginary: Vec<MatrixEntry>,
    /// Real and imaginary part, one an unknown.
    pub force: Vec<(Node, Node)>,
}

impl Response {
    /// Whether the frequency is not known from the parameters.
    #[must_use]
    pub fn has_free_frequency(&self, graph: &Graph) -> bool {
        graph.operation(self.frequency) == Operation::Input(Input::Time)
    }
}

/// An entry of a matrix that is not 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct MatrixEntry {
    pub row: usize,
    pub column: usize,
    pub value: Node,
}

/// The distribution of a reaction's firings in a step, of which rate times step is the mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    /// Tau-leaping.
    Poisson,
    /// The chemical Langevin equation: of equal variance.
    Normal,
}

/// How long a step of a jump process is; shortened to meet observation times exactly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Leap {
    /// So long.
    Fixed(f64),
    /// Such that no state that rates depend on changes by more than about this share.
    Adaptive(f64),
}

/// The solver of ordinary differential equations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OdeSolver {
    /// Which method.
    pub method: OdeMethod,
    /// Relative tolerance of a step's error.
    pub relative: f64,
    /// Absolute tolerance of a step's error.
    pub absolute: f64,
    /// A simulation that needs more steps than this is a failed row.
    pub most_steps: u32,
    /// Whether the states come to rest, and that is asked for: at the last time they must stand still.
    pub steady: bool,
}

impl Default for OdeSolver {
    fn default() -> Self {
        Self {
            method: OdeMethod::Auto,
            relative: 1e-6,
            absolute: 1e-8,
            most_steps: 100_000,
            steady: false,
        }
    }
}

/// The method that integrates ordinary differential equations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OdeMethod {
    /// Explicit, changing to stiff where stiffness is detected.
    Auto,
    /// Tsitouras 5(4).
    Explicit,
    /// An L-stable Rosenbrock method.
    Stiff,
}

/// A reaction of a jump process.
#[derive(Clone, Debug)]
pub struct Reaction {
    /// As written in the file.
    pub name: String,
    /// The propensity, per unit of time.
    pub rate: Node,
    /// State and what is added to it when the reaction fires.
    pub change: Vec<(usize, f64)>,
    /// A bound on the rate between two jumps, needed where the rate depends on time (thinning).
    pub bound: Option<Node>,
}

/// A quantity accumulated over the interval between two observations (from the start to the first).
///
/// Each flow is used by one observed series alone, and its intervals are between that series'
/// times. Its rate depends on time, states and parameters.
#[derive(Clone, Debug)]
pub struct Flow {
    /// The rate that is integrated (ODE, SDE) or added each step (map).
    pub rate: Node,
    /// For jumps, exact or in steps: reactions and the weight with which a firing counts.
    pub firings: Vec<(usize, f64)>,
}

/// A state or a flow as it was some entries earlier in the observed series that uses it; 0 before the
/// first entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lag {
    /// Which state or flow.
    pub of: Lagged,
    /// How many entries earlier, at least 1.
    pub entries: usize,
}

/// What can be looked back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lagged {
    /// A state by its position in the dynamics.
    State(usize),
    /// A flow by its position in the dynamics, over the interval before that entry.
    Flow(usize),
}

/// Something that happens to the states at a moment. All values are those just before it.
#[derive(Clone, Debug)]
pub struct Event {
    /// As written in the file.
    pub name: String,
    /// When.
    pub trigger: Trigger,
    /// State and its new value.
    pub effects: Vec<(usize, Node)>,
}

/// When an event happens.
#[derive(Clone, Debug)]
pub enum Trigger {
    /// At these times (expressions of the parameters), before an observation at the same time.
    At(Vec<Node>),
    /// Each time this expression of time, states and parameters rises from below or at 0 to above
    /// 0; `once` for the first time only.
    Rises {
        /// The expression.
        expression: Node,
        /// Only the first time.
        once: bool,
    },
}

/// One observed series, or one number where `times` has one entry.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Observed {
    pub name: String,
    /// When each entry is observed, not before the dynamics' start, strictly increasing.
    /// Without dynamics: the times given, or the entries' numbers 1, 2, ..., each an independent
    /// draw.
    pub times: Vec<f64>,
    /// Arguments depend on time, states, parameters and flows. For a program, `Exact(NaN)`: the
    /// program gives the values.
    pub distribution: Distribution,
    /// Where this is not 0, the entry is missing.
    pub missing: Option<Node>,
    /// Entries are rounded to multiples of this, where it is positive.
    pub rounded: Option<Node>,
    pub unit: Option<String>,
    pub description: Option<String>,
}

impl Observed {
    /// All that is worked out of the simulation for an entry: the distribution's arguments, then whether the
    /// entry is missing and what it is rounded to, where these are written.
    #[must_use]
    pub fn nodes(&self) -> Vec<Node> {
        let arguments = self.distribution.arguments.iter();
        arguments
            .chain(&self.missing)
            .chain(&self.rounded)
            .copied()
            .collect()
    }

    /// Whether the simulation's own number is seen, without noise, rounding or gaps.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.distribution.family == Family::Exact
            && self.missing.is_none()
            && self.rounded.is_none()
    }

    /// The bank's columns for this series: `name` where there is one entry, else `name_1`, ...
    #[must_use]
    pub fn columns(&self) -> Vec<String> {
        match self.times.len() {
            1 => vec![self.name.clone()],
            n => (1..=n)
                .map(|entry| format!("{}_{entry}", self.name))
                .collect(),
        }
    }
}

/// A simulator that is a program: it is given parameters and a seed, and answers observed values.
#[derive(Clone, Debug)]
pub struct Program {
    /// The command and its arguments; a one-shot command may hold `{name}` for a parameter,
    /// `{seed}` and `{output}`.
    pub command: Vec<String>,
    /// The folder it runs in.
    pub folder: PathBuf,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// Seconds that one simulation may take.
    pub time_limit: f64,
    /// The run ends with an error when more than this share of simulations failed.
    pub most_failures: f64,
    /// Where the command is written, for errors.
    pub place: Option<(Source, Span)>,
}

/// How a program is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// A worker that stays: JSON lines on standard input and output.
    JsonLines,
    /// Started once a simulation; writes its observed values to `{output}` (CSV or JSON by ending).
    OneShot {
        /// The output file's ending, with its dot.
        ending: String,
    },
}

/// Families of numbers above 0.
const ABOVE_ZERO: [Family; 3] = [Family::LogNormal, Family::InverseGamma, Family::LogUniform];

impl Mechanism {
    /// A parameter's position.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<usize> {
        self.parameters
            .iter()
            .position(|parameter| parameter.name == name)
    }

    /// Why a distribution of this mechanism cannot give `value`, if it cannot. A support that
    /// depends on parameters is not known, and refuses nothing.
    #[must_use]
    pub fn impossible(&self, distribution: &Distribution, value: f64) -> Option<String> {
        let family = distribution.family;
        let name = family.name();
        if family.is_discrete() && (value < 0.0 || value.fract() != 0.0) {
            return Some(format!("{name} gives whole numbers, 0 or more"));
        }
        if ABOVE_ZERO.contains(&family) && value <= 0.0 {
            return Some(format!("{name} gives numbers above 0"));
        }
        let arguments: Vec<Option<f64>> = distribution
            .arguments
            .iter()
            .map(|&node| self.graph.as_constant(node))
            .collect();
        // Arguments that set the support, and must be known for it: all, the first, or none.
        let needed = match family {
            Family::Exact => return None,
            Family::Uniform | Family::LogUniform | Family::TruncatedNormal => arguments.len(),
            Family::Binomial => 1,
            _ => 0,
        };
        if arguments.iter().take(needed).any(Option::is_none) {
            return None;
        }
        let arguments: Vec<f64> = arguments.iter().map(|a| a.unwrap_or(0.5)).collect();
        let (low, high) = family.support(&arguments);
        (value < low || value > high)
            .then(|| format!("{name} gives numbers from {low} to {high} here"))
    }

    /// Why an entry of an observed series cannot be `value`, if it cannot: [`Mechanism::impossible`] of its
    /// distribution, and what rounding makes of that.
    #[must_use]
    pub fn cannot_be(&self, observed: &Observed, value: f64) -> Option<String> {
        let Some(rounded) = observed.rounded else {
            return self.impossible(&observed.distribution, value);
        };
        let family = observed.distribution.family;
        if value < 0.0 && (family.is_discrete() || ABOVE_ZERO.contains(&family)) {
            return Some(format!("{} gives nothing below 0", family.name()));
        }
        let unit = self.graph.as_constant(rounded).filter(|unit| *unit > 0.0)?;
        let steps = value / unit;
        ((steps - steps.round()).abs() > 1e-9 * steps.abs().max(1.0))
            .then(|| format!("entries are multiples of {unit}"))
    }

    /// Whether the entries of the observed series `name` can be exchanged given the parameters: there
    /// are no dynamics, and neither the distribution nor what is missing knows the time. (Of a program nothing is known.)
    #[must_use]
    pub fn exchangeable(&self, name: &str) -> bool {
        let Law::Static = self.dynamics.law else {
            return false;
        };
        let series = self.observed.iter().find(|observed| observed.name == name);
        series.is_some_and(|observed| {
            let inputs = self.graph.inputs_of(&observed.nodes());
            !inputs.contains(&Input::Time)
        })
    }

    /// How many numbers one simulation observes.
    #[must_use]
    pub fn observed_count(&self) -> usize {
        self.observed
            .iter()
            .map(|observed| observed.times.len())
            .sum()
    }
}
