//! The memory of a session: what its agent found, what somebody wants changed, and what a person says to that.

use std::collections::BTreeSet;

use tieline_model::{
    EventBody, PrincipalKind, ProposalId, Refusal, Reply, SessionId,
    command::{MemoryDecide, MemoryPropose, MemorySnapshot},
    event::{MemoryApplied, MemoryProposed, MemoryRecorded, MemoryRejected},
    memory::{self, ALL_BYTES, FILE_BYTES, MOST_FILES, Memory, MemoryFile},
    outcome::Code,
    reply::{MemoryRecordedView, ProposalState},
    text,
};
use tieline_store::{ProposalRow, StoreError};

use super::{Decision, Stop};
use crate::{query::memory::proposal_view, request::Request};

/// The longest path, in bytes.
const PATH_BYTES: usize = 1024;
/// The longest origin, in bytes.
const ORIGIN_BYTES: usize = 120;
/// The longest reason, in bytes.
const REASON_BYTES: usize = 4096;
/// How many proposals may wait for a decision in one session.
const MOST_OPEN: u64 = 100;

impl Decision<'_, '_> {
    pub(super) fn memory_snapshot(&mut self, request: &Request, snapshot: &MemorySnapshot) -> Result<Reply, Stop> {
        check_label(&snapshot.origin, ORIGIN_BYTES, "memory_snapshot.origin")?;
        let mut paths = BTreeSet::new();
        let (mut files, mut texts) =
            (Vec::with_capacity(snapshot.files.len()), Vec::with_capacity(snapshot.files.len()));
        for (at, file) in snapshot.files.iter().enumerate() {
            check_label(&file.path, PATH_BYTES, &format!("memory_snapshot.files[{at}].path"))?;
            check_file(&file.text, &format!("memory_snapshot.files[{at}].text"))?;
            if !paths.insert(&file.path) {
                let message = format!("the path `{}` is there twice", file.path);
                return Err(Refusal::new(Code::BadInput, message)
                    .at(format!("memory_snapshot.files[{at}].path"))
                    .into());
            }
            let text = self.cleaned(&file.text);
            files.push(MemoryFile::new(&file.path, &text));
            texts.push(text);
        }
        let session = self.acting(request, snapshot.session.as_ref(), "memory_snapshot.session")?;
        let mut memory = self.tx.memory(session)?;
        memory.replace(&files, &snapshot.origin, self.tx.next_event_seq(session)?);
        check_all(&memory, "memory_snapshot.files")?;
        for (file, text) in files.iter().zip(&texts) {
            self.tx.keep_text(&file.hash, text)?;
        }
        let hash = memory.hash();
        let (before, after) = (String::new(), String::new());
        let recorded = MemoryRecorded {
            origin: snapshot.origin.clone(),
            hash: hash.clone(),
            files,
            by: request.principal.id,
            before,
            after,
        };
        let seq = self.memory_event(session, &mut memory, EventBody::MemoryRecorded(Box::new(recorded)))?;
        Ok(Reply::MemoryRecorded(MemoryRecordedView { session, seq, hash }))
    }

