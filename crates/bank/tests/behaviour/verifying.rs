//! A verification runs a sample of the rows again and names what differs.

use std::convert::Infallible;

use gnomon_bank::{Bank, Rows, Sample, Verification, verify};

use crate::flu;

fn verify_with(dir: &std::path::Path, rows: u64, change: impl Fn(&mut Rows)) -> Verification {
    let sample = Sample {
        rows_per_shard: rows,
        seed: 11,
    };
    verify(dir, sample, |simulations| {
        assert!(simulations.is_sorted_by(|a, b| a < b));
        let mut rows = flu::simulate(simulations);
        change(&mut rows);
        Ok::<_, Infallible>(rows)
    })
    .unwrap()
}

#[test]
fn a_sound_bank_is_sound() {
    let folder = tempfile::tempdir().unwrap();
    drop(flu::bank(folder.path(), 25));
    let found = verify_with(folder.path(), 4, |_| {});
    assert!(found.is_sound(), "{found:?}");
    assert_eq!((found.rows(), found.resimulated()), (25, 12));
    assert_eq!(verify_with(folder.path(), 100, |_| {}).resimulated(), 25);
}

#[test]
fn one_changed_bit_of_one_value_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Bank::create(folder.path(), flu::schema()).unwrap();
    // Stored with a checksum that holds: only running it again can tell.
    for plan in writer.missing(20) {
        let mut rows = flu::simulate(&plan.simulations().collect::<Vec<_>>());
        if plan.first == 10 {
            rows.columns[0][4] = f64::from_bits(rows.columns[0][4].to_bits() ^ 1);
        }
        writer.write(plan, &rows).unwrap();
    }
    let found = verify_with(folder.path(), 10, |_| {});
    assert!(found.shards[0].problems.is_empty());
    let [problem] = found.shards[1].problems.as_slice() else {
        panic!("{found:?}");
    };
    assert!(
        problem.starts_with("simulation 14: \"beta\" is 0."),
        "{problem}"
    );
}

#[test]
fn every_kind_of_difference_is_named() {
    let folder = tempfile::tempdir().unwrap();
    drop(flu::bank(folder.path(), 10));
    let differs = |change: fn(&mut Rows), says: &str| {
        let found = verify_with(folder.path(), 10, change);
        let problems = found.shards[0].problems.join("\n");
        assert!(problems.contains(says), "{says} not in {problems}");
    };
    differs(
        |r| r.failure[0] = Some("crash".into()),
        "simulation 0: failure is none, simulated again it is crash",
    );
    differs(|r| r.mechanism[2] ^= 1, "simulation 2: mechanism is");
    differs(
        |r| r.columns[4][1] = 0.0,
        "\"in_bed_2\" is -0.0, simulated again it is 0.0",
    );
    differs(
        |r| r.columns[3][5] = 1.0,
        "simulation 5: \"in_bed_1\" is NaN",
    );
    differs(|r| r.simulation[0] = 99, "other simulations came back");
    differs(|r| drop(r.columns.pop()), "the rows do not fit");
}

#[test]
fn a_simulator_that_fails_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    drop(flu::bank(folder.path(), 10));
    let sample = Sample {
        rows_per_shard: 1,
        seed: 0,
    };
    let found = verify(folder.path(), sample, |_| Err("no such program")).unwrap();
    assert!(found.shards[0].problems[0].contains("no such program"));
    assert!(!found.is_sound());
}
