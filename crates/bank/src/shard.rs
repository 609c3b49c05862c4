//! One shard: [`Rows`] to Parquet bytes and back. In memory a missing number is NaN, on disk null.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, UInt64Type};
use arrow_array::{Array, ArrayRef, Float64Array, RecordBatch, UInt64Array};
use arrow_schema::{DataType, Field, Schema as ArrowSchema};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::ChunkReader;
use parquet::schema::types::ColumnPath;

use crate::schema::{FAILURE, FIXED, MECHANISM, SIMULATION};
use crate::shard_name::ShardName;
use crate::{BankError, Role, Rows, Schema, Table};

/// Parquet metadata key under which a shard keeps the bank's schema.
const SCHEMA_KEY: &str = "gnomon.schema";

/// Rows per batch when reading: large enough that a shard is a few batches.
const BATCH: usize = 1 << 16;

/// Parquet bytes of a batch's worth of rows, all in one file.
pub(crate) fn encode(schema: &Schema, rows: &Rows) -> Result<Vec<u8>, BankError> {
    let mut writer = start(schema, Vec::new())?;
    let written = batch(schema, rows)
        .map_err(ParquetError::from)
        .and_then(|batch| writer.write(&batch))
        .and_then(|()| writer.into_inner());
    written.map_err(|e| BankError::Schema(e.to_string()))
}

/// A Parquet writer for the bank's columns, its metadata set.
pub(crate) fn start<W: std::io::Write + Send>(
    schema: &Schema,
    sink: W,
) -> Result<ArrowWriter<W>, BankError> {
    // Continuous columns have no repeated values: a dictionary only costs time there.
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_key_value_metadata(Some(vec![KeyValue::new(
            SCHEMA_KEY.to_string(),
            schema.to_json()?,
        )]))
        .set_column_dictionary_enabled(ColumnPath::from(SIMULATION), false);
    for column in &schema.columns {
        if !matches!(column.role, Role::Observed { .. }) {
            // A path of one part: a dot in the name is no nesting.
            let path = ColumnPath::new(vec![column.name.clone()]);
            properties = properties.set_column_dictionary_enabled(path, false);
        }
    }
    ArrowWriter::try_new(sink, arrow_schema(schema), Some(properties.build()))
        .map_err(|e| BankError::Schema(e.to_string()))
}

fn arrow_schema(schema: &Schema) -> Arc<ArrowSchema> {
    let fixed = [
        Field::new(SIMULATION, DataType::UInt64, false),
        Field::new(MECHANISM, DataType::Utf8, false),
        Field::new(FAILURE, DataType::Utf8, true),
    ];
    let numbers = schema
        .names()
        .map(|name| Field::new(name, DataType::Float64, true));
    Arc::new(ArrowSchema::new(
        fixed.into_iter().chain(numbers).collect::<Vec<_>>(),
    ))
}

/// The rows as an Arrow batch. The caller has checked that they fit the schema.
pub(crate) fn batch(schema: &Schema, rows: &Rows) -> Result<RecordBatch, arrow_schema::ArrowError> {
    let mut mechanism = StringBuilder::new();
    for &index in &rows.mechanism {
        mechanism.append_value(&schema.mechanisms[index as usize].name);
    }
    let mut failure = StringBuilder::new();
    for reason in &rows.failure {
        failure.append_option(reason.as_deref());
    }
    let mut arrays: Vec<ArrayRef> = vec![
        Arc::new(UInt64Array::from(rows.simulation.clone())),
        Arc::new(mechanism.finish()),
        Arc::new(failure.finish()),
    ];
    for column in &rows.columns {
        let values = column.iter().map(|&x| (!x.is_nan()).then_some(x));
        arrays.push(Arc::new(values.collect::<Float64Array>()));
    }
    RecordBatch::try_new(arrow_schema(schema), arrays)
}

/// Reads a shard's footer and checks that it belongs to the bank and has the rows of its name.
/// Values are checked when they are read.
pub(crate) fn check_footer<R: ChunkReader + 'static>(
    path: &Path,
    name: &ShardName,
    schema: &Schema,
    file: R,
) -> Result<(), BankError> {
    open(path, name, schema, file).map(|_| ())
}

