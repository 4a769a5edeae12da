//! The ceiling of appended events: a bare diesel loop that writes the rows of events, in groups, and nothing else.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Result;

use super::store::{Event, Store};

/// Returns how many events per second the loop makes durable, in commits of `batch`, over so many sessions. `body` makes what is
/// stored of the n-th.
pub fn events_per_second(
    folder: &Path,
    sessions: i64,
    batch: i64,
    time: Duration,
    body: impl Fn(i64) -> Result<String>,
) -> Result<f64> {
    let mut store = Store::open(folder)?;
    let mut cursor = 0;
    let begun = Instant::now();
    while begun.elapsed() < time {
        let bodies = (cursor..cursor + batch).map(&body).collect::<Result<Vec<String>>>()?;
        store.commit(|conn| {
            bodies.iter().try_for_each(|body| {
                cursor += 1;
                let (session_no, seq) = (cursor % sessions, cursor / sessions + 1);
                Event { cursor, session_no, seq, at_ms: 1_800_000_000_000 + cursor, body }.insert(conn)
            })
        })?;
    }
    Ok(cursor as f64 / begun.elapsed().as_secs_f64())
}
