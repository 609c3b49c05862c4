//! Moves along the difference of two particles of the other half: differential evolution (ter Braak
//! 2006).

use gnomon_mechanism::elementary::{exp, ln};
use gnomon_mechanism::random::Stream;

use super::{Island, OfPoints, Swarm, Tally};

/// One move of every particle of one half of the moving islands.
pub(super) fn sweep<E>(
    swarm: &mut Swarm<'_>,
    islands: &mut [Island],
    (moving, half): (&[usize], usize),
    log_density: &mut OfPoints<'_, E>,
) -> Result<Tally, E> {
    let d = swarm.d;
    let mut proposed = Vec::with_capacity(moving.len() * swarm.size / 2 * d);
    for &island in moving {
        propose(
            swarm,
            island,
            half,
            &mut islands[island].stream,
            &mut proposed,
        );
    }
    let start = swarm.start.log_density(&proposed);
    let target = log_density(&proposed)?;
    for &island in moving {
        swarm.evaluations[island][0] += swarm.size as u64 / 2;
    }
    let mut tally = Tally {
        distance: 0.0,
        cost: target.len() as f64,
    };
    let mut new = proposed.chunks_exact(d).zip(start).zip(target);
    for &number in moving {
        let island = &mut islands[number];
        let metric = swarm.metric(number, half);
        for (row, ((point, start), target)) in swarm.half(number, half).zip(&mut new) {
            let change = swarm.change(row, island.temperature, start, target);
            if change > -30.0 {
                let places = point.iter().zip(swarm.point(row));
                let moved: Vec<f64> = places.map(|(new, old)| new - old).collect();
                tally.distance += exp(change.min(0.0)) * metric.square(&moved);
            }
            // The number is drawn in any case: streams do not depend on densities.
            if ln(island.stream.uniform()) < change {
                swarm.put(row, point, start, target);
            }
        }
    }
    Ok(tally)
}

/// For each particle of one half, a point moved along the difference of two of the other half.
fn propose(
    swarm: &Swarm<'_>,
    island: usize,
    half: usize,
    stream: &mut Stream,
    proposed: &mut Vec<f64>,
) {
    let d = swarm.d;
    let other = swarm.half(island, 1 - half);
    for row in swarm.half(island, half) {
        let mut any = || {
            let place = (stream.uniform() * other.len() as f64) as usize;
            other.start + place.min(other.len() - 1)
        };
        let (a, b) = (any(), any());
        // 2.38 / sqrt(2 d): ter Braak (2006); a difference as it is leads from mode to mode.
        let length = if stream.uniform() < 0.1 {
            1.0
        } else {
            2.38 / (2.0 * d as f64).sqrt() * (0.3 + 0.9 * stream.uniform())
        };
        let ends = swarm.point(a).iter().zip(swarm.point(b));
        for (x, (a, b)) in swarm.point(row).iter().zip(ends) {
            proposed.push(x + length * (a - b) + 1e-6 * stream.normal());
        }
    }
}
