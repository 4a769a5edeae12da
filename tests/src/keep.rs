//! What is kept of a session: exported, taken in, removed.

use std::sync::Arc;

use tieline_engine::export::{Export, Format};
use tieline_model::{
    Address, Command, Failure, Principal, SessionId,
    command::{ExportOrigin, ImportItem, SessionImport, SessionPurge},
    export::{Header, Line},
    reply::{ImportedView, PurgedView, Reply},
};

use crate::{World, address, outcome::Outcomes};

/// The first command of an import from a session that is not here.
pub fn import(title: &str, items: Vec<ImportItem>) -> SessionImport {
    let session = "ses_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f".parse().expect("an id");
    let last_seq = items.last().map_or(0, |item| item.seq);
    let origin = ExportOrigin { log_id: "elsewhere".to_owned(), session, first_seq: 1, last_seq };
    SessionImport { origin, session: None, title: title.to_owned(), circle: None, again: false, items }
}

/// What is to be removed of a session; nothing yet.
pub fn purge(session: &str) -> SessionPurge {
    SessionPurge { session: address(session), through: None, before_ms: None, all: false }
}

impl World {
    /// Writes a session down.
    pub async fn export(&self, by: &Arc<Principal>, session: &str, format: Format) -> Result<String, Failure> {
        let mut export = Export::open(&self.engine().door, by, address(session), format).await?;
        let mut text = String::new();
        while let Some(piece) = export.next().await {
            text += &piece?;
        }
        Ok(text)
    }

    /// Writes a session down, as lines: the header, and what is between it and the end.
    pub async fn export_lines(&self, by: &Arc<Principal>, session: SessionId) -> (Header, Vec<ImportItem>) {
        let text = self.export(by, &session.to_string(), Format::JsonLines).await.expect("an export");
        let mut lines = text.lines().map(|line| serde_json::from_str(line).expect("a line of an export"));
        let Some(Line::Header(header)) = lines.next() else { panic!("no header in {text}") };
        let mut items = Vec::new();
        loop {
            match lines.next() {
                Some(Line::Event(exported)) => items.push(exported.item()),
                Some(Line::End(end)) => {
                    assert_eq!(end.events, items.len() as u64);
                    assert_eq!(lines.next(), None, "nothing comes after the end");
                    return (*header, items);
                }
                other => panic!("an event or the end, found {other:?}"),
            }
        }
    }

    /// Takes an export in, `size` items at a time.
    pub async fn take_in(&self, by: &Arc<Principal>, mut import: SessionImport, size: usize) -> ImportedView {
        let items = std::mem::take(&mut import.items);
        let mut view = self.call(by, Command::SessionImport(import.clone())).await.imported();
        import.session = Some(Address::Session(view.session));
        import.again = false;
        for some in items.chunks(size) {
            import.items = some.to_vec();
            view.through = self.call(by, Command::SessionImport(import.clone())).await.imported().through;
        }
        view
    }

    /// Removes something of a session.
    pub async fn purge(&self, by: &Arc<Principal>, purge: SessionPurge) -> PurgedView {
        match self.call(by, Command::SessionPurge(purge)).await.reply() {
            Reply::Purged(view) => view,
            other => panic!("wanted what was removed, found {other:?}"),
        }
    }
}
