//! An emulator: whether it may be trusted, where, how it was chosen, what it cost, and when it pays.

use serde::{Deserialize, Serialize};

use super::{Claim, Mechanism, Provenance, missing};

/// What `gnomon emulate` found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Emulation {
    /// The study's title.
    pub title: String,
    /// What became of it, in a sentence or two.
    pub answer: String,
    /// What produced it, and when.
    pub provenance: Provenance,
    /// The mechanism that is emulated.
    pub mechanism: Mechanism,
    /// What a user must know, such as that the answers jump.
    pub notes: Vec<String>,
    /// The claims, with their verdicts.
    pub claims: Vec<Claim>,
    /// Fresh queries that it was certified on.
    pub queries: u64,
    /// Those of them that the emulator answered.
    pub answered: u64,
    /// Where answers came from, and why, with counts.
    pub sources: Vec<(String, u64)>,
    /// The largest error estimate that is accepted, in tolerances; NaN where nothing is.
    #[serde(deserialize_with = "missing::number")]
    pub threshold: f64,
    /// The largest share in error that is claimed.
    #[serde(deserialize_with = "missing::number")]
    pub level: f64,
    /// What a query gives.
    pub given: Vec<String>,
    /// What is emulated.
    pub quantities: Vec<Emulated>,
    /// The families that were tried.
    pub families: Vec<FamilyTried>,
    /// Why the chosen one was chosen.
    pub why: String,
    /// Errors of answers that were accepted, in tolerances, sorted.
    #[serde(deserialize_with = "missing::numbers")]
    pub accepted_errors: Vec<f64>,
    /// Errors of all that the learned map says inside the domain, in tolerances, sorted.
    #[serde(deserialize_with = "missing::numbers")]
    pub all_errors: Vec<f64>,
    /// How the error falls with the bank.
    pub curve: LearningCurve,
    /// How the error falls with the modes of a reduced basis; empty without one.
    pub modes: ModeCurve,
    /// How answers converge to the solver's.
    pub sweeps: Sweeps,
    /// How answers keep what the mechanism conserves.
    pub conserved: Vec<Conserved>,
    /// Some trajectories of the states of the first of these.
    pub trajectories: Trajectories,
    /// What it costs.
    pub costs: EmulationCosts,
}

/// How answers keep a conserved quantity.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Conserved {
    /// As the mechanism names it.
    pub name: String,
    /// How far it may drift.
    #[serde(deserialize_with = "missing::number")]
    pub tolerance: f64,
    /// Its standard deviation at the start, over the prior.
    #[serde(deserialize_with = "missing::number")]
    pub spread: f64,
    /// Drifts on fresh queries, of each who answers.
    pub drifts: Vec<Drift>,
}

/// How far a conserved quantity drifts in somebody's answers, in tolerances.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Drift {
    /// Whose answers.
    pub who: String,
    /// How many.
    pub queries: u64,
    /// The median.
    #[serde(deserialize_with = "missing::number")]
    pub middle: f64,
    /// What 99 % of queries do not exceed.
    #[serde(deserialize_with = "missing::number")]
    pub high: f64,
    /// The share of queries whose drift is above the tolerance.
    #[serde(deserialize_with = "missing::number")]
    pub beyond: f64,
}

/// Trajectories as the solver, the learned map and its refined answers have them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Trajectories {
    /// The names of the two states that are shown.
    pub states: Vec<String>,
    /// One a fresh query.
    pub each: Vec<Trajectory>,
}

/// One of them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Trajectory {
    /// When.
    #[serde(deserialize_with = "missing::numbers")]
    pub times: Vec<f64>,
    /// By the solver.
    pub solver: Path,
    /// By the learned map.
    pub emulator: Path,
    /// The same, refined; empty where answers are not.
    pub refined: Path,
}

/// Numbers along a trajectory, one a time.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Path {
    /// The first of the states.
    #[serde(deserialize_with = "missing::numbers")]
    pub x: Vec<f64>,
    /// The second.
    #[serde(deserialize_with = "missing::numbers")]
    pub y: Vec<f64>,
    /// How far the first conserved quantity is from its value at the start, in tolerances.
    #[serde(deserialize_with = "missing::numbers")]
    pub drift: Vec<f64>,
}

/// A quantity that is emulated.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Emulated {
    /// As the study names it.
    pub name: String,
    /// Its unit.
    pub unit: Option<String>,
    /// How far an answer may be from the solver's.
    #[serde(deserialize_with = "missing::number")]
    pub tolerance: f64,
    /// Its standard deviation over the prior.
    #[serde(deserialize_with = "missing::number")]
    pub spread: f64,
    /// Some numbers of the solver's answers to fresh queries.
    #[serde(deserialize_with = "missing::numbers")]
    pub solver: Vec<f64>,
    /// What the learned map says of each.
    #[serde(deserialize_with = "missing::numbers")]
    pub emulator: Vec<f64>,
    /// Whether that was accepted.
    pub accepted: Vec<bool>,
}

