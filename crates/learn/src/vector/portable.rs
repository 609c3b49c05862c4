//! Eight lanes as a plain array: what every machine has.

use super::Vector;
use std::array::from_fn;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// Eight f32 lanes.
#[derive(Clone, Copy)]
pub(crate) struct Array8([f32; 8]);

macro_rules! operator {
    ($trait:ident, $method:ident, $symbol:tt) => {
        impl $trait for Array8 {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Self(from_fn(|i| self.0[i] $symbol other.0[i]))
            }
        }
    };
}
operator!(Add, add, +);
operator!(Sub, sub, -);
operator!(Mul, mul, *);
operator!(Div, div, /);

impl Neg for Array8 {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self(self.0.map(|x| -x))
    }
}

/// `a * b + c`: fused where the target has the instruction, else with two roundings (the library
/// routine that emulates it is a hundred times slower).
#[inline(always)]
fn mul_add(a: f32, b: f32, c: f32) -> f32 {
    if cfg!(target_arch = "aarch64") {
        a.mul_add(b, c)
    } else {
        a * b + c
    }
}

impl Vector for Array8 {
    const LANES: usize = 8;
    const TILE: usize = 2;
    type Mask = [bool; 8];

    #[inline(always)]
    fn splat(x: f32) -> Self {
        Self([x; 8])
    }

    #[inline(always)]
    unsafe fn read(from: *const f32) -> Self {
        // SAFETY: the caller promises 8 readable floats; arrays of f32 need no more alignment.
        Self(unsafe { from.cast::<[f32; 8]>().read() })
    }

    #[inline(always)]
    unsafe fn write(self, to: *mut f32) {
        // SAFETY: the caller promises 8 writable floats.
        unsafe { to.cast::<[f32; 8]>().write(self.0) }
    }

    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        Self(from_fn(|i| mul_add(self.0[i], b.0[i], c.0[i])))
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Self(from_fn(|i| {
            if self.0[i] < other.0[i] {
                self.0[i]
            } else {
                other.0[i]
            }
        }))
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self(from_fn(|i| {
            if self.0[i] > other.0[i] {
                self.0[i]
            } else {
                other.0[i]
            }
        }))
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        Self(self.0.map(f32::sqrt))
    }

    #[inline(always)]
    fn round(self) -> Self {
        // Adding and taking away 1.5 * 2^23 leaves no bits for a fraction.
        const SHIFT: f32 = 12_582_912.0;
        Self(self.0.map(|x| {
            if x.abs() < 4_194_304.0 {
                (x + SHIFT) - SHIFT
            } else {
                x
            }
        }))
    }

    #[inline(always)]
    fn scale_by_power(self, power: Self) -> Self {
        Self(from_fn(|i| {
            self.0[i] * f32::from_bits(((power.0[i] as i32 + 127) as u32) << 23)
        }))
    }

    #[inline(always)]
    fn mantissa_and_exponent(self) -> (Self, Self) {
        let bits = self.0.map(f32::to_bits);
        (
            Self(bits.map(|b| f32::from_bits((b & 0x007f_ffff) | 0x3f80_0000))),
            Self(bits.map(|b| ((b >> 23) as i32 - 127) as f32)),
        )
    }

    #[inline(always)]
    fn less(self, other: Self) -> Self::Mask {
        from_fn(|i| self.0[i] < other.0[i])
    }

    #[inline(always)]
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self {
        Self(from_fn(|i| if mask[i] { yes.0[i] } else { no.0[i] }))
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        self.0.iter().sum()
    }

    #[inline(always)]
    unsafe fn transpose(
        from: *const f32,
        from_stride: usize,
        valid: usize,
        to: *mut f32,
        to_stride: usize,
    ) {
        for i in 0..8 {
            for j in 0..8 {
                // SAFETY: the caller promises both blocks.
                unsafe {
                    *to.add(j * to_stride + i) = if i < valid {
                        *from.add(i * from_stride + j)
                    } else {
                        0.0
                    };
                }
            }
        }
    }
}
