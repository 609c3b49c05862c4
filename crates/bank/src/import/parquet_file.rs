//! A Parquet file of flat columns; a column of lists of one length becomes `name_1`, `name_2`, ...

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;

use super::{SourceColumn, Values, matrix_columns};
use crate::shard::guarded;

pub(super) fn read(bytes: Vec<u8>) -> Result<Vec<SourceColumn>, String> {
    let (schema, batches) = guarded(|| {
        let builder = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes))?;
        let schema = builder.schema().clone();
        let batches = builder.build()?.collect::<Result<Vec<RecordBatch>, _>>()?;
        Ok::<_, ParquetError>((schema, batches))
    })
    .map_err(explain)?;
    let mut columns = Vec::new();
    for (index, field) in schema.fields().iter().enumerate() {
        let parts: Vec<&ArrayRef> = batches.iter().map(|batch| batch.column(index)).collect();
        columns.extend(column(field.name(), field.data_type(), &parts));
    }
    Ok(columns)
}

fn explain(problem: String) -> String {
    match problem.split_once("Disabled feature at compile time: ") {
        Some((_, codec)) => {
            format!("{codec} compression is not built in; write it again with snappy compression")
        }
        None => format!("not a Parquet file (or damaged): {problem}"),
    }
}

fn column(name: &str, kind: &DataType, parts: &[&ArrayRef]) -> Vec<SourceColumn> {
    let lists = matches!(
        kind,
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..)
    );
    let read = if lists {
        matrix(parts).map(|(width, values)| matrix_columns(name, width, &values))
    } else {
        flat(kind, parts).map(|values| {
            vec![SourceColumn {
                name: name.to_string(),
                values,
            }]
        })
    };
    read.unwrap_or_else(|problem| {
        vec![SourceColumn {
            name: name.to_string(),
            values: Values::Unusable(problem),
        }]
    })
}

fn flat(kind: &DataType, parts: &[&ArrayRef]) -> Result<Values, String> {
    if let DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..) =
        kind
    {
        let texts = parts
            .iter()
            .map(|part| texts(part))
            .collect::<Option<Vec<_>>>();
        let texts = texts.ok_or_else(|| unusable(kind))?;
        return Ok(Values::Texts(texts.concat()));
    }
    let numbers = parts
        .iter()
        .map(|part| numbers(part))
        .collect::<Option<Vec<_>>>();
    Ok(Values::Numbers(
        numbers.ok_or_else(|| unusable(kind))?.concat(),
    ))
}

fn unusable(kind: &DataType) -> String {
    format!("its type is {kind}; store it as float64 or text")
}

fn texts(array: &ArrayRef) -> Option<Vec<String>> {
    fn all<'a>(values: impl Iterator<Item = Option<&'a str>>) -> Vec<String> {
        values.map(|v| v.unwrap_or("").to_string()).collect()
    }
    if let Some(array) = array.as_string_opt::<i32>() {
        return Some(all(array.iter()));
    }
    if let Some(array) = array.as_string_opt::<i64>() {
        return Some(all(array.iter()));
    }
    if let Some(array) = array.as_string_view_opt() {
        return Some(all(array.iter()));
    }
    let array = array.as_any_dictionary_opt()?;
    let words = texts(array.values())?;
    let mut read = Vec::with_capacity(array.len());
    if !words.is_empty() {
        for (row, key) in array.normalized_keys().into_iter().enumerate() {
            let is_null = array.keys().is_null(row);
            read.push(if is_null {
                String::new()
            } else {
                words.get(key)?.clone()
            });
        }
    } else {
        read.resize(array.len(), String::new());
    }
    Some(read)
}

fn numbers(array: &ArrayRef) -> Option<Vec<f64>> {
    fn all<T: ArrowPrimitiveType>(
        array: &ArrayRef,
        as_f64: fn(T::Native) -> f64,
    ) -> Option<Vec<f64>> {
        let array = array.as_primitive_opt::<T>()?;
        Some(array.iter().map(|x| x.map_or(f64::NAN, as_f64)).collect())
    }
    match array.data_type() {
        DataType::Float64 => all::<Float64Type>(array, |x| x),
        DataType::Float32 => all::<Float32Type>(array, f64::from),
        DataType::Int8 => all::<Int8Type>(array, f64::from),
        DataType::Int16 => all::<Int16Type>(array, f64::from),
        DataType::Int32 => all::<Int32Type>(array, f64::from),
        DataType::Int64 => all::<Int64Type>(array, |x| x as f64),
        DataType::UInt8 => all::<UInt8Type>(array, f64::from),
        DataType::UInt16 => all::<UInt16Type>(array, f64::from),
        DataType::UInt32 => all::<UInt32Type>(array, f64::from),
        DataType::UInt64 => all::<UInt64Type>(array, |x| x as f64),
        DataType::Boolean => {
            let array = array.as_boolean_opt()?;
            let value = |x: Option<bool>| x.map_or(f64::NAN, f64::from);
            Some(array.iter().map(value).collect())
        }
        DataType::Null => Some(vec![f64::NAN; array.len()]),
        _ => None,
    }
}

/// The lists of a column as one matrix, row-major, and its width; a null list is a row of NaN.
fn matrix(parts: &[&ArrayRef]) -> Result<(usize, Vec<f64>), String> {
    let mut rows: Vec<Option<Vec<f64>>> = Vec::new();
    for part in parts {
        for row in 0..part.len() {
            rows.push(match part.is_null(row) {
                true => None,
                false => {
                    let list = list_at(part, row).and_then(|list| numbers(&list));
                    Some(list.ok_or_else(|| unusable(part.data_type()))?)
                }
            });
        }
    }
    let width = rows.iter().flatten().map(Vec::len).next().unwrap_or(0);
    if width == 0 {
        return Err("its lists are empty".into());
    }
    let mut values = Vec::with_capacity(rows.len() * width);
    for (row, list) in rows.into_iter().enumerate() {
        let list = list.unwrap_or_else(|| vec![f64::NAN; width]);
        if list.len() != width {
            return Err(format!(
                "row {} is a list of {}, the first of {width}; all must be as long",
                row + 1,
                list.len()
            ));
        }
        values.extend(list);
    }
    Ok((width, values))
}

fn list_at(array: &ArrayRef, row: usize) -> Option<ArrayRef> {
    if let Some(lists) = array.as_list_opt::<i32>() {
        return Some(lists.value(row));
    }
    if let Some(lists) = array.as_list_opt::<i64>() {
        return Some(lists.value(row));
    }
    Some(array.as_fixed_size_list_opt()?.value(row))
}
