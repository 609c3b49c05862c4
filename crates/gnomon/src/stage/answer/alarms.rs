//! Whether the data speak against the mechanisms or the posterior, where, and what that means.

use gnomon_examine::observed::entries::{Entries, Expected, NEVER};
use gnomon_examine::observed::typicality::{Distance, Simulations};
use gnomon_examine::observed::{About, Check, Deviation, Observed};
use gnomon_infer::Amortized;
use gnomon_report::content;

use super::Answer;
use super::prior::PriorRows;
use crate::context::Context;
use crate::failure::Failure;

/// The probability of any false alarm about the observed data.
pub const ALARM_RATE: f64 = 0.01;
/// Checks entry by entry.
const AMONG: &str = "an entry among simulations";
const BESIDE: &str = "an entry beside the others";
const SCATTER: &str = "all entries beside the others";
/// Which nearest neighbour a distance between data sets is taken to.
const NEIGHBOUR: usize = 10;
/// Data sets with more entries are not regressed on one another.
const MOST_REGRESSED: usize = 500;

/// Simulations of all mechanisms, measured, for checks of data sets that lack the same entries.
pub(crate) struct Typical<'a> {
    amortized: &'a Amortized,
    distances: Vec<Measured>,
    entries: Vec<(&'static str, Entries)>,
}

/// A distance in some columns of what is compared.
struct Measured {
    name: &'static str,
    of: Compared,
    kept: Vec<usize>,
    simulations: Simulations,
}

/// What distances are taken between.
#[derive(Clone, Copy, PartialEq)]
enum Compared {
    /// Features of the networks.
    Features,
    /// Data sets as the networks are given them.
    Given,
}

fn wrong(error: impl std::fmt::Display) -> Failure {
    Failure::damaged(error, "learn anew")
}

impl<'a> Typical<'a> {
    /// Measures half of the simulations, and the distances of the other half. Simulations are taken to lack
    /// what `data` lack. Without `fresh` simulations the features would know them, and are left out.
    ///
    /// # Errors
    /// Where a network cannot be run.
    pub(crate) fn new(
        amortized: &'a Amortized,
        data: &[f64],
        prior: &PriorRows,
        fresh: bool,
    ) -> Result<Self, Failure> {
        let width = data.len();
        let mut simulated = prior.given.clone();
        for row in simulated.chunks_exact_mut(width) {
            // Distances compare like with like.
            for (entry, value) in row.iter_mut().zip(data) {
                if value.is_nan() {
                    *entry = f64::NAN;
                }
            }
        }
        let half = prior.chosen.len() / 2;
        let mut distances = Vec::new();
        for (name, of, distance) in [
            (
                "distance in the network's features",
                Compared::Features,
                Distance::Mahalanobis,
            ),
            (
                "distance between data sets",
                Compared::Given,
                Distance::Neighbour(NEIGHBOUR),
            ),
        ] {
            if of == Compared::Features && !fresh {
                continue;
            }
            let (values, columns) = compared(amortized, of, &simulated)?;
            let kept = varying(&values, columns);
            if kept.is_empty() {
                continue;
            }
            let values = pick(&values, columns, &kept);
            let (reference, held_out) = values.split_at(half * kept.len());
            let simulations = Simulations::new(reference, held_out, kept.len(), distance);
            distances.push(Measured {
                name,
                of,
                kept,
                simulations: simulations.map_err(wrong)?,
            });
        }
        let standardiser = &amortized.networks().standardiser;
        let placed = standardiser.unbounded(&simulated).map_err(wrong)?;
        let (reference, held_out) = placed.split_at(half * width);
        let mut entries = Vec::new();
        for (name, expected) in [
            (AMONG, Expected::BySimulations),
            (BESIDE, Expected::ByOtherEntries),
        ] {
            let alone = width == 1 || width > MOST_REGRESSED;
            if expected == Expected::ByOtherEntries && alone {
                continue;
            }
            let measured = Entries::new(reference, held_out, width, expected);
            entries.push((name, measured.map_err(wrong)?));
        }
        Ok(Self {
            amortized,
            distances,
            entries,
        })
    }

    /// The checks of a data set: whether it lies within what the mechanisms produce.
    ///
    /// # Errors
    /// Where a network cannot be run.
    pub(crate) fn checks(&self, data: &[f64]) -> Result<Vec<Check>, Failure> {
        let mut checks = Vec::new();
        for one in &self.distances {
            let (values, columns) = compared(self.amortized, one.of, data)?;
            let own = pick(&values, columns, &one.kept);
            checks.push(one.simulations.check(one.name, &own).map_err(wrong)?);
        }
        let standardiser = &self.amortized.networks().standardiser;
        let placed = standardiser.unbounded(data).map_err(wrong)?;
        for (name, entries) in &self.entries {
            let check = entries.check(name, About::Mechanisms, &placed);
            checks.push(check.map_err(wrong)?);
            if *name == BESIDE {
                let check = entries.check_scatter(SCATTER, About::Mechanisms, &placed);
                checks.push(check.map_err(wrong)?);
            }
        }
        Ok(checks)
    }
}

