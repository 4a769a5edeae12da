//! How fast events are indexed and found, by the library alone: documents are made from their cursors, not read.

use std::{convert::Infallible, time::Instant};

use anyhow::{Result, anyhow};
use tieline_model::{SessionId, TimestampMs};
use tieline_search::{Author, Document, Index, Page, Query, Source, parse, search};
use uuid::Uuid;

use crate::{
    figure::{Aim, Figure},
    latency::Latencies,
    setting::Setting,
};

/// Documents of one step of the indexer.
const STEP: i64 = 8_192;
const VOCABULARY: u64 = 60_000;
const WORDS: u64 = 24;
const SESSIONS: u64 = 500;
/// Searches of one class.
const SEARCHES: u64 = 200;
const TOP: usize = 20;
const BEGINNING_MS: i64 = 1_780_000_000_000;

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
            figures.push(class_of(&index, size, &format!("search_{class}_{name}"), query)?);
        }
    }
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

fn class_of(index: &Index, size: i64, name: &str, words: Words) -> Result<Figure> {
    let mut source = Made { newest: size };
    let mut latencies = Latencies::default();
    let mut found = 0;
    for n in 0..SEARCHES {
        let text = words(n);
        let parsed = parse(&text, TimestampMs(BEGINNING_MS)).map_err(|mistake| anyhow!("{text}: {mistake}"))?;
        // Names are resolved by the engine; here the only one is a session's id.
        let asked = parsed.sessions.first().and_then(|id| id.parse().ok());
        let sessions = asked.map_or_else(|| (0..SESSIONS).map(session).collect(), |id: SessionId| [id].into());
        let query = Query { terms: parsed.terms, sessions, ..Query::default() };
        let begun = Instant::now();
        let hits = search(index, &mut source, &query, Page { place: None, limit: TOP });
        latencies.add(begun.elapsed());
        found += hits.map_err(|error| anyhow!("{text}: {error}"))?.hits.len();
    }
    let [p50, p99] = latencies.percentiles([50.0, 99.0]);
    Ok(Figure::new(name, found as f64 / SEARCHES as f64, "hit").latency(p50, p99).aim("p99", Aim::AtMost(50.0)))
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

fn document(cursor: i64) -> Document {
    let number = cursor.unsigned_abs();
    let words: Vec<String> = (0..WORDS).map(|at| word(rank(mix(number * WORDS + at)))).collect();
    Document {
        cursor,
        session: session(mix(number) % SESSIONS),
        seq: number,
        circle: "main".to_owned(),
        at_ms: TimestampMs(BEGINNING_MS + cursor * 10),
        kinds: vec!["said"],
        authors: vec![Author::Role("assistant".to_owned())],
        flags: Vec::new(),
        text: words.join(" "),
    }
}

fn session(number: u64) -> SessionId {
    SessionId::from_uuid(Uuid::from_u128(u128::from(number) + 1))
}

/// SplitMix64: chance that can be had again.
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Which word chance means: few are common and most are rare, as in language (Zipf, 1935).
fn rank(chance: u64) -> u64 {
    let share = (chance >> 11) as f64 / (1u64 << 53) as f64;
    ((VOCABULARY as f64).powf(share) - 1.0) as u64
}

/// The word of a rank: letters that say nothing, 4 to 9 of them.
fn word(rank: u64) -> String {
    let mut rest = mix(rank ^ 0x5bd1_e995);
    let length = 4 + rest % 6;
    let letter = |rest: &mut u64| {
        let letter = b'a' + u8::try_from(*rest % 26).unwrap_or_default();
        *rest /= 26;
        char::from(letter)
    };
    (0..length).map(|_| letter(&mut rest)).collect()
}
