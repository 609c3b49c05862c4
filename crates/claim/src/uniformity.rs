//! Uniformity of ranks within a tolerance: randomised ranks -> distribution function -> two p-values.

use crate::exact::at_most;
use gnomon_mechanism::random::Stream;

/// The randomised rank of `truth` among `draws`, in (0, 1): exactly uniform when all are exchangeable,
/// ties included. A NaN draw counts as lying above.
pub fn randomised_rank(
    truth: f64,
    draws: impl IntoIterator<Item = f64>,
    stream: &mut Stream,
) -> f64 {
    let (mut below, mut ties, mut all) = (0usize, 0usize, 0usize);
    for draw in draws {
        below += usize::from(draw < truth);
        ties += usize::from(draw == truth);
        all += 1;
    }
    (below as f64 + stream.uniform() * (ties as f64 + 1.0)) / (all as f64 + 1.0)
}

/// The same among `draws` with counts that need not be whole: each counts as so many draws.
pub fn weighted_rank(
    truth: f64,
    draws: impl IntoIterator<Item = (f64, f64)>,
    stream: &mut Stream,
) -> f64 {
    let (mut below, mut ties, mut all) = (0.0, 0.0, 0.0);
    for (draw, count) in draws {
        below += if draw < truth { count } else { 0.0 };
        ties += if draw == truth { count } else { 0.0 };
        all += count;
    }
    ((below + stream.uniform() * (ties + 1.0)) / (all + 1.0)).clamp(0.0, 1.0)
}

/// `sup |F_n(u) - u|` of the ranks' empirical distribution function (Kolmogorov's statistic).
#[must_use]
pub fn deviation(ranks: &[f64]) -> f64 {
    let mut sorted = ranks.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let n = sorted.len() as f64;
    sorted.iter().enumerate().fold(0.0, |worst: f64, (i, &u)| {
        worst.max((i as f64 + 1.0) / n - u).max(u - i as f64 / n)
    })
}

/// Half-width of the simultaneous band around an empirical distribution function of `n` values
/// (Dvoretzky, Kiefer & Wolfowitz 1956; constant by Massart 1990).
#[must_use]
pub fn band(n: usize, error_rate: f64) -> f64 {
    ((2.0 / error_rate).ln() / (2.0 * n as f64)).sqrt()
}

/// p-value of "`sup |F - u| <= tolerance`", given the deviation of `n` ranks: by the
/// Dvoretzky-Kiefer-Wolfowitz inequality with Massart's constant.
#[must_use]
pub fn p_within(deviation: f64, n: usize, tolerance: f64) -> f64 {
    let beyond = (deviation - tolerance).max(0.0);
    (2.0 * (-2.0 * n as f64 * beyond * beyond).exp()).min(1.0)
}

/// p-value of "`sup |F - u| >= tolerance`", given the deviation of `n` ranks.
///
/// Under it some u has `|F(u) - u| >= tolerance`, and a small deviation needs `F_n(u)` to miss `F(u)`
/// there, by at least the difference: a binomial tail at one point, so the band's factor 2 and its
/// supremum are not needed. The tail is taken at the worst u, which lies near F(u) = 1/2.
#[must_use]
pub fn p_beyond(deviation: f64, n: usize, tolerance: f64) -> f64 {
    let gap = tolerance - deviation;
    if gap <= 0.0 || n == 0 {
        return 1.0;
    }
    let tail = |k: usize| at_most(k, n, (k as f64 / n as f64 + gap).min(1.0));
    // Far in the tails the probability may underflow, so the search starts around the middle.
    let (mut low, mut high) = (n / 4, n - n / 4);
    while high - low > 2 {
        let third = (high - low) / 3;
        if tail(low + third) < tail(high - third) {
            low += third;
        } else {
            high -= third;
        }
    }
    (low..=high).map(tail).fold(0.0, f64::max)
}

/// Lower and upper confidence bounds of `sup |F - u|`, each at `error_rate`; they agree with
/// [`p_within`] and [`p_beyond`].
#[must_use]
pub fn deviation_bounds(deviation: f64, n: usize, error_rate: f64) -> [f64; 2] {
    let (mut inside, mut outside) = (deviation, 1.0);
    for _ in 0..40 {
        let middle = 0.5 * (inside + outside);
        if p_beyond(deviation, n, middle) <= error_rate {
            outside = middle;
        } else {
            inside = middle;
        }
    }
    [(deviation - band(n, error_rate)).max(0.0), outside]
}

