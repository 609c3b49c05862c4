//! `[accept]`: which simulations count.

use super::lower::{Lowering, Scope};
use super::names::check_name;
use super::written::{Written, expression};
use crate::model::Acceptance;
use crate::source::ReadError;

/// The file's conditions, in its order.
pub(crate) fn acceptance(
    lowering: &mut Lowering<'_>,
    written: &Written<'_>,
) -> Result<Vec<Acceptance>, ReadError> {
    let entries = written.accept.iter().flat_map(|section| section.entries());
    entries
        .map(|entry| {
            check_name(written.source, entry.key, entry.key_at)?;
            let condition = expression(&entry)?;
            let node = lowering.lower(&condition, Scope::Likelihood)?;
            if let Some(value) = lowering.graph.as_constant(node) {
                let what = if value == 0.0 { "no" } else { "every" };
                return Err(written
                    .source
                    .error(
                        condition.at,
                        format!("this condition accepts {what} simulation"),
                        "always the same",
                    )
                    .with_help("compare something that differs between simulations: a parameter or an observed number"));
            }
            Ok(Acceptance {
                name: entry.key.to_owned(),
                condition: node,
            })
        })
        .collect()
}
