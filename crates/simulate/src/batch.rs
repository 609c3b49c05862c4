//! Whole batches: simulation numbers -> blocks -> threads -> columns in the order asked.
//!
//! A block is what one thread runs together; how simulations are dealt to blocks changes nothing
//! in any result.

use gnomon_mechanism::expression::Inputs;
use gnomon_mechanism::model::{Law, Program};
use gnomon_mechanism::random::{Purpose, Stream};
use rayon::prelude::*;

use crate::acceptance::reject;
use crate::block::Block;
use crate::checkpoint::{Checkpoint, Run};
use crate::compiled::{Compiled, LawPlan};
use crate::failure::{Failure, SimulateError};
use crate::lanes::{Frame, WIDTH, run};
use crate::latents::Latents;
use crate::observe::{self, EntryArguments, Observer};
use crate::sheet::Sheet;
use crate::{jumps, march, ode, program, response};

/// Simulations in a block: enough that lanes rarely run empty.
const LARGEST_BLOCK: usize = 2048;
const SMALLEST_BLOCK: usize = 4 * WIDTH;
/// Numbers in a block's sheet.
const LARGEST_SHEET: usize = 1 << 22;

/// The result of [`simulate`]: columns, one number a simulation in the order asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// One column a parameter.
    pub parameters: Vec<Vec<f64>>,
    /// One column a derived quantity.
    pub derived: Vec<Vec<f64>>,
    /// One column an observed entry ([`Compiled::observed_columns`]); NaN where failed.
    pub observed: Vec<Vec<f64>>,
    /// Why a simulation failed, if it did.
    pub failures: Vec<Option<Failure>>,
}

/// States over time, without observation noise.
#[derive(Clone, Debug, PartialEq)]
pub struct Trajectories {
    /// The asked times, increasing.
    pub times: Vec<f64>,
    /// How many states there are.
    pub states: usize,
    /// How many flows, accumulated since the start, follow the states.
    pub flows: usize,
    /// Simulation, time, component (states, then flows), the last fastest; NaN where failed.
    pub values: Vec<f64>,
    /// Why a simulation failed, if it did.
    pub failures: Vec<Option<Failure>>,
}

impl Trajectories {
    /// The components of `simulation` (by position) at time number `time`.
    #[must_use]
    pub fn at(&self, simulation: usize, time: usize) -> &[f64] {
        let width = self.states + self.flows;
        let start = (simulation * self.times.len() + time) * width;
        &self.values[start..start + width]
    }
}

/// Draws parameters from their priors and simulates: simulation `i` of `seed` is always the same.
///
/// # Errors
/// Where the mechanism cannot be run here.
pub fn simulate(
    compiled: &Compiled,
    seed: u64,
    simulations: &[u64],
) -> Result<Batch, SimulateError> {
    let parameters = draw_parameters(compiled, seed, simulations);
    simulate_at(compiled, parameters, seed, simulations)
}

/// Simulates at given parameters (one column a parameter, one number a simulation).
///
/// # Errors
/// Where the columns do not fit, or the mechanism cannot be run here.
pub fn simulate_at(
    compiled: &Compiled,
    parameters: Vec<Vec<f64>>,
    seed: u64,
    simulations: &[u64],
) -> Result<Batch, SimulateError> {
    let mut batch = Batch {
        parameters,
        ..Batch::default()
    };
    simulate_into(compiled, &mut batch, seed, simulations)?;
    Ok(batch)
}

