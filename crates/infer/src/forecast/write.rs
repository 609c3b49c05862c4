//! Forecasts and their scores as CSV text, one row a model and a number.

use super::tally::{Forecaster, Target};
use super::{Forecast, INTERVALS, LEVELS, MEDIAN, nominal};

/// What a target's row says of where it belongs.
#[derive(Clone, Debug, PartialEq)]
pub struct Place<'a> {
    /// The series' name.
    pub series: &'a str,
    /// The variable's name.
    pub variable: &'a str,
    /// The origin's time, as the user wrote it.
    pub origin: String,
    /// Steps after it.
    pub horizon: usize,
    /// The time that is forecast.
    pub time: String,
}

const PLACE: [&str; 5] = ["series", "variable", "origin", "horizon", "time"];

/// The scores of every model: absolute error, weighted interval score, and 1 or 0 for every central
/// interval that holds what came or does not.
///
/// # Errors
/// Where CSV refuses.
pub fn scores<'a>(
    models: &[Forecaster],
    targets: &[Target],
    place: impl Fn(&Target) -> Place<'a>,
) -> Result<Vec<u8>, csv::Error> {
    let intervals = (0..INTERVALS).map(|k| format!("in_{}", percent(nominal(k))));
    let head = ["observed", "median", "absolute_error", "wis"].map(String::from);
    let head: Vec<String> = head.into_iter().chain(intervals).collect();
    table(models, targets, place, &head, |target, model, row| {
        let (forecast, score) = (&model.forecasts[row], &model.scores[row]);
        let numbers = [
            target.observed,
            forecast[MEDIAN],
            score.absolute_error,
            score.weighted_interval_score,
        ];
        let inside = score
            .covered
            .iter()
            .map(|&inside| f64::from(u8::from(inside)));
        numbers.into_iter().chain(inside).collect()
    })
}

/// The quantiles of every model's forecasts, and what came.
///
/// # Errors
/// Where CSV refuses.
pub fn quantiles<'a>(
    models: &[Forecaster],
    targets: &[Target],
    place: impl Fn(&Target) -> Place<'a>,
) -> Result<Vec<u8>, csv::Error> {
    let head: Vec<String> = std::iter::once("observed".to_owned())
        .chain(LEVELS.map(|level| format!("q{level}")))
        .collect();
    table(models, targets, place, &head, |target, model, row| {
        let own = model.forecasts[row];
        std::iter::once(target.observed).chain(own).collect()
    })
}

/// The series, the origin and the p-value of each window; NaN is left empty.
///
/// # Errors
/// Where CSV refuses.
pub fn alarms(windows: &[(String, String)], p_values: &[f64]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["series", "origin", "alarm_p"])?;
    for ((series, origin), p) in windows.iter().zip(p_values) {
        writer.write_record([series, origin, &number(*p)])?;
    }
    finish(writer)
}

/// Forecasts of what has not come yet.
///
/// # Errors
/// Where CSV refuses.
pub fn forecasts(rows: &[(Place<'_>, Forecast)]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let levels = LEVELS.map(|level| format!("q{level}"));
    writer.write_record(PLACE.map(String::from).iter().chain(&levels))?;
    for (place, quantiles) in rows {
        begin(&mut writer, place)?;
        writer.write_record(quantiles.map(number))?;
    }
    finish(writer)
}

/// Whole paths: of each its series, its origin, its number and its entries, which are named by `names`.
///
/// # Errors
/// Where CSV refuses.
pub fn paths<'a>(
    names: &[String],
    rows: impl Iterator<Item = (&'a str, String, usize, &'a [f64])>,
) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let place = ["series", "origin", "draw"];
    writer.write_record(
        place
            .iter()
            .copied()
            .chain(names.iter().map(String::as_str)),
    )?;
    for (series, origin, draw, entries) in rows {
        writer.write_field(series)?;
        writer.write_field(origin)?;
        writer.write_field((draw + 1).to_string())?;
        writer.write_record(entries.iter().map(|&x| number(x)))?;
    }
    finish(writer)
}

fn table<'a>(
    models: &[Forecaster],
    targets: &[Target],
    place: impl Fn(&Target) -> Place<'a>,
    head: &[String],
    row: impl Fn(&Target, &Forecaster, usize) -> Vec<f64>,
) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_field("model")?;
    writer.write_record(PLACE.iter().copied().chain(head.iter().map(String::as_str)))?;
    for model in models {
        for (number_of_row, target) in targets.iter().enumerate() {
            writer.write_field(&model.name)?;
            begin(&mut writer, &place(target))?;
            let numbers = row(target, model, number_of_row);
            writer.write_record(numbers.into_iter().map(number))?;
        }
    }
    finish(writer)
}

fn begin(writer: &mut csv::Writer<Vec<u8>>, place: &Place<'_>) -> Result<(), csv::Error> {
    writer.write_field(place.series)?;
    writer.write_field(place.variable)?;
    writer.write_field(&place.origin)?;
    writer.write_field(place.horizon.to_string())?;
    writer.write_field(&place.time)
}

fn finish(writer: csv::Writer<Vec<u8>>) -> Result<Vec<u8>, csv::Error> {
    writer
        .into_inner()
        .map_err(|error| error.into_error().into())
}

fn number(x: f64) -> String {
    if x.is_nan() {
        String::new()
    } else {
        x.to_string()
    }
}

fn percent(share: f64) -> String {
    format!("{:.0}", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_say_where_they_belong() {
        let targets = [Target {
            series: 0,
            variable: 0,
            origin: 4,
            horizon: 2,
            observed: 3.5,
        }];
        let model = Forecaster::new("naïve, simple", vec![[3.0; LEVELS.len()]], &targets);
        let place = |target: &Target| Place {
            series: "a \"b\"",
            variable: "cases",
            origin: "2020-01-05".into(),
            horizon: target.horizon,
            time: "2020-01-19".into(),
        };
        let models = [model];
        let text = String::from_utf8(scores(&models, &targets, place).unwrap()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[0].starts_with("model,series,variable,origin,horizon,time,observed,median,absolute_error,wis,in_98,in_95"),
            "{}",
            lines[0]
        );
        assert!(
            lines[1].starts_with(
                "\"naïve, simple\",\"a \"\"b\"\"\",cases,2020-01-05,2,2020-01-19,3.5,3,0.5,0.5,0,0"
            ),
            "{}",
            lines[1]
        );
        let text = String::from_utf8(quantiles(&models, &targets, place).unwrap()).unwrap();
        assert!(
            text.starts_with("model,series,variable,origin,horizon,time,observed,q0.01,q0.025")
        );
        let rows = [(place(&targets[0]), [1.0; LEVELS.len()])];
        let text = String::from_utf8(forecasts(&rows).unwrap()).unwrap();
        assert_eq!(text.lines().count(), 2);
    }
}
