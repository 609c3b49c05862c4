//! What a family is called, which arguments it takes, and which values of them it accepts.

use super::Family;
use super::law::{LARGEST_ARGUMENT, Law};

/// The arguments that a family takes, in order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Signature {
    /// In order; those with a default come last.
    pub arguments: &'static [Argument],
    /// Whether the last argument may be repeated (it must be there once).
    pub variadic: bool,
}

/// One argument of a family.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Argument {
    /// As written in a file: `NegativeBinomial(mean = I, size = 10)`.
    pub name: &'static str,
    /// Its value where it is left out; `None` where it must be given.
    pub default: Option<f64>,
}

/// Why a family refuses its arguments.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ArgumentError {
    /// One argument, alone or beside the others, is impossible.
    #[error("{argument} is {value}, but must be {must_be}")]
    Value {
        /// Its name; weights are numbered from 0.
        argument: String,
        /// Its position among the arguments, from 0.
        position: usize,
        /// Its value.
        value: f64,
        /// What it must be, as in "positive".
        must_be: String,
    },
    /// Too few or too many arguments.
    #[error("{family} takes {expected}, but was given {given}")]
    Count {
        /// The family's name.
        family: &'static str,
        /// Its arguments in words.
        expected: String,
        /// How many were given.
        given: usize,
    },
}

const fn required(name: &'static str) -> Argument {
    Argument {
        name,
        default: None,
    }
}

const fn optional(name: &'static str, default: f64) -> Argument {
    Argument {
        name,
        default: Some(default),
    }
}

macro_rules! signature {
    ($($argument:expr),+) => {
        &Signature { arguments: const { &[$($argument),+] }, variadic: false }
    };
}

impl Family {
    /// Every family.
    pub const ALL: [Self; 18] = [
        Self::Normal,
        Self::LogNormal,
        Self::Uniform,
        Self::LogUniform,
        Self::Beta,
        Self::Gamma,
        Self::InverseGamma,
        Self::HalfNormal,
        Self::Exponential,
        Self::StudentT,
        Self::HalfCauchy,
        Self::TruncatedNormal,
        Self::Poisson,
        Self::NegativeBinomial,
        Self::Binomial,
        Self::Bernoulli,
        Self::Categorical,
        Self::Exact,
    ];

