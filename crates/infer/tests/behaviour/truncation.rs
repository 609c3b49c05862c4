//! The prior inside a region, against what the region says of a fine grid. Seeds are fixed: nothing is
//! left to chance; over seeds a band is left once in 10,000 times.

use std::sync::atomic::AtomicBool;

use crate::normal::{MECHANISM, trained};
use gnomon_infer::truncation::{Candidates, Cut, Inside, Region};
use gnomon_infer::{Amortized, InferError};
use gnomon_learn::matrix::Matrix;
use gnomon_mechanism::Mechanism;

static STOP: AtomicBool = AtomicBool::new(false);
const STEP: f64 = 1e-3;

/// Points of a grid that are inside, with their prior mass.
fn inside(region: &Region) -> Vec<(f64, f64)> {
    let grid: Vec<f64> = (-6000..6000).map(|i| f64::from(i) * STEP).collect();
    let scores = Matrix::new(1, grid.iter().map(|&x| x as f32).collect());
    let inside = region.contains(&scores).unwrap();
    let density = |x: f64| (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
    let all = grid.into_iter().zip(inside).filter(|(_, inside)| *inside);
    all.map(|(x, _)| (x, density(x) * STEP)).collect()
}

/// The largest distance between the distribution functions of draws and of the prior inside.
fn distance(region: &Region, numbers: &[u64]) -> f64 {
    let parameters = region.parameters(7, numbers, &STOP).unwrap();
    // The coordinate of a log-normal number is its logarithm here.
    let mut scores: Vec<f64> = parameters[0].iter().map(|k| k.ln()).collect();
    scores.sort_by(f64::total_cmp);
    let grid = inside(region);
    let mass: f64 = grid.iter().map(|(_, mass)| mass).sum();
    let mut below = 0.0;
    let mut farthest: f64 = 0.0;
    for (x, own) in grid {
        below += own / mass;
        let ours = scores.partition_point(|&s| s <= x) as f64 / scores.len() as f64;
        farthest = farthest.max((ours - below).abs());
    }
    farthest
}

/// From the bounds and from the network the same prior comes, inside the region and nowhere else.
#[test]
fn draws_are_the_prior_inside() {
    let (_, amortized) = trained();
    let given = amortized.standardise(&[1.5]).unwrap();
    let region = Region::cut(amortized.clone(), 0, given.clone(), None, 3, &STOP).unwrap();
    let cut = region.last_cut();
    assert_eq!(cut.candidates, Candidates::Prior);
    // Mean 1.2, sd 0.447: 3.29 sds to either side hold all but 1e-3; beyond 7 sds nothing does, whatever
    // the network makes of its tails.
    let [low, high] = cut.bounds[0];
    assert!(low < 1.2 - 1.47 && high > 1.2 + 1.47, "{cut:?}");
    assert!(low > 1.2 - 3.13 && high < 1.2 + 3.13, "{cut:?}");
    // Of other draws of the network 10 in 100,000 are expected outside; 35 in one of 1e9 networks.
    let others = amortized.draw(0, &given, 100_000, 99).unwrap().scores;
    let densities = amortized.log_density_of_scores(0, &given, &others).unwrap();
    let outside = densities.iter().filter(|log| **log < cut.log_threshold);
    let outside = outside.count();
    assert!((1..35).contains(&outside), "{outside}");
    let grid = inside(&region);
    let mass: f64 = grid.iter().map(|(_, mass)| mass).sum();
    assert!(
        (cut.mass / mass - 1.0).abs() < 0.1,
        "{} of {mass}",
        cut.mass
    );

    let numbers: Vec<u64> = (0..4000).collect();
    // sqrt(ln(2 / 1e-4) / (2 * 4000))
    let band = 0.0352;
    let off = distance(&region, &numbers);
    assert!(off < band, "{off}");
    let by_network = region.clone().with_cut(Cut {
        candidates: Candidates::Network,
        ..cut.clone()
    });
    let off = distance(&by_network, &numbers);
    assert!(off < band, "{off}");

    // A number's parameters do not depend on what else is asked.
    for region in [&region, &by_network] {
        let all = region.parameters(7, &numbers, &STOP).unwrap();
        let some = region.parameters(7, &[3999, 17, 1234], &STOP).unwrap();
        let picked: Vec<f64> = [3999, 17, 1234].iter().map(|&i| all[0][i]).collect();
        assert_eq!(some[0], picked);
    }
    let stopped = region.parameters(7, &[0], &AtomicBool::new(true));
    assert!(matches!(stopped, Err(InferError::Interrupted)));
}

#[test]
fn a_region_lies_within_the_one_before() {
    let (_, amortized) = trained();
    let at = |y: f64| amortized.standardise(&[y]).unwrap();
    let first = Region::cut(amortized.clone(), 0, at(0.0), None, 3, &STOP).unwrap();
    let second = Region::cut(amortized.clone(), 0, at(1.5), Some(&first), 4, &STOP).unwrap();
    let (outer, inner) = (inside(&first), inside(&second));
    assert!(inner.len() < outer.len());
    assert!(
        inner
            .iter()
            .all(|(x, _)| outer.iter().any(|(other, _)| other == x))
    );
    assert!(second.last_cut().mass < first.last_cut().mass);
    // A region elsewhere leaves nothing between them.
    let elsewhere = first.clone().with_cut(Cut {
        bounds: vec![[10.0, 11.0]],
        ..first.last_cut().clone()
    });
    let none = Region::cut(amortized.clone(), 0, at(0.0), Some(&elsewhere), 4, &STOP);
    assert!(matches!(none, Err(InferError::NoRegion)));
}

/// Answers to other data sets are cut off at the region; what is lost is known.
#[test]
fn answers_are_restricted_to_the_region() {
    let (_, amortized) = trained();
    let at = |y: f64| amortized.standardise(&[y]).unwrap();
    let region = Region::cut(amortized.clone(), 0, at(1.5), None, 3, &STOP).unwrap();
    let given = amortized.standardise(&[1.5, -0.5, -6.0]).unwrap();
    let (rows, draws) = (3, 2000);
    let of_region = Inside {
        amortized: &amortized,
        mechanism: 0,
        region: Some(&region),
    };
    let restricted = of_region.draw(&given, draws, 5, &STOP).unwrap();
    let scores = &restricted.draws.scores;
    assert_eq!(scores.rows(), rows * draws);
    assert!(
        region
            .contains(scores)
            .unwrap()
            .into_iter()
            .all(|inside| inside)
    );
    assert!(restricted.log_inside[0] > -0.01);
    // The posterior of ln k given -0.5 has mean -0.4 and sd 0.447.
    let low = inside(&region)[0].0;
    let z = (low + 0.4) / 0.2_f64.sqrt();
    let exact = 1.0 - gnomon_mechanism::Family::Normal.cdf(&[0.0, 1.0], z);
    let share = restricted.log_inside[1].exp();
    // Four standard errors of a share of 2000 draws, and some slack for the network.
    assert!(
        (share - exact).abs() < 0.045 + 0.03,
        "{share}, exact {exact}"
    );
}

/// A condition of parameters alone holds of every draw, and the density is divided by the share that keeps it;
/// one of observed numbers is left to the network.
#[test]
fn draws_keep_the_conditions_of_parameters() {
    let (_, plain) = trained();
    let text = format!("{MECHANISM}\n[accept]\nlarge = \"square > 1\"\nlow = \"y < 3\"\n");
    let mechanism = Mechanism::parse("k", &text, ".").unwrap();
    assert_eq!(mechanism.conditions_of_parameters().len(), 1);
    let amortized = Amortized::new(&[mechanism], plain.networks().clone(), 2).unwrap();
    let of = |amortized| Inside {
        amortized,
        mechanism: 0,
        region: None,
    };
    let given = amortized.standardise(&[0.2, -6.0]).unwrap();
    let draws = 4000;
    let kept = of(&amortized).draw(&given, draws, 5, &STOP).unwrap();
    assert!(kept.draws.parameters[0].iter().all(|&k| k > 1.0));
    assert_eq!(kept.draws.parameters[0].len(), 2 * draws);
    // The posterior of ln k given .2 has mean .16 and sd .447. Four standard errors of a share of 4000 draws,
    // and some slack for the network.
    let normal = |z: f64| gnomon_mechanism::Family::Normal.cdf(&[0.0, 1.0], z);
    let share = kept.log_inside[0].exp();
    assert!(
        (share - normal(0.16 / 0.2_f64.sqrt())).abs() < 0.03 + 0.03,
        "{share}"
    );
    // Given -6 the network knows nothing as large: the rest is the prior's, half a normal distribution with mean
    // .798 and sd .603.
    assert!(kept.log_inside[1] < -8.0);
    let logs = kept.draws.parameters[0][draws..].iter().map(|k| k.ln());
    let mean = logs.sum::<f64>() / draws as f64;
    assert!(
        (mean - 0.798).abs() < 4.0 * 0.603 / (draws as f64).sqrt(),
        "{mean}"
    );
    // Four standard errors of a share of 100,000.
    let mass = of(&amortized).log_mass(3, &STOP).unwrap().exp();
    assert!((mass - 0.5).abs() < 0.0064, "{mass}");
    // Without conditions nothing changes.
    let own = of(&plain).draw(&given, 100, 5, &STOP).unwrap();
    assert_eq!(
        own.draws.scores,
        plain.draw(0, &given, 100, 5).unwrap().scores
    );
    assert_eq!(own.log_inside, [0.0, 0.0]);
}
