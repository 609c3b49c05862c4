//! `gnomon holes`: a mechanism along one parameter -> its resonances, and what may still hide.

use std::path::Path;

use gnomon::emulate::holes::resonances::{Pole, Scan};
use gnomon::failure::Failure;
use gnomon::file;
use gnomon::mechanism::Mechanism;
use gnomon::stage::holes::{self, Asked, Found};
use serde_json::json;

use super::Session;
use super::arguments::HolesScan;
use super::output::significant;

/// Scans a mechanism file.
pub fn execute(session: &Session, path: &Path, scan: &HolesScan) -> Result<(), Failure> {
    let mechanism = Mechanism::read(path)?;
    let seed = session.wishes.seed.unwrap_or(1);
    let asked = Asked {
        over: &scan.over,
        range: [scan.from, scan.to],
        outputs: &scan.outputs,
        at: &scan.at,
        scan: Scan {
            tolerance: scan.tolerance,
            budget: scan.budget,
            checks: scan.checks,
            seed,
            ..Scan::new([0.0, 1.0])
        },
    };
    let found = holes::run(&mechanism, &asked, seed)?;
    let value = as_json(&mechanism, &scan.over, &found);
    let mut text = in_words(&mechanism, &scan.over, &found);
    if let Some(folder) = &scan.output {
        file::write_json(&folder.join("holes.json"), &value)?;
        let figure = holes::write(&found, &mechanism, &scan.over, folder)?;
        text += &format!("\nFigure: {}", figure.display());
    }
    session.output.result(&text, &value)
}

fn in_words(mechanism: &Mechanism, over: &str, found: &Found) -> String {
    let (told, [low, high]) = (&found.resonances, found.scan.range);
    let mut text = format!(
        "{} over {over} from {} to {}, {} solves",
        mechanism.name,
        significant(low),
        significant(high),
        told.solves()
    );
    let at = found
        .at
        .iter()
        .map(|(name, value)| format!("{name} {}", significant(*value)));
    let at: Vec<String> = at.collect();
    if !at.is_empty() {
        text += &format!(", at {}", at.join(", "));
    }
    text += "\n\n";
    for certificate in &told.certificates {
        let grade = format!("{:?}", certificate.grade).to_lowercase();
        text += &format!(
            "{grade}: {}\n  cannot exclude: {}\n",
            certificate.excludes, certificate.cannot_exclude
        );
    }
    if let Some(why) = &told.because {
        text += &format!("No structural certificate: {why}\n");
    }
    if told.poles.is_empty() && told.doubtful.is_empty() {
        return text + "\nNo pole was found.\n";
    }
    text += &format!(
        "\n{:>14}{:>11}{:>11}{:>11}{:>14}  {}\n",
        "pole at", "width", "residue", "|y| there", "peak at", "seen best in"
    );
    for pole in told.poles.iter().chain(&told.doubtful) {
        let peak = pole.peak.map_or("-".into(), |[x, _]| format!("{x:.7}"));
        text += &format!(
            "{:>14.7}{:>11}{:>11}{:>11}{peak:>14}  {}{}\n",
            pole.position,
            significant(pole.width),
            significant(pole.residue),
            significant(pole.height),
            found.outputs[pole.output],
            if pole.confirmed {
                ""
            } else {
                " (not confirmed)"
            },
        );
    }
    text
}

fn as_json(mechanism: &Mechanism, over: &str, found: &Found) -> serde_json::Value {
    let told = &found.resonances;
    let poles = |poles: &[Pole]| -> Vec<serde_json::Value> {
        let each = poles.iter().map(|pole| {
            json!({
                "position": pole.position, "width": pole.width, "residue": pole.residue,
                "height": pole.height, "peak": pole.peak, "output": found.outputs[pole.output],
                "confirmed": pole.confirmed,
            })
        });
        each.collect()
    };
    let at: serde_json::Map<String, serde_json::Value> = found
        .at
        .iter()
        .map(|(name, value)| (name.clone(), (*value).into()))
        .collect();
    let hideable = found.outputs.iter().enumerate().map(|(output, name)| {
        let [residue, dipole] = told.worst_hideable(output);
        json!({ "output": name, "residue": residue, "dipole": dipole, "places": told.hideable.get(output) })
    });
    json!({
        "mechanism": mechanism.name, "over": over, "range": found.scan.range, "at": at,
        "tolerance": found.scan.tolerance, "solves": told.solves(),
        "poles": poles(&told.poles), "doubtful": poles(&told.doubtful),
        "certificates": told.certificates, "because": told.because, "share": told.share,
        "misfit": told.misfit, "failed": told.failed, "hideable": hideable.collect::<Vec<_>>(),
        "sampled": told.samples.points(),
    })
}
