//! Taking in exported timelines: as history, once, and marked with where they come from.

use tieline_model::{
    EventBody, Refusal, Reply, SessionId,
    command::{ExportOrigin, Happened, ImportItem, Imported, SessionImport},
    event::{Activity, Source, TimelineImported},
    outcome::Code,
    reply::ImportedView,
    text,
};
use tieline_store::{ImportRow, NewSession, StoreError};

use super::{Decision, Stop, record};
use crate::request::Request;

/// How many items one command may have.
const MAX_ITEMS: usize = 500;
/// The longest name of a database's lineage, in bytes.
const MAX_LOG_ID: usize = 64;
/// What activities are said to be read from when the export names no other program.
const VENDOR: &str = "tieline";

impl Decision<'_, '_> {
    pub(super) fn session_import(&mut self, request: &Request, import: &SessionImport) -> Result<Reply, Stop> {
        check(import)?;
        let found = self.imported(request, import)?;
        let is_new = found.is_none();
        let mut row = match found {
            Some(row) => row,
            None => self.open_import(request, import)?,
        };
        let fresh: Vec<&ImportItem> = import.items.iter().filter(|item| item.seq > row.through).collect();
        if let Some(last) = fresh.last() {
            if !self.is_open(row.session)? {
                let message = "the session that this was taken into is closed; restore it, or take it in `again`";
                return Err(Refusal::new(Code::SessionClosed, message).at("session_import").into());
            }
            row.through = last.seq;
            self.take_in(request, row.session, &import.origin, &fresh)?;
        }
        if is_new || !fresh.is_empty() {
            self.tx.put_import(&import.origin, row)?;
        }
        Ok(Reply::Imported(ImportedView { session: row.session, is_new, through: row.through }))
    }

    /// Finds the caller's session that has the origin.
    fn imported(&mut self, request: &Request, import: &SessionImport) -> Result<Option<ImportRow>, Stop> {
        let caller = &request.principal;
        let rows = self.tx.imports(&import.origin)?;
        if let Some(address) = &import.session {
            let field = "session_import.session";
            let session = self.find(address, caller, field)?;
            let row = rows.into_iter().find(|row| row.session == session);
            let Some(row) = row.filter(|_| !import.again) else {
                let message = format!("`{address}` was not opened for this export");
                return Err(Refusal::new(Code::BadInput, message).at(field).into());
            };
            if !self.is_own(session, caller)? {
                return Err(super::not_yours(address, caller, field).into());
            }
            return Ok(Some(row));
        }
        if import.again {
            return Ok(None);
        }
        for row in rows {
            if self.is_own(row.session, caller)? {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    fn open_import(&mut self, request: &Request, import: &SessionImport) -> Result<ImportRow, Stop> {
        let caller = &request.principal;
        let circle = import.circle.as_deref().unwrap_or_else(|| caller.circle());
        text::check_circle(circle, "session_import.circle")?;
        self.check_reach(request, circle, "session_import.circle")?;
        let new = NewSession {
            id: self.shared.mint.session(),
            title: import.title.clone(),
            circle: circle.to_owned(),
            roles: Vec::new(),
            description: None,
            project: None,
            owner: caller.id,
            parent: None,
            opened_at: self.now,
        };
        self.create(&new)?;
        let origin = TimelineImported { origin: import.origin.clone(), by: caller.id };
        self.event(new.id, EventBody::Imported(Box::new(origin)))?;
        Ok(ImportRow { session: new.id, through: 0 })
    }

    fn take_in(
        &mut self,
        request: &Request,
        session: SessionId,
        origin: &ExportOrigin,
        items: &[&ImportItem],
    ) -> Result<(), StoreError> {
        let usual = Source { vendor: VENDOR.to_owned(), session: origin.session.to_string() };
        let mut together: Vec<Happened> = Vec::new();
        let mut from = usual.clone();
        for item in items {
            match &item.what {
                Imported::Activity { what, happened_at_ms, source } => {
                    let source = source.as_ref().unwrap_or(&usual);
                    if *source != from {
                        self.put_all(session, request.principal.id, Some(&from), &together)?;
                        together.clear();
                        from.clone_from(source);
                    }
                    let at_ms = Some(happened_at_ms.unwrap_or(item.at_ms));
                    together.push(Happened { at_ms, what: what.clone() });
                }
                Imported::Message(message) => {
                    self.put_all(session, request.principal.id, Some(&from), &together)?;
                    together.clear();
                    let mut message = message.clone();
                    if let Some(text) = &mut message.text {
                        self.shared.redaction.clean_in_place(text);
                    }
                    self.event(session, EventBody::MessageImported(message))?;
                }
                Imported::Nothing => {}
            }
        }
        self.put_all(session, request.principal.id, Some(&from), &together)
    }
}

fn check(import: &SessionImport) -> Result<(), Stop> {
    let bad = |message: String, field: &str| Err(Refusal::new(Code::BadInput, message).at(field).into());
    text::check_name(&import.title, "session_import.title")?;
    let ExportOrigin { log_id, first_seq, last_seq, .. } = &import.origin;
    if log_id.is_empty() || log_id.len() > MAX_LOG_ID || !log_id.chars().all(|c| c.is_ascii_alphanumeric()) {
        let message = format!("a name of {} bytes; wanted 1 to {MAX_LOG_ID} letters and digits", log_id.len());
        return bad(message, "session_import.origin.log_id");
    }
    if import.items.len() > MAX_ITEMS {
        let message = format!("{} items; at most {MAX_ITEMS} are taken", import.items.len());
        return bad(message, "session_import.items");
    }
    let mut before = 0;
    for (at, item) in import.items.iter().enumerate() {
        if item.seq <= before || !(*first_seq..=*last_seq).contains(&item.seq) {
            let message =
                format!("number {} after {before}; wanted growing ones from {first_seq} to {last_seq}", item.seq);
            return bad(message, &format!("session_import.items[{at}].seq"));
        }
        before = item.seq;
        check_item(item, &format!("session_import.items[{at}].what"))?;
    }
    Ok(())
}

fn check_item(item: &ImportItem, field: &str) -> Result<(), Stop> {
    match &item.what {
        Imported::Activity { what: Activity::Saying { .. }, .. } => {
            let message = "a piece of something that is being said; an export has only whole things";
            Err(Refusal::new(Code::BadInput, message).at(field).into())
        }
        Imported::Activity { what, happened_at_ms, source } => {
            // Whatever a timeline has for a source was taken there, too; only its size matters.
            if let Some(size) = source.as_ref().map(|source| source.vendor.len() + source.session.len())
                && size > record::MAX_TEXT
            {
                let message = format!("a source of {size} bytes; at most {} are allowed", record::MAX_TEXT);
                return Err(Refusal::new(Code::TooLarge, message).at(format!("{field}.activity.source")).into());
            }
            let happened = Happened { at_ms: *happened_at_ms, what: what.clone() };
            record::check(&[&happened], &format!("{field}.activity"), 1)
        }
        Imported::Message(message) => match &message.text {
            Some(text) if text.len() > record::MAX_TEXT => {
                let message = format!("a text of {} bytes; at most {} are allowed", text.len(), record::MAX_TEXT);
                Err(Refusal::new(Code::TooLarge, message).at(format!("{field}.message.text")).into())
            }
            _ => Ok(()),
        },
        Imported::Nothing => Ok(()),
    }
}
