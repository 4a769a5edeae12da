//! Broadcasts: until the sender knows, and until the last of all attached receivers has it.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use tokio::{sync::mpsc, task::spawn_local, time::timeout};

use crate::setting::{Setting, generate};
use crate::{
    bare::{self, echo::Server},
    figure::{Aim, Figure},
    latency::Latencies,
    link::{self, Behaviour, Out, Socket, Target},
    mesh::Mesh,
};

const TEXT_BYTES: usize = 200;
/// What a receiver reads at once: a thousand larger buffers would only measure how fast they are cleared.
const READ_BUFFER: usize = 4 << 10;
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
        let commit_ms = bare::commit::broadcast_ms(bare_home.path(), receivers, TEXT_BYTES, repeats)?;
        let [fan_out_ms] = generate(fan_out(receivers, repeats))?.percentiles([50.0]);
        // One after the other: nothing leaves before it is on the disk.
        let bare_ms = commit_ms + fan_out_ms;
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
    let from = mesh.sessions("main", 1).await?;
    let mut sockets = Vec::new();
    let target = Target { buffer: READ_BUFFER, ..mesh.target.clone() };
    for to in mesh.sessions("all", receivers).await? {
        sockets.push(link::attach(&target, Some(&to), "writer").await?);
    }
    let sender = link::attach(&mesh.target, from.first().map(String::as_str), "writer").await?;
    let command = |corr: u64| {
        let text = "z".repeat(TEXT_BYTES);
        format!(r#"{{"command":{{"corr":{corr},"command":{{"broadcast":{{"circle":"all","text":"{text}"}}}}}}}}"#)
    };
    rounds(sockets, sender, Box::new(command), repeats).await
}

/// Returns how long the bare server takes until the last of its connections has a frame of the same size.
async fn fan_out(receivers: usize, repeats: usize) -> Result<Latencies> {
    let server = Server::start()?;
    let target = Target { buffer: READ_BUFFER, ..server.target.clone() };
    let mut sockets = Vec::new();
    for _ in 0..receivers {
        sockets.push(link::connect(&target).await?);
    }
    let sender = link::connect(&server.target).await?;
    // As long as a delivery with its envelope, the message's ids and its sender.
    let padding = "z".repeat(TEXT_BYTES + 330);
    let frame = move |corr: u64| format!(r#"!{{"deliver":{{"lane":"bulk","seq":{corr},"message":"{padding}"}}}}"#);
    Ok(rounds(sockets, sender, Box::new(frame), repeats).await?.1)
}

/// Makes the text that is sent, from its number.
type Command = Box<dyn Fn(u64) -> String>;

/// Has the sender send to all receivers, again and again: once all have confirmed, the next one.
async fn rounds(
    receivers: Vec<Socket>,
    sender: Socket,
    command: Command,
    repeats: usize,
) -> Result<(Latencies, Latencies)> {
    let round = Rc::new(Round::default());
    let of = receivers.len();
    let mut open = Vec::new();
    for socket in receivers {
        let (order, inbox) = mpsc::unbounded_channel::<()>();
        let receiver = Receiver { round: Rc::clone(&round), of, through: 0, confirmed: 0 };
        spawn_local(link::drive(socket, receiver, inbox));
        open.push(order);
    }
    let (orders, inbox) = mpsc::unbounded_channel();
    spawn_local(link::drive(sender, Sender { round: Rc::clone(&round), corr: 0, command }, inbox));
    let (mut known, mut received) = (Latencies::default(), Latencies::default());
    for n in 0..repeats + 3 {
        round.received.set(0);
        round.settled.set(0);
        round.known_at.set(None);
        round.received_at.set(None);
        let sent = Instant::now();
        orders.send(()).context("the sender has ended")?;
        let done = async {
            while round.settled.get() < of || round.known_at.get().is_none() {
                round.changed.notified().await;
                if let Some(problem) = round.problem.borrow().as_ref() {
                    anyhow::bail!("a broadcast was not accepted: {problem}");
                }
            }
            Ok(())
        };
        timeout(PATIENCE, done).await.with_context(|| {
            format!("{} received and {} settled of {of}", round.received.get(), round.settled.get())
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
    command: Command,
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
        out.push((self.command)(self.corr));
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
