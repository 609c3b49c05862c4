//! `gnomon ask` about data: one data set, or many.

use std::path::Path;

use gnomon::bank::BankError;
use gnomon::context::Context;
use gnomon::failure::Failure;
use gnomon::file;
use gnomon::population::Population;
use gnomon::stage::{self, answer, examine};
use serde_json::json;

use super::Session;
use super::output;
use super::study::{posteriors, read};

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
pub fn each(session: &Session, path: &Path, each: &Path, asked: Asked<'_>) -> Result<(), Failure> {
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
pub fn one(
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
        answer::write_draws(folder, &asked.draws, &asked.paths)?;
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
