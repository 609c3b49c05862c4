//! Commands about one study.

use std::path::{Path, PathBuf};

use gnomon::bank::BankError;
use gnomon::context::Context;
use gnomon::failure::Failure;
use gnomon::file;
use gnomon::infer::Amortized;
use gnomon::mechanism::model::Law;
use gnomon::mechanism::{Mechanism, template};
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
fn posteriors(answer: &answer::Answer) -> serde_json::Value {
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

/// `gnomon check`: a study, or one mechanism file.
pub fn check(session: &Session, path: &Path) -> Result<(), Failure> {
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

/// How `gnomon ask` is to answer.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Posterior draws, where not the default.
    pub draws: Option<u32>,
    /// Whether the likelihoods correct the answer.
    pub refine: bool,
    /// Whether each of many data sets is held against simulations.
    pub alarms: bool,
    /// Where to write it.
    pub folder: Option<&'a Path>,
}

/// Posterior draws for each of many data sets.
const DRAWS_FOR_EACH: usize = 1000;

/// Many data sets, one a row of a file: one column a given entry; there is at least one row.
pub(super) fn data_sets(context: &Context, each: &Path) -> Result<Vec<Vec<f64>>, Failure> {
    let columns = context.study.given_columns();
    let data = gnomon::bank::import::columns(each, &columns).map_err(|error| match error {
        BankError::Import { file, problem } => Failure::refused(
            format!("{} cannot be answered: {problem}", file.display()),
            format!(
                "one data set a row, with the columns {}",
                columns.join(", ")
            ),
        ),
        other => other.into(),
    })?;
    if data.first().is_none_or(Vec::is_empty) {
        return Err(Failure::refused(
            format!("{} has no rows", each.display()),
            "one data set a row",
        ));
    }
    for (place, (name, values)) in columns.iter().zip(&data).enumerate() {
        let wrong = |value: &f64| match value.is_infinite() {
            true => Some("it is not finite".into()),
            false => context.study.impossible(place, *value),
        };
        if let Some((row, reason)) = (1..)
            .zip(values.iter().map(wrong))
            .find(|(_, r)| r.is_some())
        {
            return Err(Failure::refused(
                format!(
                    "{}: `{name}` of data set {row} cannot be {}: {}",
                    each.display(),
                    values[row - 1],
                    reason.unwrap_or_default()
                ),
                "leave the cell empty where an entry is missing",
            ));
        }
    }
    Ok(data)
}

/// `gnomon ask --each`.
pub fn ask_each(
    session: &Session,
    path: &Path,
    each: &Path,
    asked: Asked<'_>,
) -> Result<(), Failure> {
    let mut context = read(session, path)?;
    stage::learn::adopt(&mut context)?;
    refuse_other_data(&context, None)?;
    let data = data_sets(&context, each)?;
    let rows = data[0].len();
    let amortized = stage::learn::load(&context)?;
    let draws = asked.draws.map_or(DRAWS_FOR_EACH, |draws| draws as usize);
    let began = std::time::Instant::now();
    let population = match asked.alarms || asked.refine {
        true => Some(Population::new(&context.study)?),
        false => None,
    };
    let alarms = match population.as_ref().filter(|_| asked.alarms) {
        Some(population) => Some(answer::alarms_of_each(
            &context, population, &amortized, &data,
        )?),
        None => None,
    };
    let mut table = answer::each(&context, &amortized, &data, draws, alarms.as_deref())?;
    if let Some(population) = population.as_ref().filter(|_| asked.refine) {
        answer::add_evidences(&context, population, &amortized, &data, &mut table)?;
    }
    let seconds = began.elapsed().as_secs_f64();
    let folder = asked.folder.unwrap_or(Path::new("."));
    table
        .write(folder, "answers")
        .map_err(|error| Failure::Outside(error.to_string()))?;
    let file = folder.join("answers.csv");
    let mut text = format!(
        "{rows} data sets answered in {seconds:.1} s: {} and .parquet",
        file.display()
    );
    let raised = alarms.map(|all| all.iter().filter(|&&p| p <= answer::ALARM_RATE).count());
    if let Some(raised) = raised {
        text +=
            &format!("\nAlarms: the mechanisms hardly ever produce the like of {raised} of them");
    }
    session.output.result(
        &text,
        &json!({ "data_sets": rows, "seconds": seconds, "answers": file, "alarms": raised }),
    )
}

/// Networks of several rounds know the study's own data alone: others are refused.
pub(super) fn refuse_other_data(context: &Context, data: Option<&[f64]>) -> Result<(), Failure> {
    let same = |ours: &[f64], theirs: &[f64]| {
        let bits = |x: &f64| if x.is_nan() { u64::MAX } else { x.to_bits() };
        ours.iter().map(bits).eq(theirs.iter().map(bits))
    };
    let own = context.study.data.as_deref();
    let known = own.zip(data).is_some_and(|(own, data)| same(own, data));
    let rounds = context.study.simulate.rounds;
    if rounds == 1 || known {
        return Ok(());
    }
    Err(Failure::refused(
        format!(
            "the networks of {rounds} rounds answer the study's own data alone: they were trained on \
             simulations near its posterior"
        ),
        "give these data to the study as its `observed` and use `gnomon run`, or leave `[simulate] rounds` \
         out and learn anew, for an answer to any data",
    ))
}

/// `gnomon ask`.
pub fn ask(
    session: &Session,
    path: &Path,
    observed: &Path,
    asked: Asked<'_>,
) -> Result<(), Failure> {
    let Asked {
        draws,
        refine,
        folder,
        alarms: _,
    } = asked;
    let mut context = read(session, path)?;
    stage::learn::adopt(&mut context)?;
    let data = context.study.read_observed(observed)?;
    refuse_other_data(&context, Some(&data))?;
    let population = Population::new(&context.study)?;
    let amortized = stage::learn::load(&context)?;
    let draws = draws.map_or(context.study.answer.draws, |draws| draws as usize);
    let refine = if refine {
        answer::Refine::Always
    } else {
        answer::Refine::Never
    };
    let simulated = match context.study.simulate.rounds {
        1 => None,
        _ => Some(stage::rounds::find(&context, &population)?),
    };
    let region = simulated.as_ref().and_then(|s| s.population.region());
    let mut asked = answer::ask(
        &context,
        &population,
        region,
        &amortized,
        &data,
        draws,
        refine,
    )?;
    answer::alarms(&context, &population, &amortized, &data, &mut asked.answer)?;
    if let Some(verdicts) = examine::known(&context) {
        answer::doubt(&mut asked.answer, &verdicts.claims);
        let tolerance = context.study.claims.tolerance;
        answer::on_average(&mut asked.answer, &verdicts.calibration, tolerance);
    }
    if let Some(folder) = folder {
        asked
            .draws
            .write(folder, "draws")
            .map_err(|error| Failure::Outside(error.to_string()))?;
        file::write_json(&folder.join("answer.json"), &asked.answer)?;
    }
    let value = json!({
        "answer": asked.answer.sentence,
        "condition": asked.answer.condition,
        "mechanisms": asked.answer.mechanisms.iter().map(|m| json!({
            "name": m.name, "prior": m.prior, "posterior": m.posterior,
        })).collect::<Vec<_>>(),
        "shared": asked.answer.shared,
        "posteriors": posteriors(&asked.answer),
        "unseen": asked.answer.unseen,
        "refinement": asked.answer.refinement,
        "claims": asked.answer.claims,
        "alarms": asked.answer.alarms,
        "possible": asked.answer.possible,
    });
    session.output.result(
        &output::summary(&asked.answer, &asked.answer.claims),
        &value,
    )
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
