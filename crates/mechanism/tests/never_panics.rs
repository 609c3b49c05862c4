//! Readers answer any text with a value or an error; expressions survive being written and read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use gnomon_mechanism::expression::syntax::{Argument, Call, Expression, Infix, Kind, Prefix};
use gnomon_mechanism::expression::{self, Inputs};
use gnomon_mechanism::model::Law;
use gnomon_mechanism::source::{Source, Span, table::Table};
use gnomon_mechanism::{Mechanism, ReadError, Study};
use miette::{GraphicalReportHandler, GraphicalTheme};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

const FILES: [&str; 7] = [
    include_str!("../../../studies/boarding-school-flu/sir.toml"),
    include_str!("../../../studies/boarding-school-flu/sibr.toml"),
    include_str!("../../../studies/boarding-school-flu/study.toml"),
    include_str!("../src/template/power.toml"),
    include_str!("data/everything.toml"),
    include_str!("data/vectors.toml"),
    include_str!("data/latents.toml"),
];

/// Pieces that a mutation puts into a file.
const PIECES: [&str; 28] = [
    "\"",
    "'",
    "\"\"\"",
    "[",
    "]",
    "{",
    "}",
    "(",
    ")",
    "=",
    ",",
    ":",
    "-",
    "^",
    "1e400",
    "nan",
    "inf",
    "1978-01-25",
    "flow(",
    "interp(t, ",
    "not ",
    "\n",
    "é",
    "\u{0}",
    "\\u00e9",
    "true",
    "[[events]]\n",
    "Normal(0, ",
];

/// Words that an expression may be made of.
const WORDS: [&str; 46] = [
    "beta",
    "gamma",
    "I",
    "S",
    "N",
    "R0",
    "t",
    "x",
    "infection",
    "in_bed",
    "rain",
    "pi",
    "0",
    "1",
    "-1",
    "0.5",
    "1e300",
    "1978-01-25",
    "(",
    ")",
    ", ",
    " + ",
    " * ",
    " / ",
    "^",
    " > ",
    " == ",
    " and ",
    " not ",
    ":",
    " = ",
    "flow(",
    "interp(",
    "if(",
    "max(",
    "log(",
    "Normal(",
    "NegativeBinomial(",
    "size",
    "overdispersion",
    "[",
    "]",
    "v[",
    "m[i, ",
    "i",
    "sum(k, 1, 3, ",
];

/// Reads text as each kind of file; an error must be drawable.
fn read_all(text: &str) {
    let draw = |error: ReadError| {
        let mut drawn = String::new();
        GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
            .render_report(&mut drawn, &error)
            .unwrap();
        let _ = error.place();
    };
    let _ = Mechanism::parse("m", text, "tests/data").map_err(draw);
    let _ = Study::parse("s", text, "../../studies/boarding-school-flu").map_err(draw);
    let _ = Table::parse(Source::new("t", text)).map_err(draw);
    let _ = expression::parse(text).map_err(draw);
}

fn expressions() -> impl Strategy<Value = Expression> {
    let make = |kind| Expression::new(kind, Span::default());
    let leaf = prop_oneof![
        (0.0..1e3f64).prop_map(Kind::Number),
        (0u32..5).prop_map(|n| Kind::Number(f64::from(n))),
        prop_oneof![Just("x"), Just("y"), Just("pi")].prop_map(|name| Kind::Name(name.into())),
    ]
    .prop_map(make);
    leaf.prop_recursive(6, 48, 3, move |inner| {
        const INFIXES: [Infix; 14] = [
            Infix::Or,
            Infix::And,
            Infix::Less,
            Infix::LessEqual,
            Infix::Greater,
            Infix::GreaterEqual,
            Infix::Equal,
            Infix::NotEqual,
            Infix::Add,
            Infix::Subtract,
            Infix::Multiply,
            Infix::Divide,
            Infix::Modulo,
            Infix::Power,
        ];
        let call = |function: &str, values: Vec<Expression>| {
            Kind::Call(Call {
                function: function.into(),
                function_at: Span::default(),
                arguments: values
                    .into_iter()
                    .map(|value| Argument { name: None, value })
                    .collect(),
            })
        };
        prop_oneof![
            (
                prop::sample::select(&INFIXES[..]),
                inner.clone(),
                inner.clone()
            )
                .prop_map(|(infix, a, b)| Kind::Infix(infix, Box::new(a), Box::new(b))),
            (any::<bool>(), inner.clone()).prop_map(|(minus, a)| {
                let prefix = if minus { Prefix::Minus } else { Prefix::Not };
                Kind::Prefix(prefix, Box::new(a))
            }),
            inner.clone().prop_map(move |a| call("exp", vec![a])),
            prop::collection::vec(inner.clone(), 3).prop_map(move |v| call("if", v)),
            prop::collection::vec(inner, 2..4).prop_map(move |v| call("max", v)),
        ]
        .prop_map(make)
    })
}

