//! TOML tables with the place of every key and value: [`Document`] -> [`Section`] -> [`Entry`].

use toml_edit::{Item, TableLike, Value};

use super::key::Key;
use super::{ReadError, Source, Span, Text, spelling};

/// A parsed TOML file.
pub struct Document {
    source: Source,
    tree: toml_edit::Document<String>,
}

impl Document {
    /// Parses TOML.
    ///
    /// # Errors
    /// Where the text is not TOML.
    pub fn parse(source: &Source) -> Result<Self, ReadError> {
        let tree = toml_edit::Document::parse(source.text.to_string()).map_err(|error| {
            let at = error.span().map_or(Span::default(), Span::from);
            source
                .error(at, format!("not TOML: {}", error.message()), "here")
                .with_help("text values stand in quotes: name = \"value\"")
        })?;
        Ok(Self {
            source: source.clone(),
            tree,
        })
    }

    /// The file's top table.
    #[must_use]
    pub fn top(&self) -> Section<'_> {
        Section {
            source: &self.source,
            name: "the file".to_owned(),
            table: self.tree.as_table(),
            at: Span::default(),
        }
    }
}

/// A table of the file.
#[derive(Clone)]
pub struct Section<'a> {
    /// The file.
    pub source: &'a Source,
    /// What errors call it, such as `[solver]`.
    pub name: String,
    /// Where it is named.
    pub at: Span,
    table: &'a dyn TableLike,
}

/// A key and its value.
#[derive(Clone)]
pub struct Entry<'a> {
    /// The file.
    pub source: &'a Source,
    /// The key, or the list's key for an element of a list.
    pub key: &'a str,
    /// Where the key stands.
    pub key_at: Span,
    /// Where the value stands.
    pub at: Span,
    value: Held<'a>,
}

#[derive(Clone, Copy)]
enum Held<'a> {
    Value(&'a Value),
    Table(&'a dyn TableLike),
    Tables(&'a toml_edit::ArrayOfTables),
}

impl<'a> Section<'a> {
    /// All entries, in the file's order.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry<'a>> {
        let table = self.table;
        table
            .iter()
            .filter_map(|(key, _)| self.get(key).map(|entry| Entry { key, ..entry }))
            .collect()
    }

    /// The entry of `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Entry<'a>> {
        let (key, item) = self.table.get_key_value(key)?;
        let key_at = key.span().map_or(self.at, Span::from);
        let value = match item {
            Item::None => return None,
            Item::Value(value) => Held::Value(value),
            Item::Table(table) => Held::Table(table),
            Item::ArrayOfTables(tables) => Held::Tables(tables),
        };
        let at = match value {
            Held::Value(value) => value.span().map_or(key_at, Span::from),
            _ => key_at,
        };
        Some(Entry {
            source: self.source,
            key: key.get(),
            key_at,
            at,
            value,
        })
    }

    /// The entry of `key`, which must be there.
    pub(crate) fn need(&self, key: &str, example: &str) -> Result<Entry<'a>, ReadError> {
        self.get(key).ok_or_else(|| {
            self.error(
                format!("{} has no `{key}`", self.name),
                format!("`{key}` is missing"),
            )
            .with_help(format!("add {example}"))
        })
    }

    /// Refuses keys that are not declared.
    pub(crate) fn only(&self, keys: &[Key]) -> Result<(), ReadError> {
        for entry in self.entries() {
            if !keys.iter().any(|key| key.name == entry.key) {
                return Err(self
                    .source
                    .error(
                        entry.key_at,
                        format!("unknown key `{}` in {}", entry.key, self.name),
                        "not known here",
                    )
                    .with_help_if(spelling::advice(entry.key, keys.iter().map(|key| key.name))));
            }
        }
        Ok(())
    }

    /// An error about the table as a whole.
    #[must_use]
    pub fn error(&self, message: impl Into<String>, label: impl Into<String>) -> ReadError {
        self.source.error(self.at, message, label)
    }
}

impl<'a> Entry<'a> {
    /// An error about the value.
    #[must_use]
    pub fn error(&self, message: impl Into<String>, label: impl Into<String>) -> ReadError {
        self.source.error(self.at, message, label)
    }

    fn wrong_kind(&self, wanted: &str) -> ReadError {
        let found = match self.value {
            Held::Value(Value::String(_)) => "text",
            Held::Value(Value::Integer(_) | Value::Float(_)) => "a number",
            Held::Value(Value::Boolean(_)) => "true or false",
            Held::Value(Value::Datetime(_)) => "a date",
            Held::Value(Value::Array(_)) => "a list",
            Held::Value(Value::InlineTable(_)) | Held::Table(_) => "a table",
            Held::Tables(_) => "a list of tables",
        };
        self.error(
            format!("`{}` must be {wanted}, not {found}", self.key),
            format!("this is {found}"),
        )
        .with_help(format!("write {} = {wanted}", self.key))
    }

    /// The value's text with places, if it is text.
    #[must_use]
    pub fn as_text(&self) -> Option<Text> {
        let Held::Value(Value::String(string)) = self.value else {
            return None;
        };
        let value = string.value().clone();
        let raw = self
            .source
            .text
            .get(self.at.start..self.at.end)
            .unwrap_or("");
        for quotes in ["\"\"\"", "'''", "\"", "'"] {
            let inside = raw
                .strip_prefix(quotes)
                .and_then(|raw| raw.strip_suffix(quotes));
            let Some(inside) = inside else { continue };
            // A line break right after opening triple quotes is not part of the string.
            let trimmed = inside.len() - inside.trim_start_matches(['\r', '\n']).len();
            let skipped = if quotes.len() == 3 && inside.len() != value.len() {
                trimmed.min(inside.len() - value.len().min(inside.len()))
            } else {
                0
            };
            let at = Span {
                start: self.at.start + quotes.len() + skipped,
                end: self.at.end - quotes.len(),
            };
            let direct = inside[skipped..] == value;
            return Some(Text { value, at, direct });
        }
        Some(Text {
            value,
            at: self.at,
            direct: false,
        })
    }

