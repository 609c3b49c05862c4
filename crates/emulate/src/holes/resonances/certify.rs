//! From a search to what it shows: confirmed poles, what could hide, and certificates in words.

use faer::c64;

use super::greedy::Explored;
use super::poles::{again, seen, told};
use super::rounding::same;
use super::{Pole, Resonances, Scan};
use crate::error::EmulateError;
use crate::holes::hideable::hideable;
use crate::holes::{Certificate, Grade};
use crate::rational::{Fit, Goal, Samples, fit};

/// Draws the conclusions of a search.
pub fn certify(explored: Explored, scan: &Scan) -> Result<Resonances, EmulateError> {
    let Explored {
        samples,
        failed,
        scales,
        units,
        fit: fitted,
        share,
    } = explored;
    let mut found = Resonances {
        failed,
        share,
        misfit: f64::INFINITY,
        ..Resonances::default()
    };
    let Some(fitted) = fitted else {
        found.samples = samples;
        found.because = Some("the solver failed nearly everywhere".into());
        return Ok(found);
    };
    (found.poles, found.doubtful) = confirmed(&fitted, &samples, &scales, &units, scan)?;
    found.misfit = fitted.misfit;
    let places = places(&samples, &found.poles, scan.range);
    let all = fitted.rational.poles()?;
    found.hideable = (0..scales.len())
        .map(|output| {
            let units: Vec<f64> = units.iter().map(|row| row[output]).collect();
            hideable(&samples, &units, &all, scan.tolerance, &places)
        })
        .collect();
    // A pole that rounding cannot tell from none, too weak to be excluded: nothing to tell of.
    let mut doubtful = std::mem::take(&mut found.doubtful);
    doubtful.retain(|pole| pole.width > same(pole.position) || shows(&found, pole));
    found.doubtful = doubtful;
    found.samples = samples;
    found.rational = Some(fitted.rational);
    found.because = because(&found, scan);
    if let Some(share) = found.share
        && share.bad == 0
    {
        if found.because.is_none() {
            found.certificates.push(structural(&found));
        }
        let bad = format!(
            "region where the rational function is off by more than {:e}",
            scan.tolerance
        );
        found
            .certificates
            .extend(share.certificate(&bad, "the range"));
    }
    Ok(found)
}

/// The poles that a fit to two thirds of the samples has, too, at which the solver was asked; and the others.
fn confirmed(
    fitted: &Fit,
    samples: &Samples,
    scales: &[f64],
    units: &[Vec<f64>],
    scan: &Scan,
) -> Result<(Vec<Pole>, Vec<Pole>), EmulateError> {
    let mut order: Vec<usize> = (0..samples.len()).collect();
    order.sort_by(|&a, &b| samples.points()[a].total_cmp(&samples.points()[b]));
    let mut others = Vec::new();
    for left_out in 0..3 {
        let kept: Vec<usize> = order
            .iter()
            .enumerate()
            .filter(|(place, _)| place % 3 != left_out)
            .map(|(_, &number)| number)
            .collect();
        let goal = Goal {
            tolerance: 0.1 * scan.tolerance,
            ..Goal::default()
        };
        if kept.len() >= 3 {
            let own: Vec<Vec<f64>> = kept.iter().map(|&i| units[i].clone()).collect();
            let part = fit(&samples.select(&kept), &own, goal, &[])?;
            others.push(seen(&part.rational, samples, scales, scan.range)?);
        }
    }
    let mut poles: Vec<Pole> = seen(&fitted.rational, samples, scales, scan.range)?
        .iter()
        .map(|pole| {
            let half = pole.at.im.abs();
            let solved = samples
                .points()
                .iter()
                .any(|x| (x - pole.at.re).abs() <= 0.5 * half);
            // By most of the fits: one of them may lack what a weak pole needs.
            let agree = others.iter().filter(|other| again(pole, other)).count();
            told(pole, &fitted.rational, scan.range, solved && agree >= 2)
        })
        .collect();
    poles.sort_by(|a, b| a.position.total_cmp(&b.position));
    // What is wide and not confirmed only mimics a background.
    let narrow = |pole: &Pole| pole.width < 0.02 * (scan.range[1] - scan.range[0]);
    let (sure, open): (Vec<Pole>, Vec<Pole>) = poles.into_iter().partition(|pole| pole.confirmed);
    Ok((sure, open.into_iter().filter(narrow).collect()))
}

/// Where a pole could hide: inside each gap between samples, on the real line and half a gap below it; not
/// within the width of a found pole.
fn places(samples: &Samples, poles: &[Pole], range: [f64; 2]) -> Vec<c64> {
    let mut points = samples.points().to_vec();
    points.extend(range);
    points.sort_by(f64::total_cmp);
    points.dedup();
    let mut places = Vec::new();
    for gap in points.windows(2) {
        let (middle, half) = (0.5 * (gap[0] + gap[1]), 0.5 * (gap[1] - gap[0]));
        let known = |pole: &Pole| (pole.position - middle).abs() <= pole.width;
        if !poles.iter().any(known) {
            places.extend([c64::new(middle, 0.0), c64::new(middle, -half)]);
        }
    }
    places
}

/// Whether a pole has more residue than what could hide.
fn shows(found: &Resonances, pole: &Pole) -> bool {
    pole.residue > found.worst_hideable(pole.output)[0]
}

/// Why the structural certificate is withheld, if it is.
fn because(found: &Resonances, scan: &Scan) -> Option<String> {
    if !found.failed.is_empty() {
        return Some(format!(
            "the solver failed at {} points",
            found.failed.len()
        ));
    }
    if found.misfit > scan.tolerance {
        return Some(format!(
            "no rational function fits the {} samples within {:e} (the best is off by {:.1e}): the \
             budget is too small, the solver's error too large, or the response has kinks, jumps or \
             branch points",
            found.samples.len(),
            scan.tolerance,
            found.misfit
        ));
    }
    match found.share {
        None => Some("the budget was spent before the fits settled".into()),
        Some(share) if share.bad > 0 => Some(format!(
            "{} of the last {} fresh checks were off by more than {:e}",
            share.bad, share.draws, scan.tolerance
        )),
        Some(_) => {
            // One with less residue than is excluded is no contradiction.
            let open = found.doubtful.iter().filter(|pole| shows(found, pole));
            let open = open.count();
            (open > 0).then(|| format!("{open} narrow poles of the fit were not confirmed"))
        }
    }
}

fn structural(found: &Resonances) -> Certificate {
    let outputs = 0..found.hideable.len();
    let [mut residue, mut dipole] = [0.0_f64; 2];
    for output in outputs {
        let [r, d] = found.worst_hideable(output);
        (residue, dipole) = (residue.max(r), dipole.max(d));
    }
    let mut points = found.samples.points().to_vec();
    points.sort_by(f64::total_cmp);
    let gap = points
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .fold(0.0, f64::max);
    Certificate {
        grade: Grade::Structural,
        excludes: format!(
            "no other pole with a residue above {residue:.1e}, if the response is rational but for a \
             smooth background"
        ),
        cannot_exclude: format!(
            "two opposite residues r at a distance d with r d below {dipole:.1e}; a second pole inside \
             the width of a found one; a bump that is no pole, such as a Gaussian, between two samples \
             (they are up to {gap:.1e} apart)"
        ),
    }
}
