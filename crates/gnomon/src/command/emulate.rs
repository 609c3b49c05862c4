//! `gnomon emulate`, and `gnomon ask` of an emulator: queries -> answers, each with its error estimate and
//! its source.

use std::path::{Path, PathBuf};

use gnomon::context::Context;
use gnomon::emulate::Points;
use gnomon::emulate::cascade::{Answer, Source};
use gnomon::failure::Failure;
use gnomon::file;
use gnomon::population::Population;
use gnomon::report::content;
use gnomon::stage::emulate::ask::{Answered, Emulator, With};
use gnomon::stage::emulate::{self, Emulated};
use serde_json::{Map, Value, json};

use super::Session;
use super::output::{self, significant, wrap};

/// Simulates, learns, certifies, and tells.
pub fn execute(session: &Session, path: &Path, strict: bool) -> Result<(), Failure> {
    let context = session.read(path)?;
    if !session.output.json && !session.output.quiet {
        output::print(&format!("{}\n", context.study.title))?;
    }
    let population = Population::new(&context.study)?;
    let found = emulate::run(&context, &population)?;
    let own = &found.emulation;
    let value = json!({
        "answer": own.answer, "claims": own.claims, "notes": own.notes,
        "queries": own.queries, "answered": own.answered, "sources": own.sources,
        "threshold": own.threshold, "families": own.families, "curve": own.curve,
        "sweeps": own.sweeps, "costs": own.costs, "report": found.page,
    });
    session.output.result(&summary(&found), &value)?;
    let unmet = own
        .claims
        .iter()
        .filter(|c| c.verdict != content::Verdict::Survived)
        .count();
    if strict && unmet > 0 {
        return Err(Failure::Strict(format!(
            "{unmet} of {} claims did not survive",
            own.claims.len()
        )));
    }
    Ok(())
}

fn summary(found: &Emulated) -> String {
    let own = &found.emulation;
    let mut text = String::new();
    let mut say = |words: &str| {
        for line in wrap(words, 88) {
            text += &format!("{line}\n");
        }
        text += "\n";
    };
    say(&own.answer);
    for note in &own.notes {
        say(note);
    }
    for claim in &own.claims {
        let verdict = match claim.verdict {
            content::Verdict::Survived => "survived",
            content::Verdict::Falsified => "falsified",
            content::Verdict::Undecided => "undecided",
            content::Verdict::Untestable => "untestable",
            content::Verdict::Vacuous => "vacuous",
        };
        let measured = match claim.estimate.is_finite() {
            true => format!(" ({} of {})", significant(claim.estimate), claim.inputs),
            false => String::new(),
        };
        say(&format!("{verdict}: {}{measured}", claim.statement));
    }
    let width = own
        .families
        .iter()
        .map(|f| f.name.len())
        .max()
        .unwrap_or(0)
        .max(6);
    text += &format!(
        "  {:width$}  {:>14}  {:>8}  {:>10}  {:>9}\n",
        "family", "held-out error", "too far", "operations", "fits"
    );
    for family in &own.families {
        let mark = if family.is_chosen { "*" } else { " " };
        text += &match family.refused.as_str() {
            "" => format!(
                "{mark} {:width$}  {:>11} sd  {:>6.1} %  {:>10}  {:>7.2} s\n",
                family.name,
                significant(family.error),
                100.0 * family.beyond,
                family.operations,
                family.fit_seconds
            ),
            refused => format!("{mark} {:width$}  {refused}\n", family.name),
        };
    }
    text += &format!("{}\n", own.why);
    text += &sweeps(&own.sweeps);
    text + &format!("\nReport: {}", found.page.display())
}

/// How refined answers converge; empty where none were.
fn sweeps(own: &content::Sweeps) -> String {
    if own.queries == 0 {
        return String::new();
    }
    let mut text = format!(
        "\nRefined, {} of {} fresh queries converge. Errors by sweep, in tolerances (the solver's own: {}):\n",
        own.converged,
        own.queries,
        significant(own.solver)
    );
    for (name, errors) in [("median", &own.middle), ("worst", &own.worst)] {
        let errors: Vec<String> = errors.iter().map(|error| significant(*error)).collect();
        text += &format!("  {name:<7} {}\n", errors.join("  "));
    }
    text
}

/// What is asked of an emulator.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// A file of queries.
    pub at: Option<&'a Path>,
    /// One query: `name=value`.
    pub set: &'a [String],
    /// What is asked for beside answers.
    pub with: With,
    /// Where to write `answers.csv`, instead of printing it.
    pub folder: Option<&'a Path>,
}

/// Answers queries.
pub fn ask(session: &Session, path: &Path, asked: Asked<'_>) -> Result<(), Failure> {
    let context = session.read(path)?;
    let emulator = Emulator::load(&context)?;
    let queries = match asked.at {
        Some(file) => emulator.read(file)?,
        None => query(&emulator, asked.set)?,
    };
    let answered = emulator.answer(&queries, asked.with)?;
    let table = Table::new(&context, &emulator, &queries, &answered, asked.with.slopes);
    let of = |source| {
        answered
            .answers
            .iter()
            .filter(|a| a.source == source)
            .count()
    };
    let (own, solver, nobody) = (of(Source::Emulator), of(Source::Solver), of(Source::Nobody));
    let refined = of(Source::Refined);
    let corrected = match asked.with.refinement {
        true => format!("{refined} refined, "),
        false => String::new(),
    };
    let mut counts = format!(
        "{corrected}{own} from the emulator, {solver} from the solver ({} new ones are kept for the next `gnomon emulate`), \
         {nobody} without an answer; {:.3} s, of which {:.3} s in the solver.",
        answered.kept, answered.seconds, answered.solver_seconds
    );
    let mut value = json!({
        "emulator": own, "refined": refined, "solver": solver, "nobody": nobody, "kept": answered.kept,
        "seconds": answered.seconds, "solver_seconds": answered.solver_seconds,
    });
    match asked.folder {
        Some(folder) => {
            let file: PathBuf = folder.join("answers.csv");
            file::write(&file, table.csv().as_bytes())?;
            counts += &format!("\nAnswers: {}", file.display());
            value["file"] = json!(file);
            session.output.result(&counts, &value)
        }
        None => {
            value["answers"] = Value::Array(table.objects());
            // The answers alone on standard output, for the next program.
            session.progress.say(&counts);
            session.output.result(&table.csv(), &value)
        }
    }
}

