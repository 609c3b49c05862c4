//! The test problem: two mechanisms, one parameter that only one of them has, failures, infinities.

use gnomon_bank::{Bank, Column, MechanismText, Role, Rows, Schema, Writer};
use gnomon_mechanism::random::{Purpose, Stream};
use std::path::{Path, PathBuf};

pub fn schema() -> Schema {
    let mechanism = |name: &str| MechanismText {
        name: name.into(),
        text: format!("description = \"{name}\"\n"),
        weight: 0.5,
    };
    let entry = |entry: usize| {
        let role = Role::Observed {
            series: "in_bed".into(),
            entry,
            time: Some(entry as f64 + 1.0),
        };
        Column::new(format!("in_bed_{}", entry + 1), role)
    };
    let mut sigma = Column::new("sigma", Role::Parameter);
    sigma.mechanisms = vec!["seir".into()];
    Schema {
        study: "3f1c".into(),
        engine: "0.1.0".into(),
        seed: 7,
        mechanisms: vec![mechanism("sir"), mechanism("seir")],
        columns: vec![
            Column::new("beta", Role::Parameter),
            sigma,
            Column::new("R0", Role::Derived),
            entry(0),
            entry(1),
        ],
        shard_rows: 10,
    }
}

/// Simulation `i` is the same numbers whichever others are asked for.
pub fn simulate(simulations: &[u64]) -> Rows {
    let mut rows = Rows {
        columns: vec![Vec::new(); 5],
        ..Rows::default()
    };
    for &i in simulations {
        let mut stream = Stream::new(7, Purpose::PARAMETERS, i);
        let is_seir = stream.below(2) == 1;
        let has_failed = i % 8 == 5;
        let beta = stream.uniform();
        let sigma = if is_seir { stream.normal() } else { f64::NAN };
        let observed = |x: f64| if has_failed { f64::NAN } else { x };
        rows.simulation.push(i);
        rows.mechanism.push(u32::from(is_seir));
        rows.failure
            .push(has_failed.then(|| "time limit of 1 s".to_string()));
        let r0 = if i == 3 {
            f64::NEG_INFINITY
        } else {
            beta / 0.3
        };
        let values = [
            beta,
            sigma,
            r0,
            observed(stream.below(300) as f64),
            observed(-0.0),
        ];
        for (column, value) in rows.columns.iter_mut().zip(values) {
            column.push(value);
        }
    }
    rows
}

pub fn fill(writer: &mut Writer, total: u64) {
    for plan in writer.missing(total) {
        let simulations: Vec<u64> = plan.simulations().collect();
        writer.write(plan, &simulate(&simulations)).unwrap();
    }
}

/// A bank of `total` simulations.
pub fn bank(dir: &Path, total: u64) -> Bank {
    let mut writer = Bank::create(dir, schema()).unwrap();
    fill(&mut writer, total);
    writer.finish()
}

pub fn shard_files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir.join("shards")).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    files.sort();
    files
}

/// Bit for bit, all NaNs being one.
pub fn assert_same(left: &Rows, right: &Rows) {
    let bits = |rows: &Rows| -> Vec<Vec<u64>> {
        let bits = |x: &f64| {
            if x.is_nan() {
                f64::NAN.to_bits()
            } else {
                x.to_bits()
            }
        };
        rows.columns
            .iter()
            .map(|c| c.iter().map(bits).collect())
            .collect()
    };
    assert_eq!(left.simulation, right.simulation);
    assert_eq!(left.mechanism, right.mechanism);
    assert_eq!(left.failure, right.failure);
    assert_eq!(bits(left), bits(right));
}
