//! Claims with their inputs' statistics -> evidence -> verdicts, for a whole list at one error rate.

use crate::{Claim, ClaimError, Control, Inputs, Level, Tested, Verdict};
use crate::{controls, evidence, multiplicity};

/// The least number of training seeds for a claim about a training procedure.
const TRAINING_SEEDS: usize = 20;

/// A claim about to be tested.
#[derive(Clone, Debug)]
pub struct Test {
    /// The claim.
    pub claim: Claim,
    /// The statistic of each independent input.
    pub inputs: Inputs,
    /// Names of claims of the same list without which surviving is vacuous.
    pub rests_on: Vec<String>,
    /// Controls that the caller ran (say, the reference simulator's own accuracy); the test's own
    /// are added to them.
    pub controls: Vec<Control>,
    /// The seed of the sealed test pool; also of the test's own randomness.
    pub seed: u64,
    /// How often this claim about these weights has touched its pool, this time included.
    pub attempt: u32,
}

impl Test {
    /// A first attempt that rests on nothing else.
    #[must_use]
    pub fn new(claim: Claim, inputs: Inputs, seed: u64) -> Self {
        Self {
            claim,
            inputs,
            rests_on: Vec::new(),
            controls: Vec::new(),
            seed,
            attempt: 1,
        }
    }
}

/// Tests a list of claims so that the probability of any wrong `survived` or `falsified` in it is at
/// most the smallest error rate of its claims
/// ([`two_sided_threshold`](multiplicity::two_sided_threshold)).
///
/// A test that cannot catch its planted violations is `untestable`, unless it falsifies: the error
/// rate of that verdict rests on no control of power. What survives is `vacuous` when a claim it
/// rests on is falsified, and takes over that claim's `undecided` or `untestable`.
///
/// # Errors
/// [`ClaimError`]: a malformed claim, an unusable statistic, too few inputs, an unknown companion.
pub fn decide(tests: &[Test]) -> Result<Vec<Tested>, ClaimError> {
    let error_rate = tests.iter().map(|t| t.claim.error_rate).fold(1.0, f64::min);
    let threshold = multiplicity::two_sided_threshold(tests.len(), error_rate);
    let mut shared: Vec<(&Test, usize, Vec<Control>)> = Vec::new();
    let mut tested = Vec::with_capacity(tests.len());
    for test in tests {
        let inputs = test.inputs.first(test.claim.most_inputs);
        let (needed, given) = (TRAINING_SEEDS, inputs.len());
        if test.claim.level == Level::TrainingProcedure && given < needed {
            let claim = test.claim.name.clone();
            return Err(ClaimError::TooFewInputs {
                claim,
                needed,
                given,
            });
        }
        let evidence = evidence::weigh(&test.claim, &inputs, threshold)?;
        let known = shared
            .iter()
            .find(|(t, n, _)| t.claim.assertion == test.claim.assertion && *n == inputs.len());
        let own = match known {
            Some((.., controls)) => controls.clone(),
            None => {
                let controls = controls::run(&test.claim, &inputs, threshold, test.seed);
                if controls::are_shared(&test.claim.assertion) {
                    shared.push((test, inputs.len(), controls.clone()));
                }
                controls
            }
        };
        let controls: Vec<Control> = test.controls.iter().cloned().chain(own).collect();
        let verdict = verdict(&evidence, &controls, threshold);
        tested.push(Tested {
            claim: test.claim.clone(),
            verdict,
            estimate: evidence.estimate,
            interval: evidence.interval,
            p_survive: evidence.p_survive,
            p_falsify: evidence.p_falsify,
            e_survive: evidence.e_values.map(|e| e[0]),
            e_falsify: evidence.e_values.map(|e| e[1]),
            threshold,
            inputs: inputs.len(),
            controls,
            seed: test.seed,
            attempt: test.attempt,
            because: None,
            counterexample: evidence.worst.filter(|_| verdict == Verdict::Falsified),
        });
    }
    rest(tests, &mut tested)?;
    Ok(tested)
}

fn verdict(evidence: &evidence::Evidence, controls: &[Control], threshold: f64) -> Verdict {
    let spares = controls.iter().all(|c| c.planted || c.behaved);
    let catches = controls.iter().all(|c| !c.planted || c.behaved);
    match (
        evidence.p_survive <= threshold,
        evidence.p_falsify <= threshold,
    ) {
        _ if !spares => Verdict::Untestable,
        (false, true) => Verdict::Falsified,
        _ if !catches => Verdict::Untestable,
        (true, false) => Verdict::Survived,
        _ => Verdict::Undecided,
    }
}

/// What survives keeps its verdict only as far as the claims it rests on survive.
fn rest(tests: &[Test], tested: &mut [Tested]) -> Result<(), ClaimError> {
    let own: Vec<Verdict> = tested.iter().map(|t| t.verdict).collect();
    for (i, test) in tests.iter().enumerate() {
        for name in &test.rests_on {
            let companion = tests
                .iter()
                .position(|t| t.claim.name == *name)
                .ok_or_else(|| ClaimError::UnknownCompanion {
                    claim: test.claim.name.clone(),
                    missing: name.clone(),
                })?;
            if tested[i].verdict == Verdict::Survived && own[companion] != Verdict::Survived {
                tested[i].because = Some(name.clone());
                tested[i].verdict = match own[companion] {
                    Verdict::Falsified => Verdict::Vacuous,
                    verdict => verdict,
                };
            }
        }
    }
    Ok(())
}
