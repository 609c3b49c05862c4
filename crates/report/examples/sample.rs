//! Writes a report with made-up but plausible content into the folder given as argument, to look at
//! the page without running a study:
//! `cargo run -p gnomon-report --example sample -- /tmp/sample`.

use std::{error::Error, path::PathBuf};

use gnomon_mechanism::random::{Purpose, Stream};
use gnomon_report::{
    content::{
        Acceptance, Alarm, Attribution, Calibration, Claim, Control, CoverageCurve, Failure, Given,
        Ledger, LedgerRow, Mechanism, Posterior, Prediction, Provenance, Quantity, Refinement,
        Reliability, Report, SbcCurve, Scale, ScoreGain, Sensitivity, Series, Settling,
        SharedQuantity, Standing, Summary, Training, Typicality, Verdict,
    },
    write, write_preview,
};

const NAMES: [&str; 3] = ["sir", "seir", "sibr"];
const DAYS: usize = 14;
const IN_BED: [f64; DAYS] = [
    3., 8., 26., 76., 225., 298., 258., 233., 189., 128., 68., 29., 14., 4.,
];
const DRAWS: usize = 2000;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: sample FOLDER")?);
    let report = sample();
    let written = write(&report, &folder)?;
    let preview = write_preview(&report, &folder)?;
    println!("{}\n{}", written.page.display(), preview.page.display());
    Ok(())
}

fn sample() -> Report {
    let mut stream = Stream::new(1978, Purpose::POSTERIOR, 0);
    let weights = [0.31, 0.05, 0.64];
    let models: Vec<Model> = (0..3).map(|m| Model::new(m, &mut stream)).collect();
    Report {
        title: "Which mechanism drove the 1978 boarding-school flu, and how contagious was it?".into(),
        answer: "Most likely boys were found and put to bed while still infectious (sibr, probability \
                 0.64; sir 0.31), and each infected 3.7 others (95 %: 3.1 to 5.2) over all mechanisms."
            .into(),
        condition: String::new(),
        provenance: Provenance {
            date: "2026-01-31".into(),
            study: "studies/boarding-school-flu".into(),
            seed: 1978,
            version: "0.1.0".into(),
            command: "gnomon run studies/boarding-school-flu --seed 1978".into(),
        },
        claims: claims(),
        alarms: vec![
            Alarm { name: "posterior predictive check".into(), p_value: 0.34, raised: false, words: "New data from the posterior scatter about as much as the observed data.".into() },
            Alarm { name: "typicality in the embedding".into(), p_value: 0.021, raised: true, words: "Under one in forty simulations lies as far from the others as the observed data do.".into() },
        ],
        typicality: ["distance in the network's features", "distance between data sets"].map(|name| typicality(name, &mut stream)).into(),
        possible: "The mechanisms can have produced these data.".into(),
        mechanisms: mechanisms(&weights),
        observed: vec![Series {
            name: "in_bed".into(),
            label: "boys in bed".into(),
            time_label: "day of the outbreak".into(),
            times: (1..=DAYS).map(|d| d as f64).collect(),
            values: IN_BED.into(),
            ..Series::default()
        }],
        prior_predictive: models.iter().map(|m| m.predict(&m.prior, 12, &mut stream)).collect(),
        posterior_predictive: posterior_predictive(&models, &weights, &mut stream),
        unseen: Vec::new(),
        posteriors: models.iter().map(Model::posterior).collect(),
        refinement: refinement(),
        sensitivity: sensitivity(),
        shared: shared(&models, &weights, &mut stream),
        calibration: calibration(&models, &mut stream),
        training: training(&mut stream),
        ledger: ledger(),
        rounds: Vec::new(),
        attribution: Attribution::default(),
    }
}

/// Draws of one mechanism's parameters, prior and posterior: one list a quantity.
struct Model {
    name: &'static str,
    quantities: Vec<Quantity>,
    prior: Vec<Vec<f64>>,
    draws: Vec<Vec<f64>>,
}

