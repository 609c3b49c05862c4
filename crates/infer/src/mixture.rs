//! Averages over mechanisms: how many draws each mechanism gives.

/// Splits `total` draws over mechanisms in proportion to `probabilities`, by largest remainders,
/// so that the counts sum to `total` and none is off by as much as one.
///
/// Probabilities that are all 0 or not finite give no draws.
#[must_use]
pub fn allocate(probabilities: &[f64], total: usize) -> Vec<usize> {
    let sum: f64 = probabilities.iter().sum();
    if !(sum.is_finite() && sum > 0.0) {
        return vec![0; probabilities.len()];
    }
    let shares: Vec<f64> = probabilities
        .iter()
        .map(|p| p / sum * total as f64)
        .collect();
    let mut counts: Vec<usize> = shares.iter().map(|share| share.floor() as usize).collect();
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by(|&a, &b| shares[b].fract().total_cmp(&shares[a].fract()));
    let short = total.saturating_sub(counts.iter().sum());
    for &mechanism in order.iter().take(short) {
        counts[mechanism] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_sum_to_the_total_and_follow_the_probabilities() {
        assert_eq!(allocate(&[0.5, 0.3, 0.2], 10), [5, 3, 2]);
        assert_eq!(allocate(&[1.0 / 3.0; 3], 10).iter().sum::<usize>(), 10);
        assert_eq!(allocate(&[0.0, 1.0], 7), [0, 7]);
        assert_eq!(allocate(&[0.0, 0.0], 7), [0, 0]);
    }
}
