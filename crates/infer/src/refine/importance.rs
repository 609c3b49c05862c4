//! Importance sampling from a proposal: Pareto-smoothed weights, how far they can be trusted, and
//! the evidence.
//!
//! Vehtari, Simpson, Gelman, Yao & Gabry (2024), "Pareto smoothed importance sampling", JMLR 25(72);
//! the tail is fitted as in Zhang & Stephens (2009), Technometrics 51(3).

use gnomon_mechanism::elementary::{exp, ln, ln_1p};

/// Draws of a proposal, weighted to be draws of the target.
#[derive(Clone, Debug, PartialEq)]
pub struct Weighted {
    /// One a draw, at least 0; they sum to 1.
    pub weights: Vec<f64>,
    /// ln of the mean ratio, from the ratios as they are: the evidence, where the target's density is
    /// prior times likelihood.
    pub log_evidence: f64,
    /// Its standard error.
    pub log_evidence_error: f64,
    /// 1 / (sum of squared weights): so many independent draws would be worth the same.
    pub effective: f64,
    /// The tail's Pareto shape: the weights are good up to .5, usable up to .7, and no use above 1.
    /// NaN for weights so even that they have no tail worth fitting: more than half of all draws
    /// are effective.
    pub k_hat: f64,
}

/// The shape of the tail up to which weights are used (Vehtari et al. 2024).
const USABLE: f64 = 0.7;
/// The share of effective draws from which on weights have no tail worth fitting.
const EVEN: f64 = 0.5;

impl Weighted {
    /// Whether averages under these weights can be trusted.
    #[must_use]
    pub fn usable(&self) -> bool {
        self.effective > 0.0 && (self.k_hat.is_nan() || self.k_hat <= USABLE)
    }

    /// How many of `count` systematic draws repeat another, as expected.
    #[must_use]
    pub fn repeated(&self, count: usize) -> f64 {
        let expected = self.weights.iter().map(|w| w * count as f64);
        expected.map(|copies| (copies - 1.0).max(0.0)).sum()
    }
}

/// Weighs draws by `log_ratios`, ln (target / proposal), of which some may be minus infinity.
#[must_use]
pub fn weigh(log_ratios: &[f64]) -> Weighted {
    let count = log_ratios.len() as f64;
    let largest = log_ratios.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !largest.is_finite() {
        return Weighted {
            weights: vec![f64::NAN; log_ratios.len()],
            log_evidence: f64::NEG_INFINITY,
            log_evidence_error: f64::INFINITY,
            effective: 0.0,
            k_hat: f64::INFINITY,
        };
    }
    let raw: Vec<f64> = log_ratios.iter().map(|log| exp(log - largest)).collect();
    let mean = raw.iter().sum::<f64>() / count;
    let variance = raw.iter().map(|w| (w - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
    let mut weights = raw;
    let squares: f64 = weights.iter().map(|w| w * w).sum();
    let even = (mean * count).powi(2) / squares >= EVEN * count;
    let k_hat = if even {
        f64::NAN
    } else {
        smooth_tail(&mut weights)
    };
    let total: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|w| *w /= total);
    Weighted {
        effective: 1.0 / weights.iter().map(|w| w * w).sum::<f64>(),
        weights,
        log_evidence: largest + ln(mean),
        log_evidence_error: (variance / count).sqrt() / mean,
        k_hat,
    }
}

/// Replaces the largest weights by the expected order statistics of the generalised Pareto
/// distribution fitted to them; its shape.
fn smooth_tail(weights: &mut [f64]) -> f64 {
    let count = weights.len();
    let tail = ((0.2 * count as f64).min(3.0 * (count as f64).sqrt())).ceil() as usize;
    if tail < 5 || count <= tail {
        return f64::INFINITY;
    }
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|&a, &b| weights[a].total_cmp(&weights[b]).then(a.cmp(&b)));
    let (body, tail) = order.split_at(count - tail);
    let cut = body.last().map_or(0.0, |&last| weights[last]);
    let most = tail.last().map_or(0.0, |&last| weights[last]);
    let above: Vec<f64> = tail.iter().map(|&t| weights[t] - cut).collect();
    if above.last().is_none_or(|&x| x <= 0.0) {
        // All weights of the tail are equal: nothing to smooth.
        return f64::NEG_INFINITY;
    }
    let (k, sigma) = pareto(&above);
    if !k.is_finite() {
        return f64::INFINITY;
    }
    if sigma > 0.0 {
        let n = above.len() as f64;
        for (rank, &t) in tail.iter().enumerate() {
            let p = (rank as f64 + 0.5) / n;
            let excess = if k.abs() < 1e-12 {
                -sigma * ln_1p(-p)
            } else {
                sigma * (exp(-k * ln_1p(-p)) - 1.0) / k
            };
            weights[t] = (cut + excess).min(most);
        }
    }
    k
}

