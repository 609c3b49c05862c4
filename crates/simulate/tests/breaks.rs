//! Laws of motion that are not smooth in time, against closed forms: a solver must not leap over a
//! pulse, and must be as exact behind a break as before it.

#![allow(clippy::unwrap_used, clippy::panic)]

use gnomon_mechanism::Mechanism;
use gnomon_simulate::{Compiled, simulate};

const METHODS: [&str; 2] = ["explicit", "stiff"];

/// x' = `rate` - x / 10 from x = 0; x at `times`, at tolerances of 1e-9.
fn decay(method: &str, rate: &str, times: &str, more: &str) -> Vec<f64> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rain.csv"), rain()).unwrap();
    let text = format!(
        "[parameters]\np = {{ prior = \"Uniform(100.25, 100.75)\" }}\n{more}\n\
         [states]\nx = 0\n\n[dynamics]\nx = \"{rate} - x / 10\"\n\n\
         [solver]\nmethod = \"{method}\"\nrelative_tolerance = 1e-9\nabsolute_tolerance = 1e-11\n\n\
         [observed]\ntimes = {times}\nx = \"x\"\n"
    );
    let mechanism = Mechanism::parse("test.toml", &text, folder.path())
        .unwrap_or_else(|error| panic!("{error}\n{text}"));
    let batch = simulate(&Compiled::new(&mechanism).unwrap(), 1, &[0]).unwrap();
    assert_eq!(batch.failures[0], None);
    let mut row: Vec<f64> = batch.observed.iter().map(|column| column[0]).collect();
    row.insert(0, batch.parameters[0][0]);
    row
}

/// 0 on every day but day 250, when it is 10.
fn rain() -> String {
    let mut text = String::from("day,rain\n");
    for day in 0..=400 {
        text += &format!("{day},{}\n", if day == 250 { 10 } else { 0 });
    }
    text
}

/// What is left at `t` of a rate of `height` from `from` to `to`.
fn pulse(height: f64, from: f64, to: f64, t: f64) -> f64 {
    let end = to.min(t);
    let gone = |at: f64| ((at - t) / 10.0).exp();
    if t <= from {
        0.0
    } else {
        10.0 * height * (gone(end) - gone(from))
    }
}

fn assert_near(what: &str, value: f64, exact: f64) {
    assert!(
        (value - exact).abs() < 1e-7 * exact.abs().max(1e-2),
        "{what}: {value} instead of {exact}"
    );
}

/// A triangle of height 10 around day 250 is all the rain there is.
#[test]
fn a_spike_in_a_forcing_series_is_not_missed() {
    let forcing = "[forcing]\nfile = \"rain.csv\"\ntime = \"day\"";
    for method in METHODS {
        let row = decay(method, "interp(t, rain)", "[249, 251, 300, 400]", forcing);
        // The integral of (s - 249) e^((s - t) / 10) and its mirror image, by parts.
        let exact = |t: f64| {
            let k = 0.1f64;
            let e = |s: f64| (k * (s - t)).exp();
            let up = 10.0 * ((e(250.0)) / k - (e(250.0) - e(249.0)) / (k * k));
            let down = 10.0 * (-(e(250.0)) / k + (e(251.0) - e(250.0)) / (k * k));
            up + down
        };
        assert_eq!(row[1], 0.0);
        for (value, t) in row[2..].iter().zip([251.0, 300.0, 400.0]) {
            assert_near(&format!("{method} at {t}"), *value, exact(t));
        }
    }
}

#[test]
fn a_pulse_in_time_is_not_missed() {
    for method in METHODS {
        for rate in [
            "if(t > 100 and t < 101, 10, 0)",
            "if(t >= 100 and 2 * t <= 202, 10, 0)",
            "10 * min(1, max(0, floor((t + 100) / 200) - floor((t + 99) / 200)))",
        ] {
            let row = decay(method, rate, "[100, 100.5, 101, 150]", "");
            for (value, t) in row[1..].iter().zip([100.0, 100.5, 101.0, 150.0]) {
                assert_near(
                    &format!("{method}, {rate}, at {t}"),
                    *value,
                    pulse(10.0, 100.0, 101.0, t),
                );
            }
        }
    }
}

#[test]
fn a_pulse_at_a_time_that_is_a_parameter_is_not_missed() {
    for method in METHODS {
        for rate in [
            "if(t - p > 0 and (t - p) / 2 < 0.5, 10, 0)",
            "10 * (floor((t - p) / 1000) + 1) * (1 - (floor((t - p - 1) / 1000) + 1))",
        ] {
            let row = decay(method, rate, "[100, 101, 150]", "");
            let p = row[0];
            for (value, t) in row[1..].iter().zip([100.0, 101.0, 150.0]) {
                assert_near(
                    &format!("{method}, {rate}, at {t}"),
                    *value,
                    pulse(10.0, p, p + 1.0, t),
                );
            }
        }
    }
}

/// Working days: 5 of every 7, for a year.
#[test]
fn a_weekly_pattern_is_followed() {
    for method in METHODS {
        for rate in ["if(t % 7 < 5, 1, 0)", "if(t - 7 * floor(t / 7) < 5, 1, 0)"] {
            let row = decay(method, rate, "[3, 180.5, 364]", "");
            for (value, t) in row[1..].iter().zip([3.0, 180.5, 364.0]) {
                let exact: f64 = (0..52)
                    .map(|week| 7.0 * f64::from(week))
                    .map(|monday| pulse(1.0, monday, monday + 5.0, t))
                    .sum();
                assert_near(&format!("{method}, {rate}, at {t}"), *value, exact);
            }
        }
    }
}

/// x = t passes from 100 to 101 within a step; the event happens at 100, once.
#[test]
fn a_condition_with_two_sides_is_met() {
    for method in METHODS {
        let text = format!(
            "[states]\nx = 0\ny = 0\n\n[dynamics]\nx = 1\ny = \"-y / 1000\"\n\n\
             [[events]]\nwhen = \"x > 100 and x < 100.001\"\nset = {{ y = \"y + t\" }}\n\n\
             [solver]\nmethod = \"{method}\"\n\n[observed]\ntimes = [99, 100, 400]\ny = \"y\"\n"
        );
        let mechanism = Mechanism::parse("test.toml", &text, ".")
            .unwrap_or_else(|error| panic!("{error}\n{text}"));
        let batch = simulate(&Compiled::new(&mechanism).unwrap(), 1, &[0]).unwrap();
        assert_eq!(batch.observed[0][0], 0.0);
        assert!(
            (batch.observed[2][0] - 100.0 * (-0.3f64).exp()).abs() < 1e-3,
            "{method}: {batch:?}"
        );
    }
}
