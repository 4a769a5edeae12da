//! Fuzzes the frames between the host and the process of a plugin.

use std::io::Read;

use super::{
    harness::fuzz,
    input::{Input, mark},
};
use crate::wire::{Frames, FromChild, ToChild};

/// Hands out bytes in pieces.
struct Pieces {
    bytes: Vec<u8>,
    at: usize,
    size: usize,
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let n = self.size.min(self.bytes.len() - self.at).min(into.len());
        into[..n].copy_from_slice(&self.bytes[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

#[test]
fn bytes_are_a_frame_with_one_meaning_or_an_error() {
    fuzz("wire", 20_000, 4096, |bytes| {
        let mut input = Input::of(bytes);
        let (size, is_from_child) = (usize::from(input.u8()) + 1, input.u8() == 0);
        let mut from = Pieces { bytes: input.rest(), at: 0, size };
        let (mut frames, mut read) = (Frames::new(1 << 16), (0u32, 0u64));
        loop {
            match frames.take() {
                Ok(Some(frame)) => {
                    let mut again = Vec::new();
                    let is_read = if is_from_child {
                        FromChild::decode(frame).map(|said| said.encode(&mut again))
                    } else {
                        ToChild::decode(frame).map(|said| said.encode(&mut again))
                    };
                    match is_read {
                        // Any bits are a number, so frames are compared and not what they say.
                        Ok(()) => assert_eq!(&again[4..], frame, "it means something else"),
                        Err(wrong) => return mark((read, wrong.to_string().replace(char::is_numeric, ""))),
                    }
                    read = (read.0 + 1, mark((read.1, frame[0])));
                }
                Ok(None) => match frames.fill(&mut from).expect("it never fails") {
                    0 => return mark((read.0.min(3), read.1)),
                    _ => continue,
                },
                Err(wrong) => return mark((read.0, wrong.to_string().replace(char::is_numeric, ""))),
            }
        }
    });
}
