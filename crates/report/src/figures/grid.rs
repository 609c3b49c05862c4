//! Small multiples: equal cells in rows, with labels only at the outer edges.

/// A grid of `count` equal cells.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    /// Cells in all.
    pub count: usize,
    /// Cells in a row.
    pub columns: usize,
    /// Position of the first cell.
    pub origin: [f64; 2],
    /// Width and height of a cell.
    pub cell: [f64; 2],
    /// Space between cells.
    pub gap: [f64; 2],
}

impl Grid {
    /// The grid that fills `width` from `origin` to the right. `columns` is at least 1.
    pub fn new(count: usize, columns: usize, width: f64, origin: [f64; 2], gap: [f64; 2]) -> Self {
        let columns = columns.clamp(1, count.max(1));
        let free = width - origin[0] - gap[0] * (columns - 1) as f64 - 8.0;
        let cell = [(free / columns as f64).max(24.0), 0.0];
        Self {
            count,
            columns,
            origin,
            cell,
            gap,
        }
    }

    /// The same with cells of this height.
    pub fn of_height(mut self, height: f64) -> Self {
        self.cell[1] = height;
        self
    }

    /// Upper left corner of cell `index`.
    pub fn corner(&self, index: usize) -> [f64; 2] {
        let place = [index % self.columns, index / self.columns];
        [0, 1].map(|k| self.origin[k] + place[k] as f64 * (self.cell[k] + self.gap[k]))
    }

    /// Whether cell `index` is the first of its row.
    pub fn starts_row(&self, index: usize) -> bool {
        index.is_multiple_of(self.columns)
    }

    /// Whether no cell lies below cell `index`.
    pub fn ends_column(&self, index: usize) -> bool {
        index + self.columns >= self.count
    }

    /// Lower edge of the last row.
    pub fn bottom(&self) -> f64 {
        self.corner(self.count.saturating_sub(1))[1] + self.cell[1]
    }
}