    /// The value's text.
    ///
    /// # Errors
    /// When it is not text.
    pub fn text(&self) -> Result<Text, ReadError> {
        self.as_text().ok_or_else(|| self.wrong_kind("text"))
    }

    /// The number, if it is one.
    #[must_use]
    pub fn as_number(&self) -> Option<f64> {
        match self.value {
            Held::Value(Value::Integer(number)) => Some(*number.value() as f64),
            Held::Value(Value::Float(number)) => Some(*number.value()),
            _ => None,
        }
    }

    /// A finite number.
    ///
    /// # Errors
    /// When it is not one.
    pub fn number(&self) -> Result<f64, ReadError> {
        let number = self
            .as_number()
            .ok_or_else(|| self.wrong_kind("a number"))?;
        if number.is_finite() {
            Ok(number)
        } else {
            Err(self
                .error(
                    format!("`{}` must be a finite number", self.key),
                    "not finite",
                )
                .with_help("write a number such as 0.5 or 1e6"))
        }
    }

    /// A number above 0.
    pub(crate) fn positive(&self) -> Result<f64, ReadError> {
        let number = self.number()?;
        if number > 0.0 {
            Ok(number)
        } else {
            Err(self
                .error(
                    format!("`{}` must be above 0, but is {number}", self.key),
                    "must be above 0",
                )
                .with_help("write a number above 0"))
        }
    }

    /// A number from 0 to 1.
    pub(crate) fn share(&self) -> Result<f64, ReadError> {
        let number = self.number()?;
        if (0.0..=1.0).contains(&number) {
            Ok(number)
        } else {
            Err(self
                .error(
                    format!("`{}` is a share from 0 to 1, but is {number}", self.key),
                    "not between 0 and 1",
                )
                .with_help("write a number from 0 to 1, such as 0.2"))
        }
    }

    /// A whole number of at least `least`.
    pub(crate) fn count(&self, least: u64) -> Result<u64, ReadError> {
        let number = self.number()?;
        if number.fract() == 0.0 && number >= least as f64 && number < 9e15 {
            Ok(number as u64)
        } else {
            Err(self
                .error(
                    format!(
                        "`{}` must be a whole number of at least {least}, but is {number}",
                        self.key
                    ),
                    format!("not a whole number of at least {least}"),
                )
                .with_help(format!("write a whole number, {least} or more")))
        }
    }

    /// true or false.
    pub(crate) fn truth(&self) -> Result<bool, ReadError> {
        match self.value {
            Held::Value(Value::Boolean(truth)) => Ok(*truth.value()),
            _ => Err(self.wrong_kind("true or false")),
        }
    }

    /// The date as written, if it is a TOML date.
    #[must_use]
    pub fn as_date(&self) -> Option<String> {
        match self.value {
            Held::Value(Value::Datetime(date)) => Some(date.value().to_string()),
            _ => None,
        }
    }

    /// The elements, if it is a list of values.
    #[must_use]
    pub fn as_list(&self) -> Option<Vec<Entry<'a>>> {
        let Held::Value(Value::Array(array)) = self.value else {
            return None;
        };
        let element = |value: &'a Value| Entry {
            at: value.span().map_or(self.at, Span::from),
            value: Held::Value(value),
            ..self.clone()
        };
        Some(array.iter().map(element).collect())
    }

    /// The elements of a list of values.
    pub(crate) fn list(&self) -> Result<Vec<Entry<'a>>, ReadError> {
        self.as_list().ok_or_else(|| self.wrong_kind("a list"))
    }

    /// The strings of a list of strings.
    pub(crate) fn names(&self) -> Result<Vec<Text>, ReadError> {
        self.list()?.iter().map(Entry::text).collect()
    }

    /// The table, if it is one, called `name` in errors.
    #[must_use]
    pub fn as_section(&self, name: impl Into<String>) -> Option<Section<'a>> {
        let table: &dyn TableLike = match self.value {
            Held::Value(Value::InlineTable(table)) => table,
            Held::Table(table) => table,
            _ => return None,
        };
        Some(Section {
            source: self.source,
            name: name.into(),
            table,
            at: self.key_at,
        })
    }

    /// The table.
    pub(crate) fn section(&self, name: impl Into<String>) -> Result<Section<'a>, ReadError> {
        self.as_section(name)
            .ok_or_else(|| self.wrong_kind("a table"))
    }

    /// The tables of a list of tables, written with `[[...]]` or as a list of inline tables.
    pub(crate) fn sections(&self, name: &str) -> Result<Vec<Section<'a>>, ReadError> {
        match self.value {
            Held::Tables(tables) => Ok(tables
                .iter()
                .map(|table| Section {
                    source: self.source,
                    name: name.to_owned(),
                    table,
                    at: table.span().map_or(self.key_at, Span::from),
                })
                .collect()),
            Held::Value(Value::Array(_)) => self
                .list()?
                .iter()
                .map(|entry| {
                    let mut section = entry.section(name)?;
                    section.at = entry.at;
                    Ok(section)
                })
                .collect(),
            _ => Err(self.wrong_kind("a list of tables")),
        }
    }
}
