//! Runs tapes over frames: one loop over the lanes for each instruction, compiled for the widest
//! vector registers that the machine has.

use gnomon_mechanism::expression::{Binary, Unary};

use super::tape::{Instruction, Kind, OUTPUT};
use super::{LaneTape, Lanes};

/// Which machine instructions the loops are compiled to; the numbers are the same with each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstructionSet {
    /// What every machine of the architecture has; on x86-64 without fused multiply-add (slow).
    Portable,
    /// AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 (F, DQ, VL, BW) and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl InstructionSet {
    /// The best that this machine has.
    #[must_use]
    pub fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            let fma = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            let wide = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl");
            if fma && wide {
                return Self::Avx512;
            }
            if fma {
                return Self::Avx2;
            }
        }
        Self::Portable
    }

    /// Every set that this machine has, slowest first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let mut sets = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            if Self::best() != Self::Portable {
                sets.push(Self::Avx2);
            }
            if Self::best() == Self::Avx512 {
                sets.push(Self::Avx512);
            }
        }
        sets
    }
}

/// Defines a function that runs `$body`, an `#[inline(always)]` function, compiled for the
/// instruction set in its first argument.
macro_rules! dispatched {
    ($(#[$meta:meta])* $visibility:vis fn $name:ident[$($generic:tt)*]<$($use:ident),*>($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)? = $body:ident) => {
        $(#[$meta])*
        $visibility fn $name<$($generic)*>(set: $crate::lanes::InstructionSet, $($argument: $type),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,bmi1,bmi2")]
            fn avx2<$($generic)*>($($argument: $type),*) $(-> $result)? {
                $body::<$($use),*>($($argument),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,bmi1,bmi2")]
            fn avx512<$($generic)*>($($argument: $type),*) $(-> $result)? {
                $body::<$($use),*>($($argument),*)
            }
            match set {
                // SAFETY: these sets are chosen only where the machine was asked and has them.
                #[cfg(target_arch = "x86_64")]
                $crate::lanes::InstructionSet::Avx512 => unsafe { avx512::<$($use),*>($($argument),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                $crate::lanes::InstructionSet::Avx2 => unsafe { avx2::<$($use),*>($($argument),*) },
                $crate::lanes::InstructionSet::Portable => $body::<$($use),*>($($argument),*),
            }
        }
    };
}
pub(crate) use dispatched;

dispatched! {
    /// Runs `tape` over every lane of `frame`; its outputs go to the slots from `outputs` on.
    pub fn run[const W: usize]<W>(tape: &LaneTape, frame: &mut [Lanes<W>], outputs: usize) = interpret
}

#[inline(always)]
fn unary<const W: usize>(to: &mut Lanes<W>, a: &Lanes<W>, function: impl Fn(f64) -> f64) {
    for lane in 0..W {
        to.0[lane] = function(a.0[lane]);
    }
}

#[inline(always)]
fn ternary<const W: usize>(
    to: &mut Lanes<W>,
    [a, b, c]: [&Lanes<W>; 3],
    function: impl Fn(f64, f64, f64) -> f64,
) {
    for lane in 0..W {
        to.0[lane] = function(a.0[lane], b.0[lane], c.0[lane]);
    }
}

/// x^power with the multiplications of `Unary::Power`, one loop over the lanes each.
#[inline(always)]
fn power<const W: usize>(to: &mut Lanes<W>, a: &Lanes<W>, power: i32) {
    if power == 2 {
        return unary(to, a, |x| x * x);
    }
    let mut exponent = power.unsigned_abs();
    let mut square = *a;
    *to = Lanes::all(1.0);
    while exponent > 0 {
        if exponent & 1 == 1 {
            for lane in 0..W {
                to.0[lane] *= square.0[lane];
            }
        }
        for lane in 0..W {
            square.0[lane] *= square.0[lane];
        }
        exponent >>= 1;
    }
    if power < 0 {
        for lane in 0..W {
            to.0[lane] = 1.0 / to.0[lane];
        }
    }
}

#[inline(always)]
fn interpret<const W: usize>(tape: &LaneTape, frame: &mut [Lanes<W>], outputs: usize) {
    assert!(tape.slots <= outputs && outputs + tape.outputs <= frame.len());
    let start = frame.as_mut_ptr();
    for &Instruction { kind, to, a, b, c } in &tape.instructions {
        let place = |slot: u32| {
            if slot & OUTPUT == 0 {
                slot as usize
            } else {
                outputs + (slot & !OUTPUT) as usize
            }
        };
        // SAFETY: `LaneTape::compile` gives slots below `tape.slots` and outputs below
        // `tape.outputs`, which were just checked against the frame's length, and never makes an
        // instruction write a slot that it reads, so `to` is the only reference to its slot.
        let (to, a, b, c) = unsafe {
            (
                &mut *start.add(place(to)),
                &*start.add(place(a)),
                &*start.add(place(b)),
                &*start.add(place(c)),
            )
        };
        match kind {
            Kind::Copy => *to = *a,
            Kind::MultiplyAdd => ternary(to, [a, b, c], |a, b, c| a.mul_add(b, c)),
            Kind::MultiplySubtract => ternary(to, [a, b, c], |a, b, c| a.mul_add(b, -c)),
            Kind::SubtractProduct => ternary(to, [a, b, c], |a, b, c| (-a).mul_add(b, c)),
            Kind::Select => {
                ternary(to, [a, b, c], |a, b, c| if a != 0.0 { b } else { c });
            }
            Kind::Interpolate(series) => {
                let series = &tape.series[series as usize];
                unary(to, a, |x| series.value(x));
            }
            Kind::InterpolateSlope(series) => {
                let series = &tape.series[series as usize];
                unary(to, a, |x| series.slope(x));
            }
            Kind::Unary(function) => apply_unary(function, to, a),
            Kind::Binary(function) => apply_binary(function, to, a, b),
        }
    }
}

/// Each arm names its function, so that each gets a loop of its own; without closures, which may not be
/// compiled for the instruction set.
macro_rules! each_unary {
    ($function:expr, $to:expr, $a:expr, [$($name:ident),*]) => {
        match $function {
            $(Unary::$name => for lane in 0..W {
                $to.0[lane] = Unary::$name.apply($a.0[lane]);
            },)*
            Unary::Power(exponent) => power($to, $a, exponent),
        }
    };
}

macro_rules! each_binary {
    ($function:expr, $to:expr, $a:expr, $b:expr, [$($name:ident),*]) => {
        match $function {
            $(Binary::$name => for lane in 0..W {
                $to.0[lane] = Binary::$name.apply($a.0[lane], $b.0[lane]);
            },)*
        }
    };
}

#[inline(always)]
fn apply_unary<const W: usize>(function: Unary, to: &mut Lanes<W>, a: &Lanes<W>) {
    each_unary!(
        function,
        to,
        a,
        [
            Negate, Abs, Floor, Ceil, Sign, Sqrt, Exp, Ln, Sin, Cos, Tan, Asin, Acos, Atan, Sinh,
            Cosh, Tanh, Ln1p, ExpM1, Not
        ]
    );
}

#[inline(always)]
fn apply_binary<const W: usize>(function: Binary, to: &mut Lanes<W>, a: &Lanes<W>, b: &Lanes<W>) {
    each_binary!(
        function,
        to,
        a,
        b,
        [
            Add, Subtract, Multiply, Divide, Power, Min, Max, Less, LessEqual, Equal, And, Or,
            Modulo
        ]
    );
}