/// The value of an expression of x = 1.5 and y = -0.5.
fn value(written: &str) -> f64 {
    let mechanism = Mechanism::parse(
        "m",
        &format!(
            "states = {{ x = 1, y = 1 }}\ndynamics = {{ x = \"{written}\", y = 0 }}\nobserved = {{ times = 1, z = \"x\" }}"
        ),
        "",
    )
    .unwrap_or_else(|error| panic!("{error:?}"));
    let Law::Ode { derivatives, .. } = &mechanism.dynamics.law else {
        panic!("not an ODE")
    };
    let inputs = Inputs {
        states: &[1.5, -0.5],
        ..Inputs::default()
    };
    mechanism.graph.evaluate(derivatives[0], &inputs)
}

/// Written with every bracket, so that precedence plays no part.
fn bracketed(expression: &Expression) -> String {
    match &expression.kind {
        Kind::Prefix(Prefix::Minus, a) => format!("(-{})", bracketed(a)),
        Kind::Prefix(Prefix::Not, a) => format!("(not {})", bracketed(a)),
        Kind::Infix(infix, a, b) => {
            format!("({} {} {})", bracketed(a), infix.symbol(), bracketed(b))
        }
        Kind::Call(call) => {
            let arguments: Vec<String> =
                call.arguments.iter().map(|a| bracketed(&a.value)).collect();
            format!("{}({})", call.function, arguments.join(", "))
        }
        _ => expression.to_string(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in any::<String>()) {
        read_all(&text);
    }

    #[test]
    fn text_like_expressions(text in r"[a-z0-9+*/^()<>=,.: -]{0,40}") {
        read_all(&text);
        read_all(&format!("parameters = {{ a = \"{text}\" }}\nobserved = {{ x = \"{text}\", times = \"{text}\" }}"));
    }

    #[test]
    fn files_with_cuts_and_insertions(
        file in prop::sample::select(&FILES[..]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0usize..12, prop::sample::select(&PIECES[..])), 1..4),
    ) {
        let mut characters: Vec<char> = file.chars().collect();
        for (place, cut, piece) in changes {
            let start = place.index(characters.len() + 1);
            let end = (start + cut).min(characters.len());
            characters.splice(start..end, piece.chars());
        }
        read_all(&characters.into_iter().collect::<String>());
    }

    #[test]
    fn files_with_other_expressions(
        file in prop::sample::select(&FILES[..]),
        place in any::<prop::sample::Index>(),
        words in prop::collection::vec(prop::sample::select(&WORDS[..]), 0..9),
    ) {
        // Between quotes 1 and 2, 3 and 4, ...: the file stays TOML, and is read to the end.
        let mut parts: Vec<&str> = file.split('"').collect();
        let written = words.concat();
        let quoted = parts.len() / 2;
        parts[2 * place.index(quoted) + 1] = &written;
        read_all(&parts.join("\""));
    }

    #[test]
    fn expressions_survive_writing_and_reading(expression in expressions()) {
        let written = expression.to_string();
        let read = expression::parse(&written).map_err(|e| TestCaseError::fail(format!("{e:?}")))?;
        prop_assert_eq!(&read, &expression, "{}", written);
        let (plain, full) = (value(&written), value(&bracketed(&expression)));
        prop_assert_eq!(plain.to_bits(), full.to_bits(), "{}", written);
    }
}
