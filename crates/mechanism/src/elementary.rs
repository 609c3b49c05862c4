//! Elementary functions that give the same bits on every machine: no platform libm, no branches
//! (both sides are computed and one selected), so that a loop over an array vectorises and gives
//! what single calls give.
//!
//! Arithmetic is IEEE: `mul_add`, `sqrt` and divisions are rounded once on every machine. Where the
//! caller is compiled with the `fma` target feature a `mul_add` is one instruction; elsewhere it
//! is a (slower) call with the same result. Largest errors seen against 60-digit values are in
//! `tests/elementary.rs`; all are below 2 units in the last place (ulp).
//!
//! ```
//! use gnomon_mechanism::elementary::{exp, ln};
//! assert_eq!(exp(0.0), 1.0);
//! assert!((ln(exp(2.5)) - 2.5).abs() < 1e-15);
//! ```

/// Adding and subtracting this rounds to the nearest integer and leaves it in the low bits.
const ROUND: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52
const LN2_HIGH: f64 = 0.693_147_180_559_663; // 12 trailing zero bits: n * LN2_HIGH is exact
const LN2_LOW: f64 = 2.823_529_056_303_157_7e-13;
const PI_2: [f64; 3] = [
    std::f64::consts::FRAC_PI_2,
    6.123_233_995_736_766e-17,
    -1.497_384_904_859_169_8e-33,
];

// Minimax polynomials (Remez 1934), lowest power first; the largest relative error behind each.

/// (e^r - 1 - r) / r^2 on |r| < ln(2) / 2: 3e-18.
const EXP: [f64; 11] = [
    0.5,
    0.166_666_666_666_666_7,
    0.041_666_666_666_666_616,
    0.008_333_333_333_326_162,
    0.001_388_888_888_891_792_2,
    0.000_198_412_698_747_428_87,
    2.480_158_724_583_915_7e-5,
    2.755_725_548_652_943_5e-6,
    2.755_734_951_208_329_5e-7,
    2.510_518_505_213_035e-8,
    2.088_941_501_313_814_8e-9,
];
/// (ln((1 + s) / (1 - s)) / s - 2) / z on z = s^2 < 0.0295: 5e-16.
const LOG: [f64; 7] = [
    0.666_666_666_666_667,
    0.399_999_999_998_985_7,
    0.285_714_286_263_823_17,
    0.222_222_110_706_512_68,
    0.181_828_936_620_682_09,
    0.153_315_745_544_191_33,
    0.146_182_284_022_127_65,
];
/// (ln((1 + s) / (1 - s)) / s - 2 - 2 z / 3) / z^2 on z = s^2 < 0.0295: 7e-16.
const LOG_TAIL: [f64; 7] = [
    0.400_000_000_000_000_3,
    0.285_714_285_713_378_3,
    0.222_222_222_714_009_43,
    0.181_818_082_000_749_7,
    0.153_855_781_764_532_1,
    0.132_858_472_623_729_13,
    0.129_149_568_757_154_55,
];
/// (sin(r) / r - 1) / z on z = r^2, |r| < pi / 4: 1e-16.
const SIN: [f64; 6] = [
    -0.166_666_666_666_666_66,
    0.008_333_333_333_330_92,
    -0.000_198_412_698_367_206_45,
    2.755_731_608_486_939_4e-6,
    -2.505_112_848_422_477_2e-8,
    1.591_790_591_064_297_6e-10,
];
/// ((cos(r) - 1) / z + 1 / 2) / z on z = r^2, |r| < pi / 4: 3e-17.
const COS: [f64; 6] = [
    0.041_666_666_666_666_664,
    -0.001_388_888_888_888_738_5,
    2.480_158_729_874_871e-5,
    -2.755_731_726_372_021e-7,
    2.087_614_473_008_38e-9,
    -1.138_252_919_049_685e-11,
];
/// (atan(x) / x - 1) / z on z = x^2, |x| < 7 / 16: 3e-16.
const ATAN: [f64; 11] = [
    -0.333_333_333_333_333_26,
    0.199_999_999_999_879_27,
    -0.142_857_142_831_741_1,
    0.111_111_109_021_332_24,
    -0.090_909_002_446_395_83,
    0.076_920_882_232_170_3,
    -0.066_632_487_141_276_84,
    0.058_477_868_887_208_81,
    -0.050_341_880_245_586_11,
    0.037_830_497_560_346_066,
    -0.017_551_973_089_794_295,
];
/// (asin(x) / x - 1) / z on z = x^2 < 1 / 4: 7e-17.
const ASIN: [f64; 13] = [
    0.166_666_666_666_666_69,
    0.074_999_999_999_983_36,
    0.044_642_857_146_541_53,
    0.030_381_944_124_524_74,
    0.022_372_173_486_106_79,
    0.017_352_380_268_170_972,
    0.013_971_393_558_626_772,
    0.011_477_454_588_523_419,
    0.010_333_773_058_669_178,
    0.005_411_485_325_245_146,
    0.017_523_396_884_590_082,
    -0.015_039_195_867_543_698,
    0.028_883_102_223_860_275,
];

