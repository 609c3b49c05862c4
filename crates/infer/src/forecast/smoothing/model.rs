//! One model of exponential smoothing: its innovations, its fit, its forecasts.
//!
//! ```text
//! f = l + phi b + s[-m]       forecast of the next value y; e = y - f
//! l = l + phi b + alpha e
//! b = phi b + beta e
//! s = s[-m] + gamma e
//! ```
//! (Hyndman, Koehler, Ord & Snyder 2008, table 2.2). A missing value leaves e at 0. Errors are linear
//! in the states before the first value, so the best of these are found by least squares; what is left
//! to search is alpha, beta, phi, gamma.

use gnomon_mechanism::elementary::ln;

use super::simplex;

/// Smoothing parameters keep so far from 0 and 1.
const EDGE: f64 = 1e-4;
/// Where the damping of a trend lies.
const DAMPING: [f64; 2] = [0.8, 0.98];

/// What becomes of a trend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trend {
    /// There is none.
    None,
    /// It goes on.
    Additive,
    /// It fades.
    Damped,
}

/// Which parts a model has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model {
    pub trend: Trend,
    /// Steps after which a pattern comes again; 1 for none.
    pub season: usize,
}

/// Smoothing parameters; those of parts that the model lacks are 0, `phi` 1 where nothing fades.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameters {
    pub alpha: f64,
    pub beta: f64,
    pub phi: f64,
    pub gamma: f64,
}

/// Level, trend, and the season's entries, the next one first.
#[derive(Clone, Debug, PartialEq)]
struct States {
    level: f64,
    trend: f64,
    season: Vec<f64>,
}

/// A model fitted to a past.
#[derive(Clone, Debug)]
pub struct Fit {
    pub model: Model,
    pub parameters: Parameters,
    /// Sum of the squared errors one step ahead.
    pub squares: f64,
    /// How many errors these are.
    pub count: usize,
    last: States,
}

impl Model {
    /// Smoothing parameters.
    fn smoothed(self) -> usize {
        let of_trend = match self.trend {
            Trend::None => 1,
            Trend::Additive => 2,
            Trend::Damped => 3,
        };
        of_trend + usize::from(self.season > 1)
    }

    /// States that are free: the season's entries sum to 0.
    fn states(self) -> usize {
        1 + usize::from(self.trend != Trend::None) + self.season - 1
    }

    /// The smoothing parameters at a point of the unit cube.
    fn parameters(self, shares: &[f64]) -> Parameters {
        let between = |low: f64, high: f64, share: f64| low + (high.max(low) - low) * share;
        let mut shares = shares.iter().copied();
        let mut next = |low, high| shares.next().map_or(0.0, |share| between(low, high, share));
        let alpha = next(EDGE, 1.0 - EDGE);
        let beta = match self.trend {
            Trend::None => 0.0,
            Trend::Additive | Trend::Damped => next(EDGE, alpha),
        };
        let phi = match self.trend {
            Trend::Damped => next(DAMPING[0], DAMPING[1]),
            Trend::None | Trend::Additive => 1.0,
        };
        let gamma = match self.season {
            1 => 0.0,
            _ => next(EDGE, 1.0 - alpha),
        };
        Parameters {
            alpha,
            beta,
            phi,
            gamma,
        }
    }

    /// The states that free numbers stand for.
    fn place(self, free: &[f64]) -> States {
        let (level, rest) = free
            .split_first()
            .map_or((0.0, free), |(l, rest)| (*l, rest));
        let (trend, rest) = match self.trend {
            Trend::None => (0.0, rest),
            Trend::Additive | Trend::Damped => rest
                .split_first()
                .map_or((0.0, rest), |(b, rest)| (*b, rest)),
        };
        let mut season = rest.to_vec();
        season.push(-rest.iter().sum::<f64>());
        States {
            level,
            trend,
            season,
        }
    }

