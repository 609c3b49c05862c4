//! Where the operator is known: its poles near the range are counted, and held against those found.

use gnomon_emulate::holes::resonances::{DEEPEST, Pole, Resonances, Scan};
use gnomon_emulate::holes::winding::{Rectangle, count_polynomial, matrix, roots_polynomial};
use gnomon_emulate::holes::{Certificate, Grade};
use gnomon_emulate::rational::Complex;
use gnomon_mechanism::Mechanism;
use gnomon_simulate::polynomial;
use serde::Serialize;

use super::Solve;
use super::place::Place;
use super::shown::short;
use crate::failure::Failure;

/// The most unknowns whose determinant is followed around a rectangle.
const MOST_UNKNOWNS: usize = 100;
/// A pole that was found is one that is there when they differ by less than this share of its width.
const SAME: f64 = 0.2;
/// The same of one that is hardly damped, as a share of the range.
const UNDAMPED: f64 = 1e-7;

/// How many poles there are, and which of them were found.
#[derive(Clone, Debug, Serialize)]
pub struct Counted {
    /// Poles in the rectangle, with multiplicity.
    pub poles: usize,
    /// Those of them that the scan found and confirmed.
    pub found: usize,
    /// Those that it did not.
    pub missed: Vec<Missed>,
    /// Poles that the scan confirmed and that are none.
    pub wrong: usize,
    /// The range, and the deepest pole that counts: its width is twice that.
    pub range: [f64; 2],
    /// See there.
    pub depth: f64,
}

/// A pole that the scan did not confirm.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Missed {
    /// Its real part.
    pub position: f64,
    /// Twice its distance from the real line.
    pub width: f64,
    /// Whether the outputs show something of it, by a solve at its position.
    pub shows: bool,
}

/// Counts the poles of a response by the turn of its determinant around the range, and confirms those of the
/// scan's doubtful ones that are there; or says why not.
pub fn count(
    mechanism: &Mechanism,
    place: &Place,
    resonances: &mut Resonances,
) -> Result<Counted, String> {
    let found = polynomial(mechanism, place.over, &place.base, place.frequency)
        .map_err(|error| error.to_string())?;
    let n = found.unknowns;
    if n > MOST_UNKNOWNS {
        return Err(format!(
            "there are {n} unknowns, and at most {MOST_UNKNOWNS} are counted"
        ));
    }
    let [low, high] = place.range;
    // In units of the range's farther end, powers of the frequency are of one size.
    let size = low.abs().max(high.abs());
    let coefficients: Vec<_> = found
        .coefficients
        .iter()
        .enumerate()
        .map(|(power, entries)| {
            let scale = size.powi(power as i32);
            let scaled = entries.iter().map(|e| e.map(|x| x * scale));
            matrix(n, &scaled.collect::<Vec<_>>())
        })
        .collect();
    let roots = roots_polynomial(&coefficients).map_err(|error| error.to_string())?;
    let all: Vec<Complex> = roots.into_iter().map(|z| z * size).collect();
    let depth = clear(DEEPEST * (high - low), &all);
    let rectangle = Rectangle {
        real: place.range.map(|x| x / size),
        imaginary: [-depth / size, depth / size],
    };
    let winding = count_polynomial(&coefficients, rectangle).map_err(|error| error.to_string())?;
    let inside = |z: &&Complex| (low..=high).contains(&z.re) && z.im.abs() <= depth;
    let mut left: Vec<Complex> = all.iter().filter(inside).copied().collect();
    if left.len() != winding.roots {
        return Err(format!(
            "the count says {} poles, and {} were worked out: rounding",
            winding.roots,
            left.len()
        ));
    }
    let mut is_there = |pole: &Pole| {
        let own = Complex::new(pole.position, 0.5 * pole.width);
        let apart = |z: &Complex| (Complex::new(z.re, z.im.abs()) - own).norm();
        let nearest = (0..left.len()).min_by(|&a, &b| apart(&left[a]).total_cmp(&apart(&left[b])));
        let most = (SAME * pole.width).max(UNDAMPED * (high - low));
        let found = nearest.filter(|&at| apart(&left[at]) <= most);
        found.map(|at| left.swap_remove(at)).is_some()
    };
    // One beyond the rectangle by rounding is none of its poles.
    let inside = |pole: &&Pole| 0.5 * pole.width < 0.99 * depth;
    let strange: Vec<&Pole> = resonances.poles.iter().filter(|p| !is_there(p)).collect();
    let wrong = strange.into_iter().filter(inside).count();
    // What no solve could confirm, as a pole without damping, the count can.
    let (sure, open) = std::mem::take(&mut resonances.doubtful)
        .into_iter()
        .partition::<Vec<Pole>, _>(is_there);
    resonances.doubtful = open;
    if !sure.is_empty() && resonances.because.is_some() {
        resonances.because = Some(format!(
            "{} narrow poles were confirmed by the count, not by solves",
            sure.len()
        ));
    }
    let sure = sure.into_iter().map(|pole| Pole {
        confirmed: true,
        ..pole
    });
    resonances.poles.extend(sure);
    resonances
        .poles
        .sort_by(|a, b| a.position.total_cmp(&b.position));
    left.sort_by(|a, b| a.re.total_cmp(&b.re));
    let missed = left.iter().map(|z| Missed {
        position: z.re,
        width: 2.0 * z.im.abs(),
        shows: false,
    });
    Ok(Counted {
        poles: winding.roots,
        found: winding.roots - left.len(),
        missed: missed.collect(),
        wrong,
        range: place.range,
        depth,
    })
}

