//! The learned map: families fitted to the bank, and the one that was chosen.

use std::time::Instant;

use gnomon_emulate::EmulateError;
use gnomon_emulate::surrogate::{
    Family, Network, Settings, Surrogate, Tried, Why, candidates, choose,
};
use gnomon_mechanism::study::Emulation;
use serde::{Deserialize, Serialize};

use super::measure::Tolerances;
use super::solver::failed;
use super::{FOLDER, Training};
use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt;
use crate::stamp::{Cost, Stamp};

/// The stamp of the learned map.
const FIT: &str = "emulator";
/// What is saved beside it.
const FITTED: &str = "emulator/fitted.json";

/// A learned map, and what it was chosen from.
pub struct Learned {
    /// The map.
    pub surrogate: Surrogate,
    /// The families that were fitted.
    pub tried: Vec<Tried>,
    /// Why this one.
    pub why: Why,
    /// Seconds for all of it.
    pub seconds: f64,
    /// A hash of what it was made from.
    pub made_from: String,
}

/// What is saved of that, beside the map.
#[derive(Serialize, Deserialize)]
struct Fitted {
    tried: Vec<Tried>,
    why: Why,
    seconds: f64,
}

/// Fits the families, unless that was done.
///
/// # Errors
/// Where the study names an unknown family, none can be fitted, the disk refuses, or the user interrupts.
pub fn learn(
    context: &Context,
    emulation: &Emulation,
    training: &Training,
    tolerances: &Tolerances,
    made_from: String,
) -> Result<Learned, Failure> {
    let folder = context.results().join(FOLDER);
    let is_done =
        Stamp::read(&context.results(), FIT).is_some_and(|stamp| stamp.made_from == made_from);
    if is_done
        && let Some(Fitted {
            tried,
            why,
            seconds,
        }) = context.read_result(FITTED)
        && let Ok(surrogate) = Surrogate::load(&folder)
    {
        return Ok(Learned {
            surrogate,
            tried,
            why,
            seconds,
            made_from,
        });
    }
    Stamp::remove(&context.results(), FIT);
    interrupt::check()?;
    context.progress.say(&format!(
        "Learning from {} simulations",
        training.queries.rows()
    ));
    let families = families(emulation, training)?;
    let settings = settings(context);
    let began = Instant::now();
    let chosen = choose(
        &training.queries,
        &training.answers,
        &families,
        Some(&tolerances.columns),
        &settings,
    )
    .map_err(|e| failed(&e))?;
    let seconds = began.elapsed().as_secs_f64();
    chosen.surrogate.save(&folder).map_err(|e| match e {
        EmulateError::File { .. } => Failure::Outside(e.to_string()),
        other => failed(&other),
    })?;
    let fitted = Fitted {
        tried: chosen.tried,
        why: chosen.why,
        seconds,
    };
    context.write(FITTED, &fitted)?;
    Stamp {
        made_from: made_from.clone(),
        cost: vec![Cost {
            what: "fits of the emulator".into(),
            count: fitted.tried.len() as u64,
            seconds,
            per_query: false,
        }],
    }
    .write(&context.results(), FIT)?;
    Ok(Learned {
        surrogate: chosen.surrogate,
        tried: fitted.tried,
        why: fitted.why,
        seconds,
        made_from,
    })
}

/// How families are fitted.
pub fn settings(context: &Context) -> Settings<'static> {
    Settings {
        seed: context.seed_for("emulator"),
        threads: context.threads,
        stop: Some(interrupt::flag()),
    }
}

/// The families that the study names, or all that suit the bank.
fn families(emulation: &Emulation, training: &Training) -> Result<Vec<Family>, Failure> {
    let mut all = candidates(&training.queries, &training.answers);
    if let Some(own) = &emulation.network {
        let own = Network {
            layers: own.layers.clone(),
            members: own.members,
            steps: own.steps.unwrap_or(Network::default().steps),
            ..Network::default()
        };
        let replaced = all.iter_mut().map(|family| replace(family, &own));
        if replaced.filter(|is| *is).count() == 0 {
            all.push(Family::Network(own));
        }
    }
    if emulation.families.is_empty() {
        return Ok(all);
    }
    let is = |family: &Family, name: &str| {
        // Of networks the name begins with their number.
        let own = family.to_string().to_lowercase();
        let plain = own.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
        let name = name.to_lowercase();
        own.starts_with(&name) || plain.starts_with(&name)
    };
    if let Some(unknown) = emulation
        .families
        .iter()
        .find(|name| !all.iter().any(|family| is(family, name)))
    {
        let names: Vec<String> = all.iter().map(ToString::to_string).collect();
        return Err(Failure::refused(
            format!("`families` names `{unknown}`, which is none that suits this bank"),
            format!("families: {}", names.join(", ")),
        ));
    }
    let wanted = |family: &Family| emulation.families.iter().any(|name| is(family, name));
    Ok(all.into_iter().filter(wanted).collect())
}

/// Puts the study's own network in the place of another, if there is one.
fn replace(family: &mut Family, own: &Network) -> bool {
    match family {
        Family::Network(network) => {
            *network = own.clone();
            true
        }
        Family::Reduced { of, .. } | Family::Logarithm(of) => replace(of, own),
        Family::Mean | Family::Polynomial(_) | Family::GaussianProcess(_) | Family::Rational(_) => {
            false
        }
    }
}
