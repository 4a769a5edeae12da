//! Removing what a session said and did: decided, removed step by step, scrubbed out of the files, forgotten by search, and
//! only then written down and answered. What fails or dies on the way is finished later.

mod job;
mod plan;

use std::collections::HashSet;

use tieline_model::{Failure, MessageId, Outcome, Reply, SessionId, command::SessionPurge, reply::PurgedView};
use tieline_search::{Forget, IndexError};
use tieline_store::{PurgeStep, Reader, Refused, StoreError};

pub(crate) use job::{PurgeJob, Stage, Staged};

use crate::{door::Door, job::Work, request::Request};

/// How long to wait before a full writer is tried again, in milliseconds.
const TRY_AGAIN_MS: u64 = 50;

/// Messages whose words are gone. `None` when an earlier run knew some of them, and search has to begin anew.
pub(crate) type Gone = Option<HashSet<MessageId>>;

/// Carries out `session_purge`.
pub(crate) async fn carry_out(door: Door, request: Request) {
    let outcome: Outcome = purge(&door, &request).await.map(Reply::Purged);
    door.shared().metrics.command(request.command.name(), &outcome);
    request.reply.answer(outcome, None, None);
}

async fn purge(door: &Door, request: &Request) -> Result<PurgedView, Failure> {
    // One at a time: each writes the files anew.
    let _turn = door.shared().purging.lock().await;
    let (caller, command) = (request.principal.clone(), request.command.clone());
    let (session, wanted) = blocking(door, move |door| plan::allowed(door.shared(), &caller, &command)).await?;
    let earlier = match read(door, Reader::purges).await?.contains(&session) {
        true => finish(door, &[session], None).await?.pop(),
        false => None,
    };
    let (caller, goal) = (request.principal.clone(), wanted.clone());
    let planned = blocking(door, move |door| plan::plan(door.shared(), &caller, session, &goal)).await;
    match (planned, earlier) {
        (Err(_), Some(earlier)) if is_done_by(&wanted, &earlier) => Ok(earlier),
        (Err(failure), _) => Err(failure),
        (Ok(goal), _) => {
            stage(door, Stage::Begin(session, goal)).await?;
            fail::fail_point!("purge.begun");
            let done = finish(door, &[session], Some(HashSet::new())).await?.pop();
            Ok(done.unwrap_or(PurgedView { session, through: 0, events: 0, messages: 0 }))
        }
    }
}

/// Tells whether the same was asked for before, and only now came to its end.
fn is_done_by(wanted: &SessionPurge, earlier: &PurgedView) -> bool {
    wanted.through.is_some_and(|through| through <= earlier.through)
}

/// Finishes what was begun and failed, or was interrupted by the end of the daemon. What goes wrong is in the log; it is tried
/// again later.
pub(crate) async fn resume(door: &Door) -> Result<(), Failure> {
    let _turn = door.shared().purging.lock().await;
    let begun = read(door, Reader::purges).await?;
    if !begun.is_empty() {
        tracing::info!(sessions = begun.len(), "removals that were interrupted are finished");
        finish(door, &begun, None).await?;
    }
    if read(door, Reader::is_forgetting).await? {
        forget(door, &[], None).await?;
        stage(door, Stage::Forgetting(false)).await?;
    }
    Ok(())
}

/// Goes through the steps of removals that were begun.
pub(crate) async fn finish(door: &Door, sessions: &[SessionId], mut gone: Gone) -> Result<Vec<PurgedView>, Failure> {
    let mut scrubs = false;
    for session in sessions {
        loop {
            let PurgeStep { is_done, scrubs: wants_scrub, messages } = stage(door, Stage::Step(*session)).await?.step();
            fail::fail_point!("purge.stepped");
            scrubs |= wants_scrub;
            if let Some(gone) = &mut gone {
                gone.extend(messages);
            }
            if is_done {
                break;
            }
        }
    }
    if scrubs {
        stage(door, Stage::Scrub).await?;
        fail::fail_point!("purge.scrubbed");
    }
    forget(door, sessions, gone).await?;
    fail::fail_point!("purge.forgotten");
    let mut views = Vec::with_capacity(sessions.len());
    for session in sessions {
        views.push(stage(door, Stage::End(*session)).await?.view(*session));
    }
    Ok(views)
}

/// Takes the words out of the search index: those of sessions, and those of messages on other timelines.
pub(crate) async fn forget(door: &Door, sessions: &[SessionId], gone: Gone) -> Result<(), Failure> {
    let Some(mut gone) = gone else {
        return on_search(door, |door| door.shared().search.rebuild("a removal was interrupted")).await;
    };
    let gaps = read(door, |reader| reader.gaps(-1)).await?;
    let through = |session: &SessionId| gaps.iter().find(|gap| gap.session == *session).map(|gap| gap.through_cursor);
    let sessions = sessions.iter().filter_map(|session| Some((*session, through(session)?))).collect();
    let (mut others, mut after) = (Vec::new(), 0);
    while !gone.is_empty() {
        // The set goes there and back: it may be large, and reading blocks.
        let (looked_for, found, next) = read(door, move |reader| {
            let (found, next) = reader.naming(&gone, after)?;
            Ok((gone, found, next))
        })
        .await?;
        others.extend(found);
        match next {
            Some(next) => (after, gone) = (next, looked_for),
            None => break,
        }
    }
    on_search(door, move |door| {
        let search = &door.shared().search;
        search.forget(&Forget::Many { sessions, others }).map(drop).or_else(|error| {
            tracing::warn!(%error, "the search index could not forget");
            search.rebuild("it could not forget")
        })
    })
    .await
}

/// Works on the search index, where it may block.
async fn on_search(
    door: &Door,
    work: impl FnOnce(&Door) -> Result<(), IndexError> + Send + 'static,
) -> Result<(), Failure> {
    blocking(door, move |door| work(door).map_err(|error| door.shared().fault(error).into())).await
}

/// Does something where it may block.
async fn blocking<T: Send + 'static>(
    door: &Door,
    work: impl FnOnce(&Door) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let for_work = door.clone();
    let done = door.shared().runtime.spawn_blocking(move || work(&for_work)).await;
    done.unwrap_or_else(|error| Err(door.shared().fault(error).into()))
}

/// Has the writer do one stage, and waits until that is durable.
pub(crate) async fn stage(door: &Door, stage: Stage) -> Result<Staged, Failure> {
    let shared = door.shared();
    let (job, done) = PurgeJob::new(stage);
    let mut work = Work::Purge(Box::new(job));
    loop {
        match door.offer(work) {
            Ok(()) => break,
            Err(Refused::Full(refused)) => work = refused,
            Err(Refused::Closed(_)) => return Err(crate::request::draining().into()),
        }
        shared.clock.sleep_until(shared.clock.now().plus_ms(TRY_AGAIN_MS)).await;
    }
    done.await.unwrap_or_else(|_| Err(shared.fault("a stage of a removal was lost").into()))
}

/// Reads where it may block.
pub(crate) async fn read<T: Send + 'static>(
    door: &Door,
    what: impl FnOnce(&mut Reader) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Failure> {
    let reading = move |door: &Door| {
        let read = what(&mut door.shared().readers.take());
        read.map_err(|error| door.shared().fault(error).into())
    };
    blocking(door, reading).await
}
