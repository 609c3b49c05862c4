//! One mechanism along one of its parameters -> its resonances, and a certificate of what was not missed.

use std::path::{Path, PathBuf};

use gnomon_emulate::EmulateError;
use gnomon_emulate::holes::resonances::{Resonances, Scan, find};
use gnomon_emulate::rational::Complex;
use gnomon_learn::coordinates::Coordinates;
use gnomon_mechanism::model::Law;
use gnomon_mechanism::{Family, Mechanism};
use gnomon_report::content::{Holes, HolesOutput};
use gnomon_simulate::{Compiled, simulate_at};

use crate::failure::Failure;

/// The most numbers that are observed together.
const MOST_OUTPUTS: usize = 32;
/// Without a range, the parameter's prior but for this many standard normal deviations: its middle 99.9 %.
const REACH: f64 = 3.290_526_731_491_926;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// The parameter to scan.
    pub over: &'a str,
    /// Its range, where it is not its prior's.
    pub range: [Option<f64>; 2],
    /// Observed series or entries; all where there is none.
    pub outputs: &'a [String],
    /// Values of other parameters; those not named have the middle of their prior.
    pub at: &'a [(String, f64)],
    /// Everything else; its range is not used.
    pub scan: Scan,
}

/// What was found, and of what.
pub struct Found {
    /// The scan, with its range.
    pub scan: Scan,
    /// Names of the outputs.
    pub outputs: Vec<String>,
    /// The other parameters' values.
    pub at: Vec<(String, f64)>,
    /// What was found.
    pub resonances: Resonances,
}

/// Scans a mechanism.
///
/// # Errors
/// Where a name is not the mechanism's, what is observed is random, or a solve could not be made.
pub fn run(mechanism: &Mechanism, asked: &Asked<'_>, seed: u64) -> Result<Found, Failure> {
    check(mechanism)?;
    let compiled = Compiled::new(mechanism).map_err(Failure::simulation)?;
    let place = |name: &str| {
        mechanism.parameter(name).ok_or_else(|| {
            Failure::refused(
                format!("{} has no parameter `{name}`", mechanism.name),
                format!("its parameters are {}", names(mechanism)),
            )
        })
    };
    let over = place(asked.over)?;
    let columns = outputs(mechanism, &compiled, asked.outputs)?;
    let coordinates = Coordinates::new(mechanism);
    let scores = |score: f64| vec![score; coordinates.dimension()];
    let one = |score: f64| -> Vec<f64> {
        let columns = match coordinates.dimension() {
            0 => coordinates.fixed(1),
            _ => coordinates.to_parameters(&scores(score)),
        };
        columns.iter().map(|column| column[0]).collect()
    };
    let mut base = one(0.0);
    for (name, value) in asked.at {
        let at = place(name)?;
        if at == over || !value.is_finite() {
            return Err(Failure::refused(
                format!("`{name}` cannot be held at {value}"),
                "`--at` holds parameters other than the scanned one at a finite value",
            ));
        }
        base[at] = *value;
    }
    let [low, high] = [(0, -REACH), (1, REACH)]
        .map(|(end, score)| asked.range[end].unwrap_or_else(|| one(score)[over]));
    if !(low < high && (high - low).is_finite()) {
        return Err(Failure::refused(
            format!(
                "the range of `{}` from {low} to {high} is empty",
                asked.over
            ),
            "give it by `--from` and `--to`",
        ));
    }
    let scan = Scan {
        range: [low, high],
        ..asked.scan
    };
    let mut number = 0;
    let solve = |points: &[f64]| -> Result<Vec<Vec<Complex>>, Trouble> {
        let mut parameters: Vec<Vec<f64>> = base.iter().map(|x| vec![*x; points.len()]).collect();
        parameters[over] = points.to_vec();
        let numbers: Vec<u64> = (number..number + points.len() as u64).collect();
        number += points.len() as u64;
        let batch = simulate_at(&compiled, parameters, seed, &numbers)
            .map_err(|error| Trouble::Solver(Failure::simulation(error)))?;
        let row = |i: usize| columns.iter().map(move |&(c, _)| (i, c));
        Ok((0..points.len())
            .map(|i| {
                row(i)
                    .map(|(i, c)| Complex::new(batch.observed[c][i], 0.0))
                    .collect()
            })
            .collect())
    };
    let resonances = find(solve, &scan).map_err(|trouble| match trouble {
        Trouble::Solver(failure) => failure,
        Trouble::Scan(error) => Failure::refused(
            error.to_string(),
            "see `gnomon holes --help` for the range, the tolerance and the budget",
        ),
    })?;
    let others = mechanism.parameters.iter().zip(&base).enumerate();
    Ok(Found {
        scan,
        outputs: columns.into_iter().map(|(_, name)| name).collect(),
        at: others
            .filter(|(place, _)| *place != over)
            .map(|(_, (parameter, value))| (parameter.name.clone(), *value))
            .collect(),
        resonances,
    })
}

/// Why a scan stopped.
enum Trouble {
    Solver(Failure),
    Scan(EmulateError),
}