    pub(super) fn memory_propose(&mut self, request: &Request, propose: &MemoryPropose) -> Result<Reply, Stop> {
        check_label(&propose.path, PATH_BYTES, "memory_propose.path")?;
        text::check_body(&propose.reason, "memory_propose.reason", REASON_BYTES)?;
        let from = self.acting(request, None, "memory_propose")?;
        let session = match &propose.session {
            Some(address) => self.resolve(address, &request.principal, "memory_propose.session")?,
            None => from,
        };
        let mut memory = self.tx.memory(session)?;
        let base = memory.files.get(&propose.path).map(|held| held.file.hash.clone());
        let old = base.as_ref().map(|hash| self.tx.text(hash)).transpose()?;
        let new = changed(propose, old.as_deref())?.map(|text| self.cleaned(&text));
        if new == old {
            let message = format!("nothing of `{}` would change", propose.path);
            return Err(Refusal::new(Code::BadInput, message).at("memory_propose").into());
        }
        let to = new.as_ref().map(|text| MemoryFile::new(&propose.path, text));
        let mut wanted = memory.clone();
        wanted.set(&propose.path, to.as_ref(), 0);
        check_all(&wanted, "memory_propose")?;
        let open = self.tx.count_proposals(session)?;
        if open >= MOST_OPEN {
            let message = format!("{open} proposals wait for a decision; at most {MOST_OPEN} may");
            return Err(Refusal::new(Code::Quota, message).at("memory_propose").into());
        }
        if let (Some(file), Some(text)) = (&to, &new) {
            self.tx.keep_text(&file.hash, text)?;
        }
        let diff = memory::diff(&propose.path, &old.unwrap_or_default(), &new.unwrap_or_default());
        let row = ProposalRow {
            id: self.shared.mint.proposal(),
            session,
            from,
            author: request.principal.id,
            path: propose.path.clone(),
            base,
            to,
            diff,
            reason: self.cleaned(&propose.reason),
            seq: self.tx.next_event_seq(session)?,
            proposed_at: self.now,
            state: ProposalState::Open,
            decided_by: None,
            decided_at: None,
        };
        let proposed = MemoryProposed {
            proposal: row.id,
            path: row.path.clone(),
            to: row.to.clone(),
            diff: row.diff.clone(),
            reason: row.reason.clone(),
            author: row.author,
            before: String::new(),
            after: String::new(),
        };
        self.memory_event(session, &mut memory, EventBody::MemoryProposed(Box::new(proposed)))?;
        self.tx.insert_proposal(&row)?;
        Ok(Reply::MemoryProposal(Box::new(proposal_view(row))))
    }

    pub(super) fn memory_decide(&mut self, request: &Request, decide: &MemoryDecide) -> Result<Reply, Stop> {
        let caller = &request.principal;
        if caller.kind != PrincipalKind::Human {
            let message = format!("`{}` is no person; only people decide what an agent works by", caller.name);
            return Err(Refusal::new(Code::Forbidden, message).at("memory_decide").into());
        }
        if let Some(reason) = &decide.reason {
            text::check_body(reason, "memory_decide.reason", REASON_BYTES)?;
        }
        let field = "memory_decide.proposal";
        let Some(mut row) = self.tx.proposal(decide.proposal)? else {
            return Err(unknown_proposal(decide.proposal, field).into());
        };
        if !self.reaches_session(row.session, caller)? {
            return Err(unknown_proposal(decide.proposal, field).into());
        }
        if row.state != ProposalState::Open {
            let message = format!("the proposal `{}` is {} already", row.id, row.state.as_str());
            return Err(Refusal::new(Code::TooLate, message).at(field).into());
        }
        let mut memory = self.tx.memory(row.session)?;
        let (by, note) = (caller.id, decide.reason.as_deref().map(|reason| self.cleaned(reason)));
        let (before, after) = (String::new(), String::new());
        let body = if decide.allow {
            let found = memory.files.get(&row.path).map(|held| held.file.hash.clone());
            if found != row.base {
                let message = format!(
                    "`{}` has changed since the proposal of event {}: it should be made anew, or refused",
                    row.path, row.seq
                );
                return Err(Refusal::new(Code::TooLate, message).at(field).into());
            }
            memory.set(&row.path, row.to.as_ref(), self.tx.next_event_seq(row.session)?);
            check_all(&memory, field)?;
            EventBody::MemoryApplied(Box::new(MemoryApplied {
                proposal: row.id,
                path: row.path.clone(),
                to: row.to.clone(),
                hash: memory.hash(),
                diff: row.diff.clone(),
                reason: row.reason.clone(),
                author: row.author,
                by,
                note,
                before,
                after,
            }))
        } else {
            let (proposal, path, author) = (row.id, row.path.clone(), row.author);
            EventBody::MemoryRejected(Box::new(MemoryRejected { proposal, path, author, by, note, before, after }))
        };
        let seq = self.memory_event(row.session, &mut memory, body)?;
        row.state = if decide.allow { ProposalState::Applied } else { ProposalState::Rejected };
        (row.decided_by, row.decided_at) = (Some(by), Some(self.now));
        self.tx.decide_proposal(&row)?;
        self.tell_of_decision(&row, seq, decide.reason.as_deref())?;
        Ok(Reply::MemoryProposal(Box::new(proposal_view(row))))
    }

