//! States at the asked times -> the arguments of every observed entry's distribution -> draws, or
//! log-densities of data.

use gnomon_mechanism::Family;
use gnomon_mechanism::random::{Purpose, Stream};

use crate::block::Block;
use crate::compiled::{Compiled, LawPlan};
use crate::failure::Failure;
use crate::lanes::{Frame, Lanes, WIDTH, run};
use crate::sheet::Sheet;

/// The arguments of each observed entry's distribution.
#[derive(Clone, Debug, PartialEq)]
pub struct EntryArguments {
    /// The entry's column name.
    pub column: String,
    /// When it is observed.
    pub time: f64,
    /// Which distribution.
    pub family: Family,
    /// One vector an argument, one number a simulation; NaN where the simulation failed.
    pub arguments: Vec<Vec<f64>>,
}

/// Every entry without numbers yet, in column order.
pub(crate) fn entries(compiled: &Compiled, rows: usize) -> Vec<EntryArguments> {
    let plan = &compiled.observation;
    let mut columns = plan.columns.iter();
    plan.series
        .iter()
        .flat_map(|series| series.times.iter().map(move |&time| (series, time)))
        .map(|(series, time)| EntryArguments {
            column: columns.next().cloned().unwrap_or_default(),
            time,
            family: series.family,
            arguments: vec![vec![f64::NAN; rows]; series.tape.outputs()],
        })
        .collect()
}

/// Works out the arguments of every entry for the rows of a block. A row with an argument that is
/// not finite fails.
pub(crate) fn arguments(
    compiled: &Compiled,
    block: &Block<'_>,
    sheet: &mut Sheet,
) -> Vec<EntryArguments> {
    let plan = &compiled.observation;
    let rows: Vec<usize> = (0..block.rows()).collect();
    let mut entries = entries(compiled, rows.len());
    let widest = plan.series.iter().map(|series| series.tape.outputs()).max();
    let mut frame: Frame<WIDTH> = plan.plan.frame(widest.unwrap_or(0));
    let outputs = plan.plan.outputs();
    let first_parameter = 1 + plan.states + plan.flows;
    for group in rows.chunks(WIDTH) {
        block.load_at(
            group,
            &mut frame[first_parameter..first_parameter + block.parameters.len()],
        );
        let mut entry = 0;
        for series in &plan.series {
            for (number, &asked) in series.asked.iter().enumerate() {
                frame[0] = Lanes::all(series.times[number]);
                if sheet.components > 0 {
                    let before = number.checked_sub(1).map(|n| series.asked[n]);
                    load_states(&mut frame, plan.states, group, sheet, (asked, before));
                }
                run(compiled.set, &series.tape, &mut frame, outputs);
                for (argument, to) in entries[entry].arguments.iter_mut().enumerate() {
                    let from = &frame[outputs + argument].0;
                    for (&row, &value) in group.iter().zip(from) {
                        to[row] = value;
                    }
                }
                entry += 1;
            }
        }
    }
    if let LawPlan::Ode(ode) = &compiled.dynamics.law {
        lift_rounding(&mut entries, ode.solver.relative, ode.solver.absolute);
    }
    check(&mut entries, sheet);
    entries
}

/// Fills the state and flow slots for `group` at asked time `asked`; a flow is what accumulated
/// since asked time `before` (since the start where there is none).
fn load_states(
    frame: &mut Frame<WIDTH>,
    states: usize,
    group: &[usize],
    sheet: &Sheet,
    (asked, before): (usize, Option<usize>),
) {
    let width = sheet.components;
    for (lane, &row) in group.iter().enumerate() {
        let start = row * sheet.asked * width;
        let now = &sheet.values[start + asked * width..][..width];
        for (j, &value) in now.iter().enumerate() {
            frame[1 + j].0[lane] = value;
        }
        if let Some(before) = before {
            let earlier = &sheet.values[start + before * width..][..width];
            for j in states..width {
                frame[1 + j].0[lane] -= earlier[j];
            }
        }
    }
}

/// A count's mean that an ODE solver's error carried below 0 is 0: a solution that decays to 0
/// ends within the tolerance of it, on either side.
fn lift_rounding(entries: &mut [EntryArguments], relative: f64, absolute: f64) {
    let rows = entries
        .first()
        .map_or(0, |entry| entry.arguments.first().map_or(0, Vec::len));
    let counts = |family| matches!(family, Family::Poisson | Family::NegativeBinomial);
    for row in 0..rows {
        let mut largest = 0.0f64;
        for entry in entries.iter().filter(|entry| counts(entry.family)) {
            largest = largest.max(entry.arguments[0][row].abs());
        }
        let slack = 100.0 * (absolute + relative * largest);
        for entry in entries.iter_mut().filter(|entry| counts(entry.family)) {
            let mean = &mut entry.arguments[0][row];
            if *mean < 0.0 && *mean > -slack {
                *mean = 0.0;
            }
        }
    }
}

/// Fails rows that have an argument which is NaN, or infinite where no limit is meant by it.
fn check(entries: &mut [EntryArguments], sheet: &mut Sheet) {
    for row in 0..sheet.failures.len() {
        if sheet.failures[row].is_none() {
            let bad = entries
                .iter()
                .find(|entry| entry.arguments.iter().any(|a| !a[row].is_finite()));
            if let Some(bad) = bad {
                let what = format!("an argument of {} at {}", bad.column, bad.time);
                sheet.failures[row] = Some(Failure::non_finite(what));
            }
        }
        if sheet.failures[row].is_some() {
            for entry in entries.iter_mut() {
                entry.arguments.iter_mut().for_each(|a| a[row] = f64::NAN);
            }
        }
    }
}

/// Draws every entry: one column an entry. One stream a simulation, over entries in order.
pub(crate) fn draw(
    entries: &[EntryArguments],
    block: &Block<'_>,
    failures: &mut [Option<Failure>],
) -> Vec<Vec<f64>> {
    let mut observed = vec![vec![f64::NAN; block.rows()]; entries.len()];
    let mut values = Vec::new();
    for (row, &simulation) in block.simulations.iter().enumerate() {
        if failures[row].is_some() {
            continue;
        }
        let mut stream = Stream::new(block.seed, Purpose::OBSERVATION, simulation);
        for (column, entry) in observed.iter_mut().zip(entries) {
            values.clear();
            values.extend(entry.arguments.iter().map(|argument| argument[row]));
            column[row] = entry.family.sample(&values, &mut stream);
        }
        let bad = observed.iter().position(|column| !column[row].is_finite());
        if let Some(bad) = bad {
            failures[row] = Some(Failure::non_finite(format!(
                "the draw of {}",
                entries[bad].column
            )));
            observed
                .iter_mut()
                .for_each(|column| column[row] = f64::NAN);
        }
    }
    observed
}

/// The log-density of `data` (NaN is missing) in every row; negative infinity where it failed.
pub(crate) fn log_density(
    entries: &[EntryArguments],
    data: &[f64],
    failures: &[Option<Failure>],
) -> Vec<f64> {
    let mut values = Vec::new();
    failures
        .iter()
        .enumerate()
        .map(|(row, failure)| {
            if failure.is_some() {
                return f64::NEG_INFINITY;
            }
            let mut sum = 0.0;
            for (entry, &x) in entries.iter().zip(data).filter(|(_, x)| !x.is_nan()) {
                values.clear();
                values.extend(entry.arguments.iter().map(|argument| argument[row]));
                sum += entry.family.log_density(&values, x);
            }
            if sum.is_nan() { f64::NEG_INFINITY } else { sum }
        })
        .collect()
}
