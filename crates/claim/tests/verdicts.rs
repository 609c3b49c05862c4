//! Verdicts of whole lists: each kind occurs when it should, and the list keeps its error rate.
#![allow(clippy::unwrap_used)]

use gnomon_claim::Verdict::{Falsified, Survived, Undecided, Untestable, Vacuous};
use gnomon_claim::{
    Assertion, Claim, ClaimError, Control, Family, Forecast, Inputs, Level, Subject, Test, decide,
    evidence,
};
use gnomon_mechanism::random::{Purpose, Stream};

fn claim(name: &str, assertion: Assertion) -> Claim {
    Claim {
        name: name.into(),
        statement: format!("{name}."),
        family: Family::Accuracy,
        subject: Subject::Amortized,
        level: Level::ThisNetwork,
        population: "a stream".into(),
        statistic: "a number".into(),
        assertion,
        error_rate: 0.05,
        most_inputs: 100_000,
    }
}

fn draws(index: u64, n: usize, draw: impl Fn(&mut Stream) -> f64) -> Inputs {
    let mut stream = Stream::new(101, Purpose::CLAIM, index);
    Inputs::Numbers((0..n).map(|_| draw(&mut stream)).collect())
}

fn test(name: &str, assertion: Assertion, inputs: Inputs) -> Test {
    Test::new(claim(name, assertion), inputs, 9)
}

const MEAN: Assertion = Assertion::MeanAtMost {
    tolerance: 0.1,
    lowest: 0.0,
    highest: 1.0,
};
const SHARE: Assertion = Assertion::ShareAtMost {
    threshold: 1.0,
    share: 0.05,
};
const UNIFORM: Assertion = Assertion::UniformWithin { tolerance: 0.1 };
const NONE: Assertion = Assertion::NoneAbove {
    threshold: 1.0,
    share: 0.01,
};

#[test]
fn each_verdict_occurs_when_it_should() {
    let small = |s: &mut Stream| 0.1 * s.uniform();
    let large = |s: &mut Stream| 0.4 * s.uniform();
    let near = |s: &mut Stream| 0.2 * s.uniform() - 0.0005;
    let tested = decide(&[
        test("small", MEAN, draws(0, 1000, small)),
        test("large", MEAN, draws(1, 1000, large)),
        test("near", MEAN, draws(2, 1000, near)),
        // 20 inputs cannot catch twice the tolerance.
        test("few", UNIFORM, draws(3, 20, |s| s.uniform())),
        test("uniform", UNIFORM, draws(4, 2000, |s| s.uniform())),
        test("square", UNIFORM, draws(5, 2000, |s| s.uniform().powi(2))),
        Test {
            rests_on: vec!["large".into()],
            ..test("trivial", UNIFORM, draws(6, 2000, |s| s.uniform()))
        },
        Test {
            rests_on: vec!["small".into(), "near".into()],
            ..test("open", UNIFORM, draws(7, 2000, |s| s.uniform()))
        },
    ])
    .unwrap();
    let verdicts: Vec<_> = tested.iter().map(|t| t.verdict).collect();
    let expected = [
        Survived, Falsified, Undecided, Untestable, Survived, Falsified, Vacuous, Undecided,
    ];
    assert_eq!(verdicts, expected);
    for t in &tested {
        assert!(
            t.interval[0] <= t.estimate && t.estimate <= t.interval[1],
            "{t:?}"
        );
        // Bounds and p-values tell one story.
        let tolerance = t.claim.assertion.tolerance();
        assert_eq!(
            t.interval[0] > tolerance,
            t.p_falsify < t.threshold,
            "{t:?}"
        );
        assert_eq!(
            t.interval[1] < tolerance,
            t.p_survive < t.threshold,
            "{t:?}"
        );
    }
}

#[test]
fn universal_claims_fall_to_one_counterexample() {
    let mut numbers = vec![0.5; 688];
    let never = decide(&[test("never", NONE, Inputs::Numbers(numbers.clone()))]).unwrap();
    assert_eq!(never[0].verdict, Survived);
    numbers[123] = 1.5;
    let once = decide(&[test("once", NONE, Inputs::Numbers(numbers))]).unwrap();
    assert_eq!(
        (once[0].verdict, once[0].counterexample),
        (Falsified, Some(123))
    );
}

#[test]
fn a_callers_control_that_fails_makes_a_claim_untestable() {
    let inputs = draws(8, 1000, |s| 0.4 * s.uniform());
    let reference = Control {
        name: "the reference simulator".into(),
        expected: "within the tolerance".into(),
        observed: "beyond it".into(),
        behaved: false,
        planted: false,
    };
    let test = Test {
        controls: vec![reference],
        ..test("a", MEAN, inputs)
    };
    assert_eq!(decide(&[test]).unwrap()[0].verdict, Untestable);
}