    /// The name that files use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::LogNormal => "LogNormal",
            Self::Uniform => "Uniform",
            Self::LogUniform => "LogUniform",
            Self::Beta => "Beta",
            Self::Gamma => "Gamma",
            Self::InverseGamma => "InverseGamma",
            Self::HalfNormal => "HalfNormal",
            Self::Exponential => "Exponential",
            Self::StudentT => "StudentT",
            Self::HalfCauchy => "HalfCauchy",
            Self::TruncatedNormal => "TruncatedNormal",
            Self::Poisson => "Poisson",
            Self::NegativeBinomial => "NegativeBinomial",
            Self::Binomial => "Binomial",
            Self::Bernoulli => "Bernoulli",
            Self::Categorical => "Categorical",
            Self::Exact => "Exact",
        }
    }

    /// The family of that name; `Fixed` is another name of `Exact`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        if name == "Fixed" {
            return Some(Self::Exact);
        }
        Self::ALL.into_iter().find(|family| family.name() == name)
    }

    /// The arguments it takes.
    #[must_use]
    pub const fn signature(self) -> &'static Signature {
        match self {
            Self::Normal => signature!(required("mean"), required("sd")),
            Self::LogNormal => signature!(required("meanlog"), required("sdlog")),
            Self::Uniform | Self::LogUniform => signature!(required("low"), required("high")),
            Self::Beta => signature!(
                required("a"),
                required("b"),
                optional("low", 0.0),
                optional("high", 1.0)
            ),
            Self::Gamma => signature!(required("shape"), required("rate")),
            Self::InverseGamma => signature!(required("shape"), required("scale")),
            Self::HalfNormal => signature!(required("sd")),
            Self::Exponential => signature!(required("rate")),
            Self::StudentT => signature!(
                required("df"),
                optional("location", 0.0),
                optional("scale", 1.0)
            ),
            Self::HalfCauchy => signature!(required("scale")),
            Self::TruncatedNormal => signature!(
                required("mean"),
                required("sd"),
                required("low"),
                required("high")
            ),
            Self::Poisson => signature!(required("mean")),
            Self::NegativeBinomial => signature!(required("mean"), required("size")),
            Self::Binomial => signature!(required("n"), required("p")),
            Self::Bernoulli => signature!(required("p")),
            Self::Categorical => &Signature {
                arguments: const { &[required("p")] },
                variadic: true,
            },
            Self::Exact => signature!(required("value")),
        }
    }

    /// Whether its values are integers. A point mass is neither discrete nor a density.
    #[must_use]
    pub const fn is_discrete(self) -> bool {
        matches!(
            self,
            Self::Poisson
                | Self::NegativeBinomial
                | Self::Binomial
                | Self::Bernoulli
                | Self::Categorical
        )
    }

    /// Whether `args` are possible: the right number of them (those with a default may be left
    /// out), none NaN, all finite but the bounds of a truncation, each in its range and of a size
    /// below 1e150 (and above 1e-150, where it must be positive).
    ///
    /// # Errors
    /// The first argument that is impossible, its value, and what it must be.
    pub fn check(self, args: &[f64]) -> Result<(), ArgumentError> {
        let signature = self.signature();
        let least = signature
            .arguments
            .iter()
            .filter(|argument| argument.default.is_none())
            .count();
        if args.len() < least || (!signature.variadic && args.len() > signature.arguments.len()) {
            return Err(ArgumentError::Count {
                family: self.name(),
                expected: signature.in_words(least),
                given: args.len(),
            });
        }
        for position in 0..args.len() {
            if let Some(must_be) = self.refusal(args, position) {
                return Err(ArgumentError::Value {
                    argument: signature.name_of(position),
                    position,
                    value: args[position],
                    must_be,
                });
            }
        }
        Ok(())
    }

    /// What the argument at `position` must be, where it is not.
    fn refusal(self, args: &[f64], position: usize) -> Option<String> {
        let value = args[position];
        let range = self.range(position);
        if value.is_nan() || (value.is_infinite() && !matches!(range, Range::Low | Range::High)) {
            return Some("a finite number".to_owned());
        }
        let bounded = match range {
            Range::Positive | Range::Weight => {
                value == 0.0 || value.abs() >= 1.0 / LARGEST_ARGUMENT
            }
            _ => true,
        };
        if self != Self::Exact && value.is_finite() && !(bounded && value.abs() <= LARGEST_ARGUMENT)
        {
            return Some("of a size between 1e-150 and 1e150".to_owned());
        }
        let above = |low: f64| (value <= low).then(|| format!("above low, which is {low}"));
        let is = |met: bool, must_be: &str| (!met).then(|| must_be.to_owned());
        match range {
            Range::Real => None,
            Range::Positive => is(value > 0.0, "positive"),
            Range::Count => is(value >= 0.0, "0 or positive"),
            Range::Whole => is(
                value >= 0.0 && value.floor() == value,
                "a whole number, 0 or positive",
            ),
            Range::Probability => is((0.0..=1.0).contains(&value), "between 0 and 1"),
            Range::AboveFirst => above(args[0]),
            Range::AboveThird => above(args[2]),
            Range::BelowOneAlone => is(
                args.len() > position + 1 || value < 1.0,
                "below high, which is 1",
            ),
            Range::Low => is(value < f64::INFINITY, "below infinity"),
            Range::High => above(args[position - 1]),
            Range::Weight if value < 0.0 => is(false, "0 or positive"),
            Range::Weight => {
                let total: f64 = args.iter().sum();
                let last = position + 1 == args.len();
                is(!last || total > 0.0, "positive where all the others are 0")
            }
        }
    }

    const fn range(self, position: usize) -> Range {
        match (self, position) {
            (Self::Exact, _) | (Self::TruncatedNormal, 0) | (Self::StudentT, 1) => Range::Real,
            (Self::Normal | Self::LogNormal | Self::Uniform, 0) => Range::Real,
            (Self::Uniform | Self::LogUniform, 1) => Range::AboveFirst,
            (Self::TruncatedNormal, 2) => Range::Low,
            (Self::TruncatedNormal, 3) => Range::High,
            (Self::Beta, 2) => Range::BelowOneAlone,
            (Self::Beta, 3) => Range::AboveThird,
            (Self::Poisson | Self::NegativeBinomial, 0) => Range::Count,
            (Self::Binomial, 0) => Range::Whole,
            (Self::Binomial | Self::Bernoulli, _) => Range::Probability,
            (Self::Categorical, _) => Range::Weight,
            _ => Range::Positive,
        }
    }

    /// The smallest and the largest value that the family can take; NaN where `args` are
    /// impossible. An end that is infinite, or that the density excludes (0 for `Gamma`), is the
    /// limit of the values.
    #[must_use]
    pub fn support(self, args: &[f64]) -> (f64, f64) {
        Law::new(self, args).map_or((f64::NAN, f64::NAN), |law| law.support())
    }
}

/// Which values an argument may have.
enum Range {
    Real,
    Positive,
    /// 0 or positive.
    Count,
    /// 0, 1, 2, ...
    Whole,
    Probability,
    /// Above the first argument.
    AboveFirst,
    /// A lower bound, whose upper bound is 1 where it is left out.
    BelowOneAlone,
    /// Above the third argument.
    AboveThird,
    /// The lower bound of a truncation: may be infinite.
    Low,
    /// The upper bound of a truncation, above the argument before it: may be infinite.
    High,
    Weight,
}

impl Signature {
    /// The name of the argument at `position`; repeated ones are numbered from 0.
    #[must_use]
    pub fn name_of(&self, position: usize) -> String {
        let last = self.arguments.len().saturating_sub(1);
        let name = self
            .arguments
            .get(position.min(last))
            .map_or("argument", |argument| argument.name);
        if self.variadic && position >= last {
            format!("{name}{}", position - last)
        } else {
            name.to_owned()
        }
    }

    fn in_words(&self, least: usize) -> String {
        let names: Vec<&str> = self
            .arguments
            .iter()
            .map(|argument| argument.name)
            .collect();
        let most = names.len();
        let count = match (self.variadic, least == most) {
            (true, _) => format!("at least {least}"),
            (false, true) => format!("{least}"),
            (false, false) => format!("{least} to {most}"),
        };
        let plural = if count == "1" || count == "at least 1" {
            ""
        } else {
            "s"
        };
        let more = if self.variadic { ", ..." } else { "" };
        format!("{count} argument{plural} ({}{more})", names.join(", "))
    }
}
