//! The command line, as a user types it.

use std::num::NonZero;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Learn from a simulator, and test what was learned against it.
#[derive(Debug, Parser)]
#[command(name = "gnomon", version, about, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Arguments {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
    /// What every command takes
    #[command(flatten)]
    pub shared: Shared,
}

const EXIT_CODES: &str = "Exit codes:
  0    done
  1    something outside the study failed (disk, permissions)
  2    the command line is wrong
  3    a study, mechanism or data file is wrong
  4    too many simulations failed, or a program could not be run
  5    learning failed
  6    a bank or a model is damaged, or belongs to another study
  7    with --strict: a claim did not survive or an alarm was raised
  130  interrupted; run the same command to go on";

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub struct Shared {
    /// Print one JSON object on standard output instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// Print errors only
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Threads to use [default: all]; results do not depend on it
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,
    /// Seed of every random number, instead of the study's
    #[arg(long, global = true, value_name = "N")]
    pub seed: Option<u64>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Do everything that is not up to date: simulate, learn, test, answer, report
    Run {
        /// The study's folder, or its study.toml
        study: PathBuf,
        /// Simulations in the bank, instead of the study's number
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        simulations: Option<u64>,
        /// Exit with code 7 unless every claim survived and no alarm was raised
        #[arg(long)]
        strict: bool,
    },
    /// Write a study to start from
    New {
        /// A folder that does not exist yet, or is empty
        folder: PathBuf,
    },
    /// Read and check everything, run nothing
    Check {
        /// The study's folder, or its study.toml; or one mechanism file
        study: PathBuf,
    },
    /// Draw what the mechanisms produce, with the data over it, before anything is learned
    Preview {
        /// The study's folder, or its study.toml
        study: PathBuf,
    },
    /// Fill the bank of simulations
    Simulate {
        /// The study's folder, or its study.toml
        study: PathBuf,
        /// Simulations in the bank, instead of the study's number
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        simulations: Option<u64>,
    },
    /// Train the networks on the bank
    Learn {
        /// The study's folder, or its study.toml
        study: PathBuf,
        /// Simulations in the bank, instead of the study's number
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        simulations: Option<u64>,
    },
    /// Learn an emulator of the solver, and certify it on fresh queries
    Emulate {
        /// The study's folder, or its study.toml
        study: PathBuf,
        /// Simulations in the bank, instead of the study's number
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        simulations: Option<u64>,
        /// Exit with code 7 unless every claim survived
        #[arg(long)]
        strict: bool,
    },
    /// Answer new data from the trained networks, or queries from an emulator
    Ask {
        /// The study's folder, or its study.toml
        study: PathBuf,
        /// Queries of an emulator: a .csv, .parquet or .npz file with one query a row
        #[arg(long, value_name = "FILE", conflicts_with_all = ["observed", "each", "series", "draws", "alarms"])]
        at: Option<PathBuf>,
        /// One query of an emulator: a parameter's value; once for each parameter
        #[arg(long, value_name = "NAME=VALUE", conflicts_with_all = ["at", "observed", "each", "series", "draws", "alarms"])]
        set: Vec<String>,
        /// Means of what is emulated, unbiased by this many solves: over the rows of --at, draws of any
        /// distribution, or over draws from the prior
        #[arg(long, value_name = "SOLVES", conflicts_with_all = ["set", "slopes", "observed", "each", "series", "refine", "alarms"])]
        average: Option<usize>,
        /// With --at or --set: also the exact derivatives of what the emulator answers
        #[arg(long, conflicts_with_all = ["observed", "each", "series"])]
        slopes: bool,
        /// A CSV file in the form of the study's own data
        #[arg(long, value_name = "FILE", required_unless_present_any = ["each", "series", "at", "set", "average"])]
        observed: Option<PathBuf>,
        /// Many data sets: a .csv, .parquet or .npz file with one data set a row
        #[arg(
            long,
            value_name = "FILE",
            conflicts_with = "observed",
            requires = "output"
        )]
        each: Option<PathBuf>,
        /// Many series, each of its own length, in one .csv file: forecasts from each one's last window
        #[arg(long, value_name = "FILE", conflicts_with_all = ["observed", "each", "refine"], requires = "output")]
        series: Option<PathBuf>,
        /// What that file's columns are
        #[command(flatten)]
        columns: SeriesColumns,
        /// Posterior draws, instead of the study's number (1000 with --each); with --series, whole paths of
        /// each series that are written (100), where the study learns their density; with --average, draws
        /// from the prior (100000)
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        draws: Option<u32>,
        /// Correct the networks' answer by the mechanisms' likelihoods; with --each, add each mechanism's
        /// evidence and its probability by it; of an emulator, correct its answers by the mechanism's equations
        #[arg(long)]
        refine: bool,
        /// With --each: hold each data set against simulations (column alarm_p; an alarm is .01 or less)
        #[arg(long, requires = "each", conflicts_with = "series")]
        alarms: bool,
        /// With --series: do not hold the windows against simulations (alarms.csv)
        #[arg(long, requires = "series")]
        no_alarms: bool,
        /// Also write answer.json, draws.csv and draws.parquet (and paths.csv and paths.parquet of a density)
        /// into this folder; with --each, answers.csv and answers.parquet; with --series, forecasts.csv,
        /// alarms.csv and, where a density was learned, paths.csv; of an emulator, answers.csv or, with
        /// --average, averages.csv
        #[arg(long, value_name = "FOLDER")]
        output: Option<PathBuf>,
    },
    /// Show the simulations that the networks take as most like the data
    Attribute {
        /// The study's folder, or its study.toml
        study: PathBuf,
        /// A CSV file in the form of the study's own data, instead of these
        #[arg(long, value_name = "FILE")]
        observed: Option<PathBuf>,
        /// Simulations to show, of each mechanism
        #[arg(long, value_name = "K", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
        nearest: u32,
        /// Also write attribution.json, nearest.csv and nearest.parquet into this folder
        #[arg(long, value_name = "FOLDER")]
        output: Option<PathBuf>,
    },
    /// Prove that many real data sets are not the simulator's, if they are not
    Mismatch {
        /// The study's folder, or its study.toml
        study: PathBuf,
        /// At least 50 real data sets: a .csv, .parquet or .npz file with one data set a row
        #[arg(long, value_name = "FILE")]
        each: PathBuf,
    },
    /// Leave out each mechanism in turn, and ask about data of it: error, coverage, alarms
    Stress {
        /// The study's folder, or its study.toml
        study: PathBuf,
        /// Data sets of each mechanism
        #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(20..))]
        data_sets: u32,
        /// Also write stress.csv and stress.json into this folder
        #[arg(long, value_name = "FOLDER")]
        output: Option<PathBuf>,
    },
    /// Fit every mechanism by maximum likelihood: AIC, BIC, parameters
    Fit {
        /// The study's folder, or its study.toml
        study: PathBuf,
        /// A CSV file in the form of the study's own data, instead of these
        #[arg(long, value_name = "FILE")]
        observed: Option<PathBuf>,
        /// Many data sets: a .csv, .parquet or .npz file with one data set a row
        #[arg(
            long,
            value_name = "FILE",
            conflicts_with = "observed",
            requires = "output"
        )]
        each: Option<PathBuf>,
        /// With --each: where to write fits.csv and fits.parquet
        #[arg(long, value_name = "FOLDER", requires = "each")]
        output: Option<PathBuf>,
    },
    /// Forecast many series from every point of their past, and score that beside baselines
    Backtest {
        /// The study's folder, or its study.toml
        study: PathBuf,
        /// A .csv file of many series, each of its own length
        file: PathBuf,
        /// What the file's columns are
        #[command(flatten)]
        columns: SeriesColumns,
        /// Times between which origins lie, as the file writes them; either may be left out
        #[arg(long, value_name = "FROM..TO")]
        origins: Option<String>,
        /// Steps from one origin to the next
        #[arg(long, value_name = "K", default_value = "1")]
        every: NonZero<usize>,
        /// Entries that a series has up to its first origin [default: the study's window; 10, if that
        /// is less, where the networks can do without entries]
        #[arg(long, value_name = "N")]
        least: Option<NonZero<usize>>,
        /// Steps after which a pattern comes again, for ETS; 1 for none
        #[arg(long, value_name = "N", default_value = "1")]
        season: NonZero<usize>,
        /// Do not hold the windows against simulations (alarms.csv)
        #[arg(long)]
        no_alarms: bool,
        /// Write scores.csv, quantiles.csv, alarms.csv, backtest.json and a figure for each variable into this folder
        #[arg(long, value_name = "FOLDER")]
        output: Option<PathBuf>,
    },
    /// Measure how the networks converge to the exact predictor as simulations are added
    Converge {
        /// The study's folder, or its study.toml
        study: PathBuf,
        /// Numbers of simulations to learn from [default: the study's, a third of it, a ninth, ...]
        #[arg(long, value_name = "N", num_args = 1.., value_parser = clap::value_parser!(u64).range(1..))]
        simulations: Vec<u64>,
        /// Fresh data sets to test on, for each mechanism and for all together
        #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(2..))]
        data_sets: u32,
        /// Where to write the page and the data sets [default: results/converge]
        #[arg(long, value_name = "FOLDER")]
        output: Option<PathBuf>,
    },
    /// Find the resonances of a mechanism along one parameter, or the worst points of an emulator, and say
    /// what may still hide
    Holes {
        /// A mechanism file, or a study's folder or its study.toml
        mechanism: PathBuf,
        /// Where and how to look
        #[command(flatten)]
        scan: HolesScan,
    },
    /// Write the report again from the results that are there
    Report {
        /// The study's folder, or its study.toml
        study: PathBuf,
    },
    /// Look into a bank of simulations
    Bank {
        /// What to do with it
        #[command(subcommand)]
        command: BankCommand,
    },
    /// Tell how well two files of draws can be told apart: 0.5 not at all, 1 altogether
    C2st {
        /// Reference draws: a .csv, .parquet or .npz file, one draw a row
        reference: PathBuf,
        /// The draws to be judged
        draws: PathBuf,
        /// Columns to compare, with commas between them [default: all numbers that both have]
        #[arg(long, value_name = "NAMES", value_delimiter = ',')]
        columns: Vec<String>,
    },
    /// Print the JSON Schema of a file, for editors
    Schema {
        /// Which file
        file: SchemaOf,
    },
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// What the columns of a file of many series are.
#[derive(Clone, Debug, Args)]
pub struct SeriesColumns {
    /// How the file holds its series [default: long where a column names each row's series]
    #[arg(long, value_name = "LAYOUT")]
    pub format: Option<Format>,
    /// The column that names each row's series [default: series, unique_id, id, location, ...]
    #[arg(long, value_name = "NAME")]
    pub series_column: Option<String>,
    /// The column of times [default: time, date, day, week, ...; without one, rows are entries]
    #[arg(long, value_name = "NAME")]
    pub time_column: Option<String>,
    /// The column of values [default: the given series' name, value, y, target]
    #[arg(long, value_name = "NAME")]
    pub value_column: Option<String>,
}

