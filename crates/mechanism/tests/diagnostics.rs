//! What a user sees for each kind of wrong input, held by snapshots.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt::Write as _;
use std::path::Path;

use gnomon_mechanism::{Mechanism, ReadError, Study};
use miette::{GraphicalReportHandler, GraphicalTheme};

fn drawn(error: &ReadError) -> String {
    let mut drawn = String::new();
    GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
        .with_width(140)
        .render_report(&mut drawn, error)
        .unwrap();
    drawn
}

/// A decaying state with a place for one more line, or a line in another line's stead.
fn mechanism(old: &str, new: &str) -> String {
    const GOOD: &str = r#"[constants]
N = 10
[parameters]
rate = "LogNormal(0, 1)"
sd = { prior = "HalfNormal(1)", unit = "m" }
[states]
x = "N"
y = 0
[dynamics]
x = "-rate * x"
y = "rate * x"
[derived]
half_life = "log(2) / rate"
[observed]
times = "1:5"
z = "Normal(x, sd)"
"#;
    assert!(GOOD.contains(old), "{old}");
    GOOD.replacen(old, new, 1)
}

const JUMPS: &str = r#"method = "ssa"
[parameters]
k = "Exponential(1)"
[states]
A = 5
[[reactions]]
name = "birth"
rate = "k * (1 + sin(t))"
change = { A = 1 }
[observed]
times = [1, 2]
n = "A"
"#;

fn report(cases: &[(&str, String)], read: impl Fn(&str) -> ReadError) -> String {
    use miette::Diagnostic;
    let mut report = String::new();
    let mut helpless = Vec::new();
    for (name, text) in cases {
        let error = read(text);
        assert!(!error.message().is_empty());
        if error.help().is_none() {
            helpless.push(format!("{name}: {error}"));
        }
        writeln!(report, "--- {name}\n{}", drawn(&error)).unwrap();
    }
    assert!(
        helpless.is_empty(),
        "what is to be done?\n{}",
        helpless.join("\n")
    );
    report
}

fn refused(text: &str) -> ReadError {
    match Mechanism::parse("m.toml", text, "tests/data") {
        Ok(_) => panic!("was accepted:\n{text}"),
        Err(error) => error,
    }
}

#[test]
fn wrong_expressions() {
    let x = |expression: &str| mechanism("-rate * x", expression);
    let cases = [
        ("unknown name", x("-rte * x")),
        ("unknown function", x("-rate * sqr(x)")),
        ("a quantity called", x("-rate(x)")),
        ("wrong arity", x("if(x > 1, 2)")),
        ("missing operand", x("rate * / x")),
        ("missing operation", x("2x")),
        ("missing bracket", x("rate * (x + 1")),
        ("chained comparison", x("if(0 < x < 1, 1, 2)")),
        ("a single =", x("if(x = 1, 1, 2)")),
        ("foreign operator", x("x && rate")),
        ("base e", x("e^x")),
        ("empty", x("")),
        ("a distribution inside", x("Normal(0, 1) * x")),
        ("flow in the dynamics", x("flow(x)")),
        ("no such column", x("interp(t, rain)")),
        ("a date without a calendar", x("if(t > 1978-01-25, 0, 1)")),
        (
            "an escape moves places: the whole text is shown",
            mechanism("\"-rate * x\"", "\"-rte\\u0020* x\""),
        ),
        (
            "several lines",
            mechanism("\"-rate * x\"", "\"\"\"\n  -rate\n  * xx\"\"\""),
        ),
        (
            "a circle of definitions",
            mechanism(
                "[dynamics]",
                "[definitions]\na = \"b + 1\"\nb = \"2 * c\"\nc = \"a^2\"\n[dynamics]",
            ),
        ),
    ];
    insta::assert_snapshot!(report(&cases, refused));
}

