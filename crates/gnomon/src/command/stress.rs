//! `gnomon stress`: what the answers are worth where the truth is a mechanism that the networks never saw.

use std::path::Path;

use gnomon::failure::Failure;
use gnomon::file;
use gnomon::population::Population;
use gnomon::probability::percent;
use gnomon::stage::rounds;
use gnomon::stage::stress::{self, Asked, Quantity, Share, Stress, Without};
use serde_json::json;

use super::Session;
use super::study::read;

/// Coverage below which an interval of 90 % is called lost, its confidence interval included.
const LOST: f64 = 0.8;

/// Stresses a study.
pub fn execute(
    session: &Session,
    path: &Path,
    data_sets: usize,
    folder: Option<&Path>,
) -> Result<(), Failure> {
    let context = read(session, path)?;
    stress::check(&context)?;
    let population = Population::new(&context.study)?;
    let banks = rounds::run(&context, &population)?.banks;
    let found = stress::run(&context, &population, &banks, data_sets)?;
    let words: Vec<String> = found.without.iter().map(in_words).collect();
    let value = json!({ "words": words, "stress": found });
    let mut text = format!("{}\n{}\n", table(&found), words.join("\n"));
    if found.without.iter().all(|one| one.of_it.shared.is_empty()) {
        text += "No quantity is shared by the mechanisms: error and coverage are not known (`shared` in \
                 the study names what has one meaning in several).\n";
    }
    if let Some(folder) = folder {
        file::write_json(&folder.join("stress.json"), &value)?;
        file::write(&folder.join("stress.csv"), csv(&found).as_bytes())?;
    }
    session.output.result(text.trim_end(), &value)
}

/// Rows of the table: data of the mechanism that was left out, and of those that are known.
fn rows(without: &Without) -> [(&'static str, &Asked); 2] {
    [("unknown", &without.of_it), ("known", &without.of_known)]
}

fn table(found: &Stress) -> String {
    let mut text = format!(
        "{:<16}{:<10}{:>8}  {:<18}{:>6}{:>7}{:>10}{:>11}{:>10}\n",
        "left out",
        "data of",
        "alarms",
        "quantity",
        "error",
        "width",
        "coverage",
        "no alarm",
        "alarm"
    );
    for without in &found.without {
        for (which, asked) in rows(without) {
            let mut begin = format!(
                "{:<16}{which:<10}{:>8}",
                without.mechanism,
                shown(asked.alarms)
            );
            if asked.shared.is_empty() {
                text += &format!("{begin}\n");
            }
            for one in &asked.shared {
                text += &format!(
                    "{begin}  {:<18}{:>6.2}{:>7.2}{:>10}{:>11}{:>10}\n",
                    one.name,
                    one.error,
                    one.width,
                    shown(one.coverage),
                    shown(one.coverage_without_alarm),
                    shown(one.coverage_with_alarm)
                );
                begin = " ".repeat(34);
            }
        }
    }
    text += &format!(
        "\nAlarms: of {} data sets of each mechanism (at most {} are false). Error (root mean square) and \
         width of\n90 % intervals: in sds of the quantity. Coverage: of 90 % intervals; of all data sets, of \
         those without an\nalarm, of those with one.\n",
        found.data_sets,
        percent(found.alarm_rate)
    );
    text
}

fn shown(share: Share) -> String {
    match share.of {
        0 => "-".to_owned(),
        _ => format!("{:.0} %", 100.0 * share.share),
    }
}

/// What a mechanism that was left out does to answers.
fn in_words(without: &Without) -> String {
    let Without {
        mechanism,
        of_it,
        of_known,
    } = without;
    let mut text = format!(
        "Were `{mechanism}` the truth and not among the mechanisms, an alarm would be raised in {} of data \
         sets (of known mechanisms: {}).",
        shown(of_it.alarms),
        shown(of_known.alarms)
    );
    for one in &of_it.shared {
        let known = of_known.shared.iter().find(|other| other.name == one.name);
        text += &format!(" {}", verdict(one, known));
    }
    text
}

fn verdict(one: &Quantity, known: Option<&Quantity>) -> String {
    let name = &one.name;
    let beside = known.map_or_else(String::new, |known| {
        format!(" (of known mechanisms: {})", shown(known.coverage))
    });
    let covered = shown(one.coverage);
    if one.coverage.interval[1] >= LOST {
        return format!("Its 90 % intervals of `{name}` would hold {covered} of truths{beside}.");
    }
    let quiet = one.coverage_without_alarm;
    let silent = match (quiet.of, quiet.interval[1] < LOST) {
        (0, _) => "every such data set raises an alarm".to_owned(),
        (_, true) => format!(
            "and the alarm does not save them: where none is raised, {} are held",
            shown(quiet)
        ),
        (_, false) => format!("but where no alarm is raised, {} are held", shown(quiet)),
    };
    format!("Its 90 % intervals of `{name}` would hold only {covered} of truths{beside}, {silent}.")
}

fn csv(found: &Stress) -> String {
    let mut text =
        "left_out,data_of,data_sets,alarms,quantity,error,width,coverage,coverage_without_alarm,\
                    coverage_with_alarm,noise\n"
            .to_owned();
    let number = |share: Share| match share.of {
        0 => String::new(),
        _ => share.share.to_string(),
    };
    for without in &found.without {
        for (which, asked) in rows(without) {
            let begin = format!(
                "{},{which},{},{}",
                without.mechanism,
                asked.data_sets,
                number(asked.alarms)
            );
            if asked.shared.is_empty() {
                text += &format!("{begin},,,,,,,{}\n", found.noise);
            }
            for one in &asked.shared {
                text += &format!(
                    "{begin},{},{},{},{},{},{},{}\n",
                    one.name,
                    one.error,
                    one.width,
                    number(one.coverage),
                    number(one.coverage_without_alarm),
                    number(one.coverage_with_alarm),
                    found.noise
                );
            }
        }
    }
    text
}
