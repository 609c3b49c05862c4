//! The alarms as one table, those raised first.

use maud::{Markup, html};

use crate::{content::Alarm, draw::number};

/// The table.
pub fn table(alarms: &[Alarm]) -> Markup {
    let raised = alarms.iter().filter(|a| a.raised);
    let quiet = alarms.iter().filter(|a| !a.raised);
    html! {
        div class="scroll" tabindex="0" role="region" aria-label="Alarms" {
            table class="alarms" {
                thead { tr { th scope="col" { "Alarm" } th scope="col" { "About" } th scope="col" class="n" { "p" } th scope="col" { "In words" } } }
                tbody { @for alarm in raised.chain(quiet) { (row(alarm)) } }
            }
        }
    }
}

fn row(alarm: &Alarm) -> Markup {
    html! {
        tr class=[alarm.raised.then_some("raised")] {
            td {
                @if alarm.raised {
                    span class="verdict bad" { span aria-hidden="true" { "▲" } " raised" }
                } @else {
                    span class="quiet" { span aria-hidden="true" { "–" } " not raised" }
                }
            }
            th scope="row" { (alarm.name) }
            td class="n" { (number::probability(alarm.p_value)) }
            td class="words" { (alarm.words) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raised_alarms_come_first() {
        let alarm = |name: &str, raised| Alarm {
            name: name.into(),
            raised,
            p_value: 0.0004,
            words: "so it is".into(),
        };
        let alarms = [
            alarm("largest", false),
            alarm("last", true),
            alarm("mean", false),
        ];
        let html = table(&alarms).into_string();
        let at = |text: &str| html.find(text).unwrap();
        assert!(at(">last<") < at(">largest<") && at(">largest<") < at(">mean<"));
        assert_eq!(html.matches("<tr class=\"raised\">").count(), 1);
        assert_eq!(html.matches("not raised").count(), 2);
        assert!(html.contains("&lt; 0.001") && html.contains("so it is"));
    }
}
