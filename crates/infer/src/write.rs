//! Draws and answers as files that other programs read: CSV and Parquet, one row a draw or an answer.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;

/// Named columns of draws; the first says which mechanism each draw belongs to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DrawTable {
    /// The mechanism of each row; empty where rows belong to none, and then no column.
    pub mechanism: Vec<String>,
    /// Names of the columns.
    pub names: Vec<String>,
    /// One column a quantity; NaN where the mechanism has none.
    pub columns: Vec<Vec<f64>>,
}

/// A file that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}: {reason}")]
pub struct WriteError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

impl DrawTable {
    /// Adds the draws of one mechanism; `values` has one column a name.
    pub fn add(&mut self, mechanism: &str, names: &[String], values: &[&[f64]]) {
        let (before, count) = (self.mechanism.len(), values.first().map_or(0, |c| c.len()));
        self.mechanism
            .extend(std::iter::repeat_n(mechanism.to_owned(), count));
        for (name, value) in names.iter().zip(values) {
            let place = self
                .names
                .iter()
                .position(|other| other == name)
                .unwrap_or_else(|| {
                    self.names.push(name.clone());
                    self.columns.push(vec![f64::NAN; before]);
                    self.names.len() - 1
                });
            self.columns[place].extend_from_slice(value);
        }
        for column in &mut self.columns {
            column.resize(before + count, f64::NAN);
        }
    }

    /// The table as CSV text; a quantity that a mechanism lacks is an empty field.
    ///
    /// # Errors
    /// Where a name cannot be written.
    pub fn to_csv(&self) -> Result<Vec<u8>, csv::Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let rows = self.columns.first().map_or(0, Vec::len);
        if !self.mechanism.is_empty() {
            writer.write_field("mechanism")?;
        }
        writer.write_record(&self.names)?;
        for row in 0..rows.max(self.mechanism.len()) {
            if let Some(mechanism) = self.mechanism.get(row) {
                writer.write_field(mechanism)?;
            }
            let number = |x: f64| {
                if x.is_nan() {
                    String::new()
                } else {
                    x.to_string()
                }
            };
            writer.write_record(self.columns.iter().map(|column| number(column[row])))?;
        }
        writer
            .into_inner()
            .map_err(|error| error.into_error().into())
    }

    /// The table as the bytes of a Parquet file; a quantity that a mechanism lacks is null.
    ///
    /// # Errors
    /// Where Parquet refuses.
    pub fn to_parquet(&self) -> Result<Vec<u8>, parquet::errors::ParquetError> {
        let (mut fields, mut arrays): (Vec<Field>, Vec<ArrayRef>) = Default::default();
        if !self.mechanism.is_empty() {
            fields.push(Field::new("mechanism", DataType::Utf8, false));
            arrays.push(Arc::new(StringArray::from_iter_values(&self.mechanism)));
        }
        fields.extend(
            self.names
                .iter()
                .map(|name| Field::new(name, DataType::Float64, true)),
        );
        for column in &self.columns {
            let values = column.iter().map(|&x| (!x.is_nan()).then_some(x));
            arrays.push(Arc::new(Float64Array::from_iter(values)));
        }
        let schema = Arc::new(Schema::new(fields));
        let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)?;
        let mut writer = ArrowWriter::try_new(Vec::new(), schema, None)?;
        writer.write(&batch)?;
        writer.into_inner()
    }

    /// Writes `NAME.csv` and `NAME.parquet` into `folder`, each whole or not at all.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn write(&self, folder: &Path, name: &str) -> Result<(), WriteError> {
        let wrong = |path: &Path, reason: String| WriteError {
            path: path.to_owned(),
            reason,
        };
        let (csv, parquet) = (
            folder.join(format!("{name}.csv")),
            folder.join(format!("{name}.parquet")),
        );
        let as_csv = self.to_csv().map_err(|e| wrong(&csv, e.to_string()))?;
        let as_parquet = self
            .to_parquet()
            .map_err(|e| wrong(&parquet, e.to_string()))?;
        std::fs::create_dir_all(folder).map_err(|e| wrong(folder, e.to_string()))?;
        for (path, bytes) in [(csv, as_csv), (parquet, as_parquet)] {
            let attempt = || -> std::io::Result<()> {
                let mut builder = tempfile::Builder::new();
                // As readable as the user's other files.
                #[cfg(unix)]
                builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
                let mut file = builder.suffix(".tmp").tempfile_in(folder)?;
                std::io::Write::write_all(&mut file, &bytes)?;
                file.as_file().sync_all()?;
                file.persist(&path).map_err(|error| error.error)?;
                Ok(())
            };
            attempt().map_err(|error| wrong(&path, error.to_string()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_that_a_mechanism_lacks_is_empty() {
        let mut table = DrawTable::default();
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        table.add("sir", &names(&["beta"]), &[&[1.5, 2.0]]);
        table.add("seir", &names(&["sigma", "beta"]), &[&[0.25], &[3.0]]);
        let text = String::from_utf8(table.to_csv().unwrap()).unwrap();
        assert_eq!(
            text,
            "mechanism,beta,sigma\nsir,1.5,\nsir,2,\nseir,3,0.25\n"
        );
        assert_eq!(&table.to_parquet().unwrap()[..4], b"PAR1");
    }

    #[test]
    fn rows_may_belong_to_no_mechanism() {
        let table = DrawTable {
            mechanism: Vec::new(),
            names: vec!["a".into(), "b".into()],
            columns: vec![vec![1.0, 2.0], vec![3.5, f64::NAN]],
        };
        let text = String::from_utf8(table.to_csv().unwrap()).unwrap();
        assert_eq!(text, "a,b\n1,3.5\n2,\n");
        assert_eq!(&table.to_parquet().unwrap()[..4], b"PAR1");
    }
}