impl Model {
    fn new(place: usize, stream: &mut Stream) -> Self {
        let quantity = |name: &str, unit: &str, description: &str| Quantity {
            name: name.into(),
            unit: unit.into(),
            description: description.into(),
            scale: Scale::Linear,
        };
        let mut quantities = vec![
            quantity("beta", "1/day", "transmission rate"),
            quantity(
                if place == 2 { "kappa" } else { "gamma" },
                "1/day",
                if place == 2 {
                    "rate of being put to bed"
                } else {
                    "recovery rate"
                },
            ),
            quantity("phi", "", "size of the negative binomial"),
        ];
        // Median and log-sd of the prior, then of the posterior.
        let mut shape = vec![
            [1.5, 0.5, [1.75, 2.6, 1.95][place], 0.07],
            [0.5, 0.5, [0.46, 0.52, 0.55][place], 0.08],
            [10.0, 1.0, 9.0, 0.42],
        ];
        match place {
            1 => {
                quantities.push(quantity("sigma", "1/day", "end of the latent period"));
                shape.push([1.0, 0.5, 1.9, 0.3]);
            }
            2 => {
                quantities.push(quantity("delta", "1/day", "rate of leaving bed"));
                shape.push([0.5, 0.5, 0.62, 0.11]);
            }
            _ => {}
        }
        let [mut prior, mut draws] = [vec![vec![]; shape.len()], vec![vec![]; shape.len()]];
        for _ in 0..DRAWS {
            let common = stream.normal();
            for (column, [prior_median, prior_sd, median, sd]) in shape.iter().enumerate() {
                prior[column].push(prior_median * (prior_sd * stream.normal()).exp());
                let tilt = if column == 2 {
                    0.0
                } else {
                    0.7 * [1.0, -1.0, 0.0, 1.0][column]
                };
                let z = tilt * common + (1.0 - tilt * tilt).sqrt() * stream.normal();
                draws[column].push(median * (sd * z).exp());
            }
        }
        Self {
            name: NAMES[place],
            quantities,
            prior,
            draws,
        }
    }

    fn posterior(&self) -> Posterior {
        let summaries = self
            .draws
            .iter()
            .zip(&self.prior)
            .map(|(d, p)| summary(d, p))
            .collect();
        Posterior {
            mechanism: self.name.into(),
            remark: "2 000 draws.".into(),
            quantities: self.quantities.clone(),
            summaries,
            draws: self.draws.clone(),
            prior_draws: self.prior.clone(),
            ..Posterior::default()
        }
    }

    fn predict(&self, draws: &[Vec<f64>], lines: usize, stream: &mut Stream) -> Prediction {
        let rows: Vec<Vec<f64>> = (0..600)
            .map(|i| {
                let extra = draws.get(3).map(|column| column[i]);
                epidemic(
                    self.name,
                    draws[0][i],
                    draws[1][i],
                    draws[2][i],
                    extra,
                    stream,
                )
            })
            .collect();
        prediction(Some(self.name), &rows, lines)
    }
}

/// Boys in bed on 14 days (Euler steps) with negative-binomial-like noise.
fn epidemic(
    name: &str,
    beta: f64,
    gamma: f64,
    phi: f64,
    extra: Option<f64>,
    stream: &mut Stream,
) -> Vec<f64> {
    let [mut s, mut e, mut i, mut b] = [762.0, 0.0, 1.0, 0.0];
    let mut seen = Vec::new();
    for step in 1..=DAYS * 50 {
        let h = 0.02;
        let infected = beta * s * i / 763.0;
        let rate = extra.unwrap_or(0.0);
        s -= h * infected;
        if name == "seir" {
            e += h * (infected - rate * e);
            i += h * (rate * e - gamma * i);
        } else {
            i += h * (infected - gamma * i);
            b += h * (gamma * i - rate * b);
        }
        if step % 50 == 0 {
            let mean = if name == "sibr" { b } else { i };
            let sd = (mean + mean * mean / phi).sqrt();
            seen.push((mean + sd * stream.normal()).max(0.0).round());
        }
    }
    seen
}