/// A scan along one parameter; instead of what the study's `[holes]` says.
#[derive(Clone, Debug, Args)]
pub struct HolesScan {
    /// The frequency-like parameter to scan [default: the study's; without one, its emulator is searched]
    #[arg(long, value_name = "PARAMETER")]
    pub over: Option<String>,
    /// Start of its range [default: of the middle 99.9 % of its prior, or of the observed frequencies]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub from: Option<f64>,
    /// End of its range [default: of the middle 99.9 % of its prior, or of the observed frequencies]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub to: Option<f64>,
    /// Series or entries to look at, or unknowns of a response, with commas between them [default: all]
    #[arg(long = "of", value_name = "NAMES", value_delimiter = ',')]
    pub outputs: Vec<String>,
    /// Another parameter's value [default: the middle of its prior]; may be repeated
    #[arg(long = "at", value_name = "NAME=VALUE", value_parser = held)]
    pub at: Vec<(String, f64)>,
    /// Error that is allowed, relative to |y| + median |y|: ten times the solver's own, or more [default: 1e-6]
    #[arg(long, value_name = "T")]
    pub tolerance: Option<f64>,
    /// Solves [default: 400; 2000 that search an emulator]
    #[arg(long, value_name = "N")]
    pub budget: Option<usize>,
    /// Fresh random solves that certify [default: 60; 10000 of an emulator]
    #[arg(long, value_name = "N")]
    pub checks: Option<usize>,
    /// Where to write holes.html and holes.json [default: a study's results/holes; nothing of a mechanism file]
    #[arg(long, value_name = "FOLDER")]
    pub output: Option<PathBuf>,
}