/// Simulates at `batch.parameters` and replaces the batch's other columns, in the memory they have:
/// for one batch after another.
///
/// # Errors
/// Where the columns do not fit, or the mechanism cannot be run here.
pub fn simulate_into(
    compiled: &Compiled,
    batch: &mut Batch,
    seed: u64,
    simulations: &[u64],
) -> Result<(), SimulateError> {
    batch.derived = derived(compiled, &batch.parameters)?;
    if let Law::Program(program) = &compiled.mechanism.dynamics.law {
        return run_program(compiled, program, batch, seed, simulations);
    }
    check_rows(compiled, &batch.parameters, simulations)?;
    let Batch {
        parameters,
        observed,
        failures,
        ..
    } = batch;
    let columns = compiled.observed_columns().len();
    observed.resize_with(columns, Vec::new);
    for column in observed.iter_mut() {
        // Zeros that come from the system are written by whoever works there first.
        if column.len() > simulations.len() {
            column.truncate(simulations.len());
        } else if column.len() < simulations.len() {
            *column = vec![0.0; simulations.len()];
        }
    }
    failures.clear();
    failures.resize(simulations.len(), None);
    let size = block_size(compiled, simulations.len());
    let mut parts: Vec<Part<'_>> = failures
        .chunks_mut(size)
        .map(|failures| Part {
            observed: Vec::with_capacity(columns),
            failures,
        })
        .collect();
    for column in observed {
        for (part, rows) in parts.iter_mut().zip(column.chunks_mut(size)) {
            part.observed.push(rows);
        }
    }
    parts.into_par_iter().enumerate().for_each_init(
        || Worker::new(compiled),
        |worker, (number, mut part)| {
            let Worker {
                sheet,
                observer,
                latents,
            } = worker;
            let mut block = block(parameters, seed, simulations, number * size, size);
            latents.draw(compiled, &block);
            block.parameters.extend(latents.columns());
            solve_block(compiled, &block, sheet);
            observer.each_group(&block, sheet, |observer, group, failures| {
                observer.draw(&block, group, failures, &mut part.observed);
            });
            for (to, from) in part.failures.iter_mut().zip(&mut sheet.failures) {
                *to = from.take();
            }
        },
    );
    reject(
        compiled,
        &batch.parameters,
        &mut batch.observed,
        &mut batch.failures,
    );
    Ok(())
}

/// A program's batch, with as many workers as there are threads.
fn run_program(
    compiled: &Compiled,
    program: &Program,
    batch: &mut Batch,
    seed: u64,
    simulations: &[u64],
) -> Result<(), SimulateError> {
    let workers = rayon::current_num_threads();
    let mechanism = &compiled.mechanism;
    let answers = program::run(
        mechanism,
        program,
        &batch.parameters,
        seed,
        simulations,
        workers,
        None,
    )?;
    batch.observed = answers.observed;
    let reasons = answers.failures.into_iter();
    batch.failures = reasons.map(|reason| reason.map(Failure::Program)).collect();
    reject(
        compiled,
        &batch.parameters,
        &mut batch.observed,
        &mut batch.failures,
    );
    Ok(())
}

/// Parameters drawn from their priors: one column a parameter.
#[must_use]
pub fn draw_parameters(compiled: &Compiled, seed: u64, simulations: &[u64]) -> Vec<Vec<f64>> {
    let count = compiled.priors.len();
    let blocks: Vec<Vec<f64>> = simulations
        .par_chunks(LARGEST_BLOCK)
        .map(|simulations| {
            let mut rows = Vec::with_capacity(simulations.len() * count);
            let widest = compiled.priors.iter().map(|(_, tape)| tape.registers).max();
            let mut registers = vec![0.0; widest.unwrap_or(0)];
            let mut arguments = Vec::new();
            for &simulation in simulations {
                let mut stream = Stream::new(seed, Purpose::PARAMETERS, simulation);
                let start = rows.len();
                for (family, tape) in &compiled.priors {
                    arguments.resize(tape.outputs.len(), 0.0);
                    let inputs = Inputs {
                        parameters: &rows[start..],
                        ..Inputs::default()
                    };
                    tape.evaluate_into(&inputs, &mut registers, &mut arguments);
                    rows.push(family.sample(&arguments, &mut stream));
                }
            }
            rows
        })
        .collect();
    (0..count)
        .map(|p| {
            let rows = blocks.iter().flat_map(|rows| rows.chunks(count));
            rows.map(|row| row[p]).collect()
        })
        .collect()
}

