//! Simulations -> what networks are trained on: given columns, standardised, and the targets of each
//! network.

use std::sync::Arc;

use gnomon_bank::Table;
use gnomon_learn::coordinates::Coordinates;
use gnomon_learn::examples::{Examples, Targets};
use gnomon_learn::matrix::Matrix;
use gnomon_learn::standardise::{Field, Standardiser};
use gnomon_mechanism::random::{Purpose, Stream};
use gnomon_mechanism::study::SeriesHead;

use crate::context::Context;
use crate::failure::Failure;
use crate::stage::networks;

/// What a network predicts.
#[derive(Clone)]
pub(super) enum Target {
    /// The mechanism.
    Mechanism,
    /// The parameters of one mechanism, in their prior's coordinates.
    Parameters(usize, Coordinates),
    /// What is observed and not given, in whatever mechanism.
    Unseen,
}

impl Target {
    /// Whether a network is trained on simulations of a mechanism.
    pub fn learns_from(&self, mechanism: u32) -> bool {
        match self {
            Self::Mechanism | Self::Unseen => true,
            Self::Parameters(own, _) => *own == mechanism as usize,
        }
    }
}

/// Which given entries the study's data lack, by no rule of a mechanism: they tell nothing by it.
#[must_use]
pub fn missing_entries(context: &Context) -> Vec<usize> {
    let study = &context.study;
    let by_rule = |name: &str| {
        let mut observed = study.mechanisms.iter().flat_map(|m| &m.observed);
        observed.any(|series| series.name == name && series.missing.is_some())
    };
    let series = study.given.iter().flat_map(|series| {
        let by_rule = by_rule(&series.name);
        series.times.iter().map(move |_| by_rule)
    });
    let data = study.data.iter().flatten().zip(series).enumerate();
    data.filter(|(_, (value, by_rule))| value.is_nan() && !by_rule)
        .map(|(entry, _)| entry)
        .collect()
}

/// The given columns of some rows of `table`, row after row.
///
/// # Errors
/// Where the bank lacks one.
pub(in crate::stage) fn given_rows(
    context: &Context,
    table: &Table,
    rows: impl ExactSizeIterator<Item = usize>,
) -> Result<Vec<f64>, Failure> {
    rows_of(&context.study.given_columns(), table, rows)
}

/// What is observed and not given in some rows of `table`, row after row.
///
/// # Errors
/// Where the bank lacks a column.
pub(super) fn unseen_rows(
    context: &Context,
    table: &Table,
    rows: impl ExactSizeIterator<Item = usize>,
) -> Result<Vec<f64>, Failure> {
    rows_of(&context.study.unseen_columns(), table, rows)
}

fn rows_of(
    names: &[String],
    table: &Table,
    rows: impl ExactSizeIterator<Item = usize>,
) -> Result<Vec<f64>, Failure> {
    let columns = names.iter().map(|name| column(table, name));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let mut values = Vec::with_capacity(columns.len() * rows.len());
    for row in rows {
        values.extend(columns.iter().map(|column| column[row]));
    }
    Ok(values)
}

fn column<'a>(table: &'a Table, name: &str) -> Result<&'a [f64], Failure> {
    table.column(name).ok_or_else(|| {
        Failure::damaged(
            format!("the bank has no column `{name}`"),
            "import simulations with that column, or map one onto it with --map THEIRS=OURS",
        )
    })
}

/// Whether any column has two numbers that differ.
fn varies(rows: &[f64], width: usize) -> bool {
    (0..width).any(|column| {
        let mut values = rows
            .iter()
            .skip(column)
            .step_by(width)
            .filter(|x| !x.is_nan());
        values
            .next()
            .is_some_and(|first| values.any(|value| value != first))
    })
}

fn wrong(error: impl std::fmt::Display) -> Failure {
    Failure::Learning {
        network: "the given columns".into(),
        reason: error.to_string(),
        help: "look at the bank with `gnomon bank info STUDY`".into(),
    }
}

/// A given number that is infinite.
pub(super) fn infinite(column: &str, simulation: u64) -> Failure {
    wrong(format!("`{column}` is infinite in simulation {simulation}"))
}