/// One query from `name=value`.
fn query(emulator: &Emulator<'_>, set: &[String]) -> Result<Points, Failure> {
    let given = emulator.given();
    let help = || {
        let names: Vec<String> = given
            .iter()
            .map(|name| format!("--set {name}=1.5"))
            .collect();
        format!("a query gives every parameter: {}", names.join(" "))
    };
    let mut values = vec![None; given.len()];
    for one in set {
        let (name, number) = one.split_once('=').unwrap_or((one, ""));
        let Some(place) = given.iter().position(|other| other == name.trim()) else {
            return Err(Failure::refused(
                format!("`{name}` is not given to the emulator"),
                help(),
            ));
        };
        let number = number.trim().parse::<f64>();
        let number =
            number.map_err(|_| Failure::refused(format!("`{one}` sets no number"), help()))?;
        if values[place].replace(number).is_some() {
            return Err(Failure::refused(
                format!("`{name}` is set twice"),
                "set it once",
            ));
        }
    }
    let missing = given.iter().zip(&values).find(|(_, value)| value.is_none());
    if let Some((name, _)) = missing {
        return Err(Failure::refused(format!("`{name}` is not set"), help()));
    }
    let values: Vec<f64> = values.into_iter().flatten().collect();
    Points::new(given.len(), values).map_err(|error| Failure::refused(error.to_string(), help()))
}

/// Answers as a table.
struct Table {
    names: Vec<String>,
    /// Numbers, NaN where there is none.
    numbers: Vec<Vec<f64>>,
    /// Who answered, and why not the emulator.
    sources: Vec<(&'static str, String)>,
}

impl Table {
    fn new(
        context: &Context,
        emulator: &Emulator<'_>,
        queries: &Points,
        answered: &Answered,
        with_slopes: bool,
    ) -> Self {
        let (given, outputs) = (emulator.given(), emulator.outputs());
        let emulation = context.study.emulation.as_ref();
        let derived = emulation.iter().flat_map(|own| &own.derived);
        let derived = derived.map(|&place| context.study.mechanisms[0].derived[place].name.clone());
        let mut names: Vec<String> = given
            .iter()
            .chain(outputs)
            .cloned()
            .chain(derived)
            .collect();
        names.extend(outputs.iter().map(|name| format!("error_{name}")));
        names.push("seconds".into());
        if with_slopes {
            let each = outputs
                .iter()
                .flat_map(|y| given.iter().map(move |x| (y, x)));
            names.extend(each.map(|(y, x)| format!("d_{y}_by_{x}")));
        }
        let row = |row: usize| {
            let answer: &Answer = &answered.answers[row];
            let or_nan = |numbers: &[f64]| match numbers {
                [] => vec![f64::NAN; outputs.len()],
                numbers => numbers.to_vec(),
            };
            let mut numbers = queries.row(row).to_vec();
            numbers.extend(or_nan(&answer.values));
            numbers.extend(&answered.derived[row]);
            numbers.extend(or_nan(&answer.estimates));
            numbers.push(answered.costs[row]);
            if with_slopes {
                let none = vec![f64::NAN; outputs.len() * given.len()];
                let slopes = answered.slopes[row].as_ref();
                numbers.extend(slopes.map_or(none, |slopes| slopes.values().to_vec()));
            }
            numbers
        };
        let source = |answer: &Answer| (answer.source.name(), emulator.reason(answer));
        Self {
            names,
            numbers: (0..queries.rows()).map(row).collect(),
            sources: answered.answers.iter().map(source).collect(),
        }
    }

    fn csv(&self) -> String {
        let mut text = self.names.join(",") + ",source,reason\n";
        for (numbers, (source, reason)) in self.numbers.iter().zip(&self.sources) {
            let cells = numbers.iter().map(|x| match x.is_nan() {
                true => String::new(),
                false => x.to_string(),
            });
            let cells: Vec<String> = cells.collect();
            // Reasons may hold commas, quotes and lines.
            let reason = match reason.as_str() {
                "" => String::new(),
                reason => format!("\"{}\"", reason.replace('"', "\"\"").replace('\n', " ")),
            };
            text += &format!("{},{source},{reason}\n", cells.join(","));
        }
        text
    }

    fn objects(&self) -> Vec<Value> {
        let rows = self.numbers.iter().zip(&self.sources);
        rows.map(|(numbers, (source, reason))| {
            let mut object: Map<String, Value> = Map::new();
            for (name, number) in self.names.iter().zip(numbers) {
                object.insert(name.clone(), json!(number));
            }
            object.insert("source".into(), json!(source));
            object.insert("reason".into(), json!(reason));
            Value::Object(object)
        })
        .collect()
    }
}