/// Shape and scale of a generalised Pareto distribution of `x` (increasing), with a weak prior of
/// shape .5 that counts as 10 numbers.
fn pareto(x: &[f64]) -> (f64, f64) {
    let n = x.len() as f64;
    let grid = 30 + n.sqrt().floor() as usize;
    let quartile = x[((n / 4.0 + 0.5).floor() as usize).max(1) - 1].max(f64::MIN_POSITIVE);
    let largest = x[x.len() - 1];
    let shape = |theta: f64| x.iter().map(|x| ln_1p(-theta * x)).sum::<f64>() / n;
    let thetas: Vec<f64> = (1..=grid)
        .map(|j| {
            let root = (grid as f64 / (j as f64 - 0.5)).sqrt();
            1.0 / largest + (1.0 - root) / (3.0 * quartile)
        })
        .collect();
    let profile: Vec<f64> = thetas
        .iter()
        .map(|&theta| {
            let k = shape(theta);
            n * (ln(-theta / k) - k - 1.0)
        })
        .collect();
    let weight = |j: usize| {
        let sum: f64 = profile.iter().map(|l| exp(l - profile[j])).sum();
        1.0 / sum
    };
    let theta: f64 = (0..grid).map(|j| thetas[j] * weight(j)).sum();
    let k = shape(theta);
    let sigma = -k / theta;
    ((k * n + 5.0) / (n + 10.0), sigma)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gnomon_mechanism::random::{Purpose, Stream};

    const COUNT: usize = 20_000;

    fn uniforms() -> Vec<f64> {
        let mut stream = Stream::new(5, Purpose::REFINEMENT, 0);
        (0..COUNT).map(|_| stream.uniform()).collect()
    }

    /// Weights u^-k are Pareto with shape k: it is found within .1, five of its standard errors
    /// (1 + k) / sqrt(424).
    #[test]
    fn the_shape_of_the_tail_is_found() {
        for k in [0.6, 0.9, 1.5] {
            let logs: Vec<f64> = uniforms().iter().map(|u| -k * u.ln()).collect();
            let found = weigh(&logs).k_hat;
            assert!(
                (found - k).abs() < 0.05 * (2.0 + 2.0 * k),
                "{found} for {k}"
            );
        }
    }

    /// Draws of N(0, 1), weighed to 3 N(0.5, 0.8^2): mean, sd and integral, within five errors.
    #[test]
    fn weighted_draws_are_those_of_the_target() {
        let mut stream = Stream::new(6, Purpose::REFINEMENT, 0);
        let x: Vec<f64> = (0..COUNT).map(|_| stream.normal()).collect();
        let ratio =
            |x: f64| 3f64.ln() - 0.5 * ((x - 0.5) / 0.8).powi(2) - 0.8f64.ln() + 0.5 * x * x;
        let logs: Vec<f64> = x.iter().map(|&x| ratio(x)).collect();
        let weighted = weigh(&logs);
        assert!((weighted.weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let mean: f64 = x.iter().zip(&weighted.weights).map(|(x, w)| x * w).sum();
        assert!((mean - 0.5).abs() < 0.03, "{mean}");
        let off = weighted.log_evidence - 3f64.ln();
        assert!(off.abs() < 5.0 * weighted.log_evidence_error, "{off}");
        assert!(weighted.usable());
        assert!(weighted.effective > 0.5 * COUNT as f64);
    }

    #[test]
    fn odd_weights_are_told_apart() {
        let none = weigh(&[f64::NEG_INFINITY; 100]);
        assert_eq!(
            (none.effective, none.log_evidence),
            (0.0, f64::NEG_INFINITY)
        );
        let equal = weigh(&[-7.0; 100]);
        assert!(equal.repeated(100) < 1e-9 && (equal.repeated(250) - 150.0).abs() < 1e-9);
        assert!((equal.effective - 100.0).abs() < 1e-9);
        assert!((equal.log_evidence + 7.0).abs() < 1e-12 && equal.k_hat.is_nan());
        let mut one = vec![f64::NEG_INFINITY; 100];
        one[3] = 2.0;
        let one = weigh(&one);
        assert!(
            (one.effective - 1.0).abs() < 1e-9 && one.k_hat > 0.7,
            "{one:?}"
        );
    }
}
