//! `tieline ask`, and waiting for the answer.

use std::time::Duration;

use tieline_model::{
    Command, EventBody, Lane, MessageId, MessageKind, Reply, SessionId,
    ask::AskState,
    command::{Ask, Inbox, MessageRef, Receipt, ReceiptState, SessionRef, Whoami},
    reply::{AskView, InboxItem, Trace},
};

use super::{send, text::text};
use crate::{
    args,
    args::millis,
    client::{Client, EventStream, Item},
    context::Context,
    exit::Failed,
    output::now,
    render,
};

/// Runs it.
pub async fn ask(context: &Context, args: args::Ask) -> Result<(), Failed> {
    let client = context.client()?;
    let command = Command::Ask(Ask {
        to: args.to,
        text: text(args.text)?,
        sender: args.sender.clone(),
        reply_to: args.reply_to,
        expires_in_ms: args.expires.map(millis),
        urgency: args.urgency,
        supersedes: args.supersedes,
        remind_in_ms: args.remind.map(millis),
        escalate: args.escalate,
    });
    let Some(limit) = args.wait else {
        return send::accepted(&context.out, "asked", &client.call(&command).await?);
    };
    // Listening starts before asking, so that no answer is too quick to be noticed.
    let asker = session(&client, args.sender.as_ref()).await?;
    let mut events = client.events(&[asker.to_string()], None).await?;
    let reply = client.call(&command).await?;
    send::accepted(&context.out, "asked", &reply)?;
    let Reply::Accepted(accepted) = &reply else { return Err(unexpected(&reply)) };
    context.out.note(&format!("waiting up to {} for the answer", render::span(millis_i64(limit))));
    match tokio::time::timeout(limit, closed(&client, &mut events, accepted.message)).await {
        Ok(view) => show(context, &client, asker, accepted.message, view?).await,
        Err(_) => Err(Failed::No(format!(
            "no answer within {}. The ask stays open, and its answer will come to the inbox. \
             Look with `tieline inbox` or `tieline trace {}`",
            render::span(millis_i64(limit)),
            accepted.message
        ))),
    }
}

async fn session(client: &Client, named: Option<&tieline_model::Address>) -> Result<SessionId, Failed> {
    let command = match named {
        Some(address) => Command::SessionGet(SessionRef { session: address.clone() }),
        None => Command::Whoami(Whoami {}),
    };
    match client.call(&command).await? {
        Reply::Session(view) => Ok(view.id),
        Reply::Whoami(whoami) => Ok(whoami.principal.home),
        other => Err(unexpected(&other)),
    }
}

/// Waits until the ask is closed.
async fn closed(client: &Client, events: &mut EventStream, ask: MessageId) -> Result<AskView, Failed> {
    loop {
        let is_news = match events.next().await? {
            Item::Connected => true,
            Item::Lost(_) | Item::Gap { .. } => false,
            Item::Event { event, .. } => event
                .is_some_and(|event| matches!(&event.body, EventBody::AskClosed { ask: closed, .. } if *closed == ask)),
        };
        if is_news
            && let Some(view) = trace(client, ask).await?.ask
            && view.state != AskState::Open
        {
            return Ok(view);
        }
    }
}

async fn show(
    context: &Context,
    client: &Client,
    asker: SessionId,
    ask: MessageId,
    view: AskView,
) -> Result<(), Failed> {
    let Some(answer) = view.answer else {
        let ended = trace(client, ask).await?;
        if context.out.json {
            context.out.reply(&Reply::Trace(ended))?;
        }
        return Err(Failed::No(format!("there is no answer: the ask is {}", view.state.as_str())));
    };
    let answer = trace(client, answer).await?;
    if context.out.json {
        context.out.reply(&Reply::Trace(answer.clone()))?;
    } else if let Some(one) = answer.deliveries.first() {
        let (lane, seq, state) = (one.delivery.lane, one.delivery.seq, one.delivery.state);
        let item = InboxItem { lane, seq, state, message: answer.message.clone() };
        context.out.text(&render::item(&item, &context.out.style, now()))?;
    }
    receipt(client, asker, &answer).await
}

/// The answer was shown, so it need not be shown again. Only when nothing unread stands before it: a receipt counts for
/// all before it too. A refusal is fine: then a peer that is attached gives the receipts.
async fn receipt(client: &Client, session: SessionId, answer: &Trace) -> Result<(), Failed> {
    debug_assert_eq!(answer.message.kind, MessageKind::Ack);
    let session = Some(tieline_model::Address::Session(session));
    let unread = Inbox { session: session.clone(), lane: Some(Lane::Msg), after: None, limit: Some(1) };
    let Reply::Inbox(page) = client.call(&Command::Inbox(unread)).await? else { return Ok(()) };
    let Some(first) = page.items.first().filter(|first| first.message.id == answer.message.id) else { return Ok(()) };
    for state in [ReceiptState::Delivered, ReceiptState::Seen] {
        let through = Some(first.seq);
        let receipt = Receipt { session: session.clone(), lane: Lane::Msg, through, seq: None, state, reason: None };
        match client.call(&Command::Receipt(receipt)).await {
            Ok(_) => {}
            Err(Failed::Refused(_)) => return Ok(()),
            Err(failed) => return Err(failed),
        }
    }
    Ok(())
}

async fn trace(client: &Client, message: MessageId) -> Result<Trace, Failed> {
    match client.call(&Command::Trace(MessageRef { message })).await? {
        Reply::Trace(trace) => Ok(trace),
        other => Err(unexpected(&other)),
    }
}

/// The daemon answered with a reply of another command.
pub fn unexpected(reply: &Reply) -> Failed {
    let json = serde_json::to_value(reply).unwrap_or_default();
    let name = json.as_object().and_then(|object| object.keys().next().cloned()).unwrap_or_default();
    Failed::Other(anyhow::anyhow!("the daemon gave a reply of another command: `{name}`"))
}

fn millis_i64(span: Duration) -> i64 {
    i64::try_from(millis(span)).unwrap_or(i64::MAX)
}
