//! Tokens -> [`Expression`], by precedence climbing (Clarke 1986).

use super::lexer::{Token, tokens};
use super::syntax::{Argument, Call, Entry, Expression, Infix, Kind, Prefix};
use crate::source::{ReadError, Source, Span, Text};

/// Brackets and signs inside one another.
const MOST_NESTED: usize = 64;
/// Levels of operations: `a + b + c` has 3.
const MOST_DEEP: u16 = 500;

/// Reads one expression.
///
/// ```
/// let read = gnomon_mechanism::expression::parse("beta*S * I/N - (mu)*-I ^ 2")?;
/// assert_eq!(read.to_string(), "beta * S * I / N - mu * -I^2.0");
/// # Ok::<(), gnomon_mechanism::ReadError>(())
/// ```
///
/// # Errors
/// Where the text is not an expression.
pub fn parse(text: &str) -> Result<Expression, ReadError> {
    let source = Source::new("expression", text);
    let text = Text {
        value: text.to_owned(),
        at: (0..text.len()).into(),
        direct: true,
    };
    parse_text(&source, &text)
}

/// Reads one expression that stands in a file.
pub(crate) fn parse_text(source: &Source, text: &Text) -> Result<Expression, ReadError> {
    let mut parser = Parser::new(source, text)?;
    let expression = parser.expression(0)?;
    parser.expect(&Token::End)?;
    Ok(expression)
}

/// Reads times: `1, 5, 10` or ranges `start:stop` and `start:step:stop`, each part an expression.
pub(crate) fn parse_ranges(
    source: &Source,
    text: &Text,
) -> Result<Vec<Vec<Expression>>, ReadError> {
    let mut parser = Parser::new(source, text)?;
    let mut ranges = Vec::new();
    loop {
        let mut parts = vec![parser.expression(0)?];
        while parser.take(&Token::Colon) {
            parts.push(parser.expression(0)?);
        }
        if let [first, .., last] = parts.as_slice()
            && parts.len() > 3
        {
            return Err(source
                .error(
                    first.at.to(last.at),
                    "a range has two or three parts",
                    format!("{} parts", parts.len()),
                )
                .with_help("write start:stop or start:step:stop"));
        }
        ranges.push(parts);
        if !parser.take(&Token::Comma) {
            parser.expect(&Token::End)?;
            return Ok(ranges);
        }
    }
}

struct Parser<'a> {
    source: &'a Source,
    text: &'a Text,
    tokens: Vec<(Token, Span)>,
    next: usize,
    nested: usize,
}

impl<'a> Parser<'a> {
    fn new(source: &'a Source, text: &'a Text) -> Result<Self, ReadError> {
        let tokens = tokens(source, text)?;
        if tokens.len() == 1 {
            return Err(source
                .error(text.at, "an expression is missing", "empty")
                .with_help("write a number or a formula between the quotes"));
        }
        Ok(Self {
            source,
            text,
            tokens,
            next: 0,
            nested: 0,
        })
    }

    fn peek(&self) -> &Token {
        &self.tokens[self.next].0
    }

    /// The place in the file of the next token.
    fn place(&self) -> Span {
        self.text.locate(self.tokens[self.next].1)
    }

    fn advance(&mut self) -> (Token, Span) {
        let place = self.place();
        let token = self.peek().clone();
        self.next = (self.next + 1).min(self.tokens.len() - 1);
        (token, place)
    }

    fn take(&mut self, token: &Token) -> bool {
        let found = self.peek() == token;
        if found {
            self.advance();
        }
        found
    }