fn prediction(mechanism: Option<&str>, rows: &[Vec<f64>], lines: usize) -> Prediction {
    let levels = vec![0.05, 0.25, 0.5, 0.75, 0.95];
    let at_level = |level: &f64| {
        (0..DAYS)
            .map(|day| quantile(&rows.iter().map(|r| r[day]).collect::<Vec<_>>(), *level))
            .collect()
    };
    Prediction {
        mechanism: mechanism.map(Into::into),
        series: "in_bed".into(),
        times: (1..=DAYS).map(|d| d as f64).collect(),
        quantiles: levels.iter().map(at_level).collect(),
        levels,
        samples: rows[..lines].to_vec(),
    }
}

fn posterior_predictive(models: &[Model], weights: &[f64], stream: &mut Stream) -> Vec<Prediction> {
    let mut mixed = Vec::new();
    for _ in 0..900 {
        let model = &models[pick(weights, stream)];
        let i = stream.below(DRAWS as u64) as usize;
        let extra = model.draws.get(3).map(|column| column[i]);
        mixed.push(epidemic(
            model.name,
            model.draws[0][i],
            model.draws[1][i],
            model.draws[2][i],
            extra,
            stream,
        ));
    }
    let each = models.iter().map(|m| m.predict(&m.draws, 0, stream));
    [prediction(None, &mixed, 0)]
        .into_iter()
        .chain(each)
        .collect()
}

fn shared(models: &[Model], weights: &[f64], stream: &mut Stream) -> Vec<SharedQuantity> {
    type Derived = fn(f64, f64) -> f64;
    let quantities: [(&str, &str, &str, Derived); 2] = [
        (
            "R0",
            "",
            "people infected by one, at the start",
            |beta, gamma| beta / gamma,
        ),
        (
            "infectious period",
            "days",
            "mean time during which one infects others",
            |_, gamma| 1.0 / gamma,
        ),
    ];
    quantities
        .map(|(name, unit, description, of)| {
            let derive = |d: &[Vec<f64>]| -> Vec<f64> {
                d[0].iter().zip(&d[1]).map(|(b, g)| of(*b, *g)).collect()
            };
            let mixed: Vec<f64> = (0..4000)
                .map(|_| {
                    derive(&models[pick(weights, stream)].draws)
                        [stream.below(DRAWS as u64) as usize]
                })
                .collect();
            let prior = derive(&models[0].prior);
            let given = |mechanism: Option<&str>, draws: &[f64]| Given {
                mechanism: mechanism.map(Into::into),
                summary: summary(draws, &prior),
                prior_interval_90: [0.05, 0.95].map(|level| quantile(&prior, level)),
            };
            let each = models
                .iter()
                .map(|m| given(Some(m.name), &derive(&m.draws)));
            SharedQuantity {
                quantity: Quantity {
                    name: name.into(),
                    unit: unit.into(),
                    description: description.into(),
                    scale: Scale::Linear,
                },
                given: [given(None, &mixed)].into_iter().chain(each).collect(),
            }
        })
        .into()
}

