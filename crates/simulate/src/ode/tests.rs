//! The same bits whatever lanes a simulation shares, and however many lanes there are.

use gnomon_mechanism::model::OdeMethod;

use super::integrate_with;
use crate::block::Block;
use crate::compiled::{Compiled, LawPlan};
use crate::lanes::InstructionSet;
use crate::sheet::Sheet;

#[path = "../../tests/problems/mod.rs"]
mod problems;

fn sheet<const W: usize>(compiled: &Compiled, columns: &[Vec<f64>], lanes: usize) -> Vec<u64> {
    let LawPlan::Ode(plan) = &compiled.dynamics.law else {
        panic!("not an ODE");
    };
    let simulations: Vec<u64> = (0..columns[0].len() as u64).collect();
    let block = Block {
        parameters: columns.iter().map(Vec::as_slice).collect(),
        simulations: &simulations,
        seed: 1,
    };
    let dynamics = &compiled.dynamics;
    let mut sheet = Sheet::new(dynamics.asked.len(), dynamics.components);
    sheet.clear(block.rows());
    integrate_with::<W>(compiled, plan, &block, &mut sheet, lanes);
    assert!(sheet.failures.iter().all(Option::is_none));
    sheet.values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn lane_counts_and_instruction_sets_give_the_same_bits() {
    for mechanism in [
        problems::sir(OdeMethod::Auto, 1e-6, 1e-8),
        problems::lotka_volterra(OdeMethod::Explicit, 1e-5, 1e-7),
        problems::robertson(OdeMethod::Stiff, 1e-4, 1e-8, 0.5),
        problems::robertson(OdeMethod::Auto, 1e-4, 1e-8, 0.5),
        problems::van_der_pol(OdeMethod::Stiff, 1e-6, 1e-8), // its factors exchange rows
    ] {
        let compiled = Compiled::new(&mechanism).unwrap();
        let simulations: Vec<u64> = (0..100).collect();
        let columns = crate::draw_parameters(&compiled, 1, &simulations);
        let expected = sheet::<64>(&compiled, &columns, 64);
        for lanes in [1, 3, 8] {
            assert!(sheet::<64>(&compiled, &columns, lanes) == expected);
        }
        assert!(sheet::<1>(&compiled, &columns, 1) == expected);
        assert!(sheet::<3>(&compiled, &columns, 3) == expected);
        assert!(sheet::<8>(&compiled, &columns, 8) == expected);
        for set in InstructionSet::available() {
            let other = Compiled::with_set(&mechanism, set).unwrap();
            assert!(sheet::<64>(&other, &columns, 64) == expected, "{set:?}");
        }
    }
}