/// Data sets as they are compared, row after row, and the number of columns.
fn compared(
    amortized: &Amortized,
    of: Compared,
    data: &[f64],
) -> Result<(Vec<f64>, usize), Failure> {
    let given = amortized.standardise(data).map_err(wrong)?;
    match of {
        Compared::Features => amortized.features(&given).map_err(wrong),
        Compared::Given => {
            let values = given.values().iter().map(|&x| f64::from(x)).collect();
            Ok((values, given.columns()))
        }
    }
}

/// The columns that differ somewhere: a constant one has no scale.
fn varying(values: &[f64], columns: usize) -> Vec<usize> {
    let differs = |column: usize| {
        let first = values.get(column);
        let rows = values.chunks_exact(columns);
        first.is_some_and(|first| rows.clone().any(|row| row[column] != *first))
    };
    (0..columns).filter(|&column| differs(column)).collect()
}

fn pick(values: &[f64], columns: usize, kept: &[usize]) -> Vec<f64> {
    let rows = values.chunks_exact(columns);
    rows.flat_map(|row| kept.iter().map(|&k| row[k])).collect()
}

/// Weighs all checks together and says what they mean.
pub(super) fn weigh(context: &Context, answer: &mut Answer, checks: Vec<Check>) {
    let weighed = Observed::new(checks, ALARM_RATE);
    let mut places: Vec<String> = Vec::new();
    for (check, &raised) in weighed.checks.iter().zip(&weighed.alarms) {
        let words = match (check.about, raised) {
            (About::Mechanisms, false) => "the mechanisms produce data like these",
            (About::Mechanisms, true) => "the mechanisms hardly ever produce data like these",
            (About::Posterior, false) => "the posterior reproduces it",
            (About::Posterior, true) => "the posterior does not reproduce it",
        };
        let mut words = words.to_owned();
        if raised && !check.entries.is_empty() {
            let place = place(context, check);
            words += &format!(": {place}");
            if !places.contains(&place) {
                places.push(place);
            }
        }
        answer.alarms.push(content::Alarm {
            name: check.name.clone(),
            p_value: check.p_value,
            raised,
            words,
        });
        if check.about == About::Mechanisms {
            answer.typicality.push(content::Typicality {
                name: check.name.clone(),
                distances: check.replicates.clone(),
                observed: check.observed,
                p_value: check.p_value,
            });
        }
    }
    answer.possible = weighed.statement;
    if !weighed.alarms.contains(&true) {
        return;
    }
    answer.possible += &match places.as_slice() {
        [] => " No single entry is to blame.".to_owned(),
        places => format!(" Where: {}.", places.join("; ")),
    };
    answer.sentence = format!(
        "{} What follows is what the networks say nevertheless: {}",
        answer.possible, answer.sentence
    );
}

/// The entries of a check that stand out, in words.
fn place(context: &Context, check: &Check) -> String {
    let (unseen, off): (Vec<Deviation>, Vec<Deviation>) =
        check.entries.iter().partition(|one| one.unseen);
    let mut parts = Vec::new();
    if !off.is_empty() {
        parts.push(format!("{} {}", runs(context, &off), than(check)));
    }
    if !unseen.is_empty() {
        let places = runs(context, &unseen);
        parts.push(format!(
            "simulations never have a number for {places}, and the data do"
        ));
    }
    parts.join("; ")
}

/// What the entries of a check are higher or lower than.
fn than(check: &Check) -> &'static str {
    match (check.about, &*check.name) {
        (About::Posterior, _) => "than the posterior has them",
        (_, BESIDE) => "than they would be in simulations beside the other entries",
        _ => "than simulations have them",
    }
}

/// Entries in words, neighbours together: `` `in_bed` at 9 to 12 is higher (up to 6.1 sd) ``; of those that
/// simulations never have, the places alone.
fn runs(context: &Context, deviations: &[Deviation]) -> String {
    let mut sorted = deviations.to_vec();
    sorted.sort_unstable_by_key(|one| one.entry);
    let mut runs: Vec<String> = Vec::new();
    let mut first = 0;
    for series in &context.study.given {
        let end = first + series.times.len();
        let own: Vec<&Deviation> = sorted
            .iter()
            .filter(|one| (first..end).contains(&one.entry))
            .collect();
        let together = |a: &&Deviation, b: &&Deviation| {
            let alike = a.unseen == b.unseen && (a.deviation > 0.0) == (b.deviation > 0.0);
            a.entry + 1 == b.entry && alike
        };
        for run in own.chunk_by(together) {
            let time = |one: &Deviation| series.times[one.entry - first];
            let at = match (run, series.times.len()) {
                (_, 1) => String::new(),
                ([only], _) => format!(" at {}", time(only)),
                ([begin, .., last], _) => format!(" at {} to {}", time(begin), time(last)),
                ([], _) => continue,
            };
            let side = match run[0] {
                one if one.unseen => {
                    runs.push(format!("`{}`{at}", series.name));
                    continue;
                }
                one if one.deviation > 0.0 => "higher",
                _ => "lower",
            };
            let far = run
                .iter()
                .map(|one| one.deviation.abs())
                .fold(0.0, f64::max);
            let far = match far {
                NEVER => "where simulations never vary".to_owned(),
                far if far > 1e4 => format!("{far:.0e} sd"),
                far if run.len() > 1 => format!("up to {far:.1} sd"),
                far => format!("{far:.1} sd"),
            };
            runs.push(format!("`{}`{at} is {side} ({far})", series.name));
        }
        first = end;
    }
    runs.join(", ")
}
