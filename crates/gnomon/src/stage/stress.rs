//! Held-out mechanisms: networks that never saw a mechanism are asked about its data -> their error, the
//! coverage of their intervals, and how often the alarm about the data fires.

use gnomon_bank::Bank;
use gnomon_claim::exact::clopper_pearson;
use gnomon_examine::observed::Observed;
use gnomon_infer::truncation::Inside;
use gnomon_infer::{Amortized, Draws};
use serde::Serialize;

use super::answer::{ALARM_RATE, PriorRows, Typical, names, over_all, prior_rows};
use super::learn;
use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt;
use crate::population::Population;

/// Posterior draws for each data set, given each mechanism.
const DRAWS: usize = 400;
/// Data sets that are answered at a time.
const AT_ONCE: usize = 100;
/// Simulations that may fail for each that is wanted.
const MOST_TRIES: u64 = 100;
/// The error rate of intervals around shares.
const ERROR_RATE: f64 = 0.05;

/// What became of every mechanism that was left out.
#[derive(Clone, Debug, Serialize)]
pub struct Stress {
    /// Data sets of each mechanism.
    pub data_sets: usize,
    /// The probability of a false alarm about a data set, at most.
    pub alarm_rate: f64,
    /// `[learn] noise` of the networks.
    pub noise: f64,
    /// One a mechanism.
    pub without: Vec<Without>,
}

/// Networks without one mechanism, asked about data of every one.
#[derive(Clone, Debug, Serialize)]
pub struct Without {
    /// The mechanism that they never saw.
    pub mechanism: String,
    /// Data of it, then data of all others.
    pub of_it: Asked,
    /// The same about the mechanisms that they know.
    pub of_known: Asked,
}

/// Answers to data sets.
#[derive(Clone, Debug, Serialize)]
pub struct Asked {
    /// How many.
    pub data_sets: usize,
    /// Of how many an alarm was raised about the mechanisms.
    pub alarms: Share,
    /// What was said of each shared quantity that is known of the data sets and of a mechanism left.
    pub shared: Vec<Quantity>,
}

/// Answers about one quantity.
#[derive(Clone, Debug, Serialize)]
pub struct Quantity {
    /// Its name.
    pub name: String,
    /// Root mean square of posterior mean minus truth, in sds of the truth over all data sets.
    pub error: f64,
    /// Mean width of the 90 % intervals, in the same.
    pub width: f64,
    /// How often the 90 % interval covered the truth.
    pub coverage: Share,
    /// The same where no alarm was raised.
    pub coverage_without_alarm: Share,
    /// The same where one was.
    pub coverage_with_alarm: Share,
}

/// A share of data sets.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Share {
    /// How many of them.
    pub count: usize,
    /// Of how many.
    pub of: usize,
    /// The share; NaN of none.
    pub share: f64,
    /// Its 95 % confidence interval (Clopper & Pearson 1934).
    pub interval: [f64; 2],
}

impl Share {
    fn of(events: impl Iterator<Item = bool>) -> Self {
        let (mut count, mut of) = (0, 0);
        for event in events {
            count += usize::from(event);
            of += 1;
        }
        Self {
            count,
            of,
            share: count as f64 / of as f64,
            interval: clopper_pearson(count, of, ERROR_RATE),
        }
    }
}

/// Fresh data sets of one mechanism, with their truths.
struct Fresh {
    /// The given columns, row after row.
    given: Vec<f64>,
    /// The names of its quantities, and a column of each.
    quantities: Vec<(String, Vec<f64>)>,
}

/// One data set's answer.
struct Answered {
    alarm: bool,
    /// For each shared quantity of the study: truth, posterior mean and 90 % interval; `None` where its
    /// mechanism or all that are left lack it.
    shared: Vec<Option<[f64; 4]>>,
}

/// Trains without each mechanism in turn, on the bank's simulations of the others (networks that are there
/// already are kept), and asks about `data_sets` fresh ones of every mechanism.
///
/// # Errors
/// Where the study has one mechanism or several rounds; where training, a simulator or the disk fails, or
/// the user interrupts: finished networks are kept.
pub fn run(
    context: &Context,
    population: &Population<'_>,
    banks: &[Bank],
    data_sets: usize,
) -> Result<Stress, Failure> {
    let study = &context.study;
    let count = study.mechanisms.len();
    let fresh = (0..count)
        .map(|mechanism| simulate(context, population, mechanism, data_sets))
        .collect::<Result<Vec<Fresh>, _>>()?;
    let spreads: Vec<f64> = study
        .shared
        .iter()
        .map(|name| spread(&fresh, name))
        .collect();
    let prior = prior_rows(context, population)?;
    let mut all = Vec::new();
    for left_out in 0..count {
        let own = context.without(left_out);
        let name = study.mechanisms[left_out].name.clone();
        context.progress.say(&format!("Without {name}:"));
        let its_population = Population::new(&own.study)?;
        let amortized = learn::run(&own, &its_population, banks)?;
        let typical = typical(&own, &amortized, &prior, left_out)?;
        let bar = context
            .progress
            .bar("asking", "data sets", (count * data_sets) as u64);
        let mut known = Vec::new();
        let mut unknown = Vec::new();
        for (mechanism, fresh) in fresh.iter().enumerate() {
            let answered = ask(
                &own,
                &study.shared,
                &amortized,
                &typical,
                fresh,
                mechanism,
                &bar,
            )?;
            match mechanism == left_out {
                true => unknown = answered,
                false => known.extend(answered),
            }
        }
        bar.finish_and_clear();
        all.push(Without {
            mechanism: name,
            of_it: judge(&study.shared, &spreads, &unknown),
            of_known: judge(&study.shared, &spreads, &known),
        });
    }
    Ok(Stress {
        data_sets,
        alarm_rate: ALARM_RATE,
        noise: study.learn.noise,
        without: all,
    })
}

