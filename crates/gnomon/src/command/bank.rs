//! Commands about a bank of simulations.

use std::path::{Path, PathBuf};

use gnomon::bank::import::{Imported, Mapping, import};
use gnomon::bank::{self, Bank, BankError, Column, Info, Role, Rows, Sample, Verification};
use gnomon::context::Context;
use gnomon::failure::Failure;
use gnomon::interrupt;
use gnomon::population::Population;
use gnomon::stage::rounds::{self, Round};
use gnomon::stage::{imported, simulate};
use serde_json::json;

use super::Session;
use super::arguments::BankCommand;
use super::output::significant;

/// Simulations a vector of parameters from which on a held-out loss is to be doubted.
const FEW_VECTORS: u64 = 2;

/// `gnomon bank ...`.
pub fn execute(session: &Session, command: BankCommand) -> Result<(), Failure> {
    match command {
        BankCommand::Info { bank } => info(session, &bank),
        BankCommand::Verify { bank, sample } => verify(session, &bank, sample),
        BankCommand::Export { bank, file } => export(session, &bank, &file),
        BankCommand::Import {
            study,
            file,
            map,
            replace,
        } => bring_in(session, &study, &file, &map, replace),
    }
}

/// The study at `path`, if it is one; a bank's own folder has no study.
fn study(session: &Session, path: &Path) -> Result<Option<Context>, Failure> {
    let is_study = path.is_file() || path.join("study.toml").is_file();
    is_study
        .then(|| Context::read(path, session.wishes, session.progress))
        .transpose()
}

/// The bank in a folder, or those of a study's rounds: one of another study is refused.
fn open(session: &Session, path: &Path) -> Result<Vec<Bank>, Failure> {
    match study(session, path)? {
        None => Ok(vec![Bank::open(path)?]),
        Some(context) => {
            let population = Population::new(&context.study)?;
            Ok(rounds::find(&context, &population)?.banks)
        }
    }
}

fn info(session: &Session, path: &Path) -> Result<(), Failure> {
    let banks = open(session, path)?;
    let all = banks
        .iter()
        .map(Bank::info)
        .collect::<Result<Vec<_>, _>>()?;
    if let [info] = all.as_slice() {
        let value = serde_json::to_value(info).unwrap_or_default();
        return session.output.result(&in_words(info), &value);
    }
    let mut text = String::new();
    for (number, (info, bank)) in (1..).zip(all.iter().zip(&banks)) {
        let folder = bank.dir().display();
        text += &format!("Round {number}, {folder}\n{}\n", in_words(info));
    }
    session.output.result(&text, &json!({ "rounds": all }))
}

fn in_words(info: &Info) -> String {
    let shards = if info.shards == 1 { "shard" } else { "shards" };
    let (size, unit) = match info.bytes {
        0..1_000_000 => (info.bytes as f64 / 1e3, "kB"),
        _ => (info.bytes as f64 / 1e6, "MB"),
    };
    let mut text = format!(
        "{} simulations in {} {shards}, {size:.1} {unit}; engine {}, seed {}\n\n",
        info.rows, info.shards, info.engine, info.seed
    );
    for mechanism in &info.mechanisms {
        text += &format!(
            "  {:<20} {:>9} simulations, {} failed\n",
            mechanism.name, mechanism.rows, mechanism.failures
        );
    }
    for reason in &info.reasons {
        text += &format!("  failed {} times: {}\n", reason.count, reason.reason);
    }
    text += &format!(
        "\n  {:<24} {:>11} {:>11} {:>11}  missing\n",
        "column", "min", "mean", "max"
    );
    for column in &info.columns {
        let number = |x: Option<f64>| x.map_or("-".to_owned(), significant);
        text += &format!(
            "  {:<24} {:>11} {:>11} {:>11}  {}\n",
            column.column.name,
            number(column.min),
            number(column.mean),
            number(column.max),
            column.missing
        );
    }
    text
}

