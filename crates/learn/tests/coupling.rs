//! Coupling flows: a known posterior, densities that integrate to 1, draws in one pass.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod problems;

use gnomon_learn::matrix::Matrix;
use gnomon_learn::model::Model;
use gnomon_learn::network::{Embedding, Head, Network, SplineFlow};
use gnomon_learn::train::Recipe;
use problems::{crescent, excess, integral, linear_gaussian, trained};

fn coupling(given: usize, predict: usize, transforms: usize) -> Network {
    Network {
        given,
        predict,
        embedding: Embedding::Identity,
        head: Head::Coupling(SplineFlow {
            transforms,
            hidden: 24,
            blocks: 1,
            bins: 8,
            tail_bound: 5.0,
        }),
    }
}

/// 10,000 fresh rows: the standard error of the mean excess is below 0.003; the bound leaves the
/// rest for the fit. Seeds are fixed: false-alarm rate 0.
#[test]
fn a_linear_gaussian_posterior_is_recovered() {
    let recipe = Recipe {
        epochs: 12,
        batch: 256,
        ..Recipe::default()
    };
    let model = trained(&linear_gaussian(30_000, 0), &coupling(3, 2, 4), &recipe, 2);
    let excess = excess(&model, 10_000);
    assert!(excess.abs() < 0.02, "{excess} nats worse than exact");
}

/// A single column is transformed from the features alone; densities integrate to 1.
#[test]
fn densities_integrate_to_1_in_one_and_two_dimensions() {
    for predict in [1, 2] {
        let recipe = Recipe {
            epochs: 10,
            ..Recipe::default()
        };
        let model = trained(
            &crescent(3000, predict),
            &coupling(1, predict, 4),
            &recipe,
            2,
        );
        let (total, mean) = integral(&model, 640);
        assert!((total - 1.0).abs() < 2e-3, "{predict}-d: {total}");
        // The mean by quadrature and by 40,000 draws: 5 standard errors (false alarm 6e-7).
        let drawn = model
            .draw(&Matrix::new(1, vec![0.4]), 40_000, 9, 0, 2)
            .unwrap();
        let values = (0..drawn.rows()).map(|r| f64::from(drawn.row(r)[0]));
        let by_draws = values.sum::<f64>() / 40_000.0;
        assert!(
            (mean - by_draws).abs() < 5.0 * 1.2 / 200.0,
            "{mean} {by_draws}"
        );
    }
}

#[test]
fn a_coupling_flow_is_the_same_at_any_number_of_threads_and_read_back() {
    let recipe = Recipe {
        epochs: 2,
        ..Recipe::default()
    };
    let network = coupling(3, 2, 3);
    let examples = linear_gaussian(2000, 3);
    let one = trained(&examples, &network, &recipe, 1);
    assert_eq!(one.hash(), trained(&examples, &network, &recipe, 3).hash());
    let given = Matrix::new(3, examples.given.values()[..30].to_vec());
    let all = one.draw(&given, 37, 1, 100, 1).unwrap();
    assert_eq!(all, one.draw(&given, 37, 1, 100, 3).unwrap());
    let alone = Matrix::new(3, given.row(4).to_vec());
    let alone = one.draw(&alone, 37, 1, 104, 1).unwrap();
    assert_eq!(alone.values(), &all.values()[4 * 37 * 2..5 * 37 * 2]);

    let folder = tempfile::tempdir().unwrap();
    one.save(folder.path()).unwrap();
    let back = Model::load(folder.path()).unwrap();
    assert_eq!(
        (&back.network, back.weights()),
        (&one.network, one.weights())
    );
    let text = network.to_string();
    let expected = "coupling spline flow (3 transforms, 24 hidden, 1 blocks, 8 bins on [-5, 5])";
    assert!(text.contains(expected), "{text}");
}