#[inline(always)]
fn polynomial<const N: usize>(x: f64, coefficients: &[f64; N]) -> f64 {
    let mut sum = coefficients[N - 1];
    let mut k = N - 1;
    while k > 0 {
        k -= 1;
        sum = sum.mul_add(x, coefficients[k]);
    }
    sum
}

/// `condition ? a : b`, without a branch.
#[inline(always)]
fn select(condition: bool, a: f64, b: f64) -> f64 {
    if condition { a } else { b }
}

/// The exact sum of two numbers, as rounded sum and rest (Knuth 1969).
#[inline(always)]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let part = sum - a;
    (sum, (a - (sum - part)) + (b - part))
}

/// `value * 2^n` for integers |n| < 2044, rounded once where the result is subnormal.
#[inline(always)]
fn scale(value: f64, n: f64) -> f64 {
    let half = (n * 0.5).floor();
    let power = |k: f64| f64::from_bits((k + ROUND).to_bits().wrapping_add(1023) << 52);
    value * power(half) * power(n - half)
}

/// `2^shift * e^(x + tail)` for a tail far below x.
#[inline(always)]
fn exp_shifted(x: f64, tail: f64, shift: f64) -> f64 {
    // Beyond these bounds the result is 0 or infinite whatever the shift; NaN passes through.
    let x = select(x > 1400.0, 1400.0, select(x < -1400.0, -1400.0, x));
    let n = x.mul_add(std::f64::consts::LOG2_E, ROUND) - ROUND;
    let high = n.mul_add(-LN2_HIGH, x);
    let r = n.mul_add(-LN2_LOW, high) + tail;
    let value = (r * r).mul_add(polynomial(r, &EXP), r) + 1.0;
    let n = n + shift;
    let bounded = select(n > 2040.0, 2040.0, select(n < -2040.0, -2040.0, n));
    scale(value, bounded)
}

/// e^x.
#[inline(always)]
#[must_use]
pub fn exp(x: f64) -> f64 {
    exp_shifted(x, 0.0, 0.0)
}

/// e^x - 1.
#[inline(always)]
#[must_use]
pub fn exp_m1(x: f64) -> f64 {
    let bounded = select(x > 709.79, 709.79, select(x < -50.0, -50.0, x));
    let n = bounded.mul_add(std::f64::consts::LOG2_E, ROUND) - ROUND;
    let r = n.mul_add(-LN2_LOW, n.mul_add(-LN2_HIGH, bounded));
    let p = (r * r).mul_add(polynomial(r, &EXP), r);
    // 2^n (1 + p) - 1, halved so that the power stays finite.
    let half = scale(0.5, n);
    let value = 2.0 * half.mul_add(p, half - 0.5);
    select(x == 0.0, x, value)
}

/// Exponent and mantissa in [sqrt(1/2), sqrt(2)) of a positive number.
#[inline(always)]
fn exponent_and_mantissa(x: f64) -> (f64, f64) {
    const ROOT_HALF: u64 = 0x3FE6_A09E_667F_3BCD;
    const ONE: u64 = 0x3FF0_0000_0000_0000;
    let small = x < f64::MIN_POSITIVE;
    let bits = select(small, x * 18_014_398_509_481_984.0, x).to_bits(); // 2^54
    let shifted = bits.wrapping_add(ONE - ROOT_HALF);
    // The exponent field as a double: 2^52 + field, minus 2^52 + 1023.
    let field = f64::from_bits((shifted >> 52) | 0x4330_0000_0000_0000);
    let exponent = field - select(small, 4_503_599_627_371_573.0, 4_503_599_627_371_519.0);
    let mantissa = f64::from_bits((shifted & 0x000F_FFFF_FFFF_FFFF) + ROOT_HALF);
    (exponent, mantissa)
}

