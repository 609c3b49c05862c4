//! Linear systems in the frequency domain: matrices at each frequency -> LU in lanes -> the complex
//! unknowns, as pairs of real numbers.
//!
//! A complex system is solved as the real one of twice the size, each entry a + j b being the block
//! (a, -b; b, a): so it shares the pivoting and the bands of the stiff solver's systems.

use gnomon_mechanism::expression::{Graph, Input, Node, Unary};
use gnomon_mechanism::model::{Law, MatrixEntry, Mechanism, Response};
use rayon::prelude::*;

use crate::batch::check_columns;
use crate::block::Block;
use crate::checkpoint::Checkpoint;
use crate::compiled::{Compiled, LawPlan};
use crate::failure::{Failure, SimulateError};
use crate::lanes::{Frame, LaneTape, Lanes, Plan, WIDTH, dispatched, run};
use crate::linear::{Pattern, System};
use crate::sheet::Sheet;

mod polynomial;

pub use polynomial::{MatrixPolynomial, polynomial};

/// A response ready to be solved.
#[derive(Clone, Debug)]
pub(crate) struct ResponsePlan {
    /// The parts of A's entries, then the parts of the force.
    pub tape: LaneTape,
    pub pattern: Pattern,
    /// For each place of the pattern: the tape's output, and whether it is subtracted.
    cells: Vec<(usize, bool)>,
    /// Where the force begins among the outputs.
    force: usize,
    /// Whether the frequency is the time, not known from the parameters.
    pub free: bool,
}

/// The nodes of a response's tape, and where they go.
pub(crate) struct Parts {
    pub nodes: Vec<Node>,
    entries: Vec<(usize, usize)>,
    cells: Vec<(usize, bool)>,
    force: usize,
    free: bool,
}

impl Parts {
    /// A = stiffness + j (w damping + imaginary) - w^2 mass, entry by entry.
    pub fn new(graph: &mut Graph, response: &Response) -> Self {
        let w = response.frequency;
        let square = graph.unary(Unary::Power(2), w);
        let zero = graph.constant(0.0);
        let mut all: std::collections::BTreeMap<(usize, usize), [Node; 2]> =
            std::collections::BTreeMap::new();
        let mut put =
            |graph: &mut Graph, list: &[MatrixEntry], part: usize, times: Option<Node>| {
                for entry in list {
                    let term =
                        times.map_or(entry.value, |times| graph.multiply(times, entry.value));
                    let parts = all.entry((entry.row, entry.column)).or_insert([zero; 2]);
                    parts[part] = graph.add(parts[part], term);
                }
            };
        let minus = graph.negate(square);
        put(graph, &response.stiffness, 0, None);
        put(graph, &response.mass, 0, Some(minus));
        put(graph, &response.imaginary, 1, None);
        put(graph, &response.damping, 1, Some(w));
        let (mut nodes, mut entries, mut cells) = (Vec::new(), Vec::new(), Vec::new());
        for ((row, column), [re, im]) in all {
            let (row, column) = (2 * row, 2 * column);
            if re != zero {
                entries.extend([(row, column), (row + 1, column + 1)]);
                cells.extend([(nodes.len(), false); 2]);
                nodes.push(re);
            }
            if im != zero {
                entries.extend([(row, column + 1), (row + 1, column)]);
                cells.extend([(nodes.len(), true), (nodes.len(), false)]);
                nodes.push(im);
            }
        }
        let force = nodes.len();
        nodes.extend(response.force.iter().flat_map(|&(re, im)| [re, im]));
        Self {
            nodes,
            entries,
            cells,
            force,
            free: graph.operation(w) == gnomon_mechanism::expression::Operation::Input(Input::Time),
        }
    }

    /// The plan, `nodes` being this one's after hoisting.
    pub fn plan(self, graph: &Graph, nodes: &[Node], plan: &mut Plan) -> ResponsePlan {
        let n = nodes.len() - self.force;
        ResponsePlan {
            tape: LaneTape::compile(graph, nodes, plan),
            pattern: Pattern::new(n, &self.entries),
            cells: self.cells,
            force: self.force,
            free: self.free,
        }
    }
}

