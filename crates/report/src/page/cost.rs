//! Training and the ledger: what it cost, and what was lost on the way.

use maud::{Markup, html};

use super::figures;
use crate::{
    content::{Ledger, LedgerRow, Report},
    draw::number::{count, duration, significant},
    gallery::Gallery,
};

/// Training curves and the networks in words.
pub fn training(report: &Report, gallery: &Gallery) -> Markup {
    let described = report.training.iter().filter(|t| !t.description.is_empty());
    html! {
        (figures(&[&gallery.training]))
        @for network in described {
            details {
                summary { "The network " strong { (network.network) } }
                pre { (network.description) }
                @if !network.loss.is_empty() { p class="fine" { "Loss: " (network.loss) "." } }
            }
        }
    }
}

/// The ledger.
pub fn ledger(report: &Report) -> Markup {
    let Ledger {
        rows,
        failures,
        acceptance,
    } = &report.ledger;
    let (queries, once): (Vec<&LedgerRow>, Vec<&LedgerRow>) =
        rows.iter().partition(|r| r.per_query);
    html! {
        @if !rows.is_empty() {
            div class="scroll" tabindex="0" role="region" aria-label="Ledger" {
                table {
                    thead { tr { th scope="col" { "Work" } th scope="col" class="n" { "Count" } th scope="col" class="n" { "Time" } th scope="col" class="n" { "Each" } } }
                    @if !once.is_empty() { (part("Paid once", &once)) }
                    @if !queries.is_empty() { (part("Paid for each new data set", &queries)) }
                }
            }
        }
        @if !failures.is_empty() {
            h3 { "Simulations that failed" }
            div class="scroll" tabindex="0" role="region" aria-label="Failures" {
                table {
                    thead { tr { th scope="col" { "Mechanism" } th scope="col" { "Reason" } th scope="col" class="n" { "Count" } th scope="col" class="n" { "Share" } } }
                    tbody {
                        @for failure in failures {
                            tr {
                                th scope="row" { (failure.mechanism) }
                                td class="words" { (failure.reason) }
                                td class="n" { (count(failure.count)) }
                                td class="n" { (share(failure.count, failure.of)) }
                            }
                        }
                    }
                }
            }
        }
        @if !acceptance.is_empty() {
            h3 { "Simulations that were kept" }
            div class="scroll" tabindex="0" role="region" aria-label="Acceptance" {
                table {
                    thead { tr { th scope="col" { "Mechanism" } th scope="col" class="n" { "Simulated" } th scope="col" class="n" { "Kept" } th scope="col" class="n" { "Share" } } }
                    tbody {
                        @for one in acceptance {
                            tr {
                                th scope="row" { (one.mechanism) }
                                td class="n" { (count(one.simulated)) }
                                td class="n" { (count(one.accepted)) }
                                td class="n" { (share(one.accepted, one.simulated)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn part(title: &str, rows: &[&LedgerRow]) -> Markup {
    let total: f64 = rows
        .iter()
        .map(|r| r.seconds)
        .filter(|s| s.is_finite())
        .sum();
    html! {
        tbody {
            tr class="group" { th colspan="4" scope="rowgroup" { (title) } }
            @for row in rows {
                @let each = row.count.filter(|n| *n > 1).map_or(f64::NAN, |n| row.seconds / n as f64);
                tr {
                    th scope="row" { (row.what) }
                    td class="n" { @if let Some(n) = row.count { (count(n)) } }
                    td class="n" { (duration(row.seconds)) }
                    td class="n" { (duration(each)) }
                }
            }
            @if rows.len() > 1 {
                tr class="total" { th scope="row" { "Together" } td {} td class="n" { (duration(total)) } td {} }
            }
        }
    }
}

fn share(part: u64, whole: u64) -> String {
    match whole {
        0 => crate::draw::number::MISSING.to_owned(),
        _ => format!("{} %", significant(100.0 * part as f64 / whole as f64, 3)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_nothing_are_missing() {
        assert_eq!(share(0, 0), "–");
        assert_eq!(share(1, 8), "12.5 %");
    }
}