    fn expect(&mut self, token: &Token) -> Result<Span, ReadError> {
        if self.peek() == token {
            return Ok(self.advance().1);
        }
        let found = self.peek();
        let help = match (found, token) {
            (Token::Is, _) => Some("to compare, write == instead of ="),
            (Token::Name(_) | Token::Number(_) | Token::Open, Token::End) => {
                Some("an operation such as * is missing before it")
            }
            (Token::Not, _) => Some("put `not ...` in brackets"),
            (Token::Colon, Token::End) => Some("a range start:stop stands where times are given"),
            (Token::End, Token::Close) => Some("every ( needs its )"),
            (Token::End, Token::CloseIndex) => Some("every [ needs its ]"),
            _ => None,
        };
        let message = match (found, token) {
            (found, Token::End) => format!("unexpected {}", found.shown()),
            (found, token) => format!("{} where {} should be", found.shown(), token.shown()),
        };
        Err(self
            .source
            .error(self.place(), message, "not expected here")
            .with_help("the book's chapter on expressions shows how they are written")
            .with_help_if(help.map(str::to_owned)))
    }

    fn make(&self, kind: Kind, at: Span) -> Result<Expression, ReadError> {
        let expression = Expression::new(kind, at);
        if expression.depth > MOST_DEEP {
            return Err(self.too_deep(at));
        }
        Ok(expression)
    }

    fn too_deep(&self, at: Span) -> ReadError {
        self.source
            .error(at, "this expression is nested too deeply", "too deep")
            .with_help("give parts of it names in [definitions]")
    }

    /// An expression whose operations bind at least as tightly as `least`.
    fn expression(&mut self, least: u8) -> Result<Expression, ReadError> {
        self.nested += 1;
        if self.nested > MOST_NESTED {
            return Err(self.too_deep(self.place()));
        }
        let mut left = self.operand(least)?;
        while let Token::Infix(infix) = *self.peek() {
            let strength = infix.strength();
            if strength < least {
                break;
            }
            let (_, place) = self.advance();
            let right = match infix {
                Infix::Power => self.expression(Prefix::Minus.strength())?,
                _ => self.expression(strength + 1)?,
            };
            let compares = strength == Infix::Less.strength();
            if compares && matches!(*self.peek(), Token::Infix(next) if next.strength() == strength)
            {
                return Err(self
                    .source
                    .error(
                        place.to(self.place()),
                        "comparisons do not chain",
                        "two comparisons",
                    )
                    .with_help("write a < b and b < c"));
            }
            let at = left.at.to(right.at);
            left = self.make(Kind::Infix(infix, Box::new(left), Box::new(right)), at)?;
        }
        self.nested -= 1;
        Ok(left)
    }

    fn operand(&mut self, least: u8) -> Result<Expression, ReadError> {
        let (token, at) = match self.peek() {
            Token::End
            | Token::Close
            | Token::OpenIndex
            | Token::CloseIndex
            | Token::Comma
            | Token::Colon
            | Token::Is => {
                return Err(self.missing_operand());
            }
            Token::Not if Prefix::Not.strength() < least => return Err(self.missing_operand()),
            _ => self.advance(),
        };
        match token {
            Token::Number(number) => self.make(Kind::Number(number), at),
            Token::Date(date) => self.make(Kind::Date(date), at),
            Token::Name(name) if *self.peek() == Token::Open => self.call(name, at),
            Token::Name(name) if *self.peek() == Token::OpenIndex => self.entry(name, at),
            Token::Name(name) => self.make(Kind::Name(name), at),
            Token::Open => {
                let mut inside = self.expression(0)?;
                let close = self.expect(&Token::Close)?;
                inside.at = at.to(close);
                Ok(inside)
            }
            Token::Infix(Infix::Subtract) => self.prefixed(Prefix::Minus, at),
            Token::Infix(Infix::Add) => self.expression(Prefix::Minus.strength()),
            Token::Not => self.prefixed(Prefix::Not, at),
            _ => {
                self.next = self.next.saturating_sub(1);
                Err(self.missing_operand())
            }
        }
    }

    /// `[index]` or `[row, column]` after a name.
    fn entry(&mut self, name: String, name_at: Span) -> Result<Expression, ReadError> {
        self.advance();
        let mut indices = vec![self.expression(0)?];
        while self.take(&Token::Comma) {
            indices.push(self.expression(0)?);
        }
        let close = self.expect(&Token::CloseIndex)?;
        let entry = Entry {
            name,
            name_at,
            indices,
        };
        self.make(Kind::Entry(entry), name_at.to(close))
    }

