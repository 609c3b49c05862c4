//! Commands: what the user asked -> stages -> what the user reads.

mod arguments;
mod ask;
mod attribute;
mod average;
mod bank;
mod c2st;
mod check;
mod converge;
mod emulate;
mod fit;
mod forecast;
mod holes;
mod mismatch;
pub mod output;
mod stress;
mod study;

use std::num::NonZero;
use std::path::Path;

use clap::CommandFactory;
use gnomon::context::{Context, Wishes, processors};
use gnomon::failure::Failure;
use gnomon::mechanism::schema;
use gnomon::mechanism::study::Columns;
use gnomon::progress::Progress;
use gnomon::stage::emulate::ask::With;
use gnomon::stage::forecast::{Asked, AskedAhead};

pub use arguments::Arguments;
use arguments::{Command, SchemaOf, Shared};
use output::Output;

/// How a command runs and prints.
pub struct Session {
    output: Output,
    progress: Progress,
    wishes: Wishes,
}

impl Session {
    fn new(shared: &Shared) -> Self {
        let hidden = shared.quiet || shared.json;
        Self {
            output: Output {
                json: shared.json,
                quiet: shared.quiet,
            },
            progress: if hidden {
                Progress::Hidden
            } else {
                Progress::Shown
            },
            wishes: Wishes {
                seed: shared.seed,
                simulations: None,
                threads: shared.threads.map(usize::from),
            },
        }
    }

    /// A study of any kind: its commands say what they do with an emulator.
    fn read(&self, path: &Path) -> Result<Context, Failure> {
        Context::read(path, self.wishes, self.progress)
    }
}

/// Does what was asked.
///
/// # Errors
/// Why it could not be done; nothing that was done is lost.
pub fn execute(arguments: Arguments) -> Result<(), Failure> {
    let mut session = Session::new(&arguments.shared);
    let threads = session.wishes.threads.unwrap_or_else(processors);
    // The pool can be set once a process; a second command in one process keeps the first one's.
    let _ = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global();
    match arguments.command {
        Command::Run {
            study,
            simulations,
            strict,
        } => {
            session.wishes.simulations = simulations;
            study::run(&session, &study, strict)
        }
        Command::New { folder } => study::new(&session, &folder),
        Command::Check { study } => check::execute(&session, &study),
        Command::Preview { study } => study::preview(&session, &study),
        Command::Simulate { study, simulations } => {
            session.wishes.simulations = simulations;
            study::simulate(&session, &study)
        }
        Command::Learn { study, simulations } => {
            session.wishes.simulations = simulations;
            study::learn(&session, &study)
        }
        Command::Emulate {
            study,
            simulations,
            strict,
        } => {
            session.wishes.simulations = simulations;
            emulate::execute(&session, &study, strict)
        }
        Command::Ask {
            study,
            at,
            set,
            average,
            slopes,
            observed,
            each,
            series,
            columns,
            draws,
            refine,
            alarms,
            no_alarms,
            output,
        } => {
            if let Some(solves) = average {
                let asked = average::Asked {
                    at: at.as_deref(),
                    draws: draws.map_or(average::DRAWS, |draws| draws as usize),
                    solves,
                    folder: output.as_deref(),
                };
                return average::execute(&session, &study, asked);
            }
            if at.is_some() || !set.is_empty() {
                let asked = emulate::Asked {
                    at: at.as_deref(),
                    set: &set,
                    with: With {
                        slopes,
                        refinement: refine,
                    },
                    folder: output.as_deref(),
                };
                return emulate::ask(&session, &study, asked);
            }
            let columns = columns.columns();
            if let Some((file, folder)) = series.as_ref().zip(output.as_ref()) {
                let asked = AskedAhead {
                    columns,
                    draws: draws.map(|draws| draws as usize),
                    look: !no_alarms,
                };
                return forecast::ahead(&session, &study, file, &asked, folder);
            }
            if columns != Columns::default() {
                return Err(Failure::refused(
                    "--format and --series-column, --time-column, --value-column say how a file of --series is read",
                    "leave them out, or name the file by --series",
                ));
            }
            let asked = ask::Asked {
                draws,
                refine,
                alarms,
                folder: output.as_deref(),
            };
            match (observed, each) {
                (_, Some(each)) => ask::each(&session, &study, &each, asked),
                (Some(observed), None) => ask::one(&session, &study, &observed, asked),
                (None, None) => Ok(()),
            }
        }
        Command::Attribute {
            study,
            observed,
            nearest,
            output,
        } => attribute::execute(
            &session,
            &study,
            observed.as_deref(),
            nearest as usize,
            output.as_deref(),
        ),
        Command::Mismatch { study, each } => mismatch::execute(&session, &study, &each),
        Command::Stress {
            study,
            data_sets,
            output,
        } => stress::execute(&session, &study, data_sets as usize, output.as_deref()),
        Command::Fit {
            study,
            observed,
            each,
            output,
        } => match each.zip(output) {
            Some((file, folder)) => fit::each(&session, &study, &file, &folder),
            None => fit::one(&session, &study, observed.as_deref()),
        },
        Command::Backtest {
            study,
            file,
            columns,
            origins,
            every,
            least,
            season,
            no_alarms,
            output,
        } => {
            let asked = Asked {
                columns: columns.columns(),
                origins,
                every: every.get(),
                least: least.map(NonZero::get),
                season: season.get(),
                look: !no_alarms,
            };
            forecast::backtest(&session, &study, &file, &asked, output.as_deref())
        }
        Command::Converge {
            study,
            simulations,
            data_sets,
            output,
        } => {
            let asked = converge::Asked {
                simulations: &simulations,
                data_sets,
                folder: output.as_deref(),
            };
            converge::execute(&session, &study, asked)
        }
        Command::Holes { mechanism, scan } => holes::execute(&session, &mechanism, &scan),
        Command::Report { study } => study::report(&session, &study),
        Command::Bank { command } => bank::execute(&session, command),
        Command::C2st {
            reference,
            draws,
            columns,
        } => c2st::execute(&session, &reference, &draws, &columns),
        Command::Schema { file } => {
            let value = match file {
                SchemaOf::Study => schema::study(),
                SchemaOf::Mechanism => schema::mechanism(),
            };
            output::print(&format!("{value:#}"))
        }
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "gnomon", &mut text);
            output::print(&String::from_utf8_lossy(&text))
        }
    }
}
