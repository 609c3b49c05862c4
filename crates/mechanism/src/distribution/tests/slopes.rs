//! Derivatives by arguments against central differences.

use super::super::Family;

/// A family, arguments, and a value.
const CASES: &[(Family, &[f64], f64)] = &[
    (Family::Normal, &[1.0, 2.0], 2.5),
    (Family::LogNormal, &[0.3, 0.7], 2.5),
    (Family::Uniform, &[-1.0, 2.0], 0.5),
    (Family::LogUniform, &[0.1, 10.0], 0.5),
    (Family::Beta, &[2.0, 3.5], 0.3),
    (Family::Beta, &[0.7, 1.5, -1.0, 3.0], 0.3),
    (Family::Gamma, &[2.5, 0.8], 1.7),
    (Family::InverseGamma, &[2.5, 0.8], 0.4),
    (Family::HalfNormal, &[1.5], 0.4),
    (Family::Exponential, &[0.8], 0.4),
    (Family::StudentT, &[4.0], 1.3),
    (Family::StudentT, &[3.0, 1.0, 2.0], -1.3),
    (Family::HalfCauchy, &[1.5], 0.4),
    (Family::HalfCauchy, &[1.5], 40.0),
    (Family::TruncatedNormal, &[0.5, 1.2, -1.0, 2.0], 0.4),
    (
        Family::TruncatedNormal,
        &[0.5, 1.2, 0.0, f64::INFINITY],
        3.0,
    ),
    (Family::Poisson, &[3.2], 5.0),
    (Family::Poisson, &[3.2], 0.0),
    (Family::NegativeBinomial, &[3.2, 1.7], 5.0),
    (Family::NegativeBinomial, &[3.2, 1.7], 0.0),
    (Family::Binomial, &[10.0, 0.3], 4.0),
    (Family::Bernoulli, &[0.3], 1.0),
    (Family::Bernoulli, &[0.3], 0.0),
    (Family::Categorical, &[0.3, 1.2, 0.5], 1.0),
];

fn near(found: f64, difference: f64, what: &str) {
    let off = (found - difference).abs();
    assert!(
        off < 1e-6 * (1.0 + found.abs()),
        "{what}: {found}, by difference {difference}"
    );
}

/// The arguments, one of them moved.
fn moved(args: &[f64], position: usize, shift: f64) -> Vec<f64> {
    let mut args = args.to_vec();
    args[position] += shift;
    args
}

#[test]
fn log_densities_change_with_their_arguments_as_said() {
    for &(family, args, x) in CASES {
        let mut slopes = vec![0.0; args.len()];
        family.log_density_slopes(args, x, &mut slopes);
        for (k, &slope) in slopes.iter().enumerate() {
            let whole = family == Family::Binomial && k == 0;
            if whole || args[k].is_infinite() {
                assert_eq!(slope, 0.0);
                continue;
            }
            let at = |shift: f64| family.log_density(&moved(args, k, shift), x);
            let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
            near(
                slope,
                difference,
                &format!("{family:?} {args:?} at {x} by {k}"),
            );
        }
    }
}

#[test]
fn values_change_with_their_coordinates_and_arguments_as_said() {
    let continuous = CASES.iter().filter(|case| case.0.has_coordinates());
    for &(family, args, x) in continuous {
        let z = family.to_normal(args, x).unwrap();
        let at = |z: f64| family.from_normal(args, z).unwrap();
        let slope = family.from_normal_slope(args, z, x).unwrap();
        near(
            slope,
            (at(z + 1e-5) - at(z - 1e-5)) / 2e-5,
            &format!("{family:?} {args:?} at {z}"),
        );
        for k in (0..args.len()).filter(|&k| args[k].is_finite()) {
            // z(x; args) stays: dx = - dz by the argument over dz by x.
            let score = |shift: f64| family.to_normal(&moved(args, k, shift), x).unwrap();
            let by_argument = -(score(1e-5) - score(-1e-5)) / 2e-5 * slope;
            let found = family.from_normal_by_argument(args, k, z, x).unwrap();
            near(
                found,
                by_argument,
                &format!("{family:?} {args:?} at {z} by {k}"),
            );
        }
    }
}

#[test]
fn the_impossible_has_no_slopes() {
    let mut slopes = [0.0; 2];
    Family::Normal.log_density_slopes(&[0.0, -1.0], 0.0, &mut slopes);
    assert!(slopes.iter().all(|slope| slope.is_nan()));
    Family::Uniform.log_density_slopes(&[0.0, 1.0], 2.0, &mut slopes);
    assert!(slopes.iter().all(|slope| slope.is_nan()));
}
