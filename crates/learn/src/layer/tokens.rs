//! Given columns laid out token by token, for layers that take each token alike.

use crate::network::Tokens;

/// Copies each input of the tokens: `inputs` x `length` x `rows`.
pub(super) fn lay_out(tokens: &Tokens, rows: usize, x: &[f32], out: &mut [f32]) {
    let size = tokens.length * rows;
    for (columns, out) in tokens.columns().zip(out.chunks_exact_mut(size)) {
        out.copy_from_slice(&x[columns.start * rows..columns.end * rows]);
    }
}

/// Puts the tokens of each example in the order of their numbers, in place: sums over them are then
/// the same bits in whatever order they came.
pub(super) fn sort(rows: usize, length: usize, inputs: &mut [f32], room: &mut SortingRoom) {
    let size = length * rows;
    for row in 0..rows {
        let of = |input: &[f32], token: u32| input[token as usize * rows + row];
        let SortingRoom { order, values } = room;
        order.clear();
        order.extend(0..length as u32);
        order.sort_unstable_by(|&a, &b| {
            let mut each = inputs.chunks_exact(size);
            let differ = each.find_map(|input| {
                let ordering = of(input, a).total_cmp(&of(input, b));
                ordering.is_ne().then_some(ordering)
            });
            differ.unwrap_or(std::cmp::Ordering::Equal)
        });
        for input in inputs.chunks_exact_mut(size) {
            values.clear();
            values.extend(order.iter().map(|&token| of(input, token)));
            let tokens = input[row..].iter_mut().step_by(rows);
            tokens.zip(&*values).for_each(|(to, &value)| *to = value);
        }
    }
}

/// What [`sort`] works in.
#[derive(Debug, Default)]
pub(super) struct SortingRoom {
    order: Vec<u32>,
    values: Vec<f32>,
}

/// 1 for each token of which any channel is observed, else 0: `length` x `rows`. `inputs` as
/// [`lay_out`] gives them.
pub(super) fn presence(tokens: &Tokens, rows: usize, inputs: &[f32], out: &mut [f32]) {
    let size = tokens.length * rows;
    let out = &mut out[..size];
    out.fill(if tokens.may_lack() { 0.0 } else { 1.0 });
    if !tokens.may_lack() {
        return;
    }
    // Values and indicators take turns.
    for missing in inputs.chunks_exact(size).skip(1).step_by(2) {
        for (present, &missing) in out.iter_mut().zip(missing) {
            if missing == 0.0 {
                *present = 1.0;
            }
        }
    }
}
