//! Activations and gates, and their derivatives computed from the outputs.

use crate::vector::{Vector, dispatched, functions};
use serde::{Deserialize, Serialize};

/// What follows a linear layer, entry by entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// max(x, 0)
    Relu,
    /// tanh(x)
    Tanh,
    /// x above 0, e^x - 1 below (Clevert et al. 2016)
    Elu,
}

impl Activation {
    /// The field's name of the activation.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Relu => "ReLU",
            Self::Tanh => "tanh",
            Self::Elu => "ELU",
        }
    }

    #[inline(always)]
    fn value<V: Vector>(self, x: V) -> V {
        let zero = V::splat(0.0);
        match self {
            // In this order a NaN stays one.
            Self::Relu => zero.max(x),
            Self::Tanh => functions::tanh(x),
            Self::Elu => V::select(zero.less(x), x, functions::exp(zero.min(x)) - V::splat(1.0)),
        }
    }

    /// The derivative, from the output `y`.
    #[inline(always)]
    fn slope<V: Vector>(self, y: V) -> V {
        let (zero, one) = (V::splat(0.0), V::splat(1.0));
        match self {
            Self::Relu => V::select(zero.less(y), one, zero),
            Self::Tanh => one - y * y,
            Self::Elu => V::select(zero.less(y), one, y + one),
        }
    }
}

dispatched! {
    /// `x = activation(x)`; the length is a multiple of 16.
    pub(crate) fn activate(activation: Activation, x: &mut [f32]) = activate_body
}

#[inline(always)]
fn activate_body<V: Vector>(activation: Activation, x: &mut [f32]) {
    for at in (0..x.len()).step_by(V::LANES) {
        activation.value(V::load(x, at)).store(x, at);
    }
}

dispatched! {
    /// `out = activation(x)`.
    pub(crate) fn activated(activation: Activation, x: &[f32], out: &mut [f32]) = activated_body
}

#[inline(always)]
fn activated_body<V: Vector>(activation: Activation, x: &[f32], out: &mut [f32]) {
    for at in (0..x.len()).step_by(V::LANES) {
        activation.value(V::load(x, at)).store(out, at);
    }
}

dispatched! {
    /// `gradient *= activation'`, from the activation's output `y`.
    pub(crate) fn times_slope(activation: Activation, y: &[f32], gradient: &mut [f32])
        = times_slope_body
}

#[inline(always)]
fn times_slope_body<V: Vector>(activation: Activation, y: &[f32], gradient: &mut [f32]) {
    for at in (0..gradient.len()).step_by(V::LANES) {
        (V::load(gradient, at) * activation.slope(V::load(y, at))).store(gradient, at);
    }
}

dispatched! {
    /// `sum += gradient * activation'`, from the activation's output `y`.
    pub(crate) fn add_times_slope(
        activation: Activation,
        y: &[f32],
        gradient: &[f32],
        sum: &mut [f32],
    ) = add_times_slope_body
}

#[inline(always)]
fn add_times_slope_body<V: Vector>(
    activation: Activation,
    y: &[f32],
    gradient: &[f32],
    sum: &mut [f32],
) {
    for at in (0..sum.len()).step_by(V::LANES) {
        let slope = activation.slope(V::load(y, at));
        V::load(gradient, at)
            .mul_add(slope, V::load(sum, at))
            .store(sum, at);
    }
}

dispatched! {
    /// `gate = sigmoid(gate)`, `out = x + z * gate`.
    pub(crate) fn gated(x: &[f32], z: &[f32], gate: &mut [f32], out: &mut [f32]) = gated_body
}

#[inline(always)]
fn gated_body<V: Vector>(x: &[f32], z: &[f32], gate: &mut [f32], out: &mut [f32]) {
    for at in (0..out.len()).step_by(V::LANES) {
        let open = functions::sigmoid(V::load(gate, at));
        open.store(gate, at);
        V::load(z, at).mul_add(open, V::load(x, at)).store(out, at);
    }
}

dispatched! {
    /// `out = x + z * gate`.
    pub(crate) fn add_product(x: &[f32], z: &[f32], gate: &[f32], out: &mut [f32])
        = add_product_body
}

#[inline(always)]
fn add_product_body<V: Vector>(x: &[f32], z: &[f32], gate: &[f32], out: &mut [f32]) {
    for at in (0..out.len()).step_by(V::LANES) {
        V::load(z, at)
            .mul_add(V::load(gate, at), V::load(x, at))
            .store(out, at);
    }
}

dispatched! {
    /// Given the gradient of `x + z * sigmoid(g)` and `gate = sigmoid(g)`: the gradients of `z`
    /// and of `g`.
    pub(crate) fn gated_gradient(
        z: &[f32],
        gate: &[f32],
        gradient: &[f32],
        z_gradient: &mut [f32],
        gate_gradient: &mut [f32],
    ) = gated_gradient_body
}

#[inline(always)]
fn gated_gradient_body<V: Vector>(
    z: &[f32],
    gate: &[f32],
    gradient: &[f32],
    z_gradient: &mut [f32],
    gate_gradient: &mut [f32],
) {
    for at in (0..gradient.len()).step_by(V::LANES) {
        let (g, open) = (V::load(gradient, at), V::load(gate, at));
        let through = g * open;
        through.store(z_gradient, at);
        (through * V::load(z, at) * (V::splat(1.0) - open)).store(gate_gradient, at);
    }
}

dispatched! {
    /// `sum += x`.
    pub(crate) fn add(x: &[f32], sum: &mut [f32]) = add_body
}

#[inline(always)]
fn add_body<V: Vector>(x: &[f32], sum: &mut [f32]) {
    for at in (0..sum.len()).step_by(V::LANES) {
        (V::load(x, at) + V::load(sum, at)).store(sum, at);
    }
}
