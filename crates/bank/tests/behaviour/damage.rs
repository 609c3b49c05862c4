//! Whatever happens to its files, a bank names the bad one and never skips it.

use std::fs;
use std::path::Path;

use gnomon_bank::{Bank, BankError, Sample, verify};

use crate::flu;

fn shards_alone(dir: &Path) -> gnomon_bank::Verification {
    let none = Sample {
        rows_per_shard: 0,
        seed: 0,
    };
    verify(dir, none, |_| Err("nothing is to be simulated")).unwrap()
}

#[test]
fn every_flipped_byte_is_found() {
    let folder = tempfile::tempdir().unwrap();
    drop(flu::bank(folder.path(), 20));
    let file = &flu::shard_files(folder.path())[1];
    let good = fs::read(file).unwrap();
    // All of the footer, where the reader could stumble, and a spread of the rest.
    let positions = (0..good.len()).filter(|i| i % 7 == 0 || *i > good.len() - 600);
    for position in positions {
        let mut bad = good.clone();
        bad[position] ^= 1 << (position % 8);
        fs::write(file, &bad).unwrap();
        let error = Bank::open(folder.path())
            .and_then(|bank| bank.read())
            .unwrap_err();
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(error.to_string().contains(name), "byte {position}: {error}");
        if position % 70 == 0 {
            let found = shards_alone(folder.path());
            let bad: Vec<bool> = found
                .shards
                .iter()
                .map(|s| !s.problems.is_empty())
                .collect();
            assert_eq!(bad, [false, true], "byte {position}");
            assert_eq!(found.rows(), 10);
        }
    }
    fs::write(file, &good).unwrap();
    assert!(shards_alone(folder.path()).is_sound());
}

#[test]
fn a_half_written_shard_under_its_final_name_is_refused_at_open() {
    let folder = tempfile::tempdir().unwrap();
    drop(flu::bank(folder.path(), 20));
    let file = &flu::shard_files(folder.path())[0];
    let good = fs::read(file).unwrap();
    for length in [0, 1, 7, good.len() / 2, good.len() - 1] {
        fs::write(file, &good[..length]).unwrap();
        for opened in [
            Bank::open(folder.path()).map(|_| ()),
            Bank::create(folder.path(), flu::schema()).map(|_| ()),
        ] {
            let error = opened.unwrap_err();
            assert!(
                matches!(&error, BankError::Damaged { file: f, .. } if f == file),
                "{error}"
            );
        }
    }
    // Deleting it, as the message says, lets a later run repeat that shard alone.
    fs::remove_file(file).unwrap();
    let writer = Bank::create(folder.path(), flu::schema()).unwrap();
    assert_eq!(writer.missing(20).len(), 1);
}

#[test]
fn a_shard_of_another_bank_is_foreign() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    drop(flu::bank(folder.path(), 10));
    let mut other = flu::schema();
    other.study = "beef".into();
    let mut writer = Bank::create(elsewhere.path(), other).unwrap();
    flu::fill(&mut writer, 20);
    let theirs = &flu::shard_files(elsewhere.path())[1];
    let smuggled = folder
        .path()
        .join("shards")
        .join(theirs.file_name().unwrap());
    fs::copy(theirs, &smuggled).unwrap();
    let error = Bank::open(folder.path()).unwrap_err();
    assert!(
        matches!(&error, BankError::Foreign { path, .. } if *path == smuggled),
        "{error}"
    );
    assert!(
        error.to_string().contains("study hash is beef, not 3f1c"),
        "{error}"
    );
}

#[test]
fn a_renamed_shard_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(flu::bank(folder.path(), 10));
    let file = &flu::shard_files(folder.path())[0];
    let name = file.file_name().unwrap().to_str().unwrap();
    let moved = name.replace("000000000000-000000000010", "000000000010-000000000020");
    fs::rename(file, file.with_file_name(&moved)).unwrap();
    let error = Bank::open(folder.path())
        .unwrap()
        .read()
        .unwrap_err()
        .to_string();
    assert!(error.contains("not those of its name"), "{error}");

    fs::rename(
        file.with_file_name(&moved),
        file.with_file_name("data.parquet"),
    )
    .unwrap();
    let error = Bank::open(folder.path()).unwrap_err();
    assert!(matches!(error, BankError::Stray { .. }), "{error}");
}

#[test]
fn two_shards_with_one_simulation_are_refused() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    drop(flu::bank(folder.path(), 10));
    drop(flu::bank(elsewhere.path(), 6));
    let other = &flu::shard_files(elsewhere.path())[0];
    fs::copy(
        other,
        folder
            .path()
            .join("shards")
            .join(other.file_name().unwrap()),
    )
    .unwrap();
    let error = Bank::open(folder.path()).unwrap_err();
    assert!(
        matches!(error, BankError::Overlap { simulation: 0, .. }),
        "{error}"
    );
}

#[test]
fn a_lost_schema_is_restored_and_a_damaged_one_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(flu::bank(folder.path(), 10));
    let file = folder.path().join("schema.json");
    let good = fs::read_to_string(&file).unwrap();
    fs::write(&file, &good[..good.len() / 2]).unwrap();
    let error = Bank::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("schema.json is damaged"), "{error}");

    fs::remove_file(&file).unwrap();
    let mut other = flu::schema();
    other.seed = 8;
    assert!(matches!(
        Bank::create(folder.path(), other),
        Err(BankError::Foreign { .. })
    ));
    assert!(!file.exists());
    assert_eq!(
        Bank::create(folder.path(), flu::schema())
            .unwrap()
            .bank()
            .rows(),
        10
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), good);
}