/// A family of learned maps.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FamilyTried {
    /// What it is.
    pub name: String,
    /// Whether it was chosen.
    pub is_chosen: bool,
    /// Root mean squared held-out error, in standard deviations.
    #[serde(deserialize_with = "missing::number")]
    pub error: f64,
    /// Share of held-out rows in error by more than half the tolerance; NaN where it was not fitted.
    #[serde(deserialize_with = "missing::number")]
    pub beyond: f64,
    /// Sums and products of one answer.
    pub operations: u64,
    /// Seconds of its fits.
    #[serde(deserialize_with = "missing::number")]
    pub fit_seconds: f64,
    /// Seconds for one query among many.
    #[serde(deserialize_with = "missing::number")]
    pub query_seconds: f64,
    /// Why it was not fitted; empty where it was.
    pub refused: String,
}

/// Errors against the number of simulations.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct LearningCurve {
    /// Numbers of simulations, increasing.
    pub simulations: Vec<u64>,
    /// Root mean squared error on fresh queries, in tolerances.
    #[serde(deserialize_with = "missing::numbers")]
    pub errors: Vec<f64>,
    /// Root mean squared difference of each one's answers to those of the one before: one fewer.
    #[serde(deserialize_with = "missing::numbers")]
    pub changes: Vec<f64>,
    /// The exponent of a power law through them; NaN without one.
    #[serde(deserialize_with = "missing::number")]
    pub exponent: f64,
}

impl Default for LearningCurve {
    fn default() -> Self {
        Self {
            simulations: Vec::new(),
            errors: Vec::new(),
            changes: Vec::new(),
            exponent: f64::NAN,
        }
    }
}

/// Errors against the number of modes that fields are learned by.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct ModeCurve {
    /// Numbers of modes, increasing.
    pub modes: Vec<u64>,
    /// Root mean squared error on fresh queries, in tolerances.
    #[serde(deserialize_with = "missing::numbers")]
    pub errors: Vec<f64>,
    /// Root mean squared difference of each one's answers to those of the one before: one fewer.
    #[serde(deserialize_with = "missing::numbers")]
    pub changes: Vec<f64>,
    /// The exponent of a power law through the errors; NaN without one.
    #[serde(deserialize_with = "missing::number")]
    pub exponent: f64,
}

impl Default for ModeCurve {
    fn default() -> Self {
        Self {
            modes: Vec::new(),
            errors: Vec::new(),
            changes: Vec::new(),
            exponent: f64::NAN,
        }
    }
}

/// Answers of the learned map, corrected sweep by sweep.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Sweeps {
    /// Fresh queries that were swept.
    pub queries: u64,
    /// Those whose residual was accepted in the end.
    pub converged: u64,
    /// The median error before the first sweep and after each, against a much more accurate solver, in
    /// tolerances, of those that converged.
    #[serde(deserialize_with = "missing::numbers")]
    pub middle: Vec<f64>,
    /// The largest.
    #[serde(deserialize_with = "missing::numbers")]
    pub worst: Vec<f64>,
    /// The median of the solver's own error, in tolerances.
    #[serde(deserialize_with = "missing::number")]
    pub solver: f64,
    /// 95 % of refined answers are nearer to the solver's than so many of its own tolerances; NaN where there are
    /// too few to tell.
    #[serde(deserialize_with = "missing::number")]
    pub factor: f64,
    /// The observed order of convergence.
    #[serde(deserialize_with = "missing::number")]
    pub order: f64,
    /// Seconds of one refined answer alone, the learned map's included.
    #[serde(deserialize_with = "missing::number")]
    pub latency: f64,
    /// Seconds of one among many.
    #[serde(deserialize_with = "missing::number")]
    pub each: f64,
    /// Seconds of one of the solver's answers alone.
    #[serde(deserialize_with = "missing::number")]
    pub solver_latency: f64,
    /// Seconds of one among many.
    #[serde(deserialize_with = "missing::number")]
    pub solver_each: f64,
    /// Why there are no sweeps; empty where there are.
    pub refused: String,
}

/// What an emulator costs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EmulationCosts {
    /// Paid once.
    pub paid: Vec<PaidOnce>,
    /// Seconds that answers take, of each who answers.
    pub speeds: Vec<AnswerSpeed>,
    /// After how many queries it pays, in words.
    pub break_even: String,
}

/// Something paid once.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PaidOnce {
    /// The work.
    pub what: String,
    /// Solver runs that it took; 0 without the solver.
    pub solves: u64,
    /// Seconds.
    #[serde(deserialize_with = "missing::number")]
    pub seconds: f64,
    /// How many solver runs in batches take as long.
    #[serde(deserialize_with = "missing::number")]
    pub in_solves: f64,
}

/// How fast someone answers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AnswerSpeed {
    /// Who.
    pub who: String,
    /// Seconds of one answer alone.
    #[serde(deserialize_with = "missing::number")]
    pub latency: f64,
    /// Seconds of one answer among many.
    #[serde(deserialize_with = "missing::number")]
    pub each: f64,
}
