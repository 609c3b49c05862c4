//! Latents, priors of whole vectors, likelihoods as written: what they stand for, and what is refused.
#![allow(clippy::unwrap_used, clippy::panic)]

use gnomon_mechanism::expression::Inputs;
use gnomon_mechanism::{Family, Mechanism};

const FILE: &str = include_str!("data/latents.toml");

fn read(text: &str) -> Mechanism {
    Mechanism::parse("m", text, ".").unwrap_or_else(|error| panic!("{error}: {error:?}"))
}

#[test]
fn latents_are_numbered_on_after_the_parameters() {
    let mechanism = read(FILE);
    let names = |list: &[gnomon_mechanism::model::Parameter]| -> Vec<String> {
        list.iter().map(|one| one.name.clone()).collect()
    };
    assert_eq!(
        names(&mechanism.parameters),
        [
            "theta_1", "theta_2", "share_1", "share_2", "share_3", "bent"
        ]
    );
    assert_eq!(names(&mechanism.latents), ["few", "kick_1", "kick_2"]);
    assert_eq!(mechanism.latents[2].unit.as_deref(), Some("m"));
    let inputs = Inputs {
        parameters: &[7.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0],
        ..Inputs::default()
    };
    let value = |node| mechanism.graph.evaluate(node, &inputs);
    let kick = &mechanism.latents[1].prior;
    assert_eq!(
        kick.arguments.iter().map(|&n| value(n)).collect::<Vec<_>>(),
        [7.0, 2.0]
    );
    assert!(
        mechanism.latent_values().is_none(),
        "a normal latent has many values"
    );
    let few = read(&FILE.replace("Normal(theta_1, 1 + few)", "Binomial(2, 0.5)"));
    assert_eq!(few.latent_values().unwrap().len(), 2 * 3 * 3);
}

#[test]
fn a_vector_has_its_prior_entry_by_entry() {
    let mechanism = read(FILE);
    let at = |parameter: usize| {
        let prior = &mechanism.parameters[parameter].prior;
        let inputs = Inputs {
            parameters: &[3.0, 0.0, 0.2, 0.3, 0.0, 0.0],
            ..Inputs::default()
        };
        let values = prior.arguments.iter();
        let values: Vec<f64> = values
            .map(|&n| mechanism.graph.evaluate(n, &inputs))
            .collect();
        (prior.family, values)
    };
    // Given theta_1 = 3, two above its mean: mean 2 + 1/2 * 2, variance 2 - 1/2.
    let (family, values) = at(1);
    assert_eq!(family, Family::Normal);
    assert!((values[0] - 3.0).abs() < 1e-12 && (values[1] - 1.5f64.sqrt()).abs() < 1e-12);
    // Weights 1, 1/2, 1/3: the second share is Beta(1/2, 1/3) of what the first leaves.
    let (family, values) = at(3);
    assert_eq!(family, Family::Beta);
    for (value, wanted) in values.iter().zip([0.5, 1.0 / 3.0, 0.0, 0.8]) {
        assert!((value - wanted).abs() < 1e-12);
    }
    assert_eq!(at(4), (Family::Exact, vec![0.5]));
}

#[test]
fn a_likelihood_is_of_parameters_and_data() {
    let mechanism = read(FILE);
    let likelihood = mechanism.likelihood.unwrap();
    assert!(likelihood.up_to_constant);
    assert_eq!(mechanism.likelihood_columns(), [0, 1, 2]);
    let inputs = Inputs {
        parameters: &[1.0, -3.0, 0.0, 0.0, 0.0, 0.0],
        observed: &[5.0, 4.0, 0.0],
        ..Inputs::default()
    };
    // fold = 2; off = x_2 - 2 - 1 = 1.
    assert_eq!(
        mechanism.graph.evaluate(likelihood.log, &inputs),
        -0.5 - 9.0
    );
    let given = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(mechanism.no_likelihood(&given(&["x", "y"])), None);
    assert_eq!(
        mechanism.no_likelihood(&given(&["x"])).unwrap(),
        "its [likelihood] needs `y`, which is not given"
    );
    let without = read(FILE.split("[likelihood]").next().unwrap());
    assert_eq!(
        without.no_likelihood(&given(&["x", "y"])).unwrap(),
        "its latents cannot be summed over"
    );
}

