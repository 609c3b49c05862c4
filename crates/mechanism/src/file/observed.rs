//! `[observed]`: series, their times and distributions.

use std::collections::HashMap;

use super::distribution::Role;
use super::dynamics::steady;
use super::keys;
use super::lower::{Lowering, Scope};
use super::names::check_name;
use super::solver::horizon;
use super::vectors::INDEX;
use super::written::{Vectors, Written, expression, optional_text};
use crate::distribution::Family;
use crate::expression::Expression;
use crate::expression::parser::parse_ranges;
use crate::model::{Distribution, Dynamics, Law, Observed};
use crate::source::section::{Entry, Section};
use crate::source::{ReadError, Span};

/// Times in one series, or in one range.
const MOST_TIMES: usize = 100_000;

/// A time as written.
pub(crate) enum Moment {
    /// A number, and its place: one time of a range.
    Number(f64, Span),
    /// An expression.
    Expression(Expression),
}

/// Times as written: a number, a date, an expression, a range, or a list of them.
pub(crate) fn moments(
    lowering: &mut Lowering<'_>,
    entry: &Entry<'_>,
) -> Result<Vec<Moment>, ReadError> {
    let entries = entry.as_list().unwrap_or_else(|| vec![entry.clone()]);
    let mut moments = Vec::new();
    for entry in entries {
        let Some(text) = entry.as_text() else {
            moments.push(Moment::Expression(expression(&entry)?));
            continue;
        };
        for mut parts in parse_ranges(entry.source, &text)? {
            match parts.len() {
                1 => moments.extend(parts.pop().map(Moment::Expression)),
                _ => range(lowering, &parts, &mut moments)?,
            }
        }
    }
    Ok(moments)
}

/// `start:stop` (by 1) or `start:step:stop`, both ends included.
fn range(
    lowering: &mut Lowering<'_>,
    parts: &[Expression],
    moments: &mut Vec<Moment>,
) -> Result<(), ReadError> {
    let mut numbers = Vec::with_capacity(3);
    for part in parts {
        numbers.push(lowering.constant(part)?);
    }
    let first = numbers[0];
    let last = numbers[numbers.len() - 1];
    let step = if numbers.len() == 3 { numbers[1] } else { 1.0 };
    let at = parts[0].at.to(parts[parts.len() - 1].at);
    // A last time that rounding alone puts beyond the end still belongs to the range.
    let steps = ((last - first) / step + 1e-9).floor();
    let problem = if step <= 0.0 {
        "the step of a range must be above 0"
    } else if steps < 0.0 {
        "this range is empty: its end is before its start"
    } else if steps >= MOST_TIMES as f64 {
        "this range has more than 100 000 times"
    } else {
        let times = (0..=steps as usize).map(|k| Moment::Number(first + k as f64 * step, at));
        moments.extend(times);
        return Ok(());
    };
    Err(lowering
        .source
        .error(at, problem, "this range")
        .with_help("a range is start:stop or start:step:stop"))
}

/// The time of the initial values: `start` in [solver] or in [observed], else 0.
pub(crate) fn start(lowering: &mut Lowering<'_>, written: &Written<'_>) -> Result<f64, ReadError> {
    let solver = written.solver.as_ref().and_then(|s| s.get("start"));
    let entry = match (solver, written.observed.get("start")) {
        (Some(_), Some(entry)) => {
            return Err(written
                .source
                .error(entry.key_at, "`start` is in [solver] too", "given twice")
                .with_help("keep one of the two"));
        }
        (first, second) => first.or(second),
    };
    match entry {
        Some(entry) => {
            let start = match entry.as_text() {
                Some(text) => crate::expression::parser::parse_text(entry.source, &text)?,
                None => expression(&entry)?,
            };
            lowering.constant(&start)
        }
        None => Ok(0.0),
    }
}

/// What an observed series says in the file.
struct Series<'a> {
    name: &'a str,
    name_at: Span,
    distribution: Option<Expression>,
    times: Option<Entry<'a>>,
    count: Option<Entry<'a>>,
    rounded: Option<Expression>,
    missing: Option<Expression>,
    /// The numbers of the series that it makes, where it makes several.
    entries: Option<Vec<u64>>,
    unit: Option<String>,
    description: Option<String>,
}

