//! The commands that send and do not wait.

use tieline_model::{
    Command, Reply,
    command::{Ack, AskMany, Broadcast, MessageRef, Notify},
};

use super::text::text;
use crate::{args, args::millis, context::Context, exit::Failed, output::Output, render};

/// `tieline ack`.
pub async fn ack(context: &Context, args: args::Ack) -> Result<(), Failed> {
    let text = args.text.map(text).transpose()?;
    let verb = match (args.decline, &text) {
        (true, _) => "declined the ask of",
        (false, Some(_)) => "answered",
        (false, None) => "closed the ask of",
    };
    let command = Command::Ack(Ack { ask: args.ask, text, sender: args.sender, decline: args.decline });
    accepted(&context.out, verb, &context.call(&command).await?)
}

/// `tieline notify`.
pub async fn notify(context: &Context, args: args::Notify) -> Result<(), Failed> {
    let command = Command::Notify(Notify {
        to: args.to,
        text: text(args.text)?,
        sender: args.sender,
        reply_to: args.reply_to,
        expires_in_ms: args.expires.map(millis),
        urgency: args.urgency,
        supersedes: args.supersedes,
    });
    accepted(&context.out, "told", &context.call(&command).await?)
}

/// `tieline broadcast`.
pub async fn broadcast(context: &Context, args: args::Broadcast) -> Result<(), Failed> {
    let command = Command::Broadcast(Broadcast {
        text: text(args.text)?,
        circle: args.circle,
        exclude: args.exclude,
        sender: args.sender,
        expires_in_ms: args.expires.map(millis),
    });
    accepted(&context.out, "told", &context.call(&command).await?)
}

/// `tieline ask-many`.
pub async fn ask_many(context: &Context, args: args::AskMany) -> Result<(), Failed> {
    let command = Command::AskMany(AskMany {
        to: args.to,
        text: text(args.text)?,
        need: args.need,
        sender: args.sender,
        expires_in_ms: args.expires.map(millis),
    });
    context.out.reply(&context.call(&command).await?)
}

/// `tieline cancel`.
pub async fn cancel(context: &Context, args: args::Cancel) -> Result<(), Failed> {
    let reply = context.call(&Command::Cancel(MessageRef { message: args.id })).await?;
    context.out.reply_or(&reply, |_| "withdrawn".into())
}

/// Prints what was accepted, in the words of the command.
pub fn accepted(out: &Output, verb: &str, reply: &Reply) -> Result<(), Failed> {
    match reply {
        Reply::Accepted(accepted) => out.reply_or(reply, |style| render::accepted(verb, accepted, style)),
        other => out.reply(other),
    }
}
