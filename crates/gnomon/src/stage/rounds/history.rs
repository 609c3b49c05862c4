//! How the answer came about round by round, and what each round cost.

use gnomon_infer::truncation::{Candidates, Region};
use gnomon_infer::{Amortized, Summary};
use gnomon_learn::matrix::Matrix;
use gnomon_report::content::Round;
use serde::{Deserialize, Serialize};

use super::{MECHANISM, Simulated, sizes};
use crate::context::Context;
use crate::failure::Failure;
use crate::stage::answer::{draw, names};
use crate::stage::{learn, simulate};
use crate::stamp::Stamp;

/// Draws behind the numbers of one round.
const DRAWS: usize = 20_000;

/// A round's posterior in numbers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Posterior {
    names: Vec<String>,
    mean: Vec<f64>,
    sd: Vec<f64>,
}

impl Posterior {
    /// Of every quantity that varies, inside the region that the networks learned in.
    pub fn of(
        context: &Context,
        amortized: &Amortized,
        within: Option<&Region>,
        given: &Matrix,
    ) -> Result<Self, Failure> {
        let seed = context.seed_for("posterior of a round");
        let (draws, _) = draw(amortized, within, MECHANISM, given, DRAWS, seed)?;
        let names = names(&context.study.mechanisms[MECHANISM]);
        let all = names.into_iter().zip(draws.quantities().map(Summary::of));
        let all: Vec<(String, Summary)> = all.filter(|(_, s)| s.sd > 0.0).collect();
        Ok(Self {
            mean: all.iter().map(|(_, s)| s.mean).collect(),
            sd: all.iter().map(|(_, s)| s.sd).collect(),
            names: all.into_iter().map(|(name, _)| name).collect(),
        })
    }

    /// The quantity whose mean moved farthest since `before`, and how far, in its present sds.
    fn shift(&self, before: &Self) -> (String, f64) {
        let shift = |k: usize| (self.mean[k] - before.mean[k]) / self.sd[k];
        self.farthest(before, shift)
    }

    /// The quantity whose sd changed most since `before`, and the ratio.
    fn spread(&self, before: &Self) -> (String, f64) {
        let log_ratio = |k: usize| (self.sd[k] / before.sd[k]).ln();
        let (name, log) = self.farthest(before, log_ratio);
        (name, log.exp())
    }

    fn farthest(&self, before: &Self, of: impl Fn(usize) -> f64) -> (String, f64) {
        if self.names != before.names {
            return (String::new(), f64::NAN);
        }
        let all = (0..self.names.len()).map(|k| (k, of(k)));
        let farthest = all.max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
        farthest.map_or((String::new(), f64::NAN), |(k, value)| {
            (self.names[k].clone(), value)
        })
    }
}

/// Every round of a study that has several; `amortized` are the networks of the last one.
///
/// # Errors
/// Where a bank is damaged or a network cannot be run.
pub fn history(
    context: &Context,
    simulated: &Simulated<'_>,
    amortized: &Amortized,
) -> Result<Vec<Round>, Failure> {
    let sizes = sizes(context);
    if sizes.len() == 1 {
        return Ok(Vec::new());
    }
    let given = amortized
        .standardise(context.data()?)
        .map_err(|error| Failure::damaged(error, "learn anew"))?;
    let mut posteriors: Vec<Posterior> = simulated
        .ends
        .iter()
        .map(|end| end.posterior.clone())
        .collect();
    posteriors.push(Posterior::of(
        context,
        amortized,
        simulated.population.region(),
        &given,
    )?);
    let mut all = Vec::new();
    for (place, (&size, bank)) in sizes.iter().zip(&simulated.banks).enumerate() {
        let failed = |failure: &Option<String>| failure.is_some();
        let table = bank.read_columns(&[])?;
        let own = table.rows.failure.iter().take(size as usize);
        let cut = place
            .checked_sub(1)
            .map(|before| &simulated.ends[before].cut);
        let folder = context.of_round(place + 1).results();
        let learned_in = match simulated.ends.get(place) {
            Some(_) => folder.clone(),
            None => context.results(),
        };
        let seconds = |folder, stage| {
            let stamp = Stamp::read(folder, stage);
            let costs = stamp.into_iter().flat_map(|stamp| stamp.cost);
            costs.map(|cost| cost.seconds).sum::<f64>()
        };
        let (own_posterior, before) = (
            &posteriors[place],
            place.checked_sub(1).map(|before| &posteriors[before]),
        );
        let (moved, shift) = before.map_or((String::new(), f64::NAN), |b| own_posterior.shift(b));
        let (spread_of, spread) =
            before.map_or((String::new(), f64::NAN), |b| own_posterior.spread(b));
        let region_seconds = simulated.ends.get(place).map_or(0.0, |end| end.seconds);
        all.push(Round {
            simulations: size,
            failed: own.filter(|failure| failed(failure)).count() as u64,
            candidates: match cut.map(|cut| cut.candidates) {
                None => "the prior".into(),
                Some(Candidates::Prior) => "the prior within the region's bounds".into(),
                Some(Candidates::Network) => "the network, weighed by the prior".into(),
            },
            acceptance: cut.map_or(1.0, |cut| cut.acceptance),
            mass: cut.map_or(1.0, |cut| cut.mass),
            simulating: seconds(&folder, simulate::STAGE),
            learning: seconds(&learned_in, learn::STAGE) + region_seconds,
            names: own_posterior.names.clone(),
            mean: own_posterior.mean.clone(),
            sd: own_posterior.sd.clone(),
            moved,
            shift,
            spread_of,
            spread,
        });
    }
    Ok(all)
}
