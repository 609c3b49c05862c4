//! Characters -> tokens.

use jiff::civil::{Date, DateTime};

use super::syntax::Infix;
use crate::source::{ReadError, Source, Span, Text};

/// The smallest part of an expression that means something.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Number(f64),
    Date(DateTime),
    Name(String),
    /// An operation between two operands; `-` may also stand before one.
    Infix(Infix),
    Not,
    Open,
    Close,
    OpenIndex,
    CloseIndex,
    Comma,
    Colon,
    /// A single `=`, between an argument's name and its value.
    Is,
    End,
}

impl Token {
    /// As an error message shows it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Number(number) => format!("the number {number:?}"),
            Self::Date(date) => format!("the date {date}"),
            Self::Name(name) => format!("`{name}`"),
            Self::Infix(infix) => format!("`{}`", infix.symbol()),
            Self::Not => "`not`".into(),
            Self::Open => "`(`".into(),
            Self::Close => "`)`".into(),
            Self::OpenIndex => "`[`".into(),
            Self::CloseIndex => "`]`".into(),
            Self::Comma => "`,`".into(),
            Self::Colon => "`:`".into(),
            Self::Is => "`=`".into(),
            Self::End => "the end".into(),
        }
    }
}

/// Splits an expression's text into tokens with their places in the string; the last is `End`.
pub(super) fn tokens(source: &Source, text: &Text) -> Result<Vec<(Token, Span)>, ReadError> {
    let written = text.value.as_str();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(first) = written[at..].chars().next() {
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let rest = &written[at..];
        let (token, length) = if first.is_ascii_digit()
            || (first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit()))
        {
            match date(rest) {
                Some((date, length)) => (Token::Date(date), length),
                None => number(source, text, at)?,
            }
        } else if is_name_start(first) {
            let length = rest
                .find(|c: char| !(is_name_start(c) || c.is_numeric()))
                .unwrap_or(rest.len());
            (word(&rest[..length]), length)
        } else {
            symbol(rest).ok_or_else(|| {
                unexpected(source, text, first, (at..at + first.len_utf8()).into())
            })?
        };
        found.push((token, (at..at + length).into()));
        at += length;
    }
    found.push((Token::End, (at..at).into()));
    Ok(found)
}

/// Whether a name may start with this character.
pub(crate) fn is_name_start(character: char) -> bool {
    character.is_alphabetic() || character == '_'
}

fn word(word: &str) -> Token {
    match word {
        "and" => Token::Infix(Infix::And),
        "or" => Token::Infix(Infix::Or),
        "not" => Token::Not,
        _ => Token::Name(word.to_owned()),
    }
}

fn symbol(rest: &str) -> Option<(Token, usize)> {
    const SYMBOLS: [(&str, Token); 20] = [
        ("**", Token::Infix(Infix::Power)),
        ("==", Token::Infix(Infix::Equal)),
        ("!=", Token::Infix(Infix::NotEqual)),
        ("<=", Token::Infix(Infix::LessEqual)),
        (">=", Token::Infix(Infix::GreaterEqual)),
        ("<", Token::Infix(Infix::Less)),
        (">", Token::Infix(Infix::Greater)),
        ("+", Token::Infix(Infix::Add)),
        ("-", Token::Infix(Infix::Subtract)),
        ("*", Token::Infix(Infix::Multiply)),
        ("/", Token::Infix(Infix::Divide)),
        ("%", Token::Infix(Infix::Modulo)),
        ("^", Token::Infix(Infix::Power)),
        ("(", Token::Open),
        (")", Token::Close),
        ("[", Token::OpenIndex),
        ("]", Token::CloseIndex),
        (",", Token::Comma),
        (":", Token::Colon),
        ("=", Token::Is),
    ];
    SYMBOLS
        .iter()
        .find(|(symbol, _)| rest.starts_with(symbol))
        .map(|(symbol, token)| (token.clone(), symbol.len()))
}

fn unexpected(source: &Source, text: &Text, character: char, at: Span) -> ReadError {
    let help = match character {
        '&' => Some("write `and`"),
        '|' => Some("write `or`"),
        '!' => Some("write `not`"),
        '[' | '{' => Some("group with ( and )"),
        '−' | '–' => Some("write a plain minus sign: -"),
        '·' | '×' => Some("write *"),
        _ => None,
    };
    source
        .error(
            text.locate(at),
            format!("`{character}` means nothing in an expression"),
            "not understood",
        )
        .with_help_if(help.map(str::to_owned))
}

/// A number such as 12, 1_000, 0.5, .5, 2e-3, and its length.
fn number(source: &Source, text: &Text, at: usize) -> Result<(Token, usize), ReadError> {
    let rest = &text.value[at..];
    let bytes = rest.as_bytes();
    let digits = |mut from: usize| {
        while from < bytes.len() && (bytes[from].is_ascii_digit() || bytes[from] == b'_') {
            from += 1;
        }
        from
    };
    let mut length = digits(0);
    if bytes.get(length) == Some(&b'.') {
        length = digits(length + 1);
    }
    if matches!(bytes.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
        if bytes.get(length + 1 + sign).is_some_and(u8::is_ascii_digit) {
            length = digits(length + 1 + sign);
        }
    }
    let place = text.locate((at..at + length).into());
    if let Some(next) = rest[length..].chars().next().filter(|&c| is_name_start(c)) {
        return Err(source
            .error(
                text.locate((at..at + length + next.len_utf8()).into()),
                format!("`{next}` right after a number"),
                "an operation is missing",
            )
            .with_help(format!("to multiply, write {} * ...", &rest[..length])));
    }
    match rest[..length].replace('_', "").parse::<f64>() {
        Ok(number) if number.is_finite() => Ok((Token::Number(number), length)),
        Ok(_) => Err(source
            .error(place, "this number is too large", "above 1.8e308")
            .with_help("numbers go up to 1.8e308")),
        Err(_) => Err(source
            .error(place, "this is not a number", "here")
            .with_help("write it as 12, 0.5 or 1e-3")),
    }
}

/// A date `1978-01-25`, perhaps with a time of day `T06:00` or `T06:00:30`, and its length.
///
/// Four digits, two and two joined by minus signs without spaces are always a date.
fn date(rest: &str) -> Option<(DateTime, usize)> {
    let shaped = |shape: &str, text: &str| {
        text.len() >= shape.len()
            && shape
                .bytes()
                .zip(text.bytes())
                .all(|(want, got)| match want {
                    b'0' => got.is_ascii_digit(),
                    b'T' => got == b'T' || got == b't',
                    want => got == want,
                })
    };
    let mut length = 0;
    for shape in ["0000-00-00", "0000-00-00T00:00", "0000-00-00T00:00:00"] {
        if shaped(shape, rest) {
            length = shape.len();
        }
    }
    let goes_on = rest
        .get(length..)?
        .starts_with(|c: char| c.is_alphanumeric());
    if length == 0 || goes_on {
        return None;
    }
    parse_date(&rest[..length]).map(|date| (date, length))
}

/// A calendar date, perhaps with a time of day; midnight without one.
pub(crate) fn parse_date(text: &str) -> Option<DateTime> {
    match text.parse::<Date>() {
        Ok(date) if text.len() == 10 => Some(date.at(0, 0, 0, 0)),
        _ => text.parse::<DateTime>().ok(),
    }
}
