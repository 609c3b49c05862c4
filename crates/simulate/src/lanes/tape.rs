//! Expressions -> instructions over slots, with products fused into sums and temporaries reused.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use gnomon_mechanism::expression::{Binary, Graph, Input, Node, Operation, Series, Unary};

use super::{Frame, Lanes};

/// Marks a slot that lies among the outputs.
pub(super) const OUTPUT: u32 = 1 << 31;

/// What an instruction does with its operands a, b, c.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Copy,
    Unary(Unary),
    Binary(Binary),
    /// a b + c, rounded once.
    MultiplyAdd,
    /// a b - c, rounded once.
    MultiplySubtract,
    /// c - a b, rounded once.
    SubtractProduct,
    /// b where a is not 0, else c.
    Select,
    Interpolate(u32),
    InterpolateSlope(u32),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Instruction {
    pub kind: Kind,
    pub to: u32,
    pub a: u32,
    pub b: u32,
    pub c: u32,
}

/// Where inputs and constants lie in the frames of a set of tapes.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    places: HashMap<Input, u32>,
    constants: Vec<f64>,
    constant_places: HashMap<u64, u32>,
    inputs: u32,
    temporaries: u32,
}

impl Plan {
    /// Inputs in the order of their slots (`None` is a slot no tape reads), and the constants of
    /// every expression that will be compiled.
    #[must_use]
    pub fn new(graph: &Graph, slots: &[Option<Input>], roots: &[Node]) -> Self {
        let mut plan = Self {
            inputs: slots.len() as u32,
            ..Self::default()
        };
        for (place, slot) in slots.iter().enumerate() {
            if let Some(input) = slot {
                plan.places.insert(*input, place as u32);
            }
        }
        for node in graph.reachable(roots) {
            if let Operation::Constant(bits) = graph.operation(node) {
                let place = plan.inputs + plan.constants.len() as u32;
                plan.constant_places.entry(bits).or_insert_with(|| {
                    plan.constants.push(f64::from_bits(bits));
                    place
                });
            }
        }
        plan
    }

    /// How many slots hold inputs.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs as usize
    }

    /// The first slot behind inputs, constants and temporaries: where outputs may begin. Ask
    /// after the last tape is compiled.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.inputs as usize + self.constants.len() + self.temporaries as usize
    }

    /// A frame with `outputs` slots for outputs and the constants in place.
    #[must_use]
    pub fn frame<const W: usize>(&self, outputs: usize) -> Frame<W> {
        let mut frame = vec![Lanes::all(0.0); self.outputs() + outputs];
        for (place, &constant) in self.constants.iter().enumerate() {
            frame[self.inputs as usize + place] = Lanes::all(constant);
        }
        frame
    }

    fn fixed_place(&self, graph: &Graph, node: Node) -> Option<u32> {
        match graph.operation(node) {
            Operation::Constant(bits) => self.constant_places.get(&bits).copied(),
            Operation::Input(input) => self.places.get(&input).copied(),
            _ => None,
        }
    }
}

/// Compiled expressions for frames of one [`Plan`].
#[derive(Clone, Debug)]
pub struct LaneTape {
    pub(super) instructions: Vec<Instruction>,
    /// Every slot that is not an output lies below this.
    pub(super) slots: usize,
    pub(super) outputs: usize,
    pub(super) series: Vec<Arc<Series>>,
}

impl LaneTape {
    /// Instructions that compute `roots` into consecutive output slots.
    ///
    /// # Panics
    /// Where an expression reads an input that the plan lacks: a fault of the caller.
    #[must_use]
    pub fn compile(graph: &Graph, roots: &[Node], plan: &mut Plan) -> Self {
        let nodes = graph.reachable(roots);
        let mut readers: HashMap<Node, usize> = HashMap::new();
        for &node in &nodes {
            for operand in graph.operation(node).operands() {
                *readers.entry(operand).or_default() += 1;
            }
        }
        for &root in roots {
            *readers.entry(root).or_default() += 2; // an output is never fused away
        }
        let work = order(graph, &nodes, &readers);

        let mut last_read: HashMap<Node, usize> = HashMap::new();
        for (step, (_, _, operands)) in work.iter().enumerate() {
            for &operand in operands {
                last_read.insert(operand, step);
            }
        }
        let mut place: HashMap<Node, u32> = nodes
            .iter()
            .filter_map(|&node| Some((node, plan.fixed_place(graph, node)?)))
            .collect();
        for (output, &root) in roots.iter().enumerate() {
            place.entry(root).or_insert(OUTPUT | output as u32);
        }
        let first_temporary = plan.inputs + plan.constants.len() as u32;
        let (mut free, mut temporaries) = (Vec::new(), 0);
        let mut instructions = Vec::new();
        for (step, (node, kind, operands)) in work.iter().enumerate() {
            // A result never takes the slot of an operand: the interpreter relies on it.
            let to = *place.entry(*node).or_insert_with(|| {
                free.pop().unwrap_or_else(|| {
                    temporaries += 1;
                    first_temporary + temporaries - 1
                })
            });
            // Operands that a kind lacks repeat the first.
            let at = |k: usize| {
                let operand = operands.get(k).or(operands.first());
                operand.map_or(0, |operand| place[operand])
            };
            instructions.push(Instruction {
                kind: *kind,
                to,
                a: at(0),
                b: at(1),
                c: at(2),
            });
            let mut done: Vec<Node> = operands.clone();
            done.sort_unstable();
            done.dedup();
            free.extend(
                done.iter()
                    .filter(|operand| last_read[operand] == step)
                    .map(|operand| place[operand])
                    .filter(|&slot| slot & OUTPUT == 0 && slot >= first_temporary),
            );
        }
        for (output, root) in roots.iter().enumerate() {
            let to = OUTPUT | output as u32;
            if place[root] != to {
                instructions.push(Instruction {
                    kind: Kind::Copy,
                    to,
                    a: place[root],
                    b: place[root],
                    c: place[root],
                });
            }
        }
        plan.temporaries = plan.temporaries.max(temporaries);
        Self {
            instructions,
            slots: (first_temporary + temporaries) as usize,
            outputs: roots.len(),
            series: graph.series().to_vec(),
        }
    }

