//! Products and quotients regrouped for evaluation many times with the same parameters.
//!
//! `-beta * S * I / N` becomes `-((beta / N) * (S * I))`: what a simulation never changes is one
//! factor, the rest comes in one order, and at most one division is left, so that rates that differ
//! in their sign or spelling are one node. The value may differ in its last bits.

use std::collections::HashMap;

use super::graph::{Binary, Graph, Input, Node, Operation, Unary};

/// Factors of a product; `fixed` ones depend on parameters and constants alone.
#[derive(Clone, Debug, Default)]
struct Product {
    negative: bool,
    fixed_above: Vec<Node>,
    fixed_below: Vec<Node>,
    above: Vec<Node>,
    below: Vec<Node>,
}

impl Product {
    fn inverted(self) -> Self {
        Self {
            negative: self.negative,
            fixed_above: self.fixed_below,
            fixed_below: self.fixed_above,
            above: self.below,
            below: self.above,
        }
    }

    fn times(mut self, other: Self) -> Self {
        self.negative ^= other.negative;
        self.fixed_above.extend(other.fixed_above);
        self.fixed_below.extend(other.fixed_below);
        self.above.extend(other.above);
        self.below.extend(other.below);
        self
    }
}

/// The state of one rewriting.
struct Regrouping<'a> {
    graph: &'a mut Graph,
    fixed: Vec<bool>,
    readers: Vec<usize>,
    renamed: HashMap<Node, Node>,
}

impl Graph {
    /// Rewrites `roots` with their products regrouped.
    #[must_use]
    pub fn regroup_products(&mut self, roots: &[Node]) -> Vec<Node> {
        let needed = self.reachable(roots);
        let length = needed.last().map_or(0, |node| node.position() + 1);
        let (mut fixed, mut readers) = (vec![false; length], vec![0; length]);
        for &node in &needed {
            let operation = self.operation(node);
            fixed[node.position()] = match operation {
                Operation::Constant(_) => true,
                Operation::Input(input) => matches!(input, Input::Parameter(_)),
                _ => operation.operands().all(|o| fixed[o.position()]),
            };
            for operand in operation.operands() {
                readers[operand.position()] += 1;
            }
        }
        roots.iter().for_each(|root| readers[root.position()] += 1);
        let mut regrouping = Regrouping {
            graph: self,
            fixed,
            readers,
            renamed: HashMap::new(),
        };
        for node in needed {
            regrouping.rewrite(node);
        }
        roots.iter().map(|root| regrouping.renamed[root]).collect()
    }
}

