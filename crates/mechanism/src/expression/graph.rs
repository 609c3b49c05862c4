//! A directed acyclic graph of operations in which equal subexpressions are one node.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{Inputs, Series, Tape};
use crate::elementary;

/// A node of a [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node(pub(super) u32);

impl Node {
    pub(super) fn position(self) -> usize {
        self.0 as usize
    }
}

/// A number that an expression takes from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Input {
    /// The time `t`.
    Time,
    /// Parameter by its position in the mechanism.
    Parameter(usize),
    /// State by its position in the dynamics.
    State(usize),
    /// Flow over the interval since the last observation, by its position in the dynamics.
    Flow(usize),
    /// A number worked out once a simulation, from its parameters alone (see [`Graph::hoist`]).
    Hoisted(usize),
    /// An observed number, by its column: in a log-likelihood.
    Observed(usize),
    /// A state or flow at an earlier entry of the observed series, by its position in the dynamics.
    Lag(usize),
}

/// Operations on one number. Comparisons and `Not` give 1 for true and 0 for false.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Unary {
    Negate,
    Abs,
    Floor,
    Ceil,
    Sign,
    Sqrt,
    Exp,
    Ln,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Sinh,
    Cosh,
    Tanh,
    Ln1p,
    ExpM1,
    Not,
    /// An integer power, by repeated multiplication.
    Power(i32),
}

/// Operations on two numbers. Comparisons and logic give 1 for true and 0 for false.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
    Min,
    Max,
    Less,
    LessEqual,
    Equal,
    And,
    Or,
    /// The remainder with the divisor's sign, as Python's `%`.
    Modulo,
}

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// A constant, by its bits.
    Constant(u64),
    /// A number from outside.
    Input(Input),
    /// A function of one node.
    Unary(Unary, Node),
    /// A function of two nodes.
    Binary(Binary, Node, Node),
    /// `then` where `condition` is not 0, else `otherwise`.
    Select {
        /// Not 0 means true.
        condition: Node,
        /// The value where true.
        then: Node,
        /// The value where false.
        otherwise: Node,
    },
    /// The forcing series of this number at a time.
    Interpolate(u32, Node),
    /// The slope of the forcing series of this number at a time.
    InterpolateSlope(u32, Node),
}

impl Operation {
    /// The nodes this one reads, in order.
    pub fn operands(self) -> impl Iterator<Item = Node> {
        let (a, b, c) = match self {
            Self::Constant(_) | Self::Input(_) => (None, None, None),
            Self::Unary(_, a) | Self::Interpolate(_, a) | Self::InterpolateSlope(_, a) => {
                (Some(a), None, None)
            }
            Self::Binary(_, a, b) => (Some(a), Some(b), None),
            Self::Select {
                condition,
                then,
                otherwise,
            } => (Some(condition), Some(then), Some(otherwise)),
        };
        [a, b, c].into_iter().flatten()
    }
}

/// Expressions that share what they have in common. A node's operands always stand before it.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    operations: Vec<Operation>,
    known: HashMap<Operation, Node>,
    series: Vec<Arc<Series>>,
}

impl Graph {
    /// An empty graph.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What `node` does.
    #[must_use]
    pub fn operation(&self, node: Node) -> Operation {
        self.operations[node.position()]
    }

    /// The forcing series that expressions name by number.
    #[must_use]
    pub fn series(&self) -> &[Arc<Series>] {
        &self.series
    }

    /// Adds a forcing series and returns its number.
    pub fn add_series(&mut self, series: Series) -> u32 {
        self.series.push(Arc::new(series));
        self.series.len() as u32 - 1
    }

    fn intern(&mut self, operation: Operation) -> Node {
        let next = Node(self.operations.len() as u32);
        *self.known.entry(operation).or_insert_with(|| {
            self.operations.push(operation);
            next
        })
    }

    /// A constant.
    pub fn constant(&mut self, value: f64) -> Node {
        // -0.0 and every NaN get one spelling, so that equal constants are one node.
        let value = if value.is_nan() {
            f64::NAN
        } else {
            value + 0.0
        };
        self.intern(Operation::Constant(value.to_bits()))
    }

