//! How many neighbours count: simulations are left out one at a time, and their parameters (or
//! mechanism) should be probable under those of their neighbours.

use gnomon_learn::matrix::Matrix;
use gnomon_mechanism::elementary::{exp, ln};
use rayon::prelude::*;

use super::{Index, Targets, Weighted, mean_scores, shares};
use crate::normal::Normal;

/// Simulations that are left out.
const LEFT_OUT: usize = 500;
/// The fewest neighbours that are tried.
const FEWEST: usize = 10;
/// The most, also as a share of all simulations.
const MOST: usize = 4_000;
const MOST_SHARE: usize = 4;
/// The prior's share in every density, so that one far simulation does not decide alone.
const PRIOR_SHARE: f64 = 0.01;

/// What was tried on simulations that were left out.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldOut {
    /// The number of neighbours with the highest score.
    pub near: usize,
    /// Each number tried, and the mean held-out log-density of the parameters in the prior's
    /// coordinates, or log-probability of the mechanism, in nats.
    pub tried: Vec<(usize, f64)>,
    /// The bandwidth of each simulation that was left out at `near` neighbours, increasing.
    pub bandwidths: Vec<f64>,
}

impl HeldOut {
    /// Tries 10, 15, 22, ... neighbours, at most 4,000 and at most a quarter of all.
    pub(super) fn of(index: &Index, targets: &Targets) -> Self {
        let rows = index.rows().min(targets.rows());
        let most = (rows / MOST_SHARE).clamp(1, MOST);
        let numbers: Vec<usize> = std::iter::successors(Some(FEWEST), |n| Some(n * 3 / 2))
            .take_while(|&n| n <= most)
            .collect();
        let numbers = if numbers.is_empty() {
            vec![most]
        } else {
            numbers
        };
        let every = rows.div_ceil(LEFT_OUT).max(1);
        let left_out: Vec<usize> = (0..rows).step_by(every).collect();
        let scored: Vec<Vec<(f64, f64)>> = left_out
            .par_iter()
            .map(|&row| {
                let mut neighbours = index.nearest(&index.point(row), most + 2);
                neighbours.retain(|neighbour| neighbour.row != row);
                numbers
                    .iter()
                    .map(|&near| {
                        let end = neighbours.len().min(near + 1);
                        let weighted = Weighted::of(&neighbours[..end], near);
                        (score(&weighted, targets, row), weighted.bandwidth)
                    })
                    .collect()
            })
            .collect();
        let count = scored.len().max(1) as f64;
        let mean = |place: usize| scored.iter().map(|own| own[place].0).sum::<f64>() / count;
        let tried: Vec<(usize, f64)> = (0..numbers.len()).map(|k| (numbers[k], mean(k))).collect();
        let best = (0..tried.len())
            .rev()
            .max_by(|&a, &b| tried[a].1.total_cmp(&tried[b].1));
        let best = best.unwrap_or(0);
        let mut bandwidths: Vec<f64> = scored.iter().map(|own| own[best].1).collect();
        bandwidths.sort_unstable_by(f64::total_cmp);
        Self {
            near: numbers[best],
            tried,
            bandwidths,
        }
    }
}

/// How probable a simulation's target is under the weighted ones of others, in nats.
fn score(weighted: &Weighted, targets: &Targets, row: usize) -> f64 {
    match targets {
        Targets::Scores(scores) => log_density(weighted, scores, scores.row(row)),
        Targets::Classes { of, count } => {
            let share = shares(weighted, of, *count)[of[row] as usize];
            // One imagined simulation that is of every class alike.
            let even = 1.0 / *count as f64;
            ln((weighted.effective * share + even) / (weighted.effective + 1.0))
        }
    }
}

/// ln of a kernel estimate at `point`: normal kernels of the weighted scores' covariance times
/// ess^(-2 / (d + 4)) (Scott 1992), their centres drawn together so that the estimate's covariance is
/// that of the scores (West 1993), and a hundredth of the prior, standard normal.
fn log_density(weighted: &Weighted, scores: &Matrix, point: &[f32]) -> f64 {
    let d = scores.columns();
    let own = weighted.rows.iter().flat_map(|&row| scores.row(row));
    let own: Vec<f64> = own.map(|&x| f64::from(x)).collect();
    let counts: Vec<f64> = weighted
        .weights
        .iter()
        .map(|w| w * weighted.effective)
        .collect();
    let cloud = Normal::fitted(&own, &counts, d);
    let width = weighted.effective.max(1.0).powf(-1.0 / (d as f64 + 4.0));
    let pull = (1.0 - width * width).sqrt();
    let mean = mean_scores(weighted, scores);
    let point: Vec<f64> = point.iter().map(|&x| f64::from(x)).collect();
    let mut difference = vec![0.0; d];
    let kernels = own.chunks_exact(d.max(1)).zip(&weighted.weights);
    let sum: f64 = kernels
        .map(|(centre, w)| {
            for (k, to) in difference.iter_mut().enumerate() {
                *to = point[k] - mean[k] - pull * (centre[k] - mean[k]);
            }
            w * exp(-0.5 * cloud.square(&difference) / (width * width))
        })
        .sum();
    let at_mean = cloud.log_density(&vec![0.0; d]) - d as f64 * ln(width);
    let prior = Normal::standard(d).log_density(&point);
    ln((1.0 - PRIOR_SHARE) * sum * exp(at_mean.min(600.0)) + PRIOR_SHARE * exp(prior))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gnomon_mechanism::random::{Purpose, Stream};

    /// x = theta + noise: the estimate at theta is near the exact posterior's density at the
    /// posterior's mode, and neither very few nor very many neighbours are best.
    #[test]
    fn a_number_of_neighbours_between_the_extremes_is_best() {
        let mut stream = Stream::new(8, Purpose::CLAIM, 0);
        let (mut points, mut scores) = (Vec::new(), Vec::new());
        for _ in 0..20_000 {
            let theta = stream.normal();
            points.push((theta + 0.5 * stream.normal()) as f32);
            scores.push(theta as f32);
        }
        let index = Index::new(&Matrix::new(1, points));
        let targets = Targets::Scores(Matrix::new(1, scores));
        let held_out = HeldOut::of(&index, &targets);
        let numbers: Vec<usize> = held_out.tried.iter().map(|(n, _)| *n).collect();
        assert!(
            numbers[0] < held_out.near && held_out.near < 4000,
            "{held_out:?}"
        );
        // The posterior's sd is 0.447; the mean log-density -ln(0.447) - ln(tau) / 2 - 1 / 2 = -0.614.
        // With 500 left out its standard error is 0.03; more than 0.13 away is 4 of them.
        let best = held_out
            .tried
            .iter()
            .map(|(_, score)| *score)
            .fold(f64::MIN, f64::max);
        assert!((best + 0.614).abs() < 0.13, "{best}");
    }

    #[test]
    fn few_simulations_are_no_obstacle() {
        for rows in [1, 2, 7] {
            let points = Matrix::new(1, (0..rows).map(|x| x as f32).collect());
            let index = Index::new(&points);
            let held_out = HeldOut::of(&index, &Targets::Scores(points.clone()));
            assert!(held_out.near >= 1 && held_out.bandwidths.len() == rows);
        }
    }
}
