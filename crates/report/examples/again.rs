//! A `report.json` to its page again: `report.json -> content::Report -> report.html, figures/*.svg`.
//!
//! ```text
//! cargo run -p gnomon-report --example again -- results/report.json /tmp/report
//! ```

use std::{error::Error, fs, path::PathBuf};

use gnomon_report::{content::Report, write};

const USAGE: &str = "usage: again REPORT.JSON FOLDER";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).map(PathBuf::from);
    let (source, folder) = arguments.next().zip(arguments.next()).ok_or(USAGE)?;
    let report: Report = serde_json::from_str(&fs::read_to_string(source)?)?;
    println!("{}", write(&report, &folder)?.page.display());
    Ok(())
}
