//! Round trips to the bare echo server, in the same rhythm as asks.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::{sync::mpsc, task::spawn_local};

use super::ask::pace;
use crate::{
    bare::echo::Server,
    latency::Latencies,
    link::{self, Behaviour, Out},
};

/// Returns the median round trip in milliseconds, at `rate` a second over `pairs` connections.
pub async fn paced_ms(pairs: usize, rate: u32, time: Duration) -> Result<f64> {
    let server = Server::start()?;
    let (orders, running) = open(&server, pairs).await?;
    pace(rate, time, |n, due| orders[n % pairs].send(Order::Once(due))).await?;
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(orders);
    let mut latencies = Latencies::default();
    for peer in running {
        latencies.merge(&peer.await??.latencies);
    }
    Ok(latencies.percentiles([50.0])[0])
}

/// Returns how many round trips a second are made with `window` under way on each connection.
pub async fn saturated(pairs: usize, window: usize, time: Duration) -> Result<f64> {
    let server = Server::start()?;
    let (orders, running) = open(&server, pairs).await?;
    for order in &orders {
        order.send(Order::Keep(window))?;
    }
    tokio::time::sleep(time / 5).await;
    let begun = Instant::now();
    for order in &orders {
        order.send(Order::Count)?;
    }
    tokio::time::sleep(time).await;
    for order in &orders {
        order.send(Order::Stop)?;
    }
    let took = begun.elapsed();
    drop(orders);
    let mut count = 0;
    for peer in running {
        count += peer.await??.latencies.count();
    }
    Ok(count as f64 / took.as_secs_f64())
}

type Running = Vec<tokio::task::JoinHandle<Result<Peer>>>;

async fn open(server: &Server, pairs: usize) -> Result<(Vec<mpsc::UnboundedSender<Order>>, Running)> {
    let (mut orders, mut running) = (Vec::new(), Running::new());
    for _ in 0..pairs {
        let socket = link::connect(&server.target).await?;
        let (order, inbox) = mpsc::unbounded_channel();
        running.push(spawn_local(link::drive(socket, Peer::new(), inbox)));
        orders.push(order);
    }
    Ok((orders, running))
}

#[derive(Debug, Clone, Copy)]
enum Order {
    Once(Instant),
    Keep(usize),
    Count,
    Stop,
}

/// Sends the number of nanoseconds since it began, with as much text as an ask has.
struct Peer {
    begun: Instant,
    text: String,
    is_keeping: bool,
    is_counting: bool,
    latencies: Latencies,
}

impl Peer {
    fn new() -> Self {
        let text = "x".repeat(super::ask::TEXT_BYTES + 150);
        Self { begun: Instant::now(), text, is_keeping: false, is_counting: false, latencies: Latencies::default() }
    }

    fn send(&self, due: Instant, out: &mut Out) {
        out.push(format!("{} {}", (due - self.begun).as_nanos(), self.text));
    }
}

impl Behaviour<Order> for Peer {
    fn frame(&mut self, text: &str, out: &mut Out) {
        let nanoseconds = text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or_default();
        if self.is_counting || !self.is_keeping {
            self.latencies.add((self.begun + Duration::from_nanos(nanoseconds)).elapsed());
        }
        if self.is_keeping {
            self.send(Instant::now(), out);
        }
    }

    fn order(&mut self, order: Order, out: &mut Out) {
        match order {
            Order::Once(due) => self.send(due, out),
            Order::Keep(window) => {
                self.is_keeping = true;
                (0..window).for_each(|_| self.send(Instant::now(), out));
            }
            Order::Count => self.is_counting = true,
            Order::Stop => {
                // What still comes is not counted.
                (self.is_counting, self.text) = (false, String::new());
            }
        }
    }
}