#[test]
fn wrong_mechanisms() {
    let forced = "forcing = { file = \"rain.csv\" }\n";
    let cases = [
        ("not TOML", mechanism("N = 10", "N = ten")),
        ("unknown key", mechanism("[derived]", "[deriv]")),
        ("unknown key inside", mechanism("unit = \"m\"", "units = \"m\"")),
        ("impossible prior", mechanism("LogNormal(0, 1)", "LogNormal(0, -1)")),
        ("unknown prior", mechanism("LogNormal(0, 1)", "LogNorml(0, 1)")),
        ("prior lacks an argument", mechanism("LogNormal(0, 1)", "LogNormal(0)")),
        ("unknown argument", mechanism("LogNormal(0, 1)", "LogNormal(0, sdlg = 1)")),
        ("prior uses a later parameter", mechanism("LogNormal(0, 1)", "LogNormal(0, sd)")),
        ("a name used twice", mechanism("N = 10", "N = 10\nrate = 3")),
        ("a reserved name", mechanism("N = 10", "N = 10\nt = 3")),
        ("not a name", mechanism("N = 10", "N = 10\n\"a b\" = 3")),
        ("constant not finite", mechanism("N = 10", "N = \"1 / 0\"")),
        ("constant of a parameter", mechanism("N = 10", "N = \"rate\"")),
        ("a state without a start", mechanism("y = 0\n", "")),
        ("dynamics missing", mechanism("y = \"rate * x\"\n", "")),
        ("start depends on a state", mechanism("y = 0", "y = \"x\"")),
        ("derived depends on a state", mechanism("log(2) / rate", "x / rate")),
        ("times not in order", mechanism("\"1:5\"", "[1, 3, 2]")),
        ("times before the start", mechanism("\"1:5\"", "\"-1:5\"")),
        ("empty range", mechanism("\"1:5\"", "\"5:1\"")),
        ("no times", mechanism("times = \"1:5\"\n", "")),
        ("a probability above 1", mechanism("Normal(x, sd)", "Binomial(n = floor(x), p = 1.2)")),
        (
            "size and overdispersion",
            mechanism("Normal(x, sd)", "NegativeBinomial(x, size = 3, overdispersion = 0.1)"),
        ),
        ("nothing observed", mechanism("z = \"Normal(x, sd)\"\n", "")),
        ("the same column", mechanism("z = \"Normal(x, sd)\"", "rate = \"x\"")),
        ("two laws", mechanism("[derived]", "[map]\nx = \"1\"\n[derived]")),
        ("noise of no state", mechanism("[dynamics]", "[noise]\nxx = \"1\"\n[dynamics]")),
        ("no such solver", mechanism("[dynamics]", "[solver]\nmethod = \"ssa\"\n[dynamics]")),
        ("setting without effect", mechanism("[dynamics]", "[solver]\nstep = 0.1\n[dynamics]")),
        (
            "event sets something else",
            mechanism("[derived]", "[[events]]\nat = 1\nset = { N = 1 }\n[derived]"),
        ),
        (
            "event without a moment",
            mechanism("[derived]", "[[events]]\nset = { x = 1 }\n[derived]"),
        ),
        (
            "event at an equality",
            mechanism("[derived]", "[[events]]\nwhen = \"x == 1\"\nset = { x = 2 }\n[derived]"),
        ),
        ("rate depends on time", JUMPS.to_owned()),
        ("no such method", JUMPS.replace("\"ssa\"", "\"sde\"")),
        (
            "flow of an expression under ssa",
            JUMPS.replace("(1 + sin(t))", "A").replace("n = \"A\"", "n = \"flow(A)\""),
        ),
        (
            "leaps of twice the rates",
            JUMPS.replace("\"ssa\"", "\"tau-leaping\"")
                .replace("[observed]", "[solver]\naccuracy = 2\n[observed]"),
        ),
        (
            "half a jump",
            JUMPS.replace("(1 + sin(t))", "A").replace("A = 1", "A = 0.5"),
        ),
        ("accepts everything", mechanism("[derived]", "[accept]\nall = \"N > 3\"\n[derived]")),
        ("accepts by a state", mechanism("[derived]", "[accept]\nlate = \"x > 3\"\n[derived]")),
        ("accepts by a whole series", mechanism("[derived]", "[accept]\nlate = \"z > 3\"\n[derived]")),
        (
            "a missing file",
            format!("forcing = {{ file = \"snow.csv\" }}\n{}", mechanism("", "")),
        ),
        (
            "a column that is text",
            format!("{forced}{}", mechanism("-rate * x", "interp(t, note)")),
        ),
        (
            "a program with states",
            "program = { command = \"run\" }\nstates = { x = 1 }\nobserved = { y = 1 }\n".to_owned(),
        ),
        (
            "a program with a distribution",
            "program = { command = \"run\" }\nobserved = { y = \"Normal(0, 1)\" }\n".to_owned(),
        ),
        (
            "a misspelt placeholder",
            "parameters = { beta = 1 }\nobserved = { y = 1 }\n[program]\ncommand = \"run {bta} {output}\"\n".to_owned(),
        ),
    ];
    insta::assert_snapshot!(report(&cases, refused));
}

