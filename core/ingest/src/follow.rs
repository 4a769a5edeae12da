//! Reading a transcript from where it was read to, a batch of whole lines at a time.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, BufRead, BufReader, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use tieline_model::command::TranscriptLine;

use crate::{About, Line, Reader, Vendor};

/// Lines of one batch, at most.
const MOST_LINES: usize = 400;
/// Activities of one batch, at most; the daemon takes 500.
const MOST_ACTIVITIES: usize = 400;
/// Bytes of one batch, as far as a line allows it: the daemon takes a command of 1 MiB, and JSON grows by its escapes.
const MOST_BYTES: u64 = 300 * 1024;
/// The longest line, in bytes. A longer one is skipped.
const MOST_LINE: u64 = 64 << 20;

/// A transcript that is being read.
#[derive(Debug)]
pub struct File {
    path: PathBuf,
    reader: Reader,
    offset: u64,
}

/// Lines that were not read, and why.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Skipped {
    /// Lines that are no records.
    pub bad: u64,
    /// The first of them: its number in this batch, and what is wrong with it.
    pub first_bad: Option<String>,
    /// Records of kinds that are not known, by kind.
    pub unknown: BTreeMap<String, u64>,
}

impl Skipped {
    /// Adds another.
    pub fn add(&mut self, other: &Skipped) {
        self.bad += other.bad;
        if self.first_bad.is_none() {
            self.first_bad.clone_from(&other.first_bad);
        }
        for (kind, count) in &other.unknown {
            *self.unknown.entry(kind.clone()).or_default() += count;
        }
    }
}

/// Lines that were read together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// The lines that have activities.
    pub lines: Vec<TranscriptLine>,
    /// How many lines there were in all.
    pub count: u64,
    /// Those that were not read.
    pub skipped: Skipped,
    /// Up to which byte of the file this goes.
    pub offset: u64,
}

impl File {
    /// Starts at the beginning of a transcript.
    pub fn new(vendor: Vendor, path: &Path) -> Self {
        Self { path: path.to_owned(), reader: Reader::new(vendor), offset: 0 }
    }

    /// Goes on where a transcript was read to, when the file still reaches that far.
    ///
    /// # Errors
    /// When the file's size cannot be read.
    pub fn resume(path: &Path, reader: Reader, offset: u64) -> io::Result<Option<Self>> {
        let is_there = fs::metadata(path)?.len() >= offset;
        Ok(is_there.then(|| Self { path: path.to_owned(), reader, offset }))
    }

    /// Returns what the transcript has said of itself so far.
    pub fn about(&self) -> &About {
        self.reader.about()
    }

    /// Returns the state to go on with, beside the offset of the last batch.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Reads the next batch; `None` when nothing new is there. A line that is not complete is left for later.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(&mut self) -> io::Result<Option<Batch>> {
        let mut file = BufReader::new(fs::File::open(&self.path)?);
        file.seek(SeekFrom::Start(self.offset))?;
        let begun = self.offset;
        let mut batch = Batch::default();
        let mut activities = 0;
        while batch.count < MOST_LINES as u64 && activities < MOST_ACTIVITIES && self.offset - begun < MOST_BYTES {
            let mut line = Vec::new();
            let read = io::Read::take(&mut file, MOST_LINE).read_until(b'\n', &mut line)?;
            if line.last() != Some(&b'\n') {
                if read as u64 == MOST_LINE {
                    self.skip_rest(&mut file, read, &mut batch)?;
                    continue;
                }
                break;
            }
            // A batch is as large as the daemon takes; the line waits for the next.
            if batch.count > 0 && self.offset - begun + read as u64 > MOST_BYTES {
                break;
            }
            self.offset += read as u64;
            batch.count += 1;
            activities += self.take(&line, &mut batch);
        }
        batch.offset = self.offset;
        Ok((batch.count > 0).then_some(batch))
    }

    fn take(&mut self, bytes: &[u8], batch: &mut Batch) -> usize {
        let bad = |batch: &mut Batch, what: String| {
            batch.skipped.bad += 1;
            let first = || format!("line {} of a batch: {what}", batch.count);
            if batch.skipped.first_bad.is_none() {
                batch.skipped.first_bad = Some(first());
            }
        };
        let Ok(text) = std::str::from_utf8(bytes) else {
            bad(batch, "no UTF-8".to_owned());
            return 0;
        };
        if text.trim().is_empty() {
            return 0;
        }
        match self.reader.read(text) {
            Line::Activities(activities) => {
                let count = activities.len();
                if count > 0 {
                    let hash = blake3::hash(bytes).to_hex().get(..16).unwrap_or_default().to_owned();
                    batch.lines.push(TranscriptLine { hash, activities });
                }
                count
            }
            Line::Unknown(kind) => {
                *batch.skipped.unknown.entry(kind).or_default() += 1;
                0
            }
            Line::Bad(what) => {
                bad(batch, what);
                0
            }
        }
    }

    fn skip_rest(&mut self, file: &mut impl BufRead, read: usize, batch: &mut Batch) -> io::Result<()> {
        let mut all = read as u64;
        loop {
            let mut rest = Vec::new();
            let more = io::Read::take(&mut *file, MOST_LINE).read_until(b'\n', &mut rest)?;
            all += more as u64;
            if more == 0 || rest.last() == Some(&b'\n') {
                break;
            }
        }
        self.offset += all;
        batch.count += 1;
        batch.skipped.bad += 1;
        if batch.skipped.first_bad.is_none() {
            batch.skipped.first_bad = Some(format!("a line of {all} bytes; at most {MOST_LINE} are read"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const PROMPT: &str = r#"{"type":"user","uuid":"u1","sessionId":"s","cwd":"/w","message":{"content":"fix it"}}"#;

    #[test]
    fn a_line_is_read_when_it_is_complete_and_bad_ones_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        std::fs::write(&path, format!("{PROMPT}\nnonsense\n{{\"type\":\"news\"}}\n{}", &PROMPT[..20])).unwrap();
        let mut file = File::new(Vendor::Claude, &path);
        let batch = file.read().unwrap().unwrap();
        assert_eq!((batch.count, batch.lines.len(), batch.skipped.bad), (3, 1, 1));
        assert!(batch.skipped.first_bad.as_deref().unwrap().starts_with("line 2 of a batch: expected"), "{batch:?}");
        assert_eq!(batch.skipped.unknown, [("news".to_owned(), 1)].into());
        assert_eq!(file.read().unwrap(), None, "the last line is not complete");
        let mut more = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        writeln!(more, "{}", &PROMPT[20..]).unwrap();
        let (reader, offset) = (file.reader().clone(), batch.offset);
        let mut again = File::resume(&path, reader, offset).unwrap().unwrap();
        assert_eq!(again.read().unwrap().unwrap().lines.len(), 1);
        assert_eq!(again.about().title.as_deref(), Some("fix it"));
        assert!(File::resume(&path, again.reader().clone(), 1 << 30).unwrap().is_none(), "the file was cut");
    }
}
