//! Matrix products in register tiles: the one kernel behind forward passes (weights times
//! activations), input gradients (transposed weights times gradients) and weight gradients
//! (gradients times transposed activations).
//!
//! Every entry of the result is summed over `k` in order, whatever tile it falls into: an
//! example's numbers do not depend on the examples beside it.

use crate::vector::{Buffer, ROW_UNIT, Vector, dispatched, padded};

/// What a product is added to.
#[derive(Clone, Copy)]
pub(crate) enum Start<'a> {
    /// Zero.
    Zero,
    /// One number for each row of the result.
    Bias(&'a [f32]),
    /// What the result holds already.
    Accumulate,
}

/// The left factor: entry (i, p) is `values[i * row + p * column]`.
#[derive(Clone, Copy)]
pub(crate) struct Left<'a> {
    pub values: &'a [f32],
    pub row: usize,
    pub column: usize,
}

/// Numbers of rows (m), of columns (n), and of terms summed (k).
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub m: usize,
    pub n: usize,
    pub k: usize,
}

/// `c = start + a b` with `b[p * b_row + j]` and `c[i * c_row + j]`. `b` is read up to the next
/// multiple of 16 columns, `c` is written in `n` columns only.
///
/// # Panics
/// If a slice is too short.
pub(crate) fn product(
    size: Size,
    a: Left<'_>,
    b: &[f32],
    b_row: usize,
    c: &mut [f32],
    c_row: usize,
    start: Start<'_>,
) {
    let Size { m, n, k } = size;
    if m == 0 || n == 0 {
        return;
    }
    assert!(c.len() >= (m - 1) * c_row + n);
    if k > 0 {
        assert!(a.values.len() > (m - 1) * a.row + (k - 1) * a.column);
        assert!(b.len() >= (k - 1) * b_row + padded(n));
    }
    if let Start::Bias(bias) = start {
        assert!(bias.len() >= m);
    }
    tiles(size, a, b, b_row, c, c_row, start);
}

dispatched! {
    fn tiles(
        size: Size,
        a: Left<'_>,
        b: &[f32],
        b_row: usize,
        c: &mut [f32],
        c_row: usize,
        start: Start<'_>,
    ) = tiles_body
}

/// Addresses and strides of one tile.
#[derive(Clone, Copy)]
struct Tile<'a> {
    k: usize,
    a: *const f32,
    a_row: usize,
    a_column: usize,
    b: *const f32,
    b_row: usize,
    c: *mut f32,
    c_row: usize,
    start: Start<'a>,
    first_row: usize,
    /// Columns of the last vector that exist.
    last: usize,
}

const MOST_ROWS: usize = 6;
/// Terms summed at a time: few enough that what they read of `b` stays in the first-level cache from
/// one tile of rows to the next.
const MOST_TERMS: usize = 64;

#[inline(always)]
fn tiles_body<V: Vector>(
    size: Size,
    a: Left<'_>,
    b: &[f32],
    b_row: usize,
    c: &mut [f32],
    c_row: usize,
    start: Start<'_>,
) {
    let Size { m, n, k } = size;
    let vectors = n.div_ceil(V::LANES);
    let column_tiles = vectors.div_ceil(V::TILE);
    let row_tiles = m.div_ceil(MOST_ROWS);
    let (a, b, c) = (Left { ..a }, b.as_ptr(), c.as_mut_ptr());
    let mut vector = 0;
    for column_tile in 0..column_tiles {
        let width = (vectors - vector).div_ceil(column_tiles - column_tile);
        let column = vector * V::LANES;
        vector += width;
        let last = (n - column - (width - 1) * V::LANES).min(V::LANES);
        let mut first_term = 0;
        loop {
            let terms = (k - first_term).min(MOST_TERMS);
            let mut row = 0;
            for row_tile in 0..row_tiles {
                let height = (m - row).div_ceil(row_tiles - row_tile);
                // SAFETY: `product` checked that all of a, b (n rounded up to ROW_UNIT, which
                // LANES divides) and c are there; the tile is inside m x n, its terms inside k.
                unsafe {
                    let from = row * a.row + first_term * a.column;
                    let tile = Tile {
                        k: terms,
                        a: a.values.as_ptr().wrapping_add(from),
                        a_row: a.row,
                        a_column: a.column,
                        b: b.wrapping_add(column + first_term * b_row),
                        b_row,
                        c: c.add(row * c_row + column),
                        c_row,
                        start: if first_term == 0 {
                            start
                        } else {
                            Start::Accumulate
                        },
                        first_row: row,
                        last,
                    };
                    by_size::<V>(tile, height, width);
                }
                row += height;
            }
            first_term += terms;
            if first_term == k {
                break;
            }
        }
    }
}

