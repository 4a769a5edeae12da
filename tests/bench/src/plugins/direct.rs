//! The floor: the same message handed to a Rust object in the same program, which copies it and answers.

use std::{hint::black_box, time::Instant};

use bytes::Bytes;

trait Transport {
    fn deliver(&mut self, link: u64, payload: &[u8]) -> bool;
}

/// Keeps the newest message, as a transport that has to send it later would.
#[derive(Default)]
struct Keeps(Vec<u8>, u64);

impl Transport for Keeps {
    fn deliver(&mut self, link: u64, payload: &[u8]) -> bool {
        self.1 = link;
        self.0.clear();
        self.0.extend_from_slice(payload);
        true
    }
}

/// Returns nanoseconds per message.
pub fn ns_per_message(payload: &Bytes, messages: usize) -> f64 {
    let mut transport: Box<dyn Transport> = black_box(Box::new(Keeps::default()));
    let begun = Instant::now();
    let answered = (0..messages).filter(|n| transport.deliver(*n as u64, black_box(payload))).count();
    assert_eq!(answered, messages, "each message is answered");
    begun.elapsed().as_nanos() as f64 / messages as f64
}