#[test]
fn tests_repeat_and_survive_json() {
    let list = || [test("a", SHARE, draws(9, 3000, |s| s.exponential() / 4.0))];
    let tested = decide(&list()).unwrap();
    assert_eq!(tested, decide(&list()).unwrap());
    assert_eq!(tested[0].verdict, Survived);
    let json = serde_json::to_string(&tested).unwrap();
    let read: Vec<gnomon_claim::Tested> = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&read[0].claim, read[0].verdict),
        (&tested[0].claim, Survived)
    );
    assert_eq!(read[0].controls, tested[0].controls);
}

#[test]
fn unusable_tests_are_refused() {
    let numbers = |x: &[f64]| Inputs::Numbers(x.to_vec());
    let refused = |test: Test| decide(&[test]).unwrap_err();
    assert!(matches!(
        refused(test("a", MEAN, numbers(&[]))),
        ClaimError::TooFewInputs { .. }
    ));
    let nan = refused(test("a", MEAN, numbers(&[0.0, f64::NAN])));
    assert!(matches!(nan, ClaimError::Statistic { input: 1, .. }));
    assert!(matches!(
        refused(test("a", UNIFORM, numbers(&[1.2]))),
        ClaimError::Statistic { .. }
    ));
    let forecast = Forecast {
        probability: 0.5,
        happened: true,
    };
    let forecasts = Inputs::Forecasts(vec![forecast]);
    assert!(matches!(
        refused(test("a", MEAN, forecasts)),
        ClaimError::Malformed { .. }
    ));
    let upside_down = Assertion::MeanAtMost {
        tolerance: 0.1,
        lowest: 1.0,
        highest: 0.0,
    };
    let upside_down = refused(test("a", upside_down, numbers(&[0.0])));
    assert!(matches!(upside_down, ClaimError::Malformed { .. }));
    let orphan = Test {
        rests_on: vec!["b".into()],
        ..test("a", MEAN, numbers(&[0.0]))
    };
    assert!(matches!(
        refused(orphan),
        ClaimError::UnknownCompanion { .. }
    ));
    let mut procedure = test("a", MEAN, numbers(&[0.0; 19]));
    procedure.claim.level = Level::TrainingProcedure;
    assert!(matches!(
        refused(procedure),
        ClaimError::TooFewInputs { needed: 20, .. }
    ));
}

/// Lists of four claims that all hold just so (then any `falsified` is wrong), or all fail just so
/// (then any `survived` is wrong): in at most 5 % of lists either way. Of 600 lists more than 48 has
/// probability below 1e-3. The controls are left out, because they could only hide errors.
#[test]
fn a_list_keeps_its_error_rate() {
    let n = 300;
    let threshold = gnomon_claim::multiplicity::two_sided_threshold(4, 0.05);
    let coverage = Assertion::CoverageWithin {
        levels: vec![0.5, 0.9],
        tolerance: 0.1,
    };
    let (mut wrong_falls, mut wrong_survivals) = (0, 0);
    for i in 0..600 {
        let at = |k: u64| 1000 + 4 * i + k;
        let edge = [
            (
                MEAN,
                draws(at(0), n, |s| if s.uniform() < 0.1 { 1.0 } else { 0.0 }),
            ),
            (
                SHARE,
                draws(at(1), n, |s| if s.uniform() < 0.05 { 2.0 } else { 0.0 }),
            ),
            (
                UNIFORM,
                draws(at(2), n, |s| {
                    let low = s.uniform() < 0.6;
                    0.5 * (s.uniform() + if low { 0.0 } else { 1.0 })
                }),
            ),
            // P(x <= 0.5) = 0.6, P(x <= 0.9) = 0.9.
            (
                coverage.clone(),
                draws(at(3), n, |s| match s.uniform() {
                    u if u < 0.6 => u * 0.5 / 0.6,
                    u if u < 0.9 => 0.5 + (u - 0.6) * 0.4 / 0.3,
                    u => u,
                }),
            ),
        ];
        let weighed = edge
            .map(|(assertion, inputs)| evidence::weigh(&claim("a", assertion), &inputs, threshold));
        let weighed = weighed.map(Result::unwrap);
        wrong_falls += usize::from(weighed.iter().any(|e| e.p_falsify <= threshold));
        wrong_survivals += usize::from(weighed.iter().any(|e| e.p_survive <= threshold));
    }
    assert!(
        wrong_falls <= 48 && wrong_survivals <= 48,
        "{wrong_falls} {wrong_survivals}"
    );
}