/// How many ranks a claim with this tolerance needs, when either side decides at `threshold`, so that
/// uniform ranks survive and a deviation of twice the tolerance is caught, each with a probability
/// near 0.95 or more.
///
/// ```
/// use gnomon_claim::uniformity::inputs_needed;
/// assert!((3000..4000).contains(&inputs_needed(0.05, 0.05 / 30.0)));
/// ```
#[must_use]
pub fn inputs_needed(tolerance: f64, threshold: f64) -> usize {
    let enough = |n: usize| {
        let root = (n as f64).sqrt();
        // The 95 % quantile of Kolmogorov's distribution; and of the normal, at share 1/2.
        p_beyond(1.358 / root, n, tolerance) <= threshold
            && p_within(2.0 * tolerance - 0.822 / root, n, tolerance) <= threshold
    };
    let (mut few, mut many) = (1, 2);
    while !enough(many) && many < 1 << 40 {
        (few, many) = (many, 2 * many);
    }
    while many - few > 1 {
        let middle = few.midpoint(many);
        if enough(middle) {
            many = middle;
        } else {
            few = middle;
        }
    }
    many
}

#[cfg(test)]
mod tests {
    use super::*;
    use gnomon_mechanism::random::Purpose;

    #[test]
    fn the_deviation_is_kolmogorovs() {
        assert!((deviation(&[0.7, 0.1]) - 0.4).abs() < 1e-15);
        assert!((deviation(&[0.25, 0.75]) - 0.25).abs() < 1e-15);
    }

    #[test]
    fn the_worst_point_is_found() {
        for (n, deviation, tolerance) in [
            (50, 0.1, 0.2),
            (400, 0.02, 0.1),
            (4000, 0.014, 0.05),
            (37, 0.3, 0.5),
        ] {
            let gap = tolerance - deviation;
            // Every count k with a point u = k/n - deviation where F(u) = u + tolerance can be.
            let worst = (0..=n)
                .map(|k| (k, k as f64 / n as f64 + gap))
                .filter(|&(_, share)| share <= 1.0)
                .map(|(k, share)| at_most(k, n, share))
                .fold(0.0, f64::max);
            let p = p_beyond(deviation, n, tolerance);
            assert!((p / worst - 1.0).abs() < 1e-3, "{n}: {p} is not {worst}");
            // Hoeffding (1963) bounds it.
            assert!(p <= (-2.0 * n as f64 * gap * gap).exp());
        }
    }

    /// Ranks whose deviation is just the tolerance: each p-value is below 0.05 at most in 5 % of
    /// tests. Of 1,000 more than 75 has probability below 5e-4.
    #[test]
    fn both_p_values_keep_their_error_rate_at_the_edge() {
        let (n, tolerance) = (300, 0.1);
        let (mut survived, mut falsified) = (0, 0);
        for i in 0..1000 {
            let mut stream = Stream::new(31, Purpose::CLAIM, i);
            // F(u) - u = tolerance at u = 1/2: too much mass in the lower half.
            let ranks: Vec<f64> = (0..n)
                .map(|_| {
                    let low = stream.uniform() < 0.5 + tolerance;
                    0.5 * (stream.uniform() + if low { 0.0 } else { 1.0 })
                })
                .collect();
            let d = deviation(&ranks);
            survived += usize::from(p_beyond(d, n, tolerance) <= 0.05);
            falsified += usize::from(p_within(d, n, tolerance) <= 0.05);
        }
        assert!(survived <= 75 && falsified <= 75, "{survived} {falsified}");
    }

    #[test]
    fn counts_of_one_are_plain_draws() {
        let draws = [0.1, 0.5, 0.5, 0.9];
        let counted = || draws.iter().map(|&draw| (draw, 1.0));
        for truth in [0.0, 0.5, 0.7] {
            let streams = [0, 0].map(|i| Stream::new(33, Purpose::CLAIM, i));
            let [mut plain, mut weighted] = streams;
            let rank = randomised_rank(truth, draws, &mut plain);
            assert_eq!(weighted_rank(truth, counted(), &mut weighted), rank);
        }
    }

    /// Discrete and tied: ranks of integers stay uniform. Deviation beyond the 1e-4 band.
    #[test]
    fn randomised_ranks_of_ties_are_uniform() {
        let mut stream = Stream::new(32, Purpose::CLAIM, 0);
        let ranks: Vec<f64> = (0..3000)
            .map(|_| {
                let values: Vec<f64> = (0..8).map(|_| stream.below(3) as f64).collect();
                randomised_rank(values[0], values[1..].iter().copied(), &mut stream)
            })
            .collect();
        assert!(deviation(&ranks) < band(3000, 1e-4));
    }
}
