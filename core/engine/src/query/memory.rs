//! The memory of a session as it is shown, and whether its story holds together.

use std::collections::BTreeSet;

use tieline_model::{
    Reply, SessionId,
    command::{MemoryDiff, MemoryLog, MemoryShow},
    memory::{self, Memory, MemoryFile},
    reply::{FileDiff, MemoryDiffView, MemoryFileView, MemoryLogView, MemoryView, ProposalView},
};
use tieline_store::{MemoryChange, ProposalRow, StoreError};

use super::{Query, limit};
use crate::decide::Stop;

/// How many events are held against each other, the newest.
const CHECKED: usize = 1000;

/// Shows a proposal.
pub(crate) fn proposal_view(row: ProposalRow) -> ProposalView {
    ProposalView {
        proposal: row.id,
        session: row.session,
        path: row.path,
        state: row.state,
        diff: row.diff,
        reason: row.reason,
        author: row.author,
        seq: row.seq,
        proposed_at_ms: row.proposed_at,
        decided_by: row.decided_by,
        decided_at_ms: row.decided_at,
    }
}

impl Query<'_> {
    pub(super) fn memory_show(&mut self, show: &MemoryShow) -> Result<Reply, Stop> {
        let session = self.find(&show.session, "memory_show.session")?;
        let (seq, memory) = self.reader.memory(session, show.at)?;
        let (checked, mut broken) = self.check_memory(session, show.at)?;
        let hash = memory.hash();
        let mut files = Vec::with_capacity(memory.files.len());
        for (path, held) in memory.files {
            let text = self.reader.memory_text(&held.file.hash)?;
            if MemoryFile::new(&path, &text) != held.file {
                broken.get_or_insert(format!("the text of `{path}` does not match its hash"));
            }
            let MemoryFile { hash, bytes, .. } = held.file;
            files.push(MemoryFileView { path, hash, bytes, since_seq: held.since_seq, origin: held.origin, text });
        }
        let proposals = match show.at {
            None => self.reader.open_proposals(Some(session))?.into_iter().map(proposal_view).collect(),
            Some(_) => Vec::new(),
        };
        let (checked, missing) = (checked.seen, checked.all - checked.seen);
        Ok(Reply::Memory(Box::new(MemoryView { session, seq, hash, files, checked, missing, broken, proposals })))
    }

    pub(super) fn memory_diff(&mut self, asked: &MemoryDiff) -> Result<Reply, Stop> {
        let session = self.find(&asked.session, "memory_diff.session")?;
        let (from, before) = self.reader.memory(session, Some(asked.from))?;
        let (to, after) = self.reader.memory(session, asked.to)?;
        let paths: BTreeSet<&String> = before.files.keys().chain(after.files.keys()).collect();
        let mut files = Vec::new();
        for path in paths {
            let (old, new) = (self.text_in(&before, path)?, self.text_in(&after, path)?);
            if old != new {
                files.push(FileDiff { path: path.clone(), diff: memory::diff(path, &old, &new) });
            }
        }
        Ok(Reply::MemoryDiff(MemoryDiffView { session, from, to, files }))
    }

    pub(super) fn memory_log(&mut self, log: &MemoryLog) -> Result<Reply, Stop> {
        let limit = limit(log.limit, 50, 200, "memory_log.limit")? as usize;
        let session = self.find(&log.session, "memory_log.session")?;
        let most = i64::try_from(limit + 1).unwrap_or(i64::MAX);
        let mut changes = self.reader.memory_changes(session, log.before, most)?;
        let has_more = changes.len() > limit;
        changes.truncate(limit);
        let events = changes.into_iter().filter_map(|change| change.event).collect();
        Ok(Reply::MemoryLog(MemoryLogView { session, events, has_more }))
    }

    fn text_in(&mut self, memory: &Memory, path: &str) -> Result<String, StoreError> {
        match memory.files.get(path) {
            Some(held) => self.reader.memory_text(&held.file.hash),
            None => Ok(String::new()),
        }
    }

    /// Holds the newest events about a memory against each other and against what was in force after each.
    fn check_memory(&mut self, session: SessionId, at: Option<u64>) -> Result<(Checked, Option<String>), StoreError> {
        let most = i64::try_from(CHECKED + 1).unwrap_or(i64::MAX);
        let mut changes = self.reader.memory_changes(session, at.map(|at| at.saturating_add(1)), most)?;
        changes.reverse();
        let mut folded = Memory::default();
        if changes.len() > CHECKED {
            folded = changes.remove(0).memory;
        }
        let mut checked = Checked { seen: 0, all: changes.len() as u64 };
        let mut broken = None;
        for MemoryChange { seq, event, memory } in changes {
            let Some(event) = event else {
                // It was purged; what it has left behind is where the next one goes on from.
                folded = memory;
                continue;
            };
            checked.seen += 1;
            if let Err(error) = folded.fold(seq, &event.body) {
                broken.get_or_insert(error.to_string());
            } else if folded != memory {
                broken.get_or_insert(format!("event {seq}: what is in force is not what the events say"));
            }
            folded = memory;
        }
        Ok((checked, broken))
    }
}

/// How many events were looked at.
struct Checked {
    /// Those that are there.
    seen: u64,
    /// With those that were purged.
    all: u64,
}
