//! Whole reports: they are self-contained, escaped, well-formed, and survive any content.

#![allow(clippy::unwrap_used, clippy::panic)] // Functions that tests share are not seen as tests.

use std::{fs, path::Path};

use gnomon_report::{
    content::{
        Alarm, Alike, Attribution, Calibration, Claim, Contraction, CoverageCurve, Given,
        Identified, Ledger, LedgerRow, Mechanism, Nearest, Posterior, Prediction, Quantity,
        Reliability, Report, SbcCurve, Scale, ScoreGain, Series, SharedQuantity, Summary, Training,
        Typicality, UnseenPrior, ValueShare, Verdict,
    },
    write, write_preview,
};

const GAP: f64 = f64::NAN;

/// A report in which every list has an entry; `values` are used wherever numbers are asked for.
fn filled(values: &[f64], scale: Scale, name: &str) -> Report {
    let numbers = values.to_vec();
    let first = values.first().copied().unwrap_or(GAP);
    let last = values.last().copied().unwrap_or(GAP);
    let mechanism = Some(name.to_owned());
    let quantity = Quantity {
        name: name.into(),
        unit: "1/day".into(),
        description: name.into(),
        scale,
    };
    let summary = Summary {
        mean: first,
        sd: last,
        median: first,
        interval_95: [first, last],
        values: vec![ValueShare {
            value: 1.0,
            posterior: first,
            prior: last,
        }],
        ..Summary::default()
    };
    let prediction = |mechanism: Option<String>| Prediction {
        mechanism,
        series: name.into(),
        times: numbers.clone(),
        levels: vec![0.05, 0.25, 0.5, 0.75, 0.95],
        quantiles: vec![numbers.clone(); 5],
        samples: vec![numbers.clone(); 2],
    };
    Report {
        title: format!("Is {name} so?"),
        answer: format!("Yes, {name}."),
        claims: [
            Verdict::Survived,
            Verdict::Falsified,
            Verdict::Undecided,
            Verdict::Untestable,
            Verdict::Vacuous,
        ]
        .map(|verdict| Claim {
            name: name.into(),
            statement: name.into(),
            verdict,
            statistic: name.into(),
            estimate: first,
            interval: [first, last],
            tolerance: 0.05,
            inputs: 100,
            ..Claim::default()
        })
        .into(),
        alarms: vec![Alarm {
            name: name.into(),
            p_value: first,
            raised: true,
            words: name.into(),
        }],
        typicality: vec![Typicality {
            name: name.into(),
            distances: numbers.clone(),
            observed: last,
            p_value: first,
        }],
        mechanisms: vec![
            Mechanism {
                name: name.into(),
                description: name.into(),
                text: name.into(),
                prior: 0.5,
                posterior: first,
                ..Mechanism::default()
            },
            Mechanism {
                name: "other".into(),
                posterior: 0.5,
                interval: [first, last],
                ..Mechanism::default()
            },
        ],
        observed: vec![Series {
            name: name.into(),
            label: name.into(),
            unit: name.into(),
            time_label: "day".into(),
            values: numbers.clone(),
            scale,
            ..Series::default()
        }],
        prior_predictive: vec![prediction(mechanism.clone())],
        posterior_predictive: vec![
            prediction(None),
            prediction(mechanism.clone()),
            prediction(Some("unknown".into())),
        ],
        posteriors: vec![Posterior {
            mechanism: name.into(),
            quantities: vec![quantity.clone(); 3],
            summaries: vec![summary.clone(); 3],
            draws: vec![numbers.clone(); 3],
            prior_draws: vec![numbers.clone(); 3],
            identified: vec![
                Identified {
                    moved: first,
                    average: last,
                    words: name.into(),
                    ..Identified::default()
                };
                3
            ],
            ..Posterior::default()
        }],
        attribution: Attribution {
            given: vec![Alike {
                mechanism: name.into(),
                effective: first,
                bandwidth: last,
                as_isolated: first,
                probability: last,
                quantities: vec![quantity.clone()],
                summaries: vec![summary.clone()],
                posterior: vec![summary.clone()],
                nearest: vec![Nearest {
                    weight: first,
                    distance: last,
                    values: vec![first],
                    series: vec![numbers.clone()],
                    ..Nearest::default()
                }],
                ..Alike::default()
            }],
            claims: vec![Claim::default()],
        },
        shared: vec![SharedQuantity {
            quantity,
            given: vec![
                Given {
                    summary: summary.clone(),
                    ..Given::default()
                },
                Given {
                    mechanism: mechanism.clone(),
                    summary,
                    prior_interval_90: [first, last],
                },
            ],
        }],
        calibration: Calibration {
            sbc: vec![SbcCurve {
                mechanism: mechanism.clone(),
                quantity: name.into(),
                ranks: numbers.clone(),
                difference: numbers.clone(),
                lower: numbers.clone(),
                upper: numbers.clone(),
                tolerance: first,
                inputs: 10,
            }],
            coverage: vec![CoverageCurve {
                diagnostic: name.into(),
                mechanism: None,
                nominal: numbers.clone(),
                actual: numbers.clone(),
                ..CoverageCurve::default()
            }],
            reliability: vec![Reliability {
                mechanism: name.into(),
                predicted: numbers.clone(),
                frequency: numbers.clone(),
                ..Reliability::default()
            }],
            gains: vec![ScoreGain {
                target: name.into(),
                mechanism,
                mean: first,
                interval: [first, last],
                inputs: 10,
            }],
            contractions: vec![Contraction {
                mechanism: name.into(),
                quantity: name.into(),
                average: first,
            }],
            unseen: vec![UnseenPrior {
                label: name.into(),
                levels: numbers.clone(),
                quantiles: vec![numbers.clone(); 2],
                average: numbers.clone(),
            }],
        },
        training: vec![Training {
            network: name.into(),
            description: name.into(),
            train: numbers.clone(),
            validation: numbers,
            best_epoch: Some(1),
            ..Training::default()
        }],
        ledger: Ledger {
            rows: vec![LedgerRow {
                what: name.into(),
                count: Some(3),
                seconds: first,
                per_query: true,
            }],
            ..Ledger::default()
        },
        ..Report::default()
    }
}

