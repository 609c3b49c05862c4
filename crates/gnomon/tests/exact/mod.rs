//! Exact posteriors of the boarding-school mechanisms, by means that share no code with Gnomon:
//! classical Runge-Kutta with a fixed step, the negative-binomial likelihood written out, adaptive
//! random-walk Metropolis for moments, importance sampling from a fitted Student t for evidences.

/// Boys in bed on days 1 to 14 (British Medical Journal, 4 March 1978, p. 587).
pub const IN_BED: [f64; 14] = [
    3.0, 8.0, 26.0, 76.0, 225.0, 298.0, 258.0, 233.0, 189.0, 128.0, 68.0, 29.0, 14.0, 4.0,
];

const BOYS: f64 = 763.0;

/// A mechanism's parameters are the logarithms of its rates, then of phi.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Model {
    Sir,
    Seir,
    Sibr,
}

impl Model {
    /// (mean, sd) of the logarithm of each parameter: beta, gamma, phi | beta, gamma, sigma, phi |
    /// beta, kappa, delta, phi.
    fn prior(self) -> &'static [(f64, f64)] {
        const BETA: (f64, f64) = (0.405_465_108_108_164_4, 0.5);
        const HALF: (f64, f64) = (-std::f64::consts::LN_2, 0.5);
        const PHI: (f64, f64) = (std::f64::consts::LN_10, 1.0);
        match self {
            Self::Sir => &[BETA, HALF, PHI],
            Self::Seir => &[BETA, HALF, (0.0, 0.5), PHI],
            Self::Sibr => &[BETA, HALF, HALF, PHI],
        }
    }

    pub fn dimension(self) -> usize {
        self.prior().len()
    }

    fn slope(self, rates: &[f64], y: [f64; 3]) -> [f64; 3] {
        let [s, a, b] = y;
        match self {
            // a = I
            Self::Sir => {
                let infection = rates[0] * s * a / BOYS;
                [-infection, infection - rates[1] * a, 0.0]
            }
            // a = E, b = I
            Self::Seir => {
                let infection = rates[0] * s * b / BOYS;
                [
                    -infection,
                    infection - rates[2] * a,
                    rates[2] * a - rates[1] * b,
                ]
            }
            // a = I, b = B
            Self::Sibr => {
                let infection = rates[0] * s * a / BOYS;
                [
                    -infection,
                    infection - rates[1] * a,
                    rates[1] * a - rates[2] * b,
                ]
            }
        }
    }

    /// The expected number in bed on days 1 to 14.
    fn in_bed(self, rates: &[f64]) -> [f64; 14] {
        const STEPS: usize = 24;
        let h = 1.0 / STEPS as f64;
        let mut y = match self {
            Self::Sir | Self::Sibr => [BOYS - 1.0, 1.0, 0.0],
            Self::Seir => [BOYS - 1.0, 0.0, 1.0],
        };
        let along = |y: [f64; 3], k: [f64; 3], h: f64| std::array::from_fn(|i| y[i] + h * k[i]);
        std::array::from_fn(|_| {
            for _ in 0..STEPS {
                let k1 = self.slope(rates, y);
                let k2 = self.slope(rates, along(y, k1, h / 2.0));
                let k3 = self.slope(rates, along(y, k2, h / 2.0));
                let k4 = self.slope(rates, along(y, k3, h));
                y = std::array::from_fn(|i| {
                    y[i] + h / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i])
                });
            }
            if self == Self::Sir { y[1] } else { y[2] }
        })
    }

    /// log prior + log likelihood at the logarithms of the parameters.
    pub fn log_joint(self, logs: &[f64]) -> f64 {
        let mut sum = 0.0;
        for (x, (mean, sd)) in logs.iter().zip(self.prior()) {
            sum -= 0.5 * ((x - mean) / sd).powi(2) + sd.ln() + 0.5 * std::f64::consts::TAU.ln();
        }
        let natural: Vec<f64> = logs.iter().map(|x| x.exp()).collect();
        let size = natural[natural.len() - 1];
        let means = self.in_bed(&natural);
        for (count, mean) in IN_BED.iter().zip(means) {
            let mean = mean.max(1e-12);
            sum += ln_gamma(count + size) - ln_gamma(size) - ln_gamma(count + 1.0)
                + size * (size / (size + mean)).ln()
                + count * (mean / (size + mean)).ln();
        }
        if sum.is_finite() {
            sum
        } else {
            f64::NEG_INFINITY
        }
    }
}

/// Stirling's series after shifting to x >= 10.
fn ln_gamma(mut x: f64) -> f64 {
    let mut shift = 0.0;
    while x < 10.0 {
        shift -= x.ln();
        x += 1.0;
    }
    let r = 1.0 / (x * x);
    shift + (x - 0.5) * x.ln() - x
        + 0.5 * std::f64::consts::TAU.ln()
        + (1.0 / 12.0 - r * (1.0 / 360.0 - r * (1.0 / 1260.0 - r / 1680.0))) / x
}

