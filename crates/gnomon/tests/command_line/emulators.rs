//! `gnomon emulate` and `ask`: what an emulator answers is near the solver, and what it must not answer it
//! does not. Seeds are fixed.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::terminal::*;

/// dx/dt = -k x from w: x = w exp(-k t), in closed form.
const DECAY: &str = r#"
[parameters]
k = "Uniform(0.5, 1.5)"
w = "Uniform(1, 2)"
[states]
x = "w"
[dynamics]
x = "-k * x"
[derived]
half_life = "log(2) / k"
[observed]
x = { distribution = "x", times = [0.5, 1, 2] }
"#;

/// Few fresh queries, and a level that so few can show.
const SMALL: &str = "tolerance = 0.01\nlevel = 0.05\ncalibration = 400\nqueries = 1000\n";

fn study_of(mechanism: &str, question: &str, emulate: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("m.toml", mechanism);
    write(
        "study.toml",
        &format!(
            "title = \"What does the solver say?\"\nmechanisms = [\"m.toml\"]\n{question}\n[simulate]\n\
             simulations = 200\n[emulate]\n{emulate}"
        ),
    );
    let path = folder.path().display().to_string();
    (folder, path)
}

fn decay() -> (TempDir, String) {
    study_of(
        DECAY,
        "given = [\"w\", \"k\"]\npredict = [\"x[1:2]\", \"half_life\"]",
        SMALL,
    )
}

fn emulated(study: &str) -> Value {
    json(&succeeds(&["emulate", study, "--json"]))
}

/// The claim about the tolerance.
fn verdict(found: &Value) -> &str {
    let claims = found["claims"].as_array().unwrap();
    let own = claims.iter().find(|c| c["name"] == "within the tolerance");
    own.unwrap()["verdict"].as_str().unwrap()
}

fn says_in_notes(found: &Value, words: &str) -> bool {
    let notes = found["notes"].as_array().unwrap();
    notes
        .iter()
        .any(|note| note.as_str().unwrap().contains(words))
}

/// One answer.
fn asked(study: &str, set: &[&str]) -> Value {
    let mut arguments = vec!["ask", study, "--json"];
    set.iter().for_each(|one| arguments.extend(["--set", one]));
    let found = json(&succeeds(&arguments));
    found["answers"][0].clone()
}

#[test]
fn answers_are_near_the_solver_and_their_slopes_exact() {
    let (folder, study) = decay();
    let found = emulated(&study);
    assert_eq!(verdict(&found), "survived");
    let (answered, queries) = (
        found["answered"].as_u64().unwrap(),
        found["queries"].as_u64().unwrap(),
    );
    assert!(
        answered as f64 > 0.9 * queries as f64,
        "{answered} of {queries}"
    );
    let page = fs::read_to_string(folder.path().join("results/emulator/emulation.html")).unwrap();
    for words in [
        "within the tolerance",
        "figure-answers",
        "figure-errors",
        "figure-learning",
    ] {
        assert!(page.contains(words), "{words}");
    }
    // Nothing is done twice.
    let again = emulated(&study);
    assert_eq!(found["costs"]["break_even"], again["costs"]["break_even"]);

    fs::write(
        folder.path().join("q.csv"),
        "k,id,w\n1,a,1.5\n0.7,b,1.2\n1,c,\n9,d,1.5\n",
    )
    .unwrap();
    let file = folder.path().join("q.csv").display().to_string();
    let found = json(&succeeds(&[
        "ask", &study, "--at", &file, "--slopes", "--json",
    ]));
    let answers = found["answers"].as_array().unwrap();
    for (answer, (k, w)) in answers.iter().zip([(1.0_f64, 1.5_f64), (0.7, 1.2)]) {
        let number = |name: &str| answer[name].as_f64().unwrap();
        assert_eq!(answer["source"], "emulator");
        // One hundredth of the spread is some 0.003.
        assert!((number("x_2") - w * (-k).exp()).abs() < 0.003, "{answer}");
        assert!((number("half_life") - 2.0_f64.ln() / k).abs() < 1e-12);
        assert!(number("error_x_2") > 0.0 && number("error_x_2") < 0.01);
        assert!(
            (number("d_x_2_by_k") + w * (-k).exp()).abs() < 0.03,
            "{answer}"
        );
        assert!((number("d_x_2_by_w") - (-k).exp()).abs() < 0.03, "{answer}");
    }
    // A number that is missing: nobody. Outside the prior: the solver, which is right.
    assert_eq!(answers[2]["source"], "nobody");
    assert!(answers[2]["x_2"].is_null());
    assert!(
        answers[2]["reason"]
            .as_str()
            .unwrap()
            .contains("w is no finite number")
    );
    assert_eq!(answers[3]["source"], "solver");
    assert!((answers[3]["x_2"].as_f64().unwrap() - 1.5 * (-9.0_f64).exp()).abs() < 1e-6);
    assert!(
        answers[3]["reason"]
            .as_str()
            .unwrap()
            .contains("outside the prior")
    );
    // The same as a table.
    let table = text(&succeeds(&["ask", &study, "--at", &file]).stdout);
    assert!(
        table.starts_with("w,k,x_2,x_3,half_life,error_x_2,error_x_3,seconds,source,reason\n"),
        "{table}"
    );
    assert!(answers[3]["seconds"].as_f64().unwrap() > answers[2]["seconds"].as_f64().unwrap());
    assert_eq!(table.lines().count(), 5);
}

