//! Whether simulations that a user brings fit the study.

use gnomon_bank::{Role, Rows, Schema};
use gnomon_mechanism::{Family, Study};

/// Refuses series of another length, parameters that are missing or outside their prior, and
/// observations that no mechanism can produce.
///
/// # Errors
/// What does not fit, in which column and row.
pub fn check(study: &Study, schema: &Schema, rows: &Rows) -> Result<(), String> {
    for series in study.series() {
        let entries = schema.columns.iter().filter(
            |column| matches!(&column.role, Role::Observed { series: name, .. } if *name == series.name),
        );
        let (have, want) = (entries.count(), series.times.len());
        if have != want {
            return Err(format!(
                "`{}` has {have} columns here, and {want} entries in the study",
                series.name
            ));
        }
    }
    let mut owners = Vec::new();
    for theirs in &schema.mechanisms {
        let owner = match study.mechanisms.as_slice() {
            [only] if schema.mechanisms.len() == 1 => Some(only),
            all => all.iter().find(|mechanism| mechanism.name == theirs.name),
        };
        owners.push(owner.ok_or_else(|| {
            let names: Vec<&str> = study.mechanisms.iter().map(|m| m.name.as_str()).collect();
            format!(
                "the mechanism `{}` is not in the study, which has {}",
                theirs.name,
                names.join(", ")
            )
        })?);
    }
    for (column, values) in schema.columns.iter().zip(&rows.columns) {
        for (row, &value) in values.iter().enumerate() {
            let mechanism = owners[rows.mechanism[row] as usize];
            if rows.failure[row].is_some() {
                continue;
            }
            let impossible = match &column.role {
                Role::Parameter => mechanism
                    .parameters
                    .iter()
                    .find(|parameter| parameter.name == column.name)
                    .filter(|parameter| parameter.prior.family != Family::Exact)
                    .map(|parameter| mechanism.impossible(&parameter.prior, value)),
                Role::Observed { series, .. } if !value.is_nan() => mechanism
                    .observed
                    .iter()
                    .find(|observed| observed.name == *series)
                    .map(|observed| mechanism.cannot_be(observed, value)),
                _ => None,
            };
            let Some(impossible) = impossible else {
                continue;
            };
            let reason = if value.is_finite() {
                impossible
            } else {
                Some("a number is needed in every simulation that did not fail".into())
            };
            if let Some(reason) = reason {
                let value = if value.is_nan() {
                    "is missing".to_owned()
                } else {
                    format!("is {value}")
                };
                return Err(format!(
                    "`{}` {value} in row {}: {reason}",
                    column.name,
                    row + 1
                ));
            }
        }
    }
    Ok(())
}
