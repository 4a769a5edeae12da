//! The agent programs of sessions: as they are shown, and whose a process is.

use tieline_model::{
    Code, Refusal, Reply, SessionId,
    command::RuntimeFind,
    reply::{RuntimeFound, RuntimeView, SessionState, Waiting, WaitingOn},
    runtime::{LISTENER, Presence, Runtime, RuntimeState},
};

use super::{Query, Stop};

/// The most processes of one line that are looked at.
const MAX_PROCESSES: usize = 64;

impl Query<'_> {
    /// Shows the program of a session whose state is known.
    pub(super) fn runtime_view(
        &mut self,
        session: SessionId,
        state: SessionState,
        waiting: Option<&Waiting>,
        asks_permission: bool,
    ) -> Result<Option<Box<RuntimeView>>, Stop> {
        let Some(runtime) = self.reader.runtime(session)? else { return Ok(None) };
        let ways = if state.takes_messages() { self.ways(&runtime) } else { Vec::new() };
        let stale_since_ms = runtime.stale_since(self.shared.clock.now());
        Ok(Some(Box::new(RuntimeView {
            presence: presence(&runtime, waiting, asks_permission),
            ways,
            stale_since_ms,
            agent: runtime.agent,
            native: runtime.native,
            version: runtime.version,
            process: runtime.process,
            pane: runtime.pane,
            since_ms: runtime.since,
            heard_at_ms: runtime.heard_at,
            woken: runtime.woken,
        })))
    }

    fn ways(&self, runtime: &Runtime) -> Vec<String> {
        if runtime.state == RuntimeState::Offline {
            return Vec::new();
        }
        let tried = runtime.wake.as_ref().map(|wake| wake.tried.clone()).unwrap_or_default();
        let wakers = self.shared.wakers().map(|(name, _)| name).filter(|name| !tried.contains(name));
        let is_open = runtime.listens && !tried.iter().any(|it| it == LISTENER);
        let listener = is_open.then(|| LISTENER.to_owned());
        std::iter::once("hook".to_owned()).chain(listener).chain(wakers).collect()
    }

    /// Finds the nearest process of the line that is the program of one of the caller's sessions.
    pub(super) fn runtime_find(&mut self, find: &RuntimeFind) -> Result<Reply, Stop> {
        if find.processes.len() > MAX_PROCESSES {
            let message = format!("{} processes; wanted at most {MAX_PROCESSES}", find.processes.len());
            return Err(Refusal::new(Code::BadInput, message).at("runtime_find.processes").into());
        }
        for process in &find.processes {
            let mut own = Vec::new();
            for session in self.reader.sessions_of_process(*process)? {
                let is_open = |state: SessionState| state.takes_messages();
                let view = self.reader.session(session)?;
                own.extend(view.filter(|view| view.owner == self.caller.id && is_open(view.state)));
            }
            // Of one process that runs several sessions it is not known which of them called.
            match own.as_slice() {
                [] => {}
                [view] => {
                    let (session, title) = (Some(view.id), Some(view.title.clone()));
                    return Ok(Reply::RuntimeFound(RuntimeFound { session, title, has_programs: true }));
                }
                _ => break,
            }
        }
        let has_programs = self.reader.has_runtimes(self.caller.id)?;
        Ok(Reply::RuntimeFound(RuntimeFound { session: None, title: None, has_programs }))
    }
}

fn presence(runtime: &Runtime, waiting: Option<&Waiting>, asks_permission: bool) -> Presence {
    match (runtime.state, waiting.map(|waiting| &waiting.on)) {
        (RuntimeState::Offline, _) => Presence::Offline,
        _ if asks_permission => Presence::WaitingForPermission,
        (RuntimeState::Idle, Some(WaitingOn::Answer { .. })) => Presence::WaitingForPeer,
        (RuntimeState::Idle, _) => Presence::Idle,
        (RuntimeState::Working, _) => Presence::Working,
    }
}
