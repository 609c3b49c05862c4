//! Between rows (examples as tables hold them) and features (as kernels want them).

/// Lays rows out feature by feature, padded with zeros to `stride` examples.
pub(super) fn gather<'a>(
    out: &mut [f32],
    stride: usize,
    columns: usize,
    rows: impl ExactSizeIterator<Item = &'a [f32]>,
) {
    let count = rows.len();
    let out = &mut out[..columns * stride];
    for (r, row) in rows.enumerate() {
        for (to, &value) in out[r..].iter_mut().step_by(stride).zip(row) {
            *to = value;
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