fn calibration(models: &[Model], stream: &mut Stream) -> Calibration {
    let inputs = 4000;
    let grid: Vec<f64> = (0..=100).map(|i| f64::from(i) / 100.0).collect();
    let band = |sign: f64, at: &f64| sign * 2.9 * (at * (1.0 - at) / inputs as f64).sqrt();
    let mut curve = |tilt: f64| -> Vec<f64> {
        let mut ranks: Vec<f64> = (0..inputs)
            .map(|_| stream.uniform().powf(1.0 + tilt))
            .collect();
        ranks.sort_by(f64::total_cmp);
        grid.iter()
            .map(|u| ranks.partition_point(|r| r < u) as f64 / inputs as f64)
            .collect()
    };
    let against =
        |ecdf: Vec<f64>| -> Vec<f64> { ecdf.iter().zip(&grid).map(|(e, u)| e - u).collect() };
    let shifted = |sign: f64| -> Vec<f64> { grid.iter().map(|u| u + band(sign, u)).collect() };
    let mut sbc = Vec::new();
    for model in models {
        for (place, quantity) in model.quantities.iter().enumerate() {
            sbc.push(SbcCurve {
                mechanism: Some(model.name.into()),
                quantity: quantity.name.clone(),
                ranks: grid.clone(),
                difference: against(curve(if place == 2 { 0.06 } else { 0.0 })),
                lower: grid.iter().map(|u| band(-1.0, u)).collect(),
                upper: grid.iter().map(|u| band(1.0, u)).collect(),
                tolerance: 0.05,
                inputs,
            });
        }
    }
    let mut covered = |diagnostic: &str, mechanism: Option<&str>| CoverageCurve {
        diagnostic: diagnostic.into(),
        mechanism: mechanism.map(Into::into),
        nominal: grid.clone(),
        actual: curve(0.02),
        lower: shifted(-1.0),
        upper: shifted(1.0),
        inputs,
    };
    let coverage = ["expected coverage", "TARP"]
        .into_iter()
        .flat_map(|d| NAMES.map(|name| covered(d, Some(name))))
        .collect();
    let reliability = NAMES.map(|name| {
        let predicted: Vec<f64> = (0..10).map(|i| 0.05 + 0.1 * f64::from(i)).collect();
        let count: Vec<u64> = (0..10)
            .map(|i: i64| (1200.0 * (-0.5 * (i - 2) as f64).exp()) as u64 + 60)
            .collect();
        let sd = |i: usize| (predicted[i] * (1.0 - predicted[i]) / count[i] as f64).sqrt();
        let frequency: Vec<f64> = (0..10)
            .map(|i| (predicted[i] + sd(i) * stream.normal()).clamp(0.0, 1.0))
            .collect();
        Reliability {
            mechanism: name.into(),
            lower: (0..10)
                .map(|i| (frequency[i] - 2.0 * sd(i)).max(0.0))
                .collect(),
            upper: (0..10)
                .map(|i| (frequency[i] + 2.0 * sd(i)).min(1.0))
                .collect(),
            predicted,
            frequency,
            count,
        }
    });
    let gain = |target: &str, mechanism: Option<&str>, mean: f64| ScoreGain {
        target: target.into(),
        mechanism: mechanism.map(Into::into),
        mean,
        interval: [mean - 0.09, mean + 0.09],
        inputs,
    };
    let gains = vec![
        gain("mechanism", None, 0.42),
        gain("parameters", Some("sir"), 4.6),
        gain("parameters", Some("seir"), 4.9),
        gain("parameters", Some("sibr"), 5.3),
    ];
    Calibration {
        sbc,
        coverage,
        reliability: reliability.into(),
        gains,
        contractions: Vec::new(),
        unseen: Vec::new(),
    }
}

fn training(stream: &mut Stream) -> Vec<Training> {
    let mut network = |name: &str, mechanism: Option<&str>, from: f64, to: f64| {
        let epochs = 60;
        let mut loss = |floor: f64| -> Vec<f64> {
            (0..epochs)
                .map(|e| {
                    floor + (from - to) * (-0.14 * f64::from(e)).exp() + 0.015 * stream.normal()
                })
                .collect()
        };
        let (train, validation) = (loss(to - 0.05), loss(to));
        let best = (0..validation.len()).min_by(|a, b| validation[*a].total_cmp(&validation[*b]));
        Training {
            network: name.into(),
            mechanism: mechanism.map(Into::into),
            description: "embedding: convolutions 16, 32 over 14 values; residual MLP 2 x 64\nhead: conditional neural spline flow, 5 transforms, 10 bins, 50 hidden".into(),
            loss: "negative log density, nats".into(),
            train,
            validation,
            best_epoch: best.map(|b| b + 1),
        }
    };
    vec![
        network("mechanism", None, 1.1, 0.68),
        network("parameters · sir", Some("sir"), 4.2, -0.4),
        network("parameters · seir", Some("seir"), 5.6, 0.7),
        network("parameters · sibr", Some("sibr"), 5.6, 0.3),
    ]
}

fn typicality(name: &str, stream: &mut Stream) -> Typicality {
    let mut distance = || (0..8).map(|_| stream.normal().powi(2)).sum::<f64>().sqrt();
    let distances: Vec<f64> = (0..2000).map(|_| distance()).collect();
    let observed = if name.contains("features") { 4.2 } else { 2.9 };
    let far = distances.iter().filter(|d| **d >= observed).count();
    Typicality {
        name: name.into(),
        p_value: far as f64 / 2000.0,
        distances,
        observed,
    }
}

