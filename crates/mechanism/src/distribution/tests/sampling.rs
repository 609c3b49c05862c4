//! The samplers against the distribution functions.

use super::super::Family::{self, *};
use crate::random::{Purpose, Stream};

const INF: f64 = f64::INFINITY;
const DRAWS: usize = 4000;

fn draws(family: Family, args: &[f64]) -> Vec<f64> {
    (0..DRAWS)
        .map(|index| {
            family.sample(
                args,
                &mut Stream::new(20, Purpose::PARAMETERS, index as u64),
            )
        })
        .collect()
}

/// The largest distance between the empirical and the true distribution function exceeds
/// `sqrt(ln(2 / alpha) / (2 n))` with probability at most alpha (Dvoretzky, Kiefer & Wolfowitz 1956,
/// Massart 1990), for discrete laws too. alpha = 1e-6 a check, 4e-5 for all.
fn distance(family: Family, args: &[f64]) -> f64 {
    let mut sorted = draws(family, args);
    assert!(sorted.iter().all(|x| x.is_finite()), "{family:?}{args:?}");
    sorted.sort_by(f64::total_cmp);
    let (low, high) = family.support(args);
    let n = sorted.len() as f64;
    let mut largest = 0.0f64;
    let mut first = 0;
    while first < sorted.len() {
        let x = sorted[first];
        let next = first + sorted[first..].partition_point(|&other| other == x);
        let at = family.cdf(args, x);
        let below = if family.is_discrete() {
            family.cdf(args, x - 1.0)
        } else {
            at
        };
        // All that lies beyond the numbers nearest the ends of the support is moved onto them.
        if x > f64::MIN_POSITIVE || low != 0.0 || family.is_discrete() {
            largest = largest.max((first as f64 / n - below).abs());
        }
        if x < high.next_down() || family.is_discrete() {
            largest = largest.max((next as f64 / n - at).abs());
        }
        first = next;
    }
    largest
}

#[test]
fn samplers_follow_their_distribution_functions() {
    let bound = ((2.0f64 / 1e-6).ln() / (2.0 * DRAWS as f64)).sqrt();
    let cases: &[(Family, &[f64])] = &[
        (Normal, &[3.0, 0.1]),
        (LogNormal, &[-1.0, 2.0]),
        (Uniform, &[-5.0, 7.0]),
        (LogUniform, &[1e-5, 1e5]),
        (Beta, &[0.5, 0.5]),
        (Beta, &[1e-2, 2e-2]),
        (Beta, &[30.0, 2.0]),
        (Beta, &[1e5, 3e5]),
        (Gamma, &[1e-3, 1.0]),
        (Gamma, &[0.3, 2.0]),
        (Gamma, &[1.0, 2.0]),
        (Gamma, &[7.5, 1e-3]),
        (Gamma, &[1e6, 1.0]),
        (InverseGamma, &[0.7, 3.0]),
        (InverseGamma, &[20.0, 3.0]),
        (HalfNormal, &[2.0]),
        (Exponential, &[0.1]),
        (StudentT, &[0.5, 0.0, 1.0]),
        (StudentT, &[5.0, 2.0, 3.0]),
        (HalfCauchy, &[0.2]),
        (TruncatedNormal, &[0.0, 1.0, -1.0, 0.5]),
        (TruncatedNormal, &[0.0, 1.0, 0.0, INF]),
        (TruncatedNormal, &[0.0, 1.0, -3.0, 8.0]),
        (TruncatedNormal, &[0.0, 1.0, 12.0, 12.5]),
        (TruncatedNormal, &[0.0, 1.0, 12.0, 12.05]),
        (TruncatedNormal, &[1000.0, 1.0, -INF, 0.0]),
        (Poisson, &[1e-3]),
        (Poisson, &[0.7]),
        (Poisson, &[9.99]),
        (Poisson, &[10.0]),
        (Poisson, &[30.5]),
        (Poisson, &[1e4]),
        (Poisson, &[1e9]),
        (NegativeBinomial, &[50.0, 10.0]),
        (NegativeBinomial, &[2.0, 0.05]),
        (NegativeBinomial, &[50.0, 1e14]),
        (Binomial, &[763.0, 0.001]),
        (Binomial, &[20.0, 0.5]),
        (Binomial, &[100.0, 0.97]),
        (Binomial, &[1e4, 0.3]),
        (Binomial, &[1e9, 1e-9]),
        (Binomial, &[1e6, 0.9999]),
        (Bernoulli, &[0.02]),
        (Categorical, &[1.0, 0.0, 5.0, 2.0]),
    ];
    for &(family, args) in cases {
        let found = distance(family, args);
        assert!(found < bound, "{family:?}{args:?}: {found} >= {bound}");
    }
}

/// Mean and variance of integers whose distribution function is slow: within 5 standard errors,
/// false-alarm rate below 6e-7 a check (the laws are near normal).
#[test]
fn large_counts_have_their_mean_and_variance() {
    for (family, args) in [
        (Poisson, &[1e12][..]),
        (Poisson, &[1e15]),
        (Binomial, &[1e9, 0.5]),
        (Binomial, &[1e9, 0.999]),
        (Binomial, &[1e15, 0.2]),
        (Gamma, &[1e12, 1.0]),
    ] {
        let (mean, sd, n) = (family.mean(args), family.sd(args), DRAWS as f64);
        let standard: Vec<f64> = draws(family, args)
            .iter()
            .map(|x| (x - mean) / sd)
            .collect();
        let first = standard.iter().sum::<f64>() / n;
        let second = standard.iter().map(|z| z * z).sum::<f64>() / n;
        assert!(first.abs() < 5.0 / n.sqrt(), "{family:?}{args:?}: {first}");
        assert!(
            (second - 1.0).abs() < 5.0 * (2.0 / n).sqrt(),
            "{family:?}{args:?}: {second}"
        );
    }
}

#[test]
fn impossible_arguments_give_nan_and_solver_noise_does_not() {
    let mut stream = Stream::new(1, Purpose::OBSERVATION, 0);
    for (family, args) in [
        (Poisson, &[f64::NAN][..]),
        (Poisson, &[-0.1]),
        (Poisson, &[INF]),
        (NegativeBinomial, &[f64::NAN, 10.0]),
        (Binomial, &[2.5, 0.5]),
        (Bernoulli, &[1.1]),
        (Gamma, &[0.0, 1.0]),
        (Normal, &[0.0, 0.0]),
        (Normal, &[0.0]),
        (Categorical, &[0.0, 0.0]),
        (TruncatedNormal, &[0.0, 1.0, 2.0, 1.0]),
    ] {
        assert!(
            family.sample(args, &mut stream).is_nan(),
            "{family:?}{args:?}"
        );
    }
    assert_eq!(Poisson.sample(&[-1e-12], &mut stream), 0.0);
    assert_eq!(NegativeBinomial.sample(&[-1e-12, 3.0], &mut stream), 0.0);
    assert_eq!(Binomial.sample(&[10.0, 1.0 + 1e-12], &mut stream), 10.0);
    assert_eq!(Exact.sample(&[4.25], &mut stream), 4.25);
}

#[test]
fn a_draw_depends_on_its_stream_alone() {
    for family in Family::ALL {
        let args = [0.4, 1.0, 2.0, 3.0];
        let args = &args[..family.signature().arguments.len()];
        let once = family.sample(args, &mut Stream::new(8, Purpose::PARAMETERS, 3));
        let again = family.sample(args, &mut Stream::new(8, Purpose::PARAMETERS, 3));
        assert_eq!(once.to_bits(), again.to_bits(), "{family:?}");
    }
}
