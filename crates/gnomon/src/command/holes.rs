//! `gnomon holes`: a mechanism along one parameter -> its resonances, and what may still hide; or an
//! emulator -> its worst points, and how much of the prior may be bad.

use std::path::Path;

use gnomon::context::Context;
use gnomon::emulate::holes::resonances::{Pole, Scan};
use gnomon::failure::Failure;
use gnomon::file;
use gnomon::mechanism::Mechanism;
use gnomon::mechanism::study::Holes;
use gnomon::population::Population;
use gnomon::report::content::Provenance;
use gnomon::stage::emulate::worst::{self, Worst};
use gnomon::stage::holes::{self, Asked, Found, shown};
use gnomon::stage::report;
use serde_json::{Value, json};

use super::Session;
use super::arguments::HolesScan;
use super::output::{significant, wrap};
use super::study::is_mechanism;

/// What is allowed, and how much is solved, where nobody says.
const TOLERANCE: f64 = 1e-6;
const BUDGET: usize = 400;
const CHECKS: usize = 60;

/// Scans a mechanism file, or does what a study's `[holes]` says.
pub fn execute(session: &Session, path: &Path, scan: &HolesScan) -> Result<(), Failure> {
    if is_mechanism(path) {
        let mechanism = Mechanism::read(path)?;
        let seed = session.wishes.seed.unwrap_or(1);
        let said = said(scan, None);
        let Some(over) = &said.over else {
            return Err(Failure::refused(
                "nothing says which parameter is to be scanned",
                "name it: `--over w`",
            ));
        };
        let found = holes::run(&mechanism, &asked(&said, over, seed), seed)?;
        let provenance = Provenance {
            command: format!("gnomon holes {} --over {over}", path.display()),
            ..report::of_file(path, seed)
        };
        let page = shown::scan(&found, &mechanism, over, &mechanism.name, provenance);
        let told = Told {
            text: in_words(&mechanism, over, &found),
            value: as_json(&mechanism, over, &found),
            page,
        };
        return told.give(session, scan.output.as_deref());
    }
    let context = session.read(path)?;
    let said = said(scan, context.study.holes.as_ref());
    let folder = scan.output.clone();
    let folder = folder.unwrap_or_else(|| context.results().join("holes"));
    let mechanism = &context.study.mechanisms[0];
    let provenance = report::holes(&context);
    let told = match &said.over {
        Some(over) => {
            only(&context)?;
            let found = holes::run(mechanism, &asked(&said, over, context.seed), context.seed)?;
            Told {
                text: in_words(mechanism, over, &found),
                value: as_json(mechanism, over, &found),
                page: shown::scan(&found, mechanism, over, &context.study.title, provenance),
            }
        }
        None if context.study.emulation.is_some() => {
            let mut context = context.clone();
            context.study.holes = Some(said);
            let found = worst::run(&context, &Population::new(&context.study)?)?;
            Told {
                text: worst_in_words(&found),
                value: serde_json::to_value(&found).unwrap_or(Value::Null),
                page: shown::worst(&found, mechanism, &context.study.title, provenance),
            }
        }
        None => {
            return Err(Failure::refused(
                "the study does not say what to search for holes",
                "add the table [holes] with over = \"w\", the parameter to scan, or name it by `--over`; \
                 a study with [emulate] has its emulator searched",
            ));
        }
    };
    told.give(session, Some(&folder))
}

/// What was found, for a terminal, for programs, and as a page.
struct Told {
    text: String,
    value: Value,
    page: gnomon::report::content::Holes,
}

impl Told {
    fn give(mut self, session: &Session, folder: Option<&Path>) -> Result<(), Failure> {
        if let Some(folder) = folder {
            file::write_json(&folder.join("holes.json"), &self.value)?;
            let page = shown::write(&self.page, folder)?;
            self.text += &format!("\nReport: {}", page.display());
        }
        session.output.result(&self.text, &self.value)
    }
}

