//! The matrix of a response as a polynomial of its frequency or of a parameter: its roots are the poles of
//! the response, and can be counted.

use gnomon_mechanism::expression::{Input, Inputs, Node};
use gnomon_mechanism::model::{Law, MatrixEntry, Mechanism};

use crate::failure::SimulateError;

/// A(z) = the k-th coefficient times z^k, summed.
#[derive(Clone, Debug, PartialEq)]
pub struct MatrixPolynomial {
    /// Rows and columns.
    pub unknowns: usize,
    /// One a power from 0 on; each n by n, row-major, real and imaginary part.
    pub coefficients: Vec<Vec<[f64; 2]>>,
}

/// A response's matrix as a polynomial of `of`: of the time, where its frequency is free, or of a
/// parameter. All others have the values `parameters`, and a free frequency is `frequency`.
///
/// ```
/// use gnomon_mechanism::Mechanism;
/// use gnomon_mechanism::expression::Input;
/// use gnomon_simulate::polynomial;
/// let text = "[parameters]\nk = 'Uniform(1, 2)'\n\
///             [response]\nfrequency = 'w'\nmass = 3\ndamping = 0.5\nstiffness = 'k'\nforce = 1\n\
///             [observed]\nfrequencies = [1]\nx = 'amplitude(y)'";
/// let mechanism = Mechanism::parse("oscillator", text, ".")?;
/// // 1.5 + 0.5 j w - 3 w^2
/// let found = polynomial(&mechanism, Input::Time, &[1.5], f64::NAN)?;
/// assert_eq!(found.coefficients, [[[1.5, 0.0]], [[0.0, 0.5]], [[-3.0, 0.0]]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Where the mechanism is no response, an entry is no polynomial of `of`, or there are more or fewer
/// parameters than the mechanism has.
pub fn polynomial(
    mechanism: &Mechanism,
    of: Input,
    parameters: &[f64],
    frequency: f64,
) -> Result<MatrixPolynomial, SimulateError> {
    let Law::Response(response) = &mechanism.dynamics.law else {
        return Err(SimulateError::Unsupported(format!(
            "`{}` is not a system in the frequency domain",
            mechanism.name
        )));
    };
    if parameters.len() != mechanism.parameters.len() {
        return Err(SimulateError::Columns(format!(
            "{} parameters, where there are {}",
            parameters.len(),
            mechanism.parameters.len()
        )));
    }
    let n = mechanism.dynamics.states.len() / 2;
    let inputs = Inputs {
        time: frequency,
        parameters,
        ..Inputs::default()
    };
    let mut graph = mechanism.graph.clone();
    let w = response.frequency;
    let square = graph.multiply(w, w);
    let minus = graph.negate(square);
    // The entries, each with what it is multiplied by and its part.
    let mut all: Vec<(usize, usize, Node)> = Vec::new();
    for (list, times, part) in [
        (&response.stiffness, None, 0),
        (&response.mass, Some(minus), 0),
        (&response.imaginary, None, 1),
        (&response.damping, Some(w), 1),
    ] {
        for &MatrixEntry { row, column, value } in list {
            let node = times.map_or(value, |times| graph.multiply(times, value));
            all.push((row * n + column, part, node));
        }
    }
    let nodes: Vec<Node> = all.iter().map(|entry| entry.2).collect();
    let found = graph.polynomials(&nodes, of, &inputs);
    let mut coefficients = vec![vec![[0.0; 2]; n * n]];
    for ((place, part, _), polynomial) in all.into_iter().zip(found) {
        let polynomial = polynomial.filter(|p| p.iter().all(|x| x.is_finite()));
        let polynomial = polynomial.ok_or_else(|| {
            SimulateError::Unsupported(format!(
                "the matrix's entry in row {} and column {} is no polynomial of it",
                place / n + 1,
                place % n + 1
            ))
        })?;
        while coefficients.len() < polynomial.len() {
            coefficients.push(vec![[0.0; 2]; n * n]);
        }
        for (power, x) in polynomial.into_iter().enumerate() {
            coefficients[power][place][part] += x;
        }
    }
    Ok(MatrixPolynomial {
        unknowns: n,
        coefficients,
    })
}
