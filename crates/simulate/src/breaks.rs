//! Times at which a law of motion is not smooth: knots of forcing series, and times at which a
//! comparison, a rounding or a corner depends on the time alone. A solver ends a step there, for
//! it would otherwise leap over a short pulse without seeing it.

use std::collections::HashMap;

use gnomon_mechanism::expression::{Binary, Graph, Input, Inputs, Node, Operation, Tape, Unary};

/// Times looked at for breaks of a function of time that is not linear.
const LOOKS: usize = 16_384;
/// Breaks of one expression that move with the parameters, at most.
const MOST_MOVING: f64 = 10_000.0;

/// Where the law is not smooth.
#[derive(Clone, Debug, Default)]
pub(crate) struct Breaks {
    /// The same in every simulation; increasing.
    pub fixed: Vec<f64>,
    /// Expressions of the parameters.
    pub moving: Vec<Node>,
}

/// Values of an expression at which something breaks.
enum Levels {
    Zero,
    Integers,
    Knots(Vec<f64>),
}

impl Levels {
    /// Levels in [low, high].
    fn within(&self, low: f64, high: f64) -> Vec<f64> {
        match self {
            Self::Zero => Vec::from_iter((low <= 0.0 && high >= 0.0).then_some(0.0)),
            Self::Integers if high - low < 1e6 => {
                let (first, last) = (low.ceil() as i64, high.floor() as i64);
                (first..=last).map(|level| level as f64).collect()
            }
            Self::Integers => Vec::new(),
            Self::Knots(knots) => {
                let first = knots.partition_point(|&knot| knot < low);
                let last = knots.partition_point(|&knot| knot <= high);
                knots[first..last.max(first)].to_vec()
            }
        }
    }
}

impl Breaks {
    /// The breaks of `roots` from `start` to `end`; expressions of them are added to `graph`.
    pub fn find(graph: &mut Graph, roots: &[Node], start: f64, end: f64) -> Self {
        let mut breaks = Self::default();
        for node in graph.reachable(roots) {
            let Some((expression, levels)) = watched(graph, node) else {
                continue;
            };
            let inputs = graph.inputs_of(&[expression]);
            if !inputs.contains(&Input::Time) {
                continue;
            }
            if let Some(line) = line(graph, expression) {
                breaks.of_line(graph, line, &levels, start, end);
            } else if inputs == [Input::Time] {
                breaks.of_function(graph, expression, &levels, start, end);
            }
        }
        breaks.fixed.retain(|&time| time >= start && time < end);
        breaks.fixed.sort_by(f64::total_cmp);
        breaks.fixed.dedup();
        breaks
    }

    /// Breaks where offset + slope t meets a level.
    fn of_line(
        &mut self,
        graph: &mut Graph,
        (slope, offset): (Node, Node),
        levels: &Levels,
        start: f64,
        end: f64,
    ) {
        if let (Some(slope), Some(offset)) = (graph.as_constant(slope), graph.as_constant(offset)) {
            let (a, b) = (
                slope.mul_add(start, offset),
                slope.mul_add(end.min(f64::MAX), offset),
            );
            if slope != 0.0 {
                let levels = levels.within(a.min(b), a.max(b));
                self.fixed
                    .extend(levels.iter().map(|level| (level - offset) / slope));
            }
            return;
        }
        let reach = graph
            .as_constant(slope)
            .map_or(f64::INFINITY, |slope| (slope * (end - start)).abs());
        match levels {
            Levels::Zero => {
                let time = graph.divide(offset, slope);
                self.moving.push(graph.negate(time));
            }
            Levels::Knots(knots) if (knots.len() as f64) < MOST_MOVING => {
                for &knot in knots {
                    let knot = graph.constant(knot);
                    let left = graph.subtract(knot, offset);
                    self.moving.push(graph.divide(left, slope));
                }
            }
            Levels::Integers if reach < MOST_MOVING => {
                // The first integer at or after the start, and every one that may follow.
                let begin = graph.constant(start);
                let gone = graph.multiply(slope, begin);
                let first = graph.add(gone, offset);
                let rising = graph.as_constant(slope).is_some_and(|slope| slope > 0.0);
                let (round, way) = if rising {
                    (Unary::Ceil, 1.0)
                } else {
                    (Unary::Floor, -1.0)
                };
                let first = graph.unary(round, first);
                for step in 0..=reach.ceil() as u32 {
                    let step = graph.constant(way * f64::from(step));
                    let level = graph.add(first, step);
                    let left = graph.subtract(level, offset);
                    self.moving.push(graph.divide(left, slope));
                }
            }
            _ => {}
        }
    }

