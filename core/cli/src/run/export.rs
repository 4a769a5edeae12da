//! `tieline export`: what the daemon writes goes to a file or to standard output as it comes.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
};

use crate::{
    args::{Export, ExportFormat},
    client::percent,
    context::Context,
    exit::Failed,
};

/// After so many bytes it is told how far it is.
const TOLD_EVERY: u64 = 1 << 20;

/// Runs it.
pub async fn export(context: &Context, args: Export) -> Result<(), Failed> {
    let client = context.client()?;
    let format = match args.format {
        ExportFormat::Jsonl => "jsonl",
        ExportFormat::Markdown => "markdown",
    };
    let mut out: Box<dyn Write> = match &args.output {
        Some(path) => Box::new(create(path)?),
        None => Box::new(io::stdout()),
    };
    let (mut bytes, mut told) = (0, 0);
    for session in &args.sessions {
        let path = format!("/v1/sessions/{}/export?format={format}", percent(&session.to_string()));
        let mut body = client.read(&path).await?;
        while let Some(piece) = body.next().await? {
            out.write_all(&piece)?;
            bytes += piece.len() as u64;
            if bytes - told >= TOLD_EVERY {
                told = bytes;
                context.out.progress(&format!("{} MiB", bytes >> 20));
            }
        }
    }
    out.flush()?;
    if let Some(path) = args.output {
        context.out.note(&format!("{bytes} bytes in {}", path.display()));
    }
    Ok(())
}

/// Makes the file, for its owner alone: it has what was said.
fn create(path: &std::path::Path) -> Result<File, Failed> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    made.map_err(|error| Failed::Input(format!("failed to make {}: {error}", path.display())))
}
