//! Convergence to the exact predictor: the risk of networks on one set of test data sets -> its mean for
//! each number of simulations, a fitted power law, and what more simulations would bring.
//!
//! An excess over the exact predictor falls to 0 as `a n^-b`; where no exact predictor is known, the loss
//! itself falls to an unknown least one, `c + a n^-b`.

mod fit;

use gnomon_mechanism::elementary::{exp, ln};
use gnomon_mechanism::random::{Purpose, Stream};
use serde::{Deserialize, Serialize};

use fit::{Line, Powers, line, to_floor};

/// Resampled sets of data sets behind every interval.
const REPLICATES: usize = 1000;
/// Marks the random stream of the bootstrap, apart from those of claims.
const BOOTSTRAP: u64 = 14 << 60;
/// A gain below this, in nats, is not worth ten times as many simulations.
pub const WORTH: f64 = 0.01;

/// Test risks of networks that learned from different numbers of simulations.
#[derive(Clone, Copy, Debug)]
pub struct Risks<'a> {
    /// Numbers of simulations, increasing.
    pub simulations: &'a [u64],
    /// The risk at each data set in nats, one list a number of simulations; the same data sets for all.
    pub risk: &'a [Vec<f64>],
    /// Whether it is the excess over the exact predictor, whose least value is 0.
    pub is_excess: bool,
}

/// A number with its central 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// From 2.5 % to 97.5 % of the bootstrap.
    pub interval: [f64; 2],
}

/// A fitted curve `floor + scale n^-rate`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// The risk's excess over the floor at one simulation.
    pub scale: Estimate,
    /// How fast it falls.
    pub rate: Estimate,
    /// Where it ends; 0 for a power law without one.
    pub floor: Estimate,
}

impl Curve {
    /// The fitted risk after so many simulations.
    #[must_use]
    pub fn at(&self, simulations: f64) -> f64 {
        self.floor.value + self.scale.value * exp(-self.rate.value * ln(simulations))
    }
}

/// What the risks say about convergence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Convergence {
    /// The mean risk for each number of simulations.
    pub risk: Vec<Estimate>,
    /// The power law `scale n^-rate` of an excess; `None` with fewer than three numbers of simulations
    /// at which there is any.
    pub power: Option<Curve>,
    /// The curve with a floor; `None` with fewer than four numbers of simulations.
    pub with_floor: Option<Curve>,
    /// What ten times as many simulations as the most would bring, in nats, by the curve with a floor
    /// where one is seen, else by the power law.
    pub gain: Option<Estimate>,
}

/// What more simulations would bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// At least [`WORTH`].
    Helps,
    /// Less.
    NoLonger,
    /// The interval holds both.
    Unclear,
    /// No curve could be fitted.
    Unknown,
}

