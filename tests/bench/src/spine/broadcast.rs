//! Broadcasts: until the sender knows, and until the last of all attached receivers has it.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use tokio::{sync::mpsc, task::spawn_local, time::timeout};

use super::{Setting, generate};
use crate::{
    bare,
    figure::{Aim, Figure},
    latency::Latencies,
    link::{self, Behaviour, Out},
    mesh::Mesh,
};

const TEXT_BYTES: usize = 200;
/// The longest that one broadcast and all its receipts may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Measures all sizes.
pub fn run(setting: &Setting) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let repeats = setting.choose(15, 60);
    for receivers in [10, 100, 1000] {
        eprintln!("broadcast_{receivers} …");
        let mesh = Mesh::new(&setting.build)?;
        let (mut known, mut received) = generate(load(&mesh, receivers, repeats))?;
        mesh.daemon.stop()?;
        let bare_home = tempfile::tempdir_in(&setting.build.folder)?;
        let bare_ms = bare::commit::broadcast_ms(bare_home.path(), receivers, TEXT_BYTES, repeats)?;
        let [p50, p99] = received.percentiles([50.0, 99.0]);
        let figure = Figure::new(format!("broadcast_{receivers}"), p50, "ms").latency(p50, p99).ceiling(bare_ms);
        figures.push(if receivers == 1000 { figure.aim("value", Aim::AtMost(15.0)) } else { figure });
        let [p50, p99] = known.percentiles([50.0, 99.0]);
        figures.push(Figure::new(format!("broadcast_{receivers}_outcome"), p50, "ms").latency(p50, p99));
    }
    Ok(figures)
}

/// What the links tell of the broadcast that is under way.
#[derive(Debug, Default)]
struct Round {
    received: Cell<usize>,
    settled: Cell<usize>,
    known_at: Cell<Option<Instant>>,
    received_at: Cell<Option<Instant>>,
    problem: RefCell<Option<String>>,
    changed: tokio::sync::Notify,
}

/// Returns how long the outcomes took, and how long it took until the last receiver had it.
async fn load(mesh: &Mesh, receivers: usize, repeats: usize) -> Result<(Latencies, Latencies)> {
    let round = Rc::new(Round::default());
    let from = mesh.sessions("main", 1).await?;
    let mut open = Vec::new();
    for to in mesh.sessions("all", receivers).await? {
        let socket = link::attach(&mesh.target, Some(&to), "writer").await?;
        let (order, inbox) = mpsc::unbounded_channel::<()>();
        let receiver = Receiver { round: Rc::clone(&round), of: receivers, through: 0, confirmed: 0 };
        spawn_local(link::drive(socket, receiver, inbox));
        open.push(order);
    }
    let socket = link::attach(&mesh.target, from.first().map(String::as_str), "writer").await?;
    let (orders, inbox) = mpsc::unbounded_channel();
    spawn_local(link::drive(socket, Sender { round: Rc::clone(&round), corr: 0 }, inbox));
    let (mut known, mut received) = (Latencies::default(), Latencies::default());
    for n in 0..repeats + 3 {
        round.received.set(0);
        round.settled.set(0);
        round.known_at.set(None);
        round.received_at.set(None);
        let sent = Instant::now();
        orders.send(()).context("the sender has ended")?;
        let done = async {
            while round.settled.get() < receivers || round.known_at.get().is_none() {
                round.changed.notified().await;
                if let Some(problem) = round.problem.borrow().as_ref() {
                    anyhow::bail!("a broadcast was not accepted: {problem}");
                }
            }
            Ok(())
        };
        timeout(PATIENCE, done).await.with_context(|| {
            format!("{} received and {} settled of {receivers}", round.received.get(), round.settled.get())
        })??;
        // The first ones warm up.
        if n >= 3 {
            let at = |cell: &Cell<Option<Instant>>| cell.get().context("a broadcast without its end");
            known.add(at(&round.known_at)? - sent);
            received.add(at(&round.received_at)? - sent);
        }
    }
    Ok((known, received))
}

struct Sender {
    round: Rc<Round>,
    corr: u64,
}

impl Behaviour<()> for Sender {
    fn frame(&mut self, text: &str, _: &mut Out) {
        if text.starts_with(r#"{"progress""#) {
            self.round.settled.set(self.round.settled.get() + 1);
        } else if text.starts_with(r#"{"outcome""#) {
            self.round.known_at.set(Some(Instant::now()));
            if !text.contains(r#""outcome":{"ok""#) {
                self.round.problem.replace(Some(text.to_owned()));
            }
        }
        self.round.changed.notify_one();
    }

    fn order(&mut self, (): (), out: &mut Out) {
        self.corr += 1;
        let (corr, text) = (self.corr, "z".repeat(TEXT_BYTES));
        out.push(format!(
            r#"{{"command":{{"corr":{corr},"command":{{"broadcast":{{"circle":"all","text":"{text}"}}}}}}}}"#
        ));
    }
}

struct Receiver {
    round: Rc<Round>,
    of: usize,
    through: u64,
    confirmed: u64,
}

impl Behaviour<()> for Receiver {
    fn frame(&mut self, text: &str, _: &mut Out) {
        let Some(rest) = text.strip_prefix(r#"{"deliver":{"lane":"bulk","seq":"#) else { return };
        let seq = rest.split(',').next().and_then(|seq| seq.parse().ok()).unwrap_or_default();
        if seq == self.through + 1 {
            self.through = seq;
            self.round.received.set(self.round.received.get() + 1);
            if self.round.received.get() == self.of {
                self.round.received_at.set(Some(Instant::now()));
            }
        }
    }

    fn handled(&mut self, out: &mut Out) {
        if self.through > self.confirmed {
            self.confirmed = self.through;
            let through = self.through;
            out.push(format!(r#"{{"receipt":{{"lane":"bulk","through":{through},"state":"delivered"}}}}"#));
        }
    }

    fn order(&mut self, (): (), _: &mut Out) {}
}