impl From<EmulateError> for Trouble {
    fn from(error: EmulateError) -> Self {
        Self::Scan(error)
    }
}

/// Writes `holes.json` and `figures/holes.svg`; answers the figure's path.
///
/// # Errors
/// Where the disk refuses.
pub fn write(
    found: &Found,
    mechanism: &Mechanism,
    over: &str,
    folder: &Path,
) -> Result<PathBuf, Failure> {
    let told = &found.resonances;
    let outputs = found.outputs.iter().enumerate().map(|(output, name)| {
        let size = |x: f64| {
            let rational = told.rational.as_ref();
            rational.map_or(f64::NAN, |r| r.at_real(x)[output].norm())
        };
        let values = told.samples.points().iter().zip(told.samples.values());
        let mut line: Vec<f64> = told.samples.points().to_vec();
        let [low, high] = found.scan.range;
        line.extend((0..=600).map(|i| low + (high - low) * f64::from(i) / 600.0));
        for pole in &told.poles {
            let beside = (-20..=20).map(|i| pole.position + 0.25 * pole.width * f64::from(i));
            line.extend(beside.filter(|x| (low..=high).contains(x)));
        }
        line.sort_by(f64::total_cmp);
        HolesOutput {
            name: name.clone(),
            curve: line.iter().map(|&x| [x, size(x)]).collect(),
            samples: values.map(|(&x, row)| [x, row[output].norm()]).collect(),
            poles: told
                .poles
                .iter()
                .map(|pole| [pole.position, size(pole.position)])
                .collect(),
            hideable: told.hideable.get(output).map_or_else(Vec::new, |all| {
                all.iter()
                    .filter(|h| h.depth == 0.0)
                    .map(|h| [h.at, h.residue])
                    .collect()
            }),
        }
    });
    let parameter = mechanism.parameters.iter().find(|p| p.name == over);
    let content = Holes {
        over: over.to_owned(),
        unit: parameter.and_then(|p| p.unit.clone()).unwrap_or_default(),
        outputs: outputs.collect(),
    };
    gnomon_report::write_holes(&content, folder)
        .map_err(|error| Failure::Outside(error.to_string()))
}

/// The response must be a function of the parameters.
fn check(mechanism: &Mechanism) -> Result<(), Failure> {
    let law = &mechanism.dynamics.law;
    let random = matches!(law, Law::Sde { .. } | Law::Jumps { .. } | Law::Leaps { .. });
    if random || !mechanism.latents.is_empty() {
        return Err(Failure::refused(
            format!("{} is random: it has no response to scan", mechanism.name),
            "a scan needs `[dynamics]` without `[noise]`, a `[map]`, a `[program]` or no states, and no \
             `[latents]`",
        ));
    }
    Ok(())
}

/// The asked outputs: number of the column, and name.
fn outputs(
    mechanism: &Mechanism,
    compiled: &Compiled,
    asked: &[String],
) -> Result<Vec<(usize, String)>, Failure> {
    let all = compiled.observed_columns();
    let of = |series: &str, column: &str| {
        let entry = column
            .strip_prefix(series)
            .and_then(|rest| rest.strip_prefix('_'));
        column == series || entry.is_some_and(|e| e.bytes().all(|b| b.is_ascii_digit()))
    };
    let mut columns: Vec<(usize, String)> = Vec::new();
    let series: Vec<&str> = mechanism.observed.iter().map(|o| o.name.as_str()).collect();
    let wanted: Vec<&str> = match asked.is_empty() {
        true => series.clone(),
        false => asked.iter().map(String::as_str).collect(),
    };
    for name in wanted {
        let before = columns.len();
        for (number, column) in all.iter().enumerate() {
            if of(name, column) && !columns.iter().any(|(n, _)| *n == number) {
                columns.push((number, column.clone()));
            }
        }
        if columns.len() == before {
            return Err(Failure::refused(
                format!("{} observes no `{name}`", mechanism.name),
                format!("it observes {}", series.join(", ")),
            ));
        }
    }
    for observed in &mechanism.observed {
        let used = columns.iter().any(|(_, column)| of(&observed.name, column));
        let exact = observed.distribution.family == Family::Exact && observed.missing.is_none();
        let program = matches!(mechanism.dynamics.law, Law::Program(_));
        if used && !exact && !program {
            return Err(Failure::refused(
                format!(
                    "`{}` is observed with noise: it has no response to scan",
                    observed.name
                ),
                format!(
                    "write it as an expression, `{0} = \"...\"`, or name another by `--of`",
                    observed.name
                ),
            ));
        }
    }
    if columns.len() > MOST_OUTPUTS {
        return Err(Failure::refused(
            format!(
                "{} numbers are observed, and at most {MOST_OUTPUTS} can be scanned together",
                columns.len()
            ),
            format!("name some by `--of`, such as `{}`", columns[0].1),
        ));
    }
    Ok(columns)
}

fn names(mechanism: &Mechanism) -> String {
    let names: Vec<&str> = mechanism
        .parameters
        .iter()
        .map(|p| p.name.as_str())
        .collect();
    names.join(", ")
}
