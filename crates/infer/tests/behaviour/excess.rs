//! Excess risk over an exact posterior, against integrals over a grid. Seeds are fixed.

use std::sync::atomic::AtomicBool;

use crate::normal::{MECHANISM, learned, log_normal_density};
use gnomon_infer::Amortized;
use gnomon_infer::excess::{Against, Excess, POINTS};
use gnomon_learn::matrix::Matrix;
use gnomon_mechanism::Mechanism;
use gnomon_mechanism::random::{Purpose, Stream};
use gnomon_simulate::Compiled;

fn networks(mechanism: &Mechanism) -> Vec<Amortized> {
    let of = |rows: usize| {
        let mut stream = Stream::new(2, Purpose::PARAMETERS, 0);
        let k: Vec<f64> = (0..rows).map(|_| stream.normal().exp()).collect();
        let y: Vec<f64> = k.iter().map(|k| k.ln() + 0.5 * stream.normal()).collect();
        learned(mechanism, &["y"], &y, &[&k])
    };
    vec![of(2000), of(10_000)]
}

fn measure(
    mechanism: &Mechanism,
    networks: &[Amortized],
    y: f64,
    stop: bool,
) -> Result<Excess, String> {
    let against = Against {
        networks,
        mechanism: 0,
        compiled: &Compiled::new(mechanism).unwrap(),
        points: POINTS,
        stop: &AtomicBool::new(stop),
    };
    against
        .measure(&[y], &[y], f64::NEG_INFINITY, 7)
        .map_err(|error| error.to_string())
}

/// KL(p | q) and the squared distance of the means, for p normal: 4,000 points over eight sds.
fn by_integral(network: &Amortized, y: f64) -> (f64, f64) {
    let (mean, variance) = (0.8 * y, 0.2f64);
    let step = 0.004 * variance.sqrt();
    let z: Vec<f64> = (-2000..2000).map(|i| mean + f64::from(i) * step).collect();
    let scores = Matrix::new(1, z.iter().map(|&z| z as f32).collect());
    let given = network.standardise(&[y]).unwrap();
    let log_q = network.log_density_of_scores(0, &given, &scores).unwrap();
    let rows = z.iter().zip(&log_q);
    let (mut divergence, mut of_q, mut mass) = (0.0, 0.0, 0.0);
    for (&z, log_q) in rows {
        let log_p = z + log_normal_density(z.exp(), mean, variance);
        divergence += step * log_p.exp() * (log_p - log_q);
        of_q += step * log_q.exp() * z;
        mass += step * log_q.exp();
    }
    (divergence, (of_q / mass - mean).powi(2))
}

/// Within a fifth of the excess itself, or 2e-4 nats: a thousand points and a fixed seed.
#[test]
fn the_excess_over_a_known_posterior_is_found() {
    let mechanism = Mechanism::parse("k", MECHANISM, ".").unwrap();
    let networks = networks(&mechanism);
    let mut few = 0.0;
    let mut many = 0.0;
    for y in [-1.5, -0.2, 0.0, 0.7, 2.0] {
        let found = measure(&mechanism, &networks, y, false).unwrap();
        let evidence = -0.5 * (y * y / 1.25 + (2.0 * std::f64::consts::PI * 1.25).ln());
        let off = found.log_evidence - evidence;
        assert!(
            !found.tempered && off.abs() < 4.0 * found.log_evidence_error,
            "{off}"
        );
        for (network, (risk, squared)) in networks.iter().zip(found.risk.iter().zip(&found.squared))
        {
            let (divergence, distance) = by_integral(network, y);
            let off = risk - divergence;
            assert!(
                off.abs() < 0.2 * divergence + 2e-4,
                "{risk} for {divergence} at {y}"
            );
            // The error of a difference of means is some (2 x 0.2 x divergence / 1,000)^.5.
            let off = squared.sqrt() - distance.sqrt();
            let error = (4e-4 * divergence).sqrt();
            assert!(off.abs() < 4.0 * error, "{squared} for {distance}");
        }
        few += found.risk[0];
        many += found.risk[1];
    }
    assert!(few > many && many > 0.0, "{few} {many}");
}

/// Data that no network expects: tempering says where the posterior is. The likelihood is so narrow
/// that no point of a network or the prior meets it.
#[test]
fn where_points_say_little_tempering_does() {
    let mechanism = Mechanism::parse("k", MECHANISM, ".").unwrap();
    let networks = networks(&mechanism);
    let narrow = MECHANISM.replace("0.5", "0.0005");
    let narrow = Mechanism::parse("k", &narrow, ".").unwrap();
    let found = measure(&narrow, &networks, 0.3, false).unwrap();
    assert!(
        found.tempered && found.risk.iter().all(|risk| *risk > 3.0),
        "{found:?}"
    );
    assert!(
        measure(&mechanism, &networks, 0.3, true)
            .unwrap_err()
            .contains("interrupted")
    );
}

/// The posterior of ln k is normal with mean .8 y and variance .2: at least 100 effective points know the mean
/// to a tenth of its sd and the sd to a fourteenth, as standard errors; four of them here.
#[test]
fn the_moments_of_a_known_posterior_are_found() {
    let mechanism = Mechanism::parse("k", MECHANISM, ".").unwrap();
    let networks = networks(&mechanism);
    let against = Against {
        networks: &networks[1..],
        mechanism: 0,
        compiled: &Compiled::new(&mechanism).unwrap(),
        points: 300,
        stop: &AtomicBool::new(false),
    };
    for y in [-1.5, 0.0, 0.7, 2.0] {
        let found = against.moments(&[y], &[y], 7).unwrap().unwrap();
        let sd = 0.2f64.sqrt();
        assert!((found.mean[0] - 0.8 * y).abs() < 0.4 * sd, "{found:?}");
        assert!((found.sd[0] / sd - 1.0).abs() < 0.3, "{found:?}");
    }
}
