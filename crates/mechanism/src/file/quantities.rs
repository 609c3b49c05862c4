//! `[parameters]` and `[derived]`.

use super::distribution::Role;
use super::lower::{Lowering, Scope};
use super::written::Written;
use crate::model::{Derived, Parameter};
use crate::source::ReadError;

/// Parameters with their priors, in the file's order.
pub(crate) fn parameters(
    lowering: &mut Lowering<'_>,
    written: &Written<'_>,
) -> Result<Vec<Parameter>, ReadError> {
    let list = written.parameters.iter().enumerate();
    list.map(|(position, named)| {
        let scope = Scope::Parameters(position);
        Ok(Parameter {
            name: named.name.clone(),
            prior: lowering.of_entry(named, |lowering| {
                lowering.distribution(&named.value, scope, Role::Prior)
            })?,
            unit: named.unit.clone(),
            description: named.description.clone(),
        })
    })
    .collect()
}

/// Derived quantities, in the file's order.
pub(crate) fn derived(
    lowering: &mut Lowering<'_>,
    written: &Written<'_>,
) -> Result<Vec<Derived>, ReadError> {
    let all = Scope::Parameters(written.parameters.len());
    let list = written.derived.iter();
    list.map(|named| {
        Ok(Derived {
            name: named.name.clone(),
            value: lowering.lower_named(named, all)?,
            unit: named.unit.clone(),
            description: named.description.clone(),
        })
    })
    .collect()
}
