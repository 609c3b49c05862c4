//! The uniform numbers of [`Stream`](gnomon_mechanism::random::Stream), for every lane at once.

use gnomon_mechanism::random::Purpose;

use super::Lanes;

/// One random stream a lane: the same numbers as `Stream::new(seed, purpose, index).uniform()`,
/// two at a time (Philox 4x32-10, Salmon et al. 2011; a block of it is two numbers).
#[derive(Clone, Debug)]
pub(crate) struct Streams<const W: usize> {
    keys: [[u64; 2]; 10],
    purpose: u64,
    index: [u64; W],
    block: [u64; W],
}

const LOW: u64 = 0xFFFF_FFFF;

impl<const W: usize> Streams<W> {
    /// Streams of `seed` and `purpose`, all of index 0 until they are told.
    pub fn new(seed: u64, purpose: Purpose) -> Self {
        let round = |k: u64| {
            let step = |word: u64, weyl: u64| (word + k * weyl) & LOW;
            [step(seed & LOW, 0x9E37_79B9), step(seed >> 32, 0xBB67_AE85)]
        };
        Self {
            keys: std::array::from_fn(|k| round(k as u64)),
            purpose: u64::from(purpose.0) << 48,
            index: [0; W],
            block: [0; W],
        }
    }

    /// Starts the stream of `index` in `lane`.
    pub fn start(&mut self, lane: usize, index: u64) {
        self.index[lane] = index;
        self.block[lane] = 0;
    }

    /// The next two uniform numbers of every lane; lanes where `moves` is 0 do not move on.
    #[inline(always)]
    pub fn next(&mut self, moves: &Lanes<W>, first: &mut Lanes<W>, second: &mut Lanes<W>) {
        for lane in 0..W {
            let block = self.block[lane] | self.purpose;
            let index = self.index[lane];
            let mut c = [block & LOW, block >> 32, index & LOW, index >> 32];
            for key in &self.keys {
                let (a, b) = ((c[0] & LOW) * 0xD251_1F53, (c[2] & LOW) * 0xCD9E_8D57);
                c = [
                    (b >> 32) ^ c[1] ^ key[0],
                    b & LOW,
                    (a >> 32) ^ c[3] ^ key[1],
                    a & LOW,
                ];
            }
            first.0[lane] = uniform(c[0] | (c[1] << 32));
            second.0[lane] = uniform(c[2] | (c[3] << 32));
            self.block[lane] += u64::from(moves.0[lane] != 0.0);
        }
    }
}

/// 64 random bits as a number in (0, 1), as `Stream::uniform` makes it.
#[inline(always)]
fn uniform(bits: u64) -> f64 {
    const TWO_52: f64 = (1u64 << 52) as f64;
    let whole = f64::from_bits((bits >> 12) | TWO_52.to_bits()) - TWO_52;
    (whole + 0.5) * (1.0 / TWO_52)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gnomon_mechanism::random::Stream;

    #[test]
    fn every_lane_draws_the_numbers_of_its_stream() {
        let seed = 0x0123_4567_89AB_CDEF;
        let mut lanes = Streams::<8>::new(seed, Purpose::DYNAMICS);
        let mut single: Vec<Stream> = (0..8u64)
            .map(|lane| {
                let index = lane << (8 * lane);
                lanes.start(lane as usize, index);
                Stream::new(seed, Purpose::DYNAMICS, index)
            })
            .collect();
        // Lane 5 stands still in every other step.
        for step in 0..20 {
            let mut moves = Lanes::all(1.0);
            moves.0[5] = f64::from(step % 2);
            let (mut a, mut b) = (Lanes::all(0.0), Lanes::all(0.0));
            lanes.next(&moves, &mut a, &mut b);
            for (lane, stream) in single.iter_mut().enumerate() {
                if moves.0[lane] != 0.0 {
                    assert_eq!([a.0[lane], b.0[lane]], [stream.uniform(), stream.uniform()]);
                }
            }
        }
    }
}