/// What entries are rounded to: a positive number, or an expression, which may leave some as they are.
fn rounding(entry: &Entry<'_>) -> Result<Expression, ReadError> {
    if entry.as_number().is_some() {
        entry.positive()?;
    }
    expression(entry)
}

/// The series of [observed]; a number alone is its count where `counts` is set.
fn series<'a>(written: &Written<'a>, counts: bool) -> Result<Vec<Series<'a>>, ReadError> {
    let mut list = Vec::new();
    for entry in written.observed.entries() {
        let settings = keys::OBSERVED.iter().any(|key| key.name == entry.key);
        if settings {
            continue;
        }
        check_name(written.source, entry.key, entry.key_at)?;
        let mut series = Series {
            name: entry.key,
            name_at: entry.key_at,
            distribution: None,
            times: None,
            count: None,
            rounded: None,
            missing: None,
            entries: None,
            unit: None,
            description: None,
        };
        if let Some(table) = entry.as_section(format!("`{}`", entry.key)) {
            table.only(keys::SERIES)?;
            series.distribution = table
                .get("distribution")
                .map(|e| expression(&e))
                .transpose()?;
            series.times = times_key(written, &table)?;
            series.count = table.get("count");
            series.rounded = table.get("rounded").map(|e| rounding(&e)).transpose()?;
            series.missing = table.get("missing").map(|e| expression(&e)).transpose()?;
            series.entries = entries(written, &table)?;
            series.unit = optional_text(&table, "unit")?;
            series.description = optional_text(&table, "description")?;
        } else if counts && entry.as_number().is_some() {
            series.count = Some(entry.clone());
        } else if counts {
            return Err(written
                .source
                .error(
                    entry.at,
                    "a program's observed values have no distribution",
                    "the program gives the values",
                )
                .with_help(format!("say how many there are: {} = 5", entry.key)));
        } else {
            series.distribution = Some(expression(&entry)?);
        }
        list.push(series);
    }
    if list.is_empty() {
        return Err(written
            .observed
            .error("nothing is observed", "no series here")
            .with_help("add a series, such as y = \"Normal(mean = x, sd = 1)\""));
    }
    Ok(list)
}

/// The entry of a table that says when, or of a [response] at which frequencies, it is observed.
fn times_key<'a>(
    written: &Written<'_>,
    table: &Section<'a>,
) -> Result<Option<Entry<'a>>, ReadError> {
    let (own, other) = match &written.response {
        Some(_) => ("frequencies", "times"),
        None => ("times", "frequencies"),
    };
    match table.get(other) {
        None => Ok(table.get(own)),
        Some(entry) => Err(entry
            .error(
                format!("`{other}` means nothing here"),
                "has no effect here",
            )
            .with_help(format!("write {own} = ..., or leave it out"))),
    }
}

/// The numbers of the series that `size` or `over`, and `every`, make of one.
fn entries(written: &Written<'_>, table: &Section<'_>) -> Result<Option<Vec<u64>>, ReadError> {
    let size = Vectors::new(&written.lines).size(table)?;
    let every = table.get("every");
    match (size, every) {
        (None, None) => Ok(None),
        (None, Some(every)) => Err(every
            .error("`every` without `size` or `over`", "every which?")
            .with_help("write over = \"x\", or size = ..., beside it")),
        (Some(size), every) => {
            let step = every.map_or(Ok(1), |every| every.count(1))?;
            Ok(Some((1..=size).step_by(step as usize).collect()))
        }
    }
}