fn claims() -> Vec<Claim> {
    let control = |name: &str, result: &str| Control {
        name: name.into(),
        result: result.into(),
        behaved: true,
    };
    let base = |name: &str,
                statement: &str,
                verdict,
                statistic: &str,
                estimate: f64,
                half: f64,
                tolerance: f64| Claim {
        name: name.into(),
        statement: statement.into(),
        verdict,
        statistic: statistic.into(),
        estimate,
        interval: [(estimate - half).max(0.0), estimate + half],
        tolerance,
        error_rate: 0.05,
        inputs: 4000,
        controls: vec![
            control(
                "a planted shift of twice the tolerance is caught",
                "caught in 100 of 100",
            ),
            control(
                "the prior as an answer is told from this one",
                "gain in log score 4.6 nats",
            ),
        ],
        ..Claim::default()
    };
    vec![
        base(
            "calibration of sibr",
            "The marginal posteriors given sibr are calibrated to within 5 points of rank.",
            Verdict::Survived,
            "largest ECDF difference over parameters",
            0.019,
            0.017,
            0.05,
        ),
        base(
            "calibration of sir",
            "The marginal posteriors given sir are calibrated to within 5 points of rank.",
            Verdict::Survived,
            "largest ECDF difference over parameters",
            0.024,
            0.019,
            0.05,
        ),
        base(
            "coverage",
            "Joint credible regions hold the truth as often as they say.",
            Verdict::Undecided,
            "largest difference from nominal",
            0.041,
            0.021,
            0.05,
        ),
        base(
            "mechanism probabilities",
            "A mechanism given probability p is the true one in a share p of cases.",
            Verdict::Survived,
            "calibration error",
            0.011,
            0.007,
            0.03,
        ),
        base(
            "worst corner",
            "Answers stay calibrated for outbreaks that never exceed ten cases.",
            Verdict::Falsified,
            "largest ECDF difference",
            0.124,
            0.03,
            0.05,
        ),
        base(
            "calibration of phi in small outbreaks",
            "The posterior of phi is calibrated where fewer than five boys fall ill.",
            Verdict::Vacuous,
            "largest ECDF difference",
            0.012,
            0.01,
            0.05,
        ),
    ]
}

fn ledger() -> Ledger {
    let row = |what: &str, count: u64, seconds: f64, per_query: bool| LedgerRow {
        what: what.into(),
        count: Some(count),
        seconds,
        per_query,
    };
    Ledger {
        rows: vec![
            row("simulations to learn from", 150_000, 4.31, false),
            row("training, epochs", 240, 71.2, false),
            row("simulations to test claims", 16_000, 0.52, false),
            row("tests of claims", 6, 9.4, false),
            row("posterior draws", 20_000, 0.081, true),
        ],
        failures: vec![Failure {
            mechanism: "seir".into(),
            reason: "more than 100 000 steps before day 14".into(),
            count: 12,
            of: 50_000,
        }],
        acceptance: NAMES
            .map(|name| Acceptance {
                mechanism: name.into(),
                simulated: 50_000,
                accepted: 50_000,
            })
            .into(),
    }
}

fn mechanisms(weights: &[f64; 3]) -> Vec<Mechanism> {
    let descriptions = [
        "Susceptible, infected, recovered; who is infected is in bed",
        "The same with a latent period before one infects others",
        "The infected are found, put to bed, and then infect nobody",
    ];
    let text = "description = \"Susceptible, infected, recovered: a closed epidemic\"\n\n[parameters]\nbeta  = { prior = \"LogNormal(log(1.5), 0.5)\", unit = \"1/day\" }\ngamma = { prior = \"LogNormal(log(0.5), 0.5)\", unit = \"1/day\" }\n";
    (0..3)
        .map(|m| Mechanism {
            name: NAMES[m].into(),
            description: descriptions[m].into(),
            text: text.into(),
            prior: 1.0 / 3.0,
            posterior: weights[m],
            interval: [weights[m] - 0.04, weights[m] + 0.05],
            interval_meaning: "95 % interval of the refinement's Monte Carlo error".into(),
            amortized: [0.34, 0.05, 0.61][m],
        })
        .collect()
}

