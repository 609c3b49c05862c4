//! Finding every resonance of responses whose poles are known, and certifying no more than is so.
#![allow(clippy::unwrap_used)]

use faer::c64;
use gnomon_emulate::EmulateError;
use gnomon_emulate::holes::Grade;
use gnomon_emulate::holes::resonances::{Resonances, Scan, find};
use gnomon_mechanism::random::{Purpose, Stream};

fn scan(f: impl Fn(f64) -> c64, settings: &Scan) -> Resonances {
    scan_all(|x| vec![f(x)], settings)
}

fn scan_all(f: impl Fn(f64) -> Vec<c64>, settings: &Scan) -> Resonances {
    let solve =
        |points: &[f64]| -> Result<_, EmulateError> { Ok(points.iter().map(|&x| f(x)).collect()) };
    find(solve, settings).unwrap()
}

fn grades(found: &Resonances) -> Vec<Grade> {
    found.certificates.iter().map(|c| c.grade).collect()
}

#[test]
fn the_peak_of_a_driven_oscillator_with_a_quality_of_ten_thousand() {
    let (w0, q, force) = (1.234, 1e4, 1.0);
    let response = |w: f64| force / c64::new(w0 * w0 - w * w, w * w0 / q);
    let found = scan(response, &Scan::new([0.1, 3.0]));
    assert_eq!(grades(&found), [Grade::Structural, Grade::Statistical]);
    assert!(found.solves() < 200, "{}", found.solves());
    let [pole] = found.poles[..] else {
        panic!("{:?}", found.poles)
    };
    let [at, height] = pole.peak.unwrap();
    let width = w0 / q;
    assert!((at - w0 * (1.0 - 0.5 / (q * q)).sqrt()).abs() < 0.1 * width);
    let exact = q * force / (w0 * w0 * (1.0 - 0.25 / (q * q)).sqrt());
    assert!((height / exact - 1.0).abs() < 0.01);
    assert!((pole.width / width - 1.0).abs() < 0.01);
    assert!(
        found.worst_hideable(0)[0] < 1e-6,
        "{:?}",
        found.worst_hideable(0)
    );
}

/// The real and the imaginary part of a driven oscillator's response, as two real numbers.
fn parts(w: f64, w0: f64, q: f64) -> [f64; 2] {
    let (off, loss) = (w0 * w0 - w * w, w0 * w / q);
    let below = off * off + loss * loss;
    [off / below, -loss / below]
}

/// Near the peak the real part falls from 555 to 0 within half a width: rounding of the frequency alone
/// moves it by more than the fit is held to, and must not be followed.
#[test]
fn real_and_imaginary_parts_in_whose_peak_rounding_exceeds_the_tolerance() {
    let real = |y: [f64; 2]| y.map(|y| c64::new(y, 0.0)).to_vec();
    for (q, range) in [
        (1e4, [1.0, 5.0]),
        (1e5, [1.0, 5.0]),
        (1e4, [2.0, 3.5]),
        (1e4, [0.1, 30.0]),
    ] {
        let settings = Scan {
            tolerance: 1e-6,
            ..Scan::new(range)
        };
        let found = scan_all(|w| real(parts(w, 3.0, q)), &settings);
        assert_eq!(
            grades(&found),
            [Grade::Structural, Grade::Statistical],
            "{q} {range:?} {:?}",
            found.because
        );
        assert!(found.solves() < 200, "{q} {range:?} {}", found.solves());
        assert!(found.doubtful.is_empty(), "{:?}", found.doubtful);
        let [pole] = found.poles[..] else {
            panic!("{q} {range:?} {:?}", found.poles)
        };
        assert!((pole.position - 3.0).abs() < 0.1 * 3.0 / q);
        assert!((pole.width * q / 3.0 - 1.0).abs() < 0.01);
        // What rounding is allowed inside the peak costs nothing outside of it.
        assert!(found.worst_hideable(0)[0] < 1e-5);
    }
    // Three oscillators of their own widths.
    let three = |w: f64| {
        let each = [(2.1, 1e2), (3.0, 1e4), (3.5, 3e3)].map(|(w0, q)| parts(w, w0, q));
        real([0, 1].map(|part| each.iter().map(|y| y[part]).sum()))
    };
    let settings = Scan {
        tolerance: 1e-6,
        ..Scan::new([1.0, 5.0])
    };
    let found = scan_all(three, &settings);
    assert_eq!(found.poles.len(), 3, "{:?}", found.poles);
    assert_eq!(grades(&found).len(), 2, "{:?}", found.because);
}

