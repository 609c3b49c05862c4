//! `gnomon check`: what a study or a mechanism file says, and whether it can be run.

use std::path::Path;

use gnomon::failure::Failure;
use gnomon::mechanism::Mechanism;
use gnomon::mechanism::model::Law;
use gnomon::population::Population;
use serde_json::json;

use super::Session;
use super::study::is_mechanism;

/// `gnomon check`: a study, or one mechanism file.
pub fn execute(session: &Session, path: &Path) -> Result<(), Failure> {
    if is_mechanism(path) {
        let mechanism = Mechanism::read(path)?;
        let text = format!("{} is sound: {}", path.display(), in_words(&mechanism));
        session.output.result(
            &text,
            &json!({ "mechanism": mechanism.name, "sound": true }),
        )?;
        return Ok(());
    }
    let context = session.read(path)?;
    Population::new(&context.study)?;
    let study = &context.study;
    let mut text = format!("{}\n\n", study.title);
    for (mechanism, weight) in study.mechanisms.iter().zip(&study.weights) {
        text += &format!(
            "  {} (prior probability {:.3}): {}\n",
            mechanism.name,
            weight,
            in_words(mechanism)
        );
    }
    let label = |part: &gnomon::mechanism::study::Part| part.label.clone();
    if let Some(emulation) = &study.emulation {
        let own = &study.mechanisms[0];
        let given = emulation
            .given
            .iter()
            .map(|&place| own.parameters[place].name.clone());
        let derived = emulation
            .derived
            .iter()
            .map(|&place| own.derived[place].name.clone());
        let given: Vec<String> = given.collect();
        let predict: Vec<String> = emulation.predict.iter().map(label).chain(derived).collect();
        text += &format!(
            "  emulated: {} given {}\n\nThe study is sound.",
            predict.join(", "),
            given.join(", ")
        );
        let value = json!({
            "title": study.title, "mechanisms": [own.name], "given": given, "predict": predict, "sound": true,
        });
        return session.output.result(&text, &value);
    }
    let given: Vec<String> = study.given.iter().map(label).collect();
    let mut predict = study.predict.clone();
    predict.extend(study.unseen.iter().map(label));
    let missing = study
        .data
        .iter()
        .flatten()
        .filter(|value| value.is_nan())
        .count();
    text += &match &study.data {
        None => "  no observed data\n".to_owned(),
        Some(data) => format!(
            "  observed: {} ({} numbers, {missing} missing)\n",
            given.join(", "),
            data.len()
        ),
    };
    if study.simulate.rounds > 1 {
        text += &format!(
            "  {} simulations in {} rounds, for these data alone\n",
            context.simulations, study.simulate.rounds
        );
    }
    text += &format!("  asked: {}\n\nThe study is sound.", predict.join(", "));
    let names: Vec<&str> = study.mechanisms.iter().map(|m| m.name.as_str()).collect();
    let value = json!({
        "title": study.title, "mechanisms": names, "given": given, "predict": predict,
        "shared": study.shared, "sound": true,
    });
    session.output.result(&text, &value)
}

fn in_words(mechanism: &Mechanism) -> String {
    let plural = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    };
    let mut parts = vec![
        plural(mechanism.parameters.len(), "parameter"),
        match mechanism.dynamics.law {
            Law::Response(_) => plural(mechanism.dynamics.states.len() / 2, "complex unknown"),
            _ => plural(mechanism.dynamics.states.len(), "state"),
        },
        plural(mechanism.observed_count(), "observed number"),
    ];
    if !mechanism.derived.is_empty() {
        parts.insert(1, format!("{} derived", mechanism.derived.len()));
    }
    parts.join(", ")
}