/// The times of a series: its own, its count, the default times, or one entry.
fn times(
    lowering: &mut Lowering<'_>,
    written: &Written<'_>,
    series: &Series<'_>,
    moves_from: Option<f64>,
    has_moment: bool,
) -> Result<Vec<f64>, ReadError> {
    if let (Some(_), Some(count)) = (&series.times, &series.count) {
        return Err(count
            .error("both `times` and `count` are given", "a second length")
            .with_help("keep one of them"));
    }
    if has_moment {
        return match series.times.as_ref().or(series.count.as_ref()) {
            None => Ok(vec![moves_from.unwrap_or(0.0) + 1.0]),
            Some(own) => Err(own
                .error("times beside a time that is a parameter", "a second time")
                .with_help("all series are observed at the time that [observed] gives")),
        };
    }
    if let Some(count) = &series.count {
        if moves_from.is_some() {
            return Err(count
                .error(
                    "`count` is for mechanisms without dynamics",
                    "when are they observed?",
                )
                .with_help("write times = \"1:10\""));
        }
        let many = count.count(1)?;
        if many > MOST_TIMES as u64 {
            return Err(count
                .error("more than 100 000 entries", "too many")
                .with_help("split the series, or observe less often"));
        }
        return Ok((1..=many).map(|entry| entry as f64).collect());
    }
    let common = times_key(written, &written.observed)?;
    if let Some(entry) = steady(written) {
        if moves_from.is_none() {
            return Err(entry
                .error("nothing moves here", "a steady state of what?")
                .with_help(
                    "steady states are those of [dynamics], or of reactions with method = \"ode\"",
                ));
        }
        return match &series.times {
            None => Ok(vec![moves_from.unwrap_or(0.0) + horizon(written)?]),
            Some(own) => Err(own
                .error("times beside a steady state", "nothing moves any more")
                .with_help("leave it out, or give times to [observed] instead of \"steady\"")),
        };
    }
    let given = series.times.clone().or(common);
    let is_fixed = lowering
        .unknown
        .as_ref()
        .is_some_and(|unknown| unknown.frequency.is_none());
    if is_fixed {
        return match given {
            None => Ok(vec![1.0]),
            Some(entry) => Err(entry
                .error("the frequency is known already", "a second frequency")
                .with_help(
                    "leave it out, or give `frequency` in [response] a name that nothing else has",
                )),
        };
    }
    let Some(entry) = given else {
        if moves_from.is_none() {
            return Ok(vec![1.0]);
        }
        let (what, help) = match written.response {
            Some(_) => (
                "frequencies",
                "add frequencies = \"1:0.1:10\" to [observed]",
            ),
            None => (
                "times",
                "add times = \"1:10\" to [observed], for all series",
            ),
        };
        return Err(written
            .source
            .error(
                series.name_at,
                format!("`{}` has no {what}", series.name),
                "when is it observed?",
            )
            .with_help(help));
    };
    let mut times: Vec<f64> = Vec::new();
    for moment in moments(lowering, &entry)? {
        let (time, at) = match moment {
            Moment::Number(time, at) => (time, at),
            Moment::Expression(expression) => (lowering.constant(&expression)?, expression.at),
        };
        if let Some(&last) = times.last()
            && time <= last
        {
            return Err(written
                .source
                .error(
                    at,
                    format!("times must increase, but {time} follows {last}"),
                    "not after the time before it",
                )
                .with_help("put the times in order"));
        }
        if let Some(start) = moves_from
            && time < start
        {
            if written.response.is_some() {
                return Err(written
                    .source
                    .error(at, format!("the frequency {time} is negative"), "below 0")
                    .with_help("frequencies are 0 or more, in radians per unit of time"));
            }
            return Err(written
                .source
                .error(
                    at,
                    format!("the time {time} is before the start, {start}"),
                    "before the start",
                )
                .with_help("say start = ... in [observed], the time of the initial values"));
        }
        times.push(time);
    }
    if times.is_empty() || times.len() > MOST_TIMES {
        let count = times.len();
        return Err(entry
            .error(format!("{count} times"), "from 1 to 100 000 times")
            .with_help("give at least one time and at most 100 000"));
    }
    Ok(times)
}

