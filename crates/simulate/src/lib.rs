//! Runs mechanisms: simulation numbers -> parameters from the priors -> states -> observations.
//!
//! Many simulations run side by side in lanes ([`lanes`]); simulation `i` of seed `s` is the same
//! numbers whatever lanes it shares, with any number of threads and any instruction set.
//!
//! ```
//! use gnomon_mechanism::expression::{Graph, Input};
//! use gnomon_mechanism::model::{
//!     Distribution, Dynamics, Law, Mechanism, Observed, OdeSolver, Parameter, State,
//! };
//! use gnomon_mechanism::Family;
//! use gnomon_simulate::{Compiled, simulate};
//!
//! // dx/dt = -k x, x(0) = 1, k ~ Uniform(1, 2), x observed exactly at t = 1.
//! let mut graph = Graph::new();
//! let (k, x) = (graph.input(Input::Parameter(0)), graph.input(Input::State(0)));
//! let (one, two) = (graph.constant(1.0), graph.constant(2.0));
//! let rate = graph.multiply(k, x);
//! let slope = graph.negate(rate);
//! let mechanism = Mechanism {
//!     name: "decay".into(),
//!     description: String::new(),
//!     text: "".into(),
//!     graph,
//!     parameters: vec![Parameter {
//!         name: "k".into(),
//!         prior: Distribution { family: Family::Uniform, arguments: vec![one, two] },
//!         unit: None,
//!         description: None,
//!     }],
//!     latents: vec![],
//!     likelihood: None,
//!     acceptance: Vec::new(),
//!     conserved: Vec::new(),
//!     derived: vec![],
//!     dynamics: Dynamics {
//!         states: vec![State { name: "x".into(), initial: one, unit: None, description: None }],
//!         start: 0.0,
//!         law: Law::Ode { derivatives: vec![slope], solver: OdeSolver::default() },
//!         flows: vec![],
//!         lags: vec![],
//!         events: vec![],
//!         moment: None,
//!     },
//!     observed: vec![Observed {
//!         name: "x".into(),
//!         times: vec![1.0],
//!         distribution: Distribution { family: Family::Exact, arguments: vec![x] },
//!         missing: None,
//!         rounded: None,
//!         unit: None,
//!         description: None,
//!     }],
//! };
//! let batch = simulate(&Compiled::new(&mechanism)?, 7, &[0, 1, 2])?;
//! for (k, x) in batch.parameters[0].iter().zip(&batch.observed[0]) {
//!     assert!((x - (-k).exp()).abs() < 1e-6);
//! }
//! # Ok::<(), gnomon_simulate::SimulateError>(())
//! ```

// Loops over lanes index several arrays by the lane.
#![allow(clippy::needless_range_loop)]

mod acceptance;
mod batch;
mod block;
mod breaks;
mod checkpoint;
mod compiled;
mod effort;
mod events;
mod failure;
mod field;
mod filter;
mod gradient;
mod jumps;
pub mod lanes;
mod latents;
mod likelihood;
mod linear;
mod march;
mod observe;
mod ode;
mod particles;
pub mod program;
mod reactions;
mod response;
mod seen;
mod sheet;

pub use acceptance::reject;
pub use batch::{
    Batch, Trajectories, derived, draw_parameters, observation_arguments, simulate, simulate_at,
    simulate_into, solve,
};
pub use compiled::Compiled;
pub use effort::effort;
pub use failure::{Failure, REJECTED, SimulateError};
pub use field::{FieldAt, VectorField};
pub use gradient::LikelihoodGradient;
pub use likelihood::{approximate_log_likelihood, log_likelihood};
pub use observe::EntryArguments;
pub use particles::estimate_log_likelihood;
pub use response::{Matrices, MatrixPolynomial, Responses, matrices, polynomial, response};
