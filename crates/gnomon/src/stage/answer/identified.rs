//! What the data tell about each quantity: how far its posterior is from its prior, and whether more
//! simulations or more data would narrow it.

use gnomon_infer::Draws;
use gnomon_report::content::{Calibration, Identified, Unseen, UnseenIdentified, UnseenPrior};

use super::Answer;

/// Two samples of one distribution differ by more than this, over the root of their effective number, once
/// in 1,000 times (Smirnov 1948).
const CHANCE: f64 = 1.95;
/// An average contraction below this is none.
const NOTHING: f64 = 0.05;

/// The quantities in some `places` of a posterior and its prior; `network` has the network's own draws where
/// the posterior was refined. Distribution functions that differ by no more than `tolerance` (as a
/// probability) anywhere, or than chance would have it, cannot be told apart.
pub(super) fn identified(
    places: &[usize],
    own: &Draws,
    prior: &[Vec<f64>],
    network: Option<&Draws>,
    tolerance: f64,
) -> Vec<Identified> {
    let columns: Vec<&[f64]> = own.quantities().collect();
    let of_network: Option<Vec<&[f64]>> = network.map(|draws| draws.quantities().collect());
    let one = |&place: &usize| {
        let moved = apart(columns[place], &prior[place]);
        let numbers = [columns[place].len(), prior[place].len()];
        let chance = CHANCE * numbers.map(|n| 1.0 / n as f64).iter().sum::<f64>().sqrt();
        let tolerance = tolerance.max(chance);
        let mut found = Identified {
            moved,
            tolerance,
            network: of_network
                .as_ref()
                .map_or(f64::NAN, |network| apart(network[place], columns[place])),
            informed: moved > tolerance,
            ..Identified::default()
        };
        found.words = in_words(&found);
        found
    };
    places.iter().map(one).collect()
}

/// Adds what data of this kind tell on average, and what these data tell about series that are not given, whose
/// priors are among the diagnostics.
pub fn on_average(answer: &mut Answer, diagnostics: &Calibration, tolerance: f64) {
    for unseen in &mut answer.unseen {
        let mut priors = diagnostics.unseen.iter();
        let prior = priors.find(|prior| prior.label == unseen.label);
        unseen.identified = prior.map(|prior| of_series(unseen, prior, tolerance));
    }
    let contractions = &diagnostics.contractions;
    for posterior in &mut answer.posteriors {
        let all = posterior.quantities.iter().zip(&mut posterior.identified);
        for (quantity, found) in all {
            let own = contractions.iter().find(|contraction| {
                contraction.mechanism == posterior.mechanism
                    && contraction.quantity == quantity.name
            });
            found.average = own.map_or(f64::NAN, |own| own.average);
            found.words = in_words(found);
        }
    }
}

fn in_words(found: &Identified) -> String {
    let uninformed = !found.informed;
    // Where nothing was refined: what the network does not find, the data may hold all the same.
    let of_network = found.network.is_nan();
    let told = match (found.informed, found.average) {
        (true, _) => "informed".to_owned(),
        (false, average) if of_network && average >= NOTHING => format!(
            "stays at its prior: the network finds nothing about it in these data, though it does in others of \
             this kind (contraction {average:.2} on average)"
        ),
        (false, average) if of_network && average.is_nan() => {
            "stays at its prior: the network finds nothing about it in these data".to_owned()
        }
        (false, _) if of_network => {
            "stays at its prior: the network finds nothing about it in data of this kind".to_owned()
        }
        (false, average) if average >= NOTHING => format!(
            "stays at its prior: these data do not inform it, though others of this kind do (contraction \
             {average:.2} on average)"
        ),
        (false, average) if average.is_nan() => {
            "stays at its prior: the data do not inform it".to_owned()
        }
        (false, _) => "stays at its prior: data of this kind do not inform it".to_owned(),
    };
    let help = match found.network {
        _ if of_network && uninformed => {
            "the data may hold more: whether more simulations would find it, `gnomon converge` tells"
        }
        _ if of_network => "whether more simulations would change that, `gnomon converge` tells",
        network if network > found.tolerance => {
            "the network alone is off, and more simulations would mend that; here the likelihood did"
        }
        _ if uninformed => "more simulations would not change that, only other data",
        _ => "more simulations would not narrow it, only more data",
    };
    format!("{told}; {help}")
}

