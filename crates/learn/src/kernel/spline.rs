//! Monotone rational-quadratic splines with linear tails (Durkan, Bekasov, Murray & Papamakarios
//! 2019, equations 4 to 8): forward with its log-derivative, the inverse, and the gradient.
//!
//! One spline an example; lanes run over examples. Its `3 K - 1` raw parameters are K widths, K
//! heights and K - 1 inner derivatives, each a feature row of the buffer.

use crate::vector::{Vector, dispatched, functions};

/// Smallest share of the interval that a bin's width or height takes (nflows' default).
pub(crate) const SMALLEST_SHARE: f32 = 1e-3;
/// Smallest derivative at a knot (nflows' default).
pub(crate) const SMALLEST_SLOPE: f32 = 1e-3;
/// softplus of this is 1 - SMALLEST_SLOPE: raw derivatives of 0 give the identity.
const UNIT_SLOPE: f32 = 0.539_742_4;

/// The shape shared by all splines of a flow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Number of bins K.
    pub bins: usize,
    /// The spline acts on [-bound, bound]; outside it is the identity.
    pub bound: f32,
    /// Multiplies raw widths and heights (1 / sqrt(hidden units), as nflows does).
    pub scale: f32,
}

impl Shape {
    /// Raw parameters of one spline.
    pub(crate) const fn parameters(self) -> usize {
        3 * self.bins - 1
    }
}

/// The bin an example falls into: its number, the left knot, width and height, the shares of
/// widths and heights before it and in it, and the raw derivatives at its ends.
#[derive(Clone, Copy)]
struct Bin<V: Vector> {
    number: V,
    x: V,
    width: V,
    y: V,
    height: V,
    shares: [V; 4],
    slopes: [V; 2],
}

/// Turns raw widths and heights into shares of the interval (softmax), in place.
#[inline(always)]
fn shares<V: Vector>(shape: Shape, rows: usize, at: usize, raw: &mut [f32]) {
    let k = shape.bins;
    for part in 0..2 {
        let first = part * k;
        let mut largest = V::load(raw, first * rows + at);
        for j in 1..k {
            largest = largest.max(V::load(raw, (first + j) * rows + at));
        }
        let scale = V::splat(shape.scale);
        let mut total = V::splat(0.0);
        for j in first..first + k {
            let e = functions::exp((V::load(raw, j * rows + at) - largest) * scale);
            total = total + e;
            e.store(raw, j * rows + at);
        }
        let inverse = V::splat(1.0) / total;
        for j in first..first + k {
            (V::load(raw, j * rows + at) * inverse).store(raw, j * rows + at);
        }
    }
}

/// Finds the bin that holds `value` among the knots of x (`by_height` false) or of y.
#[inline(always)]
fn find<V: Vector>(
    shape: Shape,
    rows: usize,
    at: usize,
    params: &[f32],
    value: V,
    by_height: bool,
) -> Bin<V> {
    let k = shape.bins;
    let full = 2.0 * shape.bound;
    let share = V::splat(full * (1.0 - SMALLEST_SHARE * k as f32));
    let least = V::splat(full * SMALLEST_SHARE);
    let edge = V::splat(0.0);
    let (mut x, mut y) = (V::splat(-shape.bound), V::splat(-shape.bound));
    let (mut width_sum, mut height_sum) = (edge, edge);
    let first_w = V::load(params, at);
    let first_h = V::load(params, k * rows + at);
    let mut bin = Bin {
        number: edge,
        x,
        width: first_w.mul_add(share, least),
        y,
        height: first_h.mul_add(share, least),
        shares: [edge, first_w, edge, first_h],
        slopes: [edge, edge],
    };
    if k > 1 {
        bin.slopes[1] = V::load(params, 2 * k * rows + at);
    }
    let (mut last_width, mut last_height) = (bin.width, bin.height);
    let (mut last_w, mut last_h) = (first_w, first_h);
    for j in 1..k {
        x = x + last_width;
        y = y + last_height;
        width_sum = width_sum + last_w;
        height_sum = height_sum + last_h;
        last_w = V::load(params, j * rows + at);
        last_h = V::load(params, (k + j) * rows + at);
        last_width = last_w.mul_add(share, least);
        last_height = last_h.mul_add(share, least);
        let left = V::load(params, (2 * k + j - 1) * rows + at);
        let right = if j + 1 < k {
            V::load(params, (2 * k + j) * rows + at)
        } else {
            edge
        };
        let here = value.less(if by_height { y } else { x });
        bin.number = V::select(here, bin.number, V::splat(j as f32));
        bin.x = V::select(here, bin.x, x);
        bin.width = V::select(here, bin.width, last_width);
        bin.y = V::select(here, bin.y, y);
        bin.height = V::select(here, bin.height, last_height);
        bin.shares = [
            V::select(here, bin.shares[0], width_sum),
            V::select(here, bin.shares[1], last_w),
            V::select(here, bin.shares[2], height_sum),
            V::select(here, bin.shares[3], last_h),
        ];
        bin.slopes = [
            V::select(here, bin.slopes[0], left),
            V::select(here, bin.slopes[1], right),
        ];
    }
    bin
}

