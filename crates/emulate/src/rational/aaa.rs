//! AAA: greedy support points and least-squares weights (Nakatsukasa, Sète & Trefethen 2018, "The AAA
//! algorithm for rational approximation"), for several outputs with one set of weights (Lietaert et al.
//! 2022), with errors measured in units that are the
//! caller's, such as [`Samples::units`].

use faer::{Mat, c64};

use super::Rational;
use super::samples::{Samples, misfit};
use crate::error::EmulateError;

/// When a fit is good enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Goal {
    /// The largest error at a sample, in its units.
    pub tolerance: f64,
    /// The largest degree; half the samples at most.
    pub most_degree: usize,
}

impl Default for Goal {
    fn default() -> Self {
        Self {
            tolerance: 1e-12,
            most_degree: 150,
        }
    }
}

/// A rational function and how well it fits.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// The function.
    pub rational: Rational,
    /// The largest error at a sample, in its units.
    pub misfit: f64,
}

/// Fits samples. `units` are what errors are measured in, one row a sample; `start` holds support points to begin with, if they
/// are among the samples: those of an earlier fit save most of the time.
///
/// Poles too weak to be seen at any sample (Froissart doublets) are taken out where the fit does not
/// need them. When the goal is out of reach the best fit found is returned; its misfit says so.
///
/// # Errors
/// [`EmulateError::Shape`] with fewer than three samples or another number of rows of units;
/// [`EmulateError::Decomposition`] when a matrix could not be decomposed.
pub fn fit(
    samples: &Samples,
    units: &[Vec<f64>],
    goal: Goal,
    start: &[f64],
) -> Result<Fit, EmulateError> {
    if samples.len() < 3 {
        return Err(EmulateError::Shape {
            what: "samples of a rational fit, at least".into(),
            expected: 3,
            found: samples.len(),
        });
    }
    if units.len() != samples.len() {
        return Err(EmulateError::Shape {
            what: "rows of units".into(),
            expected: samples.len(),
            found: units.len(),
        });
    }
    let most = (samples.len() / 2).min(goal.most_degree + 1).max(1);
    let points = samples.points();
    let mut support: Vec<usize> = start
        .iter()
        .filter_map(|s| points.iter().position(|x| x == s))
        .take(most.saturating_sub(1))
        .collect();
    if support.is_empty() {
        support.push(worst(samples, units, &[], |_| mean(samples)).0);
    }
    let mut best: Option<(Fit, Vec<usize>)> = None;
    loop {
        let rational = weigh(samples, units, &support)?;
        let (next, misfit) = worst(samples, units, &support, |x| rational.at_real(x));
        let better = best.as_ref().is_none_or(|(fit, _)| misfit < fit.misfit);
        if better {
            best = Some((Fit { rational, misfit }, support.clone()));
        }
        if misfit <= goal.tolerance || support.len() >= most {
            break;
        }
        support.push(next);
    }
    let Some((fit, support)) = best else {
        return Err(EmulateError::Decomposition {
            what: "the weights of a rational fit".into(),
        });
    };
    without_doublets(samples, units, goal, fit, &support)
}

/// The weights of these support points: the last right singular vector of the Loewner matrix, whose rows
/// are divided by the errors' units.
fn weigh(
    samples: &Samples,
    units: &[Vec<f64>],
    support: &[usize],
) -> Result<Rational, EmulateError> {
    let (points, values) = (samples.points(), samples.values());
    let outputs = samples.outputs();
    let others: Vec<usize> = (0..samples.len())
        .filter(|i| !support.contains(i))
        .collect();
    let loewner = Mat::from_fn(others.len() * outputs, support.len(), |row, column| {
        let (i, j, output) = (others[row / outputs], support[column], row % outputs);
        (values[i][output] - values[j][output]) / ((points[i] - points[j]) * units[i][output])
    });
    let svd = loewner
        .thin_svd()
        .map_err(|_| EmulateError::Decomposition {
            what: "the Loewner matrix of a rational fit".into(),
        })?;
    let vectors = svd.V();
    let last = vectors.ncols() - 1;
    // A support point without weight is no part of the function.
    let weight = |j: &usize| vectors[(*j, last)];
    let kept: Vec<usize> = (0..support.len())
        .filter(|j| weight(j).norm() > f64::MIN_POSITIVE)
        .collect();
    Ok(Rational {
        support: kept.iter().map(|&j| points[support[j]]).collect(),
        weights: kept.iter().map(weight).collect(),
        values: kept.iter().map(|&j| values[support[j]].clone()).collect(),
    })
}

/// The sample outside the support with the largest error, and that error.
fn worst(
    samples: &Samples,
    units: &[Vec<f64>],
    support: &[usize],
    answer: impl Fn(f64) -> Vec<c64>,
) -> (usize, f64) {
    let mut worst = (0, -1.0);
    for (i, (&x, truth)) in samples.points().iter().zip(samples.values()).enumerate() {
        if support.contains(&i) {
            continue;
        }
        let error = misfit(&answer(x), truth, &units[i]);
        let error = if error.is_nan() { f64::INFINITY } else { error };
        if error > worst.1 {
            worst = (i, error);
        }
    }
    worst
}

fn mean(samples: &Samples) -> Vec<c64> {
    let mut sums = vec![c64::new(0.0, 0.0); samples.outputs()];
    for row in samples.values() {
        for (sum, y) in sums.iter_mut().zip(row) {
            *sum += y / samples.len() as f64;
        }
    }
    sums
}

