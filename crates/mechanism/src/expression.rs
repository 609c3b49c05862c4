//! Expressions: text -> [`Expression`] (as written) -> [`Graph`] (shared subexpressions, symbolic
//! derivatives) -> [`Tape`] (a straight line of register instructions that solvers run over many
//! simulations at once).
//!
//! ```
//! use gnomon_mechanism::expression::{Graph, Input, Inputs, Tape};
//! let mut graph = Graph::new();
//! let x = graph.input(Input::State(0));
//! let y = graph.multiply(x, x); // x^2
//! let slope = graph.derivative(y, Input::State(0)); // 2 x
//! let tape = Tape::compile(&graph, &[y, slope]);
//! let inputs = Inputs { states: &[3.0], ..Inputs::default() };
//! assert_eq!(tape.evaluate(&inputs), vec![9.0, 6.0]);
//! ```

mod derivative;
mod graph;
pub(crate) mod lexer;
pub(crate) mod parser;
mod polynomial;
mod product;
mod series;
pub mod syntax;
mod tape;

pub use graph::{Binary, Graph, Input, Node, Operation, Unary};
pub use parser::parse;
pub use series::Series;
pub use syntax::Expression;
pub use tape::{Inputs, Instruction, Register, Tape};
