//! Amortized answers to many data sets: one row of numbers each.

use gnomon_infer::truncation::Inside;
use gnomon_infer::unseen::Drawn;
use gnomon_infer::{Amortized, DrawTable, Draws, Quantiles, Summary};
use gnomon_learn::matrix::Matrix;
use gnomon_mechanism::Mechanism;

use super::alarms::Typical;
use super::prior::prior_rows;
use super::quantities::names;
use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt;
use crate::population::{Population, runs_a_program};
use crate::stage::paths;

/// Data sets whose draws are held at a time.
const AT_ONCE: usize = 200;
/// Draws that are held at a time, of each mechanism.
const MOST_ROWS: usize = 1_000_000;
/// What is said of a quantity.
const NUMBERS: [&str; 5] = ["mean", "sd", "q05", "q50", "q95"];

/// The column of a data set's p-value under the mechanisms.
const ALARM: &str = "alarm_p";

/// How likely the mechanisms are to produce data as unusual as each data set, by all that is looked at
/// together (Holm 1979): an alarm where it is .01 or less. Data sets are one column a given entry.
///
/// # Errors
/// Where a mechanism is a program, whose simulations are dear, or a simulator or network cannot be run.
pub fn alarms(
    context: &Context,
    population: &Population<'_>,
    amortized: &Amortized,
    data: &[Vec<f64>],
) -> Result<Vec<f64>, Failure> {
    if context.study.mechanisms.iter().any(runs_a_program) {
        return Err(Failure::refused(
            "alarms need thousands of fresh simulations, and a mechanism is a program",
            "leave `--alarms` out",
        ));
    }
    let prior = prior_rows(context, population)?;
    // Data sets that lack the same entries are held against the same simulations.
    let mut measured: Vec<(Vec<bool>, Typical<'_>)> = Vec::new();
    let rows = data.first().map_or(0, Vec::len);
    let bar = context.progress.bar("looking at", "data sets", rows as u64);
    let mut p_values = Vec::with_capacity(rows);
    for row in 0..rows {
        interrupt::check()?;
        let own: Vec<f64> = data.iter().map(|column| column[row]).collect();
        let lacking: Vec<bool> = own.iter().map(|x| x.is_nan()).collect();
        let place = match measured.iter().position(|(other, _)| *other == lacking) {
            Some(place) => place,
            None => {
                measured.push((lacking, Typical::new(amortized, &own, &prior, true)?));
                measured.len() - 1
            }
        };
        let checks = measured[place].1.checks(&own)?;
        let least = checks.iter().map(|check| check.p_value).fold(1.0, f64::min);
        p_values.push((least * checks.len() as f64).min(1.0));
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(p_values)
}

/// Answers many data sets (one column a given entry, one row a data set): mechanism probabilities,
/// mean, sd and quantiles of every asked quantity given each mechanism, of shared ones over all, and
/// quantiles of what is asked of series that are not given; `alarms` become a column.
///
/// # Errors
/// Where a data set cannot be read by the networks (it is named), or the user interrupts.
pub fn each(
    context: &Context,
    amortized: &Amortized,
    data: &[Vec<f64>],
    draws: usize,
    alarms: Option<&[f64]>,
) -> Result<DrawTable, Failure> {
    let study = &context.study;
    let rows = data.first().map_or(0, Vec::len);
    refuse_clashes(context)?;
    let mut table = Columns::default();
    let at_once = (MOST_ROWS / draws.max(paths::FEWEST)).clamp(1, AT_ONCE);
    let bar = context.progress.bar("answering", "data sets", rows as u64);
    let wrong = |error: gnomon_infer::InferError| Failure::damaged(error, "learn anew");
    for first in (0..rows).step_by(at_once) {
        interrupt::check()?;
        let chunk = first..rows.min(first + at_once);
        let given = read(context, amortized, data, chunk.clone())?;
        let probabilities = amortized.probabilities(&given).map_err(wrong)?;
        let drawn = Drawn {
            draws: draws.max(paths::FEWEST),
            seed: context.seed_for("paths"),
            first: first as u64,
        };
        let unseen = amortized.unseen(&given, drawn).map_err(wrong)?;
        let seed = context.seed_for(&format!("posterior of data sets from {first}"));
        let all = (0..study.mechanisms.len())
            .map(|mechanism| {
                let inside = Inside {
                    amortized,
                    mechanism,
                    region: None,
                };
                let restricted = inside.draw(&given, draws, seed, interrupt::flag());
                Ok(restricted.map_err(Failure::region)?.draws)
            })
            .collect::<Result<Vec<Draws>, Failure>>()?;
        for (row, number) in chunk.enumerate() {
            table.begin(number + 1);
            if let Some(alarms) = alarms {
                table.add(ALARM.into(), alarms[number]);
            }
            let count = study.mechanisms.len();
            let own = &probabilities[row * count..(row + 1) * count];
            if count > 1 {
                for (mechanism, p) in study.mechanisms.iter().zip(own) {
                    table.add(format!("probability_{}", mechanism.name), *p);
                }
            }
            let mine = row * draws..(row + 1) * draws;
            for name in study.shared.iter().filter(|_| count > 1) {
                let parts: Vec<(f64, &[f64])> = study
                    .mechanisms
                    .iter()
                    .zip(own)
                    .zip(&all)
                    .filter_map(|((mechanism, &p), draws)| {
                        let place = names(mechanism).iter().position(|other| other == name)?;
                        Some((p, &draws.quantities().nth(place)?[mine.clone()]))
                    })
                    .collect();
                table.add_numbers(name, over_all(&parts));
            }
            for (mechanism, drawn) in study.mechanisms.iter().zip(&all) {
                for (name, values) in names(mechanism).iter().zip(drawn.quantities()) {
                    if !is_asked(context, mechanism, name) {
                        continue;
                    }
                    let title = title(context, mechanism, name);
                    let s = Summary::of(&values[mine.clone()]);
                    let [low, high] = s.interval_90;
                    table.add_numbers(&title, [s.mean, s.sd, low, s.median, high]);
                }
            }
            if let Some(unseen) = &unseen {
                table.add_quantiles(&study.unseen_columns(), &unseen.quantiles, row);
            }
        }
        bar.inc(given.rows() as u64);
    }
    bar.finish_and_clear();
    Ok(table.0)
}

/// A quantity's columns are named after it, and after its mechanism where there are several.
fn title(context: &Context, mechanism: &Mechanism, name: &str) -> String {
    match context.study.mechanisms.len() {
        1 => name.to_owned(),
        _ => format!("{}_{name}", mechanism.name),
    }
}

/// Refuses two quantities whose columns would have one name.
fn refuse_clashes(context: &Context) -> Result<(), Failure> {
    let mut titles: Vec<String> = context.study.shared.clone();
    for mechanism in &context.study.mechanisms {
        let own = names(mechanism);
        let asked = own.iter().filter(|name| is_asked(context, mechanism, name));
        titles.extend(asked.map(|name| title(context, mechanism, name)));
    }
    titles.sort_unstable();
    match titles.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) if context.study.mechanisms.len() > 1 => Err(Failure::refused(
            format!(
                "two quantities would have the columns `{}_mean`, ...",
                pair[0]
            ),
            "give one of the mechanisms or quantities another name",
        )),
        _ => Ok(()),
    }
}

