//! Linear systems whose matrix has its entries near the diagonal.

/// A square matrix with `half` diagonals on either side of the main one, and room for the fill that
/// exchanges of rows bring.
#[derive(Clone, Debug)]
pub(super) struct Banded {
    size: usize,
    half: usize,
    width: usize,
    /// Row-major: row r holds columns r - half to r + 2 half.
    entries: Vec<f64>,
}

impl Banded {
    /// A matrix of zeros.
    pub fn zeros(size: usize, half: usize) -> Self {
        let half = half.min(size.saturating_sub(1));
        let width = 3 * half + 1;
        Self {
            size,
            half,
            width,
            entries: vec![0.0; size * width],
        }
    }

    pub fn clear(&mut self) {
        self.entries.fill(0.0);
    }

    fn place(&self, row: usize, column: usize) -> usize {
        row * self.width + column + self.half - row
    }

    /// Adds to an entry of the band.
    pub fn add(&mut self, row: usize, column: usize, value: f64) {
        debug_assert!(row.abs_diff(column) <= self.half);
        let place = self.place(row, column);
        self.entries[place] += value;
    }

    /// Puts the solution x of A x = b in the place of b, by Gaussian elimination with partial pivoting; the
    /// matrix is used up. False where it is singular.
    #[must_use]
    pub fn solve(&mut self, b: &mut [f64]) -> bool {
        let (n, half) = (self.size, self.half);
        for k in 0..n {
            let below = (k + half).min(n - 1);
            let right = (k + 2 * half).min(n - 1);
            let size = |row: usize| self.entries[self.place(row, k)].abs();
            let pivot = (k..=below).fold(
                k,
                |best, row| {
                    if size(row) > size(best) { row } else { best }
                },
            );
            if size(pivot) == 0.0 || !size(pivot).is_finite() {
                return false;
            }
            if pivot != k {
                for column in k..=right {
                    let (one, other) = (self.place(k, column), self.place(pivot, column));
                    self.entries.swap(one, other);
                }
                b.swap(k, pivot);
            }
            let (head, tail) = self.entries.split_at_mut((k + 1) * self.width);
            let own = &head[k * self.width + half..][..=right - k];
            for row in k + 1..=below {
                let at = (row - k - 1) * self.width + k + half - row;
                let others = &mut tail[at..][..=right - k];
                let factor = others[0] / own[0];
                if factor != 0.0 {
                    for (entry, &above) in others[1..].iter_mut().zip(&own[1..]) {
                        *entry -= factor * above;
                    }
                    b[row] -= factor * b[k];
                }
            }
        }
        for k in (0..n).rev() {
            let right = (k + 2 * half).min(n - 1);
            let row = &self.entries[k * self.width + half..][..=right - k];
            let known = row[1..].iter().zip(&b[k + 1..=right]);
            let sum: f64 = known.map(|(entry, x)| entry * x).sum();
            b[k] = (b[k] - sum) / row[0];
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn solves_what_it_multiplied(
            size in 1usize..12,
            half in 0usize..5,
            numbers in prop::collection::vec(-1.0f64..1.0, 12 * 13),
        ) {
            let half = half.min(size - 1);
            let x = &numbers[..size];
            let mut matrix = Banded::zeros(size, half);
            let mut b = vec![0.0; size];
            for row in 0..size {
                for column in row.saturating_sub(half)..=(row + half).min(size - 1) {
                    // Large entries below the diagonal force exchanges; on it they keep the matrix regular.
                    let entry = numbers[12 + row * 12 + column] + if row == column { 8.0 } else { 0.0 };
                    matrix.add(row, column, entry);
                    b[row] += entry * x[column];
                }
            }
            prop_assert!(matrix.solve(&mut b));
            for (found, wanted) in b.iter().zip(x) {
                prop_assert!((found - wanted).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn exchanges_rows_where_the_diagonal_is_zero() {
        let mut matrix = Banded::zeros(3, 1);
        for (row, column, value) in [
            (0, 1, 2.0),
            (1, 0, 3.0),
            (1, 2, 1.0),
            (2, 1, 1.0),
            (2, 2, 4.0),
        ] {
            matrix.add(row, column, value);
        }
        let mut b = [4.0, 6.0, 14.0];
        assert!(matrix.solve(&mut b));
        assert_eq!(b, [1.0, 2.0, 3.0]);
        assert!(!Banded::zeros(2, 1).solve(&mut [1.0, 1.0]));
    }
}
