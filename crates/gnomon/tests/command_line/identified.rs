//! Quantities that the data inform, and those that they do not.

use std::fs;

use serde_json::Value;

use crate::terminal::*;

/// Nothing depends on `idle`. What tells about `a` is noisy where c is above 0, as it is here: these data do
/// not inform `a`, though half of all data sets do.
#[test]
fn what_the_data_cannot_inform_stays_at_its_prior_and_is_said_to() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write(
        "noise.toml",
        "[parameters]\na = \"Normal(0, 1)\"\nidle = \"Uniform(0, 1)\"\nc = \"Normal(0, 1)\"\n\
         [observed]\nscale = \"Normal(c, 0.1)\"\nseen = \"Normal(a, if(c > 0, 6, 0.2))\"\n",
    );
    write(
        "study.toml",
        "title = \"What do the data tell?\"\nmechanisms = [\"noise.toml\"]\n[observed]\nscale = 1.5\nseen = 0.5\n\
         [simulate]\nsimulations = 4000\n[learn]\nepochs = 15\n[claims]\ndata_sets = 200\n[answer]\ndraws = 2000\n",
    );
    let study = folder.path().display().to_string();
    let found = json(&succeeds(&["run", &study, "--json"]));
    let told = |place: usize| -> Value {
        let quantity = &found["posteriors"][0]["quantities"][place];
        quantity["identified"].clone()
    };
    let (a, idle, c) = (told(0), told(1), told(2));
    let words = |found: &Value| found["words"].as_str().unwrap().to_owned();
    assert_eq!(
        (&a["informed"], &idle["informed"]),
        (&false.into(), &false.into())
    );
    assert!(words(&a).contains("though others of this kind do"), "{a}");
    assert!(
        words(&idle).contains("data of this kind do not inform it"),
        "{idle}"
    );
    assert!(
        c["informed"] == true && words(&c).starts_with("informed"),
        "{c}"
    );
    // A posterior of sd .1 within a prior of sd 1, and a prior that is its own posterior.
    assert!(c["average"].as_f64().unwrap() > 0.95, "{c}");
    assert!(idle["average"].as_f64().unwrap().abs() < 0.05, "{idle}");
    // Exactly, the mean of 1 / 1.04 and 1 / 37.
    let average = a["average"].as_f64().unwrap();
    assert!((average - 0.5).abs() < 0.2, "{average}");
    let answer = folder.path().join("results/answer/answer.json");
    let answer: Value = serde_json::from_slice(&fs::read(answer).unwrap()).unwrap();
    assert_eq!(
        answer["posteriors"][0]["identified"][1]["words"],
        idle["words"]
    );
    let page = fs::read_to_string(folder.path().join("results/report.html")).unwrap();
    assert!(
        page.contains("What the data tell") && page.contains(&words(&idle)),
        "the page tells"
    );
    let said = text(&succeeds(&["run", &study]).stdout);
    assert!(said.contains("idle stays at its prior"), "{said}");
}