/// Some data sets as the networks read them.
fn read(
    context: &Context,
    amortized: &Amortized,
    data: &[Vec<f64>],
    rows: std::ops::Range<usize>,
) -> Result<Matrix, Failure> {
    let row = |row: usize| data.iter().map(move |column| column[row]);
    let flat: Vec<f64> = rows.clone().flat_map(row).collect();
    amortized.standardise(&flat).map_err(|error| {
        let columns = context.study.given_columns();
        let lacking = rows
            .flat_map(|row| (0..data.len()).map(move |column| (row, column)))
            .find(|&(row, column)| data[column][row].is_nan());
        let message = match lacking {
            Some((row, column)) => format!("data set {} lacks `{}`", row + 1, columns[column]),
            None => error.to_string(),
        };
        Failure::refused(
            message,
            "entries may be missing only where the study's own data lack some, so that the networks \
             learned to do without",
        )
    })
}

fn is_asked(context: &Context, mechanism: &Mechanism, name: &str) -> bool {
    let group = match mechanism.parameter(name) {
        Some(place)
            if mechanism.parameters[place].prior.family == gnomon_mechanism::Family::Exact =>
        {
            return false;
        }
        Some(_) => "parameters",
        None => "derived",
    };
    let asked = &context.study.predict;
    asked.iter().any(|other| other == group || other == name)
}

