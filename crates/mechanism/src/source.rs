//! Text that a user wrote, places in it, and what is wrong there:
//! [`Source`] -> [`section::Section`] (TOML) or [`table::Table`] (CSV) -> values with a [`Span`].

pub mod key;
pub mod section;
pub mod spelling;
pub mod table;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode, SourceSpan};

/// A place in a text: bytes `start..end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

impl Span {
    /// The smallest place that holds both.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }
}

impl From<std::ops::Range<usize>> for Span {
    fn from(range: std::ops::Range<usize>) -> Self {
        Self {
            start: range.start,
            end: range.end,
        }
    }
}

/// A named text: a file, or text given in its place.
#[derive(Clone, Debug)]
pub struct Source {
    /// What errors call it: a file's path.
    pub name: String,
    /// All of it.
    pub text: Arc<str>,
}

impl Source {
    /// Text that is already in memory.
    #[must_use]
    pub fn new(name: impl Into<String>, text: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
        }
    }

    /// A file's text, without a byte-order mark.
    ///
    /// # Errors
    /// When the file cannot be read or is not UTF-8.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let name = path.display().to_string();
        match std::fs::read(path).map(String::from_utf8) {
            Ok(Ok(text)) => Ok(Self::new(
                name,
                text.strip_prefix('\u{feff}').unwrap_or(&text),
            )),
            Ok(Err(_)) => {
                Err(ReadError::new(format!("{name} is not UTF-8 text"))
                    .with_help("save it as UTF-8"))
            }
            Err(error) => Err(ReadError::new(format!("{name} cannot be read: {error}"))
                .with_help("files are looked for from the folder of the file that names them")),
        }
    }

    /// An error whose text is underlined at `at`.
    #[must_use]
    pub fn error(
        &self,
        at: Span,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> ReadError {
        let mut error = ReadError::new(message);
        // A place outside the text or inside a character would break the drawing of the message.
        let end = self.floor(at.end);
        let start = self.floor(at.start).min(end);
        error.0.place = Some((
            NamedSource::new(&self.name, Arc::clone(&self.text)),
            LabeledSpan::new(Some(label.into()), start, end - start),
        ));
        error
    }

    /// The nearest character boundary at or before `byte`.
    fn floor(&self, byte: usize) -> usize {
        let mut byte = byte.min(self.text.len());
        while !self.text.is_char_boundary(byte) {
            byte -= 1;
        }
        byte
    }
}

/// What is wrong with a file: what, where (underlined), and what to do.
#[derive(Clone)]
pub struct ReadError(Box<Problem>);

#[derive(Clone)]
struct Problem {
    message: String,
    help: Option<String>,
    place: Option<(NamedSource<Arc<str>>, LabeledSpan)>,
}

impl ReadError {
    /// An error that has no place in a text.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self(Box::new(Problem {
            message: message.into(),
            help: None,
            place: None,
        }))
    }

    /// Says what to do about it.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// Says what to do about it, where that is known.
    #[must_use]
    pub fn with_help_if(mut self, help: Option<String>) -> Self {
        if help.is_some() {
            self.0.help = help;
        }
        self
    }

    /// What is wrong, in a sentence.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do about it.
    #[must_use]
    pub fn help_text(&self) -> Option<&str> {
        self.0.help.as_deref()
    }

    /// Where: file, line and column (both from 1), and the underlined text.
    #[must_use]
    pub fn place(&self) -> Option<(&str, usize, usize, &str)> {
        let (source, label) = self.0.place.as_ref()?;
        let text: &str = source.inner();
        let before = &text[..label.offset()];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Some((
            source.name(),
            before.matches('\n').count() + 1,
            before[line_start..].chars().count() + 1,
            &text[label.offset()..label.offset() + label.len()],
        ))
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.message)
    }
}

impl fmt::Debug for ReadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ReadError")
            .field("message", &self.0.message)
            .field("place", &self.place())
            .field("help", &self.0.help)
            .finish()
    }
}

impl std::error::Error for ReadError {}

impl Diagnostic for ReadError {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.0
            .help
            .as_ref()
            .map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.0
            .place
            .as_ref()
            .map(|(source, _)| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.0.place.as_ref().map(|(_, label)| {
            Box::new(std::iter::once(label.clone())) as Box<dyn Iterator<Item = LabeledSpan>>
        })
    }
}

impl From<Span> for SourceSpan {
    fn from(span: Span) -> Self {
        (span.start, span.end.saturating_sub(span.start)).into()
    }
}

/// A string inside a [`Source`], with the place of each of its characters where that is plain.
#[derive(Clone, Debug)]
pub struct Text {
    /// The string, escapes resolved.
    pub value: String,
    /// The place of its content, without quotes.
    pub at: Span,
    /// Whether the content stands in the file as it is, so that places inside it can be shown.
    pub direct: bool,
}

impl Text {
    /// The place in the file of a place in the string; the whole string where escapes moved it.
    #[must_use]
    pub fn locate(&self, inside: Span) -> Span {
        if self.direct {
            Span {
                start: self.at.start + inside.start,
                end: self.at.start + inside.end,
            }
        } else {
            self.at
        }
    }
}
