//! Simulations in memory, one vector a column.

/// Rows to store: what one shard holds. All vectors have the same length, a row is one simulation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// Number of each simulation, ascending.
    pub simulation: Vec<u64>,
    /// Index into [`crate::Schema::mechanisms`].
    pub mechanism: Vec<u32>,
    /// Why a simulation failed; `None` if it succeeded.
    pub failure: Vec<Option<String>>,
    /// The numeric columns in the schema's order; NaN is missing or not applicable.
    pub columns: Vec<Vec<f64>>,
}

impl Rows {
    /// How many simulations these are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.simulation.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.simulation.is_empty()
    }
}

/// Rows read from a bank, with the names of their columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Names of `rows.columns`, in order.
    pub names: Vec<String>,
    /// The rows, in order of simulation.
    pub rows: Rows,
}

impl Table {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether the table has no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The values of a column, one a row, if it was read.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&[f64]> {
        let position = self.names.iter().position(|n| n == name)?;
        Some(&self.rows.columns[position])
    }

    pub(crate) fn empty(names: Vec<String>) -> Self {
        let columns = vec![Vec::new(); names.len()];
        Self {
            names,
            rows: Rows {
                columns,
                ..Rows::default()
            },
        }
    }

    /// Appends rows of the same columns.
    pub fn append(&mut self, more: Self) {
        debug_assert_eq!(self.names, more.names);
        self.rows.simulation.extend(more.rows.simulation);
        self.rows.mechanism.extend(more.rows.mechanism);
        self.rows.failure.extend(more.rows.failure);
        for (column, values) in self.rows.columns.iter_mut().zip(more.rows.columns) {
            column.extend(values);
        }
    }
}
