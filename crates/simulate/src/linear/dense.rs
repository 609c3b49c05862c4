//! Small dense linear systems, one in each lane: LU with partial pivoting chosen lane by lane.

use crate::lanes::Lanes;

/// The rows that were exchanged, in order: both rows, and all bits set in the lanes where they were.
pub(super) type Exchanges<const W: usize> = Vec<(usize, usize, [u64; W])>;

/// Factors the `n` by `n` matrices (row-major) in place; reciprocals of the pivots lie on the
/// diagonal. A singular lane gets numbers that are not finite, which its error estimate rejects.
#[inline(always)]
pub(super) fn factor<const N: usize, const W: usize>(
    n: usize,
    matrix: &mut [Lanes<W>],
    exchanges: &mut Exchanges<W>,
) {
    let n = if N > 0 { N } else { n };
    assert!(matrix.len() == n * n);
    exchanges.clear();
    for p in 0..n {
        // The largest of the column moves up, pair by pair; usually no lane moves at all.
        for r in p + 1..n {
            let (mut moves, mut any) = ([0u64; W], 0);
            for lane in 0..W {
                let larger = matrix[r * n + p].0[lane].abs() > matrix[p * n + p].0[lane].abs();
                moves[lane] = u64::from(larger).wrapping_neg();
                any |= moves[lane];
            }
            if any != 0 {
                for c in 0..n {
                    let (upper, lower) = matrix.split_at_mut(r * n);
                    exchange(&mut upper[p * n + c], &mut lower[c], &moves);
                }
                exchanges.push((p, r, moves));
            }
        }
        for lane in 0..W {
            matrix[p * n + p].0[lane] = 1.0 / matrix[p * n + p].0[lane];
        }
        for r in p + 1..n {
            let (upper, lower) = matrix.split_at_mut(r * n);
            let pivot_row = &upper[p * n..(p + 1) * n];
            let row = &mut lower[..n];
            for lane in 0..W {
                row[p].0[lane] *= pivot_row[p].0[lane];
            }
            let (factor, rest) = row[p..].split_at_mut(1);
            for (to, from) in rest.iter_mut().zip(&pivot_row[p + 1..]) {
                for lane in 0..W {
                    to.0[lane] = (-factor[0].0[lane]).mul_add(from.0[lane], to.0[lane]);
                }
            }
        }
    }
}

/// Exchanges by exclusive or: with selects instead, rustc 1.95 (LLVM 22) at AVX2 and AVX-512 reads
/// `a` again after it was written and loses its old numbers; the test below watches.
#[inline(always)]
pub(super) fn exchange<const W: usize>(a: &mut Lanes<W>, b: &mut Lanes<W>, moves: &[u64; W]) {
    for lane in 0..W {
        let (x, y) = (a.0[lane].to_bits(), b.0[lane].to_bits());
        let change = (x ^ y) & moves[lane];
        a.0[lane] = f64::from_bits(x ^ change);
        b.0[lane] = f64::from_bits(y ^ change);
    }
}

/// Solves for the right-hand sides `x`, in place, with the factors of [`factor`].
#[inline(always)]
pub(super) fn solve<const N: usize, const W: usize>(
    n: usize,
    matrix: &[Lanes<W>],
    exchanges: &Exchanges<W>,
    x: &mut [Lanes<W>],
) {
    let n = if N > 0 { N } else { n };
    assert!(matrix.len() == n * n && x.len() == n);
    for (p, r, moves) in exchanges {
        let (upper, lower) = x.split_at_mut(*r);
        exchange(&mut upper[*p], &mut lower[0], moves);
    }
    for r in 1..n {
        let (known, to) = x.split_at_mut(r);
        for (p, known) in known.iter().enumerate() {
            for lane in 0..W {
                to[0].0[lane] = (-matrix[r * n + p].0[lane]).mul_add(known.0[lane], to[0].0[lane]);
            }
        }
    }
    for r in (0..n).rev() {
        let (to, known) = x.split_at_mut(r + 1);
        for (c, known) in known.iter().enumerate() {
            for lane in 0..W {
                let entry = matrix[r * n + r + 1 + c].0[lane];
                to[r].0[lane] = (-entry).mul_add(known.0[lane], to[r].0[lane]);
            }
        }
        for lane in 0..W {
            to[r].0[lane] *= matrix[r * n + r].0[lane];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gnomon_mechanism::random::{Purpose, Stream};

    crate::lanes::dispatched! {
        fn factor_and_solve[const N: usize, const W: usize]<N, W>(
            n: usize,
            matrix: &mut [Lanes<W>],
            exchanges: &mut Exchanges<W>,
            x: &mut [Lanes<W>],
        ) = body
    }

    #[inline(always)]
    fn body<const N: usize, const W: usize>(
        n: usize,
        matrix: &mut [Lanes<W>],
        exchanges: &mut Exchanges<W>,
        x: &mut [Lanes<W>],
    ) {
        factor::<N, W>(n, matrix, exchanges);
        solve::<N, W>(n, matrix, exchanges, x);
    }

    /// Random systems in every lane, with exchanges in some lanes only.
    fn check<const N: usize, const W: usize>(n: usize) {
        let mut stream = Stream::new(1, Purpose::CLAIM, n as u64);
        let original: Vec<Lanes<W>> = (0..n * n)
            .map(|_| Lanes(std::array::from_fn(|_| stream.normal())))
            .collect();
        let right: Vec<Lanes<W>> = (0..n)
            .map(|_| Lanes(std::array::from_fn(|_| stream.normal())))
            .collect();
        for set in crate::lanes::InstructionSet::available() {
            let (mut matrix, mut x, mut exchanges) = (original.clone(), right.clone(), Vec::new());
            factor_and_solve::<N, W>(set, n, &mut matrix, &mut exchanges, &mut x);
            assert!(!exchanges.is_empty());
            for lane in 0..W {
                for r in 0..n {
                    let sum: f64 = (0..n)
                        .map(|c| original[r * n + c].0[lane] * x[c].0[lane])
                        .sum();
                    let error = (sum - right[r].0[lane]).abs();
                    assert!(error < 1e-10, "{set:?}, {n} by {n}, lane {lane}: {error}");
                }
            }
        }
    }

    #[test]
    fn solutions_satisfy_their_systems() {
        check::<2, 64>(2);
        check::<3, 64>(3);
        check::<4, 8>(4);
        check::<0, 64>(7);
    }
}
