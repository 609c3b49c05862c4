//! An expression as written: a tree with the place of every part. `Display` writes it back.

use std::fmt;

use jiff::civil::DateTime;

use crate::source::Span;

/// A tree of operations, as written.
#[derive(Clone, Debug)]
pub struct Expression {
    /// What stands here.
    pub kind: Kind,
    /// Where.
    pub at: Span,
    /// How many levels of operations it has; bounded, so that walking it cannot exhaust the stack.
    pub(super) depth: u16,
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A number, not negative.
    Number(f64),
    /// A calendar date, such as 1978-01-25 or 1978-01-25T06:00.
    Date(DateTime),
    /// A quantity's name, or a constant of mathematics.
    Name(String),
    /// An entry of a vector or a matrix: `name[index]`, `name[row, column]`.
    Entry(Entry),
    /// An operation on one expression.
    Prefix(Prefix, Box<Expression>),
    /// An operation on two expressions.
    Infix(Infix, Box<Expression>, Box<Expression>),
    /// A function or distribution with its arguments.
    Call(Call),
}

/// `function(arguments)`.
#[derive(Clone, Debug)]
pub struct Call {
    /// The function's name.
    pub function: String,
    /// Where the name stands.
    pub function_at: Span,
    /// In the order written.
    pub arguments: Vec<Argument>,
}

/// `name[indices]`.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The vector's or the matrix's name.
    pub name: String,
    /// Where the name stands.
    pub name_at: Span,
    /// One index of a vector, two of a matrix.
    pub indices: Vec<Expression>,
}

/// One argument of a call.
#[derive(Clone, Debug)]
pub struct Argument {
    /// `name =` before it, and where.
    pub name: Option<(String, Span)>,
    /// Its value.
    pub value: Expression,
}

/// Operations before their operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Prefix {
    Minus,
    Not,
}

/// Operations between their operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Infix {
    Or,
    And,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
}

impl Infix {
    /// How tightly it binds; comparisons do not chain, powers group to the right.
    #[must_use]
    pub fn strength(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Less
            | Self::LessEqual
            | Self::Greater
            | Self::GreaterEqual
            | Self::Equal
            | Self::NotEqual => 4,
            Self::Add | Self::Subtract => 5,
            Self::Multiply | Self::Divide | Self::Modulo => 6,
            Self::Power => 8,
        }
    }

    /// As written.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Or => "or",
            Self::And => "and",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::Power => "^",
        }
    }
}

impl Prefix {
    /// How tightly it binds: minus below powers (`-x^2` is `-(x^2)`), `not` below comparisons.
    #[must_use]
    pub fn strength(self) -> u8 {
        match self {
            Self::Not => 3,
            Self::Minus => 7,
        }
    }
}

/// How tightly a number, a name or a call binds.
const ATOM: u8 = 9;

impl Expression {
    /// An expression of this kind; its depth follows from its operands.
    #[must_use]
    pub fn new(kind: Kind, at: Span) -> Self {
        let below = match &kind {
            Kind::Number(_) | Kind::Date(_) | Kind::Name(_) => 0,
            Kind::Entry(entry) => entry.indices.iter().map(|i| i.depth).max().unwrap_or(0),
            Kind::Prefix(_, a) => a.depth,
            Kind::Infix(_, a, b) => a.depth.max(b.depth),
            Kind::Call(call) => {
                let depths = call.arguments.iter().map(|argument| argument.value.depth);
                depths.max().unwrap_or(0)
            }
        };
        Self {
            kind,
            at,
            depth: below.saturating_add(1),
        }
    }

    /// Calls `visit` with every name in it and the name's place, functions' names excepted.
    pub fn names<'a>(&'a self, visit: &mut impl FnMut(&'a str, Span)) {
        match &self.kind {
            Kind::Number(_) | Kind::Date(_) => {}
            Kind::Name(name) => visit(name, self.at),
            Kind::Entry(entry) => {
                visit(&entry.name, entry.name_at);
                entry.indices.iter().for_each(|index| index.names(visit));
            }
            Kind::Prefix(_, a) => a.names(visit),
            Kind::Infix(_, a, b) => {
                a.names(visit);
                b.names(visit);
            }
            Kind::Call(call) => {
                for argument in &call.arguments {
                    argument.value.names(visit);
                }
            }
        }
    }

    fn strength(&self) -> u8 {
        match &self.kind {
            Kind::Number(_) | Kind::Date(_) | Kind::Name(_) | Kind::Entry(_) | Kind::Call(_) => {
                ATOM
            }
            Kind::Prefix(prefix, _) => prefix.strength(),
            Kind::Infix(infix, ..) => infix.strength(),
        }
    }
}

/// Equal in what they say, wherever they stand.
impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

/// Equal in what they say, wherever they stand.
impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.indices == other.indices
    }
}

/// Equal in what they say, wherever they stand.
impl PartialEq for Call {
    fn eq(&self, other: &Self) -> bool {
        let name = |argument: &Argument| argument.name.as_ref().map(|(name, _)| name.clone());
        self.function == other.function
            && self.arguments.len() == other.arguments.len()
            && self
                .arguments
                .iter()
                .zip(&other.arguments)
                .all(|(a, b)| name(a) == name(b) && a.value == b.value)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// `part`, in brackets where it binds less tightly than its place needs.
        fn put(formatter: &mut fmt::Formatter<'_>, part: &Expression, needed: u8) -> fmt::Result {
            if part.strength() < needed {
                write!(formatter, "({part})")
            } else {
                write!(formatter, "{part}")
            }
        }
        match &self.kind {
            Kind::Number(number) => write!(formatter, "{number:?}"),
            Kind::Date(date) => write!(formatter, "{date}"),
            Kind::Name(name) => formatter.write_str(name),
            Kind::Entry(entry) => {
                write!(formatter, "{}[", entry.name)?;
                for (position, index) in entry.indices.iter().enumerate() {
                    let comma = if position > 0 { ", " } else { "" };
                    write!(formatter, "{comma}{index}")?;
                }
                formatter.write_str("]")
            }
            Kind::Prefix(Prefix::Minus, a) => {
                formatter.write_str("-")?;
                put(formatter, a, Prefix::Minus.strength())
            }
            Kind::Prefix(Prefix::Not, a) => {
                formatter.write_str("not ")?;
                put(formatter, a, Prefix::Not.strength())
            }
            Kind::Infix(Infix::Power, a, b) => {
                put(formatter, a, ATOM)?;
                formatter.write_str("^")?;
                put(formatter, b, Prefix::Minus.strength())
            }
            Kind::Infix(infix, a, b) => {
                let strength = infix.strength();
                let left = if strength == Infix::Less.strength() {
                    strength + 1
                } else {
                    strength
                };
                put(formatter, a, left)?;
                write!(formatter, " {} ", infix.symbol())?;
                put(formatter, b, strength + 1)
            }
            Kind::Call(call) => {
                write!(formatter, "{}(", call.function)?;
                for (position, argument) in call.arguments.iter().enumerate() {
                    if position > 0 {
                        formatter.write_str(", ")?;
                    }
                    if let Some((name, _)) = &argument.name {
                        write!(formatter, "{name} = ")?;
                    }
                    write!(formatter, "{}", argument.value)?;
                }
                formatter.write_str(")")
            }
        }
    }
}
