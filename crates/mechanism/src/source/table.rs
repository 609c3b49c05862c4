//! A CSV file with the place of every cell.
//!
//! Comma, semicolon or tab between cells (whichever the first line has most of), the first line
//! names the columns, `"` quotes, lines starting with `#` and blank lines are skipped. A cell that
//! is empty or reads NA, NaN, null or `-` is missing.

use super::{ReadError, Source, Span, spelling};

/// A CSV file's cells.
pub struct Table {
    /// The file.
    pub source: Source,
    /// The columns' names, with their places.
    pub header: Vec<Cell>,
    /// Rows of as many cells as the header has.
    pub rows: Vec<Vec<Cell>>,
}

/// A cell's text, trimmed and unquoted, and its place.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Cell {
    pub text: String,
    pub at: Span,
}

impl Table {
    /// Splits the text into cells.
    ///
    /// # Errors
    /// No header, a name used twice, or a row with another number of cells than the header.
    pub fn parse(source: Source) -> Result<Self, ReadError> {
        let text = &source.text;
        let mut separator = None;
        let mut rows = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let end = text[at..].find('\n').map_or(text.len(), |n| at + n);
            let line = text[at..end].trim_end_matches('\r');
            if !line.trim().is_empty() && !line.starts_with('#') {
                let between = *separator.get_or_insert_with(|| separator_of(line));
                rows.push(split(&source, at, line, between)?);
            }
            at = end + 1;
        }
        let mut rows = rows.into_iter();
        let Some(header) = rows.next() else {
            return Err(ReadError::new(format!("{} is empty", source.name))
                .with_help("the first line names the columns"));
        };
        let rows: Vec<Vec<Cell>> = rows.collect();
        for (position, cell) in header.iter().enumerate() {
            if header[..position].iter().any(|c| c.text == cell.text) {
                return Err(source
                    .error(
                        cell.at,
                        format!("two columns are named `{}`", cell.text),
                        "named again here",
                    )
                    .with_help("rename one of them"));
            }
        }
        if let Some(row) = rows.iter().find(|row| row.len() != header.len()) {
            let at = row[0].at.to(row[row.len() - 1].at);
            return Err(source.error(
                at,
                format!("the header names {} columns", header.len()),
                format!("this row has {}", row.len()),
            ).with_help("give every row as many cells as the header; leave a cell empty, or write NA, where there is no value"));
        }
        Ok(Self {
            source,
            header,
            rows,
        })
    }

    /// The position of a column.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|cell| cell.text == name)
    }

    /// The column of times: the first one named time, t, date or a unit of time (any case), unless
    /// `taken` says that the name means something else.
    #[must_use]
    pub fn time_column(&self, taken: impl Fn(&str) -> bool) -> Option<usize> {
        const NAMES: [&str; 11] = [
            "time", "t", "date", "datetime", "second", "minute", "hour", "day", "week", "month",
            "year",
        ];
        self.header.iter().position(|cell| {
            NAMES.contains(&cell.text.to_lowercase().as_str()) && !taken(&cell.text)
        })
    }

    /// An error saying that a column is not there.
    pub(crate) fn no_column(&self, name: &str) -> ReadError {
        let all = match (self.header.first(), self.header.last()) {
            (Some(first), Some(last)) => first.at.to(last.at),
            _ => Span::default(),
        };
        let names = self.header.iter().map(|cell| cell.text.as_str());
        self.source
            .error(
                all,
                format!("no column is named `{name}`"),
                "the columns are named here",
            )
            .with_help_if(
                spelling::nearest(name, names)
                    .map(|near| format!("did you mean `{near}`? Rename that column to `{name}`")),
            )
    }

    /// The number in a cell; NaN where it is missing.
    pub(crate) fn number(&self, cell: &Cell) -> Result<f64, ReadError> {
        let text = cell.text.as_str();
        if matches!(text, "" | "NA" | "na" | "NaN" | "nan" | "null" | "-") {
            return Ok(f64::NAN);
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            _ => Err(self
                .source
                .error(cell.at, format!("`{text}` is not a number"), "here")
                .with_help("leave the cell empty where the value is missing")),
        }
    }
}

