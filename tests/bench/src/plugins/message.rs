//! What one message costs on its way to a plugin and back with its answer.

use std::{path::Path, sync::Arc, time::Instant};

use anyhow::{Result, ensure};
use bytes::Bytes;
use tieline_host::{Isolation, Kind, Outbound};

use super::{
    answers::Answers,
    direct,
    place::{ECHO, Guest, Place},
};
use crate::{
    figure::{Aim, Figure},
    latency::Latencies,
};

/// Bytes of a message's payload.
const PAYLOAD: usize = 512;
/// As many as a busy daemon hands over together.
const BATCH: usize = 64;

/// Measures both forms, and the direct call.
pub fn run(echo: &Path, dir: &Path, messages: usize) -> Result<Vec<Figure>> {
    let payload = Bytes::from(format!("{{\"text\":\"{}\"}}", "x".repeat(PAYLOAD - 11)));
    eprintln!("plugin_message_direct …");
    let direct = direct::ns_per_message(&payload, messages);
    let mut figures = vec![Figure::new("plugin_message_direct", direct, "ns")];
    for (isolation, name) in [(Isolation::InProcess, "in_process"), (Isolation::Process, "process")] {
        eprintln!("plugin_message_{name} …");
        let mut form = Form::new(echo, isolation, dir, payload.clone())?;
        form.batches(messages / 10)?;
        let batched = form.batches(messages)?;
        let [p50, p99] = form.trips(messages / 10)?.percentiles([50.0, 99.0]);
        let message = Figure::new(format!("plugin_message_{name}"), batched, "ns").ceiling(direct);
        let trip = Figure::new(format!("plugin_round_trip_{name}"), p50 * 1000.0, "µs").latency(p50, p99);
        match isolation {
            Isolation::InProcess => figures.extend([message.aim("value", Aim::AtMost(2000.0)), trip]),
            Isolation::Process => figures.extend([message, trip.aim("value", Aim::AtMost(25.0))]),
        }
    }
    Ok(figures)
}

/// A plugin in one of the two forms.
struct Form {
    place: Place,
    answers: Arc<Answers>,
    payload: Bytes,
    sent: usize,
}

impl Form {
    fn new(echo: &Path, isolation: Isolation, dir: &Path, payload: Bytes) -> Result<Self> {
        let answers = Arc::new(Answers::default());
        let place = Place::new(&[Guest { file: echo, name: ECHO, isolation }], dir, Arc::clone(&answers) as _)?;
        Ok(Self { place, answers, payload, sent: 0 })
    }

    /// Hands over so many at once and waits until all are answered.
    fn send(&mut self, n: usize) -> Result<()> {
        let message =
            |corr: usize| Outbound { link: 1, kind: Kind::Delivery, corr: corr as u64, payload: self.payload.clone() };
        let messages = (self.sent..self.sent + n).map(message).collect();
        ensure!(self.place.host.deliver(ECHO, messages).is_empty(), "a batch did not fit");
        self.sent += n;
        self.answers.wait(self.sent);
        Ok(())
    }

    /// Returns nanoseconds per message, in batches.
    fn batches(&mut self, messages: usize) -> Result<f64> {
        let batches = (messages / BATCH).max(1);
        let begun = Instant::now();
        for _ in 0..batches {
            self.send(BATCH)?;
        }
        Ok(begun.elapsed().as_nanos() as f64 / (batches * BATCH) as f64)
    }

    /// Returns how long single messages take, one after the other.
    fn trips(&mut self, messages: usize) -> Result<Latencies> {
        let mut trips = Latencies::default();
        for _ in 0..messages {
            let begun = Instant::now();
            self.send(1)?;
            trips.add(begun.elapsed());
        }
        Ok(trips)
    }
}
