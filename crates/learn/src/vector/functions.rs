//! Elementary functions of vectors: range reduction and polynomials, no calls into libm. All but
//! [`ln`] return NaN for NaN: a diverged network must not look sane.

use super::Vector;

/// `e^x`, within 2 ulp; x is clamped to where the result is a normal number (Cephes `expf`,
/// Moshier 1989).
#[inline(always)]
pub(crate) fn exp<V: Vector>(x: V) -> V {
    let x = V::splat(-87.0).max(V::splat(88.0).min(x));
    let n = (x * V::splat(std::f32::consts::LOG2_E)).round();
    let r = n.mul_add(V::splat(-0.693_359_4), x);
    let r = n.mul_add(V::splat(2.121_944_4e-4), r);
    let mut p = V::splat(1.987_569_1e-4);
    for c in [
        1.398_199_9e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        1.666_666_5e-1,
        0.5,
    ] {
        p = p.mul_add(r, V::splat(c));
    }
    p = p.mul_add(r * r, r + V::splat(1.0));
    p.scale_by_power(n)
}

/// Natural logarithm of positive normal numbers, within 2 ulp (Cephes `logf`, Moshier 1989).
#[inline(always)]
pub(crate) fn ln<V: Vector>(x: V) -> V {
    let (m, e) = x.mantissa_and_exponent();
    let high = V::splat(std::f32::consts::SQRT_2).less(m);
    let m = V::select(high, m * V::splat(0.5), m) - V::splat(1.0);
    let e = V::select(high, e + V::splat(1.0), e);
    let mut p = V::splat(7.037_683_6e-2);
    for c in [
        -1.151_461e-1,
        1.167_699_9e-1,
        -1.242_014_1e-1,
        1.424_932_3e-1,
        -1.666_805_7e-1,
        2.000_071_5e-1,
        -2.499_999_4e-1,
        3.333_333e-1,
    ] {
        p = p.mul_add(m, V::splat(c));
    }
    let square = m * m;
    let mut y = p * m * square;
    y = e.mul_add(V::splat(-2.121_944_4e-4), y);
    y = square.mul_add(V::splat(-0.5), y);
    e.mul_add(V::splat(0.693_359_4), m + y)
}

/// Hyperbolic tangent as a rational function, within 6 ulp (the coefficients of Eigen's `ptanh`).
#[inline(always)]
pub(crate) fn tanh<V: Vector>(x: V) -> V {
    let x = V::splat(-7.905_311).max(V::splat(7.905_311).min(x));
    let s = x * x;
    let mut p = V::splat(-2.760_768_5e-16);
    for c in [
        2.000_188e-13,
        -8.604_672e-11,
        5.122_297e-8,
        1.485_722_4e-5,
        6.372_619_3e-4,
        4.893_524_6e-3,
    ] {
        p = p.mul_add(s, V::splat(c));
    }
    let mut q = V::splat(1.198_258_4e-6);
    for c in [1.185_347_1e-4, 2.268_434_6e-3, 4.893_525e-3] {
        q = q.mul_add(s, V::splat(c));
    }
    x * p / q
}

/// `1 / (1 + e^-x)`.
#[inline(always)]
pub(crate) fn sigmoid<V: Vector>(x: V) -> V {
    V::splat(1.0) / (V::splat(1.0) + exp(-x))
}

/// `ln(1 + e^x)`, without overflow.
#[inline(always)]
pub(crate) fn softplus<V: Vector>(x: V) -> V {
    V::splat(0.0).max(x) + ln(V::splat(1.0) + exp(-x.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::activation::{Activation, activate};
    use crate::vector::{dispatched, portable::Array8};

    #[inline(always)]
    fn all_body<V: Vector>(x: &[f32], out: &mut [Vec<f32>; 5]) {
        for at in (0..x.len()).step_by(V::LANES) {
            let v = V::load(x, at);
            exp(v).store(&mut out[0], at);
            ln(exp(v)).store(&mut out[1], at);
            tanh(v).store(&mut out[2], at);
            sigmoid(v).store(&mut out[3], at);
            softplus(v).store(&mut out[4], at);
        }
    }
    dispatched! { fn all(x: &[f32], out: &mut [Vec<f32>; 5]) = all_body }

    fn check(x: &[f32], out: &[Vec<f32>; 5]) {
        for (i, &x) in x.iter().enumerate() {
            let x = f64::from(x);
            let e = x.exp();
            let close = |got: f32, want: f64, slack: f64| {
                let error = (f64::from(got) - want).abs();
                assert!(
                    error <= 3e-7 * want.abs() + slack,
                    "at {x}: {got} against {want}"
                );
            };
            close(out[0][i], e, 0.0);
            close(out[1][i], x, 3e-7);
            close(out[2][i], x.tanh(), 3e-7 * x.tanh().abs());
            close(out[3][i], 1.0 / (1.0 + (-x).exp()), 0.0);
            close(out[4][i], x.max(0.0) + (-x.abs()).exp().ln_1p(), 1.5e-7);
        }
    }

    /// `min` and `max` drop a NaN in their first argument; activations must not.
    #[test]
    fn nan_stays_nan() {
        let x = vec![f32::NAN; 16];
        let mut out = std::array::from_fn(|_| vec![0.0; 16]);
        all(&x, &mut out);
        for function in [0, 2, 3, 4] {
            assert!(
                out[function].iter().all(|y| y.is_nan()),
                "function {function}"
            );
        }
        for activation in [Activation::Relu, Activation::Tanh, Activation::Elu] {
            let mut y = x.clone();
            activate(activation, &mut y);
            assert!(y.iter().all(|y| y.is_nan()), "{}", activation.name());
        }
    }

    #[test]
    fn functions_agree_with_f64_at_every_level() {
        let x: Vec<f32> = (0..4096).map(|i| (i as f32 - 2048.0) * 0.0401).collect();
        let blank = || std::array::from_fn(|_| vec![0.0; x.len()]);
        let mut out = blank();
        all(&x, &mut out);
        check(&x, &out);
        let mut out = blank();
        all_body::<Array8>(&x, &mut out);
        check(&x, &out);
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            #[target_feature(enable = "avx2,fma")]
            fn narrow(x: &[f32], out: &mut [Vec<f32>; 5]) {
                all_body::<crate::vector::avx2::F32x8>(x, out);
            }
            let mut out = blank();
            // SAFETY: the features were found just above.
            unsafe { narrow(&x, &mut out) };
            check(&x, &out);
        }
    }
}
