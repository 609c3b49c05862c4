//! `gnomon mismatch`: many real data sets -> what proves that they are not the simulator's.

use std::path::Path;

use gnomon::examine::mismatch::Mismatch;
use gnomon::failure::Failure;
use gnomon::population::Population;
use gnomon::probability::percent;
use gnomon::stage::mismatch;
use serde_json::json;

use super::Session;
use super::ask::data_sets;
use super::study::read;

/// What is printed of the features that tell.
const SHOWN: usize = 8;

/// Judges a file of real data sets.
pub fn execute(session: &Session, path: &Path, each: &Path) -> Result<(), Failure> {
    let context = read(session, path)?;
    let data = data_sets(&context, each)?;
    let population = Population::new(&context.study)?;
    let found = mismatch::run(&context, &population, &data)?;
    let words = in_words(&found);
    let drivers: Vec<_> = found
        .drivers
        .iter()
        .map(|one| {
            json!({
                "feature": one.feature, "accuracy_lost": one.accuracy_lost, "difference": one.difference,
            })
        })
        .collect();
    let groups: Vec<_> = found
        .groups
        .iter()
        .map(|group| {
            let largest = group.largest.iter();
            let largest: Vec<_> = largest
                .map(
                    |(feature, difference)| json!({ "feature": feature, "difference": difference }),
                )
                .collect();
            json!({ "name": group.name, "accuracy_lost": group.accuracy_lost, "largest": largest })
        })
        .collect();
    let value = json!({
        "words": words, "proved": is_proved(&found), "real": found.real, "pairs": found.pairs,
        "accuracy": found.accuracy, "accuracy_at_least": found.accuracy_at_least,
        "total_variation_at_least": found.total_variation_at_least,
        "error_rate": found.error_rate, "drivers": drivers, "groups": groups,
    });
    let mut text = String::new();
    if data[0].len() > found.real {
        text += &format!(
            "Of {} data sets the first {} are judged.\n\n",
            data[0].len(),
            found.real
        );
    }
    text += &words;
    if is_proved(&found) {
        text += &what_tells(&found);
    }
    session.output.result(text.trim_end(), &value)
}

/// The features and groups of them that the classifiers went by; what was tried, where none is missed.
fn what_tells(found: &Mismatch) -> String {
    let side = |difference: f64| match difference > 0.0 {
        true => format!("higher by {difference:.2} sd"),
        false => format!("lower by {:.2} sd", -difference),
    };
    let together = found
        .groups
        .iter()
        .filter(|group| group.accuracy_lost > 0.0);
    let together: Vec<_> = together.collect();
    let mut text = String::new();
    if found.drivers.is_empty() {
        text += &format!(
            "\n\nNo single feature tells them: each of {} entries and summaries was shuffled alone, and the others \
             made up for it.",
            found.features
        );
        if together.is_empty() && !found.groups.is_empty() {
            let tried: Vec<&str> = found.groups.iter().map(|group| &*group.name).collect();
            text += &format!(" Nor do these together: {}.", tried.join("; "));
        }
    } else {
        text += &format!(
            "\n\n{:<44}{:>14}  in real data\n",
            "What tells them", "accuracy lost"
        );
        for one in found.drivers.iter().take(SHOWN) {
            text += &format!(
                "  {:<42}{:>14.3}  {}\n",
                one.feature,
                one.accuracy_lost,
                side(one.difference)
            );
        }
    }
    if !together.is_empty() {
        text = text.trim_end().to_owned();
        text += &format!(
            "\n\n{:<44}{:>14}  of these in real data\n",
            "What tells them together", "accuracy lost"
        );
        for group in together.iter().take(SHOWN) {
            let largest = group.largest.iter();
            let largest: Vec<String> = largest
                .map(|(feature, difference)| format!("{feature} {}", side(*difference)))
                .collect();
            text += &format!(
                "  {:<42}{:>14.3}  {}\n",
                group.name,
                group.accuracy_lost,
                largest.join(", ")
            );
        }
    }
    text
}

fn is_proved(found: &Mismatch) -> bool {
    found.total_variation_at_least > 0.0
}

fn in_words(found: &Mismatch) -> String {
    let confidence = percent(1.0 - found.error_rate);
    let told = format!(
        "Of {} real data sets, {} were judged beside a fresh simulation each, by classifiers that had \
         seen neither: {} were told (chance: 50 %).",
        found.real,
        found.pairs,
        percent(found.accuracy)
    );
    if !is_proved(found) {
        return format!(
            "{told}\nNothing is proved at a confidence of {confidence}: the simulator may have produced these \
             data sets. This bounds no risk: another classifier, or more data sets, might tell them."
        );
    }
    format!(
        "{told}\nThe simulator, its priors included, did not produce these data sets: with {confidence} \
         confidence {} can be told, so that real and simulated data sets have a total variation distance of \
         at least {:.2}. (A prior that is wider than reality is a mismatch of this kind, too, and does no harm \
         to answers about single data sets; a difference that no parameters make does.)",
        percent(found.accuracy_at_least),
        found.total_variation_at_least
    )
}
