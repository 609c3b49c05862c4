//! diffsol: one simulation at a time, native right-hand sides, solver and problem kept from one
//! simulation to the next. Tsit45; BDF for Robertson's reactions.

use std::error::Error;
use std::time::Instant;

use diffsol::error::DiffsolError;
use diffsol::{
    NalgebraContext, NalgebraLU, NalgebraMat, NalgebraVec, OdeBuilder, OdeEquations,
    OdeSolverMethod, OdeSolverProblem, Vector,
};
use rayon::prelude::*;

use crate::problem::{Outcome, Problem, Tolerance};

type M = NalgebraMat<f64>;
type V = NalgebraVec<f64>;
type Lu = NalgebraLU<f64>;

/// A simulation that needs more steps has failed, as ours has.
const MOST_STEPS: usize = 100_000;

/// Simulates every draw on the threads of the current pool.
pub fn run(
    problem: &Problem,
    draws: &[f64],
    tolerance: Tolerance,
) -> Result<Outcome, Box<dyn Error + Send + Sync>> {
    let mut states = vec![f64::NAN; draws.len() / problem.parameters * problem.answer_len()];
    let solve = match problem.name {
        "sir" => solve_sir,
        "lotka-volterra" => solve_lotka_volterra,
        "robertson" => solve_robertson,
        other => return Err(format!("diffsol does not run {other}").into()),
    };
    // Few large blocks, so that a problem is built rarely; several a thread, to balance.
    let simulations = draws.len() / problem.parameters;
    let block = simulations
        .div_ceil(8 * rayon::current_num_threads())
        .max(1);
    let start = Instant::now();
    let failures = draws
        .par_chunks(block * problem.parameters)
        .zip(states.par_chunks_mut(block * problem.answer_len()))
        .map(|(draws, states)| solve(problem, draws, tolerance, states).map_err(|e| e.to_string()))
        .collect::<Result<Vec<usize>, String>>()?;
    Ok(Outcome {
        seconds: start.elapsed().as_secs_f64(),
        failures: failures.iter().sum(),
        states,
    })
}

fn solve_sir(
    problem: &Problem,
    draws: &[f64],
    tolerance: Tolerance,
    states: &mut [f64],
) -> Result<usize, DiffsolError> {
    let mut solver = OdeBuilder::<M>::new()
        .rtol(tolerance.relative)
        .atol([tolerance.absolute])
        .p(draws[..2].iter().copied())
        .rhs(|x: &[f64], p: &[f64], _t: f64, y: &mut [f64]| {
            let infection = p[0] * x[0] * x[1] * (1.0 / 763.0);
            let recovery = p[1] * x[1];
            y[0] = -infection;
            y[1] = infection - recovery;
            y[2] = recovery;
        })
        .init(
            |_p: &[f64], _t: f64, y: &mut [f64]| y.copy_from_slice(&[762.0, 1.0, 0.0]),
            3,
        )
        .build()?;
    explicit(problem, &mut solver, draws, states)
}

fn solve_lotka_volterra(
    problem: &Problem,
    draws: &[f64],
    tolerance: Tolerance,
    states: &mut [f64],
) -> Result<usize, DiffsolError> {
    let mut solver = OdeBuilder::<M>::new()
        .rtol(tolerance.relative)
        .atol([tolerance.absolute])
        .p(draws[..4].iter().copied())
        .rhs(|x: &[f64], p: &[f64], _t: f64, y: &mut [f64]| {
            y[0] = (p[0] - p[1] * x[1]) * x[0];
            y[1] = (p[3] * x[0] - p[2]) * x[1];
        })
        .init(
            |_p: &[f64], _t: f64, y: &mut [f64]| y.copy_from_slice(&[30.0, 1.0]),
            2,
        )
        .build()?;
    explicit(problem, &mut solver, draws, states)
}

fn solve_robertson(
    problem: &Problem,
    draws: &[f64],
    tolerance: Tolerance,
    states: &mut [f64],
) -> Result<usize, DiffsolError> {
    let mut solver = OdeBuilder::<M>::new()
        .rtol(tolerance.relative)
        .atol([tolerance.absolute])
        .p(draws[..3].iter().copied())
        .rhs_implicit(
            |x: &[f64], p: &[f64], _t: f64, y: &mut [f64]| {
                let (first, third) = (p[0] * x[0], p[2] * x[1] * x[2]);
                let second = p[1] * x[1] * x[1];
                y[0] = third - first;
                y[1] = first - third - second;
                y[2] = second;
            },
            |x: &[f64], p: &[f64], _t: f64, v: &[f64], y: &mut [f64]| {
                let first = p[0] * v[0];
                let third = p[2] * (v[1] * x[2] + x[1] * v[2]);
                let second = 2.0 * p[1] * x[1] * v[1];
                y[0] = third - first;
                y[1] = first - third - second;
                y[2] = second;
            },
        )
        .init(
            |_p: &[f64], _t: f64, y: &mut [f64]| y.copy_from_slice(&[1.0, 0.0, 0.0]),
            3,
        )
        .build()?;
    let context = NalgebraContext::default();
    let mut failures = 0;
    let rows = draws.chunks_exact(problem.parameters);
    for (draw, states) in rows.zip(states.chunks_exact_mut(problem.answer_len())) {
        solver.eqn_mut().set_params(&V::from_slice(draw, context));
        failures += usize::from(!march(solver.bdf::<Lu>(), &problem.times, states));
    }
    Ok(failures)
}

fn explicit<E>(
    problem: &Problem,
    solver: &mut OdeSolverProblem<E>,
    draws: &[f64],
    states: &mut [f64],
) -> Result<usize, DiffsolError>
where
    E: OdeEquations<M = M, V = V, T = f64, C = NalgebraContext>,
{
    let context = NalgebraContext::default();
    let mut failures = 0;
    let rows = draws.chunks_exact(problem.parameters);
    for (draw, states) in rows.zip(states.chunks_exact_mut(problem.answer_len())) {
        solver.eqn_mut().set_params(&V::from_slice(draw, context));
        failures += usize::from(!march(solver.tsit45(), &problem.times, states));
    }
    Ok(failures)
}

/// Steps to the problem's times; false where it failed. As `solve_dense` does, with the steps bounded:
/// at loose tolerances Lotka-Volterra steps to negative numbers, where diffsol may step for ever.
fn march<'a, E>(
    solver: Result<impl OdeSolverMethod<'a, E>, DiffsolError>,
    times: &[f64],
    states: &mut [f64],
) -> bool
where
    E: OdeEquations<M = M, V = V, T = f64, C = NalgebraContext> + 'a,
{
    let attempt = |states: &mut [f64]| -> Option<()> {
        let mut solver = solver.ok()?;
        let width = states.len() / times.len();
        let mut found = V::zeros(width, NalgebraContext::default());
        let mut steps = 0;
        solver.set_stop_time(times[times.len() - 1]).ok()?;
        for (&time, states) in times.iter().zip(states.chunks_exact_mut(width)) {
            while solver.state().t < time {
                solver.step().ok()?;
                steps += 1;
                if steps > MOST_STEPS {
                    return None;
                }
            }
            solver.interpolate_inplace(time, &mut found).ok()?;
            for (state, value) in states.iter_mut().enumerate() {
                *value = found.get_index(state);
            }
        }
        Some(())
    };
    let fine = attempt(states).is_some() && states.iter().all(|x| x.is_finite());
    if !fine {
        states.fill(f64::NAN);
    }
    fine
}