/// What is written wrongly, and the first words of the refusal.
#[test]
fn slips_are_refused_where_they_are() {
    let cases = [
        (
            "bent = \"Beta(2, 3,",
            "bent = \"Beta(few, 3,",
            "the latent `few` is not known here",
        ),
        (
            "few = \"Bernoulli(share[1])\"",
            "few = \"Bernoulli(kick_1 > 0)\"",
            "the latent `kick_1` is not known",
        ),
        (
            "off = \"x[place[1]]",
            "off = \"kick_1 + x[place[1]]",
            "a latent (`kick_1`) cannot be used here",
        ),
        ("off = \"x[place[1]]", "off = \"x", "`x` is a series"),
        (
            "off = \"x[place[1]]",
            "off = \"x[3]",
            "an index is 3, but there are 2 entries",
        ),
        ("off = \"x[place[1]]", "off = \"z", "unknown name `z`"),
        ("off = \"", "fold = \"", "the name `fold` is used twice"),
        ("log = \"", "lug = \"", "[likelihood] has no `log`"),
        (
            "log = \"-off^2 / 2 - (x_1 - fold)^2 + if(y > 3, -inf, 0) * sum(k, 1, 2, x[k])\"",
            "log = \"-fold\"",
            "this likelihood does not use what is observed",
        ),
        (
            "covariance = S",
            "covariance = place",
            "2 numbers are given for 2 entries",
        ),
        (
            "[[2, 1], [1, 2]]",
            "[[2, 3], [3, 2]]",
            "this covariance is not symmetric and positive definite",
        ),
        (
            "covariance = S",
            "cholesky = S",
            "this is not a Cholesky factor",
        ),
        (
            "covariance = S",
            "sd = S",
            "not the arguments of `MultivariateNormal`",
        ),
        (
            "theta = { prior = \"MultivariateNormal(i, covariance = S)\", size = 2 }",
            "theta_1 = \"MultivariateNormal(0, S)\"\ntheta_2 = 1",
            "`MultivariateNormal` is the prior of a vector",
        ),
        (
            "Dirichlet(1 / i)",
            "Dirichlet(i - 1)",
            "a weight is 0, but must be positive",
        ),
        (
            "y = \"Poisson(few + bent^2)\"",
            "y = \"Dirichlet(1)\"",
            "`Dirichlet` is the prior of a vector",
        ),
        (
            "low = -1, high = share_1",
            "low = 2",
            "impossible prior: high is 1, but must be above low, which is 2",
        ),
        (
            "[observed]",
            "[observed]\nfew = \"theta_1\"",
            "`few` is also the name of a latent",
        ),
    ];
    for (old, new, refusal) in cases {
        assert!(FILE.contains(old), "{old}");
        let text = FILE.replacen(old, new, 1);
        let error = match Mechanism::parse("m", &text, ".") {
            Err(error) => error,
            Ok(_) => panic!("{new} is not refused"),
        };
        assert!(
            error.message().starts_with(refusal),
            "{new}: {}",
            error.message()
        );
        assert!(error.help_text().is_some(), "{new}: says what to do");
        assert!(error.place().is_some(), "{new}: says where");
    }
}

#[test]
fn a_program_draws_its_own_latents() {
    let text = r#"
        [parameters]
        a = "Normal(0, 1)"
        [latents]
        b = "Normal(0, 1)"
        [program]
        command = ["true"]
        [observed]
        x = 1
    "#;
    let error = Mechanism::parse("m", text, ".").unwrap_err();
    assert_eq!(error.message(), "`latents` beside [program]");
    let read = read(&text.replace(
        "[latents]\n        b = \"Normal(0, 1)\"",
        "[likelihood]\n        log = \"-(x - a)^2 / 2\"",
    ));
    assert_eq!(read.no_likelihood(&["x".into()]), None);
}