/// Mean, sd and quantiles of a mixture of draws, each part with its probability.
pub(crate) fn over_all(parts: &[(f64, &[f64])]) -> [f64; 5] {
    let total: f64 = parts.iter().map(|(p, _)| p).sum();
    let mut all: Vec<(f64, f64)> = parts
        .iter()
        .flat_map(|&(p, draws)| {
            let weight = p / total / draws.len() as f64;
            draws.iter().map(move |&x| (x, weight))
        })
        .filter(|(x, _)| x.is_finite())
        .collect();
    // Draws that are not finite are left out, as in every summary.
    let kept: f64 = all.iter().map(|(_, w)| w).sum();
    if !(kept.is_finite() && kept > 0.0) {
        return [f64::NAN; 5];
    }
    all.iter_mut().for_each(|(_, w)| *w /= kept);
    all.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mean: f64 = all.iter().map(|(x, w)| x * w).sum();
    let square: f64 = all.iter().map(|(x, w)| w * (x - mean).powi(2)).sum();
    let mut below = 0.0;
    let cumulated: Vec<f64> = all
        .iter()
        .map(|(_, w)| {
            below += w;
            below
        })
        .collect();
    let at = |level: f64| {
        let place = cumulated.partition_point(|&below| below < level);
        all.get(place).or(all.last()).map_or(f64::NAN, |(x, _)| *x)
    };
    [mean, square.sqrt(), at(0.05), at(0.5), at(0.95)]
}

/// A table that is filled row by row.
#[derive(Default)]
struct Columns(DrawTable);

impl Columns {
    /// Begins the row of a data set.
    fn begin(&mut self, number: usize) {
        self.add("data_set".into(), number as f64);
    }

    fn add(&mut self, name: String, value: f64) {
        let Self(table) = self;
        let place = table.names.iter().position(|other| *other == name);
        let place = place.unwrap_or_else(|| {
            table.names.push(name);
            table.columns.push(Vec::new());
            table.names.len() - 1
        });
        table.columns[place].push(value);
    }

    fn add_numbers(&mut self, name: &str, values: [f64; 5]) {
        for (what, value) in NUMBERS.iter().zip(values) {
            self.add(format!("{name}_{what}"), value);
        }
    }

    /// Quantiles of one data set; that of level .975 is named `_q975`.
    fn add_quantiles(&mut self, names: &[String], quantiles: &Quantiles, row: usize) {
        for (target, name) in names.iter().enumerate() {
            for (level, &value) in quantiles.levels.iter().zip(quantiles.of(row, target)) {
                let digits = format!("{level:.3}");
                let digits = digits.trim_start_matches("0.");
                let short = digits.strip_suffix('0').unwrap_or(digits);
                self.add(format!("{name}_q{short}"), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mixture_has_the_moments_of_its_parts() {
        let (a, b) = ([0.0, 2.0], [10.0, 10.0]);
        let [mean, sd, low, median, high] = over_all(&[(0.75, &a), (0.25, &b)]);
        assert!((mean - 3.25).abs() < 1e-12);
        // Mean of squares: .375 * 4 + .25 * 100.
        assert!((sd * sd - (26.5 - 3.25 * 3.25)).abs() < 1e-12);
        assert_eq!((low, median, high), (0.0, 2.0, 10.0));
        let [mean, ..] = over_all(&[(0.5, &[f64::NAN, 4.0]), (0.5, &[2.0, 2.0])]);
        assert!((mean - 8.0 / 3.0).abs() < 1e-12);
        assert!(over_all(&[(1.0, &[f64::NAN])])[0].is_nan());
    }
}
