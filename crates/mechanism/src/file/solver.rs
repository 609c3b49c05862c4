//! `[solver]`: settings, each refused where it would have no effect.

use super::dynamics::steady;
use super::names::did_you_mean;
use super::written::Written;
use crate::model::{Leap, OdeMethod, OdeSolver};
use crate::source::section::Section;
use crate::source::{ReadError, spelling};

/// The share by which a state may change in a leap unless the file says otherwise.
const ACCURACY: f64 = 0.03;

/// How long states may take to come to rest unless the file says otherwise.
const HORIZON: f64 = 1e6;

/// The solver of differential equations without noise.
pub(super) fn ode_solver(written: &Written<'_>) -> Result<OdeSolver, ReadError> {
    let mut solver = OdeSolver::default();
    let mut known = vec![
        "method",
        "relative_tolerance",
        "absolute_tolerance",
        "most_steps",
        "start",
    ];
    known.extend(steady(written).map(|_| "horizon"));
    check_solver(written, "differential equations without noise", &known)?;
    let Some(section) = &written.solver else {
        return Ok(solver);
    };
    if let Some(entry) = section.get("method") {
        let method = entry.text()?;
        solver.method = match method.value.as_str() {
            "auto" => OdeMethod::Auto,
            "explicit" => OdeMethod::Explicit,
            "stiff" => OdeMethod::Stiff,
            other => {
                let help = match other {
                    "ssa" | "ode" | "tau-leaping" | "langevin" => format!(
                        "to run reactions so, write method = \"{other}\" at the top of the file"
                    ),
                    _ => did_you_mean(other, &["auto", "explicit", "stiff"]).unwrap_or_default(),
                };
                return Err(written
                    .source
                    .error(
                        method.at,
                        format!("unknown solver `{other}`"),
                        "not a solver",
                    )
                    .with_help(help));
            }
        };
    }
    if let Some(entry) = section.get("relative_tolerance") {
        solver.relative = entry.positive()?;
    }
    if let Some(entry) = section.get("absolute_tolerance") {
        solver.absolute = entry.positive()?;
    }
    if let Some(entry) = section.get("most_steps") {
        solver.most_steps = u32::try_from(entry.count(1)?).unwrap_or(u32::MAX);
    }
    Ok(solver)
}

/// Refuses settings of a solver that does not run.
pub(super) fn check_solver(
    written: &Written<'_>,
    law: &str,
    known: &[&str],
) -> Result<(), ReadError> {
    let entries = written.solver.iter().flat_map(Section::entries);
    match entries.into_iter().find(|e| !known.contains(&e.key)) {
        None => Ok(()),
        Some(entry) => {
            let help = match (entry.key, known) {
                (_, []) => "remove it".to_owned(),
                ("method", _) => "methods are for differential equations without noise".to_owned(),
                _ => format!("settings here: {}", spelling::list(known)),
            };
            Err(written
                .source
                .error(
                    entry.key_at,
                    format!("`{}` means nothing for {law}", entry.key),
                    "has no effect here",
                )
                .with_help(help))
        }
    }
}

/// The steps in which reactions leap: fixed, or by their accuracy.
pub(super) fn leap(written: &Written<'_>) -> Result<Leap, ReadError> {
    check_solver(
        written,
        "reactions in steps",
        &["step", "accuracy", "start"],
    )?;
    let section = written.solver.as_ref();
    let [step, accuracy] = ["step", "accuracy"].map(|key| section.and_then(|s| s.get(key)));
    match (step, accuracy) {
        (Some(_), Some(accuracy)) => Err(written
            .source
            .error(
                accuracy.key_at,
                "both `step` and `accuracy` say how long a step is",
                "a second rule",
            )
            .with_help("keep one of them")),
        (Some(step), None) => Ok(Leap::Fixed(step.positive()?)),
        (None, Some(accuracy)) => match accuracy.positive()? {
            share if share < 1.0 => Ok(Leap::Adaptive(share)),
            _ => Err(written
                .source
                .error(
                    accuracy.at,
                    "`accuracy` is the share by which rates may change in a step: below 1",
                    "not below 1",
                )
                .with_help(format!("the usual value is {ACCURACY}"))),
        },
        (None, None) => Ok(Leap::Adaptive(ACCURACY)),
    }
}

/// How long after the start a steady state must stand still.
pub(super) fn horizon(written: &Written<'_>) -> Result<f64, ReadError> {
    let entry = written.solver.as_ref().and_then(|s| s.get("horizon"));
    entry.map_or(Ok(HORIZON), |entry| entry.positive())
}

/// The step that the file sets.
pub(super) fn step(written: &Written<'_>) -> Result<Option<f64>, ReadError> {
    let entry = written.solver.as_ref().and_then(|s| s.get("step"));
    entry.map(|entry| entry.positive()).transpose()
}