/// Refuses studies that have nothing to leave out.
///
/// # Errors
/// Where there is one mechanism, or several rounds.
pub fn check(context: &Context) -> Result<(), Failure> {
    if context.study.simulate.rounds > 1 {
        return Err(Failure::refused(
            "networks of several rounds answer one data set alone: there is nothing to stress",
            "leave `[simulate] rounds` out",
        ));
    }
    match context.study.mechanisms.len() {
        1 => Err(Failure::refused(
            "the study has one mechanism: none can be left out",
            "add a mechanism that could be true instead; `gnomon ask` and `gnomon mismatch` hold data \
             against a single one",
        )),
        _ => Ok(()),
    }
}

fn simulate(
    context: &Context,
    population: &Population<'_>,
    mechanism: usize,
    wanted: usize,
) -> Result<Fresh, Failure> {
    let own = &context.study.mechanisms[mechanism];
    let seed = context.seed_for(&format!("stress, data sets of {}", own.name));
    let width = context.study.given_columns().len();
    let mut fresh = Fresh {
        given: Vec::new(),
        quantities: names(own)
            .into_iter()
            .map(|name| (name, Vec::new()))
            .collect(),
    };
    let mut next = 0;
    while fresh.given.len() < wanted * width {
        interrupt::check()?;
        if next > MOST_TRIES * wanted as u64 {
            return Err(Failure::Simulation {
                message: format!("hardly any simulation of `{}` succeeds", own.name),
                help: Some("`gnomon bank info STUDY` lists the reasons".into()),
            });
        }
        let numbers: Vec<u64> = (next..next + wanted as u64).collect();
        next += numbers.len() as u64;
        let simulated = population.of(mechanism, seed, &numbers)?;
        fresh.given.extend(simulated.given);
        let columns = simulated.parameters.into_iter().chain(simulated.derived);
        for ((_, all), column) in fresh.quantities.iter_mut().zip(columns) {
            all.extend(column);
        }
    }
    fresh.given.truncate(wanted * width);
    // Data sets lack what the study's data lack, as everywhere.
    for entry in learn::missing_entries(context) {
        let column = fresh.given.iter_mut().skip(entry).step_by(width);
        column.for_each(|x| *x = f64::NAN);
    }
    Ok(fresh)
}

/// The sd of a quantity over the fresh data sets of all mechanisms that declare it.
fn spread(fresh: &[Fresh], name: &str) -> f64 {
    let own = fresh.iter().flat_map(|fresh| &fresh.quantities);
    let values: Vec<f64> = own
        .filter(|(other, _)| other == name)
        .flat_map(|(_, column)| column.iter().copied())
        .filter(|x| x.is_finite())
        .collect();
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt()
}

/// What the mechanisms that are left produce.
fn typical<'a>(
    own: &Context,
    amortized: &'a Amortized,
    prior: &PriorRows,
    left_out: usize,
) -> Result<Typical<'a>, Failure> {
    let width = own.study.given_columns().len();
    let rows = prior.given.chunks_exact(width).zip(&prior.chosen);
    let kept: Vec<(&[f64], usize)> = rows
        .filter(|(_, chosen)| **chosen != left_out)
        .map(|(row, &chosen)| (row, chosen))
        .collect();
    let known = PriorRows {
        chosen: kept.iter().map(|(_, chosen)| *chosen).collect(),
        given: kept.iter().flat_map(|(row, _)| *row).copied().collect(),
    };
    let mut form = vec![0.0; width];
    for entry in learn::missing_entries(own) {
        form[entry] = f64::NAN;
    }
    Typical::new(amortized, &form, &known, true)
}