/// `exponent * ln 2 + ln(1 + f) + correction`, with f in [sqrt(1/2) - 1, sqrt(2) - 1).
#[inline(always)]
fn ln_parts(exponent: f64, f: f64, correction: f64) -> f64 {
    let s = f / (2.0 + f);
    let z = s * s;
    let rest = z * polynomial(z, &LOG);
    let half_square = 0.5 * f * f;
    let low = exponent.mul_add(LN2_LOW, correction);
    exponent.mul_add(
        LN2_HIGH,
        f - (half_square - s.mul_add(half_square + rest, low)),
    )
}

/// The natural logarithm: -infinity at 0, NaN below.
#[inline(always)]
#[must_use]
pub fn ln(x: f64) -> f64 {
    let (exponent, mantissa) = exponent_and_mantissa(x);
    let value = ln_parts(exponent, mantissa - 1.0, 0.0);
    ln_ends(x, value)
}

/// The values of ln at 0, below 0, at infinity and at NaN.
#[inline(always)]
fn ln_ends(x: f64, value: f64) -> f64 {
    let value = select(x < f64::INFINITY, value, x); // NaN and infinity are their own logarithm
    let value = select(x == 0.0, f64::NEG_INFINITY, value);
    select(x < 0.0, f64::NAN, value)
}

/// ln(1 + x).
#[inline(always)]
#[must_use]
pub fn ln_1p(x: f64) -> f64 {
    let (sum, rest) = two_sum(1.0, x);
    let (exponent, mantissa) = exponent_and_mantissa(sum);
    let near = exponent == 0.0;
    let f = select(near, x, mantissa - 1.0);
    let correction = select(near, 0.0, rest / sum);
    let value = ln_parts(exponent, f, correction);
    select(x == 0.0, x, ln_ends(sum, value))
}

/// x^y; a negative x needs an integer y, as in IEEE 754.
#[inline(always)]
#[must_use]
pub fn pow(x: f64, y: f64) -> f64 {
    let size = x.abs();
    let (exponent, m) = exponent_and_mantissa(size);
    // s = (m - 1) / (m + 1) in two parts.
    let f = m - 1.0;
    let (d, d_low) = two_sum(m, 1.0);
    let s = f / d;
    let s_low = (s.mul_add(-d, f) - s * d_low) / d;
    // ln m = 2 s + 2/3 s^3 + s^5 (...), the first two terms in two parts.
    let z = s * s;
    let z_low = s.mul_add(s, -z) + 2.0 * s * s_low;
    let cube = z * s;
    let cube_low = z.mul_add(s, -cube) + z.mul_add(s_low, z_low * s);
    const TWO_THIRDS: f64 = 0.666_666_666_666_666_6;
    const TWO_THIRDS_LOW: f64 = 3.700_743_415_417_188e-17;
    let third = cube * TWO_THIRDS;
    let third_low =
        cube.mul_add(TWO_THIRDS, -third) + cube.mul_add(TWO_THIRDS_LOW, cube_low * TWO_THIRDS);
    let tail = cube * z * polynomial(z, &LOG_TAIL);
    let (a, a_low) = two_sum(exponent * LN2_HIGH, 2.0 * s);
    let (b, b_low) = two_sum(a, third);
    let low = exponent.mul_add(LN2_LOW, 2.0 * s_low) + third_low + tail + a_low + b_low;
    let high = b + low;
    let low = (b - high) + low;
    // x^y = e^(y (high + low)).
    let bounded = select(y.abs() > 1e300, 1e300_f64.copysign(y), y);
    let product = bounded * high;
    let rest = bounded.mul_add(high, -product) + bounded * low;
    let rest = select(product.abs() < 1400.0, rest, 0.0);
    let value = exp_shifted(product, rest, 0.0);

    let whole = y.floor() == y; // true at infinity
    let odd = whole & ((y * 0.5).floor() != y * 0.5);
    let value = select(size == 1.0, 1.0, value);
    let at_zero = select(y < 0.0, f64::INFINITY, 0.0);
    let value = select(size == 0.0, at_zero, value);
    let at_infinity = select(y < 0.0, 0.0, f64::INFINITY);
    let value = select(size == f64::INFINITY, at_infinity, value);
    let negative = x.is_sign_negative();
    let value = select(negative & odd, -value, value);
    let value = select((x < 0.0) & !whole & (size < f64::INFINITY), f64::NAN, value);
    let value = select(x.is_nan() | y.is_nan(), f64::NAN, value);
    select((y == 0.0) | (x == 1.0), 1.0, value)
}

