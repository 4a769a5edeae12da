//! How fast events are indexed and found, by the library alone: documents are made from their cursors, not read. Up to a million
//! also by other engines.

mod beside;
mod corpus;
mod plain_sqlite;
#[cfg(feature = "tantivy")]
mod tantivy;

use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};
use tieline_model::{SessionId, TimestampMs};
use tieline_search::{Document, Index, Page, Query, Source, parse, search};

use crate::{
    figure::{Aim, Figure},
    latency::Latencies,
    setting::Setting,
};

use self::corpus::{BEGINNING_MS, SESSIONS, VOCABULARY, document, session, word};

/// Documents of one step of the indexer.
const STEP: i64 = 8_192;
/// Searches of one class, and how long it goes on with those of an engine that is slow.
const SEARCHES: u64 = 200;
const PATIENCE: Duration = Duration::from_secs(5);
const TOP: usize = 20;
/// Other engines are measured up to here.
const MOST_BESIDE: i64 = 1_000_000;

/// Measures it.
pub fn run(setting: &Setting) -> Result<Vec<Figure>> {
    let sizes: &[i64] = setting.choose(&[100_000][..], &[100_000, 1_000_000, 10_000_000][..]);
    std::fs::create_dir_all(&setting.build.folder)?;
    let folder = tempfile::Builder::new().prefix("search").tempdir_in(&setting.build.folder)?;
    let (index, _) = Index::open(&folder.path().join("search.db"), "a benchmark", 0)?;
    let mut figures = Vec::new();
    let mut count = 0;
    for &size in sizes {
        eprintln!("search: {size} events …");
        let (begun, before) = (Instant::now(), count);
        while count < size {
            let through = size.min(count + STEP);
            index.add((count + 1..=through).map(document), through)?;
            count = through;
        }
        let per_second = (size - before) as f64 / begun.elapsed().as_secs_f64();
        let name = label(size);
        figures.push(Figure::new(format!("index_{name}"), per_second, "event/s").aim("value", Aim::AtLeast(50_000.0)));
        for (class, query) in CLASSES {
            let mut source = Made { newest: size };
            let run = |query: &Query| {
                let page = Page { place: None, limit: TOP };
                search(&index, &mut source, query, page)
                    .map(|found| found.hits.len())
                    .map_err(|error| anyhow!("{error}"))
            };
            let figure = class_of(&format!("search_{class}_{name}"), query, run)?;
            figures.push(figure.aim("p99", Aim::AtMost(50.0)));
        }
    }
    drop(index);
    let sizes: Vec<i64> = sizes.iter().copied().filter(|size| *size <= MOST_BESIDE).collect();
    beside::run::<plain_sqlite::PlainSqlite>(folder.path(), &sizes, &mut figures)?;
    #[cfg(feature = "tantivy")]
    beside::run::<tantivy::Tantivy>(folder.path(), &sizes, &mut figures)?;
    Ok(figures)
}

/// How the n-th query of a class is written.
type Words = fn(u64) -> String;

/// The classes of queries.
const CLASSES: [(&str, Words); 6] = [
    ("rare", |n| word(VOCABULARY - 1 - n)),
    ("common", |n| word(n % 20)),
    ("filtered", |n| format!("{} session:{}", word(n % 200), session(n % SESSIONS))),
    ("two_words", |n| format!("{} {}", word(n % 300), word(300 + n))),
    ("phrase", |n| format!("\"{} {}\"", word(n % 20), word((n + 1) % 20))),
    ("prefix", |n| format!("{}*", word(1000 + n).chars().take(4).collect::<String>())),
];

/// Measures searches of one class; `run` carries one out and says how many events it found.
fn class_of(name: &str, words: Words, mut run: impl FnMut(&Query) -> Result<usize>) -> Result<Figure> {
    let mut latencies = Latencies::default();
    let (mut found, mut searches) = (0, 0);
    let started = Instant::now();
    while searches < SEARCHES && (searches == 0 || started.elapsed() < PATIENCE) {
        let text = words(searches);
        let parsed = parse(&text, TimestampMs(BEGINNING_MS)).map_err(|mistake| anyhow!("{text}: {mistake}"))?;
        // Names are resolved by the engine; here the only one is a session's id.
        let asked = parsed.sessions.first().and_then(|id| id.parse().ok());
        let sessions = asked.map_or_else(|| (0..SESSIONS).map(session).collect(), |id: SessionId| [id].into());
        let query = Query { terms: parsed.terms, sessions, ..Query::default() };
        let begun = Instant::now();
        found += run(&query).with_context(|| format!("the search for `{text}` failed"))?;
        latencies.add(begun.elapsed());
        searches += 1;
    }
    let [p50, p99] = latencies.percentiles([50.0, 99.0]);
    Ok(Figure::new(name, found as f64 / searches as f64, "hit").latency(p50, p99))
}

fn label(size: i64) -> String {
    if size >= 1_000_000 { format!("{}m", size / 1_000_000) } else { format!("{}k", size / 1_000) }
}

/// Events that are made from their cursors.
struct Made {
    newest: i64,
}

impl Source for Made {
    type Error = Infallible;

    fn newest(&mut self) -> Result<i64, Infallible> {
        Ok(self.newest)
    }

    fn after(&mut self, cursor: i64, limit: usize) -> Result<Vec<Document>, Infallible> {
        Ok((cursor + 1..=self.newest).take(limit).map(document).collect())
    }

    fn between(&mut self, from: i64, before: i64, limit: usize) -> Result<Vec<Document>, Infallible> {
        Ok((from.max(1)..before.min(self.newest + 1)).rev().take(limit).map(document).collect())
    }

    fn at(&mut self, cursors: &[i64]) -> Result<Vec<Document>, Infallible> {
        Ok(cursors.iter().copied().map(document).collect())
    }
}
