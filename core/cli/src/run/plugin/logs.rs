//! `tieline plugins logs`.

use std::time::Duration;

use tieline_model::{
    Command, Reply,
    command::PluginLogs,
    reply::{self, PluginLogRecord},
};

use crate::{args::Logs, client::Client, context::Context, exit::Failed, render, run::ask::unexpected};

/// How long to wait before the daemon is asked again.
const PAUSE: Duration = Duration::from_millis(500);

/// Runs it.
pub async fn run(context: &Context, args: Logs) -> Result<(), Failed> {
    let client = context.client()?;
    let reply = client.call(&command(&args.name, args.limit, None)).await?;
    let Reply::PluginLogs(page) = &reply else { return Err(unexpected(&reply)) };
    if !args.follow {
        return context.out.reply(&reply);
    }
    print(context, &page.records)?;
    context.out.note("following; Ctrl-C ends it");
    follow(context, &client, &args.name, page.records.last().map_or(0, |record| record.seq)).await
}

async fn follow(context: &Context, client: &Client, name: &str, mut after: u64) -> Result<(), Failed> {
    let mut is_lost = false;
    loop {
        tokio::time::sleep(PAUSE).await;
        match next(client, name, after).await {
            Ok((records, last)) => {
                if std::mem::take(&mut is_lost) {
                    context.out.note("connected again");
                }
                print(context, &records)?;
                after = last;
            }
            Err(Failed::Unreachable { why, .. }) => {
                if !std::mem::replace(&mut is_lost, true) {
                    context.out.note(&format!("connection lost ({why}); trying again"));
                }
            }
            Err(failed) => return Err(failed),
        }
    }
}

/// Returns what came after a number, and the number to go on from. Numbers begin again with the daemon: then the number
/// of before would hide what is new.
async fn next(client: &Client, name: &str, after: u64) -> Result<(Vec<PluginLogRecord>, u64), Failed> {
    let records = page(client, &command(name, None, Some(after))).await?.records;
    if let Some(last) = records.last().map(|record| record.seq) {
        return Ok((records, last));
    }
    let newest = page(client, &command(name, Some(1), None)).await?.records.last().map_or(0, |record| record.seq);
    Ok((records, if newest < after { 0 } else { after }))
}

async fn page(client: &Client, command: &Command) -> Result<reply::PluginLogs, Failed> {
    match client.call(command).await? {
        Reply::PluginLogs(page) => Ok(page),
        other => Err(unexpected(&other)),
    }
}

fn command(name: &str, limit: Option<u32>, after: Option<u64>) -> Command {
    Command::PluginLogs(PluginLogs { name: name.to_owned(), limit, after })
}

fn print(context: &Context, records: &[PluginLogRecord]) -> Result<(), Failed> {
    records.iter().try_for_each(|record| {
        if context.out.json {
            context.out.json(record)
        } else {
            context.out.text(&render::log_record(record, &context.out.style))
        }
    })
}
