//! Durable messages: how many a second are accepted, by how many senders.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use tokio::{sync::mpsc, task::spawn_local};

use crate::setting::{Setting, generate};
use crate::{
    bare,
    figure::{Aim, Figure},
    latency::Latencies,
    link::{self, Behaviour, Out},
    mesh::Mesh,
};

/// How many messages of one sender are under way.
const WINDOW: usize = 64;
/// The most that the daemon commits together (`store.batch`).
const BATCH: usize = 512;
const WAL_AIM_MIB: f64 = 256.0;

/// Measures all cases.
pub fn run(setting: &Setting) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (suffix, text_bytes) in [("", 200), ("_4k", 4096)] {
        for senders in [1, 16, 64] {
            let name = format!("notify_durable_{senders}{suffix}");
            eprintln!("{name} …");
            let (mut figure, wal_mib) = case(setting, name, senders, text_bytes)?;
            if suffix.is_empty() {
                figure = figure.aim("ratio", Aim::AtLeast(0.6));
            }
            if senders == 64 && suffix.is_empty() {
                figure = figure.aim("value", Aim::AtLeast(40_000.0));
            }
            figures.push(figure);
            if senders == 64 {
                let wal = Figure::new(format!("wal_peak{suffix}"), wal_mib, "MiB");
                figures.push(wal.aim("value", Aim::AtMost(WAL_AIM_MIB)));
            }
        }
    }
    Ok(figures)
}

fn case(setting: &Setting, name: String, senders: usize, text_bytes: usize) -> Result<(Figure, f64)> {
    let time = setting.load_time();
    let bare_home = tempfile::tempdir_in(&setting.build.folder);
    let mesh = Mesh::new(&setting.build)?;
    let wal = Watched::start(mesh.daemon.wal());
    let (rate, mut latencies) = generate(load(&mesh, senders, text_bytes, time))?;
    let wal_mib = wal.peak();
    mesh.daemon.stop()?;
    let batch = (senders * WINDOW).min(BATCH);
    let bare_home = bare_home?;
    let ceiling = bare::commit::messages_per_second(bare_home.path(), senders, batch, text_bytes, time)?;
    let [p50, p99] = latencies.percentiles([50.0, 99.0]);
    Ok((Figure::new(name, rate, "1/s").latency(p50, p99).ceiling(ceiling), wal_mib))
}

/// Lets all senders send for a while; returns the rate of accepted outcomes, and how long each took.
async fn load(mesh: &Mesh, senders: usize, text_bytes: usize, time: Duration) -> Result<(f64, Latencies)> {
    let from = mesh.sessions("main", senders).await?;
    let to = mesh.sessions("away", senders).await?;
    let (warm_up, started) = (time / 5, Instant::now());
    let mut running = Vec::new();
    let mut orders = Vec::new();
    for (from, to) in from.iter().zip(&to) {
        let socket = link::attach(&mesh.target, Some(from), "writer").await?;
        let sender = Sender::new(to, text_bytes);
        let (order, inbox) = mpsc::unbounded_channel();
        running.push(spawn_local(link::drive(socket, sender, inbox)));
        orders.push(order);
    }
    let tell = |order: Order| orders.iter().try_for_each(|it| it.send(order)).context("a sender has ended");
    tell(Order::Send)?;
    tokio::time::sleep(warm_up).await;
    let begun = Instant::now();
    tell(Order::Count)?;
    tokio::time::sleep(time).await;
    tell(Order::Stop)?;
    let took = begun.elapsed();
    drop(orders);
    let mut latencies = Latencies::default();
    for sender in running {
        let sender = sender.await??;
        if let Some(problem) = sender.problem {
            bail!("a message was not accepted: {problem}");
        }
        latencies.merge(&sender.latencies);
    }
    eprintln!("  {} in {took:.1?}, {:.1?} in all", latencies.count(), started.elapsed());
    Ok((latencies.count() as f64 / took.as_secs_f64(), latencies))
}

#[derive(Debug, Clone, Copy)]
enum Order {
    Send,
    Count,
    Stop,
}

/// Keeps its window full.
struct Sender {
    head: String,
    tail: String,
    corr: u64,
    sent_at: [Instant; WINDOW],
    is_sending: bool,
    is_counting: bool,
    latencies: Latencies,
    problem: Option<String>,
}

impl Sender {
    fn new(to: &str, text_bytes: usize) -> Self {
        let text = "x".repeat(text_bytes);
        Self {
            head: r#"{"command":{"corr":"#.to_owned(),
            tail: format!(r#","command":{{"notify":{{"to":"{to}","text":"{text}"}}}}}}}}"#),
            corr: 0,
            sent_at: [Instant::now(); WINDOW],
            is_sending: false,
            is_counting: false,
            latencies: Latencies::default(),
            problem: None,
        }
    }

    fn place(corr: u64) -> usize {
        usize::try_from(corr).unwrap_or_default() % WINDOW
    }

    fn send(&mut self, out: &mut Out) {
        self.corr += 1;
        // Outcomes of one link come in order, so this place is free again.
        self.sent_at[Self::place(self.corr)] = Instant::now();
        out.push(format!("{}{}{}", self.head, self.corr, self.tail));
    }
}

impl Behaviour<Order> for Sender {
    fn frame(&mut self, text: &str, out: &mut Out) {
        let Some(rest) = text.strip_prefix(r#"{"outcome":{"corr":"#) else { return };
        let accepted = rest.split_once(',').filter(|(_, rest)| rest.starts_with(r#""outcome":{"ok""#));
        let Some(corr) = accepted.and_then(|(corr, _)| corr.parse().ok()) else {
            self.is_sending = false;
            self.problem.get_or_insert_with(|| text.to_owned());
            return;
        };
        if self.is_counting {
            self.latencies.add(self.sent_at[Self::place(corr)].elapsed());
        }
        if self.is_sending {
            self.send(out);
        }
    }

    fn order(&mut self, order: Order, out: &mut Out) {
        match order {
            Order::Send => {
                self.is_sending = true;
                (0..WINDOW).for_each(|_| self.send(out));
            }
            Order::Count => self.is_counting = true,
            Order::Stop => (self.is_counting, self.is_sending) = (false, false),
        }
    }
}

/// Looks at a file's size again and again.
struct Watched {
    peak: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
}

impl Watched {
    fn start(file: std::path::PathBuf) -> Self {
        let (peak, is_over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (of_thread, ends) = (Arc::clone(&peak), Arc::clone(&is_over));
        thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                let size = fs::metadata(&file).map_or(0, |meta| meta.len());
                of_thread.fetch_max(size, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(20));
            }
        });
        Self { peak, is_over }
    }

    /// Returns the largest size seen, in MiB.
    fn peak(&self) -> f64 {
        self.peak.load(Ordering::Relaxed) as f64 / (1 << 20) as f64
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}