/// Takes out the support point nearest to each pole that no sample sees, and weighs the others anew;
/// the fit stays as it was where that is worse than the goal.
fn without_doublets(
    samples: &Samples,
    units: &[Vec<f64>],
    goal: Goal,
    fit: Fit,
    support: &[usize],
) -> Result<Fit, EmulateError> {
    let points = samples.points();
    let mut kept = support.to_vec();
    for pole in fit.rational.poles()? {
        let residues = fit.rational.residues(pole);
        let seen = points.iter().zip(units).any(|(&x, row)| {
            let tail = residues.iter().map(|r| r / (pole - x));
            tail.zip(row)
                .any(|(t, unit)| t.norm() > 0.3 * goal.tolerance * unit)
        });
        if !seen && kept.len() > 2 {
            let away = |&j: &usize| (pole - points[j]).norm();
            let nearest =
                (0..kept.len()).min_by(|&a, &b| away(&kept[a]).total_cmp(&away(&kept[b])));
            nearest.map(|at| kept.remove(at));
        }
    }
    if kept.len() == support.len() {
        return Ok(fit);
    }
    let rational = weigh(samples, units, &kept)?;
    let misfit = worst(samples, units, &kept, |x| rational.at_real(x)).1;
    Ok(if misfit <= goal.tolerance.max(fit.misfit) {
        Fit { rational, misfit }
    } else {
        fit
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampled(points: &[f64], f: impl Fn(f64) -> Vec<c64>) -> Samples {
        Samples::new(points.to_vec(), points.iter().map(|&x| f(x)).collect()).unwrap()
    }

    fn uniform(n: usize) -> Vec<f64> {
        (0..n).map(|i| i as f64 / (n - 1) as f64).collect()
    }

    #[test]
    fn poles_residues_and_slope_of_a_known_rational() {
        let truth = [
            (c64::new(0.2, -1e-3), c64::new(1e-3, 2e-3)),
            (c64::new(0.7, -1e-5), c64::new(3e-6, 0.0)),
            (c64::new(0.70005, -2e-5), c64::new(0.0, 1e-5)),
        ];
        let f = |x: f64| truth.iter().map(|(p, r)| r / (x - p)).sum::<c64>() + 0.3;
        let samples = sampled(&uniform(40), |x| vec![f(x)]);
        let fit = fit(
            &samples,
            &samples.units(&samples.scales()),
            Goal::default(),
            &[],
        )
        .unwrap();
        assert!(fit.misfit < 1e-12, "{}", fit.misfit);
        let poles = fit.rational.poles().unwrap();
        assert_eq!(poles.len(), 3, "{poles:?}");
        for (p, r) in truth {
            let nearest = poles
                .iter()
                .min_by(|a, b| (*a - p).norm().total_cmp(&(*b - p).norm()))
                .unwrap();
            assert!((nearest - p).norm() < 0.01 * p.im.abs(), "{nearest} {p}");
            let residue = fit.rational.residues(*nearest)[0];
            assert!((residue - r).norm() < 0.01 * r.norm(), "{residue} {r}");
        }
        let slope = |x: f64| -> c64 { truth.iter().map(|(p, r)| -r / ((x - p) * (x - p))).sum() };
        for x in [fit.rational.support()[1], 0.444] {
            let found = fit.rational.derivative(c64::new(x, 0.0))[0];
            assert!((found - slope(x)).norm() < 1e-8 * slope(x).norm(), "{x}");
        }
    }

    #[test]
    fn outputs_share_poles() {
        let pole = c64::new(0.4, -0.01);
        let samples = sampled(&uniform(30), |x| {
            vec![1.0 / (x - pole), (3.0 * x - 1.0) / (x - pole)]
        });
        let fit = fit(
            &samples,
            &samples.units(&samples.scales()),
            Goal::default(),
            &[],
        )
        .unwrap();
        let poles = fit.rational.poles().unwrap();
        assert_eq!(poles.len(), 1);
        let residues = fit.rational.residues(poles[0]);
        assert!((residues[0] - 1.0).norm() < 1e-10);
        assert!((residues[1] - (3.0 * pole - 1.0)).norm() < 1e-10);
    }

    #[test]
    fn noise_leaves_no_doublets_at_its_own_tolerance() {
        let pole = c64::new(0.4, -0.01);
        let noise = |x: f64| 1e-9 * (x * 1e7).sin();
        let samples = sampled(&uniform(60), |x| vec![1.0 / (x - pole) + noise(x)]);
        let goal = Goal {
            tolerance: 1e-8,
            ..Goal::default()
        };
        let fit = fit(&samples, &samples.units(&samples.scales()), goal, &[]).unwrap();
        assert_eq!(fit.rational.poles().unwrap().len(), 1);
    }

    #[test]
    fn constants_and_too_few_samples() {
        let samples = sampled(&uniform(10), |_| vec![c64::new(2.0, 0.0)]);
        let fitted = fit(
            &samples,
            &samples.units(&samples.scales()),
            Goal::default(),
            &[],
        )
        .unwrap();
        assert_eq!(fitted.rational.degree(), 0);
        assert!(fitted.rational.poles().unwrap().is_empty());
        let two = samples.select(&[0, 1]);
        assert!(fit(&two, &two.units(&two.scales()), Goal::default(), &[]).is_err());
        assert!(Samples::new(vec![0.0], vec![vec![c64::new(f64::NAN, 0.0)]]).is_err());
    }
}