/// `name=value`.
fn held(text: &str) -> Result<(String, f64), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    let value = value
        .trim()
        .parse()
        .map_err(|_| format!("`{value}` is no number"))?;
    Ok((name.trim().to_owned(), value))
}

/// How a file holds many series.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Format {
    /// A row is one time of one series
    Long,
    /// A column is a series
    Wide,
}

/// What can be done with a bank.
#[derive(Debug, Subcommand)]
pub enum BankCommand {
    /// Rows, columns, failures
    Info {
        /// A study, or a bank's folder
        bank: PathBuf,
    },
    /// Check every shard, and simulate a sample of rows again, bit for bit
    Verify {
        /// A study, or a bank's folder (which is then not simulated again)
        bank: PathBuf,
        /// Rows to simulate again
        #[arg(long, value_name = "N", default_value_t = 200)]
        sample: usize,
    },
    /// Write the bank as one file
    Export {
        /// A study, or a bank's folder
        bank: PathBuf,
        /// Where to: .csv, .parquet or .npz
        file: PathBuf,
    },
    /// Fill a study's bank with simulations that you already have
    Import {
        /// The study's folder, or its study.toml
        study: PathBuf,
        /// A .csv, .parquet or .npz file
        file: PathBuf,
        /// A column's name in the file, where it is not the study's: `their_name=our_name`
        #[arg(long = "map", value_name = "FROM=TO")]
        map: Vec<String>,
        /// Forget what was imported before
        #[arg(long)]
        replace: bool,
    },
}

/// A file with a schema.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum SchemaOf {
    /// study.toml
    Study,
    /// A mechanism file
    Mechanism,
}