/// The derived quantities at given parameters: one column each.
///
/// # Errors
/// Where the columns do not fit the mechanism.
pub fn derived(
    compiled: &Compiled,
    parameters: &[Vec<f64>],
) -> Result<Vec<Vec<f64>>, SimulateError> {
    let rows = check_columns(compiled, parameters)?;
    let plan = &compiled.from_parameters;
    let numbers: Vec<usize> = (0..rows).collect();
    let block = Block {
        parameters: parameters.iter().map(Vec::as_slice).collect(),
        simulations: &[],
        seed: 0,
    };
    let mut frame: Frame<WIDTH> = plan.plan.frame(plan.derived.outputs());
    let outputs = plan.plan.outputs();
    let mut columns = vec![Vec::with_capacity(rows); plan.derived.outputs()];
    for group in numbers.chunks(WIDTH) {
        block.load_parameters(group, &mut frame);
        run(compiled.set, &plan.derived, &mut frame, outputs);
        for (d, column) in columns.iter_mut().enumerate() {
            column.extend_from_slice(&frame[outputs + d].0[..group.len()]);
        }
    }
    Ok(columns)
}

/// States and accumulated flows at the asked times, without observation noise. The simulations'
/// numbers name their random streams where the dynamics are random.
///
/// # Errors
/// Where the columns do not fit, or the mechanism has no dynamics of its own.
pub fn solve(
    compiled: &Compiled,
    parameters: &[Vec<f64>],
    seed: u64,
    simulations: &[u64],
) -> Result<Trajectories, SimulateError> {
    let blocks = in_blocks(
        compiled,
        parameters,
        seed,
        simulations,
        |sheet, _, block| {
            solve_block(compiled, block, sheet);
            (sheet.values.clone(), std::mem::take(&mut sheet.failures))
        },
    )?;
    let dynamics = &compiled.dynamics;
    let mut all = Trajectories {
        times: dynamics.asked.clone(),
        states: dynamics.states,
        flows: dynamics.components - dynamics.states,
        values: Vec::new(),
        failures: Vec::new(),
    };
    for (values, failures) in blocks {
        all.values.extend(values);
        all.failures.extend(failures);
    }
    Ok(all)
}

/// Evaluations of the dynamics' expressions in the first `simulations` simulations of `seed`, together.
pub(crate) fn evaluations(
    compiled: &Compiled,
    seed: u64,
    simulations: u64,
) -> Result<u64, SimulateError> {
    let numbers: Vec<u64> = (0..simulations).collect();
    let parameters = draw_parameters(compiled, seed, &numbers);
    let work = |sheet: &mut Sheet, _: &mut Observer<'_>, block: &Block<'_>| {
        let before = sheet.evaluations;
        solve_block(compiled, block, sheet);
        sheet.evaluations - before
    };
    let blocks = in_blocks(compiled, &parameters, seed, &numbers, work)?;
    Ok(blocks.iter().sum())
}

/// The arguments of every observed entry's distribution at given parameters, in column order, and
/// which simulations failed. For deterministic dynamics; random ones use the streams of `seed`
/// and the positions as simulation numbers.
///
/// # Errors
/// Where the columns do not fit, or the mechanism has no dynamics of its own.
pub fn observation_arguments(
    compiled: &Compiled,
    parameters: &[Vec<f64>],
    seed: u64,
) -> Result<(Vec<EntryArguments>, Vec<Option<Failure>>), SimulateError> {
    let rows = check_columns(compiled, parameters)?;
    let simulations: Vec<u64> = (0..rows as u64).collect();
    let work = |sheet: &mut Sheet, observer: &mut Observer<'_>, block: &Block<'_>| {
        solve_block(compiled, block, sheet);
        let mut entries = observe::entries(compiled);
        observer.each_group(block, sheet, |observer, group, _| {
            observer.append_arguments(group.len(), &mut entries);
        });
        (entries, std::mem::take(&mut sheet.failures))
    };
    let blocks = in_blocks(compiled, parameters, seed, &simulations, work)?;
    let mut all = observe::entries(compiled);
    let mut failures = Vec::with_capacity(rows);
    for (entries, reasons) in blocks {
        for (to, from) in all.iter_mut().zip(entries) {
            for (to, from) in to.arguments.iter_mut().zip(from.arguments) {
                to.extend(from);
            }
        }
        failures.extend(reasons);
    }
    Ok((all, failures))
}

