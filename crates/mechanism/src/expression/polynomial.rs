//! Expressions as polynomials of one of their inputs, where they are that.

use std::collections::HashMap;

use super::graph::{Binary, Graph, Input, Node, Operation, Unary};
use super::tape::Inputs;

/// The highest degree.
const MOST: usize = 12;

impl Graph {
    /// The coefficients of each of `nodes` as a polynomial of `of`, the constant one first, where all other
    /// inputs are `inputs`; none where it is no polynomial of degree 12 or less.
    ///
    /// ```
    /// use gnomon_mechanism::expression::{Graph, Input, Inputs, Unary};
    /// let mut graph = Graph::new();
    /// let (t, k) = (graph.input(Input::Time), graph.input(Input::Parameter(0)));
    /// let sum = graph.add(t, k);
    /// let square = graph.unary(Unary::Power(2), sum);
    /// let root = graph.unary(Unary::Sqrt, t);
    /// let inputs = Inputs { parameters: &[3.0], ..Inputs::default() };
    /// let found = graph.polynomials(&[square, root], Input::Time, &inputs);
    /// assert_eq!(found, [Some(vec![9.0, 6.0, 1.0]), None]);
    /// ```
    #[must_use]
    pub fn polynomials(
        &self,
        nodes: &[Node],
        of: Input,
        inputs: &Inputs<'_>,
    ) -> Vec<Option<Vec<f64>>> {
        let mut known: HashMap<Node, Option<Vec<f64>>> = HashMap::new();
        // Each after its operands.
        for node in self.reachable(nodes) {
            let get = |operand: Node| known.get(&operand).cloned().flatten();
            let found = match self.operation(node) {
                Operation::Constant(bits) => Some(vec![f64::from_bits(bits)]),
                Operation::Input(input) if input == of => Some(vec![0.0, 1.0]),
                Operation::Input(input) => Some(vec![inputs.get(input)]),
                Operation::Unary(function, a) => get(a).and_then(|a| unary(function, a)),
                Operation::Binary(function, a, b) => {
                    get(a).zip(get(b)).and_then(|(a, b)| binary(function, a, b))
                }
                Operation::Select {
                    condition,
                    then,
                    otherwise,
                } => get(condition).and_then(|c| match c[..] {
                    [truth] if truth != 0.0 => get(then),
                    [_] => get(otherwise),
                    _ => None,
                }),
                Operation::Interpolate(_, at) | Operation::InterpolateSlope(_, at) => get(at)
                    .filter(|at| at.len() == 1)
                    .map(|_| vec![self.evaluate(node, inputs)]),
            };
            known.insert(node, found.filter(|found| found.len() <= MOST + 1));
        }
        nodes
            .iter()
            .map(|node| known.get(node).cloned().flatten())
            .collect()
    }
}

fn unary(function: Unary, a: Vec<f64>) -> Option<Vec<f64>> {
    match (function, &a[..]) {
        (_, &[a]) => Some(vec![function.apply(a)]),
        (Unary::Negate, _) => Some(a.into_iter().map(|a| -a).collect()),
        (Unary::Power(power), _) => raised(&a, usize::try_from(power).ok()?),
        _ => None,
    }
}

fn binary(function: Binary, a: Vec<f64>, b: Vec<f64>) -> Option<Vec<f64>> {
    match (function, &a[..], &b[..]) {
        (_, &[a], &[b]) => Some(vec![function.apply(a, b)]),
        (Binary::Add | Binary::Subtract, ..) => {
            let at = |of: &[f64], k: usize| of.get(k).copied().unwrap_or(0.0);
            let degrees = 0..a.len().max(b.len());
            Some(trimmed(
                degrees
                    .map(|k| function.apply(at(&a, k), at(&b, k)))
                    .collect(),
            ))
        }
        (Binary::Multiply, ..) => Some(product(&a, &b)),
        (Binary::Divide, _, &[b]) => Some(a.into_iter().map(|a| a / b).collect()),
        (Binary::Power, _, &[power]) if power >= 0.0 && power.fract() == 0.0 => {
            raised(&a, power as usize)
        }
        _ => None,
    }
}

fn raised(a: &[f64], power: usize) -> Option<Vec<f64>> {
    ((a.len() - 1) * power <= MOST)
        .then(|| (0..power).fold(vec![1.0], |found, _| product(&found, a)))
}

fn product(a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut found = vec![0.0; a.len() + b.len() - 1];
    for (i, x) in a.iter().enumerate() {
        for (j, y) in b.iter().enumerate() {
            found[i + j] += x * y;
        }
    }
    trimmed(found)
}

/// Without highest coefficients that are 0.
fn trimmed(mut a: Vec<f64>) -> Vec<f64> {
    while a.len() > 1 && a.last() == Some(&0.0) {
        a.pop();
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_polynomial_is_told_from_what_is_none() {
        let mut graph = Graph::new();
        let x = graph.input(Input::Parameter(1));
        let k = graph.input(Input::Parameter(0));
        let two = graph.constant(2.0);
        let cube = graph.unary(Unary::Power(3), x);
        let part = graph.divide(cube, k);
        let sine = graph.unary(Unary::Sin, k);
        let sum = graph.add(part, sine);
        let back = graph.subtract(sum, part);
        let over = graph.divide(two, x);
        let inverse = graph.unary(Unary::Power(-1), x);
        let high = graph.unary(Unary::Power(13), x);
        let is_more = graph.binary(Binary::Less, k, two);
        let chosen = graph.select(is_more, x, over);
        let unknown = graph.binary(Binary::Less, x, two);
        let switched = graph.select(unknown, x, k);
        let inputs = Inputs {
            parameters: &[0.5, f64::NAN],
            ..Inputs::default()
        };
        let nodes = [sum, back, chosen, over, inverse, high, switched];
        let found = graph.polynomials(&nodes, Input::Parameter(1), &inputs);
        let sine = Unary::Sin.apply(0.5);
        assert_eq!(found[0], Some(vec![sine, 0.0, 0.0, 2.0]));
        assert_eq!(found[1], Some(vec![sine]));
        assert_eq!(found[2], Some(vec![0.0, 1.0]));
        assert!(found[3..].iter().all(Option::is_none), "{found:?}");
    }
}
