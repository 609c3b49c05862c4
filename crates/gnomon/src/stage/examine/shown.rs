//! Verdicts and curves as a report holds them.

use gnomon_claim::{Assertion, Subject, Tested, Verdict};
use gnomon_examine::Curve;
use gnomon_examine::calibration::{About, Examined};
use gnomon_report::content;

/// A claim in a report; one that is `local` is about a part of the prior, and says which.
pub(in crate::stage) fn in_words(tested: &Tested, local: bool) -> content::Claim {
    let claim = &tested.claim;
    content::Claim {
        name: claim.name.clone(),
        statement: match local {
            false => claim.statement.clone(),
            true => format!("{} Tested on {}.", claim.statement, claim.population),
        },
        verdict: match tested.verdict {
            Verdict::Survived => content::Verdict::Survived,
            Verdict::Falsified => content::Verdict::Falsified,
            Verdict::Undecided => content::Verdict::Undecided,
            Verdict::Untestable => content::Verdict::Untestable,
            Verdict::Vacuous => content::Verdict::Vacuous,
        },
        because: tested.because.as_ref().map_or_else(String::new, |other| {
            format!("its own test passed; it rests on “{other}”, which did not survive")
        }),
        statistic: claim.statistic.clone(),
        estimate: tested.estimate,
        interval: tested.interval,
        tolerance: claim.assertion.tolerance(),
        error_rate: claim.error_rate,
        inputs: tested.inputs as u64,
        subject: match claim.subject {
            Subject::Amortized => content::Subject::Amortized,
            Subject::Refined => content::Subject::Refined,
            Subject::Emulated => content::Subject::Emulated,
        },
        controls: tested
            .controls
            .iter()
            .map(|control| content::Control {
                name: control.name.clone(),
                result: control.observed.clone(),
                behaved: control.behaved,
            })
            .collect(),
    }
}

pub(super) fn curves(examined: &[Examined]) -> content::Calibration {
    let mut all = content::Calibration::default();
    for Examined {
        tested,
        curve,
        about,
    } in examined
    {
        let inputs = tested.inputs as u64;
        let About {
            mechanism,
            quantity,
        } = about.clone();
        match curve {
            Some(Curve::EcdfDifference(curve)) => all.sbc.push(content::SbcCurve {
                mechanism,
                quantity: quantity.unwrap_or_default(),
                ranks: curve.levels.clone(),
                difference: curve.difference.clone(),
                lower: vec![-curve.band; curve.levels.len()],
                upper: vec![curve.band; curve.levels.len()],
                tolerance: curve.tolerance,
                inputs,
            }),
            Some(Curve::Coverage(curve)) => all.coverage.push(content::CoverageCurve {
                diagnostic: quantity.unwrap_or_default(),
                mechanism,
                nominal: curve.levels.clone(),
                actual: curve.coverage.clone(),
                lower: curve.lower.clone(),
                upper: curve.upper.clone(),
                inputs,
            }),
            Some(Curve::Reliability(curve)) => all.reliability.push(content::Reliability {
                mechanism: mechanism.unwrap_or_default(),
                predicted: curve.bins.iter().map(|bin| bin.stated).collect(),
                frequency: curve.bins.iter().map(|bin| bin.frequency).collect(),
                lower: curve.bins.iter().map(|bin| bin.interval[0]).collect(),
                upper: curve.bins.iter().map(|bin| bin.interval[1]).collect(),
                count: curve.bins.iter().map(|bin| bin.forecasts as u64).collect(),
            }),
            None => {}
        }
        // Gains of intervals are no nats, and stand with their claims alone.
        let in_nats = about.mechanism.is_some() || about.quantity.is_none();
        if let Assertion::MeanAtLeast { .. } = tested.claim.assertion
            && in_nats
        {
            all.gains.push(content::ScoreGain {
                target: if about.mechanism.is_some() {
                    "parameters"
                } else {
                    "mechanism"
                }
                .into(),
                mechanism: about.mechanism.clone(),
                mean: tested.estimate,
                interval: tested.interval,
                inputs,
            });
        }
    }
    all
}