/// What the data tell about each entry of a series.
fn of_series(unseen: &Unseen, prior: &UnseenPrior, tolerance: f64) -> UnseenIdentified {
    let prediction = &unseen.prediction;
    let column = |quantiles: &[Vec<f64>], entry: usize| -> Vec<f64> {
        quantiles.iter().map(|level| level[entry]).collect()
    };
    let moved = |entry: usize| {
        let before = column(&prior.quantiles, entry);
        if before.first() == before.last() {
            // What never varies is known before anything is given.
            return f64::NAN;
        }
        let now = column(&prediction.quantiles, entry);
        let levels = prediction.levels.iter().zip(now);
        levels
            .map(|(&level, at)| off(level, at, &prior.levels, &before))
            .fold(0.0, f64::max)
    };
    let moved: Vec<f64> = (0..prediction.times.len()).map(moved).collect();
    let words = series_in_words(&prediction.times, &moved, tolerance, &prior.average);
    UnseenIdentified {
        moved,
        tolerance,
        average: prior.average.clone(),
        words,
    }
}

/// How far `level` is from a distribution function at `at`, which is known by its quantiles; where it jumps, from
/// the nearest end of the jump.
fn off(level: f64, at: f64, levels: &[f64], quantiles: &[f64]) -> f64 {
    let (below, not_above) = (
        quantiles.partition_point(|&q| q < at),
        quantiles.partition_point(|&q| q <= at),
    );
    let (low, high) = match below < not_above {
        true => (levels[below], levels[not_above - 1]),
        // Between two quantiles, or beyond them all.
        false => {
            let between = match (below.checked_sub(1), quantiles.get(below)) {
                (None, _) => 0.0,
                (_, None) => 1.0,
                (Some(left), Some(right)) => {
                    let share = (at - quantiles[left]) / (right - quantiles[left]);
                    levels[left] + share * (levels[below] - levels[left])
                }
            };
            (between, between)
        }
    };
    (low - level).max(level - high).max(0.0)
}

fn series_in_words(times: &[f64], moved: &[f64], tolerance: f64, average: &[f64]) -> String {
    if moved.iter().all(|moved| moved.is_nan()) {
        return "the same in every simulation: known beforehand".into();
    }
    let silent: Vec<usize> = (0..moved.len())
        .filter(|&i| moved[i] <= tolerance)
        .collect();
    if silent.is_empty() {
        return match moved.len() {
            1 => "informed".to_owned(),
            count => format!("informed at all {count} times"),
        };
    }
    let mean = silent.iter().map(|&i| average[i]).sum::<f64>() / silent.len() as f64;
    let others = match mean >= NOTHING {
        true => format!(
            ", though it does in others of this kind (90\u{a0}% intervals narrower by {:.0}\u{a0}% on average)",
            100.0 * mean
        ),
        false => " or in others of this kind".to_owned(),
    };
    if silent.len() == moved.len() {
        return format!(
            "stays at its prior: the network finds nothing about it in these data{others}"
        );
    }
    let runs: Vec<String> = silent
        .chunk_by(|a, b| a + 1 == *b)
        .map(|run| match run {
            [only] => times[*only].to_string(),
            [first, .., last] => format!("{} to {}", times[*first], times[*last]),
            [] => String::new(),
        })
        .collect();
    format!(
        "informed at {} of {} times; at the times {} it stays at its prior: the network finds nothing about that in these data{others}",
        moved.len() - silent.len(),
        moved.len(),
        runs.join(", ")
    )
}

