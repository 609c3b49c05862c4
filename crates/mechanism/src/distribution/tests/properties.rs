//! Arbitrary numbers: nothing hangs or panics, and what is checked can be used.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::super::Family;
use crate::random::{Purpose, Stream};

fn family() -> impl Strategy<Value = Family> {
    prop::sample::select(Family::ALL.to_vec())
}

/// Any bits, and numbers that more often make possible arguments.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        -10.0..10.0,
        0.0..1.0,
        (-300i32..300).prop_map(|power| 10f64.powi(power)),
        prop::sample::select(vec![
            0.0,
            1.0,
            -1e-9,
            f64::INFINITY,
            f64::NAN,
            1e9,
            f64::MAX
        ]),
        (0u32..2000).prop_map(f64::from),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, rng_seed: RngSeed::Fixed(20), ..ProptestConfig::default() })]

    #[test]
    fn nothing_hangs_or_panics(
        family in family(),
        args in prop::collection::vec(number(), 0..6),
        x in number(),
        p in 0.0..1.0,
        seed: u64,
    ) {
        let arity = family.signature().arguments.len();
        let args = if args.len() > arity && !family.signature().variadic { &args[..arity] } else { &args[..] };
        let mut stream = Stream::new(seed, Purpose::PARAMETERS, 0);
        let draw = family.sample(args, &mut stream);
        let density = family.log_density(args, x);
        let cdf = family.cdf(args, x);
        let quantile = family.quantile(args, p);
        let (mean, sd) = (family.mean(args), family.sd(args));
        let (low, high) = family.support(args);
        let coordinates = (family.to_normal(args, x), family.from_normal(args, x), family.log_slope(args, x));
        let defaulted = family.signature().arguments.iter().any(|argument| argument.default.is_some());
        if family.check(args).is_ok() {
            prop_assert!(draw >= low && draw <= high, "draw {draw} outside {low}..{high}");
            prop_assert!(quantile >= low && quantile <= high, "quantile {quantile}");
            if !x.is_nan() {
                prop_assert!((0.0..=1.0).contains(&cdf), "cdf {cdf}");
                prop_assert!(!density.is_nan());
            }
            if let (_, Some(from), _) = coordinates && !x.is_nan() {
                prop_assert!(from >= low && from <= high && from.is_finite(), "from_normal {from}");
            }
        } else if args.iter().any(|arg| arg.is_nan()) || (args.len() < arity && !defaulted) {
            prop_assert!(draw.is_nan() && density.is_nan() && cdf.is_nan() && quantile.is_nan());
            prop_assert!(mean.is_nan() && sd.is_nan());
        }
    }

    #[test]
    fn the_cdf_never_falls(family in family(), args in prop::collection::vec(number(), 1..5), a in number(), b in number()) {
        let (a, b) = (a.min(b), b.max(a));
        if family.check(&args).is_ok() && !a.is_nan() {
            prop_assert!(family.cdf(&args, a) <= family.cdf(&args, b) * (1.0 + 1e-9) + 1e-15);
        }
    }
}

#[test]
fn names_lead_back_and_errors_name_the_argument() {
    for family in Family::ALL {
        assert_eq!(Family::from_name(family.name()), Some(family));
    }
    assert_eq!(Family::from_name("Fixed"), Some(Family::Exact));
    assert_eq!(Family::from_name("normal"), None);
    let error = |family: Family, args: &[f64]| {
        family
            .check(args)
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    };
    assert_eq!(
        error(Family::Uniform, &[2.0, 1.0]),
        "high is 1, but must be above low, which is 2"
    );
    assert_eq!(
        error(Family::Binomial, &[2.5, 0.1]),
        "n is 2.5, but must be a whole number, 0 or positive"
    );
    assert_eq!(
        error(Family::Categorical, &[1.0, -2.0]),
        "p1 is -2, but must be 0 or positive"
    );
    assert_eq!(
        error(Family::Normal, &[1.0]),
        "Normal takes 2 arguments (mean, sd), but was given 1"
    );
    assert_eq!(
        error(Family::StudentT, &[]),
        "StudentT takes 1 to 3 arguments (df, location, scale), but was given 0"
    );
    assert_eq!(
        error(Family::Normal, &[f64::NAN, 1.0]),
        "mean is NaN, but must be a finite number"
    );
    assert_eq!(
        error(Family::TruncatedNormal, &[0.0, 1.0, 0.0, f64::INFINITY]),
        ""
    );
    assert_eq!(error(Family::StudentT, &[4.0]), "");
}