/// sin(r) for the reduced argument r + low.
#[inline(always)]
fn sin_reduced(r: f64, low: f64) -> f64 {
    let z = r * r;
    let cube = z * r;
    r + cube.mul_add(polynomial(z, &SIN), z.mul_add(-0.5 * low, low))
}

/// cos(r) for the reduced argument r + low.
#[inline(always)]
fn cos_reduced(r: f64, low: f64) -> f64 {
    let z = r * r;
    let half = 0.5 * z;
    let lead = 1.0 - half;
    lead + (((1.0 - lead) - half) + z.mul_add(z * polynomial(z, &COS), -r * low))
}

/// x - n pi / 2 in two parts and the last two bits of n; NaN beyond |x| = 1e13.
#[inline(always)]
fn reduce(x: f64) -> (f64, f64, u64) {
    let x = select(x.abs() <= 1e13, x, f64::NAN);
    let shifted = x.mul_add(std::f64::consts::FRAC_2_PI, ROUND);
    let n = shifted - ROUND;
    // Cody & Waite (1980) with exact products: x - n P0 is exact up to its own low part.
    let p = n * PI_2[0];
    let p_low = n.mul_add(PI_2[0], -p);
    let (a, a_low) = two_sum(x - p, -p_low);
    let q = n * PI_2[1];
    let q_low = n.mul_add(PI_2[1], -q);
    let (b, b_low) = two_sum(a, -q);
    let rest = n.mul_add(-PI_2[2], (a_low + b_low) - q_low);
    let r = b + rest;
    (r, (b - r) + rest, shifted.to_bits())
}

/// The sine of x radians; NaN beyond |x| = 1e13, where neighbouring numbers lie 0.002 apart.
#[inline(always)]
#[must_use]
pub fn sin(x: f64) -> f64 {
    let (r, low, n) = reduce(x);
    let value = select(n & 1 == 0, sin_reduced(r, low), cos_reduced(r, low));
    let value = select(n & 2 == 0, value, -value);
    select(x == 0.0, x, value)
}

/// The cosine of x radians; NaN beyond |x| = 1e13.
#[inline(always)]
#[must_use]
pub fn cos(x: f64) -> f64 {
    let (r, low, n) = reduce(x);
    let value = select(n & 1 == 0, cos_reduced(r, low), sin_reduced(r, low));
    select(n.wrapping_add(1) & 2 == 0, value, -value)
}

/// The tangent of x radians; NaN beyond |x| = 1e13.
#[inline(always)]
#[must_use]
pub fn tan(x: f64) -> f64 {
    let (r, low, n) = reduce(x);
    let (sin, cos) = (sin_reduced(r, low), cos_reduced(r, low));
    let even = n & 1 == 0;
    let value = select(even, sin, -cos) / select(even, cos, sin);
    select(x == 0.0, x, value)
}

/// asin of x in [0, 1/2] as x + rest; for larger x, of s = sqrt((1 - x) / 2): (s, rest).
#[inline(always)]
fn asin_parts(size: f64) -> (f64, f64) {
    let large = size > 0.5;
    let z = select(large, 0.5 * (1.0 - size), size * size);
    let s = select(large, z.sqrt(), size);
    // The root's own rounding error.
    let error = select(large & (s > 0.0), s.mul_add(-s, z) / (2.0 * s), 0.0);
    (s, (s * z).mul_add(polynomial(z, &ASIN), error))
}