impl Convergence {
    /// Fits the risks. Intervals are from a bootstrap over data sets, the same for all numbers of
    /// simulations, to which the points' scatter about the curve is added: networks that were trained
    /// again would scatter as much.
    #[must_use]
    pub fn of(risks: &Risks<'_>, seed: u64) -> Self {
        let simulations: Vec<f64> = risks.simulations.iter().map(|&n| n as f64).collect();
        let data_sets = risks.risk.first().map_or(0, Vec::len);
        let means: Vec<f64> = risks.risk.iter().map(|own| mean(own)).collect();
        let errors: Vec<f64> = risks.risk.iter().map(|own| error_of_mean(own)).collect();
        let law = |means: &[f64]| match risks.is_excess {
            true => line(&simulations, means, &errors),
            false => None,
        };
        // An excess errs in proportion to itself; the difference of two losses, as the root of one.
        let weights: Vec<f64> = match risks.is_excess {
            true => means.iter().map(|m| 1.0 / m.powi(2)).collect(),
            false => simulations.clone(),
        };
        let powers = Powers::new(&simulations);
        let curve = |means: &[f64]| to_floor(&powers, means, &weights);
        let (power, with_floor) = (law(&means), curve(&means));
        let mut stream = Stream::new(seed, Purpose::CLAIM, BOOTSTRAP);
        let mut replicates = Replicates::default();
        let mut again = vec![0.0; means.len()];
        for _ in 0..REPLICATES {
            again.fill(0.0);
            for _ in 0..data_sets {
                let chosen = ((stream.uniform() * data_sets as f64) as usize).min(data_sets - 1);
                let own = again.iter_mut().zip(risks.risk);
                own.for_each(|(sum, risk)| *sum += risk[chosen] / data_sets as f64);
            }
            replicates.means.push(again.clone());
            if let Some(power) = &power {
                let spread = power.scatter * student(power.freedom, &mut stream);
                let shaken = again.iter().map(|m| m * exp(spread * stream.normal()));
                replicates.power.extend(law(&shaken.collect::<Vec<_>>()));
            }
            if let Some(floor) = &with_floor {
                let spread = floor.scatter * student(floor.freedom, &mut stream);
                let shaken = again.iter().zip(&weights);
                let shaken = shaken.map(|(m, w)| m + spread / w.sqrt() * stream.normal());
                replicates
                    .with_floor
                    .extend(curve(&shaken.collect::<Vec<_>>()));
            }
        }
        let with_intervals = |found: &Line, all: &[Line]| {
            let of = |number: fn(&Line) -> f64| estimate(number(found), all.iter().map(number));
            Curve {
                scale: of(|line| line.scale),
                rate: of(|line| line.rate),
                floor: of(|line| line.floor),
            }
        };
        let curves = |found: &Option<Line>, all: &[Line]| {
            found.as_ref().map(|found| with_intervals(found, all))
        };
        let most = simulations.last().copied().unwrap_or(f64::NAN);
        let gain = |found: &Line, all: &[Line]| {
            let of = |line: &Line| line.falls(most) - line.falls(10.0 * most);
            estimate(of(found), all.iter().map(of))
        };
        let with_intervals = curves(&with_floor, &replicates.with_floor);
        let seen = with_intervals.is_some_and(|curve| curve.floor.interval[0] > 0.0);
        let gain = match (&power, &with_floor) {
            (Some(power), _) if !seen => Some(gain(power, &replicates.power)),
            (_, Some(floor)) => Some(gain(floor, &replicates.with_floor)),
            _ => None,
        };
        let risk = means.iter().enumerate().map(|(place, &mean)| {
            estimate(mean, replicates.means.iter().map(|means| means[place]))
        });
        Self {
            risk: risk.collect(),
            power: curves(&power, &replicates.power),
            with_floor: with_intervals,
            gain,
        }
    }

    /// Whether an excess ends at a floor above 0 beyond doubt.
    #[must_use]
    pub fn has_floor(&self) -> bool {
        let floor = self.with_floor.map(|curve| curve.floor.interval[0]);
        self.power.is_some() && floor.is_some_and(|low| low > 0.0)
    }

    /// What more simulations would bring.
    #[must_use]
    pub fn outlook(&self) -> Outlook {
        match self.gain {
            None => Outlook::Unknown,
            Some(gain) if gain.interval[0] >= WORTH => Outlook::Helps,
            Some(gain) if gain.interval[1] < WORTH => Outlook::NoLonger,
            Some(_) => Outlook::Unclear,
        }
    }
}

/// What every resampled set of data sets says.
#[derive(Default)]
struct Replicates {
    means: Vec<Vec<f64>>,
    power: Vec<Line>,
    with_floor: Vec<Line>,
}

/// A factor by which a standard deviation of so many degrees of freedom may be too small.
fn student(freedom: usize, stream: &mut Stream) -> f64 {
    let squares: f64 = (0..freedom).map(|_| stream.normal().powi(2)).sum();
    (freedom as f64 / squares.max(f64::MIN_POSITIVE)).sqrt()
}

fn estimate(value: f64, replicates: impl Iterator<Item = f64>) -> Estimate {
    let mut all: Vec<f64> = replicates.filter(|x| x.is_finite()).collect();
    all.sort_by(f64::total_cmp);
    let at = |p: f64| {
        let place = (p * (all.len() as f64 - 1.0)).round() as usize;
        all.get(place).copied().unwrap_or(f64::NAN)
    };
    Estimate {
        value,
        interval: [at(0.025), at(0.975)],
    }
}

fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

