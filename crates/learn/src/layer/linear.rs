//! A linear layer, dense or masked: rows of its weight matrix may see only the first few inputs
//! (a staircase, as autoregressive networks with sorted units need), and only those are computed.

use crate::kernel::product::{Left, Size, Start, add_row_sums, product};
use crate::network::{Block, Layout};

/// Where a linear layer's parameters lie and what its rows see.
#[derive(Clone, Debug)]
pub(crate) struct Linear {
    pub inputs: usize,
    pub outputs: usize,
    weight: usize,
    bias: Option<usize>,
    /// In order of rows; `columns` does not decrease.
    blocks: Vec<Block>,
}

/// How a layer's parameters start.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Beginning {
    /// Uniform within 1 / sqrt(inputs) (He et al. 2015 with slope sqrt 5, PyTorch's default).
    Default,
    /// Uniform within this bound.
    Within(f32),
}

impl Linear {
    /// A layer in which every output sees every input.
    pub fn dense(
        layout: &mut Layout,
        name: &str,
        inputs: usize,
        outputs: usize,
        beginning: Beginning,
    ) -> Self {
        let blocks = vec![Block {
            rows: 0..outputs,
            columns: inputs,
        }];
        Self::build(layout, name, inputs, outputs, beginning, blocks, true)
    }

    /// A layer whose rows see a staircase of inputs.
    pub fn masked(
        layout: &mut Layout,
        name: &str,
        inputs: usize,
        blocks: Vec<Block>,
        beginning: Beginning,
        biased: bool,
    ) -> Self {
        let outputs = blocks.last().map_or(0, |b| b.rows.end);
        Self::build(layout, name, inputs, outputs, beginning, blocks, biased)
    }

    fn build(
        layout: &mut Layout,
        name: &str,
        inputs: usize,
        outputs: usize,
        beginning: Beginning,
        blocks: Vec<Block>,
        biased: bool,
    ) -> Self {
        let bound = match beginning {
            Beginning::Default => 1.0 / (inputs as f32).sqrt(),
            Beginning::Within(bound) => bound,
        };
        let masked = blocks.iter().any(|b| b.columns < inputs);
        let visible: &[Block] = if masked { &blocks } else { &[] };
        let weight = layout.add(
            format!("{name}.weight"),
            vec![outputs, inputs],
            bound,
            visible,
        );
        let bias = biased.then(|| layout.add(format!("{name}.bias"), vec![outputs], bound, &[]));
        Self {
            inputs,
            outputs,
            weight,
            bias,
            blocks,
        }
    }

    fn weights<'a>(&self, parameters: &'a [f32]) -> &'a [f32] {
        &parameters[self.weight..self.weight + self.inputs * self.outputs]
    }

    /// One weight.
    pub fn weight(&self, parameters: &[f32], output: usize, input: usize) -> f32 {
        self.weights(parameters)[output * self.inputs + input]
    }

    /// `y += w x` with one row of W (no bias).
    pub fn add_row_product(
        &self,
        parameters: &[f32],
        rows: usize,
        output: usize,
        x: &[f32],
        y: &mut [f32],
    ) {
        let size = Size {
            m: 1,
            n: rows,
            k: self.inputs,
        };
        let row = Left {
            values: &self.weights(parameters)[output * self.inputs..],
            row: self.inputs,
            column: 1,
        };
        product(size, row, x, rows, y, rows, Start::Accumulate);
    }

    /// `y = W x + b` for `rows` examples.
    pub fn forward(&self, parameters: &[f32], rows: usize, x: &[f32], y: &mut [f32]) {
        (0..self.blocks.len()).for_each(|block| self.forward_block(parameters, rows, x, y, block));
    }

    /// `y += W x` (no bias).
    pub fn forward_add(&self, parameters: &[f32], rows: usize, x: &[f32], y: &mut [f32]) {
        for block in 0..self.blocks.len() {
            self.block_product(parameters, rows, x, y, block, Start::Accumulate);
        }
    }

    /// The rows of one block of `y = W x + b`; inputs that it does not see may hold anything.
    pub fn forward_block(
        &self,
        parameters: &[f32],
        rows: usize,
        x: &[f32],
        y: &mut [f32],
        block: usize,
    ) {
        let Block {
            rows: ref outputs, ..
        } = self.blocks[block];
        let start = match self.bias {
            Some(bias) => Start::Bias(&parameters[bias + outputs.start..bias + outputs.end]),
            None => Start::Zero,
        };
        self.block_product(parameters, rows, x, y, block, start);
    }

    /// The rows of one block of `y = start + W x`.
    pub fn block_product(
        &self,
        parameters: &[f32],
        rows: usize,
        x: &[f32],
        y: &mut [f32],
        block: usize,
        start: Start<'_>,
    ) {
        let Block {
            rows: ref outputs,
            columns,
        } = self.blocks[block];
        let weights = &self.weights(parameters)[outputs.start * self.inputs..];
        product(
            Size {
                m: outputs.len(),
                n: rows,
                k: columns,
            },
            Left {
                values: weights,
                row: self.inputs,
                column: 1,
            },
            x,
            rows,
            &mut y[outputs.start * rows..],
            rows,
            start,
        );
    }

    /// Adds the gradients of weight and bias, given the gradient of `y` and the transposed input
    /// (`rows` x `stride`).
    pub fn add_weight_gradient(
        &self,
        rows: usize,
        transposed_x: &[f32],
        stride: usize,
        y_gradient: &[f32],
        gradient: &mut [f32],
    ) {
        for Block {
            rows: outputs,
            columns,
        } in &self.blocks
        {
            product(
                Size {
                    m: outputs.len(),
                    n: *columns,
                    k: rows,
                },
                Left {
                    values: &y_gradient[outputs.start * rows..],
                    row: rows,
                    column: 1,
                },
                transposed_x,
                stride,
                &mut gradient[self.weight + outputs.start * self.inputs..],
                self.inputs,
                Start::Accumulate,
            );
        }
        if let Some(bias) = self.bias {
            let outputs = self.outputs;
            add_row_sums(
                rows,
                &y_gradient[..outputs * rows],
                &mut gradient[bias..bias + outputs],
            );
        }
    }

    /// The gradient of the input (`start` is `Zero` or `Accumulate`), given that of `y`.
    pub fn input_gradient(
        &self,
        parameters: &[f32],
        rows: usize,
        y_gradient: &[f32],
        x_gradient: &mut [f32],
        start: Start<'_>,
    ) {
        let weights = self.weights(parameters);
        let mut first = 0;
        for Block {
            rows: outputs,
            columns,
        } in &self.blocks
        {
            // Inputs first..columns are seen by this block and all after it.
            if *columns > first {
                product(
                    Size {
                        m: columns - first,
                        n: rows,
                        k: self.outputs - outputs.start,
                    },
                    Left {
                        values: &weights[outputs.start * self.inputs + first..],
                        row: 1,
                        column: self.inputs,
                    },
                    &y_gradient[outputs.start * rows..],
                    rows,
                    &mut x_gradient[first * rows..],
                    rows,
                    start,
                );
                first = *columns;
            }
        }
        if let Start::Zero = start {
            x_gradient[first * rows..self.inputs * rows].fill(0.0);
        }
    }
}