/// Reads an XML document to its end: every element closes, every attribute and entity is in order.
fn assert_well_formed(text: &str, name: &str) {
    let mut reader = quick_xml::Reader::from_str(text);
    loop {
        match reader.read_event() {
            Ok(quick_xml::events::Event::Eof) => return,
            Ok(quick_xml::events::Event::Start(tag)) => {
                assert!(tag.attributes().all(|a| a.is_ok()), "{name}: {tag:?}");
            }
            Ok(_) => {}
            Err(error) => panic!("{name}: {error}"),
        }
    }
}

fn written(report: &Report) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let files = write(report, folder.path()).unwrap();
    for path in &files.figures {
        let svg = fs::read_to_string(path).unwrap();
        assert_well_formed(&svg, &path.display().to_string());
        assert!(
            !svg.contains("NaN") && !svg.contains("inf"),
            "{}",
            path.display()
        );
        assert!(
            !svg.contains("var(--"),
            "{}: a viewer may know no variables",
            path.display()
        );
    }
    let page = fs::read_to_string(files.page).unwrap();
    (folder, page)
}

#[test]
fn any_numbers_make_a_report() {
    let cases: [&[f64]; 10] = [
        &[],
        &[GAP],
        &[GAP, GAP, GAP],
        &[1.0],
        &[0.3, 0.3, 0.3, 0.3],
        &[0.0, 0.0],
        &[0.1, GAP, 0.3, GAP, 0.5, 0.6],
        &[-1e308, 1e308, 0.0],
        &[f64::INFINITY, 1.0, f64::NEG_INFINITY],
        &[5e-324, 1e-300, 0.5],
    ];
    for values in cases {
        for scale in [Scale::Linear, Scale::Log] {
            let (_folder, page) = written(&filled(values, scale, "sir"));
            assert!(page.contains("Is sir so?"), "{values:?}");
            let drawn = page.split("</style>").nth(1).unwrap();
            assert!(!drawn.contains("NaN"), "{values:?} {scale:?}");
        }
    }
}

