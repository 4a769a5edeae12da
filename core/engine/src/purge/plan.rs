//! What a caller may remove, and what is in the way of it.

use tieline_model::{
    Command, Failure, Principal, PrincipalKind, Refusal, Scope, SessionId, TimestampMs, command::SessionPurge,
    outcome::Code, reply::SessionState,
};
use tieline_store::{Needed, Purge, Reader, StoreError};

use crate::shared::Shared;

const BEYOND_ALL: TimestampMs = TimestampMs(i64::MAX);

/// Finds the session, and tells whether the caller may remove something of it.
pub fn allowed(shared: &Shared, caller: &Principal, command: &Command) -> Result<(SessionId, SessionPurge), Failure> {
    let Command::SessionPurge(wanted) = command else {
        return Err(shared.fault(format_args!("`{}` removes nothing", command.name())).into());
    };
    let session = shared.directory(|directory| {
        directory.find(&wanted.session, caller, "session_purge.session").map(|entry| entry.id)
    })?;
    match shared.readers.take().session(session) {
        Ok(Some(view)) => may(caller, session, view.owner, wanted)?,
        Ok(None) => return Err(shared.fault(format_args!("no row for {session}")).into()),
        Err(error) => return Err(shared.fault(error).into()),
    }
    Ok((session, wanted.clone()))
}

/// Finds out what is to be removed.
pub fn plan(shared: &Shared, caller: &Principal, session: SessionId, wanted: &SessionPurge) -> Result<Purge, Failure> {
    let mut reader = shared.readers.take();
    match look(shared, &mut reader, (caller, session), wanted) {
        Ok(Ok(planned)) => Ok(planned),
        Ok(Err(refusal)) => Err(refusal.into()),
        Err(error) => Err(shared.fault(error).into()),
    }
}

type Planned = Result<Purge, Refusal>;

fn look(
    shared: &Shared,
    reader: &mut Reader,
    (caller, session): (&Principal, SessionId),
    wanted: &SessionPurge,
) -> Result<Planned, StoreError> {
    let Some(view) = reader.session(session)? else {
        return Err(StoreError::Damaged { table: "sessions", what: format!("no row for {session}") });
    };
    let is_closed = matches!(view.state, SessionState::Closed | SessionState::Archived);
    if wanted.all && !is_closed {
        let message =
            format!("`{}` is open; close or archive it first, or remove a part with `through`", wanted.session);
        return Ok(Err(Refusal::new(Code::StillNeeded, message).at("session_purge.all")));
    }
    let scope = reader.scope(session)?;
    let through = match (wanted.through, wanted.before_ms) {
        (Some(through), _) if !(scope.first..=scope.newest).contains(&through) => {
            let message = format!("number {through}; the timeline has {} to {}", scope.first, scope.newest);
            return Ok(Err(Refusal::new(Code::BadInput, message).at("session_purge.through")));
        }
        (Some(through), _) => through,
        (None, Some(before)) => reader.seq_before(session, before)?,
        (None, None) => scope.newest,
    };
    let until = match (wanted.all, wanted.before_ms) {
        (true, _) => BEYOND_ALL,
        (false, Some(before)) => before,
        (false, None) => reader.recorded_after(session, through)?.unwrap_or(BEYOND_ALL),
    };
    let mut needed = reader.needed(session, (through, until), is_closed)?;
    if needed.is_none() && wanted.all {
        needed = reader.needed_job(session)?;
    }
    if let Some(needed) = needed {
        return Ok(Err(in_the_way(shared, needed)));
    }
    let purge = Purge {
        by: Some(caller.id),
        is_whole: wanted.all,
        has_words: true,
        through,
        until,
        newest_message: scope.newest_message,
        newest_outcome: 0,
        events: 0,
        messages: 0,
        cursor: 0,
        message: 0,
        outcome: 0,
    };
    Ok(Ok(purge))
}

fn may(
    caller: &Principal,
    session: SessionId,
    owner: tieline_model::PrincipalId,
    wanted: &SessionPurge,
) -> Result<(), Refusal> {
    if caller.kind != PrincipalKind::Human {
        let message = format!("`{}` is no person; only people remove what was said", caller.name);
        return Err(Refusal::new(Code::Forbidden, message));
    }
    if session != caller.home && owner != caller.id && !caller.may(Scope::SessionManage) {
        let message = format!("`{}` is another's session, and the scope `session:manage` is not yours", wanted.session);
        return Err(Refusal::new(Code::NotYourSession, message).at("session_purge.session"));
    }
    let given = [wanted.through.is_some(), wanted.before_ms.is_some(), wanted.all];
    let count = given.into_iter().filter(|is_given| *is_given).count();
    if count != 1 {
        let message = format!("{count} of `through`, `before_ms` and `all`; wanted exactly one");
        return Err(Refusal::new(Code::BadInput, message).at("session_purge"));
    }
    Ok(())
}

fn in_the_way(shared: &Shared, needed: Needed) -> Refusal {
    let message = match needed {
        Needed::Ask(ask) => format!("the ask {ask} is open; answer or cancel it first"),
        Needed::Job(job) => format!("the job {job} has not ended; let it be done or cancel it first"),
        Needed::Message(message, session) => {
            let title = shared.title(session);
            format!("{message} waits in the inbox of `{title}`; let it be delivered or cancel it first")
        }
    };
    Refusal::new(Code::StillNeeded, message).at("session_purge")
}