    /// Tells whoever runs the session, and whoever proposed it.
    fn tell_of_decision(&mut self, row: &ProposalRow, seq: u64, note: Option<&str>) -> Result<(), StoreError> {
        let (id, path) = (row.id, text::printable(&row.path));
        let note = note.map(|note| format!(" It was said: {note}")).unwrap_or_default();
        if row.state == ProposalState::Applied {
            let what = format!(
                "The change {id} of `{path}` is in force from event {seq} on.{note} Write it to the file and work by it; \
                 memory_show has the text."
            );
            self.tell_session(row.session, row.session, what, None)?;
        }
        if row.state == ProposalState::Rejected || row.from != row.session {
            let what = format!("Your proposal {id} for `{path}` was {}.{note}", row.state.as_str());
            self.tell_session(row.from, row.session, what, None)?;
        }
        Ok(())
    }

    /// Links an event to the one before, appends it, and writes what is in force from it on.
    fn memory_event(
        &mut self,
        session: SessionId,
        memory: &mut Memory,
        mut body: EventBody,
    ) -> Result<u64, StoreError> {
        memory.link = memory::seal(&mut body, &memory.link);
        let event = self.tx.append_event(session, self.now, body)?;
        self.cursor = event.cursor;
        self.tx.set_memory(session, event.seq, memory)?;
        Ok(event.seq)
    }
}

/// Returns the text that is proposed; `None` when the file is to go.
fn changed(propose: &MemoryPropose, old: Option<&str>) -> Result<Option<String>, Stop> {
    let given = [propose.text.is_some(), propose.diff.is_some(), propose.remove];
    let count = given.iter().filter(|is_given| **is_given).count();
    if count != 1 {
        let message = format!("{count} of `text`, `diff` and `remove`; wanted one of them");
        return Err(Refusal::new(Code::BadInput, message).at("memory_propose").into());
    }
    let (new, field) = match (&propose.text, &propose.diff) {
        (Some(text), _) => (text.clone(), "memory_propose.text"),
        (_, Some(diff)) => {
            let field = "memory_propose.diff";
            let patched = memory::patch(old.unwrap_or_default(), diff);
            let refusal = |error: memory::PatchError| Refusal::new(Code::BadInput, error.to_string()).at(field);
            (patched.map_err(refusal)?, field)
        }
        (None, None) if old.is_none() => {
            let message = format!("no file `{}` is in force", propose.path);
            return Err(Refusal::new(Code::BadInput, message).at("memory_propose.path").into());
        }
        (None, None) => return Ok(None),
    };
    check_file(&new, field)?;
    Ok(Some(new))
}

/// The refusal for a proposal that does not exist or that the caller may not know of: the two look the same.
fn unknown_proposal(id: ProposalId, field: &str) -> Refusal {
    Refusal::new(Code::UnknownProposal, format!("no proposal `{id}` in reach")).at(field)
}

fn check_label(label: &str, most: usize, field: &str) -> Result<(), Stop> {
    text::check_body(label, field, most)?;
    if label.chars().any(text::is_unprintable) {
        let message = format!("`{}` contains a control or direction character", text::printable(label));
        return Err(Refusal::new(Code::BadInput, message).at(field).into());
    }
    Ok(())
}

fn check_file(text: &str, field: &str) -> Result<(), Stop> {
    if text.len() <= FILE_BYTES {
        return Ok(());
    }
    let message = format!("a file of {} bytes; at most {FILE_BYTES} are allowed", text.len());
    Err(Refusal::new(Code::TooLarge, message).at(field).into())
}

/// Memory is read at each start of an agent: it stays small, or it is a diary.
fn check_all(memory: &Memory, field: &str) -> Result<(), Stop> {
    let (count, bytes) = (memory.files.len(), memory.bytes());
    if count > MOST_FILES {
        let message = format!("{count} files; at most {MOST_FILES} are allowed");
        return Err(Refusal::new(Code::TooLarge, message).at(field).into());
    }
    if bytes > ALL_BYTES {
        let message = format!("{bytes} bytes in {count} files; at most {ALL_BYTES} are allowed together");
        return Err(Refusal::new(Code::TooLarge, message).at(field).into());
    }
    Ok(())
}
