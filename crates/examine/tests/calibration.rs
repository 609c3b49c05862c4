//! Verdicts about posteriors whose quality is known: an exact conjugate model, and ways to be wrong.
//!
//! Model: theta ~ N(0, 1) in 2 dimensions, three observations x = theta + N(0, 1) noise: posterior
//! N(sum x / 4, 1 / 4). The false-alarm rate of a list of claims is its error rate, 0.05; seeds are
//! fixed to ordinary ones.
#![allow(clippy::unwrap_used)]

use gnomon_claim::Verdict::{self, Falsified, Survived, Vacuous};
use gnomon_examine::calibration::{
    Accuracy, AnswerKind, Answers, Asked, Errors, Examined, GivenMechanism, LikelihoodForecasts,
    MechanismForecasts, Quantity, Settings, UnseenQuantiles, claims, examine,
};
use gnomon_examine::{Curve, ExamineError};
use gnomon_mechanism::random::{Purpose, Stream};

const SETS: usize = 3500;
const DRAWS: usize = 60;
const P: usize = 2;

/// What is done to the exact posterior N(mean, sd^2) of each parameter.
#[derive(Clone, Copy)]
enum Answer {
    Exact,
    TooNarrow,
    Shifted,
    Prior,
}

struct Arrays {
    names: Vec<String>,
    data: Vec<f64>,
    truths: Vec<f64>,
    draws: Vec<f64>,
    log_q_truth: Vec<f64>,
    log_q_draws: Vec<f64>,
    log_prior_truth: Vec<f64>,
}

fn log_normal_density(x: f64, mean: f64, sd: f64) -> f64 {
    -0.5 * ((x - mean) / sd).powi(2) - sd.ln() - 0.5 * std::f64::consts::TAU.ln()
}

fn answered(answer: Answer, seed: u64) -> Arrays {
    let mut arrays = Arrays {
        names: vec!["a".into(), "b".into()],
        data: Vec::new(),
        truths: Vec::new(),
        draws: Vec::new(),
        log_q_truth: Vec::new(),
        log_q_draws: Vec::new(),
        log_prior_truth: Vec::new(),
    };
    for i in 0..SETS {
        let mut stream = Stream::new(seed, Purpose::PARAMETERS, i as u64);
        let theta = [stream.normal(), stream.normal()];
        let sums = theta.map(|t| 3.0 * t + 3f64.sqrt() * stream.normal());
        let (means, sd) = match answer {
            Answer::Exact => (sums.map(|s| s / 4.0), 0.5),
            Answer::TooNarrow => (sums.map(|s| s / 4.0), 0.35),
            Answer::Shifted => (sums.map(|s| s / 4.0 + 0.2), 0.5),
            Answer::Prior => ([0.0; P], 1.0),
        };
        let log_q = |theta: &[f64]| -> f64 {
            theta
                .iter()
                .zip(means)
                .map(|(&t, m)| log_normal_density(t, m, sd))
                .sum()
        };
        arrays.data.extend(sums);
        arrays.truths.extend(theta);
        arrays.log_q_truth.push(log_q(&theta));
        arrays
            .log_prior_truth
            .push(theta.iter().map(|&t| log_normal_density(t, 0.0, 1.0)).sum());
        for _ in 0..DRAWS {
            let draw = means.map(|m| m + sd * stream.normal());
            arrays.log_q_draws.push(log_q(&draw));
            arrays.draws.extend(draw);
        }
    }
    arrays
}

fn given(arrays: &Arrays) -> GivenMechanism<'_> {
    GivenMechanism {
        mechanism: "normal",
        parameters: &arrays.names,
        data: &arrays.data,
        truths: &arrays.truths,
        draws: &arrays.draws,
        log_q_truth: &arrays.log_q_truth,
        log_q_draws: &arrays.log_q_draws,
        log_prior_truth: &arrays.log_prior_truth,
    }
}

fn verdicts(answer: Answer, seed: u64) -> Vec<(String, Verdict)> {
    let arrays = answered(answer, seed);
    let answers = Answers {
        unseen: Vec::new(),
        given: vec![given(&arrays)],
        ..Answers::default()
    };
    let examined = examine(&answers, &Settings::default(), seed, 1).unwrap();
    examined
        .into_iter()
        .map(|e| (e.tested.claim.name, e.tested.verdict))
        .collect()
}

fn expect(found: &[(String, Verdict)], name: &str, verdict: Verdict) {
    let of_name = found.iter().find(|(n, _)| n.starts_with(name));
    assert_eq!(
        of_name.map(|(_, v)| *v),
        Some(verdict),
        "{name} in {found:?}"
    );
}

#[test]
fn the_exact_posterior_survives_every_claim() {
    let found = verdicts(Answer::Exact, 81);
    assert_eq!(found.len(), 6);
    assert!(found.iter().all(|(_, v)| *v == Survived), "{found:?}");
}