#[test]
fn solves_are_kept_once_and_learned_from() {
    let (folder, study) = study_of(DECAY, "", SMALL);
    emulated(&study);
    // Inside the prior, at its edge: beyond the bank.
    for _ in 0..2 {
        let answer = asked(&study, &["k=0.5000001", "w=1.0000001"]);
        assert_eq!(answer["source"], "solver", "{answer}");
        assert!((answer["x_1"].as_f64().unwrap() - (-0.25_f64).exp()).abs() < 1e-5);
    }
    let files = files_in(&folder.path().join("results/emulator"));
    let is_kept = |path: &&std::path::PathBuf| path.extension().is_some_and(|e| e == "csv");
    let kept: Vec<_> = files.iter().filter(is_kept).collect();
    assert_eq!(kept.len(), 1);
    assert_eq!(fs::read_to_string(kept[0]).unwrap().lines().count(), 2);
    let found = emulated(&study);
    assert!(says_in_notes(
        &found,
        "solves that earlier queries fell back to, 1 in all"
    ));
    assert_eq!(verdict(&found), "survived");
    fs::write(kept[0], "k,w,x_1,x_2,x_3\n1,2,oops,1,1\n").unwrap();
    fails(&["emulate", &study], 6, &["line 2", "not a row of numbers"]);
}

#[test]
fn wrong_queries_and_changed_studies_are_refused() {
    let (folder, study) = decay();
    fails(
        &["ask", &study, "--set", "k=1", "--set", "w=1"],
        6,
        &["no emulator of this study", "gnomon emulate"],
    );
    emulated(&study);
    fails(&["ask", &study, "--set", "k=1"], 3, &["`w` is not set"]);
    fails(
        &["ask", &study, "--set", "k=1", "--set", "v=1"],
        3,
        &["`v` is not given"],
    );
    fails(
        &["ask", &study, "--set", "k=one", "--set", "w=1"],
        3,
        &["sets no number"],
    );
    let file = folder.path().join("q.csv");
    let path = file.display().to_string();
    for (table, words) in [
        ("k,v\n1,2\n", "no column `w`"),
        ("k,w\n", "no rows"),
        ("k,w\n1,b\n", "\"b\" is not a"),
    ] {
        fs::write(&file, table).unwrap();
        fails(&["ask", &study, "--at", &path], 3, &[words]);
    }
    fails(&["learn", &study], 3, &["asks for an emulator"]);
    let (_line, line) = line_study();
    fails(&["emulate", &line], 3, &["asks for no emulator"]);
    let mechanism = Path::new(&study).join("m.toml");
    fs::write(mechanism, DECAY.replace("1.5)", "1.6)")).unwrap();
    fails(
        &["ask", &study, "--set", "k=1", "--set", "w=1.5"],
        6,
        &["earlier version", "gnomon emulate"],
    );
}