#[test]
fn lists_of_different_lengths_make_a_report() {
    let mut report = filled(&[0.1, 0.5, 0.9], Scale::Linear, "sir");
    report.observed[0].times = vec![1.0];
    report.posterior_predictive[0].times = vec![1.0, 2.0];
    report.posterior_predictive[1].levels = vec![0.5];
    report.posterior_predictive[1].quantiles = vec![vec![1.0], vec![], vec![2.0, 3.0]];
    report.posteriors[0].draws = vec![vec![1.0, 2.0, 3.0, 4.0], vec![1.0]];
    report.posteriors[0].prior_draws.clear();
    report.calibration.sbc[0].lower.pop();
    report.calibration.reliability[0].count = vec![3];
    report.training[0].best_epoch = Some(99);
    written(&report);
}

#[test]
fn an_empty_report_is_a_page() {
    let (folder, page) = written(&Report::default());
    assert!(page.starts_with("<!DOCTYPE html>"));
    assert_eq!(
        fs::read_dir(folder.path().join("figures")).unwrap().count(),
        0
    );
}

#[test]
fn what_users_write_is_escaped() {
    let evil = "<script>alert('x')</script>\"&<img src=x onerror=y>";
    let (_folder, page) = written(&filled(&[0.2, 0.4, 0.6], Scale::Linear, evil));
    assert!(!page.contains("<script") && !page.contains("<img"));
    assert!(page.contains("&lt;script&gt;"));
}

#[test]
fn the_page_loads_nothing() {
    let (_folder, page) = written(&filled(&[0.2, 0.4, 0.6], Scale::Linear, "sir"));
    let page = page.replace("http://www.w3.org/2000/svg", "");
    for outside in [
        "http:", "https:", " src=", "@import", "url(", "<link", "<script", "<iframe",
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
    for target in page.split("href=\"").skip(1) {
        assert!(target.starts_with('#'), "{}", &target[..40]);
        let id = &target[1..target.find('"').unwrap()];
        assert!(page.contains(&format!("id=\"{id}\"")), "{id}");
    }
}

#[test]
fn ids_are_unique_and_labels_point_somewhere() {
    // Two series whose names differ only in what a file name cannot hold.
    let mut report = filled(&[0.2, 0.4, 0.6], Scale::Linear, "sir");
    for name in ["a b", "a/b", "A b"] {
        report.observed.push(Series {
            name: name.into(),
            values: vec![1.0, 2.0],
            ..Series::default()
        });
        report.prior_predictive.push(Prediction {
            series: name.into(),
            ..Prediction::default()
        });
    }
    let folder = tempfile::tempdir().unwrap();
    let files = write(&report, folder.path()).unwrap();
    let page = fs::read_to_string(&files.page).unwrap();
    let mut ids: Vec<&str> = page
        .split(" id=\"")
        .skip(1)
        .map(|t| &t[..t.find('"').unwrap()])
        .collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
    for labels in page
        .split("aria-labelledby=\"")
        .skip(1)
        .map(|t| &t[..t.find('"').unwrap()])
    {
        assert!(
            labels.split(' ').all(|label| ids.contains(&label)),
            "{labels}"
        );
    }
    let on_disk = fs::read_dir(folder.path().join("figures")).unwrap().count();
    assert_eq!(on_disk, files.figures.len());
}

#[test]
fn the_json_has_its_keys_and_reads_back() {
    let report = filled(&[0.25, GAP, 0.75], Scale::Log, "sir");
    let folder = tempfile::tempdir().unwrap();
    let path = write(&report, folder.path()).unwrap().json.unwrap();
    let text = fs::read_to_string(path).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["answer"], "Yes, sir.");
    assert!(json["ledger"]["rows"].is_array());
    for claim in json["claims"].as_array().unwrap() {
        for key in [
            "name",
            "statement",
            "verdict",
            "statistic",
            "tolerance",
            "inputs",
        ] {
            assert!(!claim[key].is_null(), "{key}");
        }
    }
    assert_eq!(json["claims"][1]["verdict"], "falsified");
    assert!(json["observed"][0]["values"][1].is_null());
    let again: Report = serde_json::from_str(&text).unwrap();
    assert!(again.observed[0].values[1].is_nan());
    assert_eq!(
        serde_json::to_string(&again).unwrap(),
        serde_json::to_string(&report).unwrap()
    );
}

#[test]
fn the_same_content_is_the_same_page() {
    let report = filled(&[0.1, 0.2, 0.7, 0.4], Scale::Linear, "sir");
    assert_eq!(written(&report).1, written(&report).1);
}

