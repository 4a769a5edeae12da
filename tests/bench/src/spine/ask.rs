//! Asks: from the ask to its answer, through two commits, with receipts on both sides.

use std::{
    collections::HashMap,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use tokio::{sync::mpsc, task::spawn_local};

use super::echo;
use crate::setting::{Setting, generate};
use crate::{
    figure::{Aim, Figure},
    latency::Latencies,
    link::{self, Behaviour, Out},
    mesh::Mesh,
};

/// How long the words of an ask and of its answer are.
pub const TEXT_BYTES: usize = 200;
const PAIRS: usize = 16;
const PER_SECOND: u32 = 1000;
/// Asks under way per pair when everything is to be had: half of the receiver's default credit.
const WINDOW: usize = 16;

/// Measures the paced and the saturated case.
pub fn run(setting: &Setting) -> Result<Vec<Figure>> {
    let time = setting.load_time() * setting.choose(3, 4);
    eprintln!("ask_round_trip …");
    let mesh = Mesh::new(&setting.build)?;
    let mut latencies = generate(paced(&mesh, time))?;
    mesh.daemon.stop()?;
    let [p50, p99, p999] = latencies.percentiles([50.0, 99.0, 99.9]);
    let bare_ms = generate(echo::paced_ms(PAIRS, PER_SECOND, setting.load_time()))?;
    let aims = [("p50", Aim::AtMost(1.5)), ("p99", Aim::AtMost(8.0))];
    let paced = Figure::new("ask_round_trip", p50, "ms").latency(p50, p99).ceiling(bare_ms);
    let paced = aims.into_iter().fold(paced, |figure, (of, aim)| figure.aim(of, aim));
    let tail = Figure::new("ask_round_trip_p999", p999, "ms");

    eprintln!("ask_saturated …");
    let mesh = Mesh::new(&setting.build)?;
    let (rate, mut latencies) = generate(saturated(&mesh, setting.load_time()))?;
    mesh.daemon.stop()?;
    let [p50, p99] = latencies.percentiles([50.0, 99.0]);
    let bare_rate = generate(echo::saturated(PAIRS, WINDOW, setting.load_time()))?;
    let saturated = Figure::new("ask_saturated", rate, "1/s").latency(p50, p99).ceiling(bare_rate);
    Ok(vec![paced, tail, saturated.aim("value", Aim::AtLeast(5000.0))])
}

/// Calls `send` with a number and the instant that it is due, `rate` times a second, however late the rest is.
///
/// A thread of its own keeps the time: the runtime's timer only knows whole milliseconds.
pub async fn pace<E>(rate: u32, time: Duration, mut send: impl FnMut(usize, Instant) -> Result<(), E>) -> Result<()>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let (tick, mut ticks) = mpsc::unbounded_channel();
    let begun = Instant::now();
    thread::spawn(move || {
        for n in 0.. {
            let after = Duration::from_secs(1) * n / rate;
            let due = begun + after;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if after >= time || tick.send((n as usize, due)).is_err() {
                return;
            }
        }
    });
    while let Some((n, due)) = ticks.recv().await {
        send(n, due)?;
    }
    Ok(())
}

type Askers = Vec<(mpsc::UnboundedSender<Order>, tokio::task::JoinHandle<Result<Asker>>)>;

async fn paced(mesh: &Mesh, time: Duration) -> Result<Latencies> {
    let (askers, _answerers) = pairs(mesh).await?;
    let warm_up = time / 5;
    let begun = Instant::now();
    let send = |n: usize, due: Instant| {
        let is_counted = due >= begun + warm_up;
        askers[n % PAIRS].0.send(Order::Ask { due, is_counted })
    };
    pace(PER_SECOND, time + warm_up, send).await?;
    finish(askers, Duration::from_secs(5)).await
}

async fn saturated(mesh: &Mesh, time: Duration) -> Result<(f64, Latencies)> {
    let (askers, _answerers) = pairs(mesh).await?;
    let tell =
        |order: Order| askers.iter().try_for_each(|(it, _)| it.send(order.clone())).context("an asker has ended");
    tell(Order::Keep)?;
    tokio::time::sleep(time / 5).await;
    let begun = Instant::now();
    tell(Order::Count(true))?;
    tokio::time::sleep(time).await;
    tell(Order::Count(false))?;
    let took = begun.elapsed();
    let latencies = finish(askers, Duration::ZERO).await?;
    Ok((latencies.count() as f64 / took.as_secs_f64(), latencies))
}

/// Waits until every ask is answered, at most so long, and gathers the latencies.
async fn finish(askers: Askers, patience: Duration) -> Result<Latencies> {
    let begun = Instant::now();
    let mut latencies = Latencies::default();
    for (orders, asker) in askers {
        let (reply, open) = std::sync::mpsc::channel();
        loop {
            orders.send(Order::Open(reply.clone())).context("an asker has ended")?;
            tokio::time::sleep(Duration::from_millis(20)).await;
            if begun.elapsed() >= patience || open.try_recv() == Ok(0) {
                break;
            }
        }
        drop(orders);
        let asker = asker.await??;
        if let Some(problem) = asker.problem {
            bail!("an ask failed: {problem}");
        }
        if !patience.is_zero() && !asker.open.is_empty() {
            bail!("{} asks were not answered within {patience:?}", asker.open.len());
        }
        latencies.merge(&asker.latencies);
    }
    Ok(latencies)
}

