//! The study whose simulator is a Python program: its posterior is calibrated.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;
use std::process::Command;

use gnomon::context::{Context, Wishes};
use gnomon::population::Population;
use gnomon::progress::Progress;
use gnomon::report::content::Verdict;
use gnomon::stage::{examine, learn, simulate};

/// At a reduced budget. The test runs from fixed seeds, so that it has no false alarms: a claim that
/// is true is falsified with a probability of at most 5 % over all claims, at another seed.
#[test]
fn the_posterior_of_the_queue_is_calibrated() {
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("skipped: there is no python3");
        return;
    }
    let study = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../studies/queue");
    let folder = tempfile::tempdir().unwrap();
    for name in ["study.toml", "queue.toml", "simulator.py"] {
        let mut text = std::fs::read_to_string(study.join(name)).unwrap();
        if name == "study.toml" {
            text += "\n[learn]\nepochs = 60\n\n[claims]\ndata_sets = 1500\ntolerance = 0.1\n";
        }
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let wishes = Wishes {
        simulations: Some(8_000),
        ..Wishes::default()
    };
    let context = Context::read(folder.path(), wishes, Progress::Hidden).unwrap();
    let population = Population::new(&context.study).unwrap();
    let bank = simulate::run(&context, &population).unwrap();
    let amortized = learn::run(&context, &population, std::slice::from_ref(&bank)).unwrap();
    let made_from = learn::made_from(&context, std::slice::from_ref(&bank)).unwrap();
    let verdicts = examine::run(&context, &population, &amortized, &made_from).unwrap();
    let of = |verdict: Verdict| {
        let claims = verdicts.claims.iter();
        let some = claims.filter(|claim| claim.verdict == verdict);
        some.map(|claim| claim.name.as_str()).collect::<Vec<_>>()
    };
    assert!(
        of(Verdict::Falsified).is_empty(),
        "{:?}",
        of(Verdict::Falsified)
    );
    let survived = of(Verdict::Survived);
    for what in [
        "calibration of theta1",
        "calibration of d",
        "calibration of theta3",
    ] {
        assert!(
            survived.iter().any(|name| name.starts_with(what)),
            "{what} did not survive: {survived:?}"
        );
    }
}