/// The unknowns of the rows of a block at each of `frequencies`: handed over by row, frequency.
fn each_answer(
    compiled: &Compiled,
    plan: &ResponsePlan,
    block: &Block<'_>,
    frequencies: &[f64],
    mut hand: impl FnMut(usize, usize, &mut dyn Iterator<Item = f64>),
) {
    let start = Checkpoint::start(compiled, block);
    let dynamics = &compiled.dynamics;
    let outputs = dynamics.plan.outputs();
    let mut frame: Frame<WIDTH> = dynamics.plan.frame(plan.tape.outputs());
    let mut system = System::new(&plan.pattern);
    let mut x = vec![Lanes::all(0.0); plan.tape.outputs() - plan.force];
    let rows: Vec<usize> = (0..block.rows()).collect();
    for group in rows.chunks(WIDTH) {
        for (lane, &row) in group.iter().enumerate() {
            start.load(row, lane, &mut frame);
        }
        for (number, &frequency) in frequencies.iter().enumerate() {
            frame[0] = Lanes::all(frequency);
            run(compiled.set, &plan.tape, &mut frame, outputs);
            answer(compiled.set, plan, &frame[outputs..], &mut system, &mut x);
            for (lane, &row) in group.iter().enumerate() {
                hand(row, number, &mut x.iter().map(|x| x.0[lane]));
            }
        }
    }
}

dispatched! {
    fn answer[const W: usize]<W>(
        plan: &ResponsePlan,
        parts: &[Lanes<W>],
        system: &mut System<W>,
        x: &mut [Lanes<W>],
    ) = answer_body
}

#[inline(always)]
fn answer_body<const W: usize>(
    plan: &ResponsePlan,
    parts: &[Lanes<W>],
    system: &mut System<W>,
    x: &mut [Lanes<W>],
) {
    system.matrix.fill(Lanes::all(0.0));
    for (&place, &(part, minus)) in plan.pattern.places.iter().zip(&plan.cells) {
        let (to, from) = (&mut system.matrix[place], &parts[part]);
        for lane in 0..W {
            to.0[lane] = if minus { -from.0[lane] } else { from.0[lane] };
        }
    }
    x.copy_from_slice(&parts[plan.force..][..x.len()]);
    system.factor::<0>(&plan.pattern);
    system.solve::<0>(&plan.pattern, x);
}

/// Fills `sheet` with the unknowns of a block at the asked frequencies.
pub(crate) fn respond(
    compiled: &Compiled,
    plan: &ResponsePlan,
    block: &Block<'_>,
    sheet: &mut Sheet,
) {
    let asked = &compiled.dynamics.asked;
    let mut singular: Vec<Option<f64>> = vec![None; block.rows()];
    each_answer(compiled, plan, block, asked, |row, number, parts| {
        for (to, part) in sheet.at_mut(row, number).iter_mut().zip(parts) {
            *to = part;
            if !part.is_finite() {
                singular[row].get_or_insert(asked[number]);
            }
        }
    });
    for (row, frequency) in singular.into_iter().enumerate() {
        if let Some(frequency) = frequency {
            let what = match plan.free {
                true => format!("the response at frequency {frequency}"),
                false => "the response".to_owned(),
            };
            sheet.fail(row, Failure::non_finite(what));
        }
    }
    sheet.evaluations += (asked.len() * block.rows()) as u64;
}

/// Complex unknowns at frequencies of the caller's choice.
#[derive(Clone, Debug, PartialEq)]
pub struct Responses {
    /// How many unknowns there are.
    pub unknowns: usize,
    /// How many frequencies.
    pub frequencies: usize,
    /// Row of parameters, frequency, unknown, the last fastest: real and imaginary part. Not finite
    /// where the system is singular.
    pub values: Vec<[f64; 2]>,
}

impl Responses {
    /// The unknowns of `row` at frequency number `frequency`.
    #[must_use]
    pub fn at(&self, row: usize, frequency: usize) -> &[[f64; 2]] {
        let start = (row * self.frequencies + frequency) * self.unknowns;
        &self.values[start..start + self.unknowns]
    }
}

