//! The answer in one sentence.

use gnomon_report::content;

use crate::probability::percent;

/// Three significant digits.
fn number(x: f64) -> String {
    if x == 0.0 || !x.is_finite() {
        return x.to_string();
    }
    let digits = 2 - x.abs().log10().floor() as i32;
    if (-3..=6).contains(&digits) {
        format!("{x:.*}", digits.max(0) as usize)
    } else {
        format!("{x:.2e}")
    }
}

fn in_words(quantity: &content::Quantity, summary: &content::Summary) -> String {
    let unit = if quantity.unit.is_empty() {
        String::new()
    } else {
        format!(" {}", quantity.unit)
    };
    if let Some(first) = summary.values.first() {
        return format!(
            "{} is {}{unit} with {} (prior {})",
            quantity.name.replace('_', " "),
            first.value,
            percent(first.posterior),
            percent(first.prior)
        );
    }
    let [low, high] = summary.interval_90.map(number);
    format!(
        "{} is {}{unit} (90\u{a0}% credible interval {low} to {high})",
        quantity.name.replace('_', " "),
        number(summary.median)
    )
}

/// The last entry of what is not given: of a forecast, the farthest.
fn last_entry(unseen: &content::Unseen) -> Option<String> {
    let content::Unseen {
        given, prediction, ..
    } = unseen;
    let at = |level: f64| {
        let near = |other: &f64| (other - level).abs() < 1e-9;
        let place = prediction.levels.iter().position(near)?;
        prediction.quantiles[place].last().copied().map(number)
    };
    let unit = if given.unit.is_empty() {
        String::new()
    } else {
        format!(" {}", given.unit)
    };
    let when = match prediction.times.as_slice() {
        // The only entry of a series needs no time.
        [_] if unseen.label == given.name => String::new(),
        [.., last] => format!(" at {last}"),
        [] => String::new(),
    };
    Some(format!(
        "{}{when} is {}{unit} (median; 90\u{a0}% prediction interval {} to {})",
        given.name.replace('_', " "),
        at(0.5)?,
        at(0.05)?,
        at(0.95)?
    ))
}

pub(super) fn sentence(
    asked: &[String],
    mechanisms: &[content::Mechanism],
    shared: &[content::SharedQuantity],
    posteriors: &[content::Posterior],
    unseen: &[content::Unseen],
) -> String {
    let mut parts = Vec::new();
    if mechanisms.len() > 1 && asked.iter().any(|name| name == "mechanism") {
        let mut order: Vec<&content::Mechanism> = mechanisms.iter().collect();
        order.sort_by(|a, b| b.posterior.total_cmp(&a.posterior));
        let others: Vec<String> = order[1..]
            .iter()
            .map(|mechanism| format!("{} {}", mechanism.name, percent(mechanism.posterior)))
            .collect();
        parts.push(format!(
            "{} is the most probable mechanism, with {} ({})",
            order[0].name,
            percent(order[0].posterior),
            others.join(", ")
        ));
    }
    let over_all = shared
        .iter()
        .filter_map(|s| Some((&s.quantity, &s.given.first()?.summary)));
    if shared.is_empty() && mechanisms.len() == 1 {
        let all = posteriors
            .iter()
            .flat_map(|p| p.quantities.iter().zip(&p.summaries));
        parts.extend(
            all.take(4)
                .map(|(quantity, summary)| in_words(quantity, summary)),
        );
    } else {
        parts.extend(over_all.map(|(quantity, summary)| in_words(quantity, summary)));
    }
    parts.extend(unseen.iter().filter_map(last_entry));
    format!("{}.", parts.join("; "))
}