/// The derivatives at the bin's ends; 1 at the ends of the interval (raw value 0).
#[inline(always)]
fn slopes<V: Vector>(raw: [V; 2]) -> [V; 2] {
    [slope(raw[0]), slope(raw[1])]
}

#[inline(always)]
fn slope<V: Vector>(raw: V) -> V {
    functions::softplus(raw + V::splat(UNIT_SLOPE)) + V::splat(SMALLEST_SLOPE)
}

dispatched! {
    /// `y = spline(x)` for each example, adding ln dy/dx to `log_derivative`. On return `params`
    /// holds shares of widths and heights where raw ones were.
    pub(crate) fn forward(
        shape: Shape,
        rows: usize,
        x: &[f32],
        params: &mut [f32],
        y: &mut [f32],
        log_derivative: &mut [f32],
    ) = forward_body
}

#[inline(always)]
fn forward_body<V: Vector>(
    shape: Shape,
    rows: usize,
    x: &[f32],
    params: &mut [f32],
    y: &mut [f32],
    log_derivative: &mut [f32],
) {
    let (one, two) = (V::splat(1.0), V::splat(2.0));
    for at in (0..rows).step_by(V::LANES) {
        shares::<V>(shape, rows, at, params);
        let value = V::load(x, at);
        let inside = value.abs().less(V::splat(shape.bound));
        let clamped = V::select(inside, value, V::splat(0.0));
        let bin = find(shape, rows, at, params, clamped, false);
        let [d0, d1] = slopes(bin.slopes);
        let s = bin.height / bin.width;
        let t = (clamped - bin.x) / bin.width;
        let u = one - t;
        let tu = t * u;
        let numerator = bin.height * (s * t * t + d0 * tu);
        let denominator = s + (d0 + d1 - two * s) * tu;
        let q = d1 * t * t + two * s * tu + d0 * u * u;
        let out = bin.y + numerator / denominator;
        let ratio = s / denominator;
        let log = functions::ln(ratio * ratio * q);
        V::select(inside, out, value).store(y, at);
        let held = V::load(log_derivative, at);
        V::select(inside, held + log, held).store(log_derivative, at);
    }
}

dispatched! {
    /// `x = inverse spline(y)` for each example. `params` as in [`forward`].
    pub(crate) fn inverse(
        shape: Shape,
        rows: usize,
        y: &[f32],
        params: &mut [f32],
        x: &mut [f32],
    ) = inverse_body
}