fn ask(
    own: &Context,
    shared: &[String],
    amortized: &Amortized,
    typical: &Typical<'_>,
    fresh: &Fresh,
    mechanism: usize,
    bar: &indicatif::ProgressBar,
) -> Result<Vec<Answered>, Failure> {
    let wrong = |error: gnomon_infer::InferError| Failure::damaged(error, "learn anew");
    let study = &own.study;
    let width = study.given_columns().len();
    let declared: Vec<Vec<String>> = study.mechanisms.iter().map(names).collect();
    let truth = |name: &str| {
        let mut own = fresh.quantities.iter();
        own.find(|(other, _)| other == name)
            .map(|(_, column)| column)
    };
    let mut answers = Vec::new();
    for (part, chunk) in fresh.given.chunks(AT_ONCE * width).enumerate() {
        interrupt::check()?;
        let given = amortized.standardise(chunk).map_err(wrong)?;
        let probabilities = amortized.probabilities(&given).map_err(wrong)?;
        let seed = own.seed_for(&format!("stress, posterior of {mechanism}, part {part}"));
        let drawn = (0..study.mechanisms.len())
            .map(|mechanism| {
                let inside = Inside {
                    amortized,
                    mechanism,
                    region: None,
                };
                let restricted = inside.draw(&given, DRAWS, seed, interrupt::flag());
                Ok(restricted.map_err(Failure::region)?.draws)
            })
            .collect::<Result<Vec<Draws>, Failure>>()?;
        for (row, data) in chunk.chunks_exact(width).enumerate() {
            let weighed = Observed::new(typical.checks(data)?, ALARM_RATE);
            let told = |name: &String| {
                let truth = truth(name)?[part * AT_ONCE + row];
                let count = study.mechanisms.len();
                let own = &probabilities[row * count..(row + 1) * count];
                let each = declared.iter().zip(own).zip(&drawn);
                let parts: Vec<(f64, &[f64])> = each
                    .filter_map(|((names, &p), draws)| {
                        let place = names.iter().position(|other| other == name)?;
                        let column = draws.quantities().nth(place)?;
                        Some((p, &column[row * DRAWS..(row + 1) * DRAWS]))
                    })
                    .collect();
                let [mean, _, low, _, high] = match parts.as_slice() {
                    [] => return None,
                    parts => over_all(parts),
                };
                let all = [truth, mean, low, high];
                all.iter().all(|x| x.is_finite()).then_some(all)
            };
            answers.push(Answered {
                alarm: weighed.no_mechanism_fits(),
                shared: shared.iter().map(told).collect(),
            });
            bar.inc(1);
        }
    }
    Ok(answers)
}

fn judge(shared: &[String], spreads: &[f64], answers: &[Answered]) -> Asked {
    let quantity = |place: usize| {
        let told: Vec<(bool, [f64; 4])> = answers
            .iter()
            .filter_map(|answer| Some((answer.alarm, answer.shared[place]?)))
            .collect();
        if told.is_empty() {
            return None;
        }
        let n = told.len() as f64;
        let squares: f64 = told
            .iter()
            .map(|(_, [truth, mean, ..])| (mean - truth).powi(2))
            .sum();
        let widths: f64 = told.iter().map(|(_, [_, _, low, high])| high - low).sum();
        let covered = |wanted: &dyn Fn(bool) -> bool| {
            let own = told.iter().filter(|(alarm, _)| wanted(*alarm));
            Share::of(own.map(|(_, [truth, _, low, high])| low <= truth && truth <= high))
        };
        Some(Quantity {
            name: shared[place].clone(),
            error: (squares / n).sqrt() / spreads[place],
            width: widths / n / spreads[place],
            coverage: covered(&|_| true),
            coverage_without_alarm: covered(&|alarm| !alarm),
            coverage_with_alarm: covered(&|alarm| alarm),
        })
    };
    Asked {
        data_sets: answers.len(),
        alarms: Share::of(answers.iter().map(|answer| answer.alarm)),
        shared: (0..shared.len()).filter_map(quantity).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two data sets covered and quiet, one missed with an alarm, one missed in silence.
    #[test]
    fn answers_are_told_apart_by_their_alarms() {
        let answer = |alarm, [truth, mean, low, high]: [f64; 4]| Answered {
            alarm,
            shared: vec![None, Some([truth, mean, low, high])],
        };
        let answers = [
            answer(false, [1.0, 1.0, 0.0, 2.0]),
            answer(false, [1.0, 1.0, 0.0, 2.0]),
            answer(true, [5.0, 1.0, 0.0, 2.0]),
            answer(false, [-3.0, 1.0, 0.0, 2.0]),
        ];
        let asked = judge(&["a".into(), "b".into()], &[1.0, 2.0], &answers);
        assert_eq!((asked.alarms.count, asked.alarms.of), (1, 4));
        let [b] = asked.shared.as_slice() else {
            unreachable!("{asked:?}")
        };
        assert_eq!(b.name, "b");
        assert!((b.error - 8f64.sqrt() / 2.0).abs() < 1e-12 && b.width == 1.0);
        let counts = |share: Share| (share.count, share.of);
        assert_eq!(counts(b.coverage), (2, 4));
        assert_eq!(counts(b.coverage_without_alarm), (2, 3));
        assert_eq!(counts(b.coverage_with_alarm), (0, 1));
    }
}
