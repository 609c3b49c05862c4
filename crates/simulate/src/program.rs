//! External programs as simulators: rows of parameters -> workers, one thread and process each ->
//! answers, checked -> observed columns, and a reason for each row that failed.
//!
//! A program that stays (`Protocol::JsonLines`) reads one request a line on standard input,
//!
//! ```json
//! {"id": 7, "seed": 4503599627370495, "parameters": {"theta1": 1.5, "d": 4.0}}
//! ```
//!
//! and writes one answer a line to standard output, in the order of the requests, flushed:
//!
//! ```json
//! {"id": 7, "observed": {"gaps": [0.2, 1.0, 3.5], "total": 4.7}}
//! {"id": 8, "error": "the queue never empties"}
//! ```
//!
//! It ends when standard input ends. A program that is started once a simulation
//! (`Protocol::OneShot`) finds `{name}` of a parameter, `{seed}`, `{parameters}` (a JSON file of
//! all of them) and `{output}` (the file to write) replaced in its command; it writes CSV (series
//! names, then one row an entry) or JSON (`{"gaps": [..], "total": 4.7}`).
//!
//! Error answers, crashes, garbage, wrong lengths, numbers that are not finite and silence past
//! the time limit make a failed row with its reason, never a wrong one and never a hang. If the
//! program itself always answers the same to the same parameters and seed, results do not depend
//! on the number of workers.
//!
//! ```
//! use gnomon_mechanism::{Mechanism, model::Law};
//! use gnomon_simulate::program;
//! # if cfg!(not(unix)) { return Ok(()); }
//! let text = r#"
//! [parameters]
//! a = "Normal(0, 1)"
//!
//! [program]
//! command = ["sh", "-c", "printf 'y\\n{a}\\n' > {output}"]
//!
//! [observed]
//! y = 1
//! "#;
//! let mechanism = Mechanism::parse("echo", text, &std::env::temp_dir())?;
//! let Law::Program(program) = &mechanism.dynamics.law else { unreachable!() };
//! let batch = program::run(&mechanism, program, &[vec![0.5, -1.5]], 1, &[0, 1], 2, None)?;
//! assert_eq!(batch.observed, [[0.5, -1.5]]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
mod child;
mod json_lines;
mod one_shot;
mod request;
mod tally;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use gnomon_mechanism::Mechanism;
use gnomon_mechanism::model::{Program, Protocol};

use answer::Shape;
use request::Requests;
use tally::Tally;

/// What a program answered to a batch of simulations.
#[derive(Clone, Debug, PartialEq)]
pub struct ProgramBatch {
    /// One column an entry, in the order of the mechanism's observed series and their entries; one
    /// number a simulation, NaN where it failed.
    pub observed: Vec<Vec<f64>>,
    /// Why a simulation failed, one a simulation.
    pub failures: Vec<Option<String>>,
}

/// Why a batch ended without a result.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// The operating system could not start the command.
    #[error(
        "cannot start `{command}` in {}: {source}",
        folder.display()
    )]
    Start {
        /// The command as it was given.
        command: String,
        /// The folder it should run in.
        folder: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The command cannot serve as a simulator.
    #[error("`command` in [program] {0}")]
    Command(&'static str),
    /// The first simulations failed, all of them.
    #[error(
        "`{command}` failed in each of the first {tried} simulations; the commonest reasons:\n{reasons}"
    )]
    NeverAnswered {
        /// The command as it was given.
        command: String,
        /// The folder it runs in.
        folder: PathBuf,
        /// How many simulations were tried.
        tried: usize,
        /// The commonest reasons, one a line.
        reasons: String,
        /// How the first simulation is tried by hand.
        by_hand: String,
    },
    /// More simulations failed than the mechanism allows.
    #[error(
        "{failed} of {tried} simulations of `{command}` failed ({:.1} %), more than `most_failures` = {most_failures} allows; the commonest reasons:\n{reasons}",
        100.0 * *failed as f64 / *tried as f64
    )]
    TooManyFailures {
        /// The command as it was given.
        command: String,
        /// How many simulations failed.
        failed: usize,
        /// How many simulations were tried.
        tried: usize,
        /// The share that is allowed.
        most_failures: f64,
        /// The commonest reasons, one a line.
        reasons: String,
    },
    /// The parameters' columns do not fit the mechanism or the simulations.
    #[error("expected {expected} {what}, got {got}")]
    Columns {
        /// What was counted.
        what: &'static str,
        /// How many there should be.
        expected: usize,
        /// How many there are.
        got: usize,
    },
    /// No folder for a one-shot program's files.
    #[error("cannot make a temporary folder for the program's files: {0}")]
    Folder(#[source] io::Error),
    /// The caller asked for an end.
    #[error("cancelled")]
    Cancelled,
}

impl ProgramError {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Start { .. } => {
                "check `command`, and that the program is installed and executable".into()
            }
            Self::Command(_) => "write command = [\"python3\", \"simulator.py\"]".into(),
            Self::NeverAnswered {
                folder, by_hand, ..
            } => format!("try it by hand in {}:\n{by_hand}", folder.display()),
            Self::TooManyFailures { .. } => {
                "mend the program, narrow the priors, or raise `most_failures` in [program]".into()
            }
            Self::Columns { .. } => "give one number a simulation and parameter".into(),
            Self::Folder(_) => "make room, or set TMPDIR to another folder".into(),
            Self::Cancelled => "run again to go on".into(),
        }
    }
}

/// Why one simulation failed.
#[derive(Clone, Debug)]
struct Failure {
    /// What went wrong; equal causes have equal texts as far as the program allows.
    what: String,
    /// The last lines of standard error, if the program said any before it ended.
    last_words: String,
}