/// SplitMix64 and Box-Muller: a random source of the test's own.
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (((z ^ (z >> 31)) >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// Posterior draws and the log evidence.
pub struct Exact {
    /// Natural parameters, one row a draw.
    pub draws: Vec<Vec<f64>>,
    pub log_evidence: f64,
}

/// 60,000 draws after adaptation, thinned to 12,000; 20,000 importance draws.
pub fn solve(model: Model) -> Exact {
    let d = model.dimension();
    let mut random = Random(20_260_101);
    let mut point: Vec<f64> = model.prior().iter().map(|(mean, _)| *mean).collect();
    let mut density = model.log_joint(&point);
    let mut factor = vec![vec![0.0; d]; d];
    (0..d).for_each(|i| factor[i][i] = 0.1);
    let mut chain: Vec<Vec<f64>> = Vec::new();
    for round in 0..6 {
        let length = if round < 5 { 4_000 } else { 60_000 };
        let mut visited = Vec::with_capacity(length);
        for _ in 0..length {
            let z: Vec<f64> = (0..d).map(|_| random.normal()).collect();
            let candidate: Vec<f64> = (0..d)
                .map(|i| point[i] + (0..=i).map(|j| factor[i][j] * z[j]).sum::<f64>())
                .collect();
            let proposed = model.log_joint(&candidate);
            if random.uniform().ln() < proposed - density {
                (point, density) = (candidate, proposed);
            }
            visited.push(point.clone());
        }
        let tail = &visited[visited.len() / 2..];
        let (_, covariance) = moments(if round < 5 { tail } else { &visited });
        // 2.38^2 / d: Roberts, Gelman & Gilks (1997).
        factor = cholesky(&covariance, 2.38 / (d as f64).sqrt());
        chain = visited;
    }
    let (mean, covariance) = moments(&chain);
    let spread = cholesky(&covariance, 1.1);
    let log_determinant: f64 = (0..d).map(|i| spread[i][i].ln()).sum();
    let (df, dims) = (8.0, d as f64);
    let weights: Vec<f64> = (0..20_000)
        .map(|_| {
            let z: Vec<f64> = (0..d).map(|_| random.normal()).collect();
            let chi: f64 = (0..8).map(|_| random.normal().powi(2)).sum();
            let scale = (df / chi).sqrt();
            let at: Vec<f64> = (0..d)
                .map(|i| mean[i] + scale * (0..=i).map(|j| spread[i][j] * z[j]).sum::<f64>())
                .collect();
            let square: f64 = z.iter().map(|x| x * x).sum::<f64>() * scale * scale;
            let proposal = ln_gamma((df + dims) / 2.0)
                - ln_gamma(df / 2.0)
                - dims / 2.0 * (df * std::f64::consts::PI).ln()
                - log_determinant
                - (df + dims) / 2.0 * (1.0 + square / df).ln();
            model.log_joint(&at) - proposal
        })
        .collect();
    let top = weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let scaled: Vec<f64> = weights.iter().map(|w| (w - top).exp()).collect();
    let n = scaled.len() as f64;
    let average = scaled.iter().sum::<f64>() / n;
    Exact {
        draws: chain
            .iter()
            .step_by(5)
            .map(|logs| logs.iter().map(|x| x.exp()).collect())
            .collect(),
        log_evidence: top + average.ln(),
    }
}

fn moments(chain: &[Vec<f64>]) -> (Vec<f64>, Vec<Vec<f64>>) {
    let (d, n) = (chain[0].len(), chain.len() as f64);
    let mean: Vec<f64> = (0..d)
        .map(|i| chain.iter().map(|x| x[i]).sum::<f64>() / n)
        .collect();
    let covariance = (0..d)
        .map(|i| {
            (0..d)
                .map(|j| {
                    chain
                        .iter()
                        .map(|x| (x[i] - mean[i]) * (x[j] - mean[j]))
                        .sum::<f64>()
                        / n
                })
                .collect()
        })
        .collect();
    (mean, covariance)
}

/// The lower Cholesky factor times `scale`.
fn cholesky(matrix: &[Vec<f64>], scale: f64) -> Vec<Vec<f64>> {
    let d = matrix.len();
    let mut factor = vec![vec![0.0; d]; d];
    for i in 0..d {
        for j in 0..=i {
            let rest: f64 = (0..j).map(|k| factor[i][k] * factor[j][k]).sum();
            factor[i][j] = if i == j {
                (matrix[i][i] + 1e-10 - rest).max(1e-12).sqrt()
            } else {
                (matrix[i][j] - rest) / factor[j][j]
            };
        }
    }
    factor
        .iter()
        .map(|row| row.iter().map(|x| x * scale).collect())
        .collect()
}