/// Picks the tile's compiled size.
#[inline(always)]
unsafe fn by_size<V: Vector>(tile: Tile<'_>, height: usize, width: usize) {
    macro_rules! pick {
        ($($height:literal)*; $widths:tt) => {
            match height { $( $height => pick!(@width $height $widths), )* _ => unreachable!() }
        };
        (@width $height:literal ($($width:literal)*)) => {
            match width {
                // SAFETY: the caller's promise.
                $( $width => unsafe { run::<V, $height, $width>(tile) }, )*
                _ => unreachable!(),
            }
        };
    }
    pick!(1 2 3 4 5 6; (1 2 3 4));
}

#[inline(always)]
unsafe fn run<V: Vector, const M: usize, const N: usize>(tile: Tile<'_>) {
    let Tile {
        k,
        a,
        a_row,
        a_column,
        b,
        b_row,
        c,
        c_row,
        start,
        first_row,
        last,
    } = tile;
    let mut sums = [[V::splat(0.0); N]; M];
    // SAFETY: the caller promises M rows of c with N vectors (the last with `last` lanes), M rows
    // of a with k entries, and k rows of b with N whole vectors.
    unsafe {
        match start {
            Start::Zero => {}
            Start::Bias(bias) => {
                for (i, row) in sums.iter_mut().enumerate() {
                    *row = [V::splat(*bias.get_unchecked(first_row + i)); N];
                }
            }
            Start::Accumulate => {
                for (i, row) in sums.iter_mut().enumerate() {
                    for (j, sum) in row.iter_mut().enumerate() {
                        let at = c.add(i * c_row + j * V::LANES);
                        *sum = if j + 1 < N || last == V::LANES {
                            V::read(at)
                        } else {
                            read_some(at, last)
                        };
                    }
                }
            }
        }
        let mut b_at = b;
        let mut a_at = a;
        // Offsets that are kept beside one moving address; else every term pays for M additions.
        let rows: [usize; M] = std::array::from_fn(|i| std::hint::black_box(i * a_row));
        for _ in 0..k {
            let mut right = [V::splat(0.0); N];
            for (j, right) in right.iter_mut().enumerate() {
                *right = V::read(b_at.add(j * V::LANES));
            }
            for (i, row) in sums.iter_mut().enumerate() {
                let left = V::splat(*a_at.add(rows[i]));
                for (sum, &right) in row.iter_mut().zip(&right) {
                    *sum = left.mul_add(right, *sum);
                }
            }
            b_at = b_at.wrapping_add(b_row);
            a_at = a_at.wrapping_add(a_column);
        }
        for (i, row) in sums.iter().enumerate() {
            for (j, &sum) in row.iter().enumerate() {
                let at = c.add(i * c_row + j * V::LANES);
                if j + 1 < N || last == V::LANES {
                    sum.write(at);
                } else {
                    write_some(sum, at, last);
                }
            }
        }
    }
}

/// `count` lanes from memory, the others 0.
#[inline(always)]
unsafe fn read_some<V: Vector>(from: *const f32, count: usize) -> V {
    let mut lanes = [0.0; ROW_UNIT];
    // SAFETY: the caller promises `count` readable floats, fewer than LANES.
    unsafe { std::ptr::copy_nonoverlapping(from, lanes.as_mut_ptr(), count) };
    V::load(&lanes, 0)
}

/// The first `count` lanes to memory.
#[inline(always)]
unsafe fn write_some<V: Vector>(lanes: V, to: *mut f32, count: usize) {
    let mut buffer = [0.0; ROW_UNIT];
    lanes.store(&mut buffer, 0);
    // SAFETY: the caller promises `count` writable floats, fewer than LANES.
    unsafe { std::ptr::copy_nonoverlapping(buffer.as_ptr(), to, count) };
}

/// Transposes `features` x `rows` (stride `rows`, a multiple of 16) to `rows` x
/// `padded(features)`, the padding filled with 0. Returns the stride of the result; 16 floats
/// follow its end, so that a window of columns can be read in whole vectors.
pub(crate) fn transpose(features: usize, rows: usize, x: &[f32], out: &mut Buffer) -> usize {
    assert!(rows.is_multiple_of(ROW_UNIT) && x.len() >= features * rows);
    let stride = padded(features);
    out.grow(rows * stride + ROW_UNIT);
    transpose_blocks(features, rows, x, out, stride);
    stride
}

dispatched! {
    fn transpose_blocks(features: usize, rows: usize, x: &[f32], out: &mut [f32], stride: usize)
        = transpose_body
}

#[inline(always)]
fn transpose_body<V: Vector>(
    features: usize,
    rows: usize,
    x: &[f32],
    out: &mut [f32],
    stride: usize,
) {
    for feature in (0..stride).step_by(V::LANES) {
        let valid = features.saturating_sub(feature).min(V::LANES);
        for row in (0..rows).step_by(V::LANES) {
            // SAFETY: `transpose` checked both sizes; only `valid` source rows are read.
            unsafe {
                V::transpose(
                    x.as_ptr().wrapping_add(feature * rows + row),
                    rows,
                    valid,
                    out.as_mut_ptr().add(row * stride + feature),
                    stride,
                );
            }
        }
    }
}