/// The observed series of a mechanism with or without states.
pub(crate) fn observed(
    lowering: &mut Lowering<'_>,
    written: &Written<'_>,
    dynamics: &Dynamics,
    has_moment: bool,
) -> Result<Vec<Observed>, ReadError> {
    let moves_from = (!matches!(dynamics.law, Law::Static)).then_some(dynamics.start);
    let mut observed = Vec::new();
    for series in series(written, false)? {
        let Some(distribution) = &series.distribution else {
            return Err(written
                .source
                .error(series.name_at, format!("`{}` has no distribution", series.name), "how is it seen?")
                .with_help("add distribution = \"Normal(mean = x, sd = 1)\", or an expression seen exactly"));
        };
        let times = times(lowering, written, &series, moves_from, has_moment)?;
        let seen = |lowering: &mut Lowering<'_>| {
            let role = Role::Observation;
            let distribution = lowering.distribution(distribution, Scope::Observed, role)?;
            let missing = series.missing.as_ref();
            let missing = missing.map(|when| lowering.lower(when, Scope::Observed));
            let rounded = series.rounded.as_ref();
            let rounded = rounded.map(|to| lowering.lower(to, Scope::Observed));
            Ok((distribution, missing.transpose()?, rounded.transpose()?))
        };
        let numbers = match &series.entries {
            None => vec![None],
            Some(entries) => entries.iter().copied().map(Some).collect(),
        };
        for number in numbers {
            lowering.begin_series();
            let (distribution, missing, rounded) = match number {
                None => lowering.of_observed(&times, moves_from.is_none(), seen)?,
                Some(number) => {
                    let node = lowering.graph.constant(number as f64);
                    lowering.with_index(INDEX, node, seen)?
                }
            };
            let name = series.name;
            observed.push(Observed {
                name: number.map_or(name.to_owned(), |number| format!("{name}_{number}")),
                distribution,
                missing,
                rounded,
                times: times.clone(),
                unit: series.unit.clone(),
                description: series.description.clone(),
            });
        }
    }
    Ok(observed)
}

/// The observed series of a program: their lengths alone.
pub(crate) fn of_program(
    lowering: &mut Lowering<'_>,
    written: &Written<'_>,
) -> Result<Vec<Observed>, ReadError> {
    let given_by_program = lowering.graph.constant(f64::NAN);
    let mut observed = Vec::new();
    for series in series(written, true)? {
        if let Some(distribution) = &series.distribution {
            return Err(written
                .source
                .error(
                    distribution.at,
                    "a program's observed values have no distribution",
                    "the program gives the values",
                )
                .with_help("give `count` or `times` alone"));
        }
        if series.entries.is_some() {
            return Err(written
                .source
                .error(
                    series.name_at,
                    "a program's series are named one by one",
                    "`size`, `over` and `every` are for expressions",
                )
                .with_help("give `count` or `times` alone"));
        }
        if let Some(rounded) = &series.rounded {
            return Err(written
                .source
                .error(
                    rounded.at,
                    "a program rounds its values itself",
                    "has no effect here",
                )
                .with_help("round in the program"));
        }
        if let Some(missing) = &series.missing {
            return Err(written
                .source
                .error(
                    missing.at,
                    "a program leaves out entries itself",
                    "has no effect here",
                )
                .with_help("answer null for an entry that is missing"));
        }
        observed.push(Observed {
            name: series.name.to_owned(),
            times: times(lowering, written, &series, None, false)?,
            distribution: Distribution {
                family: Family::Exact,
                arguments: vec![given_by_program],
            },
            missing: None,
            rounded: None,
            unit: series.unit,
            description: series.description,
        });
    }
    Ok(observed)
}

/// Refuses one name for two columns of the bank, or for a series and a column.
pub(crate) fn check_columns(written: &Written<'_>, observed: &[Observed]) -> Result<(), ReadError> {
    let mut columns: HashMap<String, &str> = HashMap::new();
    for named in &written.parameters {
        columns.insert(named.name.clone(), "a parameter");
    }
    for named in &written.latents {
        columns.insert(named.name.clone(), "a latent");
    }
    for named in &written.derived {
        columns.insert(named.name.clone(), "a derived quantity");
    }
    for series in observed {
        let mut names = series.columns();
        if names.len() > 1 {
            names.push(series.name.clone());
        }
        for column in names {
            if let Some(earlier) = columns.insert(column.clone(), "an observed entry") {
                let at = name_at(&written.observed, &series.name);
                return Err(written
                    .source
                    .error(
                        at,
                        format!("`{column}` is also the name of {earlier}"),
                        "gives a column of that name",
                    )
                    .with_help("give one of the two another name"));
            }
        }
    }
    Ok(())
}

fn name_at(section: &Section<'_>, key: &str) -> Span {
    section.get(key).map_or(section.at, |entry| entry.key_at)
}
