//! Probabilities as users read them.

/// A probability in words.
#[must_use]
pub fn percent(p: f64) -> String {
    match 100.0 * p {
        p if p < 0.1 => "under 0.1\u{a0}%".into(),
        p if !(1.0..=99.0).contains(&p) => format!("{p:.1}\u{a0}%"),
        p => format!("{p:.0}\u{a0}%"),
    }
}
