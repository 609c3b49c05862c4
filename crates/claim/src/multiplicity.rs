//! Many claims at once: Holm for lists that lead a report, e-BH for generated candidates.

/// p-values adjusted by Holm (1979): rejecting those at most alpha keeps the probability of any false
/// rejection below alpha, under any dependence.
///
/// ```
/// use gnomon_claim::multiplicity::holm;
/// let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]);
/// assert_eq!(adjusted, [0.03, 0.06, 0.06, 0.02]);
/// ```
#[must_use]
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut highest: f64 = 0.0;
    for (rank, &i) in order.iter().enumerate() {
        highest = highest
            .max(p_values[i] * (p_values.len() - rank) as f64)
            .min(1.0);
        adjusted[i] = highest;
    }
    adjusted
}

/// Holm on wealth: which of k processes reached what they need, `k/alpha` for the wealthiest,
/// `(k-1)/alpha` for the next, and so on (their highest wealth, by Ville's inequality).
#[must_use]
pub fn holm_on_wealth(highest_wealth: &[f64], error_rate: f64) -> Vec<bool> {
    let p_values: Vec<f64> = highest_wealth.iter().map(|w| (1.0 / w).min(1.0)).collect();
    holm(&p_values)
        .into_iter()
        .map(|p| p <= error_rate)
        .collect()
}

/// The p-value at which either side of each of `claims` claims decides, so that the probability of
/// any wrong verdict is at most `error_rate`: wealth `k/alpha`.
///
/// Of a claim's two one-sided nulls, "it is false" and "it is true", exactly one holds. So of the 2k
/// hypotheses k are true at every step of Holm's procedure, however many were rejected before, and
/// its divisor stays k (Shaffer 1986, "Modified sequentially rejective multiple test procedures",
/// JASA 81): never worse than Holm's 2k, 2k - 1, ..., k + 1 on all of them.
#[must_use]
pub fn two_sided_threshold(claims: usize, error_rate: f64) -> f64 {
    error_rate / claims.max(1) as f64
}

/// Which hypotheses e-BH rejects: the k largest e-values, for the largest k with
/// `k e_(k) / m >= 1 / rate`. The false discovery rate is at most `rate` under any dependence (Wang &
/// Ramdas 2022). Give it stopped e-values, not their running maxima.
#[must_use]
pub fn e_bh(e_values: &[f64], rate: f64) -> Vec<bool> {
    let m = e_values.len();
    let mut sorted = e_values.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let k = (1..=m)
        .rev()
        .find(|&k| sorted[k - 1] * k as f64 >= m as f64 / rate);
    let least = k.map_or(f64::INFINITY, |k| sorted[k - 1]);
    e_values
        .iter()
        .map(|&e| k.is_some() && e >= least)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked examples: R's `p.adjust(c(0.01, 0.02, 0.03, 0.04), "holm")`, and monotone ties.
    #[test]
    fn holm_matches_worked_examples() {
        let close = |p: &[f64], expected: &[f64]| {
            for (a, b) in holm(p).iter().zip(expected) {
                assert!((a - b).abs() < 1e-12, "{p:?}: {a} is not {b}");
            }
        };
        close(&[0.01, 0.02, 0.03, 0.04], &[0.04, 0.06, 0.06, 0.06]);
        close(&[0.9, 0.8, 0.0001], &[1.0, 1.0, 0.0003]);
        close(&[], &[]);
        assert_eq!(
            holm_on_wealth(&[40.0, 19.0, 50.0], 0.05),
            [false, false, false]
        );
        assert_eq!(
            holm_on_wealth(&[40.0, 19.0, 60.0], 0.05),
            [true, false, true]
        );
        assert_eq!(
            holm_on_wealth(&[40.0, 20.0, 60.0], 0.05),
            [true, true, true]
        );
    }

    /// m = 4, rate 0.1: needs 40, 20, 13.3, 10. The third e-value reaches 13.3, so three are
    /// rejected although the first alone does not reach 40.
    #[test]
    fn e_bh_matches_a_worked_example() {
        assert_eq!(
            e_bh(&[14.0, 35.0, 1.0, 18.0], 0.1),
            [true, true, false, true]
        );
        assert_eq!(e_bh(&[13.0, 35.0, 1.0, 18.0], 0.1), [false; 4]);
        assert_eq!(e_bh(&[10.0, 10.0, 10.0, 10.0], 0.1), [true; 4]);
        assert_eq!(e_bh(&[], 0.1), Vec::<bool>::new());
    }
}
