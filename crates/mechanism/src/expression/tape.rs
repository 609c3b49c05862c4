//! A straight line of instructions over registers: what solvers run.

use std::sync::Arc;

use super::{Binary, Graph, Input, Node, Operation, Series, Unary};

/// A slot that instructions read and write.
pub type Register = u16;

/// One step of a [`Tape`]; `to` is written, the rest is read.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Instruction {
    Constant {
        to: Register,
        value: f64,
    },
    Input {
        to: Register,
        input: Input,
    },
    Unary {
        to: Register,
        function: Unary,
        a: Register,
    },
    Binary {
        to: Register,
        function: Binary,
        a: Register,
        b: Register,
    },
    Select {
        to: Register,
        condition: Register,
        then: Register,
        otherwise: Register,
    },
    Interpolate {
        to: Register,
        series: u32,
        at: Register,
    },
    InterpolateSlope {
        to: Register,
        series: u32,
        at: Register,
    },
}

/// The numbers that a tape's inputs stand for; slices may be empty where no input names them.
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs)]
pub struct Inputs<'a> {
    pub time: f64,
    pub parameters: &'a [f64],
    pub states: &'a [f64],
    pub flows: &'a [f64],
    pub hoisted: &'a [f64],
    pub observed: &'a [f64],
}

impl Inputs<'_> {
    /// The number that `input` stands for.
    #[must_use]
    pub fn get(&self, input: Input) -> f64 {
        match input {
            Input::Time => self.time,
            Input::Parameter(i) => self.parameters[i],
            Input::State(i) => self.states[i],
            Input::Flow(i) => self.flows[i],
            Input::Hoisted(i) => self.hoisted[i],
            Input::Observed(i) => self.observed[i],
            // What was seen earlier is known to the simulator's own tapes alone.
            Input::Lag(_) => f64::NAN,
        }
    }
}

/// Compiled expressions: instructions in order, and the register of each output.
#[derive(Clone, Debug)]
pub struct Tape {
    /// In the order they run.
    pub instructions: Vec<Instruction>,
    /// How many registers the instructions use.
    pub registers: usize,
    /// Where each output lies after the last instruction.
    pub outputs: Vec<Register>,
    /// The forcing series that instructions name.
    pub series: Vec<Arc<Series>>,
}

impl Tape {
    /// Instructions that compute `outputs`, with registers reused as soon as their last reader ran.
    #[must_use]
    pub fn compile(graph: &Graph, outputs: &[Node]) -> Self {
        let nodes = graph.reachable(outputs);
        let position = |node: Node| nodes.binary_search(&node).unwrap_or(usize::MAX);
        let mut last_read = vec![0usize; nodes.len()];
        for (step, &node) in nodes.iter().enumerate() {
            for operand in graph.operation(node).operands() {
                last_read[position(operand)] = step;
            }
        }
        outputs
            .iter()
            .for_each(|&node| last_read[position(node)] = usize::MAX);

        let mut place = vec![0 as Register; nodes.len()];
        let mut free: Vec<Register> = Vec::new();
        let mut registers = 0usize;
        let mut instructions = Vec::with_capacity(nodes.len());
        for (step, &node) in nodes.iter().enumerate() {
            let operation = graph.operation(node);
            let mut operands: Vec<usize> = operation.operands().map(position).collect();
            operands.sort_unstable();
            operands.dedup();
            free.extend(
                operands
                    .iter()
                    .filter(|&&o| last_read[o] == step)
                    .map(|&o| place[o]),
            );
            let to = free.pop().unwrap_or_else(|| {
                registers += 1;
                (registers - 1) as Register
            });
            place[step] = to;
            let at = |node| place[position(node)];
            instructions.push(match operation {
                Operation::Constant(bits) => Instruction::Constant {
                    to,
                    value: f64::from_bits(bits),
                },
                Operation::Input(input) => Instruction::Input { to, input },
                Operation::Unary(function, a) => Instruction::Unary {
                    to,
                    function,
                    a: at(a),
                },
                Operation::Binary(function, a, b) => Instruction::Binary {
                    to,
                    function,
                    a: at(a),
                    b: at(b),
                },
                Operation::Select {
                    condition,
                    then,
                    otherwise,
                } => Instruction::Select {
                    to,
                    condition: at(condition),
                    then: at(then),
                    otherwise: at(otherwise),
                },
                Operation::Interpolate(series, a) => Instruction::Interpolate {
                    to,
                    series,
                    at: at(a),
                },
                Operation::InterpolateSlope(series, a) => Instruction::InterpolateSlope {
                    to,
                    series,
                    at: at(a),
                },
            });
        }
        Self {
            instructions,
            registers,
            outputs: outputs.iter().map(|&node| place[position(node)]).collect(),
            series: graph.series().to_vec(),
        }
    }

