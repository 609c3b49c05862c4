//! Flow matching: a known posterior, densities that integrate to 1 and fit their draws, and mixtures
//! with other densities.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod problems;

use gnomon_learn::ensemble::Ensemble;
use gnomon_learn::examples::Targets;
use gnomon_learn::matrix::Matrix;
use gnomon_learn::model::Model;
use gnomon_learn::network::{Embedding, FlowMatching, Head, Network, SplineFlow};
use gnomon_learn::train::Recipe;
use problems::{crescent, excess, integral, linear_gaussian, posterior, trained};

fn matching(given: usize, predict: usize, hidden: usize) -> Network {
    Network {
        given,
        predict,
        embedding: Embedding::Identity,
        head: Head::FlowMatching(FlowMatching {
            hidden,
            blocks: 2,
            ..FlowMatching::default()
        }),
    }
}

/// 4,000 fresh rows: the standard error of the mean excess is below 0.004; means and sds of 4,000
/// draws have standard errors below 2 % of an sd. The bounds leave the rest for the fit. Seeds are
/// fixed: false-alarm rate 0.
#[test]
fn a_linear_gaussian_posterior_is_recovered() {
    let recipe = Recipe {
        epochs: 20,
        batch: 256,
        averaging: 200,
        ..Recipe::default()
    };
    let model = trained(&linear_gaussian(30_000, 0), &matching(3, 2, 48), &recipe, 2);
    let excess = excess(&model, 4000);
    assert!(excess.abs() < 0.03, "{excess} nats worse than exact");

    let given = Matrix::new(3, vec![0.8, -0.5, 0.3]);
    let drawn = model.draw(&given, 4000, 5, 0, 2).unwrap();
    let (mean, c) = posterior(given.row(0));
    for (column, variance) in [(0, c[0]), (1, c[2])] {
        let values = || (0..4000).map(|r| f64::from(drawn.row(r)[column]));
        let m = values().sum::<f64>() / 4000.0;
        let v = values().map(|t| (t - m).powi(2)).sum::<f64>() / 4000.0;
        let sd = variance.sqrt();
        assert!((m - mean[column]).abs() < 0.12 * sd, "{m} {}", mean[column]);
        assert!((v.sqrt() / sd - 1.0).abs() < 0.1, "{} {sd}", v.sqrt());
    }
}

#[test]
fn densities_integrate_to_1_in_one_and_two_dimensions() {
    for predict in [1, 2] {
        let recipe = Recipe {
            epochs: 20,
            ..Recipe::default()
        };
        let network = matching(1, predict, 32);
        let model = trained(&crescent(3000, predict), &network, &recipe, 2);
        let (total, mean) = integral(&model, 110);
        assert!((total - 1.0).abs() < 2e-3, "{predict}-d: {total}");
        // The mean by quadrature and by 10,000 draws: 5 standard errors (false alarm 6e-7).
        let given = Matrix::new(1, vec![0.4]);
        let drawn = model.draw(&given, 10_000, 9, 0, 2).unwrap();
        let values = (0..drawn.rows()).map(|r| f64::from(drawn.row(r)[0]));
        let by_draws = values.sum::<f64>() / 10_000.0;
        assert!(
            (mean - by_draws).abs() < 5.0 * 1.2 / 100.0,
            "{mean} {by_draws}"
        );
    }
}

/// An untrained network is nearly the prior; training, draws and densities are the same at any number
/// of threads; a draw does not depend on the rows beside it; files are read back.
#[test]
fn flow_matching_is_the_same_at_any_number_of_threads_and_read_back() {
    let recipe = Recipe {
        epochs: 2,
        ..Recipe::default()
    };
    let network = matching(3, 2, 16);
    let examples = linear_gaussian(2000, 3);
    let one = trained(&examples, &network, &recipe, 1);
    let other = trained(&examples, &network, &recipe, 3);
    assert_eq!((one.hash(), &one.curve), (other.hash(), &other.curve));
    let given = Matrix::new(3, examples.given.values()[..30].to_vec());
    let all = one.draw(&given, 37, 1, 100, 1).unwrap();
    assert_eq!(all, one.draw(&given, 37, 1, 100, 3).unwrap());
    let alone = Matrix::new(3, given.row(4).to_vec());
    let alone = one.draw(&alone, 37, 1, 104, 1).unwrap();
    assert_eq!(alone.values(), &all.values()[4 * 37 * 2..5 * 37 * 2]);
    // What is given is embedded once for all its targets: the densities are those of rows one by one.
    let logs = one.log_density(&given, &all, 1).unwrap();
    assert_eq!(logs, one.log_density(&given, &all, 3).unwrap());
    let repeated = given
        .values()
        .chunks_exact(3)
        .flat_map(|row| row.repeat(37));
    let repeated = Matrix::new(3, repeated.collect());
    assert_eq!(logs, one.log_density(&repeated, &all, 2).unwrap());

    let folder = tempfile::tempdir().unwrap();
    one.save(folder.path()).unwrap();
    let back = Model::load(folder.path()).unwrap();
    assert_eq!(
        (&back.network, back.weights()),
        (&one.network, one.weights())
    );
    assert_eq!(all, back.draw(&given, 37, 1, 100, 1).unwrap());
    let text = network.to_string();
    let expected = "flow matching (16 hidden, 2 blocks, tolerance 0.0001)";
    assert!(text.contains(expected), "{text}");
    let wild = Network {
        head: Head::FlowMatching(FlowMatching {
            tolerance: f32::NAN,
            ..FlowMatching::default()
        }),
        ..network
    };
    let error = wild.check().unwrap_err().to_string();
    assert!(error.contains("tolerance"), "{error}");
}

/// Densities of several kinds make one mixture.
#[test]
fn an_ensemble_may_mix_kinds() {
    let recipe = Recipe {
        epochs: 1,
        ..Recipe::default()
    };
    let examples = linear_gaussian(1000, 4);
    let spline = SplineFlow {
        transforms: 2,
        hidden: 12,
        blocks: 1,
        bins: 4,
        tail_bound: 4.0,
    };
    let heads = [
        Head::Spline(spline),
        Head::Coupling(spline),
        Head::FlowMatching(FlowMatching::default()),
    ];
    let members: Vec<Model> = heads
        .into_iter()
        .map(|head| {
            let network = Network {
                head,
                ..matching(3, 2, 16)
            };
            trained(&examples, &network, &recipe, 2)
        })
        .collect();
    let ensemble = Ensemble::new(members.clone()).unwrap();
    let Targets::Values(theta) = &examples.targets else {
        panic!("numbers")
    };
    let mixture = ensemble.log_density(&examples.given, theta, 2).unwrap();
    let each = members
        .iter()
        .map(|m| m.log_density(&examples.given, theta, 1).unwrap());
    let each: Vec<Vec<f64>> = each.collect();
    for (row, log) in mixture.iter().enumerate() {
        let mean = each.iter().map(|logs| logs[row].exp()).sum::<f64>() / 3.0;
        assert!((log.exp() - mean).abs() < 1e-12 * (1.0 + mean));
    }
    let drawn = ensemble.draw(&examples.given, 3, 1, 0, 2).unwrap();
    assert_eq!(drawn.rows(), 3000);
    assert!(drawn.values().iter().all(|x| x.is_finite()));
}
