//! Symbolic derivatives: by one input, forward from the operands to the root; by many, backward.

use std::collections::HashMap;

use super::{Binary, Graph, Input, Node, Operation, Unary};

impl Graph {
    /// The derivative of `root` with respect to `input`.
    ///
    /// `floor`, `ceil`, `sign`, comparisons and logic count as piecewise constant; at a kink
    /// (`abs`, `min`, `max`, `if`) the derivative is that of the branch taken.
    pub fn derivative(&mut self, root: Node, input: Input) -> Node {
        let zero = self.constant(0.0);
        let mut slopes: HashMap<Node, Node> = HashMap::new();
        for node in self.reachable(&[root]) {
            let slope = match self.operation(node) {
                Operation::Constant(_) => zero,
                Operation::Input(other) if other == input => self.constant(1.0),
                Operation::Input(_) => zero,
                Operation::Unary(function, a) => {
                    let inner = slopes[&a];
                    if inner == zero {
                        zero
                    } else {
                        let outer = self.unary_slope(function, a, node);
                        self.product(outer, inner)
                    }
                }
                Operation::Binary(function, a, b) => {
                    self.binary_slope(function, (a, slopes[&a]), (b, slopes[&b]), node)
                }
                Operation::Select {
                    condition,
                    then,
                    otherwise,
                } => self.select(condition, slopes[&then], slopes[&otherwise]),
                Operation::Interpolate(series, a) => {
                    let outer = self.interpolate_slope(series, a);
                    self.product(outer, slopes[&a])
                }
                Operation::InterpolateSlope(..) => zero,
            };
            slopes.insert(node, slope);
        }
        slopes[&root]
    }

    /// The derivatives of `root` with respect to each of `inputs`, as [`Graph::derivative`] gives
    /// them, at a few times the cost of `root` however many inputs there are (reverse accumulation;
    /// Linnainmaa 1976).
    pub fn gradient(&mut self, root: Node, inputs: &[Input]) -> Vec<Node> {
        let needed = self.reachable(&[root]);
        let mut depends = vec![false; root.position() + 1];
        let mut branches = false;
        for &node in &needed {
            let operation = self.operation(node);
            branches |= matches!(operation, Operation::Select { .. });
            depends[node.position()] = match operation {
                Operation::Input(input) => inputs.contains(&input),
                _ => operation.operands().any(|o| depends[o.position()]),
            };
        }
        // In a branch not taken a slope may be no number, and 0 times it would not be 0.
        if branches {
            return inputs.iter().map(|&i| self.derivative(root, i)).collect();
        }
        let (zero, one) = (self.constant(0.0), self.constant(1.0));
        let mut slopes: HashMap<Node, Node> = HashMap::from([(root, one)]);
        for &node in needed.iter().rev() {
            let Some(slope) = slopes.get(&node).copied() else {
                continue;
            };
            let operation = self.operation(node);
            for (place, operand) in operation.operands().enumerate() {
                if !depends[operand.position()] {
                    continue;
                }
                let own = match operation {
                    Operation::Unary(function, a) => self.unary_slope(function, a, node),
                    Operation::Binary(function, a, b) => {
                        let (da, db) = if place == 0 { (one, zero) } else { (zero, one) };
                        self.binary_slope(function, (a, da), (b, db), node)
                    }
                    Operation::Interpolate(series, a) => self.interpolate_slope(series, a),
                    _ => zero,
                };
                let passed = self.product(own, slope);
                let sum = match slopes.get(&operand) {
                    Some(&before) => self.add(before, passed),
                    None => passed,
                };
                slopes.insert(operand, sum);
            }
        }
        let by = |&input: &Input| {
            let node = self.known_input(input)?;
            slopes.get(&node).copied()
        };
        inputs.iter().map(|i| by(i).unwrap_or(zero)).collect()
    }

    /// A product in which a structural 0 wins.
    fn product(&mut self, a: Node, b: Node) -> Node {
        let is_zero = |node| self.as_constant(node) == Some(0.0);
        if is_zero(a) || is_zero(b) {
            self.constant(0.0)
        } else {
            self.multiply(a, b)
        }
    }

    /// d f(a) / d a, where `value` is f(a).
    fn unary_slope(&mut self, function: Unary, a: Node, value: Node) -> Node {
        let one = self.constant(1.0);
        match function {
            Unary::Negate => self.constant(-1.0),
            Unary::Abs => self.unary(Unary::Sign, a),
            Unary::Floor | Unary::Ceil | Unary::Sign | Unary::Not => self.constant(0.0),
            Unary::Sqrt => {
                let half = self.constant(0.5);
                self.divide(half, value)
            }
            Unary::Exp => value,
            Unary::Ln => self.divide(one, a),
            Unary::Sin => self.unary(Unary::Cos, a),
            Unary::Cos => {
                let sin = self.unary(Unary::Sin, a);
                self.negate(sin)
            }
            Unary::Tan => {
                let square = self.unary(Unary::Power(2), value);
                self.add(one, square)
            }
            Unary::Asin | Unary::Acos => {
                let square = self.unary(Unary::Power(2), a);
                let rest = self.subtract(one, square);
                let root = self.unary(Unary::Sqrt, rest);
                let numerator = if function == Unary::Asin { 1.0 } else { -1.0 };
                let numerator = self.constant(numerator);
                self.divide(numerator, root)
            }
            Unary::Atan => {
                let square = self.unary(Unary::Power(2), a);
                let below = self.add(one, square);
                self.divide(one, below)
            }
            Unary::Sinh => self.unary(Unary::Cosh, a),
            Unary::Cosh => self.unary(Unary::Sinh, a),
            Unary::Tanh => {
                let square = self.unary(Unary::Power(2), value);
                self.subtract(one, square)
            }
            Unary::Ln1p => {
                let below = self.add(one, a);
                self.divide(one, below)
            }
            Unary::ExpM1 => self.add(value, one),
            Unary::Power(power) => {
                let factor = self.constant(f64::from(power));
                let lower = self.unary(Unary::Power(power - 1), a);
                self.multiply(factor, lower)
            }
        }
    }

