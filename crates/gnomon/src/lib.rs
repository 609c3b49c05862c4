//! Simulation-grounded learning: learn from a simulator, and test what was learned against it.
//!
//! A study names a question, the mechanisms that may have produced the data, and the data. Its stages
//! are functions: [`stage::simulate`] fills a bank, [`stage::learn`] trains networks on it,
//! [`stage::answer`] answers the data, [`stage::examine`] tests the answer's claims on fresh
//! simulations, [`stage::report`] writes it all down. The rooms that do the work are re-exported.

pub mod context;
pub mod failure;
pub mod file;
pub mod interrupt;
pub mod memory;
pub mod population;
pub mod probability;
pub mod progress;
pub mod stage;
pub mod stamp;

pub use gnomon_bank as bank;
pub use gnomon_claim as claim;
pub use gnomon_emulate as emulate;
pub use gnomon_examine as examine;
pub use gnomon_infer as infer;
pub use gnomon_learn as learn;
pub use gnomon_mechanism as mechanism;
pub use gnomon_report as report;
pub use gnomon_simulate as simulate;
