//! Convergence: one table and one verdict a network.

use maud::{Markup, html};

use crate::{
    content::{Convergence, Converging},
    draw::number,
    figures::convergence::name,
};

/// Every network in words and numbers.
pub fn section(convergence: &Convergence) -> Markup {
    html! {
        @for network in &convergence.networks {
            div class="part" {
                h3 { (name(network)) }
                p { (network.words) }
                (table(convergence, network))
                p class="fine" { (fine(network)) }
            }
        }
    }
}

fn table(convergence: &Convergence, network: &Converging) -> Markup {
    let risk = match network.is_excess {
        true => "Excess risk, nats",
        false => "Loss, nats",
    };
    let squared = !network.squared.is_empty();
    html! {
        div class="scroll" tabindex="0" role="region" aria-label=(name(network)) {
            table class="numbers" {
                thead { tr {
                    th scope="col" class="n" { "Simulations" }
                    th scope="col" class="n" { "Training" }
                    th scope="col" class="n" { (risk) }
                    th scope="col" class="n" { "95 % interval" }
                    th scope="col" class="n" { "Fitted" }
                    @if squared { th scope="col" class="n" { "Excess squared error" } }
                } }
                tbody {
                    @for (place, &simulations) in convergence.simulations.iter().enumerate() {
                        tr {
                            th scope="row" class="n" { (number::count(simulations)) }
                            td class="n" { (number::duration(at(&convergence.seconds, place))) }
                            td class="n" { strong { (number::significant(at(&network.risk, place), 3)) } }
                            td class="n" { (number::interval(network.interval.get(place).copied().unwrap_or([f64::NAN; 2]), 3)) }
                            td class="n" { (number::significant(network.fitted(simulations as f64), 3)) }
                            @if squared { td class="n" { (number::significant(at(&network.squared, place), 2)) } }
                        }
                    }
                }
            }
        }
    }
}

fn at(numbers: &[f64], place: usize) -> f64 {
    numbers.get(place).copied().unwrap_or(f64::NAN)
}

fn fine(network: &Converging) -> String {
    let mut words = format!(
        "{} fresh data sets, the same for all numbers of simulations. Training: of all the study's networks.",
        number::count(network.data_sets)
    );
    if network.left_out > 0 {
        words += &format!(
            " {} more are left out: their exact posterior was not found.",
            number::count(network.left_out)
        );
    }
    if !network.squared.is_empty() {
        words += " Excess squared error: of the posterior mean, in prior variances of the parameters' \
                  coordinates.";
    }
    words
}
