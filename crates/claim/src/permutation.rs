//! Permutation tests: p-values from exchangeable replicates.

use gnomon_mechanism::random::Stream;

/// `(1 + #{replicate >= observed}) / (1 + B)`: valid for any B when observed and replicates are
/// exchangeable under the null (Phipson & Smyth 2010).
///
/// ```
/// use gnomon_claim::permutation::p_value;
/// assert_eq!(p_value(3.0, &[1.0, 2.0, 4.0]), 0.5);
/// ```
#[must_use]
pub fn p_value(observed: f64, replicates: &[f64]) -> f64 {
    let reached = replicates.iter().filter(|&&r| r >= observed).count();
    (1 + reached) as f64 / (1 + replicates.len()) as f64
}

/// Two-sided p-value by doubling the smaller tail.
#[must_use]
pub fn p_value_two_sided(observed: f64, replicates: &[f64]) -> f64 {
    let below = replicates.iter().filter(|&&r| r <= observed).count();
    let lower = (1 + below) as f64 / (1 + replicates.len()) as f64;
    (2.0 * lower.min(p_value(observed, replicates))).min(1.0)
}

/// p-value of "`a` and `b` have one distribution" against "the mean of `a` is larger", over
/// `permutations` random relabellings.
pub fn mean_is_larger(a: &[f64], b: &[f64], permutations: usize, stream: &mut Stream) -> f64 {
    let mut pooled: Vec<f64> = a.iter().chain(b).copied().collect();
    let difference = |pooled: &[f64]| {
        let (first, second) = pooled.split_at(a.len());
        let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
        mean(first) - mean(second)
    };
    let observed = difference(&pooled);
    // Relabellings equal to the observed one up to rounding count as reaching it.
    let slack = 1e-12 * pooled.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
    let replicates: Vec<f64> = (0..permutations)
        .map(|_| {
            stream.shuffle(&mut pooled);
            difference(&pooled) + slack
        })
        .collect();
    p_value(observed, &replicates)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gnomon_mechanism::random::Purpose;

    #[test]
    fn a_small_example_matches_its_enumeration() {
        // Of the 20 ways to choose 3 of 6, one reaches the observed difference: p is near 1/20.
        let mut stream = Stream::new(41, Purpose::CLAIM, 0);
        let p = mean_is_larger(&[4.0, 5.0, 6.0], &[1.0, 2.0, 3.0], 20_000, &mut stream);
        // sd 0.0015: false-alarm rate below 1e-4.
        assert!((p - 0.05).abs() < 0.0065, "{p}");
    }

    #[test]
    fn both_sides_are_seen() {
        let replicates: Vec<f64> = (1..=99).map(f64::from).collect();
        assert_eq!(p_value_two_sided(0.0, &replicates), 0.02);
        assert_eq!(p_value_two_sided(100.0, &replicates), 0.02);
        assert_eq!(p_value_two_sided(50.0, &replicates), 1.0);
    }
}
