//! Certificates over random placements: how often one is issued, and how often it is wrong.

use std::error::Error;

use faer::c64;
use gnomon_emulate::EmulateError;
use gnomon_emulate::holes::Grade;
use gnomon_emulate::holes::resonances::{Scan, find};
use gnomon_mechanism::random::{Purpose, Stream};
use serde::Deserialize;
use serde_json::{Value, json};

/// Placements of one thing on three known poles and a background, solved with relative noise.
#[derive(Deserialize)]
pub struct Placements {
    placements: u64,
    /// Whether a Gaussian is hidden, and not a pole.
    gaussian: bool,
    noise: f64,
    scan: Scan,
}

/// Counts placements by what became of them.
pub fn measure(request: &Placements) -> Result<Value, Box<dyn Error>> {
    let [mut found, mut detectable, mut certified, mut missed] = [0; 4];
    let [mut structural, mut statistical, mut wrong, mut solves] = [0; 4];
    let mut false_poles = 0;
    let mut residues = Vec::new();
    for placement in 0..request.placements {
        let mut draw = Stream::new(placement, Purpose::CLAIM, 2);
        let at = draw.uniform();
        let half = 10f64.powf(-6.0 + 4.0 * draw.uniform());
        let size = 10f64.powf(-13.0 + 10.0 * draw.uniform());
        let residue = c64::from_polar(size, std::f64::consts::TAU * draw.uniform());
        let pole = c64::new(at, -half);
        let known: Vec<c64> = (0..3)
            .map(|_| c64::new(draw.uniform(), -10f64.powf(-3.0 + 1.5 * draw.uniform())))
            .collect();
        let hidden = |x: f64| match request.gaussian {
            true => c64::new((-0.5 * ((x - at) / 1e-4).powi(2)).exp(), 0.0),
            false => residue / (x - pole),
        };
        let clean = |x: f64| {
            let sum: c64 = known.iter().map(|p| -p.im / (x - p)).sum();
            sum + 0.3 * (x + 0.2).sqrt() + hidden(x)
        };
        // The noise is drawn anew at every solve.
        let solve = |points: &[f64]| -> Result<_, EmulateError> {
            let noisy = |&x: &f64| {
                let noise = c64::new(draw.normal(), draw.normal()) * request.noise;
                vec![clean(x) * (1.0 + noise)]
            };
            Ok(points.iter().map(noisy).collect())
        };
        let scan = Scan { seed: placement, ..request.scan };
        let result = find(solve, &scan)?;
        solves += result.solves();
        let near = |re: f64, half: f64| {
            let close = |pole: &&gnomon_emulate::holes::resonances::Pole| (pole.position - re).abs() <= half;
            result.poles.iter().filter(close).count()
        };
        let is_found = !request.gaussian && near(at, 0.2 * half) > 0;
        false_poles += result
            .poles
            .iter()
            .filter(|p| {
                let mut real = known.iter().chain((!request.gaussian).then_some(&pole));
                !real.any(|z| (p.position - z.re).abs() <= 0.5 * z.im.abs())
            })
            .count();
        let claims = |grade: Grade| result.certificates.iter().any(|c| c.grade == grade);
        let shown = result.worst_hideable(0)[0];
        structural += usize::from(claims(Grade::Structural));
        if claims(Grade::Structural) {
            residues.push(shown);
        }
        found += usize::from(is_found);
        // Inside the width of a known pole the certificate says that it cannot tell.
        let apart = known.iter().all(|z| (z.re - at).abs() > 2.0 * z.im.abs());
        if !request.gaussian && apart && size > shown {
            detectable += 1;
            certified += usize::from(is_found && claims(Grade::Structural));
            missed += usize::from(!is_found && claims(Grade::Structural));
        }
        if claims(Grade::Statistical)
            && let (Some(share), Some(rational)) = (result.share, &result.rational)
        {
            statistical += 1;
            // The share of the range in error, on a grid that is fine where the hidden thing is.
            let scale = result.samples.scales()[0];
            let off = |x: f64| {
                let truth = clean(x);
                let error = (rational.at_real(x)[0] - truth).norm();
                error > scan.tolerance * (truth.norm() + scale)
            };
            let fine = 20.0 * half.max(1e-4);
            let cells = 4000;
            let share_off = |low: f64, high: f64| {
                let width = (high - low) / f64::from(cells);
                let bad = (0..cells).filter(|&i| off(low + width * (f64::from(i) + 0.5))).count();
                bad as f64 * width
            };
            let (low, high) = ((at - fine).max(0.0), (at + fine).min(1.0));
            let whole = share_off(0.0, low) + share_off(low, high) + share_off(high, 1.0);
            wrong += usize::from(whole > share.bound);
        }
    }
    residues.sort_by(f64::total_cmp);
    Ok(json!({
        "placements": request.placements, "found": found, "detectable": detectable,
        "certified": certified, "missed": missed, "false_poles": false_poles,
        "structural": structural, "statistical": statistical, "wrong": wrong,
        "mean_solves": solves as f64 / request.placements as f64,
        "median_residue": residues.get(residues.len() / 2),
    }))
}
