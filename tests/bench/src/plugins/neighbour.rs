//! What messages on another route notice of a plugin that does wrong in a process of its own.

use std::{
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use bytes::Bytes;
use tieline_host::{Host, Isolation, Kind, Outbound, Socket, State};

use super::{
    answers::Answers,
    place::{ECHO, Guest, Place, STOCK},
};
use crate::{
    figure::{Aim, Figure},
    latency::Latencies,
};

/// What it does not survive: dying in three ways, never coming back, taking ten gigabytes.
const DEADLY: [&str; 5] = ["panic", "abort", "segv", "spin", "eat"];
/// What it survives: answering nonsense, keeping descriptors.
const HARMLESS: [&str; 2] = ["garbage", "leak"];
/// How often it is told again.
const AGAIN: Duration = Duration::from_millis(20);
/// The link of the other route.
const LINK: u64 = 7;

/// A socket that takes everything.
struct Open;

impl Socket for Open {
    fn send(&self, _: bool, _: Bytes) -> bool {
        true
    }
    fn close(&self, _: u16, _: &str) {}
}

/// Measures a stock plugin's round trips beside a quiet neighbour and beside one that does wrong: a figure for each wrong.
pub fn run(stock: &Path, fault: &Path, dir: &Path, window: Duration) -> Result<Vec<Figure>> {
    DEADLY.into_iter().chain(HARMLESS).map(|wrong| beside(wrong, stock, fault, dir, window)).collect()
}

fn beside(wrong: &str, stock: &Path, fault: &Path, dir: &Path, window: Duration) -> Result<Figure> {
    eprintln!("plugin_neighbour_{wrong} …");
    let guests = [
        Guest { file: stock, name: STOCK, isolation: Isolation::InProcess },
        Guest { file: fault, name: ECHO, isolation: Isolation::Process },
    ];
    let answers = Arc::new(Answers::of(STOCK));
    let place = Place::new(&guests, dir, Arc::clone(&answers) as _)?;
    let opened = br#"{"path":"/ws","principal":{"id":"prn_1","name":"x","kind":"agent","scopes":[]}}"#;
    ensure!(place.host.socket_opened(STOCK, LINK, Bytes::from_static(opened), Arc::new(Open)), "no socket was opened");
    let mut route = Route { host: &place.host, answers: &answers, sent: 0 };
    route.trips(window / 4, |_| ())?;
    let [_, alone] = route.trips(window, |_| ())?.percentiles([50.0, 99.0]);
    let payload = Bytes::from(format!(r#"{{"do":"{wrong}"}}"#));
    let mut told = 0;
    let [p50, p99] = route
        .trips(window, |host| {
            told += 1;
            // Refused while it is down: it is told again.
            let message = Outbound { link: 1, kind: Kind::Delivery, corr: told, payload: payload.clone() };
            let _refused = host.deliver(ECHO, vec![message]);
        })?
        .percentiles([50.0, 99.0]);
    if DEADLY.contains(&wrong) {
        // It was really done: a call that never comes back is only noticed later.
        place.wait(ECHO, |status| status.restarts > 0 || status.state != State::Running)?;
    }
    let figure = Figure::new(format!("plugin_neighbour_{wrong}"), p99 * 1000.0, "µs").latency(p50, p99);
    Ok(figure.ceiling(alone * 1000.0).aim("ratio", Aim::AtMost(2.0)))
}

/// The route that nothing is wrong with.
struct Route<'a> {
    host: &'a Arc<Host>,
    answers: &'a Answers,
    sent: usize,
}

impl Route<'_> {
    /// Measures one message after the other for so long, while `meanwhile` is called again and again beside it.
    fn trips(&mut self, window: Duration, mut meanwhile: impl FnMut(&Host) + Send) -> Result<Latencies> {
        let (until, host) = (Instant::now() + window, Arc::clone(self.host));
        thread::scope(|scope| {
            scope.spawn(move || {
                while Instant::now() < until {
                    meanwhile(&host);
                    thread::sleep(AGAIN);
                }
            });
            let mut trips = Latencies::default();
            while Instant::now() < until {
                let begun = Instant::now();
                self.sent += 1;
                let payload = Bytes::from_static(b"{}");
                let message = Outbound { link: LINK, kind: Kind::Outcome, corr: self.sent as u64, payload };
                ensure!(self.host.deliver(STOCK, vec![message]).is_empty(), "a message did not fit");
                self.answers.wait(self.sent);
                trips.add(begun.elapsed());
            }
            Ok(trips)
        })
    }
}
