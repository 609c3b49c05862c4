//! A CSV file with a header line: every column is numbers, except those asked for as text.

use super::{SourceColumn, Values};

/// Fields that mean "no value" in the CSV files of R, pandas and spreadsheets.
const MISSING: [&str; 6] = ["", "NA", "N/A", "null", "NULL", "None"];

pub(super) fn read(bytes: &[u8], texts: &[&str]) -> Result<Vec<SourceColumn>, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(bytes);
    let header = reader.byte_headers().map_err(say)?.clone();
    let mut columns: Vec<SourceColumn> = header
        .iter()
        .map(|name| {
            let name = String::from_utf8_lossy(name).into_owned();
            let values = if texts.contains(&name.as_str()) {
                Values::Texts(Vec::new())
            } else {
                Values::Numbers(Vec::new())
            };
            SourceColumn { name, values }
        })
        .collect();
    let mut record = csv::ByteRecord::new();
    let mut row = 0;
    while reader.read_byte_record(&mut record).map_err(say)? {
        row += 1;
        for (column, field) in columns.iter_mut().zip(&record) {
            let field = String::from_utf8_lossy(field);
            push(&mut column.values, &field, row);
        }
    }
    Ok(columns)
}

fn push(values: &mut Values, field: &str, row: u64) {
    match values {
        Values::Texts(texts) => texts.push(field.to_string()),
        Values::Numbers(numbers) => match number(field) {
            Some(number) => numbers.push(number),
            None => {
                *values = Values::Unusable(format!("row {row}: {field:?} is not a number"));
            }
        },
        Values::Unusable(_) => {}
    }
}

/// The number a text stands for, NaN if it says that there is none.
pub(super) fn number(text: &str) -> Option<f64> {
    if MISSING.contains(&text) {
        return Some(f64::NAN);
    }
    text.parse().ok()
}

fn say(error: csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths {
            pos,
            expected_len,
            len,
        } => {
            let row = pos.as_ref().map_or(0, csv::Position::record);
            format!("row {row} has {len} fields, the header has {expected_len}")
        }
        _ => error.to_string(),
    }
}
