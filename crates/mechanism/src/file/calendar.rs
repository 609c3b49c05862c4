//! Calendar dates <-> the time `t`.

use jiff::SignedDuration;
use jiff::civil::DateTime;

use crate::expression::lexer::parse_date;
use crate::source::section::Section;
use crate::source::{ReadError, Source, Span};

/// The date at which `t` is 0, and the unit of `t`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calendar {
    /// `None` where the mechanism does not use dates.
    pub origin: Option<DateTime>,
    /// The name of the unit of `t`; "" where the file does not say.
    pub unit: &'static str,
    seconds: f64,
}

impl Default for Calendar {
    fn default() -> Self {
        Self {
            origin: None,
            unit: "",
            seconds: 86_400.0,
        }
    }
}

/// Units of time, and their seconds; a year is the Julian year.
const UNITS: [(&str, f64); 6] = [
    ("second", 1.0),
    ("minute", 60.0),
    ("hour", 3_600.0),
    ("day", 86_400.0),
    ("week", 604_800.0),
    ("year", 31_557_600.0),
];

impl Calendar {
    /// Reads `[time]`.
    pub(crate) fn read(section: &Section<'_>) -> Result<Self, ReadError> {
        let mut calendar = Self::default();
        if let Some(entry) = section.get("unit") {
            let unit = entry.text()?;
            let known = UNITS.iter().find(|(name, _)| *name == unit.value);
            (calendar.unit, calendar.seconds) = *known.ok_or_else(|| {
                let names = UNITS.map(|(name, _)| name).join(", ");
                section
                    .source
                    .error(
                        unit.at,
                        format!("unknown unit of time `{}`", unit.value),
                        "not known",
                    )
                    .with_help(format!("known units: {names}"))
            })?;
        }
        if let Some(entry) = section.get("origin") {
            let written = match entry.as_date() {
                Some(date) => date,
                None => entry.text()?.value,
            };
            let origin = parse_date(&written).ok_or_else(|| {
                entry
                    .error(format!("`{written}` is not a date"), "not a date")
                    .with_help("write 1978-01-22 or 1978-01-22T06:00")
            })?;
            calendar.origin = Some(origin);
            if calendar.unit.is_empty() {
                calendar.unit = "day";
            }
        }
        Ok(calendar)
    }

    /// The time `t` of a date, in the calendar's unit; `None` without an origin.
    #[must_use]
    pub fn time(&self, date: DateTime) -> Option<f64> {
        let passed = date.duration_since(self.origin?);
        Some(passed.as_secs_f64() / self.seconds)
    }

    /// A duration in days.
    #[must_use]
    pub fn days(&self, duration: f64) -> f64 {
        duration * self.seconds / 86_400.0
    }

    /// A duration of so many days, in the calendar's unit.
    #[must_use]
    pub fn of_days(&self, days: f64) -> f64 {
        days * 86_400.0 / self.seconds
    }

    /// The date of a time `t`; `None` without an origin, or outside the calendar.
    #[must_use]
    pub fn date(&self, time: f64) -> Option<DateTime> {
        let passed = SignedDuration::try_from_secs_f64(time * self.seconds).ok()?;
        self.origin?.checked_add(passed).ok()
    }

    /// The time of a date that stands in a file.
    pub(crate) fn time_at(
        &self,
        date: DateTime,
        source: &Source,
        at: Span,
    ) -> Result<f64, ReadError> {
        self.time(date).ok_or_else(|| {
            source
                .error(at, "a date, but the mechanism has no calendar", "this date")
                .with_help(format!("add [time] with origin = \"{}\"", date.date()))
        })
    }

    /// The time in a cell of a table: a number or a date.
    pub(crate) fn time_in_cell(
        &self,
        text: &str,
        source: &Source,
        at: Span,
    ) -> Result<f64, ReadError> {
        match text.parse::<f64>() {
            Ok(time) if time.is_finite() => Ok(time),
            _ => match parse_date(text) {
                Some(date) => self.time_at(date, source, at),
                None => Err(source
                    .error(
                        at,
                        format!("`{text}` is neither a number nor a date"),
                        "not a time",
                    )
                    .with_help("write a number, or a date such as 1978-01-25")),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times_are_inverse() {
        let calendar = Calendar {
            origin: parse_date("1978-01-22"),
            unit: "week",
            seconds: 604_800.0,
        };
        let later = parse_date("1978-02-05T12:00").unwrap();
        assert_eq!(calendar.time(later), Some(14.5 / 7.0));
        assert_eq!(calendar.date(14.5 / 7.0), Some(later));
        assert_eq!(calendar.date(f64::NAN), None);
        assert_eq!(Calendar::default().time(later), None);
    }
}
