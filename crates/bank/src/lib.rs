//! Simulations on disk: a [`Schema`] says what the columns are, a [`Writer`] appends shards of
//! [`Rows`], a [`Bank`] reads them back as a [`Table`], [`verify`] proves they are still what was
//! simulated.
//!
//! A bank is a folder:
//!
//! ```text
//! flu/
//!   schema.json                                              the schema, once more in every shard
//!   lock                                                     held while a process writes
//!   shards/000000000000-000000001000.9f2c…61.parquet         simulations 0..1000, with checksum
//!   shards/000000001000-000000002000.03ab…d7.parquet
//! ```
//!
//! A shard's name carries the range of its simulations and the BLAKE3 checksum of its bytes, so one
//! rename publishes both, and no shard can be half there. `shards/` holds nothing else: pandas,
//! Polars and DuckDB read it as one table.
//!
//! ```
//! use gnomon_bank::{Bank, Column, MechanismText, Role, Rows, Schema};
//! # let folder = tempfile::tempdir()?;
//! # let dir = folder.path().join("flu");
//! let schema = Schema {
//!     study: "3f1c".into(),
//!     engine: "0.1.0".into(),
//!     seed: 1,
//!     mechanisms: vec![MechanismText { name: "sir".into(), text: "…".into(), weight: 1.0 }],
//!     columns: vec![Column::new("beta", Role::Parameter)],
//!     shard_rows: 2,
//! };
//! let mut writer = Bank::create(&dir, schema)?;
//! for plan in writer.missing(3) {
//!     let simulations: Vec<u64> = plan.simulations().collect();
//!     let beta = simulations.iter().map(|&i| i as f64 / 2.0).collect();
//!     let succeeded = vec![None; simulations.len()];
//!     let mechanism = vec![0; simulations.len()];
//!     writer.write(plan, &Rows { simulation: simulations, mechanism, failure: succeeded, columns: vec![beta] })?;
//! }
//! let table = Bank::open(&dir)?.read()?;
//! assert_eq!(table.column("beta"), Some(&[0.0, 0.5, 1.0][..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod atomic;
mod bank;
mod error;
mod export;
pub mod import;
mod info;
mod npy;
mod schema;
mod shard;
mod shard_name;
mod table;
mod verify;
mod writer;

pub use bank::Bank;
pub use error::BankError;
pub use export::export;
pub use import::import;
pub use info::{ColumnInfo, Info, MechanismInfo, Reason};
pub use schema::{Column, MechanismText, Role, Schema};
pub use table::{Rows, Table};
pub use verify::{Sample, ShardReport, Verification, verify};
pub use writer::{ShardPlan, Writer};
