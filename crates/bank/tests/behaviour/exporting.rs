//! Exports are read back as imports, number for number.

use std::fs;

use gnomon_bank::import::{Mapping, import};
use gnomon_bank::{BankError, export};

use crate::flu;

fn mapping() -> Mapping {
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    Mapping {
        parameters: names(&["beta", "sigma"]),
        derived: names(&["R0"]),
        observed: names(&["in_bed"]),
        mechanism: Some("mechanism".into()),
        failure: Some("failure".into()),
        ..Mapping::default()
    }
}

#[test]
fn every_kind_of_file_keeps_every_number() {
    let folder = tempfile::tempdir().unwrap();
    let bank = flu::bank(&folder.path().join("bank"), 33);
    let expected = bank.read().unwrap();
    for kind in ["csv", "parquet", "npz"] {
        let file = folder.path().join(format!("all.{kind}"));
        fs::write(&file, "to be replaced").unwrap();
        export(&bank, &file).unwrap();
        let imported = import(&file, folder.path().join(kind), &mapping(), |_, _| Ok(())).unwrap();
        assert_eq!(imported.unused, ["simulation"], "{kind}");
        let schema = imported.bank.schema();
        assert_eq!(schema.columns[1].mechanisms, ["seir"], "{kind}");
        // Mechanisms are numbered as they appear; the names are what is kept.
        let mut rows = imported.bank.read().unwrap().rows;
        for index in &mut rows.mechanism {
            let name = &schema.mechanisms[*index as usize].name;
            let place = bank
                .schema()
                .mechanisms
                .iter()
                .position(|m| m.name == *name);
            *index = place.unwrap() as u32;
        }
        flu::assert_same(&rows, &expected.rows);
    }
    let kept = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(
        kept, 7,
        "three exports, three imports, one bank, no temporary"
    );
}

#[test]
fn an_unknown_kind_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let bank = flu::bank(&folder.path().join("bank"), 3);
    for name in ["all.xlsx", "all"] {
        let error = export(&bank, folder.path().join(name)).unwrap_err();
        assert!(matches!(error, BankError::Extension { .. }), "{error}");
    }
}
