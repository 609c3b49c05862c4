//! The poles of a fit that a reader would call resonances.

use faer::c64;

use super::Pole;
use crate::error::EmulateError;
use crate::rational::{Rational, Samples};

/// A pole farther from the real line than this share of the range is part of the background.
pub const DEEPEST: f64 = 0.25;
/// Two fits have the same pole when it moved by less than this share of its distance from the real line.
const SAME: f64 = 0.02;

/// A pole of a fit near the range.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Where.
    pub at: c64,
    /// The output in which it is seen best.
    pub output: usize,
    /// That output's residue.
    pub residue: c64,
    /// Its height there, in units of the output's typical size.
    strength: f64,
}

/// The poles with a real part in the range, not too far from the real line, strongest first. Of real
/// data, poles come as conjugate pairs, and one of each is kept.
pub fn seen(
    rational: &Rational,
    samples: &Samples,
    scales: &[f64],
    [low, high]: [f64; 2],
) -> Result<Vec<Seen>, EmulateError> {
    let real = samples.values().iter().flatten().all(|y| y.im == 0.0);
    let mut found: Vec<Seen> = Vec::new();
    for mut at in rational.poles()? {
        if real {
            at.im = -at.im.abs();
        }
        let half = at.im.abs();
        let inside = (low..=high).contains(&at.re) && half <= DEEPEST * (high - low);
        let twin = |other: &Seen| real && (other.at - at).norm() <= 1e-3 * half;
        if !inside || found.iter().any(twin) {
            continue;
        }
        let residues = rational.residues(at);
        let strengths = residues.iter().zip(scales).map(|(r, s)| r.norm() / s);
        let best = strengths.enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((output, strength)) = best {
            found.push(Seen {
                at,
                output,
                residue: residues[output],
                strength: strength / half,
            });
        }
    }
    found.sort_by(|a, b| b.strength.total_cmp(&a.strength));
    Ok(found)
}

/// Whether one of `others` is this pole, found by another fit.
pub fn again(pole: &Seen, others: &[Seen]) -> bool {
    others.iter().any(|other| {
        (other.at - pole.at).norm() <= SAME * pole.at.im.abs()
            && (other.residue - pole.residue).norm() <= 5.0 * SAME * pole.residue.norm()
    })
}

/// What a reader is told of a pole.
pub fn told(pole: &Seen, rational: &Rational, range: [f64; 2], confirmed: bool) -> Pole {
    let size = |x: f64| rational.at_real(x)[pole.output].norm();
    Pole {
        position: pole.at.re,
        width: 2.0 * pole.at.im.abs(),
        output: pole.output,
        residue: pole.residue.norm(),
        height: size(pole.at.re),
        peak: peak(size, pole.at, range),
        confirmed,
    }
}

/// The local maximum nearest to a pole, uphill from its real part, if it is within one and a half times its
/// distance from the real line and inside the range.
fn peak(size: impl Fn(f64) -> f64, pole: c64, [low, high]: [f64; 2]) -> Option<[f64; 2]> {
    let (start, step) = (pole.re, 0.05 * pole.im.abs());
    let direction = match size(start + step) > size(start - step) {
        true => step,
        false => -step,
    };
    let at = |k: i32| start + f64::from(k) * direction;
    let top = (0..30).find(|&k| size(at(k + 1)) <= size(at(k)))?;
    let (mut left, mut right) = (at(top - 1), at(top + 1));
    // Golden section (Kiefer 1953).
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    for _ in 0..60 {
        let (a, b) = (
            right - GOLDEN * (right - left),
            left + GOLDEN * (right - left),
        );
        if size(a) > size(b) {
            right = b;
        } else {
            left = a;
        }
    }
    let x = 0.5 * (left + right);
    (low..=high).contains(&x).then(|| [x, size(x)])
}