impl Failure {
    fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            last_words: String::new(),
        }
    }

    fn text(&self) -> String {
        match self.last_words.as_str() {
            "" => self.what.clone(),
            words => format!("{}; standard error ends: {words}", self.what),
        }
    }
}

type Outcome = Result<Vec<f64>, Failure>;

/// What a worker's thread tells.
enum Report {
    Row(usize, Outcome),
    Broken(ProgramError),
}

/// What all workers of a batch share.
struct Work<'a> {
    program: &'a Program,
    shape: &'a Shape,
    requests: &'a Requests<'a>,
    next: AtomicUsize,
    stop: AtomicBool,
    cancel: Option<&'a AtomicBool>,
}

impl Work<'_> {
    /// The next row that nobody has taken.
    fn take(&self) -> Option<usize> {
        let row = self.next.fetch_add(1, Ordering::Relaxed);
        (row < self.requests.len()).then_some(row)
    }

    fn cancelled(&self) -> bool {
        self.cancel
            .is_some_and(|cancel| cancel.load(Ordering::Relaxed))
    }

    /// Whether workers should stop at once.
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.cancelled()
    }

    /// The program and its arguments.
    fn command(&self) -> (&str, &[String]) {
        match self.program.command.split_first() {
            Some((program, arguments)) => (program, arguments),
            None => ("", &[]),
        }
    }

    /// What one simulation may take; a year where the limit says nothing sensible.
    fn time_limit(&self) -> Duration {
        const YEAR: Duration = Duration::from_secs(31_557_600);
        Duration::try_from_secs_f64(self.program.time_limit).map_or(YEAR, |limit| limit.min(YEAR))
    }

    fn start_error(&self, source: io::Error) -> ProgramError {
        ProgramError::Start {
            command: self.program.command.join(" "),
            folder: self.program.folder.clone(),
            source,
        }
    }
}

/// Stops the workers when the batch's owner leaves, by return or by panic.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Simulates with an external program.
///
/// `parameters` has one column a parameter of the mechanism, one number a simulation;
/// `simulations` are their numbers, from which with `seed` each simulation's own seed (below 2^53)
/// is derived. `workers` processes run at once. `cancel`, once true, ends the batch within a tenth
/// of a second. No process outlives the call.
///
/// # Errors
/// The program cannot be started, fails in all of the first simulations, or fails in more than the
/// allowed share: of the batch's simulations, judged at its end from 20 simulations on, and before
/// that as soon as the share is past doubt.
pub fn run(
    mechanism: &Mechanism,
    program: &Program,
    parameters: &[Vec<f64>],
    seed: u64,
    simulations: &[u64],
    workers: usize,
    cancel: Option<&AtomicBool>,
) -> Result<ProgramBatch, ProgramError> {
    let shape = Shape::of(mechanism);
    let requests = Requests::new(mechanism, parameters, seed, simulations)?;
    let one_shot = match &program.protocol {
        Protocol::JsonLines => None,
        Protocol::OneShot { ending } => Some(ending.as_str()),
    };
    match program.command.first() {
        None => return Err(ProgramError::Command("is empty")),
        Some(first) if first.is_empty() => return Err(ProgramError::Command("names no program")),
        Some(_) => {}
    }
    if one_shot.is_some() && !program.command.iter().any(|word| word.contains("{output}")) {
        return Err(ProgramError::Command(
            "must say where the program writes: put {output} among its arguments",
        ));
    }
    let work = Work {
        program,
        shape: &shape,
        requests: &requests,
        next: AtomicUsize::new(0),
        stop: AtomicBool::new(false),
        cancel,
    };
    let workers = workers.clamp(1, requests.len().max(1));
    std::thread::scope(|scope| {
        let _stop = StopOnDrop(&work.stop);
        let (report, reports) = mpsc::channel();
        for _ in 0..workers {
            let (work, report) = (&work, report.clone());
            scope.spawn(move || {
                let end = match one_shot {
                    None => json_lines::work(work, &report),
                    Some(ending) => one_shot::work(work, ending, &report),
                };
                if let Err(error) = end {
                    let _ = report.send(Report::Broken(error));
                }
            });
        }
        drop(report);
        gather(&work, &reports)
    })
}

/// Puts outcomes in their rows, and judges failures in the order of rows.
fn gather(work: &Work, reports: &mpsc::Receiver<Report>) -> Result<ProgramBatch, ProgramError> {
    let count = work.requests.len();
    let mut tally = Tally::new(work.program, work.requests);
    let mut outcomes: Vec<Option<Outcome>> = vec![None; count];
    let mut judged = 0;
    for report in reports {
        match report {
            Report::Row(row, outcome) => outcomes[row] = Some(outcome),
            Report::Broken(error) => return Err(error),
        }
        while let Some(Some(outcome)) = outcomes.get(judged) {
            tally.add(outcome.as_ref().err())?;
            judged += 1;
        }
    }
    if judged < count {
        return Err(ProgramError::Cancelled);
    }
    tally.finish()?;
    let mut batch = ProgramBatch {
        observed: vec![Vec::with_capacity(count); work.shape.count()],
        failures: Vec::with_capacity(count),
    };
    for outcome in outcomes.into_iter().flatten() {
        let failure = match outcome {
            Ok(values) => {
                for (column, value) in batch.observed.iter_mut().zip(values) {
                    column.push(value);
                }
                None
            }
            Err(failure) => {
                for column in &mut batch.observed {
                    column.push(f64::NAN);
                }
                Some(failure.text())
            }
        };
        batch.failures.push(failure);
    }
    Ok(batch)
}
