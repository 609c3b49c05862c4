//! Commands about one study.

use std::path::{Path, PathBuf};

use gnomon::context::Context;
use gnomon::failure::Failure;
use gnomon::file;
use gnomon::infer::Amortized;
use gnomon::mechanism::template;
use gnomon::population::Population;
use gnomon::report::content::Verdict;
use gnomon::stage::rounds::Simulated;
use gnomon::stage::{self, answer, attribute, examine};
use serde_json::json;

use super::output;
use super::{Session, emulate};

pub(super) fn read(session: &Session, path: &Path) -> Result<Context, Failure> {
    let context = session.read(path)?;
    match context.study.emulation {
        None => Ok(context),
        Some(_) => Err(Failure::refused(
            "the study is given parameters: it asks for an emulator, not about data",
            format!(
                "`gnomon emulate {0}` makes it, `gnomon ask {0} --at FILE` asks it",
                path.display()
            ),
        )),
    }
}

/// Whether a path names a mechanism file: any file but a `study.toml`.
pub(super) fn is_mechanism(path: &Path) -> bool {
    path.is_file() && path.file_name().is_some_and(|name| name != "study.toml")
}

/// `gnomon run`.
pub fn run(session: &Session, path: &Path, strict: bool) -> Result<(), Failure> {
    let context = session.read(path)?;
    if context.study.emulation.is_some() {
        return emulate::execute(session, path, strict);
    }
    if !session.output.json && !session.output.quiet {
        output::print(&format!("{}\n", context.study.title))?;
    }
    let population = Population::new(&context.study)?;
    let simulated = stage::rounds::run(&context, &population)?;
    let learned_from = stage::learn::made_from(&context, &simulated.banks)?;
    let amortized = stage::learn::run(&context, &population, &simulated.banks)?;
    for network in stage::learn::training(&context, amortized.networks()) {
        context
            .progress
            .say(&format!("{}: {}", network.network, network.description));
    }
    let (answer, verdicts, page) =
        answered(&context, &population, &simulated, &amortized, &learned_from)?;
    let claims = stage::report::claims(&answer, &verdicts);
    let text = format!(
        "{}\nReport: {}",
        output::summary(&answer, &claims),
        page.display()
    );
    let value = json!({
        "answer": answer.sentence,
        "condition": answer.condition,
        "mechanisms": answer.mechanisms.iter().map(|m| json!({
            "name": m.name, "prior": m.prior, "posterior": m.posterior,
        })).collect::<Vec<_>>(),
        "shared": answer.shared,
        "posteriors": posteriors(&answer),
        "unseen": answer.unseen,
        "refinement": answer.refinement,
        "rounds": answer.rounds,
        "alarms": answer.alarms,
        "possible": answer.possible,
        "claims": claims,
        "report": page,
    });
    session.output.result(&text, &value)?;
    let unmet = claims
        .iter()
        .filter(|c| c.verdict != Verdict::Survived)
        .count();
    let raised = answer.alarms.iter().filter(|alarm| alarm.raised).count();
    if strict && unmet + raised > 0 {
        return Err(Failure::Strict(format!(
            "{unmet} of {} claims did not survive, and {raised} alarms were raised",
            claims.len()
        )));
    }
    Ok(())
}

/// The stages after learning; without data the networks alone are tested.
fn answered(
    context: &Context,
    population: &Population<'_>,
    simulated: &Simulated<'_>,
    amortized: &Amortized,
    learned_from: &str,
) -> Result<(answer::Answer, examine::Verdicts, PathBuf), Failure> {
    let verdicts = examine::run(context, &simulated.population, amortized, learned_from)?;
    let answer = match context.study.data {
        None => answer::without_data(context, population)?,
        Some(_) => answer::run(
            context,
            population,
            simulated,
            amortized,
            learned_from,
            &verdicts,
        )?,
    };
    let learned = attribute::Learned {
        population,
        banks: &simulated.banks,
        amortized,
        from: learned_from,
    };
    let attribution = attribute::of_answer(context, learned, &answer)?;
    let page = stage::report::run(
        context,
        &simulated.banks,
        amortized,
        &answer,
        &verdicts,
        &attribution,
    )?;
    Ok((answer, verdicts, page))
}