    fn binary_slope(
        &mut self,
        function: Binary,
        (a, da): (Node, Node),
        (b, db): (Node, Node),
        value: Node,
    ) -> Node {
        let zero = self.constant(0.0);
        match function {
            Binary::Add => self.add(da, db),
            Binary::Subtract => self.subtract(da, db),
            Binary::Multiply => {
                let left = self.product(da, b);
                let right = self.product(a, db);
                self.add(left, right)
            }
            Binary::Divide => {
                // (a / b)' = (a' - (a / b) b') / b
                let moved = self.product(value, db);
                let above = self.subtract(da, moved);
                if above == zero {
                    zero
                } else {
                    self.divide(above, b)
                }
            }
            Binary::Power => self.power_slope((a, da), (b, db), value),
            Binary::Min => {
                let first = self.binary(Binary::Less, a, b);
                self.select(first, da, db)
            }
            Binary::Max => {
                let first = self.binary(Binary::Less, b, a);
                self.select(first, da, db)
            }
            Binary::Modulo => {
                let quotient = self.divide(a, b);
                let whole = self.unary(Unary::Floor, quotient);
                let moved = self.product(whole, db);
                self.subtract(da, moved)
            }
            Binary::Less | Binary::LessEqual | Binary::Equal | Binary::And | Binary::Or => zero,
        }
    }

    /// (a^b)' = b a^(b - 1) a' + a^b ln(a) b'.
    fn power_slope(&mut self, (a, da): (Node, Node), (b, db): (Node, Node), value: Node) -> Node {
        let zero = self.constant(0.0);
        let by_base = if da == zero {
            zero
        } else {
            let one = self.constant(1.0);
            let lower = self.subtract(b, one);
            let power = self.binary(Binary::Power, a, lower);
            let factor = self.multiply(b, power);
            self.product(factor, da)
        };
        let by_exponent = if db == zero {
            zero
        } else {
            let log = self.unary(Unary::Ln, a);
            let factor = self.multiply(value, log);
            self.product(factor, db)
        };
        self.add(by_base, by_exponent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expression::Inputs;

    /// Every function's derivative against a central difference at several points.
    #[test]
    fn derivatives_match_central_differences() {
        let unary = [
            Unary::Negate,
            Unary::Abs,
            Unary::Sqrt,
            Unary::Exp,
            Unary::Ln,
            Unary::Sin,
            Unary::Cos,
            Unary::Tan,
            Unary::Asin,
            Unary::Acos,
            Unary::Atan,
            Unary::Sinh,
            Unary::Cosh,
            Unary::Tanh,
            Unary::Ln1p,
            Unary::ExpM1,
            Unary::Power(3),
            Unary::Power(-2),
        ];
        let binary = [
            Binary::Add,
            Binary::Subtract,
            Binary::Multiply,
            Binary::Divide,
            Binary::Power,
            Binary::Min,
            Binary::Max,
            Binary::Modulo,
        ];
        let mut graph = Graph::new();
        let (x, y) = (graph.input(Input::State(0)), graph.input(Input::State(1)));
        let mut roots: Vec<Node> = unary.iter().map(|&f| graph.unary(f, x)).collect();
        roots.extend(
            binary
                .iter()
                .map(|&f| graph.binary(f, x, y))
                .collect::<Vec<_>>(),
        );
        let product = graph.multiply(x, y);
        let sine = graph.unary(Unary::Sin, product);
        let ratio = graph.divide(sine, x);
        let condition = graph.binary(Binary::Less, x, y);
        roots.push(graph.select(condition, ratio, product));
        // One node read by several, and twice by one.
        let square = graph.multiply(ratio, ratio);
        let sum = graph.add(square, sine);
        roots.push(graph.binary(Binary::Power, sum, product));
        for root in roots {
            let backward = graph.gradient(root, &[Input::State(0), Input::State(1)]);
            for input in [0, 1] {
                let slope = graph.derivative(root, Input::State(input));
                for point in [[0.3, 0.7], [0.61, 0.23], [0.9, 1.4]] {
                    let at = |shift: f64| {
                        let mut states = point;
                        states[input] += shift;
                        graph.evaluate(
                            root,
                            &Inputs {
                                states: &states,
                                ..Inputs::default()
                            },
                        )
                    };
                    let difference = (at(1e-6) - at(-1e-6)) / 2e-6;
                    let exact = graph.evaluate(
                        slope,
                        &Inputs {
                            states: &point,
                            ..Inputs::default()
                        },
                    );
                    assert!(
                        (difference - exact).abs() < 1e-7 * (1.0 + exact.abs()),
                        "{:?} by {input} at {point:?}: {exact} against {difference}",
                        graph.operation(root)
                    );
                    let inputs = Inputs {
                        states: &point,
                        ..Inputs::default()
                    };
                    let again = graph.evaluate(backward[input], &inputs);
                    assert!((again - exact).abs() < 1e-12 * (1.0 + exact.abs()));
                }
            }
        }
    }
}
