//! What was found as a page holds it.

use std::path::{Path, PathBuf};

use gnomon_emulate::holes::resonances::Pole;
use gnomon_emulate::holes::{Certificate, Grade};
use gnomon_mechanism::Mechanism;
use gnomon_report::content;
use gnomon_report::draw::number::significant;

use super::Found;
use crate::failure::Failure;
use crate::stage::emulate::worst::Worst;

/// So many digits at most, zeros at the end left out.
pub(super) fn short(x: f64, digits: usize) -> String {
    let places = digits.saturating_sub(1);
    let rounded = format!("{x:.places$e}").parse().unwrap_or(x);
    match rounded == 0.0 || (1e-4..1e7).contains(&rounded.abs()) {
        true => rounded.to_string(),
        false => format!("{rounded:e}"),
    }
}

/// The name of a grade.
#[must_use]
pub fn grade(grade: Grade) -> &'static str {
    match grade {
        Grade::Complete => "complete",
        Grade::Structural => "structural",
        Grade::Statistical => "statistical",
    }
}

/// What was not shown, and why, in words.
#[must_use]
pub fn open(found: &Found) -> Vec<String> {
    let counted = match &found.counted {
        None => None,
        Some(Ok(counted)) => Some(counted.in_words()).filter(|words| !words.is_empty()),
        Some(Err(why)) => Some(format!("Not counted: {why}")),
    };
    let because = found.resonances.because.as_ref();
    let because = because.map(|why| format!("No structural certificate: {why}"));
    counted.into_iter().chain(because).collect()
}

/// A scan.
#[must_use]
pub fn scan(
    found: &Found,
    mechanism: &Mechanism,
    over: &str,
    title: &str,
    provenance: content::Provenance,
) -> content::Holes {
    let told = &found.resonances;
    let [low, high] = found.scan.range;
    let outputs = found.outputs.iter().enumerate().map(|(output, name)| {
        let size = |x: f64| {
            let rational = told.rational.as_ref();
            rational.map_or(f64::NAN, |r| r.at_real(x)[output].norm())
        };
        let values = told.samples.points().iter().zip(told.samples.values());
        let mut line: Vec<f64> = told.samples.points().to_vec();
        line.extend((0..=600).map(|i| low + (high - low) * f64::from(i) / 600.0));
        for pole in &told.poles {
            let beside = (-20..=20).map(|i| pole.position + 0.25 * pole.width * f64::from(i));
            line.extend(beside.filter(|x| (low..=high).contains(x)));
        }
        line.sort_by(f64::total_cmp);
        let hideable = told.hideable.get(output).map_or(&[][..], Vec::as_slice);
        content::HolesOutput {
            name: name.clone(),
            curve: line.iter().map(|&x| [x, size(x)]).collect(),
            samples: values.map(|(&x, row)| [x, row[output].norm()]).collect(),
            poles: told
                .poles
                .iter()
                .map(|pole| [pole.position, size(pole.position)])
                .collect(),
            hideable: hideable
                .iter()
                .filter(|h| h.depth == 0.0)
                .map(|h| [h.at, h.residue])
                .collect(),
        }
    });
    let pole = |pole: &Pole| content::HolesPole {
        position: pole.position,
        width: pole.width,
        output: found.outputs[pole.output].clone(),
        residue: pole.residue,
        height: pole.height,
        state: match pole.confirmed {
            true => "confirmed".into(),
            false => "not confirmed".into(),
        },
    };
    let held = found.at.iter();
    let held: Vec<String> = held
        .map(|(name, value)| format!("{name} = {}", short(*value, 4)))
        .collect();
    let at = match held.is_empty() {
        true => String::new(),
        false => format!(", at {}", held.join(", ")),
    };
    content::Holes {
        title: title.to_owned(),
        answer: format!(
            "{} was scanned over {over} from {} to {}{at}: {} solves, {} confirmed {}.",
            mechanism.name,
            short(low, 5),
            short(high, 5),
            told.solves(),
            told.poles.len(),
            match told.poles.len() {
                1 => "pole",
                _ => "poles",
            },
        ),
        provenance,
        mechanism: own(mechanism),
        certificates: told.certificates.iter().map(certified).collect(),
        open: open(found),
        over: over.to_owned(),
        unit: super::unit(mechanism, over).to_owned(),
        outputs: outputs.collect(),
        poles: told.poles.iter().chain(&told.doubtful).map(pole).collect(),
        ..content::Holes::default()
    }
}

/// An emulator's worst points.
#[must_use]
pub fn worst(
    found: &Worst,
    mechanism: &Mechanism,
    title: &str,
    provenance: content::Provenance,
) -> content::Holes {
    let points = found.points.iter().map(|point| content::WorstPoint {
        query: point.query.clone(),
        error: point.error,
        output: found.outputs[point.output].clone(),
        emulator: point.emulator,
        solver: point.solver.unwrap_or(f64::NAN),
    });
    content::Holes {
        title: title.to_owned(),
        answer: in_words(found),
        provenance,
        mechanism: own(mechanism),
        certificates: found.certificate.iter().map(certified).collect(),
        given: found.given.clone(),
        worst: points.collect(),
        ..content::Holes::default()
    }
}

/// What a search of an emulator found, in a sentence or two.
#[must_use]
pub fn in_words(found: &Worst) -> String {
    if found.accepted == 0 {
        return format!(
            "The search asked about {} points, and the emulator answers none of them itself: there is nothing \
             that could be wrong.",
            found.searched
        );
    }
    let mut text = format!(
        "The search asked about {} points, of which the emulator answers {} itself: ",
        found.searched, found.accepted
    );
    text += &match found.bad {
        0 => format!(
            "none is off by more than the tolerance, the worst by {} of it.",
            significant(found.largest, 2)
        ),
        bad => {
            let worst = match found.largest.is_finite() {
                true => format!("the worst {} times", significant(found.largest, 3)),
                false => "and at the worst the solver fails".to_owned(),
            };
            format!("{bad} are off by more than the tolerance, {worst}.")
        }
    };
    text += &format!(
        " Of {} fresh draws from the prior, {} are.",
        found.share.draws, found.share.bad
    );
    if found.kept > 0 {
        text += &format!(
            " {} solves are kept, and the next `gnomon emulate` learns from them.",
            found.kept
        );
    }
    text
}

/// Writes the page and its figure; answers the page's path.
///
/// # Errors
/// Where the disk refuses.
pub fn write(page: &content::Holes, folder: &Path) -> Result<PathBuf, Failure> {
    let written = gnomon_report::write_holes(page, folder)
        .map_err(|error| Failure::Outside(error.to_string()))?;
    Ok(written.page)
}

fn certified(own: &Certificate) -> content::Certified {
    content::Certified {
        grade: grade(own.grade).into(),
        excludes: own.excludes.clone(),
        cannot_exclude: own.cannot_exclude.clone(),
    }
}

fn own(mechanism: &Mechanism) -> content::Mechanism {
    content::Mechanism {
        name: mechanism.name.clone(),
        description: mechanism.description.clone(),
        text: mechanism.text.to_string(),
        ..content::Mechanism::default()
    }
}
