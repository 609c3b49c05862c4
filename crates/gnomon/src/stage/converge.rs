//! Convergence to the exact predictor: networks that learn from more and more of the bank -> their risks
//! on the same fresh data sets -> how fast these fall, and whether more simulations would help.

mod enough;
mod measure;
mod words;

use std::path::{Path, PathBuf};

use gnomon_examine::convergence::{Convergence, Risks};
use gnomon_infer::Amortized;
use gnomon_report::content;

use super::{learn, report, simulate};
use crate::context::Context;
use crate::failure::Failure;
use crate::population::Population;
use crate::stamp::Stamp;
use measure::{Measured, Tester};

/// How many numbers of simulations there are by default.
const BUDGETS: usize = 5;
/// Each is so many times the one before.
const TIMES: f64 = 3.0;
/// Fewer simulations of a mechanism would teach little.
const FEWEST: u64 = 300;

/// What was found, and the page that shows it.
pub struct Found {
    /// In numbers and words.
    pub convergence: content::Convergence,
    /// The page.
    pub page: PathBuf,
}

/// Trains the study's networks on the first `simulations` of its bank (several numbers; by default up to
/// the study's own) and tests them all on the same `data_sets` fresh data sets of each mechanism, and of
/// all together. Networks are kept; the page, and what was found of each data set, are written into
/// `folder`, by default among the results.
///
/// # Errors
/// As the stages before; and where the study has rounds or imported simulations, or fewer than two
/// different numbers of simulations are asked for.
pub fn run(
    context: &Context,
    population: &Population<'_>,
    simulations: &[u64],
    data_sets: usize,
    folder: Option<&Path>,
) -> Result<Found, Failure> {
    refuse(context)?;
    let budgets = budgets(context, simulations)?;
    let seed = context.seed_for("convergence");
    let fresh = (data_sets, seed);
    let (networks, seconds) = learned(context, population, &budgets, fresh)?;
    let tester = Tester {
        context,
        population,
        networks: &networks,
        budgets: &budgets,
        data_sets,
        seed,
    };
    let measured = tester.all()?;
    let folder = folder.map_or_else(|| context.results().join("converge"), Path::to_owned);
    let outside = |error: &dyn std::fmt::Display| Failure::Outside(error.to_string());
    for (name, table) in [
        ("data_sets", &measured.given),
        ("mechanisms", &measured.mechanisms),
    ] {
        if !table.names.is_empty() {
            table.write(&folder, name).map_err(|e| outside(&e))?;
        }
    }
    let all = measured.networks.into_iter();
    let found = content::Convergence {
        networks: all
            .map(|one| converging(one, &budgets, tester.seed))
            .collect(),
        seconds,
        simulations: budgets,
        ..report::convergence(context)
    };
    let written = gnomon_report::write_convergence(&found, &folder).map_err(|e| outside(&e))?;
    Ok(Found {
        convergence: found,
        page: written.page,
    })
}

fn refuse(context: &Context) -> Result<(), Failure> {
    let rounds = context.study.simulate.rounds;
    if rounds > 1 {
        return Err(Failure::refused(
            format!("the networks of {rounds} rounds answer the study's own data alone"),
            "leave `[simulate] rounds` out: convergence is measured over all data",
        ));
    }
    if simulate::imported_folder(context).is_dir() {
        return Err(Failure::refused(
            "the bank was imported, and fresh data sets to test on need the simulator",
            "move results/banks/imported away",
        ));
    }
    Ok(())
}

