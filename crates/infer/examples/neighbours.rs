//! How long the index of attribution takes to find neighbours among a million simulations, held
//! against a plain scan that sorts all distances.
//!
//! `cargo run --release -p gnomon-infer --example neighbours -- [ROWS] [NEIGHBOURS]`

use std::time::Instant;

use gnomon_infer::attribution::Index;
use gnomon_learn::matrix::Matrix;
use gnomon_mechanism::random::{Purpose, Stream};

const QUERIES: usize = 50;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let rows = arguments
        .next()
        .map_or(Ok(1_000_000), |text| text.parse())?;
    let count = arguments.next().map_or(Ok(100), |text| text.parse())?;
    println!("{rows} simulations, {count} neighbours, {QUERIES} data sets");
    println!("| coordinates | MB | median, ms | slowest, ms | plain scan, ms | recall |");
    println!("|---|---|---|---|---|---|");
    for columns in [2, 6, 16, 32, 64] {
        let points = points(rows, columns);
        let index = Index::new(&points);
        let mut times = Vec::new();
        let (mut found, mut plain_time) = (0, 0.0);
        for query in 0..QUERIES {
            let asked = points.row(query * rows / QUERIES);
            let began = Instant::now();
            let near = index.nearest(asked, count);
            times.push(1e3 * began.elapsed().as_secs_f64());
            let began = Instant::now();
            let plain = plain(&points, asked, count);
            plain_time += 1e3 * began.elapsed().as_secs_f64() / QUERIES as f64;
            found += near.iter().filter(|n| plain.contains(&n.row)).count();
        }
        times.sort_unstable_by(f64::total_cmp);
        println!(
            "| {columns} | {:.0} | {:.1} | {:.1} | {plain_time:.0} | {:.4} |",
            4e-6 * (rows * columns) as f64,
            times[QUERIES / 2],
            times[QUERIES - 1],
            found as f64 / (QUERIES * count.min(rows)) as f64
        );
    }
    Ok(())
}

/// Independent normal coordinates: the hardest case, as no few of them tell which points are far.
fn points(rows: usize, columns: usize) -> Matrix {
    let mut stream = Stream::new(1, Purpose::CLAIM, columns as u64);
    let values = (0..rows * columns).map(|_| stream.normal() as f32);
    Matrix::new(columns, values.collect())
}

fn plain(points: &Matrix, asked: &[f32], count: usize) -> Vec<usize> {
    let square = |row: usize| -> f32 {
        let both = points.row(row).iter().zip(asked);
        both.map(|(a, b)| (a - b) * (a - b)).sum()
    };
    let mut all: Vec<(f32, usize)> = (0..points.rows()).map(|row| (square(row), row)).collect();
    all.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    all.into_iter().take(count).map(|(_, row)| row).collect()
}