fn error_of_mean(x: &[f64]) -> f64 {
    let (n, mean) = (x.len() as f64, mean(x));
    let squares: f64 = x.iter().map(|x| (x - mean).powi(2)).sum();
    (squares / (n - 1.0).max(1.0) / n).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIMULATIONS: [u64; 5] = [1000, 3000, 9000, 27_000, 81_000];

    /// Risks of made-up data sets about a curve: `common` varies with the data set alone, and each
    /// training is off by a factor of its own.
    fn risks(of: impl Fn(f64) -> f64, floor: f64, common: f64, seed: u64) -> Vec<Vec<f64>> {
        let mut stream = Stream::new(seed, Purpose::CLAIM, 1);
        let shifts: Vec<f64> = (0..200).map(|_| common * stream.normal()).collect();
        let training: Vec<f64> = SIMULATIONS.iter().map(|_| 0.05 * stream.normal()).collect();
        let budgets = SIMULATIONS.iter().zip(training);
        budgets
            .map(|(&n, off)| {
                let excess = of(n as f64) * (1.0 + off);
                let noise = shifts.iter().map(|shift| shift + floor);
                noise
                    .map(|x| x + excess * (1.0 + 0.5 * stream.normal()))
                    .collect()
            })
            .collect()
    }

    fn converge(risk: &[Vec<f64>], is_excess: bool) -> Convergence {
        let risks = Risks {
            simulations: &SIMULATIONS,
            risk,
            is_excess,
        };
        Convergence::of(&risks, 1)
    }

    /// 95 % intervals of 20 made-up curves hold the known rate in 16 or more: fewer would be by chance
    /// once in 400 times if they hold it as often as they say.
    #[test]
    fn the_rate_of_a_power_law_is_within_its_interval() {
        let held = (0..20).filter(|&seed| {
            let risk = risks(|n| 40.0 / n.powf(0.8), 0.0, 0.0, seed);
            let rate = converge(&risk, true).power.unwrap().rate;
            assert!((rate.value - 0.8).abs() < 0.1, "{rate:?}");
            rate.interval[0] <= 0.8 && 0.8 <= rate.interval[1]
        });
        let held = held.count();
        assert!(held >= 16, "{held} of 20");
    }

    #[test]
    fn a_floor_is_seen_where_there_is_one_alone() {
        let risk = risks(|n| 400.0 / n, 0.1, 0.0, 3);
        let with = converge(&risk, true);
        let floor = with.with_floor.unwrap().floor;
        assert!(
            with.has_floor() && (floor.value - 0.1).abs() < 0.02,
            "{floor:?}"
        );
        assert_eq!(with.outlook(), Outlook::NoLonger, "{with:?}");
        let risk = risks(|n| 40.0 / n.powf(0.5), 0.0, 0.0, 3);
        let without = converge(&risk, true);
        assert!(!without.has_floor(), "{without:?}");
        // From 40 / 81,000^.5 = .141 to .044.
        assert_eq!(without.outlook(), Outlook::Helps);
        let gain = without.gain.unwrap();
        assert!((gain.value - 0.096).abs() < 0.02, "{gain:?}");
    }

    /// The least loss is found from losses that vary ten times more from data set to data set than they
    /// fall.
    #[test]
    fn the_asymptote_of_a_loss_is_found() {
        let risk = risks(|n| 30.0 / n.powf(0.7), -1.3, 1.0, 5);
        let found = converge(&risk, false);
        let curve = found.with_floor.unwrap();
        assert!(found.power.is_none() && !found.has_floor());
        // The mean of the data sets' shifts has standard error .07.
        assert!((curve.floor.value + 1.3).abs() < 0.2, "{curve:?}");
        assert!(curve.floor.interval[0] < -1.3 && -1.3 < curve.floor.interval[1]);
        assert!(curve.at(1000.0) > curve.at(81_000.0));
    }

    #[test]
    fn too_few_numbers_of_simulations_have_no_curve() {
        let risk = vec![vec![0.3, 0.2], vec![0.1, 0.1]];
        let risks = Risks {
            simulations: &[100, 200],
            risk: &risk,
            is_excess: true,
        };
        let found = Convergence::of(&risks, 1);
        assert_eq!((found.power, found.with_floor), (None, None));
        assert_eq!(found.outlook(), Outlook::Unknown);
        assert!((found.risk[0].value - 0.25).abs() < 1e-12);
    }
}