/// How the given columns are standardised, measured on rows of them. Entries that the study's data
/// lack are hidden in these, row `r` by the random numbers of `numbers[r]`.
///
/// # Errors
/// Where the rows hold nothing that can be learned from.
pub(super) fn fit(
    context: &Context,
    given: &mut [f64],
    numbers: impl Iterator<Item = u64>,
) -> Result<Standardiser, Failure> {
    if !varies(given, context.study.given_columns().len()) {
        return Err(Failure::refused(
            "what is given is the same in every simulation: nothing can be learned from it",
            "`gnomon bank info STUDY` shows the columns' ranges; look at the mechanism's `[observed]`",
        ));
    }
    hide(given, context, numbers);
    let sets = networks::sets(&context.study);
    let fields = context
        .study
        .given
        .iter()
        .map(|series| match series.times.len() {
            1 => Field::scalar(&series.name),
            length => Field::series(&series.name, 1, length, sets.contains(&series.name)),
        })
        .collect();
    Standardiser::fit(fields, given).map_err(wrong)
}

/// How what is observed and not given is standardised, measured on rows of it; `None` where there is
/// no such thing.
///
/// # Errors
/// Where the rows hold an infinite number, or lack one where a density is to be learned.
pub(super) fn fit_unseen(context: &Context, rows: &[f64]) -> Result<Option<Standardiser>, Failure> {
    let parts = context.study.unseen.iter();
    let fields: Vec<Field> = parts
        .map(|part| match part.times.len() {
            1 => Field::scalar(&part.name),
            length => Field::series(&part.name, 1, length, false),
        })
        .collect();
    if fields.is_empty() {
        return Ok(None);
    }
    let lacking = rows.iter().position(|x| x.is_nan());
    if let Some(place) = lacking.filter(|_| context.study.learn.series == SeriesHead::Density) {
        let columns = context.study.unseen_columns();
        return Err(Failure::refused(
            format!(
                "`{}` is missing in a simulation, and a joint density is of entries that are there",
                columns[place % columns.len()]
            ),
            "write series = \"quantiles\" in `[learn]`, or leave that series out of `predict`",
        ));
    }
    let fitted = Standardiser::fit(fields, rows).map_err(wrong)?;
    if context.study.learn.series == SeriesHead::Density {
        refuse_ties(context, &fitted, rows)?;
    }
    Ok(Some(fitted))
}

/// The share of simulations with one and the same number from which on that number has a mass.
const TIED: f64 = 0.05;

/// Refuses numbers that are not whole and that many simulations share: they have no density.
fn refuse_ties(context: &Context, fitted: &Standardiser, rows: &[f64]) -> Result<(), Failure> {
    let width = fitted.columns.len();
    for (place, column) in fitted.columns.iter().enumerate() {
        if column.step > 0.0 || column.scale == 0.0 {
            continue;
        }
        let mut values: Vec<f64> = rows.iter().skip(place).step_by(width).copied().collect();
        values.sort_unstable_by(f64::total_cmp);
        let most = values.chunk_by(|a, b| a == b).map(<[f64]>::len).max();
        if most.is_some_and(|most| most as f64 > (TIED * values.len() as f64).max(1.0)) {
            return Err(Failure::refused(
                format!(
                    "`{}` is the same number in more than {} of simulations, and not a whole one: it has no density",
                    context.study.unseen_columns()[place],
                    crate::probability::percent(TIED)
                ),
                "write series = \"quantiles\" in `[learn]`, or leave that series out of `predict`",
            ));
        }
    }
    Ok(())
}