#[test]
fn wrong_studies() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("a.toml", &mechanism("Normal(x, sd)", "Poisson(x)"));
    write(
        "b.toml",
        &mechanism("\"1:5\"", "\"1:6\"").replace("Normal(x, sd)", "Poisson(x)"),
    );
    write("broken.toml", &mechanism("-rate", "-rte"));
    write("other.toml", &mechanism("unit = \"m\"", "unit = \"km\""));
    write("good.csv", "z\n1\n2\n3\n4\n5\n");
    write("renamed.csv", "Z\n1\n2\n3\n4\n5\n");
    write("negative.csv", "t,z\n1,3\n2,-4\n");
    write("text.csv", "z\n1\n2\nthree\n4\n5\n");
    write("ragged.csv", "t,z\n1,3\n2\n");
    write("late.csv", "t,z\n1,3\n9,4\n");
    write("short.csv", "z\n1\n2\n");
    let study = |lines: &str| format!("title = \"Why?\"\n{lines}\n");
    let with = |data: &str| study(&format!("mechanisms = [\"a.toml\"]\nobserved = {data}"));
    let cases = [
        ("no title", "mechanisms = [\"a.toml\"]\n".to_owned()),
        (
            "a missing mechanism",
            study("mechanisms = [\"a.toml\", \"c.toml\"]"),
        ),
        (
            "a broken mechanism",
            study("mechanisms = [\"broken.toml\"]"),
        ),
        (
            "times differ",
            study("mechanisms = [\"a.toml\", \"b.toml\"]\ngiven = [\"z\"]"),
        ),
        (
            "one name twice",
            study("mechanisms = [\"a.toml\", \"a.toml\"]"),
        ),
        (
            "weight 0",
            study("mechanisms = [{ file = \"a.toml\", weight = 0 }]"),
        ),
        (
            "given unknown",
            study("mechanisms = [\"a.toml\"]\ngiven = [\"zz\"]"),
        ),
        (
            "predict unknown",
            study("mechanisms = [\"a.toml\"]\npredict = [\"half_lief\"]"),
        ),
        (
            "shared unknown",
            study("mechanisms = [\"a.toml\"]\nshared = [\"q\"]"),
        ),
        (
            "shared has two units",
            study("mechanisms = [\"a.toml\", \"other.toml\"]\nshared = [\"sd\"]"),
        ),
        (
            "unknown setting",
            study("mechanisms = [\"a.toml\"]\n[simulate]\nsimulatons = 3"),
        ),
        (
            "wrong kind",
            study("mechanisms = [\"a.toml\"]\n[simulate]\nsimulations = \"many\""),
        ),
        (
            "error rate",
            study("mechanisms = [\"a.toml\"]\n[claims]\nerror_rate = 1"),
        ),
        (
            "a claim about what is not answered",
            study(
                "mechanisms = [\"a.toml\"]\n[[claims.accuracy]]\nof = \"R0\"\nerror = 1\nshare = 0.1",
            ),
        ),
        (
            "an even kernel",
            study("mechanisms = [\"a.toml\"]\n[learn]\nkernel = 4"),
        ),
        (
            "a claim without a share",
            study("mechanisms = [\"a.toml\"]\n[[claims.accuracy]]\nof = \"rate\"\nerror = 1"),
        ),
        (
            "no amount of memory",
            study("mechanisms = [\"a.toml\"]\n[learn]\nmemory = \"2 GiB\""),
        ),
        (
            "too much noise",
            study("mechanisms = [\"a.toml\"]\n[learn]\nnoise = 3"),
        ),
        ("a missing data file", with("\"none.csv\"")),
        ("a renamed column", with("\"renamed.csv\"")),
        ("a negative count", with("\"negative.csv\"")),
        ("text for a number", with("\"text.csv\"")),
        ("a ragged row", with("\"ragged.csv\"")),
        ("a time that is not observed", with("\"late.csv\"")),
        ("too few rows", with("\"short.csv\"")),
        ("inline: too few", with("{ z = [1, 2] }")),
        ("inline: not a count", with("{ z = [1, 2, 3, 4, 5.5] }")),
        ("inline: unknown", with("{ zz = [1] }")),
    ];
    let place = folder.path().display().to_string();
    let report = report(&cases, |text| {
        match Study::parse("study.toml", text, folder.path()) {
            Ok(_) => panic!("was accepted:\n{text}"),
            Err(error) => error,
        }
    });
    assert!(Study::read(folder.path()).is_err());
    assert!(Study::read(Path::new("no such folder")).is_err());
    insta::assert_snapshot!(report.replace(&place, "DIR"));
}
