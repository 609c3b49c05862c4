//! The library of mechanisms: every file runs, and every list of reactions balances.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};

use gnomon::mechanism::model::{Law, Reaction};
use gnomon::mechanism::{Family, Mechanism};
use gnomon::simulate::{Compiled, Failure, simulate};

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../studies/library");
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .collect();
    files.sort();
    assert!(files.len() >= 10);
    files
}

fn text(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap()
}

fn mechanism(file: &Path, text: &str) -> Mechanism {
    let folder = file.parent().unwrap();
    Mechanism::parse(&file.file_stem().unwrap().to_string_lossy(), text, folder).unwrap()
}

fn reactions(mechanism: &Mechanism) -> &[Reaction] {
    match &mechanism.dynamics.law {
        Law::Jumps { reactions } | Law::Leaps { reactions, .. } => reactions,
        _ => &[],
    }
}

/// No simulation fails but by a condition of acceptance, which at least a tenth meet.
#[test]
fn every_file_runs() {
    for file in files() {
        let mechanism = mechanism(&file, &text(&file));
        assert!(!mechanism.description.is_empty(), "{}", mechanism.name);
        let all: Vec<u64> = (0..1000).collect();
        let batch = simulate(&Compiled::new(&mechanism).unwrap(), 1, &all).unwrap();
        let rejected = |f: &&Failure| matches!(f, Failure::NotAccepted { .. });
        let failures: Vec<&Failure> = batch.failures.iter().flatten().collect();
        println!("{}: {} not accepted", mechanism.name, failures.len());
        assert!(
            failures.iter().all(rejected),
            "{}: {failures:?}",
            mechanism.name
        );
        assert!(failures.len() <= 900, "{}", mechanism.name);
    }
}

/// The same file with every state and the flow of every reaction observed, without noise.
fn counted(file: &Path, mechanism: &Mechanism, method: &str) -> Mechanism {
    let own = text(file);
    let (before, _) = own.split_once("[observed]").unwrap();
    let leaps = if method == "tau-leaping" || method == "langevin" {
        "[solver]\nstep = 0.25\n"
    } else {
        ""
    };
    let before = before
        .replace(
            "method = \"tau-leaping\"",
            &format!("method = \"{method}\""),
        )
        .replace("[solver]\nstep = 0.25\n", "");
    let mut series = String::new();
    for state in &mechanism.dynamics.states {
        series += &format!("s_{0} = \"{0}\"\n", state.name);
    }
    for reaction in reactions(mechanism) {
        series += &format!("f_{0} = \"flow({0})\"\n", reaction.name);
    }
    let text = format!("{before}{leaps}[observed]\ntimes = [0, 4, 10, 20]\n{series}");
    self::mechanism(file, &text)
}

/// Nothing is there that no reaction brought, and nothing is gone that none took, at any time, in any
/// simulation, by any method; events change what no reaction does.
#[test]
fn what_is_there_is_what_the_reactions_brought() {
    for file in files() {
        let own = mechanism(&file, &text(&file));
        if reactions(&own).is_empty() {
            continue;
        }
        for method in ["ode", "tau-leaping", "langevin", "ssa"] {
            // Some thousands of individuals make millions of jumps.
            let (rows, slack) = match method {
                "ssa" if own.name == "epidemic" => continue,
                "ssa" => (5, 1e-12),
                "tau-leaping" => (50, 1e-12),
                "langevin" => (50, 1e-9),
                _ => (50, 1e-9),
            };
            let all: Vec<u64> = (0..rows).collect();
            let counted = counted(&file, &own, method);
            let batch = simulate(&Compiled::new(&counted).unwrap(), 1, &all).unwrap();
            let states = own.dynamics.states.len();
            let column = |series: usize, time: usize| &batch.observed[4 * series + time];
            let mut checked = 0;
            for row in (0..rows as usize).filter(|&row| batch.failures[row].is_none()) {
                for state in 0..states {
                    if own
                        .dynamics
                        .events
                        .iter()
                        .any(|e| e.effects.iter().any(|(s, _)| *s == state))
                    {
                        continue;
                    }
                    let mut expected = column(state, 0)[row];
                    for time in 1..4 {
                        for (number, reaction) in reactions(&own).iter().enumerate() {
                            let flow = column(states + number, time)[row];
                            let amount = reaction.change.iter().find(|(s, _)| *s == state);
                            expected += flow * amount.map_or(0.0, |(_, amount)| *amount);
                        }
                        let there = column(state, time)[row];
                        let size = 1e5 + there.abs();
                        assert!(
                            (there - expected).abs() <= slack * size,
                            "{} by {method}: {} is {there}, not {expected}",
                            own.name,
                            own.dynamics.states[state].name
                        );
                        assert!(there >= -1e-6 * size, "{} by {method}: {there}", own.name);
                        checked += 1;
                    }
                }
            }
            assert!(
                checked > 0,
                "{} by {method}: {:?}",
                own.name,
                batch.failures
            );
        }
    }
}

/// Every person is in one place, at every time.
#[test]
fn nobody_is_lost() {
    let groups = |states: [&str; 4], size: usize| -> Vec<String> {
        let of = |state| (1..=size).map(move |group| format!("s_{state}_{group}"));
        states.into_iter().flat_map(of).collect()
    };
    let people = ["S", "E", "A", "I", "P", "W", "H", "Q", "R", "D"];
    let compartments = ["S", "E", "I", "R"];
    let all = [
        (
            "epidemic.toml",
            200_000.0,
            people.map(|name| format!("s_{name}")).to_vec(),
        ),
        ("age_groups.toml", 100_000.0, groups(compartments, 3)),
        ("towns.toml", 195_000.0, groups(compartments, 4)),
        (
            "mosquitoes.toml",
            50_000.0,
            compartments.map(|name| format!("s_{name}")).to_vec(),
        ),
    ];
    let files = files();
    for (name, population, states) in all {
        let file = files.iter().find(|file| file.ends_with(name)).unwrap();
        let counted = counted(file, &mechanism(file, &text(file)), "tau-leaping");
        let rows = 300;
        let numbers: Vec<u64> = (0..rows as u64).collect();
        let batch = simulate(&Compiled::new(&counted).unwrap(), 2, &numbers).unwrap();
        let columns = counted.observed.iter().zip(batch.observed.chunks(4));
        let people: Vec<&[Vec<f64>]> = columns
            .filter(|(series, _)| states.contains(&series.name))
            .map(|(_, columns)| columns)
            .collect();
        assert_eq!(people.len(), states.len());
        for row in 0..rows {
            for time in 0..4 {
                let sum: f64 = people.iter().map(|columns| columns[time][row]).sum();
                assert_eq!(sum, population, "{name}");
            }
        }
    }
}

/// Parts that may be there or not are parameters of two or a few values, as many as the README says.
#[test]
fn switches_are_parameters() {
    let files = files();
    let file = files
        .iter()
        .find(|file| file.ends_with("epidemic.toml"))
        .unwrap();
    let mechanism = mechanism(file, &text(file));
    let switches = mechanism.parameters.iter().filter(|parameter| {
        matches!(
            parameter.prior.family,
            Family::Bernoulli | Family::Categorical
        )
    });
    assert_eq!(switches.count(), 14);
}
