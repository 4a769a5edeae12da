//! `tieline import jsonl`: an export becomes a session. The whole file is checked before anything is taken in, and what was
//! taken in before an interruption is not taken in twice.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use tieline_model::{
    Address, Command, Reply,
    command::{ImportItem, SessionImport},
    export::{FORMAT, Header, Line},
    reply::ImportedView,
};

use super::ask::unexpected;
use crate::{args::ImportLines, client::Client, context::Context, exit::Failed};

/// So many items go into one command, unless they are large.
const ITEMS: usize = 200;
/// So many bytes of lines go into one command, or a single line that is longer: a daemon takes 1 MiB as installed.
const BYTES: usize = 512 << 10;

/// Runs it.
pub async fn import(context: &Context, args: ImportLines) -> Result<(), Failed> {
    let header = check(&args.file)?;
    let client = context.client()?;
    let mut command = SessionImport {
        origin: header.origin,
        session: None,
        title: args.title.unwrap_or(header.session.title),
        circle: args.circle,
        again: args.again,
        items: Vec::new(),
    };
    // The first command opens the session, or finds it: from then on it is known by its id.
    let opened = call(&client, &command).await?;
    (command.session, command.again) = (Some(Address::Session(opened.session)), false);
    let mut lines = Lines::open(&args.file)?;
    let mut last = opened.clone();
    let mut bytes = 0;
    while let Some(line) = lines.next()? {
        let Line::Event(exported) = line else { continue };
        if exported.event.seq <= opened.through {
            continue;
        }
        if !command.items.is_empty() && (command.items.len() >= ITEMS || bytes + lines.bytes > BYTES) {
            last = send(&client, &mut command).await?;
            bytes = 0;
            context.out.progress(&format!("{} of {} events", last.through, command.origin.last_seq));
        }
        command.items.push(exported.item());
        bytes += lines.bytes;
    }
    if !command.items.is_empty() {
        last = send(&client, &mut command).await?;
    }
    context.out.reply(&Reply::Imported(ImportedView { is_new: opened.is_new, ..last }))
}

async fn send(client: &Client, command: &mut SessionImport) -> Result<ImportedView, Failed> {
    let sent = call(client, command).await;
    command.items = Vec::<ImportItem>::with_capacity(ITEMS);
    sent
}

async fn call(client: &Client, command: &SessionImport) -> Result<ImportedView, Failed> {
    match client.call(&Command::SessionImport(command.clone())).await? {
        Reply::Imported(view) => Ok(view),
        other => Err(unexpected(&other)),
    }
}

/// Reads the whole file once: it begins with a header, its events are in order, and it is complete.
fn check(path: &Path) -> Result<Header, Failed> {
    let mut lines = Lines::open(path)?;
    let Some(Line::Header(header)) = lines.next()? else {
        return Err(lines.wrong("no header; wanted an export of `tieline export --format jsonl`"));
    };
    if header.format > FORMAT {
        let message = format!("format {}; this program knows formats up to {FORMAT}", header.format);
        return Err(lines.wrong(&message));
    }
    let (mut events, mut before, mut is_complete) = (0, 0, false);
    while let Some(line) = lines.next()? {
        match line {
            _ if is_complete => return Err(lines.wrong("something after the end; an import takes one session")),
            Line::Header(_) => return Err(lines.wrong("a second header; an import takes one session")),
            Line::Event(exported) => {
                let seq = exported.event.seq;
                if seq <= before || !(header.origin.first_seq..=header.origin.last_seq).contains(&seq) {
                    let message =
                        format!("event {seq} after {before}; wanted growing numbers within the header's range");
                    return Err(lines.wrong(&message));
                }
                (before, events) = (seq, events + 1);
            }
            Line::End(end) if end.events != events => {
                let message = format!("{events} events; the end says {}", end.events);
                return Err(lines.wrong(&message));
            }
            Line::End(_) => is_complete = true,
        }
    }
    if !is_complete {
        return Err(lines.wrong("the end is missing; the export was interrupted"));
    }
    Ok(*header)
}

struct Lines<'a> {
    path: &'a Path,
    input: BufReader<File>,
    number: u64,
    /// The size of the line that was read last.
    bytes: usize,
}

impl<'a> Lines<'a> {
    fn open(path: &'a Path) -> Result<Self, Failed> {
        let file =
            File::open(path).map_err(|error| Failed::Input(format!("failed to read {}: {error}", path.display())))?;
        Ok(Self { path, input: BufReader::new(file), number: 0, bytes: 0 })
    }

    fn next(&mut self) -> Result<Option<Line>, Failed> {
        let mut text = String::new();
        self.number += 1;
        self.bytes = self.input.read_line(&mut text).map_err(|error| self.wrong(&error.to_string()))?;
        if self.bytes == 0 {
            return Ok(None);
        }
        serde_json::from_str(&text).map(Some).map_err(|error| self.wrong(&error.to_string()))
    }

    fn wrong(&self, what: &str) -> Failed {
        Failed::Input(format!("{}, line {}: {what}; nothing was taken in", self.path.display(), self.number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.jsonl");
        std::fs::write(&path, text).unwrap();
        check(&path).expect_err("it is not complete").to_string()
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        assert!(checked("").contains("line 1: no header"));
        assert!(checked("{\"end\":{\"events\":0}}\n").contains("line 1: no header"));
        assert!(checked("{\"header\":3}\n").contains("line 1: "));
    }
}