/// The complex unknowns at each row of `parameters` (one column a parameter) and each of
/// `frequencies` (angular). Where the parameters say the frequency, `frequencies` are not looked at, and
/// there is one answer a row.
///
/// ```
/// use gnomon_mechanism::Mechanism;
/// use gnomon_simulate::{Compiled, response};
/// let text = "[parameters]\nk = 'Uniform(1, 2)'\n\
///             [response]\nfrequency = 'w'\nmass = 1\ndamping = 0.5\nstiffness = 'k'\nforce = 3\n\
///             [observed]\nfrequencies = [1]\nx = 'amplitude(y)'";
/// let compiled = Compiled::new(&Mechanism::parse("oscillator", text, ".")?)?;
/// // y = 3 / (1.5 - w^2 + 0.5 j w)
/// let found = response(&compiled, &[vec![1.5]], &[0.0, 1.0])?;
/// assert_eq!(found.at(0, 0)[0], [2.0, 0.0]);
/// assert_eq!(found.at(0, 1)[0], [3.0, -3.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Where the mechanism is no response, or the columns do not fit.
pub fn response(
    compiled: &Compiled,
    parameters: &[Vec<f64>],
    frequencies: &[f64],
) -> Result<Responses, SimulateError> {
    let plan = match &compiled.dynamics.law {
        LawPlan::Response(plan) => plan,
        _ => {
            let name = &compiled.mechanism.name;
            let reason = format!("`{name}` is not a system in the frequency domain");
            return Err(SimulateError::Unsupported(reason));
        }
    };
    let frequencies = match plan.free {
        true => frequencies,
        false => &[f64::NAN],
    };
    let rows = match parameters.is_empty() {
        true => 1,
        false => check_columns(compiled, parameters)?,
    };
    let unknowns = compiled.dynamics.states / 2;
    let width = frequencies.len() * unknowns;
    let blocks = (0..rows.div_ceil(WIDTH)).into_par_iter().map(|number| {
        let range = number * WIDTH..rows.min((number + 1) * WIDTH);
        let simulations = vec![0; range.len()];
        let block = Block {
            parameters: parameters.iter().map(|c| &c[range.clone()]).collect(),
            simulations: &simulations,
            seed: 0,
        };
        let mut values = vec![[f64::NAN; 2]; range.len() * width];
        each_answer(compiled, plan, &block, frequencies, |row, at, parts| {
            let to = &mut values[row * width + at * unknowns..][..unknowns];
            for (to, part) in to.as_flattened_mut().iter_mut().zip(parts) {
                *to = part;
            }
        });
        values
    });
    let values: Vec<Vec<[f64; 2]>> = blocks.collect();
    Ok(Responses {
        unknowns,
        frequencies: frequencies.len(),
        values: values.concat(),
    })
}

/// The matrices of a response at some parameters, n by n, row-major.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Matrices {
    pub unknowns: usize,
    pub mass: Vec<f64>,
    pub damping: Vec<f64>,
    pub stiffness: Vec<f64>,
    /// What else is imaginary.
    pub imaginary: Vec<f64>,
}

impl Matrices {
    /// Whether nothing is imaginary, and `mass` and `stiffness` are symmetric: then the frequencies at
    /// which the system resonates are the square roots of the eigenvalues of stiffness - lambda mass.
    #[must_use]
    pub fn is_undamped(&self) -> bool {
        let n = self.unknowns;
        let zero = |matrix: &[f64]| matrix.iter().all(|&entry| entry == 0.0);
        let symmetric = |m: &[f64]| (0..n).all(|r| (0..r).all(|c| m[r * n + c] == m[c * n + r]));
        zero(&self.damping)
            && zero(&self.imaginary)
            && symmetric(&self.mass)
            && symmetric(&self.stiffness)
    }
}

/// The matrices of a response at `parameters`, one number each.
///
/// # Errors
/// Where the mechanism is no response, a matrix depends on the frequency, or there are more or fewer
/// parameters than the mechanism has.
pub fn matrices(mechanism: &Mechanism, parameters: &[f64]) -> Result<Matrices, SimulateError> {
    let Law::Response(response) = &mechanism.dynamics.law else {
        let reason = format!(
            "`{}` is not a system in the frequency domain",
            mechanism.name
        );
        return Err(SimulateError::Unsupported(reason));
    };
    if parameters.len() != mechanism.parameters.len() {
        return Err(SimulateError::Columns(format!(
            "{} parameters, where there are {}",
            parameters.len(),
            mechanism.parameters.len()
        )));
    }
    let n = mechanism.dynamics.states.len() / 2;
    let inputs = gnomon_mechanism::expression::Inputs {
        parameters,
        ..Default::default()
    };
    let dense = |list: &[MatrixEntry]| {
        let nodes: Vec<Node> = list.iter().map(|entry| entry.value).collect();
        let used = mechanism.graph.inputs_of(&nodes);
        let unknown = used.iter().any(|input| match input {
            Input::Parameter(p) => *p >= parameters.len(),
            _ => true,
        });
        if unknown {
            return Err(SimulateError::Unsupported(
                "a matrix depends on more than the parameters".into(),
            ));
        }
        let values = gnomon_mechanism::expression::Tape::compile(&mechanism.graph, &nodes);
        let mut matrix = vec![0.0; n * n];
        for (entry, value) in list.iter().zip(values.evaluate(&inputs)) {
            matrix[entry.row * n + entry.column] = value;
        }
        Ok(matrix)
    };
    Ok(Matrices {
        unknowns: n,
        mass: dense(&response.mass)?,
        damping: dense(&response.damping)?,
        stiffness: dense(&response.stiffness)?,
        imaginary: dense(&response.imaginary)?,
    })
}
