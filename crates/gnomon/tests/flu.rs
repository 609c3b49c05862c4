//! The boarding-school study's answer against exact posteriors computed here.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use exact::Model;
use gnomon::context::{Context, Wishes};
use gnomon::population::Population;
use gnomon::progress::Progress;
use gnomon::report::content::Standing;
use gnomon::stage::answer::{Answer, Refine, ask};
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

/// The answers of the study as it ships, amortized and refined, from its own seed: no chance is left,
/// so that the test has no false alarms.
fn answers() -> [Answer; 2] {
    let study = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../studies/boarding-school-flu");
    let folder = tempfile::tempdir().unwrap();
    copy(&study, folder.path());
    let context = Context::read(folder.path(), Wishes::default(), Progress::Hidden).unwrap();
    let population = Population::new(&context.study).unwrap();
    let bank = simulate::run(&context, &population).unwrap();
    let amortized = learn::run(&context, &population, std::slice::from_ref(&bank)).unwrap();
    let data = context.data().unwrap();
    [Refine::Never, Refine::Always].map(|refine| {
        ask(&context, &population, None, &amortized, data, DRAWS, refine)
            .unwrap()
            .answer
    })
}

/// How far an answer may be from the exact one.
struct Tolerance {
    /// Means, in posterior sds.
    mean: f64,
    /// sds, as a share.
    sd: f64,
    /// Log Bayes factors.
    factor: f64,
}

/// The amortized answer: means within 0.2 posterior sd and sds within 20 % of the exact posterior
/// under `sir`; log Bayes factors between the mechanisms within 0.5 of importance sampling on the
/// exact likelihoods. The refined answer: within what the exact computation's own chance allows.
#[test]
fn the_answers_are_those_of_the_exact_posterior() {
    let [amortized, refined] = answers();
    let exact = [Model::Sir, Model::Seir, Model::Sibr].map(exact::solve);
    for one in &refined.refinement {
        println!("{}: {}", one.mechanism, one.in_brief());
        assert_eq!(one.standing, Standing::Exact, "{one:?}");
    }
    let loose = Tolerance {
        mean: 0.2,
        sd: 0.2,
        factor: 0.5,
    };
    let tight = Tolerance {
        mean: 0.08,
        sd: 0.08,
        factor: 0.05,
    };
    let mut wrong = Vec::new();
    for (what, answer, most) in [("amortized", amortized, loose), ("refined", refined, tight)] {
        println!("{what}");
        let posterior = &answer.posteriors[0];
        assert_eq!(posterior.mechanism, "sir");
        for (place, name) in ["beta", "gamma", "phi"].into_iter().enumerate() {
            let draws: Vec<f64> = exact[0].draws.iter().map(|draw| draw[place]).collect();
            let n = draws.len() as f64;
            let mean = draws.iter().sum::<f64>() / n;
            let sd = (draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
            assert_eq!(posterior.quantities[place].name, name);
            let ours = &posterior.summaries[place];
            println!(
                "{name}: {:.4} ± {:.4}, exact {mean:.4} ± {sd:.4}",
                ours.mean, ours.sd
            );
            if (ours.mean - mean).abs() > most.mean * sd || (ours.sd / sd - 1.0).abs() > most.sd {
                wrong.push(format!("{what} {name}"));
            }
        }
        let log = |mechanism: usize| answer.mechanisms[mechanism].posterior.ln();
        for (a, b) in [(0, 1), (0, 2), (1, 2)] {
            let (ours, exact) = (
                log(a) - log(b),
                exact[a].log_evidence - exact[b].log_evidence,
            );
            let names = format!(
                "{} to {}",
                answer.mechanisms[a].name, answer.mechanisms[b].name
            );
            println!("log Bayes factor of {names}: {ours:.3}, exact {exact:.3}");
            if (ours - exact).abs() > most.factor {
                wrong.push(format!("{what} {names}"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "not those of the exact posterior: {wrong:?}"
    );
}
