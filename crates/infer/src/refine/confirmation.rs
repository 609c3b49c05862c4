//! Whether a start from the prior comes to the same answer.

use super::moments::Moments;
use super::tempering::Islands;

/// How far two log evidences may lie apart, in nats.
pub const SAME_EVIDENCE: f64 = 0.25;
/// How far two posterior means of a coordinate may lie apart, in posterior sds.
pub const SAME_MEAN: f64 = 0.25;
/// Standard errors on either side of a difference: 95 % of Student's t with 7 degrees of freedom, of
/// eight islands.
const ERRORS: f64 = 2.36;

/// What a start from the prior says of a refined answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Confirmation {
    /// ln p(data | mechanism) by tempering from the prior.
    pub log_evidence: f64,
    /// Its standard error.
    pub error: f64,
    /// By how much the two log evidences differ: 95 % interval of the difference, from 0 up, nats.
    pub apart: [f64; 2],
    /// The same of the two means of the coordinate in which they differ most, posterior sds.
    pub shift: [f64; 2],
    /// Independent runs behind it.
    pub runs: usize,
    /// Particles of all of them: what is within much less than one in so many of the prior they may miss.
    pub particles: usize,
}

/// Why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unconfirmed {
    /// It was not asked for.
    NotAsked,
    /// The start from the prior came to no end, or beyond what it may cost.
    NoEnd,
    /// Time ran out before it came to one.
    Late,
}

/// Whether two answers are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// They differ by less than [`SAME_EVIDENCE`] and [`SAME_MEAN`].
    Same,
    /// They differ by more.
    Different,
    /// Their errors are too large to tell.
    Unclear,
}

impl Confirmation {
    /// Compares an answer with `other`, the one from the prior, of these islands.
    pub(super) fn of(answer: &Moments, other: &Moments, islands: Islands) -> Self {
        let range = |apart: f64, error: f64| {
            let [least, most] = [apart - ERRORS * error, apart + ERRORS * error];
            [least.max(0.0), most]
        };
        let shifts = (0..answer.mean.len()).map(|k| {
            let apart = (answer.mean[k] - other.mean[k]).abs();
            let error = (answer.mean_error[k].powi(2) + other.mean_error[k].powi(2)).sqrt();
            range(apart / answer.sd[k], error / answer.sd[k])
        });
        // One coordinate that surely differs decides, and so does one that may.
        let shift = shifts.fold([0.0f64; 2], |[least, most], [low, high]| {
            let high = if high.is_nan() { f64::INFINITY } else { high };
            [least.max(low), most.max(high)]
        });
        Self {
            log_evidence: other.log_evidence,
            error: other.error,
            apart: range(
                (answer.log_evidence - other.log_evidence).abs(),
                (answer.error.powi(2) + other.error.powi(2)).sqrt(),
            ),
            shift,
            runs: islands.count,
            particles: islands.rows(),
        }
    }

    /// Whether the start from the prior came to the same.
    #[must_use]
    pub fn agreement(&self) -> Agreement {
        let pairs = [(self.apart, SAME_EVIDENCE), (self.shift, SAME_MEAN)];
        if pairs.iter().all(|([_, most], same)| most <= same) {
            Agreement::Same
        } else if pairs.iter().any(|([least, _], same)| least > same) {
            Agreement::Different
        } else {
            Agreement::Unclear
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(mean: f64, log_evidence: f64) -> Moments {
        Moments {
            mean: vec![0.0, mean],
            sd: vec![1.0, 0.5],
            mean_error: vec![0.01; 2],
            log_evidence,
            error: 0.01,
        }
    }

    #[test]
    fn answers_that_differ_are_told_apart() {
        let one = moments(0.0, -3.0);
        let islands = Islands {
            count: 8,
            particles: 500,
        };
        let agreement = |other: Moments| Confirmation::of(&one, &other, islands).agreement();
        assert_eq!(agreement(moments(0.02, -3.1)), Agreement::Same);
        assert_eq!(agreement(moments(0.2, -3.0)), Agreement::Different);
        assert_eq!(agreement(moments(0.0, -3.4)), Agreement::Different);
        assert_eq!(agreement(moments(0.0, -3.24)), Agreement::Unclear);
    }
}