    fn prefixed(&mut self, prefix: Prefix, at: Span) -> Result<Expression, ReadError> {
        let operand = self.expression(prefix.strength())?;
        let at = at.to(operand.at);
        self.make(Kind::Prefix(prefix, Box::new(operand)), at)
    }

    fn missing_operand(&self) -> ReadError {
        let help = match self.peek() {
            Token::Not => Some("put `not ...` in brackets".to_owned()),
            _ => None,
        };
        self.source
            .error(
                self.place(),
                format!(
                    "a number or a name should stand before {}",
                    self.peek().shown()
                ),
                "missing here",
            )
            .with_help("both sides of an operator need one")
            .with_help_if(help)
    }

    fn call(&mut self, function: String, function_at: Span) -> Result<Expression, ReadError> {
        self.expect(&Token::Open)?;
        let mut arguments = Vec::new();
        while *self.peek() != Token::Close {
            let named = match (self.peek(), self.tokens.get(self.next + 1)) {
                (Token::Name(name), Some((Token::Is, _))) => Some((name.clone(), self.place())),
                _ => None,
            };
            if named.is_some() {
                self.advance();
                self.advance();
            }
            arguments.push(Argument {
                name: named,
                value: self.expression(0)?,
            });
            if !self.take(&Token::Comma) {
                break;
            }
        }
        let close = self.expect(&Token::Close)?;
        let call = Call {
            function,
            function_at,
            arguments,
        };
        self.make(Kind::Call(call), function_at.to(close))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_bind_as_in_mathematics() {
        let same = |a: &str, b: &str| assert_eq!(parse(a).unwrap(), parse(b).unwrap(), "{a}");
        same("-x^2", "-(x^2)");
        same("2^3^2", "2^(3^2)");
        same("2**-x^2", "2^(-(x^2))");
        same("a - b - c", "(a - b) - c");
        same("a / b * c % d", "((a / b) * c) % d");
        same(
            "a + b * c < d and not e or f",
            "(((a + (b * c)) < d) and (not e)) or f",
        );
        same("not a == b", "not (a == b)");
        same("a * -b", "a * (-b)");
        same("+x", "x");
        same("1_000 + 1e-3 + .5 + 5.", "1000.0 + 0.001 + 0.5 + 5.0");
        same("max(a, b)^2", "(max(a, b))^2");
        same("-x[i]^2 * X[i + 1, 2]", "-((x[i])^2) * (X[(i + 1), 2])");
        same("-2 % 3", "(-2) % 3");
        assert_ne!(parse("a - (b - c)").unwrap(), parse("a - b - c").unwrap());
        assert_ne!(parse("(-x)^2").unwrap(), parse("-x^2").unwrap());
    }

    #[test]
    fn dates_are_dates_only_without_spaces() {
        assert!(matches!(parse("1978-01-25").unwrap().kind, Kind::Date(_)));
        assert!(matches!(
            parse("1978-01-25T06:30").unwrap().kind,
            Kind::Date(_)
        ));
        assert!(matches!(
            parse("1978 - 01 - 25").unwrap().kind,
            Kind::Infix(..)
        ));
        assert!(matches!(parse("1978-99-25").unwrap().kind, Kind::Infix(..)));
    }

    #[test]
    fn deep_nesting_is_refused_not_a_crash() {
        for text in [
            "(".repeat(100_000),
            "-".repeat(100_000),
            format!("1{}", "^2".repeat(100_000)),
            format!("1{}", "+1".repeat(100_000)),
            "f(".repeat(100_000),
            "not ".repeat(100_000),
        ] {
            assert!(parse(&text).is_err());
        }
        assert!(parse(&format!("1{}", "+1".repeat(400))).is_ok());
    }
}