    /// Breaks where a function of time alone passes a level between two looks.
    fn of_function(
        &mut self,
        graph: &Graph,
        expression: Node,
        levels: &Levels,
        start: f64,
        end: f64,
    ) {
        let tape = Tape::compile(graph, &[expression]);
        let value = |time: f64| {
            let inputs = Inputs {
                time,
                ..Inputs::default()
            };
            tape.evaluate(&inputs)[0]
        };
        let at = |look: usize| (end - start).mul_add(look as f64 / LOOKS as f64, start);
        let mut before = value(start);
        for look in 1..=LOOKS {
            let after = value(at(look));
            for level in levels.within(before.min(after), before.max(after)) {
                // From above, at, or below the level to another of these.
                let side = |value: f64| (value > level, value >= level);
                let was = side(before);
                if was == side(after) {
                    continue;
                }
                let (mut low, mut high) = (at(look - 1), at(look));
                loop {
                    let middle = 0.5f64.mul_add(high - low, low);
                    if middle <= low || middle >= high {
                        break;
                    }
                    if side(value(middle)) == was {
                        low = middle;
                    } else {
                        high = middle;
                    }
                }
                self.fixed.push(high);
            }
            before = after;
        }
    }
}

/// What of a node breaks, and at which of its values.
fn watched(graph: &mut Graph, node: Node) -> Option<(Node, Levels)> {
    match graph.operation(node) {
        Operation::Interpolate(series, at) => {
            let knots = graph.series()[series as usize].times.clone();
            Some((at, Levels::Knots(knots)))
        }
        Operation::Binary(
            Binary::Less | Binary::LessEqual | Binary::Equal | Binary::Min | Binary::Max,
            a,
            b,
        ) => Some((graph.subtract(a, b), Levels::Zero)),
        Operation::Binary(Binary::Modulo, a, b) => Some((graph.divide(a, b), Levels::Integers)),
        Operation::Unary(Unary::Abs | Unary::Sign, a) => Some((a, Levels::Zero)),
        Operation::Unary(Unary::Floor | Unary::Ceil, a) => Some((a, Levels::Integers)),
        _ => None,
    }
}

/// Slope and offset of an expression that is linear in the time, as expressions of parameters
/// alone.
fn line(graph: &mut Graph, root: Node) -> Option<(Node, Node)> {
    let zero = graph.constant(0.0);
    let mut lines: HashMap<Node, Option<(Node, Node)>> = HashMap::new();
    for node in graph.reachable(&[root]) {
        let operation = graph.operation(node);
        let of = |operand: Node| lines.get(&operand).copied().flatten();
        let is_still = |operand: Node| of(operand).is_some_and(|(slope, _)| slope == zero);
        let found = match operation {
            Operation::Constant(_) | Operation::Input(Input::Parameter(_)) => Some((zero, node)),
            Operation::Input(Input::Time) => Some((graph.constant(1.0), zero)),
            Operation::Input(_) => None,
            _ if operation.operands().all(is_still) => Some((zero, node)),
            Operation::Unary(Unary::Negate, a) => {
                of(a).map(|(slope, offset)| (graph.negate(slope), graph.negate(offset)))
            }
            Operation::Binary(sum @ (Binary::Add | Binary::Subtract), a, b) => of(a)
                .zip(of(b))
                .map(|(a, b)| (graph.binary(sum, a.0, b.0), graph.binary(sum, a.1, b.1))),
            Operation::Binary(Binary::Multiply, a, b) if is_still(a) || is_still(b) => {
                let (factor, moving) = if is_still(a) { (a, b) } else { (b, a) };
                of(moving).map(|(slope, offset)| {
                    (
                        graph.multiply(factor, slope),
                        graph.multiply(factor, offset),
                    )
                })
            }
            Operation::Binary(Binary::Divide, a, b) if is_still(b) => {
                of(a).map(|(slope, offset)| (graph.divide(slope, b), graph.divide(offset, b)))
            }
            _ => None,
        };
        lines.insert(node, found);
    }
    lines.get(&root).copied().flatten()
}
