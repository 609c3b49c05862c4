//! Round trips, growth, resuming, locks and foreign banks.

use std::fs;

use gnomon_bank::{Bank, BankError, ShardPlan};

use crate::flu;

#[test]
fn rows_come_back_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    flu::bank(folder.path(), 25);
    let bank = Bank::open(folder.path()).unwrap();
    assert_eq!(bank.rows(), 25);
    assert_eq!(bank.schema(), &flu::schema());
    let simulations: Vec<u64> = (0..25).collect();
    let table = bank.read().unwrap();
    flu::assert_same(&table.rows, &flu::simulate(&simulations));
    assert!(table.rows.failure.iter().any(Option::is_some));
    assert!(table.column("sigma").unwrap().iter().any(|x| x.is_nan()));
}

#[test]
fn columns_come_in_the_order_asked() {
    let folder = tempfile::tempdir().unwrap();
    let bank = flu::bank(folder.path(), 12);
    let all = bank.read().unwrap();
    let some = bank.read_columns(&["in_bed_1", "beta"]).unwrap();
    assert_eq!(some.names, ["in_bed_1", "beta"]);
    assert_eq!(some.column("beta"), all.column("beta"));
    assert_eq!(some.rows.columns.len(), 2);
    let lengths: Vec<usize> = bank
        .tables(&["beta"])
        .unwrap()
        .map(|t| t.unwrap().len())
        .collect();
    assert_eq!(lengths, [10, 2]);
    assert_eq!(bank.shard_count(), 2);
    let second = bank.read_shard(1, &["beta"]).unwrap();
    assert_eq!(second.rows.simulation, [10, 11]);
    assert_eq!(
        second.column("beta").unwrap(),
        &all.column("beta").unwrap()[10..]
    );
    assert!(bank.read_shard(2, &["beta"]).unwrap().is_empty());
    let error = bank.read_columns(&["gamma"]).unwrap_err().to_string();
    assert!(
        error.contains("\"gamma\"") && error.contains("beta, sigma, R0"),
        "{error}"
    );
}

#[test]
fn a_budget_that_grows_repeats_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Bank::create(folder.path(), flu::schema()).unwrap();
    flu::fill(&mut writer, 25);
    assert!(writer.missing(25).is_empty() && writer.missing(10).is_empty());
    let plan = |first, rows| ShardPlan { first, rows };
    assert_eq!(writer.missing(42), [plan(25, 5), plan(30, 10), plan(40, 2)]);
    flu::fill(&mut writer, 42);
    let simulations: Vec<u64> = (0..42).collect();
    let rows = writer.finish().read().unwrap().rows;
    flu::assert_same(&rows, &flu::simulate(&simulations));
}

#[test]
fn resuming_fills_the_gaps_only() {
    let folder = tempfile::tempdir().unwrap();
    drop(flu::bank(folder.path(), 40));
    let files = flu::shard_files(folder.path());
    fs::remove_file(&files[1]).unwrap();
    let before = fs::metadata(&files[0]).unwrap().modified().unwrap();
    // What a kill leaves: a temporary half written, beside a file that is not ours.
    fs::write(folder.path().join(".gnomon-x.parquet.12.tmp"), "half").unwrap();
    fs::write(folder.path().join("mine.tmp"), "keep").unwrap();

    let mut writer = Bank::create(folder.path(), flu::schema()).unwrap();
    assert!(!folder.path().join(".gnomon-x.parquet.12.tmp").exists());
    assert!(folder.path().join("mine.tmp").exists());
    assert_eq!(
        writer.missing(40),
        [ShardPlan {
            first: 10,
            rows: 10
        }]
    );
    flu::fill(&mut writer, 40);
    // The same simulations give the same bytes, hence the same names.
    assert_eq!(flu::shard_files(folder.path()), files);
    assert_eq!(fs::metadata(&files[0]).unwrap().modified().unwrap(), before);
    assert_eq!(writer.bank().read().unwrap().len(), 40);
}

#[test]
fn reading_leaves_a_writer_s_temporaries_alone() {
    let folder = tempfile::tempdir().unwrap();
    flu::bank(folder.path(), 5);
    let temporary = folder.path().join(".gnomon-x.parquet.12.tmp");
    fs::write(&temporary, "being written").unwrap();
    Bank::open(folder.path()).unwrap();
    assert!(temporary.exists());
}

