//! The elementary functions against values worked out with mpmath 1.3 (400 digits, rounded), and
//! at the ends of their ranges. Largest error allowed: 2 ulp (pow and exp: 1).

#![allow(clippy::unwrap_used, clippy::panic)]

use gnomon_mechanism::elementary::*;

fn bits(text: &str) -> f64 {
    f64::from_bits(u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap())
}

/// Distance in units in the last place of `exact`.
fn ulps(value: f64, exact: f64) -> f64 {
    if value == exact {
        return 0.0;
    }
    let ulp = f64::from_bits(exact.abs().to_bits() + 1) - exact.abs();
    (value - exact).abs() / ulp
}

#[test]
fn values_match_the_reference() {
    let mut checked = 0;
    for line in include_str!("elementary_reference.csv").lines().skip(1) {
        let field: Vec<&str> = line.split(',').collect();
        let (x, exact) = (bits(field[1]), bits(field[3]));
        let value = match field[0] {
            "exp" => exp(x),
            "exp_m1" => exp_m1(x),
            "ln" => ln(x),
            "ln_1p" => ln_1p(x),
            "sin" => sin(x),
            "cos" => cos(x),
            "tan" => tan(x),
            "asin" => asin(x),
            "acos" => acos(x),
            "atan" => atan(x),
            "sinh" => sinh(x),
            "cosh" => cosh(x),
            "tanh" => tanh(x),
            "pow" => pow(x, bits(field[2])),
            other => panic!("{other}"),
        };
        let error = ulps(value, exact);
        let allowed = if matches!(field[0], "pow" | "exp" | "ln" | "sin" | "cos") {
            1.0
        } else {
            2.0
        };
        assert!(
            error <= allowed,
            "{} at {x:e}: {value:e} is {error} ulp from {exact:e}",
            field[0]
        );
        checked += 1;
    }
    assert!(checked > 1000);
}

/// Millions of points against the platform's functions (within 1 ulp of the truth themselves).
#[test]
fn values_lie_near_the_platforms_over_wide_ranges() {
    type Function = fn(f64) -> f64;
    let table: [(&str, Function, Function, f64, f64); 13] = [
        ("exp", exp, f64::exp, -745.0, 709.7),
        ("exp_m1", exp_m1, f64::exp_m1, -3.0, 3.0),
        ("ln", ln, f64::ln, 1e-9, 4.0),
        ("ln_1p", ln_1p, f64::ln_1p, -0.999, 3.0),
        ("sin", sin, f64::sin, -1000.0, 1000.0),
        ("cos", cos, f64::cos, -1000.0, 1000.0),
        ("tan", tan, f64::tan, -1000.0, 1000.0),
        ("asin", asin, f64::asin, -1.0, 1.0),
        ("acos", acos, f64::acos, -1.0, 1.0),
        ("atan", atan, f64::atan, -8.0, 8.0),
        ("sinh", sinh, f64::sinh, -40.0, 40.0),
        ("cosh", cosh, f64::cosh, -40.0, 40.0),
        ("tanh", tanh, f64::tanh, -4.0, 4.0),
    ];
    for (name, own, platform, low, high) in table {
        let n = 100_000;
        let mut worst = (0.0, 0.0);
        for k in 0..n {
            let x = low + (high - low) * (f64::from(k) + 0.37) / f64::from(n);
            let error = ulps(own(x), platform(x));
            if error > worst.0 {
                worst = (error, x);
            }
        }
        println!("{name}: {} ulp at {:e}", worst.0, worst.1);
        assert!(worst.0 <= 3.0, "{name}: {} ulp at {:e}", worst.0, worst.1);
    }
    let mut worst = 0.0f64;
    for k in 0..100_000 {
        let (x, y) = (
            0.01 + f64::from(k % 331) * 0.05,
            f64::from(k % 977) * 0.1 - 48.0,
        );
        worst = worst.max(ulps(pow(x, y), x.powf(y)));
    }
    println!("pow: {worst} ulp");
    assert!(worst <= 1.0, "pow: {worst} ulp");
}

#[test]
fn ends_of_the_ranges_are_as_in_ieee_754() {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    // Exact (with the sign of 0) at 0, infinity and NaN; within 1 ulp elsewhere.
    let same = |a: f64, b: f64| {
        let ends = a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
        let near = b != 0.0 && b.is_finite() && ulps(a, b) <= 1.0;
        assert!(ends || near, "{a:e} {b:e}")
    };
    for x in [
        0.0,
        -0.0,
        1.0,
        -1.0,
        inf,
        -inf,
        nan,
        5e-324,
        -5e-324,
        1e-310,
        f64::MAX,
        -f64::MAX,
    ] {
        same(exp(x), x.exp());
        same(exp_m1(x), x.exp_m1());
        same(ln(x), x.ln());
        same(ln_1p(x), x.ln_1p());
        same(atan(x), x.atan());
        same(tanh(x), x.tanh());
        same(sinh(x), x.sinh());
        same(cosh(x), x.cosh());
        same(asin(x), x.asin());
        same(acos(x), x.acos());
        if x.abs() < 1e13 {
            same(sin(x), x.sin());
            same(cos(x), x.cos());
        } else {
            assert!(sin(x).is_nan() && cos(x).is_nan() && tan(x).is_nan());
        }
        for y in [
            0.0, -0.0, 0.5, -0.5, 1.0, 2.0, 3.0, -3.0, inf, -inf, nan, 1e300, -1e300, 1e-300,
        ] {
            let (own, platform) = (pow(x, y), x.powf(y));
            assert!(
                own == platform
                    || (own.is_nan() && platform.is_nan())
                    || ulps(own, platform) <= 1.0,
                "pow({x:e}, {y:e}) = {own:e}, not {platform:e}"
            );
        }
    }
    same(exp(-745.2), 0.0);
    assert!(exp(-745.0) > 0.0);
    same(exp(709.79), inf);
    assert!(exp(709.78) < inf);
}
