//! Folds of Duffing's oscillator, x = a cos(w t) + b sin(w t), w0 = 1.

use std::error::Error;

use faer::Mat;
use gnomon_emulate::holes::folds::{Path, follow};
use serde::Deserialize;
use serde_json::{Value, json};

/// One oscillator.
#[derive(Deserialize)]
pub struct Duffing {
    damping: f64,
    cubic: f64,
    force: f64,
    range: [f64; 2],
}

/// Follows the branch; answers the folds' frequencies and the linear systems solved.
pub fn measure(request: &Duffing) -> Result<Value, Box<dyn Error>> {
    let Duffing { damping: c, cubic, force, range } = *request;
    let stiff = 0.75 * cubic;
    let system = |u: &[f64], w: f64| {
        let (a, b) = (u[0], u[1]);
        let s = 1.0 - w * w + stiff * (a * a + b * b);
        let residual = vec![s * a + c * w * b - force, s * b - c * w * a];
        let slopes = [
            [s + 2.0 * stiff * a * a, 2.0 * stiff * a * b + c * w],
            [2.0 * stiff * a * b - c * w, s + 2.0 * stiff * b * b],
        ];
        let by_w = vec![-2.0 * w * a + c * b, -2.0 * w * b - c * a];
        (residual, Mat::from_fn(2, 2, |i, j| slopes[i][j]), by_w)
    };
    let start = [force / (1.0 - range[0] * range[0]), 0.0];
    let branch = follow(system, &start, &Path::new(range, force / c))?;
    let folds: Vec<f64> = branch.folds.iter().map(|fold| fold.parameter).collect();
    Ok(json!({ "folds": folds, "solves": branch.solves }))
}