#[test]
fn a_posterior_with_an_sd_30_percent_too_small_is_falsified() {
    let found = verdicts(Answer::TooNarrow, 82);
    for name in [
        "calibration of a",
        "calibration of b",
        "joint coverage",
        "TARP",
    ] {
        expect(&found, name, Falsified);
    }
    // Narrow, but it still knows more than the prior.
    expect(&found, "gain over the prior", Survived);
}

#[test]
fn a_shifted_posterior_is_falsified() {
    let found = verdicts(Answer::Shifted, 83);
    expect(&found, "calibration of a", Falsified);
    expect(&found, "calibration of b", Falsified);
}

#[test]
fn the_prior_as_posterior_is_vacuous() {
    let found = verdicts(Answer::Prior, 84);
    expect(&found, "gain over the prior", Falsified);
    expect(&found, "calibration of a", Vacuous);
    expect(&found, "calibration of b", Vacuous);
    expect(&found, "joint coverage", Vacuous);
    // The reference points follow the data, so TARP alone sees that the prior does not.
    expect(&found, "TARP", Falsified);
}

#[test]
fn the_claims_written_down_are_the_claims_tested() {
    let arrays = answered(Answer::Exact, 85);
    let (names, prior, truths, probabilities) = mechanisms(85, 0.0);
    let accuracy = Accuracy {
        of: "c".into(),
        kind: AnswerKind::Quantity,
        error: 1.0,
        share: 0.2,
    };
    let of_paths = Quantity {
        name: "the total of s",
        truths: &arrays.log_prior_truth[..20],
        draws: &[0.5; 200],
    };
    let answers = Answers {
        unseen: vec![UnseenQuantiles {
            label: "s",
            data_sets: 20,
            levels: &[0.25, 0.5, 0.75],
            truths: &arrays.log_prior_truth[..20],
            quantiles: &[0.5; 60],
        }],
        paths: vec![(of_paths, "s")],
        given: vec![given(&arrays)],
        shared: vec![Quantity {
            name: "c",
            truths: &arrays.log_prior_truth[..30],
            draws: &[0.5; 300],
        }],
        mechanisms: Some(MechanismForecasts {
            names: &names,
            prior: &prior,
            truths: &truths,
            probabilities: &probabilities,
        }),
        likelihoods: vec![LikelihoodForecasts {
            mechanism: "normal",
            probabilities: &[0.7; 20],
            first: &[true; 20],
        }],
        accuracy: vec![Errors {
            claimed: &accuracy,
            answers: vec![0.5; 40],
            without: vec![1.5; 40],
        }],
    };
    let asked = Asked {
        unseen: vec!["s".into()],
        paths: vec![("the total of s".into(), "s".into())],
        given: vec![("normal".into(), arrays.names.clone())],
        shared: vec!["c".into()],
        mechanisms: Some(names.clone()),
        likelihoods: vec!["normal".into()],
        accuracy: vec![accuracy.clone()],
    };
    let examined = examine(&answers, &Settings::default(), 1, 1).unwrap();
    let tested: Vec<_> = examined.iter().map(|e| e.tested.claim.clone()).collect();
    assert_eq!(claims(&asked, &Settings::default()), tested);
}

/// Two mechanisms, x ~ N(0, 1) or N(2, 1): exact log odds 2 x - 2, multiplied by 1 + `excess`.
fn mechanisms(seed: u64, excess: f64) -> (Vec<String>, Vec<f64>, Vec<usize>, Vec<f64>) {
    let (mut truths, mut probabilities) = (Vec::new(), Vec::new());
    for i in 0..SETS {
        let mut stream = Stream::new(seed, Purpose::MECHANISM, i as u64);
        let truth = stream.below(2) as usize;
        let x = 2.0 * truth as f64 + stream.normal();
        let second = 1.0 / (1.0 + (-(2.0 * x - 2.0) * (1.0 + excess)).exp());
        truths.push(truth);
        probabilities.extend([1.0 - second, second]);
    }
    (
        vec!["first".into(), "second".into()],
        vec![0.5; 2],
        truths,
        probabilities,
    )
}

fn mechanism_examined(seed: u64, excess: f64, prior_only: bool) -> Vec<Examined> {
    let (names, prior, truths, mut probabilities) = mechanisms(seed, excess);
    if prior_only {
        probabilities.fill(0.5);
    }
    let forecasts = MechanismForecasts {
        names: &names,
        prior: &prior,
        truths: &truths,
        probabilities: &probabilities,
    };
    let answers = Answers {
        unseen: Vec::new(),
        mechanisms: Some(forecasts),
        ..Answers::default()
    };
    examine(&answers, &Settings::default(), seed, 1).unwrap()
}