/// A scan is of one mechanism.
fn only(context: &Context) -> Result<(), Failure> {
    match context.study.mechanisms.len() {
        1 => Ok(()),
        several => Err(Failure::refused(
            format!("a scan is of one mechanism, but the study has {several}"),
            "name the mechanism's file: `gnomon holes FILE --over w`",
        )),
    }
}

/// The command line's wishes, then the study's.
fn said(scan: &HolesScan, study: Option<&Holes>) -> Holes {
    let study = study.cloned().unwrap_or_default();
    let mut at = study.at;
    at.retain(|(name, _)| !scan.at.iter().any(|(other, _)| other == name));
    at.extend(scan.at.iter().cloned());
    Holes {
        over: scan.over.clone().or(study.over),
        from: scan.from.or(study.from),
        to: scan.to.or(study.to),
        outputs: match scan.outputs.is_empty() {
            true => study.outputs,
            false => scan.outputs.clone(),
        },
        at,
        tolerance: scan.tolerance.or(study.tolerance),
        budget: scan.budget.or(study.budget),
        checks: scan.checks.or(study.checks),
    }
}

fn asked<'a>(said: &'a Holes, over: &'a str, seed: u64) -> Asked<'a> {
    Asked {
        over,
        range: [said.from, said.to],
        outputs: &said.outputs,
        at: &said.at,
        scan: Scan {
            tolerance: said.tolerance.unwrap_or(TOLERANCE),
            budget: said.budget.unwrap_or(BUDGET),
            checks: said.checks.unwrap_or(CHECKS),
            seed,
            ..Scan::new([0.0, 1.0])
        },
    }
}

/// Text in lines of a terminal's width, the later ones indented.
fn lines(text: &str) -> String {
    let lines = wrap(text, 96);
    lines.join("\n  ") + "\n"
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
        let grade = shown::grade(certificate.grade);
        text += &lines(&format!("{grade}: {}", certificate.excludes));
        text += &format!(
            "  {}",
            lines(&format!("cannot exclude: {}", certificate.cannot_exclude))
        );
    }
    for open in shown::open(found) {
        text += &lines(&open);
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

fn worst_in_words(found: &Worst) -> String {
    let mut text = lines(&shown::in_words(found)) + "\n";
    if let Some(certificate) = &found.certificate {
        let grade = shown::grade(certificate.grade);
        text += &lines(&format!("{grade}: {}", certificate.excludes));
        text += &format!(
            "  {}",
            lines(&format!("cannot exclude: {}", certificate.cannot_exclude))
        );
    }
    if found.points.is_empty() {
        return text;
    }
    text += "\n";
    for name in &found.given {
        text += &format!("{name:>12}");
    }
    text += &format!(
        "{:>12}{:>12}{:>12}  {}\n",
        "tolerances", "emulator", "solver", "of"
    );
    for point in &found.points {
        for x in &point.query {
            text += &format!("{:>12}", significant(*x));
        }
        text += &format!(
            "{:>12}{:>12}{:>12}  {}\n",
            significant(point.error),
            significant(point.emulator),
            point.solver.map_or("failed".into(), significant),
            found.outputs[point.output]
        );
    }
    text
}

fn as_json(mechanism: &Mechanism, over: &str, found: &Found) -> Value {
    let told = &found.resonances;
    let poles = |poles: &[Pole]| -> Vec<Value> {
        let each = poles.iter().map(|pole| {
            json!({
                "position": pole.position, "width": pole.width, "residue": pole.residue,
                "height": pole.height, "peak": pole.peak, "output": found.outputs[pole.output],
                "confirmed": pole.confirmed,
            })
        });
        each.collect()
    };
    let at: serde_json::Map<String, Value> = found
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
        "counted": found.counted.as_ref().and_then(|counted| counted.as_ref().ok()),
        "not_counted": found.counted.as_ref().and_then(|counted| counted.as_ref().err()),
        "misfit": told.misfit, "failed": told.failed, "hideable": hideable.collect::<Vec<_>>(),
        "sampled": told.samples.points(),
    })
}