#[test]
fn questions_that_no_emulator_answers_are_refused() {
    for (mechanism, question, emulate, words) in [
        (DECAY, "given = [\"k\"]", SMALL, "`w` is not given"),
        (
            DECAY,
            "given = [\"k\", \"x\"]",
            SMALL,
            "`x` is not a parameter",
        ),
        (
            DECAY,
            "predict = [\"half_life\"]",
            SMALL,
            "no observed series is to be emulated",
        ),
        (
            DECAY,
            "predict = [\"y\"]",
            SMALL,
            "neither observed nor derived",
        ),
        (
            DECAY,
            "observed = { x = [1, 2, 3] }",
            SMALL,
            "means nothing to a study that emulates",
        ),
        (DECAY, "", "level = 0.05\n", "no `tolerance`"),
        (DECAY, "", "tolerance = { y = 1 }\n", "`y` is not emulated"),
        (
            DECAY,
            "",
            "tolerance = 0.01\ncalibration = 300\n",
            "can never show a share",
        ),
        (
            DECAY,
            "",
            "tolerance = 0.01\nqueries = 2000\n",
            "cannot tell a share of 0.01 from twice that",
        ),
        (
            DECAY,
            "",
            "tolerance = 0.01\nfamilies = [\"crystal ball\"]\n",
            "crystal ball",
        ),
        (
            &DECAY.replace("distribution = \"x\"", "distribution = \"Normal(x, 1)\""),
            "",
            SMALL,
            "observed with noise",
        ),
        (
            &DECAY.replace("[derived]", "[noise]\nx = \"0.1\"\n[derived]"),
            "",
            SMALL,
            "answers differently each time",
        ),
        // Its own error is a millionth, not a thousandth of that.
        (
            DECAY,
            "",
            &SMALL.replace("0.01", "1e-9"),
            "below the solver's own error",
        ),
    ] {
        let (_folder, study) = study_of(mechanism, question, emulate);
        fails(&["emulate", &study], 3, &[words]);
    }
}

#[test]
fn jumps_failures_and_what_never_varies_are_said_and_never_answered_wrong() {
    // Jumps at k = 1, fails above k = 1.4, and `n` is always 0.
    let mechanism = "[parameters]\nk = \"Uniform(0.5, 1.5)\"\nn = \"Binomial(1, 0.0000001)\"\n[observed]\n\
                     y = \"if(k > 1.4, log(1.4 - k), if(k > 1, 1, 0)) + n + 0.1 * k\"\n";
    let (_folder, study) = study_of(mechanism, "", SMALL);
    let found = emulated(&study);
    assert!(
        says_in_notes(&found, "answers jump: y changes from"),
        "{}",
        found["notes"]
    );
    assert!(says_in_notes(&found, "n never varied"));
    assert!(says_in_notes(&found, "The solver failed in"));
    assert_ne!(verdict(&found), "falsified");
    for k in ["0.9", "0.9999999", "1.0000001", "1.2"] {
        let answer = asked(&study, &[&format!("k={k}"), "n=0"]);
        let k: f64 = k.parse().unwrap();
        let truth = f64::from(u8::from(k > 1.0)) + 0.1 * k;
        assert!(
            (answer["y"].as_f64().unwrap() - truth).abs() < 0.03,
            "{answer}"
        );
    }
    let answer = asked(&study, &["k=1.48", "n=0"]);
    assert_eq!(answer["source"], "nobody", "{answer}");
    assert!(
        answer["reason"]
            .as_str()
            .unwrap()
            .contains("the solver failed"),
        "{answer}"
    );
    let answer = asked(&study, &["k=0.7", "n=1"]);
    assert_eq!(answer["source"], "solver");
    assert!(
        (answer["y"].as_f64().unwrap() - 1.07).abs() < 1e-12,
        "{answer}"
    );
}

/// Squares of such answers are no numbers; a tolerance that demands nothing is told.
#[test]
fn huge_answers_keep_their_tolerance() {
    let huge = "[parameters]\nk = \"Uniform(0, 1)\"\nq = \"Uniform(0, 1)\"\n[observed]\n\
                y = \"1e200 * (2 + sin(3 * k) + q)\"\nv = \"k\"\n";
    let (_folder, study) = study_of(huge, "predict = [\"y\", \"v\"]", SMALL);
    assert_eq!(verdict(&emulated(&study)), "survived");
    let answer = asked(&study, &["k=0.4", "q=0.2"]);
    let exact = 1e200 * (2.2 + 1.2_f64.sin());
    assert!(
        (answer["y"].as_f64().unwrap() / exact - 1.0).abs() < 0.01,
        "{answer}"
    );
    let loose = SMALL.replace("0.01", "{ y = 1e201, v = 0.01 }");
    let (_folder, study) = study_of(huge, "predict = [\"y\", \"v\"]", &loose);
    assert!(says_in_notes(
        &emulated(&study),
        "The tolerance of y is no demand"
    ));
}

