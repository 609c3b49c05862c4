//! Results to a report: [`content::Report`] (plain data) is drawn into figures, and written as one
//! self-contained `report.html`, as `report.json`, and as `figures/*.svg`.
//!
//! ```
//! use gnomon_report::{content::{Prediction, Report, Series}, write};
//! let report = Report {
//!     title: "Is it growing?".into(),
//!     answer: "Yes: it doubles every step.".into(),
//!     observed: vec![Series { name: "size".into(), values: vec![1.0, 2.1, 3.9], ..Series::default() }],
//!     posterior_predictive: vec![Prediction {
//!         series: "size".into(),
//!         levels: vec![0.05, 0.5, 0.95],
//!         quantiles: vec![vec![0.8, 1.7, 3.5], vec![1.0, 2.0, 4.0], vec![1.2, 2.3, 4.5]],
//!         ..Prediction::default()
//!     }],
//!     ..Report::default()
//! };
//! let folder = tempfile::tempdir().unwrap();
//! let written = write(&report, folder.path()).unwrap();
//! assert!(written.page.ends_with("report.html"));
//! assert!(written.figures.iter().any(|path| path.ends_with("posterior-predictive-size.svg")));
//! ```

pub mod content;
pub mod draw;
pub mod figures;
pub mod gallery;
pub mod page;

mod write;

pub use write::{
    Error, Written, write, write_convergence, write_emulation, write_holes, write_preview,
};