/// Posteriors without their draws.
pub(super) fn posteriors(answer: &answer::Answer) -> serde_json::Value {
    let given = |posterior: &gnomon::report::content::Posterior| {
        let both = posterior.quantities.iter().zip(&posterior.summaries);
        let quantities: Vec<_> = both
            .zip(&posterior.identified)
            .map(|((q, s), i)| json!({ "name": q.name, "unit": q.unit, "summary": s, "identified": i }))
            .collect();
        json!({ "mechanism": posterior.mechanism, "subject": posterior.subject, "quantities": quantities })
    };
    answer.posteriors.iter().map(given).collect()
}

/// `gnomon new`.
pub fn new(session: &Session, folder: &Path) -> Result<(), Failure> {
    let occupied = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if occupied || folder.is_file() {
        return Err(Failure::refused(
            format!("{} is there already, and not empty", folder.display()),
            "name a folder that does not exist yet",
        ));
    }
    let files = template::files();
    for template in &files {
        file::write(&folder.join(template.name), template.text.as_bytes())?;
    }
    let names: Vec<&str> = files.iter().map(|template| template.name).collect();
    let text = format!(
        "{} holds {}.\nNext: gnomon preview {2}, then gnomon run {2}",
        folder.display(),
        names.join(", "),
        folder.display()
    );
    session
        .output
        .result(&text, &json!({ "folder": folder, "files": names }))
}

/// `gnomon preview`.
pub fn preview(session: &Session, path: &Path) -> Result<(), Failure> {
    let context = read(session, path)?;
    let population = Population::new(&context.study)?;
    let predictive = answer::preview(&context, &population)?;
    let page = stage::report::preview(&context, predictive)?;
    let text = format!(
        "What the mechanisms produce before anything is learned: {}",
        page.display()
    );
    session.output.result(&text, &json!({ "preview": page }))
}

/// `gnomon simulate`.
pub fn simulate(session: &Session, path: &Path) -> Result<(), Failure> {
    let context = session.read(path)?;
    let population = Population::new(&context.study)?;
    let banks = stage::rounds::run(&context, &population)?.banks;
    let lines: Vec<String> = banks
        .iter()
        .map(|bank| format!("{} simulations in {}", bank.rows(), bank.dir().display()))
        .collect();
    let values: Vec<_> = banks
        .iter()
        .map(|bank| json!({ "simulations": bank.rows(), "bank": bank.dir() }))
        .collect();
    let value = match values.as_slice() {
        [only] => only.clone(),
        rounds => json!({ "rounds": rounds }),
    };
    session.output.result(&lines.join("\n"), &value)
}

/// `gnomon learn`.
pub fn learn(session: &Session, path: &Path) -> Result<(), Failure> {
    let context = read(session, path)?;
    let population = Population::new(&context.study)?;
    let banks = stage::rounds::run(&context, &population)?.banks;
    let amortized = stage::learn::run(&context, &population, &banks)?;
    let training = stage::learn::training(&context, amortized.networks());
    let mut text = String::new();
    let mut networks = Vec::new();
    for network in &training {
        let best = network
            .validation
            .iter()
            .copied()
            .fold(f64::INFINITY, f64::min);
        text += &format!(
            "{}: held-out loss {best:.3} ({})\n",
            network.network, network.description
        );
        networks.push(json!({ "network": network.network, "held_out_loss": best }));
    }
    text += &format!("\nSaved in {}", context.results().join("model").display());
    session
        .output
        .result(&text, &json!({ "networks": networks }))
}

/// `gnomon report`.
pub fn report(session: &Session, path: &Path) -> Result<(), Failure> {
    let mut context = read(session, path)?;
    stage::learn::adopt(&mut context)?;
    let population = Population::new(&context.study)?;
    let simulated = stage::rounds::find(&context, &population)?;
    let learned_from = stage::learn::made_from(&context, &simulated.banks)?;
    if !stage::learn::is_done(&context, &simulated.banks)? {
        return Err(Failure::refused(
            "the results are not of the study as it is now",
            format!("run `gnomon run {}`", path.display()),
        ));
    }
    let amortized = stage::learn::load(&context)?;
    let (_, _, page) = answered(&context, &population, &simulated, &amortized, &learned_from)?;
    session.output.result(
        &format!("Report: {}", page.display()),
        &json!({ "report": page }),
    )
}
