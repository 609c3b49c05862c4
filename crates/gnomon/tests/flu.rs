//! The boarding-school study's answer against exact posteriors computed here.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use exact::Model;
use gnomon::context::{Context, Wishes};
use gnomon::population::Population;
use gnomon::progress::Progress;
use gnomon::stage::answer::{Answer, ask};
use gnomon::stage::{learn, simulate};

mod exact;

/// More than the study's own: a density with a few far draws would show in the sds.
const DRAWS: usize = 100_000;

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
}

/// The amortized answer of the study as it ships, from its own seed: no chance is left, so that the
/// test has no false alarms.
fn amortized() -> Answer {
    let study = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../studies/boarding-school-flu");
    let folder = tempfile::tempdir().unwrap();
    copy(&study, folder.path());
    let context = Context::read(folder.path(), Wishes::default(), Progress::Hidden).unwrap();
    let population = Population::new(&context.study).unwrap();
    let bank = simulate::run(&context, &population).unwrap();
    let amortized = learn::run(&context, &bank).unwrap();
    ask(&context, &amortized, context.data().unwrap(), DRAWS)
        .unwrap()
        .answer
}

/// Means within 0.2 posterior sd and sds within 20 % of the exact posterior under `sir`; log Bayes
/// factors between the mechanisms within 0.5 of importance sampling on the exact likelihoods.
#[test]
fn the_answer_is_that_of_the_exact_posterior() {
    let answer = amortized();
    let sir = exact::solve(Model::Sir);
    let posterior = &answer.posteriors[0];
    assert_eq!(posterior.mechanism, "sir");
    let mut wrong = Vec::new();
    for (place, name) in ["beta", "gamma", "phi"].into_iter().enumerate() {
        let draws: Vec<f64> = sir.draws.iter().map(|draw| draw[place]).collect();
        let n = draws.len() as f64;
        let mean = draws.iter().sum::<f64>() / n;
        let sd = (draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
        assert_eq!(posterior.quantities[place].name, name);
        let ours = &posterior.summaries[place];
        println!(
            "{name}: {:.4} ± {:.4}, exact {mean:.4} ± {sd:.4}",
            ours.mean, ours.sd
        );
        if (ours.mean - mean).abs() > 0.2 * sd || (ours.sd / sd - 1.0).abs() > 0.2 {
            wrong.push(name.to_owned());
        }
    }
    let evidence =
        [sir, exact::solve(Model::Seir), exact::solve(Model::Sibr)].map(|e| e.log_evidence);
    let log = |mechanism: usize| answer.mechanisms[mechanism].posterior.ln();
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        let (ours, exact) = (log(a) - log(b), evidence[a] - evidence[b]);
        let names = format!(
            "{} to {}",
            answer.mechanisms[a].name, answer.mechanisms[b].name
        );
        println!("log Bayes factor of {names}: {ours:.3}, exact {exact:.3}");
        if (ours - exact).abs() > 0.5 {
            wrong.push(names);
        }
    }
    assert!(
        wrong.is_empty(),
        "not those of the exact posterior: {wrong:?}"
    );
}
