//! Models on disk: the round trip is exact, and damaged or foreign files are named.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use gnomon_learn::examples::{Examples, Targets};
use gnomon_learn::matrix::Matrix;
use gnomon_learn::model::Model;
use gnomon_learn::network::{Embedding, Head, Network, SplineFlow};
use gnomon_learn::standardise::{Field, Standardiser};
use gnomon_learn::train::{Control, Recipe, train};
use gnomon_mechanism::random::{Purpose, Stream};
use std::fs;
use std::path::Path;

fn model() -> Model {
    let mut stream = Stream::new(51, Purpose::PARAMETERS, 0);
    let mut numbers = |n: usize| -> Vec<f64> { (0..n).map(|_| stream.normal().exp()).collect() };
    let (raw, targets) = (numbers(300 * 4), numbers(300 * 2));
    let fields = vec![Field::scalar("x"), Field::series("y", 1, 3, false)];
    let standardiser = Standardiser::fit(fields, &raw).unwrap();
    let given = standardiser.apply(&raw).unwrap();
    let targets = Matrix::new(2, targets.iter().map(|&t| t as f32).collect());
    let spline = SplineFlow {
        transforms: 2,
        hidden: 10,
        blocks: 1,
        bins: 5,
        tail_bound: 4.0,
    };
    let network = Network {
        given: given.columns(),
        predict: 2,
        embedding: Embedding::Identity,
        head: Head::Spline(spline),
    };
    let recipe = Recipe {
        epochs: 3,
        batch: 50,
        ..Recipe::default()
    };
    let examples = Examples {
        given,
        targets: Targets::Values(targets),
    };
    let trained = train(&examples, &network, &recipe, Control::default()).unwrap();
    Model::new(trained, recipe, Some(standardiser)).unwrap()
}

fn reason(folder: &Path) -> String {
    Model::load(folder).unwrap_err().to_string()
}

#[test]
fn a_model_is_read_back_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/model");
    let model = model();
    model.save(&path).unwrap();
    let back = Model::load(&path).unwrap();
    assert_eq!(back.weights(), model.weights());
    assert_eq!(back.network, model.network);
    assert_eq!(back.standardiser, model.standardiser);
    assert_eq!(
        (back.recipe, back.curve),
        (model.recipe.clone(), model.curve.clone())
    );
    let given = Matrix::zeros(3, 4);
    let draws = |m: &Model| m.draw(&given, 20, 1, 0, 1).unwrap();
    assert_eq!(draws(&Model::load(&path).unwrap()), draws(&model));
    // Written again over itself, and readable by eye.
    model.save(&path).unwrap();
    let text = fs::read_to_string(path.join("model.json")).unwrap();
    assert!(
        text.contains("4 given -> identity -> 4 features -> spline flow"),
        "{text}"
    );
    assert_eq!(
        fs::read_dir(&path).unwrap().count(),
        2,
        "no temporary files are left"
    );
}

#[test]
fn damaged_and_foreign_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    assert!(reason(path).contains("model.json"));
    model().save(path).unwrap();
    let (weights, description) = (path.join("weights.safetensors"), path.join("model.json"));
    let (good_weights, good_text) = (fs::read(&weights).unwrap(), fs::read(&description).unwrap());

    for cut in [0, 7, 100, good_weights.len() - 1] {
        fs::write(&weights, &good_weights[..cut]).unwrap();
        assert!(reason(path).contains("truncated"), "{}", reason(path));
    }
    let mut flipped = good_weights.clone();
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    fs::write(&weights, flipped).unwrap();
    assert!(reason(path).contains("not the weights"), "{}", reason(path));
    fs::write(&weights, &good_weights).unwrap();
    Model::load(path).unwrap();

    let text = String::from_utf8(good_text).unwrap();
    for (from, to, expected) in [
        ("\"format\": 2", "\"format\": 9", "format is 9"),
        ("\"hidden\": 10", "\"hidden\": 9", "the network needs F32"),
        ("\"hidden\": 10", "\"hidden\": 100000", "do not hold"),
        ("\"bins\": 5", "\"bins\": 1", "1 bins"),
        ("\"network\"", "\"net\"", "no model description"),
        ("{", "", "no model description"),
    ] {
        fs::write(&description, text.replacen(from, to, 1)).unwrap();
        assert!(reason(path).contains(expected), "{from}: {}", reason(path));
    }
    fs::remove_file(&weights).unwrap();
    fs::write(&description, text).unwrap();
    assert!(reason(path).contains("weights.safetensors"));
}
