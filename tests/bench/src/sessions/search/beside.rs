//! The same events and searches in another engine.

use std::{path::Path, time::Instant};

use anyhow::Result;
use tieline_search::{Document, Query};

use super::{CLASSES, STEP, TOP, class_of, corpus::document, label};
use crate::figure::Figure;

/// An engine that is measured beside ours. It ranks all that match, by BM25; it does not know which events are the newest.
pub trait Engine: Sized {
    /// Its name in figures.
    const NAME: &'static str;

    /// Makes an empty index in a folder.
    fn open(folder: &Path) -> Result<Self>;

    /// Adds documents, and makes them durable and findable.
    fn add(&mut self, documents: impl Iterator<Item = Document>) -> Result<()>;

    /// Returns how many of the best `limit` there are. One session, or all.
    fn search(&mut self, query: &Query, limit: usize) -> Result<usize>;
}

/// Measures it at each of the sizes.
pub fn run<E: Engine>(folder: &Path, sizes: &[i64], figures: &mut Vec<Figure>) -> Result<()> {
    let mut engine = E::open(folder)?;
    let mut count = 0;
    for &size in sizes {
        eprintln!("search: {size} events in {} …", E::NAME);
        let (begun, before) = (Instant::now(), count);
        while count < size {
            let through = size.min(count + STEP);
            engine.add((count + 1..=through).map(document))?;
            count = through;
        }
        let per_second = (size - before) as f64 / begun.elapsed().as_secs_f64();
        let name = format!("{}_{}", label(size), E::NAME);
        figures.push(Figure::new(format!("index_{name}"), per_second, "event/s"));
        for (class, query) in CLASSES {
            figures.push(class_of(&format!("search_{class}_{name}"), query, |query| engine.search(query, TOP))?);
        }
    }
    Ok(())
}
