//! The map to standard-normal coordinates: round trips, slopes, borders.

use super::super::Family::{self, *};

const INF: f64 = f64::INFINITY;

const CASES: &[(Family, &[f64])] = &[
    (Normal, &[-3.0, 2.0]),
    (LogNormal, &[1.0, 0.7]),
    (Uniform, &[0.0, 2.0]),
    (Uniform, &[100.0, 101.0]),
    (LogUniform, &[1e-4, 1e3]),
    (Beta, &[2.0, 5.0]),
    (Beta, &[0.1, 0.3]),
    (Beta, &[1e5, 2e5]),
    (Gamma, &[2.0, 0.1]),
    (Gamma, &[0.1, 5.0]),
    (Gamma, &[1e6, 1.0]),
    (Gamma, &[30.0, 1e-3]),
    (InverseGamma, &[3.0, 2.0]),
    (InverseGamma, &[0.5, 1e4]),
    (HalfNormal, &[0.01]),
    (Exponential, &[7.0]),
    (StudentT, &[3.0, 0.0, 2.0]),
    (StudentT, &[0.5, 0.0, 1.0]),
    (StudentT, &[1e6, 0.0, 1.0]),
    (HalfCauchy, &[5.0]),
    (TruncatedNormal, &[0.0, 1.0, 0.0, INF]),
    (TruncatedNormal, &[3.0, 2.0, 0.0, INF]),
    (TruncatedNormal, &[3.0, 2.0, 0.0, 5.0]),
    (TruncatedNormal, &[5.0, 1.0, 0.0, 3.0]),
    (TruncatedNormal, &[-200.0, 1.0, 0.0, 1.0]),
    (TruncatedNormal, &[0.0, 1.0, -INF, -9.0]),
    (TruncatedNormal, &[2.0, 3.0, -INF, INF]),
    (TruncatedNormal, &[1.0, 0.5, 0.999, 1.0005]),
];

fn from(family: Family, args: &[f64], z: f64) -> f64 {
    family.from_normal(args, z).unwrap_or(f64::NAN)
}

fn to(family: Family, args: &[f64], x: f64) -> f64 {
    family.to_normal(args, x).unwrap_or(f64::NAN)
}

fn slope(family: Family, args: &[f64], x: f64) -> f64 {
    family.log_slope(args, x).unwrap_or(f64::NAN)
}

/// To 1e-9, beyond what the rounding of the value itself costs.
#[test]
fn the_round_trip_returns_the_coordinate() {
    for &(family, args) in CASES {
        for step in -80..=80 {
            let z = f64::from(step) / 10.0;
            let x = from(family, args, z);
            let back = to(family, args, x);
            let rounding = f64::EPSILON * x.abs() * slope(family, args, x).exp();
            let (low, high) = family.support(args);
            // At a border the value could not come nearer to it.
            let border = x <= low.next_up() || x >= high.next_down();
            assert!(
                border || (back - z).abs() <= 1e-9 * z.abs().max(1e-2) + 2.0 * rounding,
                "{family:?}{args:?}: {z} -> {x} -> {back}"
            );
        }
    }
}

#[test]
fn the_map_increases_and_stays_inside_the_support() {
    for &(family, args) in CASES {
        let (low, high) = family.support(args);
        let mut before = -INF;
        for step in -40..=40 {
            let x = from(family, args, f64::from(step));
            assert!(
                x > low && x < high && x.is_finite(),
                "{family:?}{args:?} {step}: {x}"
            );
            assert!(
                x >= before * (1.0 - 1e-12 * before.signum()),
                "{family:?}{args:?} {step}: {x} < {before}"
            );
            before = x;
        }
        assert!(from(family, args, 1e9).is_finite());
        assert!(from(family, args, f64::NAN).is_nan());
    }
}

#[test]
fn the_slope_is_the_derivative() {
    for &(family, args) in CASES {
        for z in [-3.0, -0.5, 0.4, 2.0, 6.0] {
            // In the distance from z, which every family resolves where it is not at a border.
            let x = from(family, args, z);
            let h = 1e-4;
            let (a, b) = (from(family, args, z - h), from(family, args, z + h));
            let (low, high) = family.support(args);
            let resolved = (b - a) > 1e9 * f64::EPSILON * x.abs();
            if x <= low.next_up() || x >= high.next_down() || !resolved {
                continue;
            }
            let expected = (2.0 * h / (b - a)).ln();
            let found = slope(family, args, x);
            assert!(
                (found - expected).abs() < 2e-5,
                "{family:?}{args:?} at z = {z}: {found}, expected {expected}"
            );
        }
    }
}

#[test]
fn normal_and_log_normal_are_exactly_affine() {
    assert_eq!(Normal.to_normal(&[1.0, 2.0], 2001.0), Some(1000.0));
    assert_eq!(Normal.from_normal(&[1.0, 2.0], 1000.0), Some(2001.0));
    assert_eq!(LogNormal.to_normal(&[0.0, 0.5], 1.0), Some(0.0));
    assert_eq!(LogNormal.log_slope(&[0.0, 0.5], 1.0), Some(2f64.ln()));
}

#[test]
fn borders_are_finite_and_the_outside_is_not_a_number() {
    for (family, args, border) in [
        (Uniform, &[0.0, 1.0][..], 0.0),
        (Uniform, &[0.0, 1.0], 1.0),
        (LogNormal, &[0.0, 1.0], 0.0),
        (Exponential, &[1.0], 0.0),
        (Gamma, &[1e4, 1.0], 0.0),
        (Gamma, &[0.5, 1.0], 0.0),
        (Gamma, &[0.5, 1e-10], 0.0),
        (Beta, &[0.5, 0.5], 1.0),
        (InverseGamma, &[2.0, 1.0], 0.0),
        (HalfNormal, &[1.0], 0.0),
        (HalfCauchy, &[1e9], 0.0),
        (LogUniform, &[1.0, 2.0], 2.0),
        (TruncatedNormal, &[0.0, 1.0, -1.0, 1.0], -1.0),
    ] {
        let z = to(family, args, border);
        assert!(z.is_finite(), "{family:?}{args:?}: {z}");
        assert!(
            slope(family, args, border).is_finite(),
            "{family:?}{args:?}"
        );
        if z.abs() == 40.0 {
            continue; // Beyond what coordinates tell apart.
        }
        let x = from(family, args, z);
        assert!(
            (x - border).abs() <= 1e-9 * border.abs().max(1e-280),
            "{family:?}: {x}"
        );
    }
    assert!(to(Uniform, &[0.0, 1.0], 1.1).is_nan());
    assert!(slope(Gamma, &[1.0, 1.0], -1.0).is_nan());
    assert!(to(Gamma, &[f64::NAN, 1.0], 1.0).is_nan());
}

#[test]
fn discrete_families_have_none() {
    for family in Family::ALL {
        let none = family.is_discrete() || family == Exact;
        assert_eq!(family.to_normal(&[0.5], 0.0).is_none(), none);
        assert_eq!(family.from_normal(&[0.5], 0.0).is_none(), none);
        assert_eq!(family.log_slope(&[0.5], 0.0).is_none(), none);
        assert_eq!(family.has_coordinates(), !none);
    }
}