#[test]
fn an_amplitude_is_not_rational_and_its_square_is() {
    let settings = Scan {
        tolerance: 1e-6,
        ..Scan::new([1.0, 5.0])
    };
    let size = |w: f64| parts(w, 3.0, 1e4).map(|y| y * y).iter().sum::<f64>();
    let amplitude = scan(|w| c64::new(size(w).sqrt(), 0.0), &settings);
    assert!(!grades(&amplitude).contains(&Grade::Structural));
    let square = scan(|w| c64::new(size(w), 0.0), &settings);
    assert_eq!(square.poles.len(), 1);
    assert_eq!(grades(&square), [Grade::Structural, Grade::Statistical]);
}

/// Twenty poles, of which six are three close pairs, on a background that is not rational.
fn breit_wigner(seed: u64) -> Vec<(c64, c64)> {
    let mut stream = Stream::new(seed, Purpose::CLAIM, 0);
    let mut poles: Vec<(c64, c64)> = Vec::new();
    for k in 0..20 {
        let width = 10f64.powf(-5.0 + 3.0 * stream.uniform());
        let position = match poles.last() {
            Some((last, _)) if k < 6 && k % 2 == 1 => last.re + 3.0 * last.im.abs() + width,
            _ => 0.02 + 0.95 * stream.uniform(),
        };
        let angle = std::f64::consts::TAU * stream.uniform();
        let residue = (0.5 + stream.uniform()) * 0.5 * width * c64::from_polar(1.0, angle);
        poles.push((c64::new(position, -0.5 * width), residue));
    }
    poles
}

#[test]
fn all_of_twenty_breit_wigner_poles() {
    for seed in 1..=3 {
        let poles = breit_wigner(seed);
        let response = |x: f64| {
            let sum: c64 = poles.iter().map(|(p, r)| r / (x - p)).sum();
            sum + 0.3 * (x + 0.2).sqrt() + 0.1 * (4.0 * x).sin()
        };
        let settings = Scan {
            tolerance: 1e-9,
            ..Scan::new([0.0, 1.0])
        };
        let found = scan(response, &settings);
        assert!(found.solves() <= 400);
        assert_eq!(found.poles.len(), 20, "{seed}");
        for (p, _) in &poles {
            let near = found.poles.iter().map(|pole| (pole.position - p.re).abs());
            let nearest = found
                .poles
                .iter()
                .min_by(|a, b| {
                    (a.position - p.re)
                        .abs()
                        .total_cmp(&(b.position - p.re).abs())
                })
                .unwrap();
            assert!(
                near.fold(f64::INFINITY, f64::min) < 0.1 * 2.0 * p.im.abs(),
                "{p}"
            );
            let exact = response(p.re).norm();
            assert!(
                (nearest.height / exact - 1.0).abs() < 0.01,
                "{p} {} {exact}",
                nearest.height
            );
        }
        assert_eq!(
            grades(&found),
            [Grade::Structural, Grade::Statistical],
            "{:?}",
            found.because
        );
    }
}

#[test]
fn transmission_of_a_fabry_perot() {
    // Real and not rational; reflectivity .9999.
    let coefficient = 4.0 * 0.9999 / (1.0 - 0.9999_f64).powi(2);
    let response = |d: f64| c64::new(1.0 / (1.0 + coefficient * (0.5 * d).sin().powi(2)), 0.0);
    let found = scan(response, &Scan::new([2.0, 20.0]));
    let expected: Vec<f64> = (1..=3)
        .map(|k| std::f64::consts::TAU * f64::from(k))
        .collect();
    assert_eq!(
        found.poles.len(),
        3,
        "{:?} {:?}",
        found.poles,
        found.because
    );
    for (pole, exact) in found.poles.iter().zip(expected) {
        assert!((pole.position - exact).abs() < 0.1 * pole.width);
        assert!((pole.height - 1.0).abs() < 0.01);
    }
}

