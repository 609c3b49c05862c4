//! Band matrices, one in each lane: LU with partial pivoting chosen lane by lane.
//!
//! Row r holds its columns r - lower, ..., r + upper + lower: exchanged rows reach farther right.

use super::dense::{Exchanges, exchange};
use crate::lanes::Lanes;

/// How far entries lie from the diagonal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Band {
    pub n: usize,
    pub lower: usize,
    pub upper: usize,
}

impl Band {
    /// Numbers a row holds.
    pub fn width(self) -> usize {
        2 * self.lower + self.upper + 1
    }

    /// Where entry (row, column) lies.
    pub fn place(self, row: usize, column: usize) -> usize {
        row * self.width() + column + self.lower - row
    }

    /// Multiplications that a factorisation takes.
    pub fn work(self) -> usize {
        self.n * self.lower * (self.lower + self.upper + 1)
    }

    /// The last row below `p` that reaches column `p`, and the end of the columns of those rows.
    fn window(self, p: usize) -> (usize, usize) {
        let last = (p + self.lower).min(self.n - 1);
        let end = (p + self.lower + self.upper + 1).min(self.n);
        (last, end)
    }
}

/// Factors in place, as `dense::factor` does, but that rows already left behind keep their factors
/// where they are: [`solve`] exchanges as it goes.
#[inline(always)]
pub(super) fn factor<const W: usize>(
    band: Band,
    matrix: &mut [Lanes<W>],
    exchanges: &mut Exchanges<W>,
) {
    let width = band.width();
    assert!(matrix.len() == band.n * width);
    exchanges.clear();
    for p in 0..band.n {
        let (last, end) = band.window(p);
        let many = end - p;
        for r in p + 1..=last {
            let (upper, lower) = matrix.split_at_mut(r * width);
            let upper = &mut upper[p * width + band.lower..][..many];
            let lower = &mut lower[band.lower - (r - p)..][..many];
            let (mut moves, mut any) = ([0u64; W], 0);
            for lane in 0..W {
                let larger = lower[0].0[lane].abs() > upper[0].0[lane].abs();
                moves[lane] = u64::from(larger).wrapping_neg();
                any |= moves[lane];
            }
            if any != 0 {
                for (a, b) in upper.iter_mut().zip(lower) {
                    exchange(a, b, &moves);
                }
                exchanges.push((p, r, moves));
            }
        }
        let pivot = &mut matrix[p * width + band.lower];
        for lane in 0..W {
            pivot.0[lane] = 1.0 / pivot.0[lane];
        }
        for r in p + 1..=last {
            let (upper, lower) = matrix.split_at_mut(r * width);
            let pivot_row = &upper[p * width + band.lower..][..many];
            let row = &mut lower[band.lower - (r - p)..][..many];
            let (factor, rest) = row.split_at_mut(1);
            for lane in 0..W {
                factor[0].0[lane] *= pivot_row[0].0[lane];
            }
            for (to, from) in rest.iter_mut().zip(&pivot_row[1..]) {
                for lane in 0..W {
                    to.0[lane] = (-factor[0].0[lane]).mul_add(from.0[lane], to.0[lane]);
                }
            }
        }
    }
}

/// Solves for the right-hand sides `x`, in place, with the factors of [`factor`].
#[inline(always)]
pub(super) fn solve<const W: usize>(
    band: Band,
    matrix: &[Lanes<W>],
    exchanges: &Exchanges<W>,
    x: &mut [Lanes<W>],
) {
    let width = band.width();
    assert!(matrix.len() == band.n * width && x.len() == band.n);
    let mut left = exchanges.as_slice();
    for p in 0..band.n {
        while let Some(((column, r, moves), rest)) = left.split_first() {
            if *column != p {
                break;
            }
            let (upper, lower) = x.split_at_mut(*r);
            exchange(&mut upper[p], &mut lower[0], moves);
            left = rest;
        }
        let (known, others) = x.split_at_mut(p + 1);
        let (last, _) = band.window(p);
        for (down, to) in others[..last - p].iter_mut().enumerate() {
            let factor = &matrix[band.place(p + 1 + down, p)];
            for lane in 0..W {
                to.0[lane] = (-factor.0[lane]).mul_add(known[p].0[lane], to.0[lane]);
            }
        }
    }
    for r in (0..band.n).rev() {
        let (_, end) = band.window(r);
        let row = &matrix[r * width + band.lower..][..end - r];
        let (to, known) = x.split_at_mut(r + 1);
        for (entry, known) in row[1..].iter().zip(known.iter()) {
            for lane in 0..W {
                to[r].0[lane] = (-entry.0[lane]).mul_add(known.0[lane], to[r].0[lane]);
            }
        }
        for lane in 0..W {
            to[r].0[lane] *= row[0].0[lane];
        }
    }
}
