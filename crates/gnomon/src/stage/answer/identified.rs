//! What the data tell about each quantity: how far its posterior is from its prior, and whether more
//! simulations or more data would narrow it.

use gnomon_infer::Draws;
use gnomon_report::content::{Contraction, Identified};

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

/// Adds what data of this kind tell on average.
pub fn on_average(answer: &mut Answer, contractions: &[Contraction]) {
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