    /// Whether it reads input slot `slot`.
    #[must_use]
    pub fn reads(&self, slot: usize) -> bool {
        let slot = slot as u32;
        let mut instructions = self.instructions.iter();
        instructions.any(|i| [i.a, i.b, i.c].contains(&slot))
    }

    /// How many instructions it is.
    #[must_use]
    pub fn work(&self) -> usize {
        self.instructions.len()
    }

    /// How many outputs it writes.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Arithmetic operations, an elementary function being worth ten.
    #[must_use]
    pub fn operations(&self) -> u64 {
        let of = |kind: Kind| match kind {
            Kind::Unary(
                Unary::Negate
                | Unary::Abs
                | Unary::Floor
                | Unary::Ceil
                | Unary::Sign
                | Unary::Not
                | Unary::Power(_),
            )
            | Kind::Copy
            | Kind::MultiplyAdd
            | Kind::MultiplySubtract
            | Kind::SubtractProduct
            | Kind::Select => 1,
            Kind::Binary(binary) if binary != Binary::Power => 1,
            _ => 10,
        };
        self.instructions.iter().map(|i| of(i.kind)).sum()
    }
}

/// A node, what computes it, and from which nodes.
type Work = (Node, Kind, Vec<Node>);

/// The nodes that need an instruction, in order; a product that only one sum reads is fused.
fn order(graph: &Graph, nodes: &[Node], readers: &HashMap<Node, usize>) -> Vec<Work> {
    let product = |node: Node| match graph.operation(node) {
        Operation::Binary(Binary::Multiply, a, b) if readers[&node] == 1 => Some((a, b)),
        _ => None,
    };
    let mut fused = HashSet::new();
    let mut work: Vec<Work> = Vec::new();
    for &node in nodes {
        let (kind, operands) = match graph.operation(node) {
            Operation::Constant(_) | Operation::Input(_) => continue,
            Operation::Binary(Binary::Add, x, y) => match (product(x), product(y)) {
                (_, Some((a, b))) => {
                    fused.insert(y);
                    (Kind::MultiplyAdd, vec![a, b, x])
                }
                (Some((a, b)), None) => {
                    fused.insert(x);
                    (Kind::MultiplyAdd, vec![a, b, y])
                }
                _ => (Kind::Binary(Binary::Add), vec![x, y]),
            },
            Operation::Binary(Binary::Subtract, x, y) => match (product(x), product(y)) {
                (_, Some((a, b))) => {
                    fused.insert(y);
                    (Kind::SubtractProduct, vec![a, b, x])
                }
                (Some((a, b)), None) => {
                    fused.insert(x);
                    (Kind::MultiplySubtract, vec![a, b, y])
                }
                _ => (Kind::Binary(Binary::Subtract), vec![x, y]),
            },
            Operation::Unary(function, a) => (Kind::Unary(function), vec![a]),
            Operation::Binary(function, a, b) => (Kind::Binary(function), vec![a, b]),
            Operation::Select {
                condition,
                then,
                otherwise,
            } => (Kind::Select, vec![condition, then, otherwise]),
            Operation::Interpolate(series, a) => (Kind::Interpolate(series), vec![a]),
            Operation::InterpolateSlope(series, a) => (Kind::InterpolateSlope(series), vec![a]),
        };
        work.push((node, kind, operands));
    }
    work.retain(|(node, _, _)| !fused.contains(node));
    work
}
