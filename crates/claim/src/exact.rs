//! Exact statistics of shares: binomial tails, Clopper-Pearson bounds, the number of inputs without a
//! violation that a share needs, and a Bernoulli e-process.

use statrs::function::beta::beta_reg;

/// `P(Binomial(n, p) <= k)`.
#[must_use]
pub fn at_most(k: usize, n: usize, p: f64) -> f64 {
    if k >= n || p <= 0.0 {
        1.0
    } else if p >= 1.0 {
        0.0
    } else {
        beta_reg((n - k) as f64, k as f64 + 1.0, 1.0 - p)
    }
}

/// `P(Binomial(n, p) >= k)`.
#[must_use]
pub fn at_least(k: usize, n: usize, p: f64) -> f64 {
    if k == 0 || p >= 1.0 {
        1.0
    } else if p <= 0.0 || k > n {
        0.0
    } else {
        beta_reg(k as f64, (n - k) as f64 + 1.0, p)
    }
}

/// One-sided lower confidence bound of a share, `k` of `n` seen (Clopper & Pearson 1934).
#[must_use]
pub fn share_lower(k: usize, n: usize, error_rate: f64) -> f64 {
    if k == 0 {
        0.0
    } else {
        root(|p| at_least(k, n, p) - error_rate)
    }
}

/// One-sided upper confidence bound of a share, `k` of `n` seen (Clopper & Pearson 1934).
#[must_use]
pub fn share_upper(k: usize, n: usize, error_rate: f64) -> f64 {
    if k >= n {
        1.0
    } else {
        root(|p| error_rate - at_most(k, n, p))
    }
}

/// Two-sided confidence interval of a share, `k` of `n` seen, `error_rate / 2` a side (Clopper &
/// Pearson 1934).
#[must_use]
pub fn clopper_pearson(k: usize, n: usize, error_rate: f64) -> [f64; 2] {
    [
        share_lower(k, n, error_rate / 2.0),
        share_upper(k, n, error_rate / 2.0),
    ]
}

/// The root in (0, 1) of an increasing function.
fn root(f: impl Fn(f64) -> f64) -> f64 {
    let (mut below, mut above) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = 0.5 * (below + above);
        if f(middle) < 0.0 {
            below = middle;
        } else {
            above = middle;
        }
    }
    0.5 * (below + above)
}

/// How many inputs without a violation show, at `error_rate`, that violations have a share below
/// `share`: the least n with `(1 - share)^n <= error_rate`.
///
/// ```
/// use gnomon_claim::exact::violation_free_inputs;
/// assert_eq!(violation_free_inputs(0.01, 0.05), 299);
/// ```
#[must_use]
pub fn violation_free_inputs(share: f64, error_rate: f64) -> usize {
    (error_rate.ln() / (-share).ln_1p()).ceil() as usize
}

/// Evidence that an event has probability greater than `share`, valid at any stopping time: the
/// likelihood ratio of a predictable estimate, never below `share`, to `share` itself.
#[derive(Clone, Debug)]
pub struct BernoulliProcess {
    share: f64,
    happened: f64,
    seen: f64,
    log_now: f64,
}

impl BernoulliProcess {
    /// A process against the null "probability at most `share`", `share` in (0, 1).
    #[must_use]
    pub fn new(share: f64) -> Self {
        Self {
            share,
            happened: 0.0,
            seen: 0.0,
            log_now: 0.0,
        }
    }

    /// Sees whether the next event happened.
    pub fn update(&mut self, happened: bool) {
        // The estimate of Krichevsky & Trofimov (1981) from the past only.
        let estimate = ((self.happened + 0.5) / (self.seen + 1.0)).max(self.share);
        self.log_now += if happened {
            (estimate / self.share).ln()
        } else {
            ((1.0 - estimate) / (1.0 - self.share)).ln()
        };
        self.happened += f64::from(u8::from(happened));
        self.seen += 1.0;
    }

    /// An e-value at any stopping time.
    #[must_use]
    pub fn e_value(&self) -> f64 {
        self.log_now.exp().min(f64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gnomon_mechanism::random::{Purpose, Stream};

    fn close(a: f64, b: f64, tolerance: f64) {
        assert!((a - b).abs() < tolerance, "{a} is not {b}");
    }

    /// 95 % limits as R's `binom.test` prints them, and the closed forms at 0 and n.
    #[test]
    fn clopper_pearson_matches_published_values() {
        for (k, n, low, high) in [
            (0, 10, 0.0, 0.308_497_1),
            (5, 10, 0.187_086_0, 0.812_914_0),
            (10, 10, 0.691_502_9, 1.0),
            // Conover (1971) via `?binom.test`: Mendel's 682 of 925.
            (682, 925, 0.707_668_3, 0.765_406_6),
        ] {
            let [l, h] = clopper_pearson(k, n, 0.05);
            close(l, low, 2e-7);
            close(h, high, 2e-7);
        }
        close(
            share_upper(0, 299, 0.05),
            1.0 - 0.05f64.powf(1.0 / 299.0),
            1e-12,
        );
    }

    #[test]
    fn tails_match_the_summed_probabilities() {
        for (n, p) in [(20usize, 0.3f64), (4000, 0.5), (20_000, 0.01)] {
            let mean = n as f64 * p;
            let sd = (mean * (1.0 - p)).sqrt();
            let k = (mean - 3.0 * sd).max(0.0) as usize;
            let mut log_term = n as f64 * (1.0 - p).ln();
            let mut sum = log_term.exp();
            for i in 0..k {
                log_term += ((n - i) as f64 / (i + 1) as f64).ln() + (p / (1.0 - p)).ln();
                sum += log_term.exp();
            }
            close(at_most(k, n, p) / sum, 1.0, 1e-6);
            close(at_most(k, n, p) + at_least(k + 1, n, p), 1.0, 1e-9);
        }
    }

    #[test]
    fn violation_free_inputs_are_the_known_ones() {
        for (error_rate, inputs) in [(0.05, 299), (0.01, 459), (0.001, 688)] {
            assert_eq!(violation_free_inputs(0.01, error_rate), inputs);
            assert!(at_most(0, inputs, 0.01) <= error_rate);
            assert!(at_most(0, inputs - 1, 0.01) > error_rate);
        }
    }

    /// Optional stopping at 20 within 400 events, at the null's edge: at most 5 %. Of 2,000 runs
    /// more than 131 has probability below 1e-3. Under a share three times as large it must stop.
    #[test]
    fn the_bernoulli_process_is_valid_at_any_stopping_time() {
        let stops = |p: f64| {
            (0..2000)
                .filter(|&i| {
                    let mut stream = Stream::new(21, Purpose::CLAIM, i);
                    let mut process = BernoulliProcess::new(0.1);
                    (0..400).any(|_| {
                        process.update(stream.uniform() < p);
                        process.e_value() >= 20.0
                    })
                })
                .count()
        };
        assert!(stops(0.1) <= 131);
        assert!(stops(0.3) >= 1980);
    }
}