#[test]
fn kinks_are_said() {
    let kink = "[parameters]\nk = \"Uniform(0, 1)\"\nq = \"Uniform(0, 1)\"\n[observed]\n\
                y = \"abs(k - 0.37) + q\"\n";
    let (_folder, study) = study_of(kink, "", SMALL);
    let found = emulated(&study);
    assert!(
        says_in_notes(&found, "the slope of y changes at once at k = 0.3"),
        "{found}"
    );
}

#[test]
fn two_simulations_teach_nothing_and_the_solver_answers() {
    let (_folder, study) = study_of(DECAY, "", SMALL);
    let found = json(&succeeds(&[
        "emulate",
        &study,
        "--json",
        "--simulations",
        "2",
    ]));
    assert_eq!(verdict(&found), "vacuous");
    assert_eq!(found["answered"], 0);
    assert!(
        found["costs"]["break_even"]
            .as_str()
            .unwrap()
            .contains("never pays")
    );
    let answer = asked(&study, &["k=1", "w=1.5"]);
    assert_eq!(answer["source"], "solver");
    assert!((answer["x_2"].as_f64().unwrap() - 1.5 * (-1.0_f64).exp()).abs() < 1e-5);
    fails(
        &["emulate", &study, "--strict", "--simulations", "2"],
        7,
        &["did not survive"],
    );
}

#[test]
fn answers_are_refined_by_the_equations() {
    let (_folder, study) = study_of(DECAY, "", SMALL);
    let found = emulated(&study);
    assert!(found["answered"].as_u64().unwrap() > 0);
    let ask = [
        "ask", &study, "--json", "--refine", "--set", "k=1", "--set", "w=1.5",
    ];
    let found = json(&succeeds(&ask));
    let answer = &found["answers"][0];
    assert_eq!(
        (&answer["source"], &found["refined"]),
        (&"refined".into(), &1.into())
    );
    assert!(answer["reason"].as_str().unwrap().contains("sweeps"));
    assert!((answer["x_2"].as_f64().unwrap() - 1.5 * (-1.0_f64).exp()).abs() < 1e-6);
}

/// The mean of w exp(-k t) over the prior: 1.5 (exp(-t / 2) - exp(-3 t / 2)) / t.
#[test]
fn averages_are_unbiased_and_say_how_sure_they_are() {
    let (folder, study) = study_of(DECAY, "", SMALL);
    emulated(&study);
    let output = folder.path().join("averages");
    let output = output.display().to_string();
    let found = json(&succeeds(&[
        "ask",
        &study,
        "--average",
        "100",
        "--draws",
        "20000",
        "--output",
        &output,
        "--json",
    ]));
    let averages = found["averages"].as_array().unwrap();
    for (own, t) in averages.iter().zip([0.5_f64, 1.0, 2.0]) {
        let truth = 1.5 * ((-0.5 * t).exp() - (-1.5 * t).exp()) / t;
        let (mean, error) = (
            own["mean"].as_f64().unwrap(),
            own["standard_error"].as_f64().unwrap(),
        );
        // A false alarm in 16,000 for each.
        assert!(
            (mean - truth).abs() < 4.0 * error,
            "{mean} +- {error}, not {truth}"
        );
        // 100 solves and 19,900 inputs: an emulator that is nearly exact has .0050 of the variance.
        let factor = own["variance_factor"].as_f64().unwrap();
        assert!(factor > 0.003 && factor < 0.01, "{factor}");
    }
    assert_eq!((&found["pilot"], &found["kept"]), (&20.into(), &100.into()));
    let table = fs::read_to_string(format!("{output}/averages.csv")).unwrap();
    assert_eq!(table.lines().count(), 4);
    fails(
        &["ask", &study, "--average", "10"],
        3,
        &["10 solves", "at least 20"],
    );
    fails(
        &["ask", &study, "--average", "50", "--draws", "40"],
        3,
        &["40 inputs"],
    );
    let file = folder.path().join("inputs.csv");
    fs::write(&file, format!("k,w\n{}1,\n", "1,1.5\n".repeat(40))).unwrap();
    let file = file.display().to_string();
    fails(
        &["ask", &study, "--average", "30", "--at", &file],
        3,
        &["the learned map has no answer to every input"],
    );
}

