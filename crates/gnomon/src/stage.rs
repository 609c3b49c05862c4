//! The stages of a study, each run only when what it is made from changed:
//! simulate -> learn -> examine -> answer -> report; with several rounds, simulate -> learn again and
//! again before the last learn.

pub mod answer;
pub mod attribute;
pub mod converge;
pub mod emulate;
pub mod examine;
pub mod fit;
pub mod forecast;
pub mod holes;
pub mod imported;
pub mod learn;
pub mod mismatch;
pub mod networks;
mod paths;
pub mod report;
pub mod rounds;
pub mod simulate;
pub mod stress;
pub mod usable;