    /// Fits a past that begins with a value: the parameters and first states of the least sum of
    /// squared errors. `None` where there are too few values for an AICc.
    pub fn fit(self, past: &[f64]) -> Option<Fit> {
        let count = past.iter().filter(|x| x.is_finite()).count();
        if count < self.smoothed() + self.states() + 3 {
            return None;
        }
        let scale = past
            .iter()
            .filter(|x| x.is_finite())
            .fold(0.0, |m: f64, x| m.max(x.abs()));
        // Below this an error is rounding: models that are exact are told apart by their size alone.
        let floor = count as f64 * (1e-9 * scale).powi(2) + f64::MIN_POSITIVE;
        let mut zeros = vec![0.0; past.len()];
        for (zero, _) in zeros.iter_mut().zip(past).filter(|(_, x)| !x.is_finite()) {
            *zero = f64::NAN;
        }
        let with = |shares: &[f64]| {
            let parameters = self.parameters(shares);
            let mut states = self.first_states(parameters, past, &zeros);
            let errors = run(parameters, &mut states, past);
            (
                parameters,
                states,
                errors.iter().map(|e| e * e).sum::<f64>(),
            )
        };
        let best = simplex::minimise(self.smoothed(), |shares| with(shares).2.max(floor));
        let (parameters, last, squares) = with(&best);
        squares.is_finite().then_some(Fit {
            model: self,
            parameters,
            squares: squares.max(floor),
            count,
            last,
        })
    }

    /// The states before the first value under which the squared errors are least.
    fn first_states(self, parameters: Parameters, past: &[f64], zeros: &[f64]) -> States {
        let p = self.states();
        let mut free = vec![0.0; p];
        let errors = run(parameters, &mut self.place(&free), past);
        let by_state: Vec<Vec<f64>> = (0..p)
            .map(|k| {
                free.fill(0.0);
                free[k] = 1.0;
                run(parameters, &mut self.place(&free), zeros)
            })
            .collect();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let mut normal = vec![0.0; p * p];
        for r in 0..p {
            for c in 0..=r {
                normal[r * p + c] = dot(&by_state[r], &by_state[c]);
            }
            // Where errors do not tell two states apart, the nearer to 0.
            normal[r * p + r] *= 1.0 + 1e-12;
        }
        let against: Vec<f64> = by_state.iter().map(|own| -dot(own, &errors)).collect();
        self.place(&solve(&mut normal, &against))
    }
}

impl Fit {
    /// Parameters, states and the errors' variance.
    fn free(&self) -> usize {
        self.model.smoothed() + self.model.states() + 1
    }

    /// Akaike's criterion with the correction for short series, up to a constant that all models of one
    /// past share: n ln(sum of squares) + 2 k n / (n - k - 1).
    pub fn aicc(&self) -> f64 {
        let (n, k) = (self.count as f64, self.free() as f64);
        n * ln(self.squares) + 2.0 * k * n / (n - k - 1.0)
    }

    /// Mean and standard deviation of the value `steps` after the last one (Hyndman et al. 2008, table
    /// 6.2): the variance of an error, times one plus the squares of what the errors between will have
    /// added.
    pub fn ahead(&self, steps: usize) -> (f64, f64) {
        let (own, m) = (self.parameters, self.model.season);
        let variance = self.squares / (self.count - (self.free() - 1)) as f64;
        let (mut fading, mut added) = (0.0, 1.0);
        let mut power = 1.0;
        for step in 1..=steps {
            power *= own.phi;
            fading += power;
            if step < steps {
                let again = if step % m == 0 { own.gamma } else { 0.0 };
                added += (own.alpha + own.beta * fading + again).powi(2);
            }
        }
        let season = self.last.season[(steps - 1) % m];
        let mean = self.last.level + self.last.trend * fading + season;
        (mean, (variance * added).sqrt())
    }
}

/// The errors of one-step forecasts, 0 where a value is missing; `states` go from before the first
/// value to after the last.
fn run(parameters: Parameters, states: &mut States, past: &[f64]) -> Vec<f64> {
    let Parameters {
        alpha,
        beta,
        phi,
        gamma,
    } = parameters;
    let m = states.season.len();
    let errors = past
        .iter()
        .enumerate()
        .map(|(step, value)| {
            let along = phi * states.trend;
            let again = &mut states.season[step % m];
            let error = if value.is_finite() {
                value - (states.level + along + *again)
            } else {
                0.0
            };
            states.level += along + alpha * error;
            states.trend = along + beta * error;
            *again += gamma * error;
            error
        })
        .collect();
    states.season.rotate_left(past.len() % m);
    errors
}

