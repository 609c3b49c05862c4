//! `gnomon backtest`, and `gnomon ask --series`.

use std::path::Path;

use gnomon::failure::Failure;
use gnomon::file;
use gnomon::infer::forecast::tally::Summary;
use gnomon::infer::forecast::{INTERVALS, nominal};
use gnomon::mechanism::study::{Columns, Layout};
use gnomon::stage::answer::ALARM_RATE;
use gnomon::stage::forecast::{self, Alarms, Asked, AskedAhead, Group, LeftOut, Why, in_groups};
use gnomon::stage::learn;
use serde_json::{Value, json};

use super::Session;
use super::arguments::{Format, SeriesColumns};
use super::ask::refuse_other_data;
use super::output::significant;
use super::study::read;

impl SeriesColumns {
    /// What is said of a table of series.
    pub fn columns(self) -> Columns {
        Columns {
            layout: self.format.map(|format| match format {
                Format::Long => Layout::Long,
                Format::Wide => Layout::Wide,
            }),
            series: self.series_column,
            time: self.time_column,
            value: self.value_column,
        }
    }
}

/// Central intervals whose coverage is printed.
const SHOWN: [f64; 3] = [0.5, 0.8, 0.95];

/// `gnomon backtest`.
pub fn backtest(
    session: &Session,
    path: &Path,
    file: &Path,
    asked: &Asked,
    folder: Option<&Path>,
) -> Result<(), Failure> {
    let mut context = read(session, path)?;
    forecast::refuse(&context)?;
    learn::adopt(&mut context)?;
    refuse_other_data(&context, None)?;
    let amortized = learn::load(&context)?;
    let found = forecast::backtest(&context, &amortized, file, asked)?;
    let seconds = found.seconds;
    let groups = found.groups();
    let mut text = format!(
        "{} series, {} origins, {} forecasts in {seconds:.1} s\n",
        found.series(),
        found.origins,
        found.forecasts()
    );
    if found.skipped > 0 {
        text += &format!(
            "{} origins skipped: their windows lack entries, and the networks did not learn to do without",
            found.skipped
        );
        if let Some(LeftOut {
            series,
            why: Why::Hole { variable, time },
        }) = &found.first_skipped
        {
            text += &format!("; the first, of `{series}`, has no `{variable}` at {time}");
        }
        text += "\n";
    }
    text += &left_out(&found.left_out);
    text += &found.alarms.as_ref().map_or(String::new(), alarms);
    for group in &groups {
        text += &table(group);
    }
    text += "\n  Relative to the last value: pooled over all forecasts, and each series' ratio averaged.\n";
    let mut value = json!({
        "series": found.series(), "origins": found.origins, "skipped": found.skipped,
        "left_out": found.left_out.len(), "why_left_out": reasons(&found.left_out),
        "forecasts": found.forecasts(), "seconds": seconds,
        "groups": groups.iter().map(in_json).collect::<Vec<_>>(),
        "alarms": found.alarms.as_ref().map(alarms_in_json),
    });
    if let Some(folder) = folder {
        found.write(folder)?;
        write_alarms(folder, found.alarms.as_ref())?;
        file::write_json(&folder.join("backtest.json"), &value)?;
        text += &format!("\nWritten to {}", folder.display());
        value["output"] = json!(folder);
    }
    session.output.result(&text, &value)
}

fn table(group: &Group) -> String {
    let steps = match group.horizons {
        (1, 1) => "1 step ahead".to_owned(),
        (from, to) if from == to => format!("{from} steps ahead"),
        (from, to) => format!("{from} to {to} steps ahead"),
    };
    let mut text = format!(
        "\n{:<34}{:>9}{:>9}{:>9}{:>10}{:>9}{:>7}{:>6}{:>6}\n{:<34}{:>9}{:>9}{:>9}{:>10}{:>9}{:>7}{:>6}{:>6}\n",
        format!("{}, {steps}", group.variable),
        "MAE",
        "rel.",
        "mean",
        "WIS",
        "rel.",
        "in",
        "in",
        "in",
        "",
        "",
        "pooled",
        "ratio",
        "",
        "pooled",
        "50 %",
        "80 %",
        "95 %"
    );
    for (name, own) in &group.models {
        let ratio = |x: f64| match x.is_nan() {
            true => "-".to_owned(),
            false => format!("{x:.3}"),
        };
        let [half, most, nearly] = SHOWN.map(|share| format!("{:.0}", 100.0 * covered(own, share)));
        text += &format!(
            "  {name:<32}{:>9}{:>9}{:>9}{:>10}{:>9}{half:>7}{most:>6}{nearly:>6}\n",
            significant(own.mae),
            ratio(own.relative_mae),
            ratio(own.mean_of_ratios),
            significant(own.wis),
            ratio(own.relative_wis),
        );
    }
    text
}

