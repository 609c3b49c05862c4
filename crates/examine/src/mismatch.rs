//! Do many real data sets come from the simulator? A classifier that tells them from fresh simulations proves
//! that they do not: data sets -> features -> pairs of a real and a simulated one, each judged by a classifier
//! that has seen only the pairs before it -> a lower bound of the total variation distance.
//!
//! Given the past, a classifier calls a real data set real more often than a simulated one by at most TV, the
//! total variation distance of their laws. So the differences over pairs have means of at most TV whatever the
//! classifier is, and a betting bound (Waudby-Smith & Ramdas 2024) of their mean holds at any number of pairs.
//! Judgements of a cross-fitting, whose classifiers share rows that others judge, would give no such bound.

mod logistic;

use crate::ExamineError;
use crate::error::shape;
use crate::observed::entries::{Entries, Expected};
use crate::observed::predictive::{SERIES_SUMMARIES, series_summaries};
use gnomon_claim::betting::{Side, bound};
use gnomon_mechanism::elementary;
use gnomon_mechanism::random::{Purpose, Stream};
use logistic::Logistic;

/// Real data sets without which nothing can be told.
pub const FEWEST: usize = 50;
/// Series' entries are features themselves where there are at most so many of them.
const MOST_ENTRIES: usize = 100;
/// The share of pairs that is only learned from.
const FIRST: f64 = 0.2;
/// Blocks in which the others are judged, each by a classifier that knows those before.
const BLOCKS: usize = 16;
/// Penalties of the classifiers, on squared weights of features with sd 1, for each pair learned from. They
/// are mixed by how well they predicted so far.
const RIDGES: [f64; 3] = [0.01, 0.1, 1.0];
/// Shuffles behind a feature's importance.
const SHUFFLES: u64 = 5;
/// Features that are named of a group.
const LARGEST: usize = 3;

/// What real data sets have that simulated ones have not.
#[derive(Clone, Debug, PartialEq)]
pub struct Mismatch {
    /// Real data sets.
    pub real: usize,
    /// Pairs that were judged.
    pub pairs: usize,
    /// The share of judged data sets of which it was told whether they are real.
    pub accuracy: f64,
    /// The lower confidence bound of the share that the best classifier tells.
    pub accuracy_at_least: f64,
    /// The lower confidence bound of the total variation distance between real and simulated data sets.
    pub total_variation_at_least: f64,
    /// The probability that the bounds do not hold is at most this.
    pub error_rate: f64,
    /// What the classifiers went by, most important first; those alone whose shuffling costs accuracy.
    pub drivers: Vec<Driver>,
    /// How many features there are, each of which was shuffled alone.
    pub features: usize,
    /// The same of features that go together, shuffled together: what several say alike, none of them is missed
    /// for. All that were tried, most important first.
    pub groups: Vec<Group>,
}

/// A feature that tells real data sets from simulated ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Driver {
    /// What it is, such as `y_3`, or `y, mean`.
    pub feature: String,
    /// Accuracy that is lost when its values are shuffled over the judged data sets.
    pub accuracy_lost: f64,
    /// How much higher it is in real data sets, in sds of simulated ones.
    pub difference: f64,
}

/// Features that were shuffled together.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// What they are, such as `all entries of y`.
    pub name: String,
    /// Accuracy that is lost when data sets swap all of them.
    pub accuracy_lost: f64,
    /// Those of them in which real data sets differ most, with their differences as in [`Driver`].
    pub largest: Vec<(String, f64)>,
}

/// Judges `real` (N rows, at least [`FEWEST`]) against `simulated` (at least N rows and two; the first N are
/// paired with real ones, the others only learned from); the columns are those of `series` (name and length),
/// NaN is missing. A function of these and the seed alone.
///
/// # Errors
/// [`ExamineError`] when the arrays contradict one another, or there are too few rows.
pub fn tell(
    real: &[f64],
    simulated: &[f64],
    series: &[(String, usize)],
    error_rate: f64,
    seed: u64,
) -> Result<Mismatch, ExamineError> {
    let width: usize = series.iter().map(|(_, length)| length).sum();
    let rows = |array: &[f64]| array.len() / width.max(1);
    shape("real entries", real.len(), rows(real).max(FEWEST) * width)?;
    let least = rows(simulated).max(rows(real)).max(2);
    shape("simulated entries", simulated.len(), least * width)?;
    let features = Features::new(simulated, series)?;
    let mut real = features.of(real);
    let simulated = features.of(simulated);
    let mut stream = Stream::new(seed, Purpose::CLAIM, 0);
    stream.shuffle(&mut real);
    let (paired, background) = simulated.split_at(real.len());
    let judged = judge(&real, paired, background);
    let outcomes: Vec<f64> = judged
        .iter()
        .flat_map(|block| block.outcomes(|row| row.to_vec()))
        .collect();
    let accuracy_at_least =
        bound(&outcomes, Side::Greater, error_rate, Some(outcomes.len())).max(0.5);
    let accuracy = mean(outcomes.iter().copied());
    let shuffles = Shuffles::new(&features.names, &judged, accuracy, seed);
    Ok(Mismatch {
        real: real.len(),
        pairs: outcomes.len(),
        accuracy,
        accuracy_at_least,
        total_variation_at_least: 2.0 * accuracy_at_least - 1.0,
        error_rate,
        drivers: shuffles.drivers(),
        features: features.names.len(),
        groups: shuffles.groups(&features.groups()),
    })
}

