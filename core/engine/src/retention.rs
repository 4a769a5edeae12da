//! Removes what is older than the configuration wants it kept, a little at a time; never what is needed.

use std::collections::HashSet;

use tieline_config::Retention;
use tieline_model::{Failure, MessageId, SessionId, TimestampMs};
use tieline_store::{Key, Purge, Reader};

use crate::{
    door::Door,
    purge::{self, Stage, read, stage},
};

/// How long after its start the daemon first looks.
const FIRST_MS: u64 = 60_000;
/// How often it looks from then on.
const AGAIN_MS: u64 = 6 * 60 * 60 * 1_000;
/// How many rows are changed in one transaction.
const ROWS: usize = 500;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
const BEYOND_ALL: TimestampMs = TimestampMs(i64::MAX);

/// Removes until the daemon drains; first what an earlier run left half removed.
pub async fn keep(door: Door) {
    let shared = door.shared();
    told(purge::resume(&door).await);
    let mut at = shared.clock.now().plus_ms(FIRST_MS);
    loop {
        tokio::select! {
            () = shared.clock.sleep_until(at) => {}
            () = shared.drained() => return,
        }
        // From when it begins: a look may take long.
        at = shared.clock.now().plus_ms(AGAIN_MS);
        told(look(&door).await);
    }
}

/// What fails is tried again at the next look.
fn told(looked: Result<(), Failure>) {
    if let Err(failure) = looked {
        tracing::warn!(why = failure.into_message(), "what is to be removed could not be removed for now");
    }
}

async fn look(door: &Door) -> Result<(), Failure> {
    purge::resume(door).await?;
    sweep(door, door.shared().config.retention).await
}

async fn sweep(door: &Door, retention: Retention) -> Result<(), Failure> {
    let _turn = door.shared().purging.lock().await;
    let now = door.shared().clock.now();
    let before = |days: u64| {
        let ms = i64::try_from(days.saturating_mul(DAY_MS)).unwrap_or(i64::MAX);
        (days > 0).then(|| TimestampMs(now.0.saturating_sub(ms)))
    };
    let mut sessions = Vec::new();
    if let Some(before) = before(retention.archived_days) {
        sessions.extend(begin_closed(door, before).await?);
    }
    if let Some(before) = before(retention.events_days) {
        sessions.extend(begin_old(door, before, &sessions).await?);
    }
    let mut gone = HashSet::new();
    let has_words = match before(retention.messages_days) {
        Some(before) => remove_words(door, before, &mut gone).await?,
        None => false,
    };
    if !sessions.is_empty() || has_words {
        purge::finish(door, &sessions, Some(gone)).await?;
    }
    if has_words {
        stage(door, Stage::Forgetting(false)).await?;
    }
    if let Some(before) = before(retention.outcomes_days) {
        remove_outcomes(door, before).await?;
    }
    Ok(())
}

/// Begins to remove sessions that were closed before an instant, and of which nothing is needed.
async fn begin_closed(door: &Door, before: TimestampMs) -> Result<Vec<SessionId>, Failure> {
    let mut begun = Vec::new();
    for session in read(door, move |reader| reader.closed_before(before)).await? {
        let found = read(door, move |reader| {
            let scope = reader.scope(session)?;
            let needed = reader.needed(session, (scope.newest, BEYOND_ALL), true)?;
            Ok((scope, needed.or(reader.needed_job(session)?)))
        });
        let (scope, None) = found.await? else { continue };
        let goal =
            Purge { is_whole: true, has_words: true, newest_message: scope.newest_message, ..too_old(scope.newest) };
        stage(door, Stage::Begin(session, goal)).await?;
        begun.push(session);
    }
    Ok(begun)
}

/// Begins to remove events from before an instant.
async fn begin_old(door: &Door, before: TimestampMs, begun: &[SessionId]) -> Result<Vec<SessionId>, Failure> {
    let mut old = read(door, move |reader| reader.with_old_events(before)).await?;
    old.retain(|(session, _)| !begun.contains(session));
    for (session, through) in &old {
        stage(door, Stage::Begin(*session, too_old(*through))).await?;
    }
    Ok(old.into_iter().map(|(session, _)| session).collect())
}

fn too_old(through: u64) -> Purge {
    Purge {
        by: None,
        is_whole: false,
        has_words: false,
        through,
        until: BEYOND_ALL,
        newest_message: 0,
        newest_outcome: 0,
        events: 0,
        messages: 0,
        cursor: 0,
        message: 0,
        outcome: 0,
    }
}

/// Takes the words out of messages from before an instant. True when search has to forget some.
async fn remove_words(door: &Door, before: TimestampMs, gone: &mut HashSet<MessageId>) -> Result<bool, Failure> {
    let (mut after, mut has_some) = (0, false);
    loop {
        let (messages, next) = read(door, move |reader| reader.with_old_words(before, after)).await?;
        for some in messages.chunks(ROWS) {
            if !std::mem::replace(&mut has_some, true) {
                stage(door, Stage::Forgetting(true)).await?;
            }
            gone.extend(stage(door, Stage::Words(some.to_vec())).await?.words());
        }
        match next {
            Some(next) => after = next,
            None => return Ok(has_some),
        }
    }
}

async fn remove_outcomes(door: &Door, before: TimestampMs) -> Result<(), Failure> {
    let mut after: Key = (0, String::new());
    loop {
        let from = after.clone();
        let (old, next) = read(door, move |reader: &mut Reader| reader.old_outcomes(before, &from)).await?;
        for some in old.chunks(ROWS) {
            stage(door, Stage::Outcomes(some.to_vec())).await?;
        }
        match next {
            Some(next) => after = next,
            None => return Ok(()),
        }
    }
}
