//! What a program is asked: each row's number, seed and parameters, as JSON or one by one.

use gnomon_mechanism::Mechanism;
use gnomon_mechanism::random::{Purpose, Stream};
use serde_json::Value;

use super::{Failure, ProgramError};

/// The rows of a batch.
pub(super) struct Requests<'a> {
    names: Vec<&'a str>,
    parameters: &'a [Vec<f64>],
    seed: u64,
    simulations: &'a [u64],
}

impl<'a> Requests<'a> {
    /// Checks that the columns fit.
    pub(super) fn new(
        mechanism: &'a Mechanism,
        parameters: &'a [Vec<f64>],
        seed: u64,
        simulations: &'a [u64],
    ) -> Result<Self, ProgramError> {
        let names: Vec<&str> = mechanism
            .parameters
            .iter()
            .map(|parameter| parameter.name.as_str())
            .collect();
        let check = |what, expected, got| {
            if expected == got {
                Ok(())
            } else {
                Err(ProgramError::Columns {
                    what,
                    expected,
                    got,
                })
            }
        };
        check("columns of parameters", names.len(), parameters.len())?;
        for column in parameters {
            check("numbers in each column", simulations.len(), column.len())?;
        }
        Ok(Self {
            names,
            parameters,
            seed,
            simulations,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.simulations.len()
    }

    /// The simulation's number.
    pub(super) fn id(&self, row: usize) -> u64 {
        self.simulations[row]
    }

    /// The simulation's own seed: 53 random bits, which every JSON reader keeps exactly.
    pub(super) fn seed(&self, row: usize) -> u64 {
        Stream::new(self.seed, Purpose::PROGRAM, self.id(row)).next_u64() >> 11
    }

    /// Names and values, in the mechanism's order.
    pub(super) fn parameters(&self, row: usize) -> impl Iterator<Item = (&'a str, f64)> {
        let columns = self.parameters.iter().map(move |column| column[row]);
        self.names.iter().copied().zip(columns)
    }

    /// A parameter that JSON cannot carry fails its row before any program is asked.
    pub(super) fn check(&self, row: usize) -> Result<(), Failure> {
        match self.parameters(row).find(|(_, value)| !value.is_finite()) {
            Some((name, value)) => Err(Failure::new(format!("the parameter `{name}` is {value}"))),
            None => Ok(()),
        }
    }

    /// `{"theta1": 1.5, ...}`, numbers in their shortest form that reads back exactly.
    pub(super) fn parameters_json(&self, row: usize) -> String {
        let entries: Vec<String> = self
            .parameters(row)
            .map(|(name, value)| format!("{}: {}", Value::from(name), Value::from(value)))
            .collect();
        format!("{{{}}}", entries.join(", "))
    }

    /// The request of a program that stays, without its line end.
    pub(super) fn json_line(&self, row: usize) -> String {
        format!(
            r#"{{"id": {}, "seed": {}, "parameters": {}}}"#,
            self.id(row),
            self.seed(row),
            self.parameters_json(row)
        )
    }
}