dispatched! {
    /// Adds the sum over examples of each feature of `x` to `out`.
    pub(crate) fn add_row_sums(rows: usize, x: &[f32], out: &mut [f32]) = add_row_sums_body
}

#[inline(always)]
fn add_row_sums_body<V: Vector>(rows: usize, x: &[f32], out: &mut [f32]) {
    for (feature, out) in x.chunks_exact(rows).zip(out) {
        let mut sum = V::splat(0.0);
        for at in (0..rows).step_by(V::LANES) {
            sum = sum + V::load(feature, at);
        }
        *out += sum.sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gnomon_mechanism::random::{Purpose, Stream};

    fn numbers(n: usize, index: u64) -> Vec<f32> {
        let mut stream = Stream::new(7, Purpose::WEIGHTS, index);
        (0..n).map(|_| stream.normal() as f32).collect()
    }

    fn reference(size: Size, a: Left<'_>, b: &[f32], b_row: usize, i: usize, j: usize) -> f64 {
        (0..size.k)
            .map(|p| f64::from(a.values[i * a.row + p * a.column]) * f64::from(b[p * b_row + j]))
            .sum()
    }

    /// Every height and width of tile, every start, both orders of the left factor, at the
    /// machine's level and the portable one.
    #[test]
    fn products_agree_with_f64() {
        for (index, (m, n, k)) in [
            (1, 16, 3),
            (6, 64, 7),
            (13, 112, 50),
            (2, 5, 16),
            (25, 33, 9),
            (7, 96, 1),
            (3, 16, 0),
        ]
        .into_iter()
        .enumerate()
        {
            let size = Size { m, n, k };
            let (a, b) = (numbers(m * k, index as u64), numbers(k * padded(n), 100));
            let (bias, held) = (numbers(m, 200), numbers(m * n, 300));
            for a in [
                Left {
                    values: &a,
                    row: k,
                    column: 1,
                },
                Left {
                    values: &a,
                    row: 1,
                    column: m,
                },
            ] {
                for start in [Start::Zero, Start::Bias(&bias), Start::Accumulate] {
                    let mut c = held.clone();
                    product(size, a, &b, padded(n), &mut c, n, start);
                    let mut portable = held.clone();
                    tiles_body::<crate::vector::portable::Array8>(
                        size,
                        a,
                        &b,
                        padded(n),
                        &mut portable,
                        n,
                        start,
                    );
                    for i in 0..m {
                        for j in 0..n {
                            let want = reference(size, a, &b, padded(n), i, j)
                                + match start {
                                    Start::Zero => 0.0,
                                    Start::Bias(bias) => f64::from(bias[i]),
                                    Start::Accumulate => f64::from(held[i * n + j]),
                                };
                            for got in [c[i * n + j], portable[i * n + j]] {
                                assert!((f64::from(got) - want).abs() < 2e-5, "{m} {n} {k}");
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn an_example_does_not_depend_on_its_neighbours() {
        let (w, x) = (numbers(20 * 30, 0), numbers(30 * 128, 1));
        let a = Left {
            values: &w,
            row: 30,
            column: 1,
        };
        let mut whole = vec![0.0; 20 * 128];
        product(
            Size {
                m: 20,
                n: 128,
                k: 30,
            },
            a,
            &x,
            128,
            &mut whole,
            128,
            Start::Zero,
        );
        let mut part = vec![0.0; 20 * 48];
        product(
            Size {
                m: 20,
                n: 48,
                k: 30,
            },
            a,
            &x,
            128,
            &mut part,
            48,
            Start::Zero,
        );
        for i in 0..20 {
            assert_eq!(whole[i * 128..i * 128 + 48], part[i * 48..(i + 1) * 48]);
        }
    }

    #[test]
    fn transposes_and_row_sums_are_exact() {
        for (features, rows) in [(1, 16), (16, 32), (19, 48), (40, 16)] {
            let x = numbers(features * rows, 5);
            let mut out = Buffer::default();
            let stride = transpose(features, rows, &x, &mut out);
            for f in 0..stride {
                for r in 0..rows {
                    let want = if f < features { x[f * rows + r] } else { 0.0 };
                    assert_eq!(out[r * stride + f], want);
                }
            }
            let mut sums = vec![1.0; features];
            add_row_sums(rows, &x, &mut sums);
            for (f, &sum) in sums.iter().enumerate() {
                let want: f64 = x[f * rows..(f + 1) * rows]
                    .iter()
                    .map(|&x| f64::from(x))
                    .sum();
                assert!((f64::from(sum) - 1.0 - want).abs() < 1e-5);
            }
        }
    }
}