/// The numbers of simulations, increasing.
fn budgets(context: &Context, wished: &[u64]) -> Result<Vec<u64>, Failure> {
    let mut all = match wished {
        [] => {
            let fewest = FEWEST * context.study.mechanisms.len() as u64;
            let most = context.simulations;
            let fewer = (1..BUDGETS).map(|k| two_digits(most as f64 / TIMES.powi(k as i32)));
            let fewer = fewer.take_while(|&n| n >= fewest);
            fewer.chain([most]).collect()
        }
        wished => wished.to_vec(),
    };
    all.sort_unstable();
    all.dedup();
    if all.len() < 2 {
        let fewest = FEWEST * context.study.mechanisms.len() as u64;
        let why = match wished {
            [] => format!(
                ": {} of the study are too few to take a third of, which should be {fewest} or more",
                context.simulations
            ),
            _ => String::new(),
        };
        return Err(Failure::refused(
            format!("convergence needs at least two numbers of simulations{why}"),
            format!(
                "name them, such as `--simulations {fewest} {} {} {}`",
                3 * fewest,
                9 * fewest,
                27 * fewest
            ),
        ));
    }
    Ok(all)
}

/// Rounded to two significant digits.
fn two_digits(x: f64) -> u64 {
    let unit = 10f64.powf(x.max(1.0).log10().floor() - 1.0).max(1.0);
    ((x / unit).round() * unit) as u64
}

/// The study's networks by each number of simulations, and the seconds that their training took. `fresh` is
/// how many data sets they will be tested on, and their seed.
fn learned(
    context: &Context,
    population: &Population<'_>,
    budgets: &[u64],
    fresh: (usize, u64),
) -> Result<(Vec<Amortized>, Vec<f64>), Failure> {
    let most = budgets.last().copied().unwrap_or(context.simulations);
    let fewest = budgets.first().copied().unwrap_or(most);
    let bank = [simulate::run(&context.of_budget(most), population)?];
    enough::check(context, population, &bank, (fewest, most), fresh)?;
    let (mut networks, mut seconds) = (Vec::new(), Vec::new());
    for &simulations in budgets {
        let mut own = context.of_budget(simulations);
        if !learn::is_done(&own, &bank)? {
            let words = format!("Learning from {simulations} simulations, of up to {most}");
            context.progress.say(&words);
        }
        learn::run(&own, population, &bank)?;
        // Data sets are answered side by side, each by one thread.
        own.threads = 1;
        networks.push(learn::load(&own)?);
        let cost = Stamp::read(&own.results(), learn::STAGE).map(|stamp| stamp.cost);
        seconds.push(cost.iter().flatten().map(|cost| cost.seconds).sum());
    }
    Ok((networks, seconds))
}

/// One network's risks with the curve that they follow.
fn converging(measured: Measured, budgets: &[u64], seed: u64) -> content::Converging {
    let is_excess = measured.because.is_empty();
    let data_sets = measured.risk.first().map_or(0, Vec::len);
    let mut own = content::Converging {
        mechanism: measured.mechanism,
        is_excess,
        because: measured.because,
        data_sets: data_sets as u64,
        left_out: measured.left_out,
        squared: measured.squared,
        ..content::Converging::default()
    };
    if data_sets == 0 {
        own.words = words::nothing();
        return own;
    }
    let risks = Risks {
        simulations: budgets,
        risk: &measured.risk,
        is_excess,
    };
    let found = Convergence::of(&risks, seed);
    own.risk = found.risk.iter().map(|risk| risk.value).collect();
    own.interval = found.risk.iter().map(|risk| risk.interval).collect();
    let curve = match found.power {
        Some(power) if !found.has_floor() => Some(power),
        _ => found.with_floor,
    };
    if let Some(curve) = curve {
        own.scale = curve.scale.value;
        (own.rate, own.rate_interval) = (curve.rate.value, curve.rate.interval);
        own.floor = curve.floor.value;
    }
    if let Some(curve) = found.with_floor {
        own.floor_interval = curve.floor.interval;
    }
    if let Some(gain) = found.gain {
        (own.gain, own.gain_interval) = (gain.value, gain.interval);
    }
    own.words = words::sentence(&own, &found);
    own
}

#[cfg(test)]
mod tests {
    use super::two_digits;

    #[test]
    fn numbers_are_rounded_to_two_digits() {
        let rounded = [133_333.3, 4938.3, 99.6, 7.2, 995.0].map(two_digits);
        assert_eq!(rounded, [130_000, 4900, 100, 7, 1000]);
    }
}