    /// The outputs for one set of inputs.
    #[must_use]
    pub fn evaluate(&self, inputs: &Inputs<'_>) -> Vec<f64> {
        let mut outputs = vec![0.0; self.outputs.len()];
        self.evaluate_into(inputs, &mut vec![0.0; self.registers], &mut outputs);
        outputs
    }

    /// The outputs for one set of inputs, without allocating: `registers` has at least
    /// `self.registers` entries and `outputs` one entry an output.
    pub fn evaluate_into(&self, inputs: &Inputs<'_>, registers: &mut [f64], outputs: &mut [f64]) {
        for instruction in &self.instructions {
            let (to, value) = match *instruction {
                Instruction::Constant { to, value } => (to, value),
                Instruction::Input { to, input } => (to, inputs.get(input)),
                Instruction::Unary { to, function, a } => {
                    (to, function.apply(registers[a as usize]))
                }
                Instruction::Binary { to, function, a, b } => (
                    to,
                    function.apply(registers[a as usize], registers[b as usize]),
                ),
                Instruction::Select {
                    to,
                    condition,
                    then,
                    otherwise,
                } => {
                    let chosen = if registers[condition as usize] != 0.0 {
                        then
                    } else {
                        otherwise
                    };
                    (to, registers[chosen as usize])
                }
                Instruction::Interpolate { to, series, at } => (
                    to,
                    self.series[series as usize].value(registers[at as usize]),
                ),
                Instruction::InterpolateSlope { to, series, at } => (
                    to,
                    self.series[series as usize].slope(registers[at as usize]),
                ),
            };
            registers[to as usize] = value;
        }
        for (output, &register) in outputs.iter_mut().zip(&self.outputs) {
            *output = registers[register as usize];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_subexpressions_are_computed_once_and_registers_reused() {
        let mut graph = Graph::new();
        let (x, y) = (graph.input(Input::State(0)), graph.input(Input::State(1)));
        let (xy, yx) = (graph.multiply(x, y), graph.multiply(y, x));
        assert_eq!(xy, yx);
        let sum = graph.add(xy, yx);
        let tape = Tape::compile(&graph, &[sum]);
        assert_eq!(tape.instructions.len(), 4);
        assert_eq!(tape.registers, 2);
        assert_eq!(
            tape.evaluate(&Inputs {
                states: &[2.0, 5.0],
                ..Inputs::default()
            }),
            [20.0]
        );
    }

    #[test]
    fn what_depends_on_parameters_alone_is_hoisted() {
        let mut graph = Graph::new();
        let (a, b) = (
            graph.input(Input::Parameter(0)),
            graph.input(Input::Parameter(1)),
        );
        let x = graph.input(Input::State(0));
        let ratio = graph.divide(a, b);
        let root = graph.multiply(ratio, x);
        let (roots, hoisted) = graph.hoist(&[root, ratio]);
        assert_eq!(hoisted, [ratio]);
        assert_eq!(
            graph.inputs_of(&roots),
            [Input::State(0), Input::Hoisted(0)]
        );
        let values = Tape::compile(&graph, &roots).evaluate(&Inputs {
            states: &[4.0],
            hoisted: &[1.5],
            ..Inputs::default()
        });
        assert_eq!(values, [6.0, 1.5]);
    }
}