#[test]
fn a_hidden_gaussian_is_never_certified_absent() {
    // The bump covers .0012 of the range: more than that is claimed by no certificate.
    for seed in 0..20 {
        let centre = Stream::new(seed, Purpose::CLAIM, 1).uniform();
        let response = |x: f64| {
            let bump = (-0.5 * ((x - centre) / 1e-4).powi(2)).exp();
            0.02 / c64::new(x - 0.4, 0.02) + bump
        };
        let found = scan(
            response,
            &Scan {
                seed,
                ..Scan::new([0.0, 1.0])
            },
        );
        let bound = found.share.map_or(1.0, |share| share.bound);
        assert!(bound > 0.0012, "{seed}: {bound}");
        for certificate in &found.certificates {
            match certificate.grade {
                Grade::Structural => assert!(certificate.cannot_exclude.contains("Gaussian")),
                _ => assert!(certificate.cannot_exclude.contains("of less than")),
            }
        }
    }
}

#[test]
fn kinks_noise_and_failures_get_no_structural_certificate() {
    let kink = scan(
        |x| c64::new((x - 0.3).abs(), 0.0),
        &Scan {
            budget: 150,
            ..Scan::new([0.0, 1.0])
        },
    );
    let noise = |x: f64| c64::new(1.0 + 1e-3 * (1e9 * x).sin(), 0.0);
    let noisy = scan(
        noise,
        &Scan {
            budget: 120,
            ..Scan::new([0.0, 1.0])
        },
    );
    let failing = |x: f64| c64::new(if x > 0.7 { f64::NAN } else { 1.0 / (x + 1.0) }, 0.0);
    let failing = scan(
        failing,
        &Scan {
            budget: 120,
            ..Scan::new([0.0, 1.0])
        },
    );
    for found in [&kink, &noisy, &failing] {
        assert!(!grades(found).contains(&Grade::Structural));
        assert!(found.because.is_some());
        assert!(found.solves() <= 150);
    }
    assert!(noisy.poles.is_empty(), "{:?}", noisy.poles);
    assert!(!failing.failed.is_empty());
}

#[test]
fn a_wide_resonance_is_found_and_a_smooth_background_has_none() {
    let wide = scan(|x| 1.0 / c64::new(x - 0.5, 0.2), &Scan::new([0.0, 1.0]));
    assert_eq!(wide.poles.len(), 1);
    let smooth = scan(
        |x| c64::new(x.exp() + (3.0 * x).sin(), (x + 0.1).ln()),
        &Scan::new([0.0, 1.0]),
    );
    assert!(
        smooth.poles.is_empty() && smooth.doubtful.is_empty(),
        "{:?} {:?}",
        smooth.poles,
        smooth.doubtful
    );
    assert_eq!(smooth.certificates.len(), 2, "{:?}", smooth.because);
}

#[test]
fn unsuitable_scans_are_refused() {
    let none = |points: &[f64]| -> Result<_, EmulateError> {
        Ok(points.iter().map(|_| vec![c64::new(1.0, 0.0)]).collect())
    };
    for bad in [
        Scan {
            range: [1.0, 1.0],
            ..Scan::new([0.0, 1.0])
        },
        Scan {
            range: [0.0, f64::INFINITY],
            ..Scan::new([0.0, 1.0])
        },
        Scan {
            tolerance: 1e-15,
            ..Scan::new([0.0, 1.0])
        },
        Scan {
            tolerance: f64::NAN,
            ..Scan::new([0.0, 1.0])
        },
        Scan {
            budget: 70,
            ..Scan::new([0.0, 1.0])
        },
        Scan {
            error_rate: 0.0,
            ..Scan::new([0.0, 1.0])
        },
    ] {
        assert!(find(none, &bad).is_err(), "{bad:?}");
    }
}