/// The coverage of the central interval that should hold `share`.
fn covered(summary: &Summary, share: f64) -> f64 {
    let place = (0..INTERVALS).find(|&interval| nominal(interval) == share);
    place.map_or(f64::NAN, |place| summary.coverage[place])
}

fn in_json(group: &Group) -> Value {
    let of_model = |(name, own): &(String, Summary)| {
        let coverage = own.coverage.iter().enumerate();
        let coverage: Vec<Value> = coverage
            .map(|(place, share)| json!({ "nominal": nominal(place), "observed": share }))
            .collect();
        json!({
            "name": name, "forecasts": own.forecasts, "series": own.series, "mae": own.mae,
            "relative_mae": own.relative_mae, "mean_of_ratios": own.mean_of_ratios,
            "without_ratio": own.without_ratio, "wis": own.wis, "relative_wis": own.relative_wis,
            "coverage": coverage,
        })
    };
    json!({
        "variable": group.variable, "horizons": [group.horizons.0, group.horizons.1],
        "models": group.models.iter().map(of_model).collect::<Vec<_>>(),
    })
}

/// `gnomon ask --series`.
pub fn ahead(
    session: &Session,
    path: &Path,
    file: &Path,
    asked: &AskedAhead,
    folder: &Path,
) -> Result<(), Failure> {
    let mut context = read(session, path)?;
    forecast::refuse(&context)?;
    learn::adopt(&mut context)?;
    refuse_other_data(&context, None)?;
    let amortized = learn::load(&context)?;
    let found = forecast::ahead(&context, &amortized, file, asked)?;
    let seconds = found.seconds;
    let written = folder.join("forecasts.csv");
    file::write(&written, &found.csv)?;
    write_alarms(folder, found.alarms.as_ref())?;
    let mut text = format!(
        "{} series forecast in {seconds:.2} s: {}",
        found.series,
        written.display()
    );
    let paths = folder.join("paths.csv");
    if let Some(csv) = &found.paths {
        file::write(&paths, csv)?;
        text += &format!("; whole paths: {}", paths.display());
    }
    text += "\n";
    text += &left_out(&found.left_out);
    text += &found.alarms.as_ref().map_or(String::new(), alarms);
    let names: Vec<&String> = found.left_out.iter().map(|one| &one.series).collect();
    let value = json!({
        "series": found.series, "left_out": names, "why_left_out": reasons(&found.left_out),
        "seconds": seconds, "forecasts": written, "paths": found.paths.as_ref().map(|_| paths),
        "alarms": found.alarms.as_ref().map(alarms_in_json),
    });
    session.output.result(text.trim_end(), &value)
}

/// Windows that are named, at most.
const NAMED: usize = 5;

/// Whether the mechanisms can have made the windows, in words.
fn alarms(found: &Alarms) -> String {
    let (raised, looked_at) = (found.raised(), found.looked_at());
    let by_chance = ALARM_RATE * looked_at as f64;
    let mut text = match raised.len() {
        0 => format!("Alarms: none; the mechanisms can have made all {looked_at} windows"),
        count => format!(
            "Alarms: the mechanisms hardly ever make the like of {count} of {looked_at} windows (by chance of \
             some {}); do not trust what is forecast from them: ",
            significant(by_chance)
        ),
    };
    let named = raised.iter().take(NAMED);
    let named: Vec<String> = named
        .map(|(series, origin)| format!("`{series}` at {origin}"))
        .collect();
    text += &named.join(", ");
    if raised.len() > NAMED {
        text += &format!(" and {} more", raised.len() - NAMED);
    }
    if found.left_out() > 0 {
        text += &format!(
            "\n  {} more were not looked at: hardly any other lacks the same entries",
            found.left_out()
        );
    }
    text + "\n"
}

fn alarms_in_json(found: &Alarms) -> Value {
    let raised = found.raised().into_iter();
    let raised: Vec<Value> = raised
        .map(|(series, origin)| json!({ "series": series, "origin": origin }))
        .collect();
    json!({ "looked_at": found.looked_at(), "not_looked_at": found.left_out(), "raised": raised })
}

fn write_alarms(folder: &Path, alarms: Option<&Alarms>) -> Result<(), Failure> {
    match alarms {
        Some(alarms) => Ok(file::write(&folder.join("alarms.csv"), &alarms.csv()?)?),
        None => Ok(()),
    }
}

/// How many series were left out, and why; empty where none was.
fn left_out(all: &[LeftOut]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let lines = in_groups(all).into_iter().map(|line| format!("  {line}\n"));
    format!(
        "{} series left out:\n{}",
        all.len(),
        lines.collect::<String>()
    )
}

fn reasons(all: &[LeftOut]) -> Vec<Value> {
    let own = all.iter();
    own.map(|one| json!({ "series": one.series, "why": one.why.to_string() }))
        .collect()
}