fn open<R: ChunkReader + 'static>(
    path: &Path,
    name: &ShardName,
    schema: &Schema,
    file: R,
) -> Result<ParquetRecordBatchReaderBuilder<R>, BankError> {
    let builder = guarded(|| ParquetRecordBatchReaderBuilder::try_new(file))
        .map_err(|problem| BankError::damaged(path, problem))?;
    let metadata = builder.metadata().file_metadata();
    let stored = metadata
        .key_value_metadata()
        .and_then(|pairs| pairs.iter().find(|pair| pair.key == SCHEMA_KEY))
        .and_then(|pair| pair.value.as_deref());
    let Some(stored) = stored else {
        return Err(BankError::Stray {
            file: path.to_path_buf(),
            problem: "a Parquet file without a bank's schema".into(),
        });
    };
    let stored: Schema = serde_json::from_str(stored)
        .map_err(|e| BankError::damaged(path, format!("its schema cannot be read: {e}")))?;
    if stored != *schema {
        return Err(BankError::Foreign {
            path: path.to_path_buf(),
            differences: stored.differences(schema),
        });
    }
    let rows = u64::try_from(metadata.num_rows()).unwrap_or(u64::MAX);
    if rows != name.end - name.first {
        let problem = format!(
            "it has {rows} rows, its name says {}",
            name.end - name.first
        );
        return Err(BankError::damaged(path, problem));
    }
    if builder.schema().fields() != arrow_schema(schema).fields() {
        return Err(BankError::damaged(
            path,
            "its columns are not those of its schema",
        ));
    }
    Ok(builder)
}

/// Decodes a shard whose checksum holds: the columns at `positions` of the schema, in that order.
pub(crate) fn decode(
    path: &Path,
    name: &ShardName,
    schema: &Schema,
    bytes: Bytes,
    positions: &[usize],
) -> Result<Table, BankError> {
    let builder = open(path, name, schema, bytes)?;
    let roots = (0..FIXED.len()).chain(positions.iter().map(|p| p + FIXED.len()));
    let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
    let builder = builder.with_projection(mask).with_batch_size(BATCH);
    let batches = guarded(|| -> Result<Vec<RecordBatch>, ParquetError> {
        Ok(builder.build()?.collect::<Result<Vec<_>, _>>()?)
    })
    .map_err(|problem| BankError::damaged(path, problem))?;

    let names = positions
        .iter()
        .map(|&p| schema.columns[p].name.clone())
        .collect();
    let mut table = Table::empty(names);
    for batch in &batches {
        read_batch(schema, batch, &mut table)
            .ok_or_else(|| BankError::damaged(path, "a column has the wrong kind of values"))?;
    }
    if !table
        .rows
        .simulation
        .iter()
        .copied()
        .eq(name.first..name.end)
    {
        return Err(BankError::damaged(
            path,
            "its simulations are not those of its name",
        ));
    }
    Ok(table)
}

/// Appends a batch to the table; `None` if a column is not what the schema says.
fn read_batch(schema: &Schema, batch: &RecordBatch, table: &mut Table) -> Option<()> {
    let rows = &mut table.rows;
    let simulation = batch.column_by_name(SIMULATION)?;
    rows.simulation
        .extend(simulation.as_primitive_opt::<UInt64Type>()?.values());
    for name in batch.column_by_name(MECHANISM)?.as_string_opt::<i32>()? {
        let known = schema
            .mechanisms
            .iter()
            .position(|m| Some(m.name.as_str()) == name)?;
        rows.mechanism.push(u32::try_from(known).ok()?);
    }
    for reason in batch.column_by_name(FAILURE)?.as_string_opt::<i32>()? {
        rows.failure.push(reason.map(str::to_string));
    }
    for (column, name) in rows.columns.iter_mut().zip(&table.names) {
        append_numbers(batch.column_by_name(name)?, column)?;
    }
    Some(())
}

fn append_numbers(array: &ArrayRef, column: &mut Vec<f64>) -> Option<()> {
    let array = array.as_primitive_opt::<Float64Type>()?;
    if array.null_count() == 0 {
        column.extend_from_slice(array.values());
    } else {
        column.extend(array.iter().map(|x| x.unwrap_or(f64::NAN)));
    }
    Some(())
}

/// Runs the Parquet reader on bytes that may be anything: its panics become errors too.
pub(crate) fn guarded<T>(read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("its contents make no sense to the Parquet reader".into()),
    }
}