/// Attaches both sides of all pairs.
async fn pairs(mesh: &Mesh) -> Result<(Askers, Vec<mpsc::UnboundedSender<()>>)> {
    let (askers, answerers) = (mesh.sessions("main", PAIRS).await?, mesh.sessions("other", PAIRS).await?);
    let (mut asking, mut answering) = (Askers::new(), Vec::new());
    for (from, to) in askers.iter().zip(&answerers) {
        let socket = link::attach(&mesh.target, Some(to), "writer").await?;
        let (order, inbox) = mpsc::unbounded_channel();
        spawn_local(link::drive(socket, Answerer::default(), inbox));
        answering.push(order);
        let socket = link::attach(&mesh.target, Some(from), "writer").await?;
        let (order, inbox) = mpsc::unbounded_channel();
        asking.push((order, spawn_local(link::drive(socket, Asker::new(to), inbox))));
    }
    Ok((asking, answering))
}

#[derive(Debug, Clone)]
enum Order {
    Ask { due: Instant, is_counted: bool },
    Keep,
    Count(bool),
    Open(std::sync::mpsc::Sender<usize>),
}

#[derive(Debug, Deserialize)]
struct Deliver<'a> {
    #[serde(borrow)]
    deliver: Delivery<'a>,
}

#[derive(Debug, Deserialize)]
struct Delivery<'a> {
    lane: &'a str,
    seq: u64,
    #[serde(borrow)]
    message: Message<'a>,
}

#[derive(Debug, Deserialize)]
struct Message<'a> {
    id: &'a str,
    kind: &'a str,
    text: Option<&'a str>,
}

/// What a receiver has taken and not yet said so: one receipt for all that came together.
#[derive(Debug, Default)]
struct Taken {
    through: u64,
    confirmed: u64,
}

impl Taken {
    /// Reads a message of the lane `msg` that is new; everything else is nothing to answer.
    fn read<'a>(&mut self, text: &'a str) -> Option<Message<'a>> {
        let Deliver { deliver } = text.starts_with(r#"{"deliver""#).then(|| serde_json::from_str(text).ok())??;
        let is_next = deliver.lane == "msg" && deliver.seq == self.through + 1;
        self.through += u64::from(is_next);
        is_next.then_some(deliver.message)
    }

    fn confirm(&mut self, out: &mut Out) {
        if self.through > self.confirmed {
            self.confirmed = self.through;
            let through = self.through;
            out.push(format!(r#"{{"receipt":{{"lane":"msg","through":{through},"state":"delivered"}}}}"#));
        }
    }
}

/// Answers every ask with its own words.
#[derive(Debug, Default)]
struct Answerer {
    corr: u64,
    taken: Taken,
}

impl Behaviour<()> for Answerer {
    fn frame(&mut self, text: &str, out: &mut Out) {
        let Some(Message { id, kind: "ask", text: Some(text) }) = self.taken.read(text) else { return };
        self.corr += 1;
        let corr = self.corr;
        out.push(format!(r#"{{"command":{{"corr":{corr},"command":{{"ack":{{"ask":"{id}","text":"{text}"}}}}}}}}"#));
    }

    fn handled(&mut self, out: &mut Out) {
        self.taken.confirm(out);
    }

    fn order(&mut self, (): (), _: &mut Out) {}
}

/// Asks, and measures until the answer is there.
struct Asker {
    to: String,
    filler: String,
    next: u64,
    open: HashMap<u64, (Instant, bool)>,
    taken: Taken,
    is_keeping: bool,
    is_counting: bool,
    latencies: Latencies,
    problem: Option<String>,
}

impl Asker {
    fn new(to: &str) -> Self {
        Self {
            to: to.to_owned(),
            filler: "x".repeat(TEXT_BYTES - 8),
            next: 0,
            open: HashMap::new(),
            taken: Taken::default(),
            is_keeping: false,
            is_counting: false,
            latencies: Latencies::default(),
            problem: None,
        }
    }

    fn ask(&mut self, due: Instant, is_counted: bool, out: &mut Out) {
        self.next += 1;
        self.open.insert(self.next, (due, is_counted));
        let Self { to, filler, next: n, .. } = self;
        out.push(format!(
            r#"{{"command":{{"corr":{n},"command":{{"ask":{{"to":"{to}","text":"{n:07} {filler}"}}}}}}}}"#
        ));
    }
}

impl Behaviour<Order> for Asker {
    fn frame(&mut self, text: &str, out: &mut Out) {
        if text.starts_with(r#"{"outcome""#) && !text.contains(r#""outcome":{"ok""#) {
            self.problem.get_or_insert_with(|| text.to_owned());
        }
        let Some(Message { kind: "ack", text: Some(text), .. }) = self.taken.read(text) else { return };
        let number = text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or_default();
        let Some((due, is_counted)) = self.open.remove(&number) else { return };
        if is_counted || self.is_counting {
            self.latencies.add(due.elapsed());
        }
        if self.is_keeping {
            self.ask(Instant::now(), false, out);
        }
    }

    fn handled(&mut self, out: &mut Out) {
        self.taken.confirm(out);
    }

    fn order(&mut self, order: Order, out: &mut Out) {
        match order {
            Order::Ask { due, is_counted } => self.ask(due, is_counted, out),
            Order::Keep => {
                self.is_keeping = true;
                (0..WINDOW).for_each(|_| self.ask(Instant::now(), false, out));
            }
            Order::Count(is_counting) => {
                self.is_counting = is_counting;
                self.is_keeping &= is_counting;
            }
            // Nobody listens any more when the patience is over.
            Order::Open(reply) => drop(reply.send(self.open.len())),
        }
    }
}
