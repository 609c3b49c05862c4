//! `[conserved]`: what stays the same while the states move.

use super::lower::{Lowering, Scope};
use super::names::check_name;
use super::written::{Written, expression};
use crate::expression::Input;
use crate::model::Conserved;
use crate::source::ReadError;

/// The file's conserved quantities, in its order.
pub(crate) fn conserved(
    lowering: &mut Lowering<'_>,
    written: &Written<'_>,
) -> Result<Vec<Conserved>, ReadError> {
    let entries = written
        .conserved
        .iter()
        .flat_map(|section| section.entries());
    entries
        .map(|entry| {
            check_name(written.source, entry.key, entry.key_at)?;
            let quantity = expression(&entry)?;
            let value = lowering.lower(&quantity, Scope::Moving)?;
            let inputs = lowering.graph.inputs_of(&[value]);
            if !inputs.iter().any(|input| matches!(input, Input::State(_))) {
                return Err(written
                    .source
                    .error(
                        quantity.at,
                        format!("`{}` depends on no state", entry.key),
                        "never moves",
                    )
                    .with_help("write an expression of states, such as (x^2 + v^2) / 2"));
            }
            Ok(Conserved {
                name: entry.key.to_owned(),
                value,
            })
        })
        .collect()
}