/// The number of rows, where the columns fit the mechanism.
pub(crate) fn check_columns(
    compiled: &Compiled,
    parameters: &[Vec<f64>],
) -> Result<usize, SimulateError> {
    let expected = compiled.priors.len();
    if parameters.len() != expected {
        return Err(SimulateError::Columns(format!(
            "{} parameter columns given, but {} has {expected} parameters",
            parameters.len(),
            compiled.mechanism.name
        )));
    }
    let rows = parameters.first().map_or(0, Vec::len);
    if parameters.iter().any(|column| column.len() != rows) {
        return Err(SimulateError::Columns(
            "parameter columns of unequal length".into(),
        ));
    }
    Ok(rows)
}

/// Refuses programs, and columns that do not fit the simulations.
fn check_rows(
    compiled: &Compiled,
    parameters: &[Vec<f64>],
    simulations: &[u64],
) -> Result<(), SimulateError> {
    if matches!(compiled.dynamics.law, LawPlan::Program) {
        return Err(SimulateError::Unsupported(
            "a program's insides cannot be looked into".into(),
        ));
    }
    let rows = check_columns(compiled, parameters)?;
    if rows != simulations.len() && !parameters.is_empty() {
        return Err(SimulateError::Columns(format!(
            "{rows} rows of parameters given for {} simulations",
            simulations.len()
        )));
    }
    Ok(())
}

/// A block's rows of a batch.
struct Part<'a> {
    observed: Vec<&'a mut [f64]>,
    failures: &'a mut [Option<Failure>],
}

/// What a thread works with, block after block.
struct Worker<'a> {
    sheet: Sheet,
    observer: Observer<'a>,
    latents: Latents,
}

impl<'a> Worker<'a> {
    fn new(compiled: &'a Compiled) -> Self {
        let dynamics = &compiled.dynamics;
        Self {
            sheet: Sheet::new(dynamics.asked.len(), dynamics.components),
            observer: Observer::new(compiled),
            latents: Latents::default(),
        }
    }
}

/// Simulations in a block: enough blocks for all threads, none so small that lanes run empty, nor so
/// large that its sheet takes much memory.
fn block_size(compiled: &Compiled, simulations: usize) -> usize {
    let dynamics = &compiled.dynamics;
    let row = (dynamics.asked.len() * dynamics.components).max(1);
    let share = simulations.div_ceil(4 * rayon::current_num_threads());
    share
        .min(LARGEST_SHEET / row)
        .clamp(SMALLEST_BLOCK, LARGEST_BLOCK)
}

/// The block of up to `size` rows from row `start` on.
fn block<'a>(
    parameters: &'a [Vec<f64>],
    seed: u64,
    simulations: &'a [u64],
    start: usize,
    size: usize,
) -> Block<'a> {
    let range = start..simulations.len().min(start + size);
    let column = |column: &'a Vec<f64>| &column[range.clone()];
    Block {
        parameters: parameters.iter().map(column).collect(),
        simulations: &simulations[range.clone()],
        seed,
    }
}

