//! A message through the whole mesh and back: sent, read, acknowledged, traced.

use std::time::Instant;

use tieline_model::{
    Address, Command, DeliveryState, MessageId, Reply, SessionId,
    command::{Inbox, MessageRef, Notify, Receipt, ReceiptState, SessionOpen, SessionRef},
    reply::InboxItem,
};

use super::report::{Finding, Report};
use crate::{
    client::{Client, random_hex},
    exit::Failed,
    render,
};

/// Runs it, in a session that it opens and closes.
pub async fn run(client: &Client, report: &mut Report<'_>) -> Result<(), Failed> {
    let started = Instant::now();
    let title = format!("doctor-{}", &random_hex()?[..8]);
    let open = SessionOpen { title: title.clone(), ..SessionOpen::default() };
    let session = match client.call(&Command::SessionOpen(open)).await {
        Ok(Reply::Session(view)) => view.id,
        other => return report.add("open a session", wrong(other)).map(drop),
    };
    report.add("open a session", Finding::ok(format!("`{title}`")))?;
    let done = there_and_back(client, session, report).await;
    let closed = client.call(&Command::SessionClose(SessionRef { session: Address::Session(session) })).await;
    if done? {
        let ms = i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX);
        report.add("round trip", Finding::ok(format!("there and back in {}", render::span(ms))))?;
    }
    match closed {
        Ok(_) => Ok(()),
        other => report.add("close it again", wrong(other)).map(drop),
    }
}

/// Returns whether all of it worked.
async fn there_and_back(client: &Client, session: SessionId, report: &mut Report<'_>) -> Result<bool, Failed> {
    let text = format!("a check by tieline doctor, {}", random_hex()?);
    let message = match client.call(&notify(session, &text)).await {
        Ok(Reply::Accepted(accepted)) => accepted.message,
        other => return report.add("send", wrong(other)),
    };
    report.add("send", Finding::ok(format!("accepted, and on the daemon's disk: {message}")))?;

    let inbox = Inbox { session: Some(Address::Session(session)), ..Inbox::default() };
    let item = match client.call(&Command::Inbox(inbox)).await {
        Ok(Reply::Inbox(page)) => page.items.into_iter().find(|item| item.message.id == message),
        other => return report.add("read", wrong(other)),
    };
    let Some(item) = item.filter(|item| item.message.text.as_deref() == Some(&text)) else {
        return report
            .add("read", Finding::fail("the inbox does not hold what was sent", "look into the daemon's log"));
    };
    report.add("read", Finding::ok("it is in the inbox, word for word"))?;

    for state in [ReceiptState::Delivered, ReceiptState::Seen] {
        match client.call(&receipt(session, &item, state)).await {
            Ok(Reply::Done(_)) => {}
            other => return report.add("acknowledge", wrong(other)),
        }
    }
    report.add("acknowledge", Finding::ok("the receipts were taken"))?;
    report.add("trace", trace(client, message).await)
}

fn notify(session: SessionId, text: &str) -> Command {
    Command::Notify(Notify {
        sender: Some(Address::Session(session)),
        expires_in_ms: Some(60_000),
        ..Notify::new(Address::Session(session), text)
    })
}

fn receipt(session: SessionId, item: &InboxItem, state: ReceiptState) -> Command {
    Command::Receipt(Receipt {
        session: Some(Address::Session(session)),
        lane: item.lane,
        through: Some(item.seq),
        seq: None,
        state,
        reason: None,
    })
}

async fn trace(client: &Client, message: MessageId) -> Finding {
    let trace = match client.call(&Command::Trace(MessageRef { message })).await {
        Ok(Reply::Trace(trace)) => trace,
        other => return wrong(other),
    };
    let Some(one) = trace.deliveries.first() else {
        return Finding::fail("the trace knows of no delivery", "look into the daemon's log");
    };
    match one.evidence.iter().find(|evidence| evidence.state == DeliveryState::Delivered) {
        Some(evidence) => Finding::ok(format!("{}: {}", one.delivery.state.as_str(), evidence.what)),
        None => Finding::fail(
            format!("it is {}, without evidence that it was delivered", one.delivery.state.as_str()),
            "look into the daemon's log",
        ),
    }
}

fn wrong(reply: Result<Reply, Failed>) -> Finding {
    match reply {
        Ok(_) => Finding::fail("the daemon gave a reply of another command", "restart the daemon"),
        Err(Failed::Refused(refusal)) if refusal.code.http_status() == 403 => {
            Finding::fail(refusal.message, "this token may not do it; name another one with --token-file")
        }
        Err(failed) => Finding::fail(failed.to_string(), "look into the daemon's log"),
    }
}
