//! Files that users bring, good, bad and arbitrary.

use std::fs;
use std::io::Write;
use std::sync::OnceLock;

use gnomon_bank::import::{Imported, Mapping, import};
use gnomon_bank::{BankError, Role, export};
use proptest::prelude::*;

use crate::flu;

fn mapping(parameters: &[&str], observed: &[&str]) -> Mapping {
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    Mapping {
        parameters: names(parameters),
        observed: names(observed),
        ..Mapping::default()
    }
}

fn import_bytes(name: &str, bytes: &[u8], mapping: &Mapping) -> Result<Imported, BankError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    fs::write(&file, bytes).unwrap();
    import(&file, folder.path().join("bank"), mapping, |_, _| Ok(()))
        // Read while the folder is there.
        .inspect(|imported| drop(imported.bank.read().unwrap()))
}

fn says(result: Result<Imported, BankError>, parts: &[&str]) {
    let error = result.unwrap_err().to_string();
    for part in parts {
        assert!(error.contains(part), "{part:?} not in {error:?}");
    }
}

/// An NPZ file as `np.savez` writes it: arrays given by dtype, shape and bytes.
fn npz(arrays: &[(&str, &str, &str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, dtype, shape, data) in arrays {
        let header =
            format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n");
        zip.start_file(
            format!("{name}.npy"),
            zip::write::SimpleFileOptions::default(),
        )
        .unwrap();
        zip.write_all(b"\x93NUMPY\x01\x00").unwrap();
        zip.write_all(&(header.len() as u16).to_le_bytes()).unwrap();
        zip.write_all(header.as_bytes()).unwrap();
        zip.write_all(data).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn renamed_columns_and_series_find_their_roles() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("runs.csv");
    let text =
        "\u{feff}id,th_1,th_2,model,y_0,y_1\n0,1,2,sir,5,6\n1, 3 ,,seir,7,NA\n2,5,,seir,8,9\n";
    fs::write(&file, text).unwrap();
    let mut mapping = mapping(&["beta", "sigma"], &["in_bed"]);
    mapping.mechanism = Some("which".into());
    mapping.rename = [
        ("th_1", "beta"),
        ("th_2", "sigma"),
        ("y", "in_bed"),
        ("model", "which"),
    ]
    .map(|(from, to)| (from.to_string(), to.to_string()))
    .to_vec();
    let imported = import(&file, folder.path().join("bank"), &mapping, |_, _| Ok(())).unwrap();
    assert_eq!(imported.unused, ["id"]);
    let schema = imported.bank.schema();
    assert_eq!(schema.engine, "imported");
    let mechanisms: Vec<_> = schema
        .mechanisms
        .iter()
        .map(|m| (m.name.as_str(), m.weight))
        .collect();
    assert_eq!(mechanisms, [("sir", 1.0 / 3.0), ("seir", 2.0 / 3.0)]);
    assert_eq!(schema.columns[1].mechanisms, ["sir"]);
    let names: Vec<_> = schema.names().collect();
    assert_eq!(names, ["beta", "sigma", "in_bed_0", "in_bed_1"]);
    let last = Role::Observed {
        series: "in_bed".into(),
        entry: 1,
        time: None,
    };
    assert_eq!(schema.columns[3].role, last);
    let table = imported.bank.read().unwrap();
    assert_eq!(table.rows.mechanism, [0, 1, 1]);
    assert_eq!(table.column("beta").unwrap(), [1.0, 3.0, 5.0]);
    assert!(table.column("in_bed_1").unwrap()[1].is_nan());

    // The same file again changes nothing; another file is another bank.
    drop(imported);
    import(&file, folder.path().join("bank"), &mapping, |_, _| Ok(())).unwrap();
    fs::write(&file, text.replace("5,,", "4,,")).unwrap();
    let error = import(&file, folder.path().join("bank"), &mapping, |_, _| Ok(())).unwrap_err();
    assert!(matches!(error, BankError::Foreign { .. }), "{error}");
}

#[test]
fn arrays_of_two_axes_become_series() {
    let theta: Vec<u8> = [1.0f64, 2.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    let x: Vec<u8> = [1i32, 2, 3, 4, 5, 6]
        .iter()
        .flat_map(|x| x.to_le_bytes())
        .collect();
    let times: Vec<u8> = [0.5f32, 1.0, 1.5]
        .iter()
        .flat_map(|x| x.to_le_bytes())
        .collect();
    let file = npz(&[
        ("theta", "<f8", "(2,)", &theta),
        ("x", "<i4", "(2, 3)", &x),
        ("times", "<f4", "(3,)", &times),
        ("labels", "|O", "(1,)", b"pickle"),
    ]);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("runs.npz"), &file).unwrap();
    let dir = folder.path().join("bank");
    let imported = import(
        folder.path().join("runs.npz"),
        dir,
        &mapping(&["theta"], &["x"]),
        |_, _| Ok(()),
    )
    .unwrap();
    assert_eq!(imported.unused, ["times", "labels"]);
    let table = imported.bank.read().unwrap();
    assert_eq!(table.names, ["theta", "x_1", "x_2", "x_3"]);
    assert_eq!(table.column("x_2").unwrap(), [2.0, 5.0]);

    says(
        import_bytes("a.npz", &file, &mapping(&["theta"], &["times"])),
        &["\"times\" has 3 rows", "\"theta\" has 2"],
    );
    says(
        import_bytes("a.npz", &file, &mapping(&["labels"], &[])),
        &["\"labels\"", "dtype |O"],
    );
    let cube = npz(&[("c", "|u1", "(1, 1, 2)", &[1, 2])]);
    says(
        import_bytes("a.npz", &cube, &mapping(&["c"], &[])),
        &["\"c\"", "[1, 1, 2]", "reshape"],
    );
    let twice = npz(&[
        ("x", "|u1", "(1, 2)", &[1, 2]),
        ("x_2", "|u1", "(1,)", &[3]),
    ]);
    says(
        import_bytes("a.npz", &twice, &mapping(&["x"], &[])),
        &["2 columns are named \"x_2\""],
    );
}

#[test]
fn bad_files_say_where() {
    let csv = |text: &str, mapping: &Mapping| import_bytes("runs.csv", text.as_bytes(), mapping);
    let all = mapping(&["b"], &["y"]);
    says(
        csv("b,z\n1,2\n", &all),
        &["runs.csv", "no column \"y\"", "b, z"],
    );
    says(
        csv("b,y\n1,2\n\n3,two\n", &all),
        &["row 2: ", "\"y\"", "\"two\" is not a number"],
    );
    says(
        csv("b,y\n1,2\n3\n", &all),
        &["row 2 has 1 fields, the header has 2"],
    );
    says(csv("b,b,y\n1,2,3\n", &all), &["2 columns are named \"b\""]);
    says(csv("b,y\n", &all), &["no rows"]);
    says(csv("", &all), &["no column \"b\""]);
    says(
        csv("b,y\n1,2\n", &Mapping::default()),
        &["no column has a role"],
    );
    says(
        csv("b,y\n1,2\n", &mapping(&["b", "y"], &["y"])),
        &["\"y\" is given two roles"],
    );
    says(
        csv("failure,y\n1,2\n", &mapping(&["failure"], &["y"])),
        &["\"failure\"", "reserved"],
    );
    let mut which = all.clone();
    which.mechanism = Some("m".into());
    says(
        csv("b,y,m\n1,2,sir\n3,4,\n", &which),
        &["\"m\", row 2 names no mechanism"],
    );
    which.rename = vec![("q".into(), "b".into())];
    says(csv("b,y,m\n1,2,sir\n", &which), &["no column \"q\""]);
    says(
        import_bytes("runs.xlsx", b"", &all),
        &["unknown kind of file"],
    );
    says(
        import_bytes("runs.parquet", b"b,y\n1,2\n", &all),
        &["not a Parquet file"],
    );
    says(
        import_bytes("runs.npz", b"b,y\n1,2\n", &all),
        &["not an NPZ file"],
    );
    let missing = import("nowhere.csv", "bank", &all, |_, _| Ok(()))
        .unwrap_err()
        .to_string();
    assert!(
        missing.contains("nowhere.csv could not be read"),
        "{missing}"
    );
}

/// Good files of each kind, to be spoiled.
fn good() -> &'static [(&'static str, Vec<u8>); 3] {
    static GOOD: OnceLock<[(&'static str, Vec<u8>); 3]> = OnceLock::new();
    GOOD.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let bank = flu::bank(&folder.path().join("bank"), 12);
        ["runs.csv", "runs.parquet", "runs.npz"].map(|name| {
            let file = folder.path().join(name);
            export(&bank, &file).unwrap();
            (name, fs::read(file).unwrap())
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, rng_seed: proptest::test_runner::RngSeed::Fixed(5), ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(
        kind in 0usize..3,
        magic in any::<bool>(),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let (name, good) = &good()[kind];
        let mut file = if magic { good[..8].to_vec() } else { Vec::new() };
        file.extend(bytes);
        if magic {
            file.extend_from_slice(&good[good.len() - 8..]);
        }
        let _ = import_bytes(name, &file, &mapping(&["beta"], &["in_bed"]));
    }

    #[test]
    fn spoiled_files_never_panic(
        kind in 0usize..3,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        length in any::<prop::sample::Index>(),
        cut in prop::bool::weighted(0.2),
    ) {
        let (name, good) = &good()[kind];
        let mut file = good.clone();
        for (place, byte) in changes {
            let place = place.index(file.len());
            file[place] = byte;
        }
        if cut {
            file.truncate(length.index(file.len()));
        }
        let _ = import_bytes(name, &file, &mapping(&["beta"], &["in_bed"]));
    }
}

#[test]
fn columns_are_read_by_name_and_must_be_equally_long() {
    let file = npz(&[
        ("a", "|u1", "(2,)", &[1, 2]),
        ("b", "|u1", "(2,)", &[3, 4]),
        ("c", "|u1", "(3,)", &[5, 6, 7]),
    ]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.npz");
    fs::write(&path, &file).unwrap();
    let read = |names: [&str; 2]| gnomon_bank::import::columns(&path, &names.map(str::to_owned));
    assert_eq!(read(["b", "a"]).unwrap(), [vec![3.0, 4.0], vec![1.0, 2.0]]);
    let uneven = read(["a", "c"]).unwrap_err().to_string();
    assert!(uneven.contains("`c` has 3 rows, the first 2"), "{uneven}");
    let absent = read(["a", "d"]).unwrap_err().to_string();
    assert!(absent.contains("there is no column `d`"), "{absent}");
}