/// What is learned from: entries, summaries of series, and how entries scatter about what the others say.
struct Features {
    names: Vec<String>,
    /// The series that each is of.
    of: Vec<String>,
    lengths: Vec<usize>,
    alone: Entries,
    beside: Option<Entries>,
    with_entries: bool,
    scales: Vec<[f64; 2]>,
}

impl Features {
    fn new(simulated: &[f64], series: &[(String, usize)]) -> Result<Self, ExamineError> {
        let width: usize = series.iter().map(|(_, length)| length).sum();
        let with_entries = width <= MOST_ENTRIES;
        let beside = match width {
            2..=MOST_ENTRIES => Some(Entries::measure(
                simulated,
                width,
                Expected::ByOtherEntries,
            )?),
            _ => None,
        };
        let names = names(series, with_entries, beside.is_some());
        let mut features = Self {
            names: names.iter().map(|(name, _)| name.clone()).collect(),
            of: names.into_iter().map(|(_, series)| series).collect(),
            lengths: series.iter().map(|(_, length)| *length).collect(),
            alone: Entries::measure(simulated, width, Expected::BySimulations)?,
            beside,
            with_entries,
            scales: Vec::new(),
        };
        let raw: Vec<Vec<f64>> = simulated
            .chunks_exact(width)
            .map(|row| features.raw(row))
            .collect();
        features.scales = (0..features.names.len())
            .map(|column| {
                let values = || raw.iter().map(|row| row[column]).filter(|x| !x.is_nan());
                let centre = mean(values());
                [centre, mean(values().map(|x| (x - centre).powi(2))).sqrt()]
            })
            .collect();
        for (name, [_, sd]) in features.names.iter_mut().zip(&features.scales) {
            if *sd <= 1e-9 {
                *name += " (never varies in simulations)";
            }
        }
        Ok(features)
    }

    /// Features that say much the same, by their places: the entries of a series, and its summaries; with
    /// several series, also all that is of one.
    fn groups(&self) -> Vec<(String, Vec<usize>)> {
        let of = |what: &str, series: &str, keep: &dyn Fn(&str) -> bool| {
            let own = self.names.iter().zip(&self.of).enumerate();
            let own = own.filter(|(_, (name, of))| *of == series && keep(name));
            (
                format!("all {what} of {series}"),
                own.map(|(place, _)| place).collect(),
            )
        };
        let mut series: Vec<&str> = self.of.iter().map(String::as_str).collect();
        series.sort_unstable();
        series.dedup();
        let mut groups: Vec<(String, Vec<usize>)> = Vec::new();
        for &one in &series {
            groups.push(of("entries", one, &|name| !name.contains(", ")));
            groups.push(of("summaries", one, &|name| name.contains(", ")));
            if series.len() > 1 {
                groups.push(of("features", one, &|_| true));
            }
        }
        groups.retain(|(_, places)| places.len() > 1);
        groups
    }

    /// The features of data sets, each with mean 0 and sd 1 in simulations; 0 where there is none.
    fn of(&self, rows: &[f64]) -> Vec<Vec<f64>> {
        let width: usize = self.lengths.iter().sum();
        let scaled = |row: &[f64]| {
            let both = self.raw(row).into_iter().zip(&self.scales);
            both.map(|(x, &[centre, sd])| match x - centre {
                difference if !difference.is_finite() || difference.abs() <= 1e-9 => 0.0,
                // What is the same in all simulations tells real ones apart where it is not.
                difference if sd > 1e-9 => (difference / sd).clamp(-10.0, 10.0),
                difference => 10_f64.copysign(difference),
            })
            .collect()
        };
        rows.chunks_exact(width).map(scaled).collect()
    }

