//! The command line.

use std::process::ExitCode;

use clap::Parser;
use gnomon::interrupt;

mod command;

fn main() -> ExitCode {
    let arguments = command::Arguments::parse();
    interrupt::listen();
    let json = arguments.shared.json;
    match command::execute(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let code = failure.exit_code();
            command::output::failure(failure, json);
            ExitCode::from(code)
        }
    }
}