#[test]
fn mechanism_probabilities_are_judged() {
    let verdicts = |examined: &[Examined]| -> Vec<Verdict> {
        examined.iter().map(|e| e.tested.verdict).collect()
    };
    let exact = mechanism_examined(91, 0.0, false);
    assert_eq!(verdicts(&exact), [Survived; 4], "{exact:?}");
    let too_sure = mechanism_examined(92, 3.0, false);
    assert_eq!(verdicts(&too_sure)[..2], [Falsified; 2], "{too_sure:?}");
    // The prior's probabilities are calibrated, and say nothing.
    let prior = mechanism_examined(93, 0.0, true);
    assert_eq!(
        verdicts(&prior),
        [Vacuous, Vacuous, Falsified, Survived],
        "{prior:?}"
    );
    let Some(Curve::Reliability(curve)) = &exact[0].curve else {
        panic!("no curve")
    };
    assert_eq!(curve.bins.iter().map(|b| b.forecasts).sum::<usize>(), SETS);
    assert!(
        curve
            .bins
            .iter()
            .all(|b| b.interval[0] <= b.frequency && b.frequency <= b.interval[1])
    );
}

#[test]
fn a_wrong_shape_or_a_missing_truth_is_refused() {
    let arrays = answered(Answer::Exact, 86);
    let short = GivenMechanism {
        draws: &arrays.draws[1..],
        ..given(&arrays)
    };
    let mut truths = arrays.truths.clone();
    truths[7] = f64::NAN;
    let missing = GivenMechanism {
        truths: &truths,
        ..given(&arrays)
    };
    for (bad, data_set) in [(short, None), (missing, Some(3))] {
        let answers = Answers {
            unseen: Vec::new(),
            given: vec![bad],
            ..Answers::default()
        };
        let error = examine(&answers, &Settings::default(), 1, 1).unwrap_err();
        match error {
            ExamineError::NotFinite {
                data_set: found, ..
            } => assert_eq!(Some(found), data_set),
            other => assert!(matches!(other, ExamineError::Shape { .. }) && data_set.is_none()),
        }
    }
}

#[test]
fn curves_show_what_was_tested() {
    let arrays = answered(Answer::TooNarrow, 87);
    let answers = Answers {
        unseen: Vec::new(),
        given: vec![given(&arrays)],
        ..Answers::default()
    };
    let examined = examine(&answers, &Settings::default(), 87, 1).unwrap();
    let Some(Curve::EcdfDifference(ecdf)) = &examined[0].curve else {
        panic!("no curve")
    };
    let worst = ecdf.difference.iter().fold(0.0, |w: f64, d| w.max(d.abs()));
    assert!((worst - examined[0].tested.estimate).abs() < 0.02);
    let Some(Curve::Coverage(coverage)) = &examined[2].curve else {
        panic!("no curve")
    };
    // Too narrow: the 80 % region holds 1 - 0.2^0.49 = 0.545; 5 sd is 0.042.
    let at_80 = coverage.coverage[80];
    assert!((at_80 - 0.545).abs() < 0.042, "{at_80}");
}

/// A normal number, data with noise of sd 1, draws of its exact posterior (or of one `too_wide`), and a
/// likelihood that takes the data's precision for `precision`: the verdict about its calibration.
fn likelihood_verdict(precision: f64, too_wide: f64, seed: u64) -> Verdict {
    let arrays = answered(Answer::Exact, seed);
    let (mut probabilities, mut first) = (Vec::new(), Vec::new());
    for i in 0..SETS {
        let mut stream = Stream::new(seed, Purpose::CLAIM, i as u64);
        let truth = stream.normal();
        let x = truth + stream.normal();
        let spread = too_wide * 0.5f64.sqrt();
        let draw = 0.5 * x + spread * stream.normal();
        let weight = |theta: f64| {
            let posterior = -0.5 * ((theta - 0.5 * x) / spread).powi(2);
            -0.5 * theta * theta - 0.5 * precision * (x - theta).powi(2) - posterior
        };
        let of_truth = 1.0 / (1.0 + (weight(draw) - weight(truth)).exp());
        let truth_first = stream.uniform() < 0.5;
        probabilities.push(if truth_first {
            of_truth
        } else {
            1.0 - of_truth
        });
        first.push(truth_first);
    }
    let answers = Answers {
        unseen: Vec::new(),
        given: vec![given(&arrays)],
        likelihoods: vec![LikelihoodForecasts {
            mechanism: "normal",
            probabilities: &probabilities,
            first: &first,
        }],
        ..Answers::default()
    };
    let examined = examine(&answers, &Settings::default(), seed, 1).unwrap();
    let written = examined
        .iter()
        .find(|e| e.tested.claim.name.contains("written likelihood"));
    written.unwrap().tested.verdict
}

#[test]
fn a_written_likelihood_is_held_against_the_simulator() {
    // Whether the network is nearly right or not.
    assert_eq!(likelihood_verdict(1.0, 1.1, 86), Survived);
    assert_eq!(likelihood_verdict(1.0, 1.5, 87), Survived);
    // Noise of half the sd, of twice the sd, and no data at all.
    for (seed, precision) in [(88, 4.0), (89, 0.25), (90, 0.0)] {
        assert_eq!(likelihood_verdict(precision, 1.0, seed), Falsified);
    }
}
