//! Cuts a stream of bytes into frames.

use std::io::{self, Read};

use super::Malformed;

/// What is read at once.
const CHUNK: usize = 64 << 10;
/// A buffer that has grown beyond this for a large frame is given back.
const KEEP: usize = 1 << 20;

/// Bytes that were read, and the frames in them.
#[derive(Debug)]
pub(crate) struct Frames {
    buffer: Vec<u8>,
    /// What lies before was taken already, what lies from `end` on was not read yet.
    start: usize,
    end: usize,
    most: usize,
}

impl Frames {
    /// Begins with nothing. A frame is at most `most` bytes long.
    pub(crate) fn new(most: usize) -> Self {
        Frames { buffer: Vec::new(), start: 0, end: 0, most }
    }

    /// Takes a frame that is there as a whole, without its length.
    pub(crate) fn take(&mut self) -> Result<Option<&[u8]>, Malformed> {
        match self.expected()? {
            Some(len) if self.end - self.start >= 4 + len => {
                let at = self.start + 4;
                self.start = at + len;
                Ok(Some(&self.buffer[at..at + len]))
            }
            _ => Ok(None),
        }
    }

    /// Reads what there is, at least one byte. Nothing when the stream has ended. Grows with what really comes, not with
    /// what a length promises.
    pub(crate) fn fill(&mut self, from: &mut impl Read) -> io::Result<usize> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            if self.buffer.len() > KEEP {
                self.buffer = Vec::new();
            }
        }
        if self.buffer.len() - self.end < CHUNK / 2 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            let wanted = (self.end + CHUNK).max(self.end * 2).min(self.most + 4 + CHUNK);
            self.buffer.resize(wanted.max(self.buffer.len()), 0);
        }
        loop {
            match from.read(&mut self.buffer[self.end..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(n) => {
                    self.end += n;
                    return Ok(n);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Returns the length that the next frame says it has.
    fn expected(&self) -> Result<Option<usize>, Malformed> {
        let Some(len) = self.buffer[self.start..self.end].first_chunk() else { return Ok(None) };
        let len = u32::from_le_bytes(*len) as usize;
        if (1..=self.most).contains(&len) { Ok(Some(len)) } else { Err(Malformed::Size(len)) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_buffer_grows_with_what_comes_and_not_with_what_is_promised() {
        let mut stream = Vec::from((1u32 << 20).to_le_bytes());
        stream.extend([66; 100]);
        let mut frames = Frames::new(1 << 20);
        frames.fill(&mut &stream[..]).unwrap();
        assert_eq!(frames.take(), Ok(None));
        assert!(frames.buffer.len() <= 2 * CHUNK, "{}", frames.buffer.len());
    }

    #[test]
    fn a_large_frame_gives_its_memory_back() {
        let mut stream = Vec::from((4u32 << 20).to_le_bytes());
        stream.extend(vec![66; 4 << 20]);
        stream.extend([1, 0, 0, 0, 67]);
        let (mut frames, mut from) = (Frames::new(4 << 20), &stream[..]);
        let mut lens = Vec::new();
        while frames.fill(&mut from).unwrap() > 0 {
            while let Some(frame) = frames.take().unwrap() {
                lens.push(frame.len());
            }
        }
        assert_eq!(lens, [4 << 20, 1]);
        frames.fill(&mut from).unwrap();
        assert!(frames.buffer.len() <= CHUNK, "{}", frames.buffer.len());
    }
}