fn verify(session: &Session, path: &Path, sample: usize) -> Result<(), Failure> {
    let Some(context) = study(session, path)? else {
        let verified = verify_bank(session, path, None, 0)?;
        return verdict(session, &[(path.to_owned(), verified)]);
    };
    let population = Population::new(&context.study)?;
    if context.study.simulate.rounds == 1 {
        let folder = simulate::folder(&context, &population)?;
        // A bank that cannot even be opened is what verifying is for.
        if Bank::open(&folder).is_ok() {
            simulate::open(&context, &population)?;
        }
        let imported = folder == simulate::imported_folder(&context);
        let again = (!imported).then_some((&population, context.seed));
        let verified = verify_bank(session, &folder, again, sample)?;
        return verdict(session, &[(folder, verified)]);
    }
    let rounds = rounds::each(&context, &population)?;
    let each = sample.div_ceil(rounds.len());
    let mut all = Vec::new();
    for Round {
        folder,
        population,
        seed,
    } in rounds
    {
        let verified = verify_bank(session, &folder, Some((&population, seed)), each)?;
        all.push((folder, verified));
    }
    verdict(session, &all)
}

/// Checks one bank, and simulates `sample` of its rows again where there is a population to do it with.
fn verify_bank(
    session: &Session,
    folder: &Path,
    population: Option<(&Population<'_>, u64)>,
    sample: usize,
) -> Result<Verification, Failure> {
    let shards = Bank::open(folder).map_or(1, |bank| bank.shard_count());
    let rows_per_shard = match population {
        Some(_) => sample.div_ceil(shards.max(1)) as u64,
        None => 0,
    };
    let bar = session.progress.bar(
        "simulating again",
        "simulations",
        rows_per_shard * shards as u64,
    );
    let again = |numbers: &[u64]| match population {
        Some((population, seed)) => {
            interrupt::check()?;
            let rows = population.rows(seed, numbers)?;
            bar.inc(numbers.len() as u64);
            Ok::<Rows, Failure>(rows)
        }
        None => Ok(Rows::default()),
    };
    let sample = Sample {
        rows_per_shard,
        seed: 1,
    };
    let verified = bank::verify(folder, sample, again)?;
    bar.finish_and_clear();
    Ok(verified)
}

/// Says what was found in each bank.
fn verdict(session: &Session, all: &[(PathBuf, Verification)]) -> Result<(), Failure> {
    let (mut rows, mut resimulated) = (0, 0);
    let mut problems: Vec<String> = Vec::new();
    for (_, verified) in all {
        rows += verified.rows();
        resimulated += verified.resimulated();
        for shard in &verified.shards {
            let file = shard.file.display();
            let own = shard.problems.iter();
            problems.extend(own.map(|problem| format!("{file}: {problem}")));
        }
    }
    let is_sound = problems.is_empty();
    let mut text = format!(
        "{rows} simulations are as they were written; {resimulated} of them were simulated again, bit for bit"
    );
    if !is_sound {
        text = problems.join("\n");
    }
    let value = json!({
        "sound": is_sound, "rows": rows, "resimulated": resimulated, "problems": problems,
    });
    session.output.result(&text, &value)?;
    if is_sound {
        return Ok(());
    }
    let unsound = all.iter().filter(|(_, verified)| !verified.is_sound());
    let folders: Vec<String> = unsound.map(|(f, _)| f.display().to_string()).collect();
    Err(Failure::damaged(
        format!(
            "{} problems in the bank {}",
            problems.len(),
            folders.join(", ")
        ),
        "move the shards named above out of the folder; `gnomon simulate` makes them again",
    ))
}

fn export(session: &Session, path: &Path, file: &Path) -> Result<(), Failure> {
    let banks = open(session, path)?;
    let [bank] = banks.as_slice() else {
        let folders = banks.iter().map(|bank| bank.dir().display().to_string());
        return Err(Failure::refused(
            "the study has a bank for each round",
            format!(
                "name one of their folders instead of the study: {}",
                folders.collect::<Vec<_>>().join(", ")
            ),
        ));
    };
    bank::export(bank, file)?;
    let text = format!("{} simulations written to {}", bank.rows(), file.display());
    session
        .output
        .result(&text, &json!({ "rows": bank.rows(), "file": file }))
}

/// Observed columns without a number in some simulation that did not fail.
fn lacking(bank: &Bank) -> Result<Vec<String>, Failure> {
    let schema = bank.schema();
    let rows = bank.read()?.rows;
    let lacks = |column: &Column, values: &[f64]| {
        let mut rows = rows.mechanism.iter().zip(&rows.failure).zip(values);
        rows.any(|((&mechanism, failure), value)| {
            let owner = &schema.mechanisms[mechanism as usize].name;
            value.is_nan() && failure.is_none() && column.belongs_to(owner)
        })
    };
    let observed = schema.columns.iter().zip(&rows.columns);
    let lacking = observed.filter(|(column, values)| {
        matches!(column.role, Role::Observed { .. }) && lacks(column, values)
    });
    Ok(lacking.map(|(column, _)| column.name.clone()).collect())
}

fn bring_in(
    session: &Session,
    path: &Path,
    file: &Path,
    map: &[String],
    replace: bool,
) -> Result<(), Failure> {
    let context = Context::read(path, session.wishes, session.progress)?;
    let mechanisms = &context.study.mechanisms;
    let rename = map
        .iter()
        .map(|pair| match pair.split_once('=') {
            Some((from, to)) => Ok((from.trim().to_owned(), to.trim().to_owned())),
            None => Err(Failure::refused(
                format!("`--map {pair}` is no pair"),
                "write --map THEIRS=OURS, for example --map infection_rate=beta",
            )),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let unique = |names: Vec<String>| {
        let mut seen = Vec::new();
        names.into_iter().for_each(|name| {
            if !seen.contains(&name) {
                seen.push(name);
            }
        });
        seen
    };
    let parameters = mechanisms.iter().flat_map(|m| &m.parameters);
    let free = parameters.filter(|p| p.prior.family != gnomon::mechanism::Family::Exact);
    let mapping = Mapping {
        rename,
        parameters: unique(free.map(|p| p.name.clone()).collect()),
        observed: context.study.series().map(|s| s.name.clone()).collect(),
        mechanism: (mechanisms.len() > 1).then(|| "mechanism".to_owned()),
        failure: Some("failure".to_owned()),
        purpose: context.study.identity(),
        ..Mapping::default()
    };
    let check = |schema: &_, rows: &_| imported::check(&context.study, schema, rows);
    let place = simulate::imported_folder(&context);
    let imported = if replace {
        let (fresh, old) = (
            place.with_file_name("importing"),
            place.with_file_name("replaced"),
        );
        let cannot = |error: std::io::Error| {
            Failure::Outside(format!("cannot replace {}: {error}", place.display()))
        };
        // Left by a command that was killed.
        for left in [&fresh, &old] {
            if left.is_dir() {
                std::fs::remove_dir_all(left).map_err(cannot)?;
            }
        }
        let found = import(file, &fresh, &mapping, check)?;
        if place.is_dir() {
            std::fs::rename(&place, &old).map_err(cannot)?;
        }
        std::fs::rename(&fresh, &place).map_err(cannot)?;
        if old.is_dir() {
            std::fs::remove_dir_all(&old).map_err(cannot)?;
        }
        Imported {
            bank: Bank::open(&place)?,
            ..found
        }
    } else {
        import(file, &place, &mapping, check).map_err(|error| match error {
            BankError::Foreign { .. } => Failure::refused(
                "other simulations were imported before, or for another version of the study",
                "give `--replace` to forget them",
            ),
            error => error.into(),
        })?
    };
    let mut text = format!(
        "{} simulations imported into {}; `gnomon learn {}` now learns from them",
        imported.bank.rows(),
        imported.bank.dir().display(),
        path.display()
    );
    if imported.copies > 0 {
        text += &format!(
            "\n{} further rows are copies of these, and are left out",
            imported.copies
        );
    }
    let (vectors, rows) = (imported.parameter_vectors as u64, imported.bank.rows());
    if vectors * FEW_VECTORS < rows {
        text += &format!(
            "\nthey have {vectors} different vectors of parameters: networks may learn these by heart, and the held-out \
             loss, taken at the same ones, would not show it"
        );
    }
    let info = imported.bank.info()?;
    if info.failures > 0 {
        let reasons = info.reasons.iter();
        let reasons: Vec<String> = reasons
            .map(|reason| format!("{} times {}", reason.count, reason.reason))
            .collect();
        text += &format!(
            "\n{} of them failed and are left out: {}",
            info.failures,
            reasons.join(", ")
        );
    }
    let lacking = lacking(&imported.bank)?;
    if !lacking.is_empty() {
        text += &format!(
            "\nwithout a number in some of the others, which count as missing entries: {}",
            lacking.join(", ")
        );
    }
    if !imported.unused.is_empty() {
        text += &format!("\nnot used: {}", imported.unused.join(", "));
    }
    let value = json!({
        "rows": imported.bank.rows(), "failures": info.failures, "missing": lacking,
        "unused": imported.unused, "copies": imported.copies, "parameter_vectors": vectors,
    });
    session.output.result(&text, &value)
}
