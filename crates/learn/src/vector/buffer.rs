//! Numbers that start at a cache line: a vector of them is then never read from two.

use std::ops::{Deref, DerefMut};

/// Floats of a cache line.
const LINE: usize = 16;

#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

/// A slice of numbers whose first lies at a multiple of 64 bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffer {
    lines: Vec<Line>,
    len: usize,
}

impl Buffer {
    pub fn zeros(len: usize) -> Self {
        Self {
            lines: vec![Line([0.0; LINE]); len.div_ceil(LINE)],
            len,
        }
    }

    pub fn as_slice(&self) -> &[f32] {
        self
    }

    pub fn as_mut_slice(&mut self) -> &mut [f32] {
        self
    }

    /// Makes room for `len` numbers at least; new ones are 0.
    pub fn grow(&mut self, len: usize) {
        if self.len < len {
            self.lines.resize(len.div_ceil(LINE), Line([0.0; LINE]));
            self.len = len;
        }
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: `Line` is its array and as large, so that the lines' floats follow each other;
        // `len` of them are there.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as in `deref`; the lines are borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_start_at_a_line_and_are_all_there() {
        for len in [0, 1, 15, 16, 17, 1000] {
            let mut buffer = Buffer::zeros(len);
            assert_eq!(buffer.len(), len);
            assert!(buffer.iter().all(|&x| x == 0.0));
            assert!(buffer.as_ptr().addr().is_multiple_of(64));
            buffer
                .iter_mut()
                .enumerate()
                .for_each(|(i, x)| *x = i as f32);
            buffer.grow(len + 20);
            assert_eq!(buffer.len(), len + 20);
            assert!(
                buffer[..len]
                    .iter()
                    .enumerate()
                    .all(|(i, &x)| x == i as f32)
            );
            assert!(buffer[len..].iter().all(|&x| x == 0.0));
            assert!(buffer.as_ptr().addr().is_multiple_of(64));
        }
        assert!(Buffer::default().is_empty());
    }
}