/// A program is a solver like any other, unless it draws random numbers.
#[cfg(unix)]
#[test]
fn programs_are_emulated_where_they_answer_alike_twice() {
    let program = |answer: &str| {
        format!(
            "[parameters]\na = \"Uniform(1, 2)\"\n[program]\n\
             command = [\"sh\", \"-c\", \"printf 'y\\\\n{answer}\\\\n' > {{output}}\"]\n[observed]\ny = 1\n"
        )
    };
    let small = "tolerance = 0.01\nlevel = 0.1\ncalibration = 200\nqueries = 400\n";
    let (_folder, study) = study_of(&program("{a}"), "", small);
    let found = emulated(&study);
    assert!(says_in_notes(&found, "The solver is a program"));
    assert_eq!(verdict(&found), "survived");
    let answer = asked(&study, &["a=1.5"]);
    assert_eq!(answer["source"], "emulator", "{answer}");
    assert!((answer["y"].as_f64().unwrap() - 1.5).abs() < 0.003);
    let (_folder, study) = study_of(&program("{seed}"), "", small);
    fails(
        &["emulate", &study],
        3,
        &["answers differently with another seed"],
    );
}

/// An oscillator that is seen at any time: what its emulator says has the time as an input.
const OSCILLATOR: &str = r#"
[parameters]
a = "Uniform(0.5, 1)"
T = "Uniform(0, 4)"
[states]
x = "a"
p = 0
[dynamics]
x = "p"
p = "-x"
[conserved]
energy = "x^2 + p^2"
[observed]
times = "T"
x = "x"
p = "p"
"#;

fn verdict_of<'a>(found: &'a Value, name: &str) -> &'a str {
    let claims = found["claims"].as_array().unwrap();
    let own = claims.iter().find(|c| c["name"] == name);
    own.unwrap()["verdict"].as_str().unwrap()
}

/// An expansion of high degree is as good as exact, and keeps the energy; a network of four neurons does not,
/// unless its answers are refined. What the mechanism itself does not keep cannot be tested.
#[test]
fn conservation_is_a_claim_that_fails_where_the_law_is_broken() {
    let with = |emulate: &str| {
        format!("tolerance = 0.02\nlevel = 0.05\ncalibration = 400\nqueries = 1000\n{emulate}")
    };
    let (_folder, study) = study_of(OSCILLATOR, "", &with("families = [\"polynomial\"]"));
    let found = emulated(&study);
    assert_eq!(verdict_of(&found, "energy is conserved"), "survived");
    assert_eq!(
        verdict_of(&found, "energy is conserved, refined"),
        "survived"
    );

    let naive =
        with("families = [\"network\"]\nnetwork = { layers = [4], members = 1, steps = 200 }");
    let (folder, study) = study_of(OSCILLATOR, "", &naive);
    let found = emulated(&study);
    assert_eq!(found["families"][0]["name"], "network of 4");
    assert_eq!(verdict_of(&found, "energy is conserved"), "falsified");
    assert_eq!(
        verdict_of(&found, "energy is conserved, refined"),
        "survived"
    );
    let page = fs::read_to_string(folder.path().join("results/emulator/emulation.html")).unwrap();
    for words in ["figure-drift", "figure-portrait", "The mechanism conserves"] {
        assert!(page.contains(words), "{words}");
    }
    let ask = [
        "ask", &study, "--json", "--refine", "--set", "a=0.8", "--set", "T=3",
    ];
    let answer = json(&succeeds(&ask))["answers"][0].clone();
    assert_eq!(answer["source"], "refined");
    assert!((answer["x"].as_f64().unwrap() - 0.8 * 3.0_f64.cos()).abs() < 1e-5);

    let damped = OSCILLATOR.replace("\"-x\"", "\"-x - 0.2 * p\"");
    let (_folder, study) = study_of(&damped, "", &with("families = [\"polynomial\"]"));
    assert_eq!(
        verdict_of(&emulated(&study), "energy is conserved"),
        "untestable"
    );
}

#[test]
fn networks_are_described_in_full() {
    let with = |network: &str| format!("{SMALL}network = {network}\n");
    let refused = |network: &str, words: &str| {
        let (_folder, study) = study_of(DECAY, "", &with(network));
        fails(&["emulate", &study], 3, &[words]);
    };
    refused("{ members = 2 }", "layers");
    refused("{ layers = [] }", "1 to 32 hidden layers");
    refused("{ layers = [5000] }", "wider than 4096");
    refused("{ layers = [8], width = 3 }", "width");
}
