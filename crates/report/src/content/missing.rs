//! JSON has no NaN: a missing number is written as `null` and read back as NaN.

use serde::{Deserialize, Deserializer};

fn or_nan(number: Option<f64>) -> f64 {
    number.unwrap_or(f64::NAN)
}

fn all_or_nan(numbers: Vec<Option<f64>>) -> Vec<f64> {
    numbers.into_iter().map(or_nan).collect()
}

/// A number, or `null`.
pub fn number<'de, D: Deserializer<'de>>(input: D) -> Result<f64, D::Error> {
    Option::deserialize(input).map(or_nan)
}

/// Two numbers, each possibly `null`.
pub fn pair<'de, D: Deserializer<'de>>(input: D) -> Result<[f64; 2], D::Error> {
    <[Option<f64>; 2]>::deserialize(input).map(|pair| pair.map(or_nan))
}

/// A list of numbers, each possibly `null`.
pub fn numbers<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<f64>, D::Error> {
    Vec::deserialize(input).map(all_or_nan)
}

/// A list of lists of numbers, each number possibly `null`.
pub fn columns<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<Vec<f64>>, D::Error> {
    Vec::<Vec<Option<f64>>>::deserialize(input)
        .map(|columns| columns.into_iter().map(all_or_nan).collect())
}
