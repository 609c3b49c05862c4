//! The latents of a block of simulations: each simulation draws its own, given its parameters.

use gnomon_mechanism::expression::Inputs;
use gnomon_mechanism::random::{Purpose, Stream};

use crate::block::Block;
use crate::compiled::Compiled;

/// One column a latent, one number a row of the block.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latents {
    columns: Vec<Vec<f64>>,
    /// A row's parameters and the latents drawn so far.
    known: Vec<f64>,
    registers: Vec<f64>,
    arguments: Vec<f64>,
}

impl Latents {
    /// Draws those of every row; one stream a simulation, over the latents in order.
    pub fn draw(&mut self, compiled: &Compiled, block: &Block<'_>) {
        let latents = &compiled.latents;
        self.columns.resize_with(latents.len(), Vec::new);
        if latents.is_empty() {
            return;
        }
        let widest = latents.iter().map(|(_, tape)| tape.registers).max();
        self.registers.resize(widest.unwrap_or(0), 0.0);
        self.columns.iter_mut().for_each(Vec::clear);
        for (row, &simulation) in block.simulations.iter().enumerate() {
            let mut stream = Stream::new(block.seed, Purpose::LATENTS, simulation);
            self.known.clear();
            let parameters = block.parameters.iter().map(|column| column[row]);
            self.known.extend(parameters);
            for ((family, tape), column) in latents.iter().zip(&mut self.columns) {
                self.arguments.resize(tape.outputs.len(), 0.0);
                let inputs = Inputs {
                    parameters: &self.known,
                    ..Inputs::default()
                };
                tape.evaluate_into(&inputs, &mut self.registers, &mut self.arguments);
                let value = family.sample(&self.arguments, &mut stream);
                column.push(value);
                self.known.push(value);
            }
        }
    }

    /// Gives every one of `rows` rows these values.
    pub fn fix(&mut self, values: &[f64], rows: usize) {
        self.columns.resize_with(values.len(), Vec::new);
        for (column, &value) in self.columns.iter_mut().zip(values) {
            column.clear();
            column.resize(rows, value);
        }
    }

    pub fn columns(&self) -> impl Iterator<Item = &[f64]> {
        self.columns.iter().map(Vec::as_slice)
    }
}
