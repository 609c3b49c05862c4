//! `gnomon converge`: the networks' risk against the number of simulations.

use std::path::Path;

use gnomon::failure::Failure;
use gnomon::population::Population;
use gnomon::report::content::{Convergence, Converging};
use gnomon::report::figures::convergence::name;
use gnomon::stage::converge;
use serde_json::json;

use super::Session;
use super::output::{significant, wrap};
use super::study::read;

/// What the user wishes.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Numbers of simulations; empty for the default ones.
    pub simulations: &'a [u64],
    /// Fresh data sets.
    pub data_sets: u32,
    /// Where to write.
    pub folder: Option<&'a Path>,
}

/// Trains, tests, and tells.
pub fn execute(session: &Session, path: &Path, asked: Asked<'_>) -> Result<(), Failure> {
    let context = read(session, path)?;
    let population = Population::new(&context.study)?;
    let found = converge::run(
        &context,
        &population,
        asked.simulations,
        asked.data_sets as usize,
        asked.folder,
    )?;
    let convergence = &found.convergence;
    let mut text = String::new();
    for network in &convergence.networks {
        text += &table(convergence, network);
    }
    text += &format!("Page: {}", found.page.display());
    let value = json!({
        "simulations": convergence.simulations,
        "seconds": convergence.seconds,
        "networks": convergence.networks,
        "page": found.page,
    });
    session.output.result(&text, &value)
}

fn table(convergence: &Convergence, network: &Converging) -> String {
    let risk = match network.is_excess {
        true => "excess, nats",
        false => "loss, nats",
    };
    let mut text = format!(
        "{}, {} fresh data sets\n  {:>11}  {:>10}  {:>12}  95 % interval\n",
        name(network),
        network.data_sets,
        "simulations",
        "training",
        risk
    );
    let rows = convergence.simulations.iter().zip(&convergence.seconds);
    let rows = rows.zip(network.risk.iter().zip(&network.interval));
    for ((simulations, seconds), (risk, interval)) in rows {
        let [low, high] = interval.map(significant);
        text += &format!(
            "  {simulations:>11}  {seconds:>8.1} s  {:>12}  {low} to {high}\n",
            significant(*risk)
        );
    }
    if network.left_out > 0 {
        let left_out = network.left_out;
        text += &format!("  {left_out} data sets left out: their exact posterior was not found\n");
    }
    for line in wrap(&network.words, 86) {
        text += &format!("  {line}\n");
    }
    text + "\n"
}