/// The angle in [-pi/2, pi/2] whose sine is x; NaN outside [-1, 1].
#[inline(always)]
#[must_use]
pub fn asin(x: f64) -> f64 {
    let size = x.abs();
    let (s, rest) = asin_parts(size);
    let large = 2.0f64.mul_add(-s, PI_2[0]);
    let large_low = (PI_2[0] - large) - 2.0 * s;
    let large = large + (large_low + 2.0f64.mul_add(-rest, PI_2[1]));
    let value = select(size > 0.5, large, s + rest);
    let value = select(size <= 1.0, value, f64::NAN);
    select(x < 0.0, -value, select(x == 0.0, x, value))
}

/// The angle in [0, pi] whose cosine is x; NaN outside [-1, 1].
#[inline(always)]
#[must_use]
pub fn acos(x: f64) -> f64 {
    let size = x.abs();
    let (s, rest) = asin_parts(size);
    let signed = |value: f64| select(x < 0.0, -value, value);
    let small = PI_2[0] - (signed(s) - (PI_2[1] - signed(rest)));
    let near = 2.0 * (s + rest); // x > 1/2
    let far = 2.0f64.mul_add(-(s + (rest - PI_2[1])), 2.0 * PI_2[0]); // x < -1/2
    let value = select(size <= 0.5, small, select(x > 0.0, near, far));
    select(size <= 1.0, value, f64::NAN)
}

/// The angle in [-pi/2, pi/2] whose tangent is x.
#[inline(always)]
#[must_use]
pub fn atan(x: f64) -> f64 {
    // atan(x) = atan(c) + atan((x - c) / (1 + c x)), c = 0, 1/2, 1, 3/2, infinity (fdlibm).
    let size = x.abs();
    let (mut above, mut below, mut base, mut base_low) = (size, 1.0, 0.0, 0.0);
    let mut from = |bound: f64, piece: (f64, f64, f64, f64)| {
        let taken = size >= bound;
        above = select(taken, piece.0, above);
        below = select(taken, piece.1, below);
        base = select(taken, piece.2, base);
        base_low = select(taken, piece.3, base_low);
    };
    from(
        0.4375,
        (
            2.0f64.mul_add(size, -1.0),
            2.0 + size,
            0.463_647_609_000_806_1,
            2.269_877_745_296_168_7e-17,
        ),
    );
    from(
        0.6875,
        (
            size - 1.0,
            size + 1.0,
            std::f64::consts::FRAC_PI_4,
            3.061_616_997_868_383e-17,
        ),
    );
    from(
        1.1875,
        (
            size - 1.5,
            1.5f64.mul_add(size, 1.0),
            0.982_793_723_247_329,
            1.390_331_103_123_099_8e-17,
        ),
    );
    from(2.4375, (-1.0, size, PI_2[0], PI_2[1]));
    let r = above / below;
    let z = r * r;
    let value = base + (r + (r * z).mul_add(polynomial(z, &ATAN), base_low));
    select(x < 0.0, -value, select(x == 0.0, x, value))
}

/// (e^x - e^-x) / 2.
#[inline(always)]
#[must_use]
pub fn sinh(x: f64) -> f64 {
    let size = x.abs();
    let t = exp_m1(select(size > 30.0, 30.0, size));
    let value = select(
        size > 20.0,
        exp_shifted(size, 0.0, -1.0),
        0.5 * (t + t / (t + 1.0)),
    );
    select(x < 0.0, -value, select(x == 0.0, x, value))
}

/// (e^x + e^-x) / 2.
#[inline(always)]
#[must_use]
pub fn cosh(x: f64) -> f64 {
    let half = exp_shifted(x.abs(), 0.0, -1.0);
    half + 0.25 / half
}

/// sinh(x) / cosh(x).
#[inline(always)]
#[must_use]
pub fn tanh(x: f64) -> f64 {
    let size = x.abs();
    let bounded = select(size > 25.0, 25.0, size);
    let small = size < 0.5;
    let t = exp_m1(select(small, -2.0, 2.0) * bounded);
    let quotient = select(small, -t, -2.0) / (t + 2.0);
    let value = select(small, quotient, 1.0 + quotient);
    select(x < 0.0, -value, select(x == 0.0, x, value))
}
