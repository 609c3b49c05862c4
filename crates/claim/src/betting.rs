//! Betting on bounded means: one martingale a side, valid at any stopping time.
//!
//! Under the null "the mean is at most m" the capital `prod (1 + bet_t (x_t - m))`, each bet at least
//! 0 and chosen from the past only, is a nonnegative supermartingale, so it reaches `1/alpha` with
//! probability at most alpha (Ville 1939). Its stopped value is an e-value. Source of the bets and
//! of the intervals: Waudby-Smith & Ramdas (2024), "Estimating means of bounded random variables by
//! betting", JRSS B 86(1).
//!
//! ```
//! use gnomon_claim::betting::{Bets, Capital, Side};
//! let mut capital = Capital::new(0.5, Side::Greater, Bets::Agrapa);
//! for x in [0.9, 0.7, 0.8, 0.9].repeat(10) {
//!     capital.update(x);
//! }
//! assert!(capital.e_value() > 1000.0);
//! ```

/// Capital is never risked beyond this share of what one step could lose.
const TRUNCATION: f64 = 0.75;

/// Which alternative a bettor bets on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The mean is greater than the null's.
    Greater,
    /// The mean is less than the null's.
    Less,
}

/// How the next bet is chosen from the past.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bets {
    /// `sqrt(2 log(1/error_rate) / (variance t log(1 + t)))`, or with a budget of n values
    /// `sqrt(2 log(1/error_rate) / (variance n))`, sharpest when all of them are seen. Independent of
    /// the null's mean, so the means not rejected form an interval.
    PredictablePlugIn {
        /// The error rate at which growth is best.
        error_rate: f64,
        /// The number of values there will be, if known beforehand.
        budget: Option<usize>,
    },
    /// Approximate growth-rate adaptive to the particular alternative:
    /// `(mean - m) / (variance + (mean - m)^2)`, none when the past favours the null.
    Agrapa,
}

/// Mean and variance of what was seen, started at one imagined value of mean 1/2, variance 1/4.
#[derive(Clone, Copy, Debug)]
struct Past {
    seen: f64,
    mean: f64,
    variance: f64,
}

impl Past {
    fn new() -> Self {
        Self {
            seen: 0.0,
            mean: 0.5,
            variance: 0.25,
        }
    }

    fn update(&mut self, x: f64) {
        self.seen += 1.0;
        let weight = 1.0 / (self.seen + 1.0);
        self.mean += (x - self.mean) * weight;
        self.variance += ((x - self.mean).powi(2) - self.variance) * weight;
    }

    fn plug_in(&self, error_rate: f64, budget: Option<usize>) -> f64 {
        let t = self.seen + 1.0;
        let times = budget.map_or(t * (1.0 + t).ln(), |n| n as f64);
        (2.0 * (1.0 / error_rate).ln() / (self.variance * times)).sqrt()
    }
}

/// The capital of a bettor against one null mean.
#[derive(Clone, Debug)]
pub struct Capital {
    mean: f64,
    side: Side,
    bets: Bets,
    past: Past,
    log_now: f64,
    log_highest: f64,
}

impl Capital {
    /// A bettor with capital 1 against the null mean `mean`, in (0, 1).
    #[must_use]
    pub fn new(mean: f64, side: Side, bets: Bets) -> Self {
        Self {
            mean,
            side,
            bets,
            past: Past::new(),
            log_now: 0.0,
            log_highest: 0.0,
        }
    }

    /// Bets on, then sees, the next value `x` in [0, 1].
    pub fn update(&mut self, x: f64) {
        let bet = match self.bets {
            Bets::PredictablePlugIn { error_rate, budget } => self.past.plug_in(error_rate, budget),
            Bets::Agrapa => {
                let gap = self.past.mean - self.mean;
                let gap = if self.side == Side::Greater {
                    gap
                } else {
                    -gap
                };
                gap.max(0.0) / (self.past.variance + gap * gap)
            }
        };
        self.log_now += log_growth(bet, x, self.mean, self.side);
        self.log_highest = self.log_highest.max(self.log_now);
        self.past.update(x);
    }

    /// The capital now: an e-value at any stopping time.
    #[must_use]
    pub fn e_value(&self) -> f64 {
        self.log_now.exp().min(f64::MAX)
    }

    /// `1 / highest capital so far`: a p-value at any stopping time.
    #[must_use]
    pub fn p_value(&self) -> f64 {
        (-self.log_highest).exp()
    }
}

#[inline]
fn log_growth(bet: f64, x: f64, mean: f64, side: Side) -> f64 {
    match side {
        Side::Greater => (bet.min(TRUNCATION / mean) * (x - mean)).ln_1p(),
        Side::Less => (bet.min(TRUNCATION / (1.0 - mean)) * (mean - x)).ln_1p(),
    }
}

/// The capital after all of `values` (each in [0, 1]).
#[must_use]
pub fn bet(values: &[f64], mean: f64, side: Side, bets: Bets) -> Capital {
    let mut capital = Capital::new(mean, side, bets);
    values.iter().for_each(|&x| capital.update(x));
    capital
}