#[inline(always)]
fn inverse_body<V: Vector>(
    shape: Shape,
    rows: usize,
    y: &[f32],
    params: &mut [f32],
    x: &mut [f32],
) {
    let two = V::splat(2.0);
    for at in (0..rows).step_by(V::LANES) {
        shares::<V>(shape, rows, at, params);
        let value = V::load(y, at);
        let inside = value.abs().less(V::splat(shape.bound));
        let clamped = V::select(inside, value, V::splat(0.0));
        let bin = find(shape, rows, at, params, clamped, true);
        let [d0, d1] = slopes(bin.slopes);
        let s = bin.height / bin.width;
        let above = clamped - bin.y;
        let bend = d0 + d1 - two * s;
        // Durkan et al. 2019, equations 6 to 8: a t^2 + b t + c = 0, in the form without cancellation.
        let a = bin.height * (s - d0) + above * bend;
        let b = bin.height * d0 - above * bend;
        let c = V::splat(0.0) - s * above;
        let discriminant = (b * b - V::splat(4.0) * a * c).max(V::splat(0.0));
        let t = two * c / (V::splat(0.0) - b - discriminant.sqrt());
        let t = t.min(V::splat(1.0)).max(V::splat(0.0));
        V::select(inside, bin.x + t * bin.width, value).store(x, at);
    }
}

dispatched! {
    /// Gradients of a loss through [`forward`]: given those with respect to `y` and to the
    /// log-derivative, adds to that of `x` and replaces `params` (as `forward` left them) by the
    /// gradient of the raw parameters.
    pub(crate) fn backward(
        shape: Shape,
        rows: usize,
        x: &[f32],
        params: &mut [f32],
        y_gradient: &[f32],
        log_gradient: &[f32],
        x_gradient: &mut [f32],
    ) = backward_body
}

