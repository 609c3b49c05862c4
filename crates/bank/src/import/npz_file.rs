//! An NPZ file: one array a column, or an array of two axes as columns `name_1`, `name_2`, ...

use std::io::{Cursor, Read};

use super::{SourceColumn, Values, matrix_columns};
use crate::npy;

pub(super) fn read(bytes: &[u8]) -> Result<Vec<SourceColumn>, String> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes))
        .map_err(|e| format!("not an NPZ file (or cut short): {e}"))?;
    let mut columns = Vec::new();
    for index in 0..archive.len() {
        let mut entry = archive
            .by_index(index)
            .map_err(|e| format!("entry {} cannot be read: {e}", index + 1))?;
        let name = entry
            .name()
            .map_err(|e| format!("the name of entry {} cannot be read: {e}", index + 1))?;
        let Some(name) = name.strip_suffix(".npy").map(str::to_string) else {
            continue;
        };
        let mut array = Vec::new();
        entry
            .read_to_end(&mut array)
            .map_err(|e| format!("array {name:?} is damaged: {e}"))?;
        columns.extend(array_columns(&name, &array));
    }
    Ok(columns)
}

fn array_columns(name: &str, bytes: &[u8]) -> Vec<SourceColumn> {
    let one = |values| {
        vec![SourceColumn {
            name: name.to_string(),
            values,
        }]
    };
    let array = match npy::decode(bytes) {
        Ok(array) => array,
        Err(problem) => return one(Values::Unusable(problem)),
    };
    match (array.values, array.shape.as_slice()) {
        (npy::Values::Numbers(numbers), [] | [_]) => one(Values::Numbers(numbers)),
        (npy::Values::Texts(texts), [] | [_]) => one(Values::Texts(texts)),
        // No row or no column: there is no value to place, whatever the other axis says.
        (npy::Values::Numbers(numbers), [_, width]) if !numbers.is_empty() => {
            matrix_columns(name, *width, &numbers)
        }
        (_, shape) => one(Values::Unusable(format!(
            "its shape is {shape:?}; reshape it to (simulations,) or (simulations, entries)"
        ))),
    }
}
