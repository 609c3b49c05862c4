//! What is simulated: names, observation times, states, parameter draws.

use std::error::Error;
use std::path::Path;

/// What an engine is asked to do, whatever the engine.
pub struct Problem {
    /// The mechanism's file stem.
    pub name: &'static str,
    /// Parameters in a draw.
    pub parameters: usize,
    /// States at the start.
    pub initial: &'static [f64],
    /// When states are asked for; the start is at 0.
    pub times: Vec<f64>,
}

/// Tolerances of a step's error.
#[derive(Clone, Copy)]
pub struct Tolerance {
    /// Relative to the state.
    pub relative: f64,
    /// In the state's unit.
    pub absolute: f64,
}

/// What came of a run.
pub struct Outcome {
    /// Wall-clock seconds of the simulations alone.
    pub seconds: f64,
    /// Simulations that ended in an error.
    pub failures: usize,
    /// Draw, time, state, the last fastest; NaN where a simulation failed.
    pub states: Vec<f64>,
}

impl Problem {
    /// The problem of that name.
    pub fn named(name: &str) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let days = |last: u32| (1..=last).map(f64::from).collect();
        Ok(match name {
            "sir" => Self {
                name: "sir",
                parameters: 2,
                initial: &[762.0, 1.0, 0.0],
                times: days(14),
            },
            "lotka-volterra" => Self {
                name: "lotka-volterra",
                parameters: 4,
                initial: &[30.0, 1.0],
                times: days(20),
            },
            "robertson" => Self {
                name: "robertson",
                parameters: 3,
                initial: &[1.0, 0.0, 0.0],
                times: vec![0.4, 4.0, 40.0, 400.0, 4_000.0, 40_000.0],
            },
            "sir-ssa" => Self {
                name: "sir-ssa",
                parameters: 2,
                initial: &[990.0, 10.0, 0.0],
                times: days(30),
            },
            other => return Err(format!("no problem is called {other}").into()),
        })
    }

    /// Numbers that one simulation answers.
    pub fn answer_len(&self) -> usize {
        self.times.len() * self.initial.len()
    }

    /// The first `count` draws of a file, laid end to end.
    pub fn read_draws(
        &self,
        path: &Path,
        count: usize,
    ) -> Result<Vec<f64>, Box<dyn Error + Send + Sync>> {
        let bytes = std::fs::read(path)?;
        let wanted = count * self.parameters;
        let draws: Vec<f64> = bytes
            .as_chunks::<8>()
            .0
            .iter()
            .take(wanted)
            .map(|&number| f64::from_le_bytes(number))
            .collect();
        if draws.len() < wanted {
            return Err(format!("{}: fewer than {count} draws", path.display()).into());
        }
        Ok(draws)
    }
}
