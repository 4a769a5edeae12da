//! The newest log records of each plugin, kept in memory for whoever asks.

use std::{
    collections::{HashMap, VecDeque},
    sync::Mutex,
};

use serde::Serialize;

use crate::lock;

/// How many records of one plugin are kept.
const MOST_RECORDS: usize = 500;
/// How many bytes of fields of one plugin are kept.
const MOST_BYTES: usize = 1 << 20;

/// What a plugin has logged once.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LogRecord {
    /// Its number among this plugin's records, from 1: whoever follows them asks for what comes after.
    pub seq: u64,
    /// When it came, in milliseconds since 1970.
    pub at_ms: i64,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: &'static str,
    /// The part of the plugin that speaks.
    pub target: String,
    /// An object; the text is in `message`.
    pub fields: serde_json::Value,
}

/// The records of all plugins.
#[derive(Debug, Default)]
pub(crate) struct Logs(Mutex<HashMap<String, Ring>>);

#[derive(Debug, Default)]
struct Ring {
    records: VecDeque<Kept>,
    /// How many there were, with those that are not kept any more.
    count: u64,
    bytes: usize,
}

/// A record whose fields nobody has parsed yet.
#[derive(Debug)]
struct Kept {
    seq: u64,
    at_ms: i64,
    level: tracing::Level,
    target: String,
    json: String,
}

impl Logs {
    /// Keeps a record; `json` is an object of fields.
    pub(crate) fn add(&self, plugin: &str, at_ms: i64, level: tracing::Level, target: &str, json: &str) {
        let mut rings = lock(&self.0);
        // A plugin that logs much is known already.
        if !rings.contains_key(plugin) {
            rings.insert(plugin.to_owned(), Ring::default());
        }
        if let Some(ring) = rings.get_mut(plugin) {
            ring.count += 1;
            ring.add(Kept { seq: ring.count, at_ms, level, target: target.to_owned(), json: json.to_owned() });
        }
    }

    /// Returns the newest records, the oldest of them first.
    pub(crate) fn newest(&self, plugin: &str, limit: usize) -> Vec<LogRecord> {
        let rings = lock(&self.0);
        let Some(ring) = rings.get(plugin) else { return Vec::new() };
        let skipped = ring.records.len().saturating_sub(limit);
        ring.records.iter().skip(skipped).map(Kept::read).collect()
    }

    /// Forgets a plugin.
    pub(crate) fn forget(&self, plugin: &str) {
        lock(&self.0).remove(plugin);
    }
}

impl Ring {
    fn add(&mut self, record: Kept) {
        self.bytes += record.json.len();
        self.records.push_back(record);
        while self.records.len() > MOST_RECORDS || (self.bytes > MOST_BYTES && self.records.len() > 1) {
            let oldest = self.records.pop_front();
            self.bytes = self.bytes.saturating_sub(oldest.map_or(0, |oldest| oldest.json.len()));
        }
    }
}

impl Kept {
    fn read(&self) -> LogRecord {
        LogRecord {
            seq: self.seq,
            at_ms: self.at_ms,
            level: match self.level {
                tracing::Level::ERROR => "error",
                tracing::Level::WARN => "warn",
                tracing::Level::INFO => "info",
                tracing::Level::DEBUG => "debug",
                tracing::Level::TRACE => "trace",
            },
            target: self.target.clone(),
            fields: serde_json::from_str(&self.json)
                .unwrap_or_else(|_| serde_json::json!({ "message": self.json.clone() })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(logs: &Logs, at_ms: i64, json: &str) {
        logs.add("p", at_ms, tracing::Level::INFO, "t", json);
    }

    #[test]
    fn the_newest_records_are_kept_in_order() {
        let logs = Logs::default();
        for at in 0..600 {
            add(&logs, at, r#"{"message":"x"}"#);
        }
        let all: Vec<_> = logs.newest("p", usize::MAX).iter().map(|record| record.at_ms).collect();
        assert_eq!(all, (100..600).collect::<Vec<_>>());
        let last = logs.newest("p", 2);
        assert_eq!((last[0].at_ms, last[1].at_ms, last[1].level), (598, 599, "info"));
        assert_eq!((last[0].seq, last[1].seq), (599, 600));
        assert_eq!(last[1].fields["message"], "x");
        assert_eq!(logs.newest("q", 2), []);
        logs.forget("p");
        assert_eq!(logs.newest("p", 2), []);
    }

    #[test]
    fn long_records_are_limited_by_their_bytes() {
        let logs = Logs::default();
        for at in 0..10 {
            add(&logs, at, &serde_json::json!({ "message": "x".repeat(400_000) }).to_string());
        }
        assert_eq!(logs.newest("p", usize::MAX).len(), 2);
        add(&logs, 10, &serde_json::json!({ "message": "x".repeat(2_000_000) }).to_string());
        assert_eq!(logs.newest("p", usize::MAX).len(), 1);
    }
}
