//! Between rows (examples as tables hold them) and features (as kernels want them).

use crate::vector::prefetch;

/// Rows that are asked of memory before they are read: shuffled ones lie anywhere.
const AHEAD: usize = 24;

/// Lays rows out feature by feature, padded with zeros to `stride` examples.
pub(super) fn gather<'a>(
    out: &mut [f32],
    stride: usize,
    columns: usize,
    rows: impl ExactSizeIterator<Item = &'a [f32]> + Clone,
) {
    let count = rows.len();
    let out = &mut out[..columns * stride];
    let mut coming = rows.clone();
    coming.by_ref().take(AHEAD).for_each(prefetch);
    for (r, row) in rows.enumerate() {
        coming.next().into_iter().for_each(prefetch);
        // By index: an iterator of steps divides for its length, row after row.
        let mut to = r;
        for &value in row {
            out[to] = value;
            to += stride;
        }
    }
    if count < stride {
        for feature in out.chunks_exact_mut(stride) {
            feature[count..].fill(0.0);
        }
    }
}

/// Lays features out row by row.
pub(super) fn scatter(features: &[f32], stride: usize, columns: usize, out: &mut [f32]) {
    for (r, row) in out.chunks_exact_mut(columns).enumerate() {
        for (value, &from) in row.iter_mut().zip(features[r..].iter().step_by(stride)) {
            *value = from;
        }
    }
}

/// Lays out each example's values feature by feature; runs of examples that share them are filled.
pub(super) fn spread<'a>(
    rows: usize,
    count: usize,
    of: impl Fn(usize) -> &'a [f32],
    out: &mut [f32],
) {
    let mut from = 0;
    while from < rows {
        let values = of(from);
        let same = |row: &usize| std::ptr::eq(of(*row), values);
        let to = from + (from..rows).take_while(same).count();
        for feature in 0..count {
            out[feature * rows + from..feature * rows + to].fill(values[feature]);
        }
        from = to;
    }
}
