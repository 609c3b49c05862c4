//! Commands about a bank of simulations.

use std::path::{Path, PathBuf};

use gnomon::bank::import::{Mapping, import};
use gnomon::bank::{self, Bank, Info, Rows, Sample};
use gnomon::context::Context;
use gnomon::failure::Failure;
use gnomon::population::Population;
use gnomon::stage::simulate;
use serde_json::json;

use super::Session;
use super::arguments::BankCommand;
use super::output::significant;

/// `gnomon bank ...`.
pub fn execute(session: &Session, command: BankCommand) -> Result<(), Failure> {
    match command {
        BankCommand::Info { bank } => info(session, &bank),
        BankCommand::Verify { bank, sample } => verify(session, &bank, sample),
        BankCommand::Export { bank, file } => export(session, &bank, &file),
        BankCommand::Import { study, file, map } => bring_in(session, &study, &file, &map),
    }
}

/// The study at `path`, if it is one; a bank's own folder has no study.
fn study(session: &Session, path: &Path) -> Result<Option<Context>, Failure> {
    let is_study = path.is_file() || path.join("study.toml").is_file();
    is_study
        .then(|| Context::read(path, session.wishes, session.progress))
        .transpose()
}

fn folder(context: Option<&Context>, path: &Path) -> Result<PathBuf, Failure> {
    match context {
        None => Ok(path.to_owned()),
        Some(context) => simulate::folder(context, &Population::new(&context.study)?),
    }
}

fn info(session: &Session, path: &Path) -> Result<(), Failure> {
    let context = study(session, path)?;
    let info = Bank::open(folder(context.as_ref(), path)?)?.info()?;
    let value = serde_json::to_value(&info).unwrap_or_default();
    session.output.result(&in_words(&info), &value);
    Ok(())
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
    let context = study(session, path)?;
    let folder = folder(context.as_ref(), path)?;
    let population = match &context {
        Some(context) if folder != simulate::imported_folder(context) => {
            Some((Population::new(&context.study)?, context.seed))
        }
        _ => None,
    };
    let shards = Bank::open(&folder).map_or(1, |bank| bank.info().map_or(1, |info| info.shards));
    let rows_per_shard = match population {
        Some(_) => sample.div_ceil(shards.max(1)) as u64,
        None => 0,
    };
    let again = |numbers: &[u64]| match &population {
        Some((population, seed)) => population.rows(*seed, numbers),
        None => Ok(Rows::default()),
    };
    let verified = bank::verify(
        &folder,
        Sample {
            rows_per_shard,
            seed: 1,
        },
        again,
    )?;
    let mut text = format!(
        "{} simulations are as they were written; {} of them were simulated again, bit for bit",
        verified.rows(),
        verified.resimulated()
    );
    let problems: Vec<String> = verified
        .shards
        .iter()
        .flat_map(|shard| {
            shard
                .problems
                .iter()
                .map(|problem| format!("{}: {problem}", shard.file.display()))
        })
        .collect();
    if !verified.is_sound() {
        text = problems.join("\n");
    }
    let value = json!({
        "sound": verified.is_sound(), "rows": verified.rows(),
        "resimulated": verified.resimulated(), "problems": problems,
    });
    session.output.result(&text, &value);
    if verified.is_sound() {
        return Ok(());
    }
    Err(Failure::damaged(
        format!(
            "{} problems in the bank {}",
            problems.len(),
            folder.display()
        ),
        "move the shards named above out of the folder; `gnomon simulate` makes them again",
    ))
}

fn export(session: &Session, path: &Path, file: &Path) -> Result<(), Failure> {
    let context = study(session, path)?;
    let bank = Bank::open(folder(context.as_ref(), path)?)?;
    bank::export(&bank, file)?;
    let text = format!("{} simulations written to {}", bank.rows(), file.display());
    session
        .output
        .result(&text, &json!({ "rows": bank.rows(), "file": file }));
    Ok(())
}

fn bring_in(session: &Session, path: &Path, file: &Path, map: &[String]) -> Result<(), Failure> {
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
        observed: unique(context.study.given.clone()),
        mechanism: (mechanisms.len() > 1).then(|| "mechanism".to_owned()),
        ..Mapping::default()
    };
    let imported = import(file, simulate::imported_folder(&context), &mapping)?;
    let mut text = format!(
        "{} simulations imported into {}; `gnomon learn {}` now learns from them",
        imported.bank.rows(),
        imported.bank.dir().display(),
        path.display()
    );
    if !imported.unused.is_empty() {
        text += &format!("\nnot used: {}", imported.unused.join(", "));
    }
    let value = json!({ "rows": imported.bank.rows(), "unused": imported.unused });
    session.output.result(&text, &value);
    Ok(())
}
