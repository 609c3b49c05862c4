//! Posteriors: of a mechanism's parameters, and of quantities that all mechanisms share.

use serde::{Deserialize, Serialize};

use super::{Identified, Scale, missing};

/// Whose answer a number is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// The network's, as it comes.
    #[default]
    Amortized,
    /// Corrected against the mechanism itself.
    Refined,
    /// An emulator's.
    Emulated,
}

/// A quantity's name and meaning.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Quantity {
    /// Its name in the mechanism.
    pub name: String,
    /// Its unit; may be empty.
    pub unit: String,
    /// What it is, in a few words; may be empty.
    pub description: String,
    /// How its axis is drawn.
    pub scale: Scale,
}

/// A distribution in numbers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// Posterior mean.
    #[serde(deserialize_with = "missing::number")]
    pub mean: f64,
    /// Posterior standard deviation.
    #[serde(deserialize_with = "missing::number")]
    pub sd: f64,
    /// Posterior median.
    #[serde(deserialize_with = "missing::number")]
    pub median: f64,
    /// Central 50 % interval.
    #[serde(deserialize_with = "missing::pair")]
    pub interval_50: [f64; 2],
    /// Central 90 % interval.
    #[serde(deserialize_with = "missing::pair")]
    pub interval_90: [f64; 2],
    /// Central 95 % interval.
    #[serde(deserialize_with = "missing::pair")]
    pub interval_95: [f64; 2],
    /// Prior mean.
    #[serde(deserialize_with = "missing::number")]
    pub prior_mean: f64,
    /// Prior standard deviation.
    #[serde(deserialize_with = "missing::number")]
    pub prior_sd: f64,
    /// 1 - posterior variance / prior variance: 0 when nothing was learned, 1 when all was.
    #[serde(deserialize_with = "missing::number")]
    pub contraction: f64,
    /// Every value, the most probable one first, where there are few; else empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<ValueShare>,
}

/// One value of a quantity that has few.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValueShare {
    /// The value.
    #[serde(deserialize_with = "missing::number")]
    pub value: f64,
    /// Its posterior probability.
    #[serde(deserialize_with = "missing::number")]
    pub posterior: f64,
    /// Its prior probability.
    #[serde(deserialize_with = "missing::number")]
    pub prior: f64,
}

impl Summary {
    /// The probabilities of all values in words, as `1: 72 % (prior 50 %), 0: 28 % (50 %)`; `None` where there
    /// are many.
    #[must_use]
    pub fn by_value(&self) -> Option<String> {
        let share = |p: f64| match 100.0 * p {
            p if !p.is_finite() => "–".to_owned(),
            p if p == 0.0 || (1.0..=99.0).contains(&p) || p == 100.0 => format!("{p:.0}\u{a0}%"),
            p => format!("{p:.1}\u{a0}%"),
        };
        let words = self.values.iter().enumerate().map(|(place, one)| {
            let before = if place == 0 { "prior " } else { "" };
            let (own, prior) = (share(one.posterior), share(one.prior));
            format!("{}: {own} ({before}{prior})", one.value)
        });
        let words: Vec<String> = words.collect();
        (!words.is_empty()).then(|| words.join(", "))
    }
}

impl Default for Summary {
    fn default() -> Self {
        let none = f64::NAN;
        Self {
            mean: none,
            sd: none,
            median: none,
            interval_50: [none; 2],
            interval_90: [none; 2],
            interval_95: [none; 2],
            prior_mean: none,
            prior_sd: none,
            contraction: none,
            values: Vec::new(),
        }
    }
}

/// The posterior of one mechanism's parameters and derived quantities.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Posterior {
    /// The mechanism it is given.
    pub mechanism: String,
    /// Whose answer it is.
    pub subject: Subject,
    /// A remark under the table, such as the effective sample size; may be empty.
    pub remark: String,
    /// The quantities, one a column of the draws.
    pub quantities: Vec<Quantity>,
    /// In numbers, one a quantity.
    pub summaries: Vec<Summary>,
    /// What the data tell about each quantity; may be empty.
    pub identified: Vec<Identified>,
    /// The network's own answer, one a quantity, where `subject` is the refined one; else empty.
    pub amortized: Vec<Summary>,
    /// Posterior draws: one list a quantity, the lists equally long. A subset (some 2,000) will do.
    #[serde(deserialize_with = "missing::columns")]
    pub draws: Vec<Vec<f64>>,
    /// Prior draws in the same form; may be empty.
    #[serde(deserialize_with = "missing::columns")]
    pub prior_draws: Vec<Vec<f64>>,
}

/// A quantity that has one meaning in all mechanisms.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SharedQuantity {
    /// What it is.
    pub quantity: Quantity,
    /// Over all mechanisms first, then given each.
    pub given: Vec<Given>,
}

/// A shared quantity's distribution, over all mechanisms or given one.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Given {
    /// The mechanism, or `None` for all of them.
    pub mechanism: Option<String>,
    /// The posterior in numbers.
    pub summary: Summary,
    /// The prior's central 90 % interval.
    #[serde(deserialize_with = "missing::pair")]
    pub prior_interval_90: [f64; 2],
}

impl Default for Given {
    fn default() -> Self {
        Self {
            mechanism: None,
            summary: Summary::default(),
            prior_interval_90: [f64::NAN; 2],
        }
    }
}
