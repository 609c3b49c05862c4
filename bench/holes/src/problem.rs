//! Responses whose poles are known.

use faer::c64;
use serde::Deserialize;

/// A response along one variable.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Problem {
    /// A sum of poles, `[Re p, Im p, Re r, Im r]` each, and a background that is not rational.
    Poles { poles: Vec<[f64; 4]>, background: f64 },
    /// 1 / (1 + F sin^2(d / 2)), F = 4 R / (1 - R)^2.
    FabryPerot { reflectivity: f64 },
}

impl Problem {
    /// The response.
    pub fn at(&self, x: f64) -> c64 {
        match self {
            Self::Poles { poles, background } => {
                let smooth = 0.3 * (x + 0.2).sqrt() + 0.1 * (4.0 * x).sin();
                let each = poles.iter();
                each.map(|p| c64::new(p[2], p[3]) / (x - c64::new(p[0], p[1]))).sum::<c64>()
                    + background * smooth
            }
            Self::FabryPerot { reflectivity } => {
                let f = 4.0 * reflectivity / (1.0 - reflectivity).powi(2);
                c64::new(1.0 / (1.0 + f * (0.5 * x).sin().powi(2)), 0.0)
            }
        }
    }
}