/// One-sided anytime-valid bound for the mean of `values` in [0, 1]: the lower bound when betting on
/// `Greater`, the upper one when betting on `Less`, with probability at least `1 - error_rate`, at
/// any stopping time. It is consistent with [`bet`] under plug-in bets of the same error rate and budget.
#[must_use]
pub fn bound(values: &[f64], side: Side, error_rate: f64, budget: Option<usize>) -> f64 {
    let mut past = Past::new();
    let bets: Vec<f64> = values
        .iter()
        .map(|&x| {
            let bet = past.plug_in(error_rate, budget);
            past.update(x);
            bet
        })
        .collect();
    let goal = -error_rate.ln();
    let rejected = |mean: f64| {
        let mut log_capital = 0.0;
        values.iter().zip(&bets).any(|(&x, &bet)| {
            log_capital += log_growth(bet, x, mean, side);
            log_capital >= goal
        })
    };
    // The capital is monotone in the null's mean, so the means not rejected form an interval.
    let (mut outside, mut inside) = if side == Side::Greater {
        (0.0, 1.0)
    } else {
        (1.0, 0.0)
    };
    for _ in 0..45 {
        let middle: f64 = 0.5 * (outside + inside);
        if rejected(middle) {
            outside = middle;
        } else {
            inside = middle;
        }
    }
    outside
}

/// Hedged confidence interval for the mean of `values` in [0, 1], valid at any stopping time: half
/// of the capital on either side.
#[must_use]
pub fn confidence_interval(values: &[f64], error_rate: f64, budget: Option<usize>) -> [f64; 2] {
    [Side::Greater, Side::Less].map(|side| bound(values, side, error_rate / 2.0, budget))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gnomon_mechanism::random::{Purpose, Stream};

    fn bernoulli(seed: u64, index: u64, n: usize, p: f64) -> Vec<f64> {
        let mut stream = Stream::new(seed, Purpose::CLAIM, index);
        (0..n)
            .map(|_| f64::from(u8::from(stream.uniform() < p)))
            .collect()
    }

    /// Type I error under optional stopping: the bettor stops as soon as capital reaches 20, in up to
    /// 500 steps; at most 5 % may. 2,000 runs: more than 131 stops has probability below 1e-3 a case.
    #[test]
    fn stopping_when_ahead_does_not_break_the_error_rate() {
        for (bets, side) in [
            (Bets::Agrapa, Side::Greater),
            (Bets::Agrapa, Side::Less),
            (
                Bets::PredictablePlugIn {
                    error_rate: 0.05,
                    budget: None,
                },
                Side::Greater,
            ),
            (
                Bets::PredictablePlugIn {
                    error_rate: 0.05,
                    budget: Some(500),
                },
                Side::Less,
            ),
        ] {
            for p in [0.3, 0.9] {
                let stops = (0..2000)
                    .filter(|&i| bet(&bernoulli(11, i, 500, p), p, side, bets).p_value() <= 0.05)
                    .count();
                assert!(stops <= 131, "{bets:?} {side:?} {p}: {stops} of 2000");
            }
        }
    }

    /// The stopped capital's mean is at most 1; here of a bettor who stops at 2 or after 50 steps, so
    /// that its variance is small: sd of the mean of 4,000 is below 0.02, and 1.08 is 4 sd.
    #[test]
    fn the_stopped_capital_is_an_e_value() {
        let total: f64 = (0..4000)
            .map(|i| {
                let mut capital = Capital::new(0.4, Side::Greater, Bets::Agrapa);
                for x in bernoulli(12, i, 50, 0.4) {
                    capital.update(x);
                    if capital.e_value() >= 2.0 {
                        break;
                    }
                }
                capital.e_value()
            })
            .sum();
        assert!(total / 4000.0 < 1.08, "{}", total / 4000.0);
    }

    /// 300 intervals at 5 %: more than 28 misses has probability below 1e-3.
    #[test]
    fn intervals_cover_and_shrink() {
        let mut misses = 0;
        let mut width = 0.0;
        for i in 0..300 {
            let mut stream = Stream::new(13, Purpose::CLAIM, i);
            let values: Vec<f64> = (0..400).map(|_| stream.uniform().powi(2)).collect();
            let [low, high] = confidence_interval(&values, 0.05, None);
            width += (high - low) / 300.0;
            misses += usize::from(low > 1.0 / 3.0 || high < 1.0 / 3.0);
        }
        assert!(misses <= 28, "{misses}");
        // The normal interval of this variance (4/45) would be 0.058 wide; Hoeffding's 0.136.
        assert!(width < 0.12, "{width}");
    }

    #[test]
    fn a_bound_and_its_test_agree() {
        let values = bernoulli(14, 0, 300, 0.6);
        for (side, inward) in [(Side::Greater, 1e-6), (Side::Less, -1e-6)] {
            let bets = Bets::PredictablePlugIn {
                error_rate: 0.01,
                budget: Some(300),
            };
            let bound = bound(&values, side, 0.01, Some(300));
            assert!(bet(&values, bound - inward, side, bets).p_value() <= 0.01);
            assert!(bet(&values, bound + inward, side, bets).p_value() > 0.01);
        }
    }
}