    /// The constant that `node` is, if it is one.
    #[must_use]
    pub fn as_constant(&self, node: Node) -> Option<f64> {
        match self.operation(node) {
            Operation::Constant(bits) => Some(f64::from_bits(bits)),
            _ => None,
        }
    }

    /// A number from outside.
    pub fn input(&mut self, input: Input) -> Node {
        self.intern(Operation::Input(input))
    }

    /// The node of a number from outside, if any expression has it.
    pub(super) fn known_input(&self, input: Input) -> Option<Node> {
        self.known.get(&Operation::Input(input)).copied()
    }

    /// `a + b`.
    pub fn add(&mut self, a: Node, b: Node) -> Node {
        self.binary(Binary::Add, a, b)
    }

    /// `a - b`.
    pub fn subtract(&mut self, a: Node, b: Node) -> Node {
        self.binary(Binary::Subtract, a, b)
    }

    /// `a * b`.
    pub fn multiply(&mut self, a: Node, b: Node) -> Node {
        self.binary(Binary::Multiply, a, b)
    }

    /// `a / b`.
    pub fn divide(&mut self, a: Node, b: Node) -> Node {
        self.binary(Binary::Divide, a, b)
    }

    /// `-a`.
    pub fn negate(&mut self, a: Node) -> Node {
        self.unary(Unary::Negate, a)
    }

    /// A function of one node; constants are folded.
    pub fn unary(&mut self, function: Unary, a: Node) -> Node {
        if let Some(value) = self.as_constant(a) {
            return self.constant(function.apply(value));
        }
        match (function, self.operation(a)) {
            (Unary::Negate, Operation::Unary(Unary::Negate, inner)) => inner,
            (Unary::Power(1), _) => a,
            (Unary::Power(0), _) => self.constant(1.0),
            _ => self.intern(Operation::Unary(function, a)),
        }
    }

    /// A function of two nodes; constants are folded and neutral elements dropped.
    ///
    /// `0 * x` is folded to 0 only where a derivative makes it (see `derivative`), never in a
    /// user's own expression, where `x` may be infinite.
    pub fn binary(&mut self, function: Binary, a: Node, b: Node) -> Node {
        let (left, right) = (self.as_constant(a), self.as_constant(b));
        if let (Some(left), Some(right)) = (left, right) {
            return self.constant(function.apply(left, right));
        }
        match (function, left, right) {
            (Binary::Add, Some(0.0), _) | (Binary::Multiply, Some(1.0), _) => return b,
            (Binary::Add | Binary::Subtract, _, Some(0.0))
            | (Binary::Multiply | Binary::Divide | Binary::Power, _, Some(1.0)) => return a,
            (Binary::Subtract, Some(0.0), _) | (Binary::Multiply, Some(-1.0), _) => {
                return self.negate(b);
            }
            (Binary::Multiply, _, Some(-1.0)) => return self.negate(a),
            (Binary::Power, _, Some(0.5)) => return self.unary(Unary::Sqrt, a),
            (Binary::Power, _, Some(power)) if power.fract() == 0.0 && power.abs() <= 64.0 => {
                return self.unary(Unary::Power(power as i32), a);
            }
            _ => {}
        }
        // Sums and products commute bit for bit: one order, so that both spellings are one node.
        let commutes = matches!(
            function,
            Binary::Add | Binary::Multiply | Binary::Equal | Binary::And | Binary::Or
        );
        let (a, b) = if commutes && b < a { (b, a) } else { (a, b) };
        self.intern(Operation::Binary(function, a, b))
    }

    /// `then` where `condition` is not 0, else `otherwise`.
    pub fn select(&mut self, condition: Node, then: Node, otherwise: Node) -> Node {
        match self.as_constant(condition) {
            Some(value) if value != 0.0 => then,
            Some(_) => otherwise,
            None if then == otherwise => then,
            None => self.intern(Operation::Select {
                condition,
                then,
                otherwise,
            }),
        }
    }

