//! `tieline record`: what an agent did, put on a timeline.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use tieline_model::{
    Command, Reply,
    command::{Happened, Record},
    event::Activity,
};

use super::ask::unexpected;
use crate::{args, client::Client, context::Context, exit::Failed};

/// How many activities one command takes.
const MOST: usize = 500;
/// How many bytes are sent together at the most, as far as lines allow it: the daemon takes a command of 1 MiB.
const MOST_BYTES: usize = 512 * 1024;

/// Runs it.
pub async fn record(context: &Context, args: args::Record) -> Result<(), Failed> {
    let client = context.client()?;
    let command = |activities| Record { session: args.session.clone(), source: None, activities };
    if let Some(text) = args.note {
        let noted = Happened { at_ms: None, what: Activity::Noted { text } };
        return context.out.reply(&client.call(&Command::Record(command(vec![noted]))).await?);
    }
    let Some(path) = &args.file else { return Err(Failed::Input("a file or --note is wanted".into())) };
    let mut batch = Batch::default();
    for (number, line) in (1..).zip(lines(path)?) {
        let line = line.map_err(|error| Failed::Input(format!("{}, line {number}: {error}", path.display())))?;
        if line.trim().is_empty() {
            continue;
        }
        let happened =
            read(&line).map_err(|what| Failed::Input(format!("{}, line {number}: {what}", path.display())))?;
        if batch.is_full_with(line.len()) {
            batch.send(&client, &command).await?;
        }
        batch.bytes += line.len();
        batch.waiting.push(happened);
    }
    if !batch.waiting.is_empty() {
        batch.send(&client, &command).await?;
    }
    match batch.last {
        Some(reply) if context.out.json => context.out.reply(&reply),
        Some(_) => context.out.text(&format!("recorded {} activities", batch.sent)),
        None => Err(Failed::Input(format!("{} has no activities", path.display()))),
    }
}

#[derive(Default)]
struct Batch {
    waiting: Vec<Happened>,
    bytes: usize,
    sent: usize,
    last: Option<Reply>,
}

impl Batch {
    fn is_full_with(&self, bytes: usize) -> bool {
        self.waiting.len() == MOST || (self.bytes + bytes > MOST_BYTES && !self.waiting.is_empty())
    }

    async fn send(&mut self, client: &Client, command: &impl Fn(Vec<Happened>) -> Record) -> Result<(), Failed> {
        let activities = std::mem::take(&mut self.waiting);
        self.bytes = 0;
        let count = activities.len();
        match client.call(&Command::Record(command(activities))).await? {
            reply @ Reply::Recorded(_) => self.last = Some(reply),
            other => return Err(unexpected(&other)),
        }
        self.sent += count;
        Ok(())
    }
}

fn lines(path: &Path) -> Result<Box<dyn Iterator<Item = std::io::Result<String>>>, Failed> {
    if path == Path::new("-") {
        return Ok(Box::new(std::io::stdin().lines()));
    }
    let file = File::open(path).map_err(|error| Failed::Input(format!("{}: {error}", path.display())))?;
    Ok(Box::new(BufReader::new(file).lines()))
}

/// Reads a line: an activity, or one with its time.
fn read(line: &str) -> Result<Happened, String> {
    let value: serde_json::Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let has_time = value.get("what").is_some();
    if has_time {
        return serde_json::from_value(value).map_err(|error| error.to_string());
    }
    let what = serde_json::from_value(value).map_err(|error| error.to_string())?;
    Ok(Happened { at_ms: None, what })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_activity_with_or_without_its_time() {
        let bare = read(r#"{"noted":{"text":"x"}}"#).unwrap();
        assert_eq!(bare, Happened { at_ms: None, what: Activity::Noted { text: "x".into() } });
        let timed = read(r#"{"at_ms":7,"what":{"noted":{"text":"x"}}}"#).unwrap();
        assert_eq!(timed.at_ms, Some(tieline_model::TimestampMs(7)));
        assert!(read(r#"{"notd":{"text":"x"}}"#).unwrap_err().contains("unknown variant `notd`"));
        assert!(read("nothing").is_err());
    }
}