fn separator_of(line: &str) -> char {
    let count = |separator: char| line.matches(separator).count();
    [',', ';', '\t']
        .into_iter()
        .rev()
        .max_by_key(|&separator| count(separator))
        .unwrap_or(',')
}

/// The cells of one line that starts at byte `start` of the file.
fn split(
    source: &Source,
    start: usize,
    line: &str,
    separator: char,
) -> Result<Vec<Cell>, ReadError> {
    let mut cells = Vec::new();
    let mut rest = line;
    let mut offset = start;
    loop {
        let blank = rest.len() - rest.trim_start_matches([' ']).len();
        let (text, length) = if let Some(quoted) = rest[blank..].strip_prefix('"') {
            let Some((text, used)) = unquote(quoted) else {
                let at = Span::from(offset + blank..start + line.len());
                return Err(source
                    .error(at, "a quote is not closed", "opened here")
                    .with_help("close it with another quote, or leave both out"));
            };
            let after = &rest[blank + 1 + used..];
            let padding = after.len() - after.trim_start_matches([' ']).len();
            (text, blank + 1 + used + padding)
        } else {
            let length = rest.find(separator).unwrap_or(rest.len());
            (rest[..length].trim().to_owned(), length)
        };
        let trimmed = rest[..length].trim();
        let lead = rest[..length].len() - rest[..length].trim_start().len();
        let at = Span::from(offset + lead..offset + lead + trimmed.len());
        cells.push(Cell { text, at });
        match rest[length..].chars().next() {
            None => return Ok(cells),
            Some(next) if next == separator => {
                rest = &rest[length + next.len_utf8()..];
                offset += length + next.len_utf8();
            }
            Some(_) => {
                let at = Span::from(offset + length..start + line.len());
                return Err(source
                    .error(at, "text after a closing quote", "here")
                    .with_help("put the whole cell in quotes, and a quote inside it twice"));
            }
        }
    }
}

/// The text up to the closing quote (`""` inside stands for a quote), and the bytes used.
fn unquote(quoted: &str) -> Option<(String, usize)> {
    let mut text = String::new();
    let mut characters = quoted.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        if character != '"' {
            text.push(character);
        } else if characters.peek().is_some_and(|&(_, next)| next == '"') {
            text.push('"');
            characters.next();
        } else {
            return Some((text, at + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<Vec<String>> {
        let table = Table::parse(Source::new("x.csv", text)).unwrap();
        std::iter::once(&table.header)
            .chain(&table.rows)
            .map(|row| row.iter().map(|cell| cell.text.clone()).collect())
            .collect()
    }

    #[test]
    fn cells_are_split_unquoted_and_placed() {
        assert_eq!(
            texts("# made up\nday, \"in, bed\" ,c\r\n1,\"a \"\"b\"\"\",\n\n2,3,4"),
            [
                ["day", "in, bed", "c"],
                ["1", "a \"b\"", ""],
                ["2", "3", "4"]
            ]
        );
        assert_eq!(texts("a;b\n1;2,5"), [["a", "b"], ["1", "2,5"]]);
        let table = Table::parse(Source::new("x.csv", "day,é\n 1 , x")).unwrap();
        let cell = &table.rows[0][1];
        assert_eq!(&table.source.text[cell.at.start..cell.at.end], "x");
        assert!(table.number(cell).is_err());
    }

    #[test]
    fn broken_tables_are_refused() {
        for text in ["", "a,a\n1,2", "a,b\n1", "a\n\"1", "a\n\"1\"2"] {
            assert!(Table::parse(Source::new("x.csv", text)).is_err(), "{text}");
        }
    }
}
