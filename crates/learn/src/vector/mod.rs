//! Vectors of f32 lanes: a kernel is written once over [`Vector`] and runs on AVX-512, AVX2 or
//! plain arrays (which LLVM maps to NEON or SSE), chosen at run time by [`dispatched!`].
//!
//! Only `dispatched!` names the x86 implementors, after it has asked the processor for them; that
//! is what makes the intrinsics inside their methods sound.

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
mod buffer;
pub(crate) mod functions;
pub(crate) mod portable;

pub(crate) use buffer::Buffer;

use std::ops::{Add, Div, Mul, Neg, Sub};

/// Rows are padded to a multiple of this: the widest vector's lanes.
pub(crate) const ROW_UNIT: usize = 16;

/// `n` rounded up to a multiple of [`ROW_UNIT`].
pub(crate) const fn padded(n: usize) -> usize {
    n.div_ceil(ROW_UNIT) * ROW_UNIT
}

/// Asks memory for the beginning of `values`, which will soon be read.
#[inline(always)]
pub(crate) fn prefetch(values: &[f32]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch reads nothing; every x86-64 processor has it.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(values.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}

/// A few f32 lanes that move together.
pub(crate) trait Vector:
    Copy
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// Number of lanes; divides [`ROW_UNIT`].
    const LANES: usize;
    /// Vectors side by side in a product's tile: with six rows of them, what fits into the registers.
    const TILE: usize;
    /// One truth value a lane.
    type Mask: Copy;

    /// The same number in every lane.
    fn splat(x: f32) -> Self;

    /// Lanes from memory.
    ///
    /// # Safety
    /// `LANES` floats can be read at `from`.
    unsafe fn read(from: *const f32) -> Self;

    /// Lanes to memory.
    ///
    /// # Safety
    /// `LANES` floats can be written at `to`.
    unsafe fn write(self, to: *mut f32);

    /// `self * b + c` with one rounding.
    fn mul_add(self, b: Self, c: Self) -> Self;
    /// The smaller of two, lane by lane; `other` where either is NaN.
    fn min(self, other: Self) -> Self;
    /// The larger of two, lane by lane; `other` where either is NaN.
    fn max(self, other: Self) -> Self;
    /// Square roots.
    fn sqrt(self) -> Self;
    /// Nearest integers, ties to even.
    fn round(self) -> Self;
    /// `self * 2^power` for integral powers in -126..=127.
    fn scale_by_power(self, power: Self) -> Self;
    /// Mantissa in [1, 2) and exponent of positive normal numbers.
    fn mantissa_and_exponent(self) -> (Self, Self);
    /// Where `self < other`.
    fn less(self, other: Self) -> Self::Mask;
    /// `yes` where the mask holds, else `no`.
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;
    /// The sum of the lanes, in a fixed order.
    fn sum(self) -> f32;

    /// Writes the transpose of a `LANES` x `LANES` block; rows of the source from `valid` on
    /// are taken as 0.
    ///
    /// # Safety
    /// `valid` rows of `LANES` floats, `from_stride` apart, can be read, and `LANES` rows of
    /// `LANES` floats, `to_stride` apart, can be written.
    unsafe fn transpose(
        from: *const f32,
        from_stride: usize,
        valid: usize,
        to: *mut f32,
        to_stride: usize,
    );

    /// Absolute values.
    #[inline(always)]
    fn abs(self) -> Self {
        self.max(-self)
    }

    /// Lanes from `slice[at..]`.
    #[inline(always)]
    fn load(slice: &[f32], at: usize) -> Self {
        let window = &slice[at..at + Self::LANES];
        // SAFETY: the window holds LANES floats.
        unsafe { Self::read(window.as_ptr()) }
    }

    /// Lanes to `slice[at..]`.
    #[inline(always)]
    fn store(self, slice: &mut [f32], at: usize) {
        let window = &mut slice[at..at + Self::LANES];
        // SAFETY: the window holds LANES floats.
        unsafe { self.write(window.as_mut_ptr()) }
    }
}

/// What this processor can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Level {
    /// Plain arrays.
    Portable,
    /// 8 lanes with fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// 16 lanes.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

#[cfg(test)]
thread_local! {
    /// The level that tests ask for on this thread, which must be in [`levels`].
    pub(crate) static FORCED: std::cell::Cell<Option<Level>> = const { std::cell::Cell::new(None) };
}

/// Every level this processor has.
#[cfg(test)]
pub(crate) fn levels() -> Vec<Level> {
    let mut levels = vec![Level::Portable];
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            levels.push(Level::Avx2);
        }
        if level() == Level::Avx512 {
            levels.push(Level::Avx512);
        }
    }
    levels
}

/// The widest level this processor has.
#[inline]
pub(crate) fn level() -> Level {
    #[cfg(test)]
    if let Some(forced) = FORCED.get() {
        return forced;
    }
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") {
            return Level::Avx512;
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return Level::Avx2;
        }
    }
    Level::Portable
}

/// The name of the instruction set the kernels use on this machine.
#[must_use]
pub fn instruction_set() -> &'static str {
    match level() {
        Level::Portable => "portable",
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => "avx2",
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => "avx512",
    }
}

/// Defines `fn name(arguments)` that runs the generic `body::<V>` at the processor's level.
macro_rules! dispatched {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $kind:ty),* $(,)?) $(-> $ret:ty)? = $body:ident) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments)]
        $vis fn $name($($arg: $kind),*) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512dq,avx2,fma")]
                #[allow(clippy::too_many_arguments)]
                fn avx512($($arg: $kind),*) $(-> $ret)? {
                    $body::<$crate::vector::avx512::F32x16>($($arg),*)
                }
                #[target_feature(enable = "avx2,fma")]
                #[allow(clippy::too_many_arguments)]
                fn avx2($($arg: $kind),*) $(-> $ret)? {
                    $body::<$crate::vector::avx2::F32x8>($($arg),*)
                }
                match $crate::vector::level() {
                    // SAFETY: the level says that the processor has these features.
                    $crate::vector::Level::Avx512 => return unsafe { avx512($($arg),*) },
                    // SAFETY: as above.
                    $crate::vector::Level::Avx2 => return unsafe { avx2($($arg),*) },
                    $crate::vector::Level::Portable => {}
                }
            }
            $body::<$crate::vector::portable::Array8>($($arg),*)
        }
    };
}
pub(crate) use dispatched;
