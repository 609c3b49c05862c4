//! Many real data sets, and as many fresh simulations -> what a classifier proves of their difference.

use gnomon_examine::mismatch::{FEWEST, Mismatch, tell};

use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt;
use crate::population::Population;

/// Simulations that are only learned from.
const BACKGROUND: usize = 500;
/// Simulations between two looks at the clock.
const AT_ONCE: u64 = 500;
/// Real data sets that are judged: of more, the first ones.
pub const MOST: usize = 2_000;

/// Judges `data` (one column a given entry, one row a real data set) against fresh simulations of the
/// study's mechanisms under its prior, which lack the entries that a real data set lacks.
///
/// # Errors
/// Where there are too few data sets, a simulator cannot be run, or the user interrupts.
pub fn run(
    context: &Context,
    population: &Population<'_>,
    data: &[Vec<f64>],
) -> Result<Mismatch, Failure> {
    let rows = data.first().map_or(0, Vec::len);
    if rows < FEWEST {
        return Err(Failure::refused(
            format!("{rows} real data sets are too few: a mismatch is proved from {FEWEST} on"),
            "`gnomon ask STUDY --observed FILE` says where one data set lies among simulations",
        ));
    }
    let used = rows.min(MOST);
    let real: Vec<f64> = (0..used)
        .flat_map(|row| data.iter().map(move |column| column[row]))
        .collect();
    let mut simulated = simulations(context, population, used + BACKGROUND)?;
    hide(&real, &mut simulated, data.len());
    let series: Vec<(String, usize)> = context
        .study
        .given
        .iter()
        .map(|series| (series.name.clone(), series.times.len()))
        .collect();
    let error_rate = context.study.claims.error_rate;
    let seed = context.seed_for("order of real data sets");
    tell(&real, &simulated, &series, error_rate, seed).map_err(|error| {
        Failure::refused(
            format!("the data sets cannot be judged: {error}"),
            "one data set a row, numbers or empty cells",
        )
    })
}

/// The given columns of `wanted` simulations that succeed, row after row.
fn simulations(
    context: &Context,
    population: &Population<'_>,
    wanted: usize,
) -> Result<Vec<f64>, Failure> {
    let seed = context.seed_for("mismatch");
    let schema = population.schema(seed);
    let columns = context.study.given_columns();
    let places: Vec<usize> = columns
        .iter()
        .filter_map(|name| schema.position(name))
        .collect();
    let mut given = Vec::new();
    let mut next = 0;
    let bar = context
        .progress
        .bar("simulating", "simulations", wanted as u64);
    while given.len() < wanted * columns.len() {
        interrupt::check()?;
        // As many fail as fail in banks, which say so: here, one in a thousand must succeed.
        if next > 1000 * wanted as u64 {
            return Err(Failure::Simulation {
                message: "hardly any simulation succeeds".into(),
                help: Some("`gnomon bank info STUDY` lists the reasons".into()),
            });
        }
        let numbers: Vec<u64> = (next..next + AT_ONCE.min(wanted as u64)).collect();
        next += numbers.len() as u64;
        let rows = population.rows(seed, &numbers)?;
        for row in (0..rows.len()).filter(|&row| rows.failure[row].is_none()) {
            given.extend(places.iter().map(|&place| rows.columns[place][row]));
        }
        bar.set_position((given.len() / columns.len().max(1)) as u64);
    }
    bar.finish_and_clear();
    given.truncate(wanted * columns.len());
    Ok(given)
}

/// Simulations lack what real data sets lack, one after another; but where a mechanism says when an entry
/// is missing, that is part of what it says.
fn hide(real: &[f64], simulated: &mut [f64], width: usize) {
    let by_rule: Vec<bool> = (0..width)
        .map(|column| {
            simulated
                .iter()
                .skip(column)
                .step_by(width)
                .any(|x| x.is_nan())
        })
        .collect();
    let masks = real.chunks_exact(width).cycle();
    for (row, mask) in simulated.chunks_exact_mut(width).zip(masks) {
        for ((x, seen), by_rule) in row.iter_mut().zip(mask).zip(&by_rule) {
            if seen.is_nan() && !by_rule {
                *x = f64::NAN;
            }
        }
    }
}