/// Solves a symmetric system of which the lower triangle is given, by its factor L D L'; a direction
/// without weight gets 0.
fn solve(lower: &mut [f64], right: &[f64]) -> Vec<f64> {
    let p = right.len();
    let mut solution = right.to_vec();
    let scale: Vec<f64> = (0..p).map(|r| lower[r * p + r]).collect();
    for r in 0..p {
        for c in 0..=r {
            let known: f64 = (0..c)
                .map(|k| lower[r * p + k] * lower[c * p + k] * lower[k * p + k])
                .sum();
            let left = lower[r * p + c] - known;
            let pivot = lower[c * p + c];
            lower[r * p + c] = match (c < r, pivot > 0.0) {
                (false, _) if left > 1e-13 * scale[r] => left,
                (true, true) => left / pivot,
                _ => 0.0,
            };
        }
    }
    for r in 0..p {
        solution[r] -= (0..r).map(|c| lower[r * p + c] * solution[c]).sum::<f64>();
    }
    for r in (0..p).rev() {
        let pivot = lower[r * p + r];
        let own = if pivot > 0.0 {
            solution[r] / pivot
        } else {
            0.0
        };
        solution[r] = own
            - (r + 1..p)
                .map(|c| lower[c * p + r] * solution[c])
                .sum::<f64>();
    }
    solution
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oil production of Saudi Arabia, 1965 to 2013, in million tonnes (`oil` in R's package fpp2).
    const OIL: [f64; 49] = [
        111.0091, 130.8284, 141.2871, 154.2278, 162.7409, 192.1665, 240.7997, 304.2174, 384.0046,
        429.6622, 359.3169, 437.2519, 468.4008, 424.4353, 487.9794, 509.8284, 506.3473, 340.1842,
        240.2589, 219.0328, 172.0747, 252.5901, 221.0711, 276.5188, 271.1480, 342.6186, 428.3558,
        442.3946, 432.7851, 437.2497, 437.2092, 445.3641, 453.1950, 454.4096, 422.3789, 456.0371,
        440.3866, 425.1944, 486.2052, 500.4291, 521.2759, 508.9476, 488.8889, 509.8706, 456.7229,
        473.8166, 525.9509, 549.8338, 542.3405,
    ];

    const fn model(trend: Trend) -> Model {
        Model { trend, season: 1 }
    }

    fn fit_at(
        model: Model,
        parameters: Parameters,
        first: &States,
        past: &[f64],
    ) -> (Fit, Vec<f64>) {
        let mut last = first.clone();
        let errors = run(parameters, &mut last, past);
        let fit = Fit {
            model,
            parameters,
            squares: errors.iter().map(|e| e * e).sum(),
            count: past.len(),
            last,
        };
        (fit, errors)
    }

    /// Parameters, first states, errors, variance and forecasts that R's `ets` (package forecast, damped
    /// "AAN") prints for the oil, as statsmodels keeps them for its tests.
    #[test]
    fn errors_and_forecasts_are_those_of_r() {
        let parameters = Parameters {
            alpha: 0.999_899_69,
            beta: 0.118_869_85,
            phi: 0.800_001_97,
            gamma: 0.0,
        };
        let first = States {
            level: 36.464_668_37,
            trend: 34.725_849_83,
            season: vec![0.0],
        };
        let (fit, errors) = fit_at(model(Trend::Damped), parameters, &first, &OIL);
        let of_r = [46.763_718_14, -6.847_710_67, -10.228_255_44, -2.636_690_41];
        for (own, its) in errors.iter().zip(of_r) {
            assert!((own - its).abs() < 2e-4, "{own} {its}");
        }
        assert!((fit.squares / 44.0 - 2_524.879_158_22).abs() < 1e-2);
        for (steps, its) in (1..).zip([545.352_135_63, 547.760_449_26, 549.687_104_89]) {
            assert!((fit.ahead(steps).0 - its).abs() < 1e-3, "{steps}");
        }
        assert!((fit.ahead(1).1.powi(2) - 2_524.879_158_22).abs() < 1e-2);
    }

    /// The same with a season ("AAA", damped; quarterly visitors to Australia, `austourists`).
    #[test]
    fn seasonal_errors_are_those_of_r() {
        let past = [
            30.052_513, 19.148_496, 25.317_692, 27.591_437, 32.076_456, 23.487_961, 28.475_94,
            35.123_753,
        ];
        let parameters = Parameters {
            alpha: 0.354_454_27,
            beta: 0.032_007_49,
            phi: 0.979_999_97,
            gamma: 0.399_933_87,
        };
        let first = States {
            level: 24.012_783_57,
            trend: 0.977_701_47,
            season: vec![5.349_566_37, -6.611_717_98, -0.507_359_02, 1.769_510_63],
        };
        let quarterly = Model {
            trend: Trend::Damped,
            season: 4,
        };
        let (mut fit, errors) = fit_at(quarterly, parameters, &first, &past);
        fit.count = 68;
        let of_r = [
            -0.267_984_35,
            -0.046_307_28,
            -0.875_570_77,
            -1.433_185_3,
            -0.715_635_04,
            2.058_069_73,
            -0.269_513_98,
            3.631_327_22,
        ];
        for (own, its) in errors.iter().zip(of_r) {
            assert!((own - its).abs() < 2e-4, "{own} {its}");
        }
        // The ninth value as R fits it.
        assert!((fit.ahead(1).0 - 37.426_191_3).abs() < 1e-5);
    }

    /// The least sums of squares were found by SciPy's differential evolution over all parameters; R's
    /// own search stops at 111094.7 and 115737.5.
    #[test]
    fn fits_are_the_best_ones() {
        let damped = model(Trend::Damped).fit(&OIL).unwrap();
        assert!(
            (damped.squares / 107_444.821_5 - 1.0).abs() < 1e-6,
            "{}",
            damped.squares
        );
        let own = damped.parameters;
        assert!(
            (own.alpha - 0.9999).abs() < 1e-4 && (own.beta - 1e-4).abs() < 1e-4,
            "{own:?}"
        );
        assert!((own.phi - 0.9155).abs() < 1e-3, "{own:?}");
        let holt = model(Trend::Additive).fit(&OIL).unwrap();
        assert!(
            (holt.squares / 109_214.727_4 - 1.0).abs() < 1e-6,
            "{}",
            holt.squares
        );
    }

    #[test]
    fn variances_are_those_of_the_textbook() {
        // Simple smoothing: sigma^2 (1 + (h - 1) alpha^2); Holt: alpha^2 + alpha beta h + beta^2 h (2h - 1) / 6
        // instead of alpha^2 (Hyndman et al. 2008, table 6.2).
        let level = model(Trend::None).fit(&OIL).unwrap();
        let alpha = level.parameters.alpha;
        let ratio = (level.ahead(5).1 / level.ahead(1).1).powi(2);
        assert!((ratio - (1.0 + 4.0 * alpha * alpha)).abs() < 1e-9);
        let holt = model(Trend::Additive).fit(&OIL).unwrap();
        let (alpha, beta) = (holt.parameters.alpha, holt.parameters.beta);
        let ratio = (holt.ahead(4).1 / holt.ahead(1).1).powi(2);
        let textbook = alpha * alpha + alpha * beta * 4.0 + beta * beta * 4.0 * 7.0 / 6.0;
        assert!((ratio - (1.0 + 3.0 * textbook)).abs() < 1e-9);
    }

    #[test]
    fn first_states_are_the_best_ones() {
        let damped = model(Trend::Damped);
        let fit = damped.fit(&OIL).unwrap();
        let zeros = [0.0; OIL.len()];
        let best = damped.first_states(fit.parameters, &OIL, &zeros);
        let squares = |mut states: States| -> f64 {
            let errors = run(fit.parameters, &mut states, &OIL);
            errors.iter().map(|e| e * e).sum()
        };
        assert!((squares(best.clone()) - fit.squares).abs() < 1e-6 * fit.squares);
        for (level, trend) in [
            (1.0, 0.0),
            (-1.0, 0.0),
            (0.0, 1.0),
            (0.0, -1.0),
            (0.8, -1.0),
        ] {
            let mut other = best.clone();
            other.level += level;
            other.trend += trend;
            assert!(squares(other) > fit.squares);
        }
    }

    #[test]
    fn systems_are_solved() {
        let mut lower = [4.0, 0.0, 2.0, 3.0];
        let x = solve(&mut lower, &[2.0, 5.0]);
        assert!((4.0 * x[0] + 2.0 * x[1] - 2.0).abs() < 1e-12);
        assert!((2.0 * x[0] + 3.0 * x[1] - 5.0).abs() < 1e-12);
        // A direction without weight.
        assert_eq!(solve(&mut [2.0, 0.0, 0.0, 0.0], &[4.0, 1.0]), [2.0, 0.0]);
    }

    #[test]
    fn the_criterion_needs_enough_values() {
        assert!(model(Trend::Damped).fit(&OIL[..7]).is_none());
        assert!(
            model(Trend::Damped)
                .fit(&OIL[..8])
                .unwrap()
                .aicc()
                .is_finite()
        );
        assert!(model(Trend::None).fit(&OIL[..4]).is_none());
    }
}