/// Runs `work` on blocks of the simulations, in parallel, with latents drawn; results in order.
fn in_blocks<T: Send>(
    compiled: &Compiled,
    parameters: &[Vec<f64>],
    seed: u64,
    simulations: &[u64],
    work: impl Fn(&mut Sheet, &mut Observer<'_>, &Block<'_>) -> T + Sync + Send,
) -> Result<Vec<T>, SimulateError> {
    check_rows(compiled, parameters, simulations)?;
    let size = block_size(compiled, simulations.len());
    let blocks = (0..simulations.len().div_ceil(size)).into_par_iter();
    let results = blocks.map_init(
        || Worker::new(compiled),
        |worker, number| {
            let Worker {
                sheet,
                observer,
                latents,
            } = worker;
            let mut block = block(parameters, seed, simulations, number * size, size);
            latents.draw(compiled, &block);
            block.parameters.extend(latents.columns());
            work(sheet, observer, &block)
        },
    );
    Ok(results.collect())
}

/// The log-density of `data` in each row of `parameters` where the latents have the values `latents`.
pub(crate) fn log_densities(
    compiled: &Compiled,
    parameters: &[Vec<f64>],
    latents: &[f64],
    data: &[f64],
    rows: usize,
) -> Result<Vec<f64>, SimulateError> {
    each_group(
        compiled,
        parameters,
        latents,
        rows,
        |observer, failures, to| {
            observer.append_log_density(data, failures, to);
        },
    )
}

/// What `append` makes of each group of rows, in order, where the latents have the values `latents`:
/// the observer holds the group's arguments.
pub(crate) fn each_group(
    compiled: &Compiled,
    parameters: &[Vec<f64>],
    latents: &[f64],
    rows: usize,
    append: impl Fn(&Observer<'_>, &[Option<Failure>], &mut Vec<f64>) + Sync + Send,
) -> Result<Vec<f64>, SimulateError> {
    let simulations: Vec<u64> = (0..rows as u64).collect();
    check_rows(compiled, parameters, &simulations)?;
    let size = block_size(compiled, rows);
    let blocks = (0..rows.div_ceil(size)).into_par_iter();
    let results = blocks.map_init(
        || Worker::new(compiled),
        |worker, number| {
            let mut block = block(parameters, 0, &simulations, number * size, size);
            worker.latents.fix(latents, block.rows());
            block.parameters.extend(worker.latents.columns());
            let (sheet, observer) = (&mut worker.sheet, &mut worker.observer);
            solve_block(compiled, &block, sheet);
            let mut made = Vec::new();
            observer.each_group(&block, sheet, |observer, _, failures| {
                append(observer, failures, &mut made);
            });
            made
        },
    );
    Ok(results.collect::<Vec<_>>().concat())
}

/// Fills `sheet` with the states of a block at the asked times.
fn solve_block(compiled: &Compiled, block: &Block<'_>, sheet: &mut Sheet) {
    sheet.clear(block.rows());
    match &compiled.dynamics.law {
        LawPlan::Static | LawPlan::Program => {}
        LawPlan::Ode(plan) => ode::integrate(compiled, plan, block, sheet),
        LawPlan::Response(plan) => response::respond(compiled, plan, block, sheet),
        LawPlan::Sde { .. } | LawPlan::Map { .. } | LawPlan::Jumps(_) | LawPlan::Leaps(_) => {
            let mut from = Checkpoint::start(compiled, block);
            let asked = &compiled.dynamics.asked;
            run_on(
                compiled,
                block,
                Run {
                    from: &mut from,
                    asked,
                },
                sheet,
            );
        }
    }
}

/// Fills `sheet` with the states of a block at asked times behind a checkpoint. For jumps, SDEs and, from
/// their start, maps.
pub(crate) fn run_on(compiled: &Compiled, block: &Block<'_>, run: Run<'_>, sheet: &mut Sheet) {
    match &compiled.dynamics.law {
        LawPlan::Jumps(reactions) => jumps::jump(compiled, reactions, block, run, sheet),
        _ => march::march(compiled, block, run, sheet),
    }
}