    /// The forcing series number `series` at time `at`.
    pub fn interpolate(&mut self, series: u32, at: Node) -> Node {
        self.intern(Operation::Interpolate(series, at))
    }

    pub(super) fn interpolate_slope(&mut self, series: u32, at: Node) -> Node {
        self.intern(Operation::InterpolateSlope(series, at))
    }

    /// Every node that `roots` need, each after its operands.
    #[must_use]
    pub fn reachable(&self, roots: &[Node]) -> Vec<Node> {
        // Few roots of a large graph reach little of it: not worth a look at all nodes.
        if roots.len() * 64 < self.operations.len() {
            return self.walk(roots);
        }
        let mut wanted = vec![false; self.operations.len()];
        roots.iter().for_each(|root| wanted[root.position()] = true);
        for position in (0..self.operations.len()).rev() {
            if wanted[position] {
                for operand in self.operations[position].operands() {
                    wanted[operand.position()] = true;
                }
            }
        }
        (0..self.operations.len())
            .filter(|&p| wanted[p])
            .map(|p| Node(p as u32))
            .collect()
    }

    /// As [`Graph::reachable`], from node to node.
    fn walk(&self, roots: &[Node]) -> Vec<Node> {
        let mut open = roots.to_vec();
        let mut found = HashSet::new();
        while let Some(node) = open.pop() {
            if found.insert(node) {
                open.extend(self.operation(node).operands());
            }
        }
        let mut nodes: Vec<Node> = found.into_iter().collect();
        nodes.sort_unstable();
        nodes
    }

    /// The inputs that `roots` depend on, sorted.
    #[must_use]
    pub fn inputs_of(&self, roots: &[Node]) -> Vec<Input> {
        let mut inputs: Vec<Input> = self
            .reachable(roots)
            .into_iter()
            .filter_map(|node| match self.operation(node) {
                Operation::Input(input) => Some(input),
                _ => None,
            })
            .collect();
        inputs.sort_unstable();
        inputs
    }

    /// Rewrites `roots` so that every largest subexpression of parameters and constants alone
    /// becomes `Input::Hoisted(k)`; returns the new roots and the hoisted expressions in order.
    ///
    /// A solver evaluates the hoisted expressions once a simulation.
    pub fn hoist(&mut self, roots: &[Node]) -> (Vec<Node>, Vec<Node>) {
        let needed = self.reachable(roots);
        let mut fixed = vec![false; self.operations.len()];
        for &node in &needed {
            let operation = self.operation(node);
            fixed[node.position()] = match operation {
                Operation::Constant(_) => true,
                Operation::Input(input) => matches!(input, Input::Parameter(_)),
                _ => operation
                    .operands()
                    .all(|operand| fixed[operand.position()]),
            };
        }
        let mut hoisted = Vec::new();
        let mut renamed: HashMap<Node, Node> = HashMap::new();
        for &node in &needed {
            let operation = self.operation(node);
            if fixed[node.position()] {
                continue;
            }
            for operand in operation.operands() {
                let is_work = !matches!(self.operation(operand), Operation::Constant(_));
                if fixed[operand.position()] && is_work && !renamed.contains_key(&operand) {
                    let slot = self.input(Input::Hoisted(hoisted.len()));
                    hoisted.push(operand);
                    renamed.insert(operand, slot);
                }
            }
            let moved = self.with_operands(operation, |operand| {
                renamed.get(&operand).copied().unwrap_or(operand)
            });
            renamed.insert(node, moved);
        }
        let mut new_roots = Vec::with_capacity(roots.len());
        for &root in roots {
            let is_work = !matches!(self.operation(root), Operation::Constant(_));
            if fixed[root.position()] && is_work && !renamed.contains_key(&root) {
                let slot = self.input(Input::Hoisted(hoisted.len()));
                hoisted.push(root);
                renamed.insert(root, slot);
            }
            new_roots.push(renamed.get(&root).copied().unwrap_or(root));
        }
        (new_roots, hoisted)
    }