    /// Entries in sds, far ones drawn nearer (asinh), and what is made of them.
    fn raw(&self, row: &[f64]) -> Vec<f64> {
        let near = |x: f64| {
            let a = x.abs();
            elementary::ln(a + (a * a + 1.0).sqrt()).copysign(x)
        };
        let alone = self.alone.deviations(row);
        let mut entries: Vec<f64> = alone.iter().map(|&x| near(x)).collect();
        for (entry, x) in entries.iter_mut().zip(row) {
            if x.is_nan() {
                *entry = f64::NAN;
            }
        }
        let mut features = if self.with_entries {
            entries.clone()
        } else {
            Vec::new()
        };
        let beside = self.beside.as_ref().map(|beside| beside.deviations(row));
        let mut first = 0;
        for &length in &self.lengths {
            let own = first..first + length;
            first = own.end;
            if length >= SHORTEST {
                features.extend(series_summaries(&entries[own.clone()]));
            }
            if let Some(beside) = &beside {
                features.push(near(mean(beside[own].iter().map(|z| z * z)).sqrt()));
            }
        }
        features
    }
}

/// Series of fewer entries are their own summaries.
const SHORTEST: usize = 4;

/// Each feature's name, and the series that it is of.
fn names(series: &[(String, usize)], with_entries: bool, beside: bool) -> Vec<(String, String)> {
    let mut names = Vec::new();
    for (name, length) in series.iter().filter(|_| with_entries) {
        match length {
            1 => names.push((name.clone(), name.clone())),
            _ => names.extend((1..=*length).map(|k| (format!("{name}_{k}"), name.clone()))),
        }
    }
    for (name, length) in series {
        if *length >= SHORTEST {
            let summaries = SERIES_SUMMARIES.iter();
            names.extend(summaries.map(|what| (format!("{name}, {what}"), name.clone())));
        }
        if beside {
            let scatter = format!("{name}, scatter of entries beside the others");
            names.push((scatter, name.clone()));
        }
    }
    names
}

/// Pairs, and the classifiers that judge them.
struct Block<'a> {
    real: &'a [Vec<f64>],
    simulated: &'a [Vec<f64>],
    experts: Vec<(f64, Logistic)>,
}

impl Block<'_> {
    /// The probability that a data set is real, by all experts.
    fn probability(&self, row: &[f64]) -> f64 {
        let each = self.experts.iter();
        each.map(|(weight, expert)| weight * expert.probability(row))
            .sum()
    }

    /// The share of each pair of which it is told whether it is real: 0, 1/2 or 1.
    fn outcomes(&self, seen_as: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
        let called = |row: &[f64]| self.probability(&seen_as(row)) > 0.5;
        let pairs = self.real.iter().zip(self.simulated);
        pairs
            .map(|(real, simulated)| {
                let right = [called(real), !called(simulated)];
                right.iter().filter(|&&right| right).count() as f64 / 2.0
            })
            .collect()
    }
}

/// Learns from the first pairs, judges the next, learns from these, too, and so on.
fn judge<'a>(
    real: &'a [Vec<f64>],
    simulated: &'a [Vec<f64>],
    background: &[Vec<f64>],
) -> Vec<Block<'a>> {
    let n = real.len();
    let first = (FIRST * n as f64).ceil() as usize;
    let step = (n - first).div_ceil(BLOCKS).max(1);
    let mut logs = [0.0; RIDGES.len()];
    let mut latest: Vec<Option<Logistic>> = vec![None; RIDGES.len()];
    let mut blocks = Vec::new();
    for begin in (first..n).step_by(step) {
        let end = n.min(begin + step);
        let negatives: Vec<&[f64]> = simulated[..begin]
            .iter()
            .chain(background)
            .map(Vec::as_slice)
            .collect();
        let positives: Vec<&[f64]> = real[..begin].iter().map(Vec::as_slice).collect();
        for (expert, ridge) in latest.iter_mut().zip(RIDGES) {
            let penalty = ridge * begin as f64;
            *expert = Some(Logistic::fit(
                &positives,
                &negatives,
                penalty,
                expert.take(),
            ));
        }
        let best = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights = logs.map(|log| elementary::exp(log - best));
        let total: f64 = weights.iter().sum();
        let experts = weights.iter().zip(&latest);
        let experts = experts.filter_map(|(w, expert)| Some((w / total, expert.clone()?)));
        let block = Block {
            real: &real[begin..end],
            simulated: &simulated[begin..end],
            experts: experts.collect(),
        };
        for (log, (_, expert)) in logs.iter_mut().zip(&block.experts) {
            let told = |p: f64| elementary::ln(p.max(1e-6));
            *log += block
                .real
                .iter()
                .map(|row| told(expert.probability(row)))
                .sum::<f64>();
            let simulated = block.simulated.iter();
            *log += simulated
                .map(|row| told(1.0 - expert.probability(row)))
                .sum::<f64>();
        }
        blocks.push(block);
    }
    blocks
}