#[test]
fn a_preview_shows_the_data_over_the_prior_and_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    let files = write_preview(
        &filled(&[1.0, 2.0, 4.0], Scale::Linear, "sir"),
        folder.path(),
    )
    .unwrap();
    let page = fs::read_to_string(&files.page).unwrap();
    assert!(page.contains("Before anything is learned: sir") && !page.contains("Yes, sir."));
    assert_eq!(
        files.figures,
        [folder.path().join("figures/prior-predictive-sir.svg")]
    );
}

#[test]
fn the_order_of_the_page_is_claims_first() {
    let (_folder, page) = written(&filled(&[0.1, 0.2, 0.7], Scale::Linear, "sir"));
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}"));
    let order = [
        "<h1>",
        "Yes, sir.",
        "id=\"claims\"",
        "id=\"data\"",
        "id=\"mechanisms\"",
        "id=\"posterior\"",
        "id=\"calibration\"",
        "id=\"training\"",
        "id=\"ledger\"",
        "id=\"appendix\"",
    ];
    assert!(order.windows(2).all(|pair| at(pair[0]) < at(pair[1])));
}

#[test]
fn what_did_not_survive_is_told_in_full_before_what_survived() {
    let mut report = filled(&[0.1, 0.2, 0.7], Scale::Linear, "sir");
    // Its claims stand in a section of their own.
    report.attribution = Attribution::default();
    for claim in &mut report.claims {
        claim.statement = format!("It was {:?}.", claim.verdict);
    }
    let (_folder, page) = written(&report);
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}"));
    let order = [
        "It was Falsified.",
        "It was Untestable.",
        "It was Vacuous.",
        "It was Undecided.",
        "Claims that survived",
        "<ol class=\"rows\">",
        "It was Survived.",
        "<table class=\"alarms\">",
    ];
    assert!(order.windows(2).all(|pair| at(pair[0]) < at(pair[1])));
    assert_eq!(page.matches("<li class=\"claim\">").count(), 4);

    report.claims.retain(|c| c.verdict == Verdict::Survived);
    let (_folder, page) = written(&report);
    assert!(page.contains("<ol class=\"rows\">") && !page.contains("<ol class=\"claims\">"));
}

#[test]
fn mechanism_intervals_have_a_column_only_where_there_are_any() {
    let mut report = filled(&[0.1, 0.2, 0.7], Scale::Linear, "sir");
    let head = "<th scope=\"col\" class=\"n\">Interval</th>";
    assert!(written(&report).1.contains(head));
    for mechanism in &mut report.mechanisms {
        mechanism.interval = [GAP; 2];
    }
    assert!(!written(&report).1.contains(head));
}

#[test]
fn a_posterior_wider_than_its_prior_is_pointed_out() {
    let mut report = filled(&[0.1, 0.2, 0.7], Scale::Linear, "sir");
    let note = "A contraction below 0";
    report.posteriors[0].summaries[0].contraction = 0.9;
    assert!(!written(&report).1.contains(note));
    report.posteriors[0].summaries[1].contraction = -2.73;
    let (_folder, page) = written(&report);
    assert!(page.contains(note) && page.contains("<td class=\"n open\">−2.73</td>"));
}

#[test]
fn writing_leaves_no_partial_files_and_names_what_it_could_not_write() {
    let folder = tempfile::tempdir().unwrap();
    let report = filled(&[0.1, 0.2], Scale::Linear, "sir");
    write(&report, folder.path()).unwrap();
    write(&report, folder.path()).unwrap();
    let names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(names.len(), 3, "{names:?}");
    let file = folder.path().join("report.html");
    let error = write(&report, Path::new(&file)).unwrap_err().to_string();
    assert!(error.contains("report.html"), "{error}");
}

#[test]
fn a_corner_too_wide_for_its_page_scrolls_instead_of_shrinking() {
    let mut report = filled(&[0.1, 0.2, 0.7, 0.4], Scale::Linear, "sir");
    let (_folder, page) = written(&report);
    assert!(!page.contains("style=\"min-width:"));
    let posterior = &mut report.posteriors[0];
    posterior.quantities = vec![posterior.quantities[0].clone(); 9];
    posterior.draws = vec![posterior.draws[0].clone(); 9];
    let (_folder, page) = written(&report);
    assert!(
        page.contains("style=\"min-width:"),
        "nine columns of 62 pixels do not fit a phone"
    );
}
