//! Takes decisions from bytes: what comes after the last byte is zero.

use std::hash::{DefaultHasher, Hash, Hasher};

/// The bytes of one run.
#[derive(Debug, Default)]
pub(super) struct Input {
    bytes: Vec<u8>,
    at: usize,
}

impl Input {
    pub(super) fn of(bytes: &[u8]) -> Self {
        Input { bytes: bytes.to_vec(), at: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// Takes at most so many bytes.
    pub(super) fn bytes(&mut self, most: usize) -> Vec<u8> {
        let end = (self.at + most).min(self.bytes.len());
        let taken = self.bytes[self.at.min(end)..end].to_vec();
        self.at = end;
        taken
    }

    /// Takes what is left.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        self.bytes(usize::MAX - self.at)
    }

    /// Takes bytes whose number stands before them.
    pub(super) fn piece(&mut self) -> Vec<u8> {
        let len = usize::from(self.u8());
        self.bytes(len)
    }

    /// Takes a part of what is left for somebody else.
    pub(super) fn part(&mut self) -> Input {
        let len = usize::from(self.u8());
        Input { bytes: self.bytes(len), at: 0 }
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let taken = self.bytes(N);
        array[..taken.len()].copy_from_slice(&taken);
        array
    }

    pub(super) fn u8(&mut self) -> u8 {
        u8::from_le_bytes(self.array())
    }

    pub(super) fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    pub(super) fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    pub(super) fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    /// Takes one of some.
    pub(super) fn one_of<T: Copy>(&mut self, some: &[T]) -> T {
        some[usize::from(self.u8()) % some.len()]
    }

    /// Takes a number that is mostly small, and sometimes anything.
    pub(super) fn number(&mut self) -> u64 {
        match self.u8() {
            255 => self.u64(),
            254 => u64::MAX,
            253 => 1 << 63 | u64::from(self.u8()),
            small => u64::from(small % 16),
        }
    }
}

/// Tells outcomes apart.
pub(super) fn mark(outcome: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    outcome.hash(&mut hasher);
    hasher.finish()
}