/// Permutation importance (Breiman 2001) of features over the judged data sets.
struct Shuffles<'a> {
    names: &'a [String],
    blocks: &'a [Block<'a>],
    /// All real data sets, then all simulated ones.
    rows: Vec<&'a [f64]>,
    accuracy: f64,
    seed: u64,
    /// Of each feature: how much higher it is in real data sets.
    differences: Vec<f64>,
}

impl<'a> Shuffles<'a> {
    fn new(names: &'a [String], blocks: &'a [Block<'a>], accuracy: f64, seed: u64) -> Self {
        let real = || blocks.iter().flat_map(|block| block.real);
        let simulated = || blocks.iter().flat_map(|block| block.simulated);
        let difference = |place: usize| {
            mean(real().map(|row| row[place])) - mean(simulated().map(|row| row[place]))
        };
        Self {
            differences: (0..names.len()).map(difference).collect(),
            rows: real().chain(simulated()).map(Vec::as_slice).collect(),
            names,
            blocks,
            accuracy,
            seed,
        }
    }

    /// The accuracy that is lost when data sets swap these features, on average over shuffles; `number` marks
    /// their random numbers.
    fn lost(&self, places: &[usize], number: usize) -> f64 {
        let mut pool = self.rows.clone();
        let mut lost = 0.0;
        for shuffle in 0..SHUFFLES {
            let index = ((number as u64) << 8) | (shuffle + 1);
            Stream::new(self.seed, Purpose::CLAIM, index).shuffle(&mut pool);
            let next = std::cell::Cell::new(0);
            let shuffled = |row: &[f64]| {
                let mut row = row.to_vec();
                let other = pool[next.replace(next.get() + 1)];
                places.iter().for_each(|&place| row[place] = other[place]);
                row
            };
            let outcomes = self.blocks.iter();
            let outcomes = outcomes.flat_map(|block| block.outcomes(shuffled));
            lost += (self.accuracy - mean(outcomes)) / SHUFFLES as f64;
        }
        lost
    }

    fn drivers(&self) -> Vec<Driver> {
        let driver = |place: usize| Driver {
            feature: self.names[place].clone(),
            accuracy_lost: self.lost(&[place], place),
            difference: self.differences[place],
        };
        let all = (0..self.names.len()).map(driver);
        let mut drivers: Vec<Driver> = all.filter(|driver| driver.accuracy_lost > 0.0).collect();
        drivers.sort_by(|a, b| b.accuracy_lost.total_cmp(&a.accuracy_lost));
        drivers
    }

    fn groups(&self, groups: &[(String, Vec<usize>)]) -> Vec<Group> {
        let group = |(number, (name, places)): (usize, &(String, Vec<usize>))| {
            let mut largest: Vec<(String, f64)> = places
                .iter()
                .map(|&place| (self.names[place].clone(), self.differences[place]))
                .collect();
            largest.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
            largest.truncate(LARGEST);
            Group {
                name: name.clone(),
                accuracy_lost: self.lost(places, self.names.len() + number),
                largest,
            }
        };
        let mut groups: Vec<Group> = groups.iter().enumerate().map(group).collect();
        groups.sort_by(|a, b| b.accuracy_lost.total_cmp(&a.accuracy_lost));
        groups
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), x| (sum + x, count + 1.0));
    sum / f64::max(count, 1.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const LENGTH: usize = 10;

    /// Lines with noise: `sd` of their noise, `shift` of their last three entries.
    fn lines(rows: usize, sd: f64, shift: f64, seed: u64) -> Vec<f64> {
        let mut stream = Stream::new(seed, Purpose::CLAIM, 0);
        let mut all = Vec::new();
        for _ in 0..rows {
            let (level, slope) = (stream.normal(), stream.normal());
            for i in 0..LENGTH {
                let regime = if i >= LENGTH - 3 { shift } else { 0.0 };
                all.push(level + 0.2 * slope * i as f64 + regime + sd * stream.normal());
            }
        }
        all
    }

    fn told(real: &[f64], seed: u64) -> Mismatch {
        let rows = real.len() / LENGTH;
        let simulated = lines(rows + 300, 0.3, 0.0, seed + 1000);
        let series = [("y".to_owned(), LENGTH)];
        tell(real, &simulated, &series, 0.05, seed).unwrap()
    }

    /// Real data sets of the simulator: a mismatch is proved in at most 5 % of 60 studies. More than 9 of
    /// them has probability below 1e-3.
    #[test]
    fn a_simulator_that_is_right_is_rarely_proved_wrong() {
        let proved = (0..60)
            .filter(|&seed| told(&lines(60, 0.3, 0.0, seed), seed).accuracy_at_least > 0.5)
            .count();
        assert!(proved <= 9, "{proved}");
    }

    /// Twice the noise, in 60 series of 10: proved in nearly all studies, and by how entries scatter.
    #[test]
    fn more_noise_is_proved_by_its_scatter() {
        let mut proved = 0;
        for seed in 0..20 {
            let found = told(&lines(60, 0.6, 0.0, seed), seed);
            proved += usize::from(found.total_variation_at_least > 0.1);
            let first = &found.drivers[0];
            assert!(
                first.feature.contains("scatter") && first.difference > 1.0,
                "{found:?}"
            );
        }
        assert!(proved >= 18, "{proved}");
    }

    #[test]
    fn a_changed_regime_is_proved_and_bounds_are_below_the_truth() {
        let found = told(&lines(200, 0.3, 1.0, 5), 5);
        assert!(found.total_variation_at_least > 0.3, "{found:?}");
        assert!(found.accuracy_at_least < found.accuracy && found.accuracy <= 1.0);
        assert_eq!((found.real, found.pairs), (200, 160));
    }

    /// Shifted normal numbers with a total variation distance of 2 Phi(1/4) - 1 = .197: the bound of 95 %
    /// lies above it in at most 5 % of 60 studies.
    #[test]
    fn the_bound_is_rarely_above_the_distance() {
        let normal = |rows: usize, shift: f64, seed: u64| -> Vec<f64> {
            let mut stream = Stream::new(seed, Purpose::CLAIM, 0);
            (0..rows).map(|_| stream.normal() + shift).collect()
        };
        let series = [("y".to_owned(), 1)];
        let above = (0..60)
            .filter(|&seed| {
                let (real, simulated) = (normal(100, 0.5, seed), normal(400, 0.0, seed + 1000));
                let found = tell(&real, &simulated, &series, 0.05, seed).unwrap();
                found.total_variation_at_least > 0.1974
            })
            .count();
        assert!(above <= 9, "{above}");
    }

    /// All entries are shifted by half of their sd, and each says it as well as the others: none is missed
    /// alone, all entries and all summaries together are.
    #[test]
    fn what_many_entries_say_alike_is_found_in_their_group() {
        let shared = |rows: usize, shift: f64, seed: u64| -> Vec<f64> {
            let mut stream = Stream::new(seed, Purpose::CLAIM, 0);
            let mut all = Vec::new();
            for _ in 0..rows {
                let level = stream.normal() + shift;
                all.extend((0..LENGTH).map(|_| level + 0.05 * stream.normal()));
            }
            all
        };
        let series = [("y".to_owned(), LENGTH)];
        let (real, simulated) = (shared(200, 1.0, 1), shared(700, 0.0, 2));
        let found = tell(&real, &simulated, &series, 0.05, 3).unwrap();
        assert!(found.total_variation_at_least > 0.1, "{found:?}");
        assert_eq!((found.features, found.groups.len()), (LENGTH + 8, 2));
        let most = found.drivers.first().map_or(0.0, |one| one.accuracy_lost);
        let first = &found.groups[0];
        assert!(first.accuracy_lost > 1.5 * most, "{found:?}");
        assert_eq!(first.largest.len(), 3);
        assert!(
            first
                .largest
                .iter()
                .all(|(_, difference)| *difference > 0.7)
        );
    }

    #[test]
    fn few_data_sets_are_refused() {
        let series = [("y".to_owned(), LENGTH)];
        let simulated = lines(300, 0.3, 0.0, 2);
        let refused = tell(&lines(49, 0.3, 0.0, 1), &simulated, &series, 0.05, 1);
        assert!(refused.is_err());
    }
}