#[inline(always)]
fn backward_body<V: Vector>(
    shape: Shape,
    rows: usize,
    x: &[f32],
    params: &mut [f32],
    y_gradient: &[f32],
    log_gradient: &[f32],
    x_gradient: &mut [f32],
) {
    let k = shape.bins;
    let (zero, one, two) = (V::splat(0.0), V::splat(1.0), V::splat(2.0));
    let share = V::splat(2.0 * shape.bound * (1.0 - SMALLEST_SHARE * k as f32));
    for at in (0..rows).step_by(V::LANES) {
        let value = V::load(x, at);
        let inside = value.abs().less(V::splat(shape.bound));
        let clamped = V::select(inside, value, zero);
        let bin = find(shape, rows, at, params, clamped, false);
        let [d0, d1] = slopes(bin.slopes);
        let (gy_all, gl_all) = (V::load(y_gradient, at), V::load(log_gradient, at));
        let gy = V::select(inside, gy_all, zero);
        let gl = V::select(inside, gl_all, zero);

        let inverse_width = one / bin.width;
        let s = bin.height * inverse_width;
        let t = (clamped - bin.x) * inverse_width;
        let u = one - t;
        let (tt, tu, uu) = (t * t, t * u, u * u);
        let rise = s * tt + d0 * tu;
        let bend = d0 + d1 - two * s;
        let denominator = s + bend * tu;
        let q = d1 * tt + two * s * tu + d0 * uu;
        let inverse_denominator = one / denominator;
        let inverse_q = one / q;

        // y = bin.y + height * rise / denominator; log = 2 ln s + ln q - 2 ln denominator.
        let g_rise = gy * bin.height * inverse_denominator;
        let g_denominator = V::splat(0.0) - (g_rise * rise + two * gl) * inverse_denominator;
        let g_q = gl * inverse_q;
        let g_height_direct = gy * rise * inverse_denominator;
        let g_s = g_rise * tt + g_denominator * (one - two * tu) + g_q * two * tu + two * gl / s;
        let g_tu = g_rise * d0 + g_denominator * bend + g_q * two * s;
        let g_d0 = g_rise * tu + g_denominator * tu + g_q * uu;
        let g_d1 = g_denominator * tu + g_q * tt;
        let g_tt = g_rise * s + g_q * d1;
        let g_uu = g_q * d0;
        let g_t = two * t * g_tt + (u - t) * g_tu - two * u * g_uu;

        let g_x = g_t * inverse_width;
        let g_width = V::splat(0.0) - (g_t * t + g_s * s) * inverse_width;
        let g_height = g_height_direct + g_s * inverse_width;
        let total = V::load(x_gradient, at) + V::select(inside, g_x, gy_all);
        total.store(x_gradient, at);

        // Knots are sums of the widths before them: d knot / d width_j is 1 for j < bin.
        let scale = share * V::splat(shape.scale);
        let g_knot_x = (zero - g_x) * scale;
        let g_width = g_width * scale;
        let g_knot_y = gy * scale;
        let g_height = g_height * scale;
        let mean_w = bin.shares[0] * g_knot_x + bin.shares[1] * g_width;
        let mean_h = bin.shares[2] * g_knot_y + bin.shares[3] * g_height;
        let g_left = g_d0 * functions::sigmoid(bin.slopes[0] + V::splat(UNIT_SLOPE));
        let g_right = g_d1 * functions::sigmoid(bin.slopes[1] + V::splat(UNIT_SLOPE));
        for j in 0..k {
            let number = V::splat(j as f32);
            let before = number.less(bin.number);
            let after = bin.number.less(number);
            let w = V::load(params, j * rows + at);
            let g_w = V::select(before, g_knot_x, V::select(after, zero, g_width));
            (w * (g_w - mean_w)).store(params, j * rows + at);
            let h = V::load(params, (k + j) * rows + at);
            let g_h = V::select(before, g_knot_y, V::select(after, zero, g_height));
            (h * (g_h - mean_h)).store(params, (k + j) * rows + at);
        }
        // Inner knot j lies between bins j and j + 1.
        for j in 0..k - 1 {
            let distance = bin.number - V::splat(j as f32);
            let right = V::select(distance.abs().less(V::splat(0.5)), g_right, zero);
            let left_of_bin = (distance - one).abs().less(V::splat(0.5));
            V::select(left_of_bin, g_left, right).store(params, (2 * k + j) * rows + at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape {
        bins: 4,
        bound: 3.0,
        scale: 0.25,
    };
    const RAW: [f32; 11] = [0.8, -1.2, 2.0, 0.3, -0.5, 1.5, 0.1, -2.2, 0.7, -1.9, 2.5];

    /// x, y and ln dy/dx from `unconstrained_rational_quadratic_spline` of nflows 0.14 in f64, with
    /// widths and heights over sqrt(16) and derivatives shifted by ln(e^0.999 - 1).
    const NFLOWS: [(f32, f32, f32); 10] = [
        (-3.5, -3.5, 0.0),
        (-2.9, -2.905_960_4, -0.119_767_69),
        (-1.0, -0.459_615_96, 1.246_067_9),
        (-0.2, 0.624_100_27, -1.420_835_2),
        (0.0, 0.675_185_8, -1.302_456_3),
        (0.4, 0.803_596_3, -0.959_616_85),
        (1.3, 1.455_970_8, 0.328_351_1),
        (2.2, 2.694_819, -1.034_724_5),
        (2.99, 2.990_332_3, -0.067_446_24),
        (3.1, 3.1, 0.0),
    ];

    #[test]
    fn splines_agree_with_nflows_and_invert() {
        let rows = 16;
        let mut x = vec![0.0; rows];
        for (x, point) in x.iter_mut().zip(NFLOWS) {
            *x = point.0;
        }
        let raw: Vec<f32> = RAW.iter().flat_map(|&r| [r; 16]).collect();
        let (mut y, mut log, mut back) = (vec![0.0; rows], vec![0.0; rows], vec![0.0; rows]);
        forward(SHAPE, rows, &x, &mut raw.clone(), &mut y, &mut log);
        inverse(SHAPE, rows, &y, &mut raw.clone(), &mut back);
        for (i, (at, want, want_log)) in NFLOWS.into_iter().enumerate() {
            assert!((y[i] - want).abs() < 3e-6, "y({at}) = {}, {want}", y[i]);
            assert!((log[i] - want_log).abs() < 1e-5, "at {at}: {}", log[i]);
            assert!((back[i] - at).abs() < 1e-5, "back to {at}: {}", back[i]);
        }
    }
}