/// What is observed and not given in simulations of these numbers, standardised; a missing entry stays
/// missing. Whole numbers are spread where a density is learned.
pub(super) fn unseen(
    context: &Context,
    standardiser: &Standardiser,
    rows: &[f64],
    numbers: &[u64],
) -> Matrix {
    let columns = &standardiser.columns;
    let mut values = Vec::with_capacity(rows.len());
    for (&number, row) in numbers.iter().zip(rows.chunks_exact(columns.len())) {
        let own = row.iter().zip(columns);
        match context.study.learn.series {
            SeriesHead::Quantiles => values.extend(own.map(|(&x, column)| column.apply(x))),
            SeriesHead::Density => {
                let mut stream = Stream::new(context.seed, Purpose::SPREAD, number);
                values.extend(own.map(|(&x, column)| column.spread(x, &mut stream)));
            }
        }
    }
    Matrix::new(columns.len(), values)
}

/// The given columns of `table`, standardised, and how.
///
/// # Errors
/// Where the bank lacks a column, or holds nothing in it that can be learned from.
pub(super) fn standardised(
    context: &Context,
    table: &Table,
) -> Result<(Standardiser, Matrix), Failure> {
    let mut given = given_rows(context, table, 0..table.len())?;
    let standardiser = fit(context, &mut given, 0..table.len() as u64)?;
    let given = standardiser.apply(&given).map_err(wrong)?;
    Ok((standardiser, given))
}

pub(super) fn pick(matrix: &Matrix, rows: &[usize]) -> Matrix {
    let mut picked = Matrix::zeros(rows.len(), matrix.columns());
    for (to, &from) in rows.iter().enumerate() {
        picked.row_mut(to).copy_from_slice(matrix.row(from));
    }
    picked
}

/// The parameters of one mechanism in some rows of the bank: one column each.
fn parameters(
    context: &Context,
    table: &Table,
    mechanism: usize,
    rows: &[usize],
) -> Result<Vec<Vec<f64>>, Failure> {
    let parameters = &context.study.mechanisms[mechanism].parameters;
    let pick = |name: &str| {
        let all = column(table, name)?;
        Ok(rows.iter().map(|&row| all[row]).collect())
    };
    parameters.iter().map(|one| pick(&one.name)).collect()
}

/// The scores of one mechanism's parameters (one column each) in simulations of these numbers.
fn scores_at(
    context: &Context,
    coordinates: &Coordinates,
    parameters: &[Vec<f64>],
    numbers: &[u64],
) -> Matrix {
    let slices: Vec<&[f64]> = parameters.iter().map(Vec::as_slice).collect();
    let scores = coordinates.to_scores(&slices, context.seed, numbers);
    gnomon_infer::amortized::rows_of(&scores)
}

/// The scores of one mechanism's parameters in some rows of the bank.
pub(in crate::stage) fn scores(
    context: &Context,
    coordinates: &Coordinates,
    table: &Table,
    mechanism: usize,
    rows: &[usize],
) -> Result<Matrix, Failure> {
    let columns = parameters(context, table, mechanism, rows)?;
    let numbers: Vec<u64> = rows.iter().map(|&row| table.rows.simulation[row]).collect();
    Ok(scores_at(context, coordinates, &columns, &numbers))
}

/// Where the study's data lack entries, half of the rows lack the same ones and the others each entry with a
/// frequency of their own, uniform from 0 to 1, so that the networks know data with any number of entries.
fn hide(given: &mut [f64], context: &Context, numbers: impl Iterator<Item = u64>) {
    let missing = missing_entries(context);
    if !missing.is_empty() {
        let width = context.study.given_columns().len();
        hide_entries(given, width, &missing, context.seed, numbers);
    }
}

fn hide_entries(
    given: &mut [f64],
    width: usize,
    missing: &[usize],
    seed: u64,
    numbers: impl Iterator<Item = u64>,
) {
    for (number, entries) in numbers.zip(given.chunks_exact_mut(width)) {
        let mut stream = Stream::new(seed, Purpose::MISSING, number);
        if stream.uniform() < 0.5 {
            missing.iter().for_each(|&entry| entries[entry] = f64::NAN);
        } else {
            let share = stream.uniform();
            for entry in entries {
                if stream.uniform() < share {
                    *entry = f64::NAN;
                }
            }
        }
    }
}

