//! `tieline demo`: scripted peers hold a short conversation in the running mesh, over real WebSockets.

mod cast;
mod peer;
mod script;
mod stage;
mod wire;

use std::time::{Duration, Instant};

use crate::{context::Context, exit::Failed, render};

use cast::Cast;
use stage::Stage;

/// The demo is over by then, or something is wrong.
const LIMIT: Duration = Duration::from_secs(9);

/// Runs it and takes back what it made, however it ends.
pub async fn run(context: &Context) -> Result<(), Failed> {
    let client = context.client()?;
    let started = Instant::now();
    let mut cast = Cast::default();
    let stage = Stage::new(&context.out, &client);
    let played = tokio::select! {
        played = tokio::time::timeout(LIMIT, script::play(&mut cast, &stage)) => played.unwrap_or_else(|_| {
            Err(Failed::No(format!("the demo was not over after {} s", LIMIT.as_secs())))
        }),
        _ = tokio::signal::ctrl_c() => Err(Failed::No("interrupted".into())),
    };
    let left = cast.leave(&client).await;
    played?;
    let (sessions, tokens) = left?;
    let ms = i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX);
    stage.end(ms, &format!("{sessions} sessions closed and {tokens} tokens revoked again"))?;
    context
        .out
        .note(&format!("all of it in {}; try it yourself: tieline ask agent \"Are you there?\"", render::span(ms)));
    Ok(())
}
