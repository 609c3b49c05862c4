//! "Did you mean": the known name nearest to a misspelt one.

/// The name nearest to `written` by edits (insert, drop, change, swap neighbours), if near enough
/// to be a slip: at most a third of its letters; else a name that it begins or that begins it.
#[must_use]
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (written.chars().count().max(3)) / 3;
    let begins = |a: &str, b: &str| a.chars().count() >= 3 && b.starts_with(a);
    known
        .into_iter()
        .map(|name| (edits(written, name), name))
        .filter(|&(edits, name)| {
            let slip = edits <= most && edits < name.chars().count();
            slip || begins(written, name) || begins(name, written)
        })
        .min()
        .map(|(_, name)| name)
}

/// A help line: "did you mean `x`?", or else what there is to choose from.
#[must_use]
pub fn advice<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(written, known.iter().copied()) {
        Some(name) => Some(format!("did you mean `{name}`?")),
        None if known.is_empty() => None,
        None => Some(format!("known here: {}", list(&known))),
    }
}

/// Names in backquotes with commas between, the first twenty.
#[must_use]
pub fn list(names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().take(20).map(|n| format!("`{n}`")).collect();
    let more = if names.len() > 20 { ", ..." } else { "" };
    format!("{}{more}", shown.join(", "))
}

/// Optimal string alignment distance (Damerau 1964, each neighbour pair swapped at most once);
/// upper and lower case count as the same letter, so that `n` finds `N`.
fn edits(a: &str, b: &str) -> usize {
    let fold = |text: &str| -> Vec<char> { text.chars().flat_map(char::to_lowercase).collect() };
    let (a, b) = (fold(a), fold(b));
    let mut rows = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let change = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = change.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        let known = ["beta", "gamma", "N", "infectious_period"];
        assert_eq!(nearest("bta", known), Some("beta"));
        assert_eq!(nearest("gmama", known), Some("gamma"));
        assert_eq!(nearest("n", known), Some("N"));
        assert_eq!(nearest("infectous_perid", known), Some("infectious_period"));
        assert_eq!(nearest("infect", known), Some("infectious_period"));
        assert_eq!(nearest("rainfall", known), None);
        assert_eq!(nearest("x", known), None);
    }
}