/// The largest difference of two samples' distribution functions.
fn apart(a: &[f64], b: &[f64]) -> f64 {
    let sorted = |x: &[f64]| {
        let mut x = x.to_vec();
        x.sort_by(f64::total_cmp);
        x
    };
    let (a, b) = (sorted(a), sorted(b));
    let below =
        |x: &[f64], at: f64| x.partition_point(|&value| value <= at) as f64 / x.len() as f64;
    let all = a.iter().chain(&b);
    all.map(|&at| (below(&a, at) - below(&b, at)).abs())
        .fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_as_far_apart_as_their_distribution_functions() {
        assert!(apart(&[1.0, 2.0, 3.0], &[3.0, 1.0, 2.0]).abs() < 1e-12);
        assert!((apart(&[1.0, 2.0], &[3.0, 4.0, 5.0]) - 1.0).abs() < 1e-12);
        assert!((apart(&[0.0, 0.0, 1.0, 1.0], &[0.0, 1.0, 1.0, 1.0]) - 0.25).abs() < 1e-12);
    }

    #[test]
    fn a_level_is_off_a_distribution_function_by_the_nearest_point_of_its_jump() {
        let (levels, quantiles) = ([0.1, 0.5, 0.9], [0.0, 0.0, 2.0]);
        // Half of the mass is at 0: quantiles of 0 agree at any level up to .5.
        assert_eq!(off(0.1, 0.0, &levels, &quantiles), 0.0);
        assert_eq!(off(0.5, 0.0, &levels, &quantiles), 0.0);
        assert!((off(0.9, 0.0, &levels, &quantiles) - 0.4).abs() < 1e-12);
        assert!((off(0.5, 1.0, &levels, &quantiles) - 0.2).abs() < 1e-12);
        assert_eq!(off(0.5, 5.0, &levels, &quantiles), 0.5);
        assert_eq!(off(0.5, -1.0, &levels, &quantiles), 0.5);
    }

    #[test]
    fn entries_of_a_series_that_stay_at_their_prior_are_named() {
        let times = [1.0, 2.0, 3.0, 5.0];
        let words = |moved: [f64; 4]| series_in_words(&times, &moved, 0.05, &[0.5; 4]);
        assert_eq!(words([0.4, 0.3, 0.2, 0.1]), "informed at all 4 times");
        assert_eq!(words([f64::NAN, 0.3, 0.2, 0.1]), "informed at all 4 times");
        let some = words([0.01, 0.3, 0.02, 0.03]);
        assert!(
            some.starts_with(
                "informed at 1 of 4 times; at the times 1, 3 to 5 it stays at its prior"
            ),
            "{some}"
        );
        assert!(
            some.ends_with("(90\u{a0}% intervals narrower by 50\u{a0}% on average)"),
            "{some}"
        );
        assert!(words([0.0; 4]).starts_with("stays at its prior"));
        assert!(words([f64::NAN; 4]).ends_with("known beforehand"));
    }

    #[test]
    fn words_tell_the_data_at_hand_from_the_kind_of_data() {
        let found = |moved: f64, average: f64, network: f64| {
            in_words(&Identified {
                moved,
                tolerance: 0.05,
                average,
                network,
                informed: moved > 0.05,
                ..Identified::default()
            })
        };
        assert!(
            found(0.01, 0.001, 0.01).starts_with("stays at its prior: data of this kind do not")
        );
        assert!(found(0.01, 0.6, 0.01).contains("though others of this kind do (contraction 0.60"));
        for average in [0.001, 0.6, f64::NAN] {
            let words = found(0.01, average, f64::NAN);
            assert!(
                words.contains("the network finds nothing about it"),
                "{words}"
            );
            assert!(words.contains("the data may hold more") && !words.contains("do not inform"));
        }
        assert!(found(0.01, 0.6, f64::NAN).contains("though it does in others of this kind"));
        assert!(found(0.4, 0.6, f64::NAN).ends_with("`gnomon converge` tells"));
        assert!(found(0.4, 0.6, 0.2).contains("the network alone is off"));
        assert_eq!(
            found(0.4, 0.6, 0.01),
            "informed; more simulations would not narrow it, only more data"
        );
    }
}
