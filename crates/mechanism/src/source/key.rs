//! The keys that a kind of table may hold: declared once, read by the reader and by the schema.

/// What a key's value may be, as far as a schema can say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Any string.
    Text,
    /// One of these strings.
    Choice(&'static [&'static str]),
    /// One of these strings, or a list of them.
    Choices(&'static [&'static str]),
    /// An expression: a string, or a number.
    Expression,
    /// A number.
    Number,
    /// A whole number, at least this.
    Count(u64),
    /// true or false.
    Truth,
    /// A list of strings.
    Names,
    /// A string, or a list of strings.
    Command,
    /// Times: a number, a date, a range such as `"1:14"`, or a list of them.
    Times,
    /// A date or a date and time.
    Date,
    /// A table whose keys the user names, each value as given.
    Named(&'static Kind),
    /// A list of numbers, missing ones as `"NA"` or nan.
    Numbers,
    /// A table with these keys.
    Table(&'static [Key]),
    /// A list of tables with these keys.
    Tables(&'static [Key]),
    /// A table with these keys, or a table with these keys and others that the user names.
    TableAnd(&'static [Key], &'static Kind),
    /// A list whose elements are any of these.
    List(&'static [Kind]),
    /// Any one of these.
    OneOf(&'static [Kind]),
}

/// One key of a table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Key {
    /// As written.
    pub name: &'static str,
    /// What its value may be.
    pub kind: Kind,
    /// What it means, and its default.
    pub meaning: &'static str,
    /// Whether its table makes no sense without it.
    pub needed: bool,
}

impl Key {
    /// A key.
    #[must_use]
    pub const fn new(name: &'static str, kind: Kind, meaning: &'static str) -> Self {
        Self {
            name,
            kind,
            meaning,
            needed: false,
        }
    }

    /// The same key, without which its table makes no sense.
    #[must_use]
    pub const fn needed(self) -> Self {
        Self {
            needed: true,
            ..self
        }
    }
}
