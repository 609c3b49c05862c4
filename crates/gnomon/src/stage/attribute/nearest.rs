//! The simulations most like one data set, with their numbers from the bank.

use std::collections::BTreeMap;

use gnomon_bank::Table;
use gnomon_infer::amortized::Question;
use gnomon_infer::attribution::{Attributor, Targets, Weighted, shares};
use gnomon_report::content;

use super::gather::{Embedding, Eye};
use super::{Attributors, Learned};
use crate::context::Context;
use crate::failure::Failure;
use crate::stage::answer::{Answer, names, standardise};
use crate::stage::learn;
use crate::stage::usable::Usable;

/// Levels of the quantiles that a summary holds.
const LEVELS: [f64; 7] = [0.025, 0.05, 0.25, 0.5, 0.75, 0.95, 0.975];

/// What stands for the data, of each mechanism with free parameters.
pub(super) fn given(
    context: &Context,
    learned: Learned<'_>,
    usable: &Usable<'_>,
    attributors: &Attributors,
    data: &[f64],
    answer: &Answer,
    count: usize,
) -> Result<Vec<content::Alike>, Failure> {
    let probabilities = match &attributors.mechanism {
        None => Vec::new(),
        Some(attributor) => {
            let near = look(context, learned, Question::Mechanism, attributor, data)?;
            probabilities(learned, attributor, &near)
        }
    };
    let mut all = Vec::new();
    for (mechanism, attributor) in attributors.parameters.iter().enumerate() {
        let Some(attributor) = attributor else {
            continue;
        };
        let own = &context.study.mechanisms[mechanism];
        let question = Question::Parameters(mechanism);
        let near = look(context, learned, question, attributor, data)?;
        // What is told of the mechanism is what the answer tells of it.
        let told = answer.posteriors.iter().find(|p| p.mechanism == own.name);
        let told = told.cloned().unwrap_or_default();
        let places: Vec<usize> = (told.quantities.iter())
            .filter_map(|asked| names(own).iter().position(|name| *name == asked.name))
            .collect();
        let columns = quantities(learned, mechanism, attributor, &near);
        let summaries = places.iter().map(|&place| summary(&near, &columns[place]));
        all.push(content::Alike {
            mechanism: own.name.clone(),
            searched: attributor.simulations().numbers.len() as u64,
            near: near.rows.len() as u64,
            effective: near.effective,
            bandwidth: near.bandwidth,
            as_isolated: attributor.as_isolated(near.bandwidth),
            probability: probabilities.get(mechanism).copied().unwrap_or(f64::NAN),
            summaries: summaries.collect(),
            nearest: nearest(
                context,
                learned,
                usable,
                attributor,
                &near,
                (mechanism, &places),
                count,
            )?,
            quantities: told.quantities,
            refined: told.subject == content::Subject::Refined,
            posterior: told.summaries,
        });
    }
    Ok(all)
}

/// The simulations that stand for the data.
fn look(
    context: &Context,
    learned: Learned<'_>,
    question: Question,
    attributor: &Attributor,
    data: &[f64],
) -> Result<Weighted, Failure> {
    let eye = Eye::new(context, learned.amortized, question, Embedding::Trained);
    let given = standardise(context, learned.amortized, data)?;
    let found = attributor.attribute(&eye.features(&given)?);
    Ok(found.into_iter().next().unwrap_or_default())
}

/// The mechanisms' probabilities by the shares of the nearest simulations, under the study's prior.
pub(super) fn probabilities(
    learned: Learned<'_>,
    attributor: &Attributor,
    near: &Weighted,
) -> Vec<f64> {
    let Targets::Classes { of, count } = &attributor.simulations().targets else {
        return Vec::new();
    };
    let tilt = &learned.amortized.networks().tilt;
    let shares = shares(near, of, *count);
    let tilted: Vec<f64> = shares
        .iter()
        .zip(tilt)
        .map(|(share, tilt)| share * tilt)
        .collect();
    let sum: f64 = tilted.iter().sum();
    if sum <= 0.0 {
        return vec![1.0 / *count as f64; *count];
    }
    tilted.iter().map(|share| share / sum).collect()
}

/// Every quantity of the simulations that have a weight: one column each.
fn quantities(
    learned: Learned<'_>,
    mechanism: usize,
    attributor: &Attributor,
    near: &Weighted,
) -> Vec<Vec<f64>> {
    let Targets::Scores(scores) = &attributor.simulations().targets else {
        return Vec::new();
    };
    let own: Vec<f32> = near
        .rows
        .iter()
        .flat_map(|&row| scores.row(row))
        .copied()
        .collect();
    let mut columns = learned.amortized.coordinates(mechanism).to_parameters(&own);
    columns.extend(learned.amortized.derived(mechanism, &columns));
    columns
}

fn summary(near: &Weighted, values: &[f64]) -> content::Summary {
    let pairs = || {
        values
            .iter()
            .zip(&near.weights)
            .filter(|(x, _)| x.is_finite())
    };
    let total: f64 = pairs().map(|(_, w)| w).sum();
    let mean = pairs().map(|(x, w)| x * w).sum::<f64>() / total;
    let square = pairs().map(|(x, w)| w * (x - mean).powi(2)).sum::<f64>() / total;
    let q = near.quantiles(values, &LEVELS);
    content::Summary {
        mean,
        // Unbiased for independent simulations with weights that do not depend on them.
        sd: (square / (1.0 - 1.0 / near.effective)).sqrt(),
        median: q[3],
        interval_50: [q[2], q[4]],
        interval_90: [q[1], q[5]],
        interval_95: [q[0], q[6]],
        ..content::Summary::default()
    }
}

/// The first `count` simulations as the bank has them, with the quantities at `places` of a mechanism's.
fn nearest(
    context: &Context,
    learned: Learned<'_>,
    usable: &Usable<'_>,
    attributor: &Attributor,
    near: &Weighted,
    (mechanism, places): (usize, &[usize]),
    count: usize,
) -> Result<Vec<content::Nearest>, Failure> {
    let simulations = attributor.simulations();
    let mut shards: BTreeMap<u32, Table> = BTreeMap::new();
    let mut all = Vec::new();
    for (place, &row) in near.rows.iter().take(count).enumerate() {
        let (number, shard) = (simulations.numbers[row], simulations.shards[row]);
        let table = match shards.entry(shard) {
            std::collections::btree_map::Entry::Occupied(there) => there.into_mut(),
            std::collections::btree_map::Entry::Vacant(empty) => {
                empty.insert(usable.read_shard(shard as usize)?)
            }
        };
        let found = table.rows.simulation.binary_search(&number);
        let at = found.map_err(|_| {
            Failure::damaged(format!("the bank lacks simulation {number}"), "learn anew")
        })?;
        let given = learn::given_rows(context, table, [at].into_iter())?;
        let own = &context.study.mechanisms[mechanism];
        let mut values: Vec<Vec<f64>> = (own.parameters.iter())
            .map(|p| {
                table
                    .column(&p.name)
                    .map_or(vec![f64::NAN], |c| vec![c[at]])
            })
            .collect();
        values.extend(learned.amortized.derived(mechanism, &values));
        let mut left = given.as_slice();
        let series = context.study.given.iter().map(|series| {
            let (own, others) = left.split_at(series.times.len());
            left = others;
            own.to_vec()
        });
        all.push(content::Nearest {
            simulation: number,
            weight: near.weights[place],
            distance: near.distances[place],
            series: series.collect(),
            values: places.iter().map(|&place| values[place][0]).collect(),
        });
    }
    Ok(all)
}
