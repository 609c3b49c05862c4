//! `gnomon attribute`: the simulations that the networks take as most like the data.

use std::path::Path;

use gnomon::failure::Failure;
use gnomon::file;
use gnomon::infer::DrawTable;
use gnomon::mechanism::Study;
use gnomon::population::Population;
use gnomon::report::content::{Alike, Attribution};
use gnomon::stage::{answer, attribute, learn, rounds};
use serde_json::json;

use super::Session;
use super::output::{claims_table, significant};
use super::study::read;

/// Shows the simulations most like the study's own data, or those of a file.
pub fn execute(
    session: &Session,
    path: &Path,
    observed: Option<&Path>,
    nearest: usize,
    folder: Option<&Path>,
) -> Result<(), Failure> {
    let mut context = read(session, path)?;
    learn::adopt(&mut context)?;
    if let Some(why) = attribute::refusal(&context) {
        return Err(why);
    }
    let data = match observed {
        Some(file) => context.study.read_observed(file)?,
        None => context.data()?.to_vec(),
    };
    let population = Population::new(&context.study)?;
    let banks = rounds::find(&context, &population)?.banks;
    let from = learn::made_from(&context, &banks)?;
    if !learn::is_done(&context, &banks)? {
        return Err(Failure::refused(
            "the networks are not of the study as it is now",
            format!("run `gnomon learn {}`", path.display()),
        ));
    }
    let amortized = learn::load(&context)?;
    let draws = context.study.answer.draws;
    let never = answer::Refine::Never;
    let asked = answer::ask(&context, &population, None, &amortized, &data, draws, never)?;
    let learned = attribute::Learned {
        population: &population,
        banks: &banks,
        amortized: &amortized,
        from: &from,
    };
    let found = attribute::run(&context, learned, Some(&data), &asked.answer, nearest)?;
    if let Some(folder) = folder {
        table(&context.study, &found)
            .write(folder, "nearest")
            .map_err(|error| Failure::Outside(error.to_string()))?;
        file::write_json(&folder.join("attribution.json"), &found)?;
    }
    let given = found.given.iter().map(in_words);
    let mut text = given.collect::<Vec<_>>().join("\n");
    if !found.claims.is_empty() {
        text += &claims_table(&found.claims);
    }
    session.output.result(
        &text,
        &json!({ "given": found.given, "claims": found.claims }),
    )
}

/// The nearest simulations of every mechanism, a row each: number, weight, distance, quantities, and
/// what they made of the given entries.
fn table(study: &Study, found: &Attribution) -> DrawTable {
    let mut table = DrawTable::default();
    let given = study.given_columns();
    for alike in &found.given {
        let mut names: Vec<String> = ["simulation", "weight", "distance"].map(Into::into).into();
        names.extend(
            alike
                .quantities
                .iter()
                .map(|quantity| quantity.name.clone()),
        );
        names.extend(given.iter().cloned());
        let rows: Vec<Vec<f64>> = alike
            .nearest
            .iter()
            .map(|one| {
                let own = [one.simulation as f64, one.weight, one.distance];
                let values = own.iter().chain(&one.values);
                values.chain(one.series.iter().flatten()).copied().collect()
            })
            .collect();
        let column = |place: usize| rows.iter().map(|row| row[place]).collect();
        let columns: Vec<Vec<f64>> = (0..names.len()).map(column).collect();
        let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        table.add(&alike.mechanism, &names, &columns);
    }
    table
}

fn in_words(alike: &Alike) -> String {
    let mut text = format!(
        "Given {}: {} of {} simulations have a weight, worth {:.0} of equal weight\n  bandwidth {}; {:.0} % of \
         simulations have their neighbours as far or farther\n",
        alike.mechanism,
        alike.near,
        alike.searched,
        alike.effective,
        significant(alike.bandwidth),
        100.0 * alike.as_isolated
    );
    if alike.probability.is_finite() {
        text += &format!(
            "  probability by the nearest of all mechanisms: {:.3}\n",
            alike.probability
        );
    }
    if !alike.quantities.is_empty() {
        text += &format!(
            "  {:<22}{:>24}{:>24}\n",
            "",
            "by the nearest",
            alike.whose().to_lowercase()
        );
    }
    let summaries = alike.summaries.iter().zip(&alike.posterior);
    for (quantity, (own, posterior)) in alike.quantities.iter().zip(summaries) {
        let told = [own, posterior].map(|summary| {
            format!(
                "{} ± {}",
                significant(summary.mean),
                significant(summary.sd)
            )
        });
        let name = &quantity.name;
        text += &format!(
            "  {name:<22}{:>24}{:>24}  {}\n",
            told[0], told[1], quantity.unit
        );
    }
    let widths: Vec<usize> = (alike.quantities.iter())
        .map(|quantity| 12.max(quantity.name.len() + 2))
        .collect();
    let named = alike.quantities.iter().zip(&widths);
    let names = named.map(|(quantity, &width)| format!("{:>width$}", quantity.name));
    text += &format!(
        "  {:>12}{:>9}{:>10}{}\n",
        "simulation",
        "weight",
        "distance",
        names.collect::<String>()
    );
    for one in &alike.nearest {
        let cells = one.values.iter().zip(&widths);
        let values = cells.map(|(&value, &width)| format!("{:>width$}", significant(value)));
        text += &format!(
            "  {:>12}{:>8.1}%{:>10}{}\n",
            one.simulation,
            100.0 * one.weight,
            significant(one.distance),
            values.collect::<String>()
        );
    }
    text
}