impl Regrouping<'_> {
    /// Rewrites a node whose operands are rewritten.
    fn rewrite(&mut self, node: Node) {
        let operation = self.graph.operation(node);
        let is_product = matches!(
            operation,
            Operation::Unary(Unary::Negate, _)
                | Operation::Binary(Binary::Multiply | Binary::Divide, ..)
        );
        let new = if self.fixed[node.position()] {
            node
        } else if is_product {
            let product = self.factors(node, true);
            self.build(product)
        } else {
            let renamed = &self.renamed;
            self.graph
                .with_operands(operation, |operand| renamed[&operand])
        };
        self.renamed.insert(node, new);
    }

    /// The factors of a node, through products that nothing else reads.
    fn factors(&mut self, node: Node, outermost: bool) -> Product {
        let fixed = self.fixed[node.position()];
        let whole = outermost || fixed || self.readers[node.position()] == 1;
        match self.graph.operation(node) {
            Operation::Unary(Unary::Negate, a) if whole => {
                let product = self.factors(a, false);
                Product {
                    negative: !product.negative,
                    ..product
                }
            }
            Operation::Binary(Binary::Multiply, a, b) if whole => {
                let left = self.factors(a, false);
                left.times(self.factors(b, false))
            }
            Operation::Binary(Binary::Divide, a, b) if whole => {
                let left = self.factors(a, false);
                left.times(self.factors(b, false).inverted())
            }
            Operation::Constant(bits) if f64::from_bits(bits) < 0.0 => Product {
                negative: true,
                fixed_above: vec![self.graph.constant(-f64::from_bits(bits))],
                ..Product::default()
            },
            _ if fixed => Product {
                fixed_above: vec![node],
                ..Product::default()
            },
            _ => Product {
                above: vec![self.renamed[&node]],
                ..Product::default()
            },
        }
    }

    fn build(&mut self, product: Product) -> Node {
        let graph = &mut *self.graph;
        let mut all = |mut factors: Vec<Node>| {
            factors.sort_unstable();
            factors.into_iter().reduce(|a, b| graph.multiply(a, b))
        };
        let (fixed_above, fixed_below) = (all(product.fixed_above), all(product.fixed_below));
        let (above, below) = (all(product.above), all(product.below));
        let fixed = match (fixed_above, fixed_below) {
            (above, None) => above,
            (above, Some(below)) => {
                let one = graph.constant(1.0);
                Some(graph.divide(above.unwrap_or(one), below))
            }
        };
        let above = match (fixed, above) {
            (Some(fixed), Some(above)) => Some(graph.multiply(fixed, above)),
            (fixed, above) => fixed.or(above),
        };
        let one = graph.constant(1.0);
        let value = match (above.unwrap_or(one), below) {
            (above, None) => above,
            (above, Some(below)) => graph.divide(above, below),
        };
        if product.negative {
            graph.negate(value)
        } else {
            value
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expression::Inputs;

    /// beta, N; S, I
    fn inputs(graph: &mut Graph) -> [Node; 4] {
        [
            Input::Parameter(0),
            Input::Parameter(1),
            Input::State(0),
            Input::State(1),
        ]
        .map(|input| graph.input(input))
    }

    #[test]
    fn rates_that_differ_in_sign_and_order_share_everything() {
        let mut graph = Graph::new();
        let [beta, n, s, i] = inputs(&mut graph);
        let minus = graph.negate(beta);
        let minus = graph.multiply(minus, s);
        let minus = graph.multiply(minus, i);
        let minus = graph.divide(minus, n);
        let share = graph.divide(i, n);
        let plus = graph.multiply(beta, share);
        let plus = graph.multiply(plus, s);
        let roots = graph.regroup_products(&[minus, plus]);
        assert_eq!(
            graph.operation(roots[0]),
            Operation::Unary(Unary::Negate, roots[1])
        );
        let (_, hoisted) = graph.hoist(&roots);
        assert_eq!(hoisted.len(), 1, "beta / N is one number");
        let at = Inputs {
            parameters: &[1.5, 763.0],
            states: &[700.0, 50.0],
            ..Inputs::default()
        };
        let exact = 1.5 * 700.0 * 50.0 / 763.0;
        for (root, sign) in roots.iter().zip([-1.0, 1.0]) {
            let value = graph.evaluate(*root, &at);
            assert!((value / (sign * exact) - 1.0).abs() < 1e-15, "{value}");
        }
    }

    #[test]
    fn a_product_that_others_read_stays_one_factor() {
        let mut graph = Graph::new();
        let [beta, n, s, i] = inputs(&mut graph);
        let rate = graph.multiply(s, i);
        let one = graph.multiply(rate, beta);
        let two = graph.multiply(rate, n);
        let other = graph.divide(one, s);
        let roots = graph.regroup_products(&[one, two, other]);
        let work = graph
            .reachable(&roots)
            .into_iter()
            .filter(|&node| matches!(graph.operation(node), Operation::Binary(..)));
        assert_eq!(work.count(), 4);
    }

    /// A random expression: each step combines two of the nodes so far.
    fn expression(graph: &mut Graph, steps: &[(u8, usize, usize)]) -> Vec<Node> {
        let mut nodes = inputs(graph).to_vec();
        nodes.push(graph.constant(-2.5));
        for &(kind, a, b) in steps {
            let (a, b) = (nodes[a % nodes.len()], nodes[b % nodes.len()]);
            let node = match kind % 6 {
                0 | 1 => graph.multiply(a, b),
                2 => graph.divide(a, b),
                3 => graph.negate(a),
                4 => graph.add(a, b),
                _ => graph.subtract(a, b),
            };
            nodes.push(node);
        }
        nodes.split_off(5)
    }

    proptest::proptest! {
        #[test]
        fn values_stay_within_rounding(
            steps in proptest::collection::vec((0..6u8, 0..40usize, 0..40usize), 1..12),
            numbers in proptest::array::uniform4(0.5..2.0f64),
        ) {
            let mut graph = Graph::new();
            let roots = expression(&mut graph, &steps);
            let regrouped = graph.regroup_products(&roots);
            let at = Inputs { parameters: &numbers[..2], states: &numbers[2..], ..Inputs::default() };
            for (root, new) in roots.into_iter().zip(regrouped) {
                // How much rounding may matter: the value with every number moved a little.
                let value = graph.evaluate(root, &at);
                let moved = numbers.map(|x| x * (1.0 + 1e-9));
                let near = Inputs { parameters: &moved[..2], states: &moved[2..], ..Inputs::default() };
                let sensitive = (graph.evaluate(root, &near) - value).abs();
                proptest::prop_assume!(value.is_finite() && sensitive < 1e-3 * value.abs());
                let new = graph.evaluate(new, &at);
                proptest::prop_assert!(
                    (new - value).abs() <= 1e-12 * value.abs() + sensitive,
                    "{} became {}", value, new
                );
            }
        }
    }
}