fn refinement() -> Vec<Refinement> {
    let progress = |scale: f64| -> Vec<Settling> {
        (0..8)
            .map(|k| {
                let calls = 160 << k;
                let error = scale / f64::from(calls).sqrt();
                Settling {
                    tempered: false,
                    calls: calls as u64,
                    log_evidence: -64.0 + error,
                    error,
                    effective: 0.6 * f64::from(calls),
                    shift: if k == 7 { 0.0 } else { 1.3 * error },
                }
            })
            .collect()
    };
    let one = |mechanism: &str, standing, method: &str, k_hat, scale| Refinement {
        mechanism: mechanism.into(),
        standing,
        method: method.into(),
        effective: 12_300.0,
        k_hat,
        log_evidence: -64.21,
        log_evidence_error: scale / 143.0,
        calls: 812_480,
        from_prior: [-64.19, 0.04],
        prior_particles: 4_000,
        progress: progress(scale),
        ..Refinement::default()
    };
    let island = |count: u64| Settling {
        tempered: true,
        calls: 20_480 + 98_000 * count,
        log_evidence: -64.21,
        error: match count {
            1 => f64::NAN,
            _ => 0.09 / (count as f64).sqrt(),
        },
        effective: 1_400.0 * count as f64,
        shift: 0.04 * (8.0 / count as f64 - 1.0),
    };
    let mut tempered = one("seir", Standing::Exact, "tempering", f64::NAN, 4.0);
    tempered.tempered = true;
    tempered.progress.extend([1, 2, 4, 8].map(island));
    vec![
        one("sir", Standing::Exact, "importance sampling", f64::NAN, 1.0),
        tempered,
        Refinement {
            because: "refined but not exact, since a start from the prior came to another answer"
                .into(),
            ..one("sibr", Standing::Refined, "importance sampling", 0.42, 1.6)
        },
    ]
}

fn sensitivity() -> Vec<Sensitivity> {
    let mut all = Vec::new();
    for mechanism in NAMES {
        for (k, parameter) in ["beta", "gamma", "phi"].into_iter().enumerate() {
            for (c, change) in ["narrower", "wider", "lower", "higher"]
                .into_iter()
                .enumerate()
            {
                let log_evidence = 0.1 * (k as f64 + 1.0) * [1.0, -1.2, 0.7, -0.8][c];
                all.push(Sensitivity {
                    mechanism: mechanism.into(),
                    parameter: parameter.into(),
                    change: change.into(),
                    log_evidence,
                    probability: 0.31 + 0.1 * log_evidence,
                    quantity: "R0".into(),
                    shift: 0.05 * (c as f64 - 1.5),
                    shared: vec![("R0".into(), 0.04 * (c as f64 - 1.5))],
                    reliable: !(k == 2 && c == 1),
                });
            }
        }
    }
    all
}

fn summary(draws: &[f64], prior: &[f64]) -> Summary {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let sd =
        |v: &[f64]| (v.iter().map(|x| (x - mean(v)).powi(2)).sum::<f64>() / v.len() as f64).sqrt();
    let central =
        |share: f64| [0.5 - share / 2.0, 0.5 + share / 2.0].map(|level| quantile(draws, level));
    let (posterior_sd, prior_sd) = (sd(draws), sd(prior));
    Summary {
        mean: mean(draws),
        sd: posterior_sd,
        median: quantile(draws, 0.5),
        interval_50: central(0.5),
        interval_90: central(0.9),
        interval_95: central(0.95),
        prior_mean: mean(prior),
        prior_sd,
        contraction: 1.0 - (posterior_sd / prior_sd).powi(2),
        values: Vec::new(),
    }
}

fn quantile(values: &[f64], level: f64) -> f64 {
    gnomon_report::draw::density::quantile(values, level)
}

fn pick(weights: &[f64], stream: &mut Stream) -> usize {
    let mut left = stream.uniform();
    weights
        .iter()
        .position(|w| {
            left -= w;
            left < 0.0
        })
        .unwrap_or(weights.len() - 1)
}
