//! Counter-based random streams: `(seed, purpose, index)` names a stream, and a stream's `k`-th
//! number depends on nothing else. So simulation `i` of seed `s` draws the same numbers at any
//! thread count, in any order.
//!
//! ```
//! use gnomon_mechanism::random::{Purpose, Stream};
//! let mut stream = Stream::new(1, Purpose::PARAMETERS, 42);
//! let first = stream.uniform();
//! assert_eq!(first, Stream::new(1, Purpose::PARAMETERS, 42).uniform());
//! ```

use crate::elementary;

/// What a stream's numbers are for. Streams of different purposes are independent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purpose(pub u16);

impl Purpose {
    /// Which mechanism a simulation runs.
    pub const MECHANISM: Self = Self(1);
    /// A simulation's parameters, drawn from their priors.
    pub const PARAMETERS: Self = Self(2);
    /// The noise inside the dynamics (jumps, diffusion).
    pub const DYNAMICS: Self = Self(3);
    /// The observation noise.
    pub const OBSERVATION: Self = Self(4);
    /// A network's initial weights.
    pub const WEIGHTS: Self = Self(5);
    /// The order in which training visits rows.
    pub const SHUFFLE: Self = Self(6);
    /// Draws from a learned posterior.
    pub const POSTERIOR: Self = Self(7);
    /// The randomness of a claim's test (tie breaking, reference points, permutations).
    pub const CLAIM: Self = Self(8);
    /// The place of a discrete value within its step of the distribution function.
    pub const COORDINATES: Self = Self(10);
    /// Which entries of a training row are taken as missing.
    pub const MISSING: Self = Self(11);
    /// Proposals and moves of exact refinement.
    pub const REFINEMENT: Self = Self(12);
    /// A simulation's latents.
    pub const LATENTS: Self = Self(13);
    /// Times and noise of a network's flow-matching loss.
    pub const PATH: Self = Self(16);
    /// Candidates for the parameters of a truncated prior.
    pub const TRUNCATION: Self = Self(20);
    /// The dynamics and the resampling of a particle filter.
    pub const PARTICLES: Self = Self(18);
    /// Noise that is added to what a network is given while it trains.
    pub const AUGMENTATION: Self = Self(22);
    /// The place of a predicted whole number between it and the next.
    pub const SPREAD: Self = Self(23);
    /// Where a search for holes looks, and its fresh checks.
    pub const HOLES: Self = Self(31);
    /// The seed handed to an external program.
    pub const PROGRAM: Self = Self(9);
}

/// One random stream: Philox 4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as
/// 1, 2, 3") keyed by the seed, its counter holding the index, the purpose and the block number.
#[derive(Clone, Debug)]
pub struct Stream {
    key: [u32; 2],
    index: u64,
    purpose: Purpose,
    block: u64,
    buffer: [u32; 4],
    used: usize,
}

impl Stream {
    /// The stream of `purpose` number `index` under `seed`.
    #[must_use]
    pub fn new(seed: u64, purpose: Purpose, index: u64) -> Self {
        Self {
            key: split(seed),
            index,
            purpose,
            block: 0,
            buffer: [0; 4],
            used: 4,
        }
    }

    fn refill(&mut self) {
        // 2^48 blocks a stream; the purpose takes the counter's upper 16 bits.
        let [block_low, block_high] = split(self.block | (u64::from(self.purpose.0) << 48));
        let [index_low, index_high] = split(self.index);
        self.buffer = philox4x32([block_low, block_high, index_low, index_high], self.key);
        self.block += 1;
        self.used = 0;
    }

    /// The next 32 random bits.
    #[inline]
    pub fn next_u32(&mut self) -> u32 {
        if self.used == 4 {
            self.refill();
        }
        let word = self.buffer[self.used];
        self.used += 1;
        word
    }

    /// The next 64 random bits.
    #[inline(always)]
    pub fn next_u64(&mut self) -> u64 {
        if self.used >= 3 {
            self.refill();
        }
        let word =
            u64::from(self.buffer[self.used]) | (u64::from(self.buffer[self.used + 1]) << 32);
        self.used += 2;
        word
    }

    /// A uniform number in the open interval (0, 1): never 0, never 1.
    #[inline(always)]
    pub fn uniform(&mut self) -> f64 {
        const SCALE: f64 = 1.0 / (1u64 << 52) as f64;
        ((self.next_u64() >> 12) as f64 + 0.5) * SCALE
    }

    /// A standard normal number (Box & Muller 1958, one of the pair: no state is kept).
    #[inline(always)]
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * elementary::ln(self.uniform())).sqrt();
        radius * elementary::cos(std::f64::consts::TAU * self.uniform())
    }

    /// A standard exponential number.
    #[inline(always)]
    pub fn exponential(&mut self) -> f64 {
        -elementary::ln(self.uniform())
    }

    /// A uniform integer in `0..bound`, without bias (Lemire 2019). `bound` must not be 0.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        debug_assert!(bound > 0);
        loop {
            let product = u128::from(self.next_u64()) * u128::from(bound);
            let low = product as u64;
            if low >= bound || low >= bound.wrapping_neg() % bound {
                return (product >> 64) as u64;
            }
        }
    }

    /// Puts `items` in a uniformly random order (Fisher & Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u64 + 1) as usize;
            items.swap(last, other);
        }
    }
}

fn split(word: u64) -> [u32; 2] {
    [word as u32, (word >> 32) as u32]
}

#[inline]
fn philox4x32(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for round in 0..10 {
        if round > 0 {
            key[0] = key[0].wrapping_add(0x9E37_79B9);
            key[1] = key[1].wrapping_add(0xBB67_AE85);
        }
        let [low0, high0] = split(u64::from(counter[0]) * 0xD251_1F53);
        let [low1, high1] = split(u64::from(counter[2]) * 0xCD9E_8D57);
        counter = [
            high1 ^ counter[1] ^ key[0],
            low1,
            high0 ^ counter[3] ^ key[1],
            low0,
        ];
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers published with Random123 1.14 (`kat_vectors`).
    #[test]
    fn philox_matches_the_published_known_answers() {
        let ones = u32::MAX;
        assert_eq!(
            philox4x32([0; 4], [0; 2]),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
        assert_eq!(
            philox4x32([ones; 4], [ones; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox4x32(
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0]
            ),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    /// Mean and variance within 5 standard errors: false-alarm rate below 2e-6 a check.
    #[test]
    fn normal_numbers_have_mean_0_and_variance_1() {
        let mut stream = Stream::new(3, Purpose::DYNAMICS, 0);
        let n = 100_000;
        let draws: Vec<f64> = (0..n).map(|_| stream.normal()).collect();
        let mean = draws.iter().sum::<f64>() / n as f64;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64;
        assert!(mean.abs() < 5.0 / (n as f64).sqrt());
        assert!((variance - 1.0).abs() < 5.0 * (2.0 / n as f64).sqrt());
    }

    #[test]
    fn below_covers_its_range_and_shuffle_permutes() {
        let mut stream = Stream::new(5, Purpose::SHUFFLE, 1);
        let mut seen = [false; 7];
        (0..1000).for_each(|_| seen[stream.below(7) as usize] = true);
        assert!(seen.iter().all(|&s| s));
        let mut items: Vec<usize> = (0..50).collect();
        stream.shuffle(&mut items);
        let mut sorted = items.clone();
        sorted.sort_unstable();
        assert_ne!(items, sorted);
        assert!(sorted.into_iter().eq(0..50));
    }
}