#[test]
fn one_process_writes_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Bank::create(folder.path(), flu::schema()).unwrap();
    let second = Bank::create(folder.path(), flu::schema());
    assert!(
        matches!(second, Err(BankError::Locked { .. })),
        "{second:?}"
    );
    assert_eq!(Bank::open(folder.path()).unwrap().rows(), 0);
    drop(writer);
    Bank::create(folder.path(), flu::schema()).unwrap();
}

#[test]
fn a_foreign_bank_is_refused_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let bank = flu::bank(folder.path(), 15);
    let mut other = flu::schema();
    other.seed = 8;
    other.columns[0].name = "gamma".into();
    let error = Bank::create(folder.path(), other.clone())
        .unwrap_err()
        .to_string();
    for part in [
        "seed is 7, not 8",
        "\"beta\" too many",
        "lacks column \"gamma\"",
    ] {
        assert!(error.contains(part), "{error}");
    }
    assert!(matches!(
        bank.require(&other),
        Err(BankError::Foreign { .. })
    ));
    bank.require(&flu::schema()).unwrap();
    assert_eq!(Bank::open(folder.path()).unwrap().rows(), 15);
}

#[test]
fn a_folder_that_holds_something_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.tex"), "").unwrap();
    let error = Bank::create(folder.path(), flu::schema())
        .unwrap_err()
        .to_string();
    assert!(error.contains("thesis.tex"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let error = Bank::open(folder.path()).unwrap_err();
    assert!(matches!(error, BankError::NotABank { .. }), "{error}");
}

#[test]
fn rows_that_do_not_fit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Bank::create(folder.path(), flu::schema()).unwrap();
    flu::fill(&mut writer, 10);
    let plan = ShardPlan { first: 10, rows: 2 };
    let good = flu::simulate(&[10, 11]);
    let mut refused = |plan: ShardPlan, rows, says: &str| {
        let error = writer.write(plan, &rows).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    };
    refused(plan, flu::simulate(&[10, 12]), "not those simulations");
    refused(
        ShardPlan { first: 8, rows: 2 },
        flu::simulate(&[8, 9]),
        "already holds",
    );
    refused(
        ShardPlan { first: 19, rows: 2 },
        flu::simulate(&[19, 20]),
        "of one block",
    );
    refused(
        ShardPlan { first: 19, rows: 0 },
        flu::simulate(&[]),
        "of one block",
    );
    let mut short = good.clone();
    short.columns[2].pop();
    refused(plan, short, "\"R0\" has 1 values for 2");
    let mut narrow = good.clone();
    narrow.columns.pop();
    refused(plan, narrow, "4 columns, the schema has 5");
    let mut unknown = good.clone();
    unknown.mechanism[0] = 2;
    refused(plan, unknown, "no mechanism number 2");
    writer.write(plan, &good).unwrap();
    assert_eq!(writer.bank().rows(), 12);
}

#[test]
fn info_counts_failures_mechanisms_and_values() {
    let folder = tempfile::tempdir().unwrap();
    let bank = flu::bank(folder.path(), 40);
    let rows = bank.read().unwrap().rows;
    let info = bank.info().unwrap();
    assert_eq!((info.rows, info.shards, info.seed), (40, 4, 7));
    assert_eq!(info.failures, 5);
    assert_eq!(info.reasons[0].reason, "time limit of 1 s");
    assert_eq!(info.reasons[0].share, 0.125);
    let sizes = flu::shard_files(folder.path());
    let bytes: u64 = sizes.iter().map(|f| fs::metadata(f).unwrap().len()).sum();
    assert_eq!(info.bytes, bytes);
    let sir = rows.mechanism.iter().filter(|&&m| m == 0).count() as u64;
    assert_eq!(info.mechanisms[0].rows, sir);
    let sigma = &info.columns[1];
    assert_eq!(
        (sigma.values, sigma.missing, sigma.not_applicable),
        (40 - sir, 0, sir)
    );
    let in_bed = &info.columns[3];
    assert_eq!((in_bed.values, in_bed.missing), (35, 5));
    let beta = &rows.columns[0];
    let mean = beta.iter().sum::<f64>() / 40.0;
    assert!((info.columns[0].mean.unwrap() - mean).abs() < 1e-14);
    assert_eq!(info.columns[0].min, beta.iter().copied().reduce(f64::min));
    let json = serde_json::to_value(&info).unwrap();
    assert_eq!(json["columns"][0]["role"]["kind"], "parameter");
}
