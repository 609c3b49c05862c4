//! What happens between a state and a number in a table: delays, missing stretches, rounding, conditions
//! of acceptance.
#![allow(clippy::unwrap_used)]

use gnomon_mechanism::Mechanism;
use gnomon_simulate::{
    Compiled, Failure, LikelihoodGradient, estimate_log_likelihood, log_likelihood, simulate,
    simulate_at,
};

fn mechanism(text: &str) -> Mechanism {
    Mechanism::parse("m", text, ".").unwrap()
}

fn given(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// Reports come up to three days late: each entry is a weighted sum of the days before, 0 before the first.
#[test]
fn reports_are_late() {
    let mechanism = mechanism(
        "[constants]\nw = [0.5, 0.3, 0.2]\n[parameters]\na = \"Uniform(1, 2)\"\n[states]\nx = 1\n\
         [dynamics]\nx = \"a * x\"\n[observed]\ntimes = [1, 2, 3, 5]\n\
         new = \"flow(a * x)\"\nlate = \"sum(k, 0, 2, w[k + 1] * lag(flow(a * x), k))\"\n\
         level = \"lag(x, 2)\"\n",
    );
    let compiled = Compiled::new(&mechanism).unwrap();
    let batch = simulate(&compiled, 1, &(0..70).collect::<Vec<u64>>()).unwrap();
    for row in 0..70 {
        let (a, at) = (batch.parameters[0][row], |column: usize| {
            batch.observed[column][row]
        });
        for entry in 0_usize..4 {
            let new = |k: usize| entry.checked_sub(k).map_or(0.0, at);
            let late = 0.5 * new(0) + 0.3 * new(1) + 0.2 * new(2);
            assert!((at(4 + entry) - late).abs() < 1e-9 * late.max(1.0));
        }
        // exp(a t) at the entry two before.
        let levels = [0.0, 0.0, a.exp(), (2.0 * a).exp()];
        for (entry, level) in levels.into_iter().enumerate() {
            assert!((at(8 + entry) - level).abs() <= 1e-4 * level);
        }
    }
    // A flow beside another series' flows, and in a jump process.
    let jumps = self::mechanism(
        "method = \"ssa\"\n[states]\nx = 0\n[[reactions]]\nname = \"birth\"\nrate = 20\nchange = { x = 1 }\n\
         [observed]\ntimes = \"1:4\"\nnew = \"flow(birth)\"\nlate = \"lag(flow(birth), 1)\"\n",
    );
    let batch = simulate(&Compiled::new(&jumps).unwrap(), 1, &[0, 1, 2]).unwrap();
    for row in 0..3 {
        assert_eq!(batch.observed[4][row], 0.0);
        for entry in 1..4 {
            assert_eq!(
                batch.observed[4 + entry][row],
                batch.observed[entry - 1][row]
            );
        }
    }
}

/// What a distribution cannot have is named, not only that nothing was drawn.
#[test]
fn an_impossible_argument_is_named() {
    let text = "[parameters]\na = \"Uniform(0, 1)\"\n[observed]\ntimes = [1, 2]\n\
                n = \"Poisson(a - t)\"\n";
    let compiled = Compiled::new(&mechanism(text)).unwrap();
    let batch = simulate(&compiled, 1, &[0]).unwrap();
    let failure = batch.failures[0].clone().unwrap();
    assert_eq!(
        failure.to_string(),
        "n_1 cannot be drawn: its mean must be 0 or positive"
    );
}

/// A likelihood that looks back is that of the same numbers; its gradient and particle filters are refused.
#[test]
fn what_looks_back_has_a_likelihood_where_nothing_moves_by_chance() {
    let text = "[parameters]\na = \"Uniform(1, 2)\"\n[states]\nx = 1\n[dynamics]\nx = \"-a * x\"\n\
                [observed]\ntimes = [1, 2]\ny = \"Normal(lag(x, 1), 0.1)\"\n";
    let mechanism = mechanism(text);
    assert_eq!(mechanism.no_likelihood(&given(&["y"])), None);
    let compiled = Compiled::new(&mechanism).unwrap();
    let log = log_likelihood(&compiled, &[vec![1.5]], &[0.05, 0.2]).unwrap()[0];
    let off = [0.05, 0.2 - (-1.5f64).exp()];
    let expected: f64 = off
        .iter()
        .map(|d| -0.5 * (d / 0.1) * (d / 0.1) - (0.1 * std::f64::consts::TAU.sqrt()).ln())
        .sum();
    assert!((log - expected).abs() < 1e-4, "{log}, {expected}");
    assert!(LikelihoodGradient::new(&mechanism).is_err());
    let noisy = self::mechanism(&text.replace("[observed]", "[noise]\nx = 0.1\n[observed]"));
    let why = noisy.no_estimate(&given(&["y"])).unwrap();
    assert!(why.contains("looks back"), "{why}");
    let noisy = Compiled::new(&noisy).unwrap();
    assert!(estimate_log_likelihood(&noisy, &[vec![1.5]], &[0.1, 0.2], 10, 1, &[0]).is_err());
}

/// Missing by the time, by a latent, and by a parameter; rounded to tens.
#[test]
fn entries_are_missing_and_rounded() {
    let text = "[parameters]\nm = \"Uniform(100, 200)\"\ngap = \"Uniform(0, 6)\"\n[latents]\noff = \"Bernoulli(0.25)\"\n\
                [observed]\ntimes = \"1:8\"\n\
                by_time = { distribution = \"Normal(m, 1)\", missing = \"mod(t, 7) == 0\" }\n\
                by_gap = { distribution = \"m\", missing = \"t > gap and t <= gap + 2 and not off\" }\n\
                tens = { distribution = \"Normal(m, 5)\", rounded = 10 }\n\
                some = { distribution = \"Normal(m, 5)\", rounded = \"if(off, 100, 0)\" }\n\
                late = { distribution = \"m\", rounded = \"if(t > 4, 1, 0)\", missing = \"t < 3\" }\n";
    let mechanism = mechanism(text);
    let compiled = Compiled::new(&mechanism).unwrap();
    let all: Vec<u64> = (0..4000).collect();
    let batch = simulate(&compiled, 1, &all).unwrap();
    assert!(batch.failures.iter().all(Option::is_none));
    let mut whole = 0;
    for row in 0..4000 {
        let at = |column: usize| batch.observed[column][row];
        let missing: Vec<usize> = (0..8).filter(|&entry| at(entry).is_nan()).collect();
        assert_eq!(missing, [6]);
        let gap = batch.parameters[1][row];
        let missing: Vec<usize> = (8..16).filter(|&entry| at(entry).is_nan()).collect();
        whole += usize::from(missing.is_empty());
        let within =
            |entry: &usize| (*entry as f64 - 7.0) > gap && (*entry as f64 - 7.0) <= gap + 2.0;
        if !missing.is_empty() {
            assert_eq!(missing, (8..16).filter(within).collect::<Vec<_>>());
        }
        assert!((16..24).all(|entry| at(entry) % 10.0 == 0.0));
        // With the switch to hundreds, without it as they are.
        let hundreds = (24..32).filter(|&entry| at(entry) % 100.0 == 0.0).count();
        assert_eq!(hundreds, if missing.is_empty() { 8 } else { 0 });
        let m = batch.parameters[0][row];
        let late: Vec<f64> = (34..40).map(at).collect();
        assert!(at(32).is_nan() && at(33).is_nan());
        assert_eq!(late, [m, m, m.round(), m.round(), m.round(), m.round()]);
    }
    // 25 % +- 5 standard errors.
    assert!((whole as f64 / 4000.0 - 0.25).abs() < 0.035, "{whole}");
    // What is missing by its time is no set of trials.
    assert!(!mechanism.exchangeable("by_time") && mechanism.exchangeable("tens"));
    assert!(!mechanism.exchangeable("late"));
    // The time tells which are missing, so the others have their likelihood.
    assert_eq!(mechanism.no_likelihood(&given(&["by_time"])), None);
    let why = mechanism.no_likelihood(&given(&["by_gap"])).unwrap();
    assert!(why.contains("depends on the simulation"), "{why}");
    let why = mechanism.no_likelihood(&given(&["tens"])).unwrap();
    assert!(why.contains("`tens` may be rounded"), "{why}");
}

/// Conditions on parameters and on what is seen; a broken one is a failed row, and impossible.
#[test]
fn simulations_are_accepted_by_conditions() {
    let text = "[parameters]\nx = \"Uniform(0, 1)\"\n[observed]\ny = { distribution = \"Normal(x, 1)\", count = 3 }\n\
                [accept]\nhigh = \"x > 0.5\"\npositive = \"sum(k, 1, 3, y[k]) > 0\"\n";
    let compiled = Compiled::new(&mechanism(text)).unwrap();
    let all: Vec<u64> = (0..2000).collect();
    let batch = simulate(&compiled, 3, &all).unwrap();
    let free = Compiled::new(&mechanism(text.split("[accept]").next().unwrap())).unwrap();
    let unconditional = simulate(&free, 3, &all).unwrap();
    for row in 0..2000 {
        let x = batch.parameters[0][row];
        let sum: f64 = unconditional
            .observed
            .iter()
            .map(|column| column[row])
            .sum();
        let rule = match (x > 0.5, sum > 0.0) {
            (false, _) => Some("high"),
            (true, false) => Some("positive"),
            (true, true) => None,
        };
        let rule = rule.map(|rule| Failure::NotAccepted { rule: rule.into() });
        assert_eq!(batch.failures[row], rule);
        assert_eq!(batch.observed[0][row].is_nan(), rule.is_some());
    }
    let again = simulate_at(&compiled, vec![vec![0.2, 0.7]], 3, &[0, 1]).unwrap();
    assert!(again.failures[0].is_some());

    let logs = |data: [f64; 3]| log_likelihood(&compiled, &[vec![0.4, 0.6]], &data).unwrap();
    let plain = log_likelihood(&free, &[vec![0.4, 0.6]], &[1.0, -0.5, 0.2]).unwrap();
    assert_eq!(logs([1.0, -0.5, 0.2]), [f64::NEG_INFINITY, plain[1]]);
    assert_eq!(logs([-1.0, -0.5, 0.2]), [f64::NEG_INFINITY; 2]);

    let random = "[parameters]\na = \"Uniform(0, 1)\"\n[states]\nx = 1\n[dynamics]\nx = \"-a * x\"\n[noise]\nx = 0.1\n\
                  [observed]\ntimes = [1, 2]\ny = \"Normal(x, 0.1)\"\n[accept]\nslow = \"a < 0.5\"\n";
    let compiled = Compiled::new(&mechanism(random)).unwrap();
    let logs =
        estimate_log_likelihood(&compiled, &[vec![0.4, 0.6]], &[0.6, 0.4], 50, 1, &[0, 1]).unwrap();
    assert!(
        logs[0].is_finite() && logs[1] == f64::NEG_INFINITY,
        "{logs:?}"
    );
}