    /// Rewrites `root` with every input replaced as `replace` says (`None` keeps it).
    pub fn substitute(&mut self, root: Node, replace: impl Fn(Input) -> Option<Node>) -> Node {
        let mut renamed: HashMap<Node, Node> = HashMap::new();
        for node in self.reachable(&[root]) {
            let operation = self.operation(node);
            let moved = match operation {
                Operation::Input(input) => replace(input).unwrap_or(node),
                _ => self.with_operands(operation, |operand| renamed[&operand]),
            };
            renamed.insert(node, moved);
        }
        renamed[&root]
    }

    pub(super) fn with_operands(
        &mut self,
        operation: Operation,
        of: impl Fn(Node) -> Node,
    ) -> Node {
        match operation {
            Operation::Constant(_) | Operation::Input(_) => self.intern(operation),
            Operation::Unary(function, a) => self.unary(function, of(a)),
            Operation::Binary(function, a, b) => self.binary(function, of(a), of(b)),
            Operation::Select {
                condition,
                then,
                otherwise,
            } => self.select(of(condition), of(then), of(otherwise)),
            Operation::Interpolate(series, a) => self.interpolate(series, of(a)),
            Operation::InterpolateSlope(series, a) => self.interpolate_slope(series, of(a)),
        }
    }

    /// The value of one node; to evaluate often, compile a [`Tape`].
    #[must_use]
    pub fn evaluate(&self, node: Node, inputs: &Inputs<'_>) -> f64 {
        Tape::compile(self, &[node]).evaluate(inputs)[0]
    }
}

fn truth(condition: bool) -> f64 {
    if condition { 1.0 } else { 0.0 }
}

impl Unary {
    /// The function's value.
    #[must_use]
    #[inline(always)]
    pub fn apply(self, x: f64) -> f64 {
        match self {
            Self::Negate => -x,
            Self::Abs => x.abs(),
            Self::Floor => x.floor(),
            Self::Ceil => x.ceil(),
            Self::Sign => truth(x > 0.0) - truth(x < 0.0),
            Self::Sqrt => x.sqrt(),
            Self::Exp => elementary::exp(x),
            Self::Ln => elementary::ln(x),
            Self::Sin => elementary::sin(x),
            Self::Cos => elementary::cos(x),
            Self::Tan => elementary::tan(x),
            Self::Asin => elementary::asin(x),
            Self::Acos => elementary::acos(x),
            Self::Atan => elementary::atan(x),
            Self::Sinh => elementary::sinh(x),
            Self::Cosh => elementary::cosh(x),
            Self::Tanh => elementary::tanh(x),
            Self::Ln1p => elementary::ln_1p(x),
            Self::ExpM1 => elementary::exp_m1(x),
            Self::Not => truth(x == 0.0),
            Self::Power(power) => integer_power(x, power),
        }
    }
}

/// `x^power` by repeated squaring: the same multiplications in every evaluator.
#[inline(always)]
#[must_use]
fn integer_power(x: f64, power: i32) -> f64 {
    let mut exponent = power.unsigned_abs();
    let (mut square, mut result) = (x, 1.0);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result *= square;
        }
        square *= square;
        exponent >>= 1;
    }
    if power < 0 { 1.0 / result } else { result }
}

impl Binary {
    /// The function's value.
    #[must_use]
    #[inline(always)]
    pub fn apply(self, x: f64, y: f64) -> f64 {
        match self {
            Self::Add => x + y,
            Self::Subtract => x - y,
            Self::Multiply => x * y,
            Self::Divide => x / y,
            Self::Power => elementary::pow(x, y),
            // A NaN operand gives NaN, so that a broken simulation is seen.
            Self::Min => {
                if x < y || x.is_nan() {
                    x
                } else {
                    y
                }
            }
            Self::Max => {
                if x > y || x.is_nan() {
                    x
                } else {
                    y
                }
            }
            Self::Less => truth(x < y),
            Self::LessEqual => truth(x <= y),
            Self::Equal => truth(x == y),
            Self::And => truth(x != 0.0 && y != 0.0),
            Self::Or => truth(x != 0.0 || y != 0.0),
            Self::Modulo => x - y * (x / y).floor(),
        }
    }
}
