//! Our side of the comparison of emulators: a JSON request a line -> the chosen surrogate's error over the
//! sd at fresh points, and the seconds from table to fitted surrogate.

use gnomon_emulate::Points;
use gnomon_emulate::surrogate::{Settings, candidates, choose};
use serde::Deserialize;
use std::error::Error;
use std::io::{BufRead, Write};
use std::time::Instant;

/// A bank and fresh points: files of f64, row after row.
#[derive(Deserialize)]
struct Request {
    x: Table,
    y: Table,
    fresh: Table,
    truth: Table,
    threads: usize,
}

#[derive(Deserialize)]
struct Table {
    file: String,
    columns: usize,
}

impl Table {
    fn read(&self) -> Result<Points, Box<dyn Error>> {
        let bytes = std::fs::read(&self.file)?;
        let (words, _) = bytes.as_chunks::<8>();
        let values = words.iter().map(|&word| f64::from_le_bytes(word)).collect();
        Ok(Points::new(self.columns, values)?)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut answers = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let answer =
            run(&line?).unwrap_or_else(|error| serde_json::json!({ "error": error.to_string() }));
        writeln!(answers, "{answer}")?;
        answers.flush()?;
    }
    Ok(())
}

fn run(line: &str) -> Result<serde_json::Value, Box<dyn Error>> {
    let request: Request = serde_json::from_str(line)?;
    let (x, y) = (request.x.read()?, request.y.read()?);
    let (fresh, truth) = (request.fresh.read()?, request.truth.read()?);
    let settings = Settings {
        seed: 1,
        threads: request.threads,
        stop: None,
    };
    let (start, busy) = (Instant::now(), processor_seconds()?);
    let chosen = choose(&x, &y, &candidates(&x, &y), None, &settings)?;
    let seconds = start.elapsed().as_secs_f64();
    let cpu_seconds = processor_seconds()? - busy;
    let answers = chosen.surrogate.predict(&fresh)?.values;
    Ok(serde_json::json!({
        "error_over_sd": error_over_sd(&answers, &truth, &y),
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "best": chosen.surrogate.family().to_string(),
        "table": chosen.to_string(),
    }))
}

/// What this process has had of the processors, in its threads together: `utime` and `stime` of Linux's
/// `/proc/self/stat`, in hundredths of a second.
fn processor_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2);
    let ticks: Result<Vec<f64>, _> = ticks.map(str::parse).collect();
    Ok(ticks?.iter().sum::<f64>() / 100.0)
}

/// Root mean square over rows and outputs that vary of error / sd of the output over the bank.
fn error_over_sd(answers: &Points, truth: &Points, bank: &Points) -> f64 {
    let n = bank.rows() as f64;
    let (mut sum, mut count) = (0.0, 0.0);
    for column in 0..bank.columns() {
        let mean = bank.column(column).sum::<f64>() / n;
        let sd = (bank.column(column).map(|y| (y - mean).powi(2)).sum::<f64>() / n).sqrt();
        let largest = bank.column(column).fold(0.0, |most: f64, y| most.max(y.abs()));
        if sd <= 1e-12 * largest {
            continue;
        }
        for (answer, truth) in answers.column(column).zip(truth.column(column)) {
            sum += ((answer - truth) / sd).powi(2);
            count += 1.0;
        }
    }
    (sum / count).sqrt()
}