/// Simulations that one network learns from, as they were simulated.
#[derive(Clone, Debug, Default)]
pub(super) struct Simulations {
    /// Their numbers.
    pub numbers: Vec<u64>,
    /// Their mechanisms.
    pub mechanism: Vec<u32>,
    /// The parameters that are predicted: one column each.
    pub parameters: Vec<Vec<f64>>,
    /// The study's given columns, row after row.
    pub given: Vec<f64>,
    /// What is observed and not given, where it is predicted, row after row.
    pub unseen: Vec<f64>,
}

impl Simulations {
    /// Some rows of a table.
    ///
    /// # Errors
    /// Where the bank lacks a column.
    pub fn of(
        context: &Context,
        table: &Table,
        target: &Target,
        rows: &[usize],
    ) -> Result<Self, Failure> {
        Ok(Self {
            numbers: rows.iter().map(|&row| table.rows.simulation[row]).collect(),
            mechanism: rows.iter().map(|&row| table.rows.mechanism[row]).collect(),
            parameters: match target {
                Target::Mechanism | Target::Unseen => Vec::new(),
                Target::Parameters(own, _) => parameters(context, table, *own, rows)?,
            },
            given: given_rows(context, table, rows.iter().copied())?,
            unseen: match target {
                Target::Unseen => unseen_rows(context, table, rows.iter().copied())?,
                _ => Vec::new(),
            },
        })
    }

    /// Appends simulations for the same network.
    pub fn append(&mut self, more: Self) {
        self.numbers.extend(more.numbers);
        self.mechanism.extend(more.mechanism);
        self.parameters
            .resize_with(more.parameters.len().max(self.parameters.len()), Vec::new);
        for (column, values) in self.parameters.iter_mut().zip(more.parameters) {
            column.extend(values);
        }
        self.given.extend(more.given);
        self.unseen.extend(more.unseen);
    }
}

/// How columns of the bank enter and leave networks.
pub(super) struct Standardisers {
    pub given: Standardiser,
    /// Of what is observed and not given, where there is such a thing.
    pub unseen: Option<Standardiser>,
}

/// What a network sees of simulations.
#[derive(Clone)]
pub(super) struct View<'a> {
    pub context: &'a Context,
    pub standardisers: Arc<Standardisers>,
    pub target: Target,
}

impl View<'_> {
    /// Simulations as examples.
    ///
    /// # Errors
    /// Where a number is missing that never was in what the standardiser was measured on.
    pub fn examples(&self, mut simulations: Simulations) -> Result<Examples, Failure> {
        let numbers = &simulations.numbers;
        hide(
            &mut simulations.given,
            self.context,
            numbers.iter().copied(),
        );
        let targets = match &self.target {
            Target::Mechanism => Targets::Classes(simulations.mechanism),
            Target::Parameters(_, coordinates) => Targets::Values(scores_at(
                self.context,
                coordinates,
                &simulations.parameters,
                numbers,
            )),
            Target::Unseen => Targets::Values(match &self.standardisers.unseen {
                Some(standardiser) => {
                    unseen(self.context, standardiser, &simulations.unseen, numbers)
                }
                None => Matrix::default(),
            }),
        };
        Ok(Examples {
            given: self
                .standardisers
                .given
                .apply(&simulations.given)
                .map_err(wrong)?,
            targets,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half of the rows lack what the data lack; of the others as many lack one entry of four as two or all.
    #[test]
    fn rows_with_any_number_of_entries_are_learned_from() {
        let rows = 8_000;
        let mut given = vec![1.0; 4 * rows];
        hide_entries(&mut given, 4, &[2], 1, 0..rows as u64);
        let mut counts = [0.0; 5];
        for entries in given.chunks_exact(4) {
            counts[entries.iter().filter(|x| x.is_nan()).count()] += 1.0;
        }
        // Uniform: a tenth of all rows each, and half of all with one. Five sd: no false alarm in 500,000.
        for (count, share) in counts.iter().zip([0.1, 0.6, 0.1, 0.1, 0.1]) {
            let sd = (share * (1.0 - share) / rows as f64).sqrt();
            assert!((count / rows as f64 - share).abs() < 5.0 * sd, "{counts:?}");
        }
    }
}
