//! `[parameters]`, `[latents]` and `[derived]`.

use super::distribution::Role;
use super::lower::{Lowering, Scope};
use super::written::Written;
use crate::model::{Derived, Parameter};
use crate::source::ReadError;

/// Parameters with their priors, then latents, in the file's order.
pub(crate) fn drawn(
    lowering: &mut Lowering<'_>,
    written: &Written<'_>,
) -> Result<Vec<Parameter>, ReadError> {
    let list = written.drawn().enumerate();
    list.map(|(position, named)| {
        let prior = match lowering.of_vector(named, position)? {
            Some(prior) => prior,
            None => lowering.of_entry(named, |lowering| {
                lowering.distribution(&named.value, Scope::Parameters(position), Role::Prior)
            })?,
        };
        Ok(Parameter {
            name: named.name.clone(),
            prior,
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