/// A depth near `depth` at which no pole lies.
fn clear(depth: f64, poles: &[Complex]) -> f64 {
    let gap = |depth: f64| {
        let each = poles.iter().map(|z| (z.im.abs() - depth).abs());
        each.fold(f64::INFINITY, f64::min)
    };
    let tried = (0..20).map(|k| depth * (1.0 - 0.005 * f64::from(k)));
    tried
        .max_by(|&a, &b| {
            gap(a)
                .min(0.01 * depth)
                .total_cmp(&gap(b).min(0.01 * depth))
        })
        .unwrap_or(depth)
}

impl Counted {
    /// Solves at the poles that were missed: whether the outputs are there what the scan says.
    pub fn look(
        &mut self,
        resonances: &Resonances,
        scan: &Scan,
        solve: &mut Box<Solve<'_>>,
    ) -> Result<(), Failure> {
        let Some(rational) = resonances
            .rational
            .as_ref()
            .filter(|_| !self.missed.is_empty())
        else {
            return Ok(());
        };
        let scales = resonances.samples.scales();
        let points: Vec<f64> = self.missed.iter().map(|missed| missed.position).collect();
        for (missed, truth) in self.missed.iter_mut().zip(solve(&points)?) {
            let told = rational.at_real(missed.position);
            missed.shows = told.iter().zip(&truth).zip(&scales).any(|((a, t), scale)| {
                let agrees = (a - t).norm() <= 10.0 * scan.tolerance * (t.norm() + scale);
                !agrees
            });
        }
        Ok(())
    }

    /// Poles that the outputs show, and that were missed.
    #[must_use]
    pub fn hidden(&self) -> usize {
        self.missed.iter().filter(|missed| missed.shows).count()
    }

    /// The certificate, where all were found and nothing else.
    #[must_use]
    pub fn certificate(&self, over: &str, unit: &str) -> Option<Certificate> {
        (self.missed.is_empty() && self.wrong == 0).then(|| Certificate {
            grade: Grade::Complete,
            excludes: format!(
                "{} of {} {} with {over} between {} and {}{}{unit}, by the turn of the determinant",
                self.found,
                self.poles,
                match self.poles {
                    1 => "resonance",
                    _ => "resonances",
                },
                short(self.range[0], 5),
                short(self.range[1], 5),
                if unit.is_empty() { "" } else { " " },
            ),
            cannot_exclude: format!(
                "wider ones than {}; others at other values of what is held",
                short(2.0 * self.depth, 3)
            ),
        })
    }

    /// What was missed, in words; empty where nothing was.
    #[must_use]
    pub fn in_words(&self) -> String {
        if self.missed.is_empty() && self.wrong == 0 {
            return String::new();
        }
        let mut text = format!(
            "Not complete: {} of {} resonances were found",
            self.found, self.poles
        );
        let told = self.missed.iter().take(8).map(|missed| {
            let seen = match missed.shows {
                true => "",
                false => ", which no output shows",
            };
            format!(
                "one at {} of width {}{seen}",
                short(missed.position, 7),
                short(missed.width, 3)
            )
        });
        let told: Vec<String> = told.collect();
        if !told.is_empty() {
            text += &format!("; missed: {}", told.join("; "));
        }
        if self.missed.len() > told.len() {
            text += &format!("; and {} more", self.missed.len() - told.len());
        }
        if self.wrong > 0 {
            text += &format!("; {} of those confirmed are none", self.wrong);
        }
        text
    }
}
