//! Training on examples that come block by block: the same bits however the rows are cut into
//! blocks, at any number of threads and through interruption; a source that fails is named.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use gnomon_learn::examples::{Examples, Targets};
use gnomon_learn::matrix::Matrix;
use gnomon_learn::network::{Activation, Embedding, Head, Network};
use gnomon_learn::train::{
    Block, Blocks, Control, Progress, Recipe, Streamed, TrainError, Trained, train_streamed,
};
use gnomon_mechanism::random::{Purpose, Stream};
use std::error::Error;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Rows `first..end` of an endless table: y = 2 x + noise.
fn rows(first: u64, end: u64) -> Examples {
    let (mut given, mut targets) = (Vec::new(), Vec::new());
    for row in first..end {
        let mut stream = Stream::new(5, Purpose::PARAMETERS, row);
        let x = stream.normal();
        given.push(x as f32);
        targets.push((2.0 * x + 0.3 * stream.normal()) as f32);
    }
    Examples {
        given: Matrix::new(1, given),
        targets: Targets::Values(Matrix::new(1, targets)),
    }
}

/// The table cut into blocks of these sizes, over and over; how many blocks were asked for.
struct Cut {
    sizes: Vec<u64>,
    most: AtomicU64,
}

impl Cut {
    fn new(sizes: &[u64]) -> Self {
        Self {
            sizes: sizes.to_vec(),
            most: AtomicU64::new(0),
        }
    }
}

impl Blocks for Cut {
    fn block(&self, number: u64) -> Result<Block, Box<dyn Error + Send + Sync>> {
        self.most.fetch_max(number + 1, Ordering::Relaxed);
        let size = |number: u64| self.sizes[number as usize % self.sizes.len()];
        let first = (0..number).map(size).sum();
        let count = size(number);
        // The memory holds the rows backwards, the order is that of the table.
        let forward = rows(first, first + count);
        let mut block = forward.clone();
        if let Targets::Values(values) = &mut block.targets {
            for row in 0..count as usize {
                let from = count as usize - 1 - row;
                block
                    .given
                    .row_mut(row)
                    .copy_from_slice(forward.given.row(from));
                if let Targets::Values(theirs) = &forward.targets {
                    values.row_mut(row).copy_from_slice(theirs.row(from));
                }
            }
        }
        Ok(Block {
            examples: block,
            order: (0..count as usize).rev().collect(),
            left_out: 1,
        })
    }
}

fn network() -> Network {
    Network {
        given: 1,
        predict: 1,
        embedding: Embedding::Mlp {
            widths: vec![16, 8],
            activation: Activation::Tanh,
        },
        head: Head::Mean,
    }
}

fn recipe() -> Recipe {
    Recipe {
        epochs: 5,
        batch: 60,
        warm_up: 4,
        averaging: 10,
        ..Recipe::default()
    }
}

fn trained(blocks: &dyn Blocks, control: Control<'_>) -> Result<Trained, TrainError> {
    let held_out = rows(1 << 40, (1 << 40) + 300);
    let examples = Streamed {
        blocks,
        held_out: &held_out,
        steps_per_epoch: 26,
        made_from: "a table",
    };
    train_streamed(examples, &network(), &recipe(), control)
}

fn with_threads(blocks: &dyn Blocks, threads: usize) -> Trained {
    let control = Control {
        threads,
        ..Control::default()
    };
    trained(blocks, control).unwrap()
}

/// 130 steps of 60 use 7,800 rows, each once.
#[test]
fn the_bits_do_not_depend_on_blocks_or_threads() {
    let even = Cut::new(&[600]);
    let whole = with_threads(&even, 1);
    assert_eq!((whole.steps, whole.rows, whole.left_out), (130, 7800, 13));
    assert_eq!(even.most.into_inner(), 13, "no block more than was needed");
    let first = whole.curve[0].validation_loss;
    assert!(whole.best_loss < 0.7 * first, "it learns");
    for (sizes, threads) in [
        (&[100, 0, 7, 1000, 0, 59][..], 2),
        (&[10_000], 3),
        (&[1], 2),
    ] {
        let other = with_threads(&Cut::new(sizes), threads);
        assert_eq!(whole.weights, other.weights, "{sizes:?}");
        assert_eq!(whole.curve, other.curve, "{sizes:?}");
    }
}

/// Interrupted twice, within blocks and epochs, and resumed with another number of threads.
#[test]
fn a_resumed_training_has_the_bits_of_an_uninterrupted_one() {
    let cut = || Cut::new(&[130, 0, 47, 411]);
    let whole = with_threads(&cut(), 1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    for stop_after in [1, 3] {
        let cancel = AtomicBool::new(false);
        let mut stop = |p: &Progress| {
            if p.epoch >= stop_after {
                cancel.store(true, Ordering::Relaxed);
            }
        };
        let control = Control {
            threads: 2,
            cancel: &[&cancel],
            checkpoint: Some(&path),
            progress: Some(&mut stop),
        };
        let error = trained(&cut(), control).unwrap_err();
        assert!(matches!(error, TrainError::Interrupted { .. }), "{error}");
        assert!(path.exists());
    }
    let control = Control {
        threads: 3,
        checkpoint: Some(&path),
        ..Control::default()
    };
    assert_eq!(trained(&cut(), control).unwrap(), whole);
    assert!(!path.exists());
}

/// Blocks that fail from number 2 on, or have no rows, or a row that is no number.
enum Bad {
    Missing,
    Empty,
    NotFinite,
}

impl Blocks for Bad {
    fn block(&self, number: u64) -> Result<Block, Box<dyn Error + Send + Sync>> {
        let mut block = Cut::new(&[100]).block(number)?;
        match self {
            Self::Missing if number >= 2 => return Err("the disk is gone".into()),
            Self::Empty => block.order.clear(),
            Self::NotFinite if number == 1 => block.examples.given.row_mut(40)[0] = f32::NAN,
            _ => {}
        }
        Ok(block)
    }
}

#[test]
fn a_source_that_fails_is_named() {
    for (bad, words) in [
        (Bad::Missing, "the disk is gone"),
        (Bad::Empty, "1000 blocks in a row"),
        (Bad::NotFinite, "given column 0 is NaN in row 40"),
    ] {
        let error = trained(&bad, Control::default()).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

/// What was done until the source failed on a cancelled training is kept.
#[test]
fn a_source_that_is_cancelled_loses_nothing() {
    struct Cancelled<'a>(&'a AtomicBool);
    impl Blocks for Cancelled<'_> {
        fn block(&self, number: u64) -> Result<Block, Box<dyn Error + Send + Sync>> {
            if number == 3 {
                self.0.store(true, Ordering::Relaxed);
                return Err("cancelled".into());
            }
            Cut::new(&[100]).block(number)
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    let cancel = AtomicBool::new(false);
    let control = Control {
        cancel: &[&cancel],
        checkpoint: Some(&path),
        ..Control::default()
    };
    let error = trained(&Cancelled(&cancel), control).unwrap_err();
    assert!(matches!(error, TrainError::Interrupted { .. }), "{error}");
    let control = Control {
        checkpoint: Some(&path),
        ..Control::default()
    };
    let resumed = trained(&Cut::new(&[100]), control).unwrap();
    assert_eq!(resumed, with_threads(&Cut::new(&[100]), 1));
}
