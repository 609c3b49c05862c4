//! Truncated normal numbers by rejection from the normal, the uniform or the shifted exponential,
//! whichever accepts often (Robert 1995, "Simulation of truncated normal variables").

use crate::elementary::exp;
use crate::random::Stream;

use super::super::law::Truncated;
use super::super::truncated::Standard;
use super::TRIES;

/// One draw.
pub(super) fn sample(law: Truncated, stream: &mut Stream) -> f64 {
    let standard = law.standard();
    let x = if standard.low >= 0.0 {
        let above_low = one_sided(standard, stream);
        if standard.mirrored {
            law.high - law.sd * above_low
        } else {
            law.low + law.sd * above_low
        }
    } else {
        law.mean + law.sd * around_mean(standard, stream)
    };
    x.clamp(law.low, law.high)
}

/// In standard units, for an interval around the mean.
fn around_mean(standard: Standard, stream: &mut Stream) -> f64 {
    // Above this width a normal number falls inside more often than a uniform one is accepted.
    const WIDE: f64 = 2.5;
    for _ in 0..TRIES {
        if standard.width > WIDE {
            let z = stream.normal();
            if z >= standard.low && z <= standard.high {
                return z;
            }
        } else {
            let z = standard.low + standard.width * stream.uniform();
            if stream.uniform() <= exp(-0.5 * z * z) {
                return z;
            }
        }
    }
    f64::NAN
}

/// The distance from the low end in standard units, for an interval above the mean.
fn one_sided(standard: Standard, stream: &mut Stream) -> f64 {
    let Standard { low, width, .. } = standard;
    // The exponential's best rate is low + shift; written so that nothing cancels or overflows.
    let root = if low < 1e9 {
        (low * low + 4.0).sqrt()
    } else {
        low
    };
    let shift = 2.0 / (root + low);
    let rate = low + shift;
    for _ in 0..TRIES {
        if width * rate < 2.0 {
            let offset = width * stream.uniform();
            if stream.uniform() <= exp(-offset * (low + 0.5 * offset)) {
                return offset;
            }
        } else {
            let offset = stream.exponential() / rate;
            let miss = offset - shift;
            if offset <= width && stream.uniform() <= exp(-0.5 * miss * miss) {
                return offset;
            }
        }
    }
    f64::NAN
}
