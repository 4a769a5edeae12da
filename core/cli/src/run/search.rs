//! `tieline search` and `tieline recall`.

use tieline_model::{Command, Reply, command};

use super::ask::unexpected;
use crate::{args, context::Context, exit::Failed, render};

/// Runs `search`.
pub async fn search(context: &Context, args: args::Search) -> Result<(), Failed> {
    let mut words = args.words;
    words.extend(args.after.map(|time| format!("after:{time}")));
    words.extend(args.before.map(|time| format!("before:{time}")));
    let search = command::Search {
        query: words.join(" "),
        sessions: args.sessions,
        circle: args.circle,
        kinds: args.kinds,
        author: args.author,
        after_ms: None,
        before_ms: None,
        limit: args.limit,
        next: args.next,
    };
    let page = match context.call(&Command::Search(search)).await? {
        Reply::Found(page) => page,
        other => return Err(unexpected(&other)),
    };
    let next = page.next.clone();
    let reply = Reply::Found(page);
    context.out.reply_or(&reply, |style| render::reply(&reply, style, crate::output::now()))?;
    if let (Some(next), false) = (next, context.out.json) {
        context.out.note(&format!("there may be more: --next {next}"));
    }
    Ok(())
}

/// Runs `recall`.
pub async fn recall(context: &Context, args: args::Recall) -> Result<(), Failed> {
    let recall = command::Recall { query: args.words.join(" "), budget_tokens: args.budget_tokens };
    context.out.reply(&context.call(&Command::Recall(recall)).await?)
}
