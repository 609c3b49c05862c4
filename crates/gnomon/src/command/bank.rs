//! Commands about a bank of simulations.

use std::path::Path;

use gnomon::bank::import::{Imported, Mapping, import};
use gnomon::bank::{self, Bank, BankError, Info, Rows, Sample};
use gnomon::context::Context;
use gnomon::failure::Failure;
use gnomon::interrupt;
use gnomon::population::Population;
use gnomon::stage::{imported, simulate};
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

/// The bank in a folder, or that of a study: one of another study is refused.
fn open(session: &Session, path: &Path) -> Result<(Bank, Option<Context>), Failure> {
    let context = study(session, path)?;
    let Some(context) = context else {
        return Ok((Bank::open(path)?, None));
    };
    let bank = simulate::open(&context, &Population::new(&context.study)?)?;
    Ok((bank, Some(context)))
}

fn info(session: &Session, path: &Path) -> Result<(), Failure> {
    let info = open(session, path)?.0.info()?;
    let value = serde_json::to_value(&info).unwrap_or_default();
    session.output.result(&in_words(&info), &value)
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
    let (folder, population) = match &context {
        None => (path.to_owned(), None),
        Some(context) => {
            let population = Population::new(&context.study)?;
            let folder = simulate::folder(context, &population)?;
            // A bank that cannot even be opened is what verifying is for.
            if Bank::open(&folder).is_ok() {
                simulate::open(context, &population)?;
            }
            let imported = folder == simulate::imported_folder(context);
            (folder, (!imported).then_some((population, context.seed)))
        }
    };
    let shards = Bank::open(&folder).map_or(1, |bank| bank.info().map_or(1, |info| info.shards));
    let rows_per_shard = match population {
        Some(_) => sample.div_ceil(shards.max(1)) as u64,
        None => 0,
    };
    let bar = session.progress.bar(
        "simulating again",
        "simulations",
        rows_per_shard * shards as u64,
    );
    let again = |numbers: &[u64]| match &population {
        Some((population, seed)) => {
            interrupt::check()?;
            let rows = population.rows(*seed, numbers)?;
            bar.inc(numbers.len() as u64);
            Ok::<Rows, Failure>(rows)
        }
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
    bar.finish_and_clear();
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
    session.output.result(&text, &value)?;
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
    let bank = open(session, path)?.0;
    bank::export(&bank, file)?;
    let text = format!("{} simulations written to {}", bank.rows(), file.display());
    session
        .output
        .result(&text, &json!({ "rows": bank.rows(), "file": file }))
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
        observed: unique(context.study.given.clone()),
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
        let Imported { unused, bank } = import(file, &fresh, &mapping, check)?;
        drop(bank);
        if place.is_dir() {
            std::fs::rename(&place, &old).map_err(cannot)?;
        }
        std::fs::rename(&fresh, &place).map_err(cannot)?;
        if old.is_dir() {
            std::fs::remove_dir_all(&old).map_err(cannot)?;
        }
        let bank = Bank::open(&place)?;
        Imported { bank, unused }
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
    if !imported.unused.is_empty() {
        text += &format!("\nnot used: {}", imported.unused.join(", "));
    }
    let value = json!({ "rows": imported.bank.rows(), "unused": imported.unused });
    session.output.result(&text, &value)
}
