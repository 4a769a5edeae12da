//! What hooks of agent programs report: whose session it is, what happened, and what the program is at.

use tieline_model::{
    Code, EventBody, Refusal, Reply, SessionId,
    command::{Happened, Report},
    event::{Activity, RuntimeStarted, Source, TurnOutcome},
    reply::Reported,
    runtime::{Runtime, RuntimeState, Signal},
    session::progress::TurnState,
    text,
};
use tieline_store::{NewSession, StoreError};

use super::{Decision, Stop, record, remind::Occasion};
use crate::{effect::Effect, request::Request};

/// The longest id, version, path or name in a report, in bytes.
const MAX_WORD: usize = 4096;
/// The longest id of a program's own session, in bytes.
const MAX_NATIVE: usize = 200;
/// The most messages that are named in one report.
const MAX_MESSAGES: usize = 100;
/// The most text that a hook may ask for, in bytes.
const MAX_ROOM: u32 = 256 * 1024;
/// The most sessions of a folder that are looked at.
const MAX_LEFT: i64 = 100;
/// The most names that are tried for a new session.
const MAX_NAMES: u32 = 10_000;

impl Decision<'_, '_> {
    pub(super) fn report(&mut self, request: &Request, report: &Report) -> Result<Reply, Stop> {
        check(report)?;
        let found = self.session_of_report(request, report)?;
        let is_new = found.is_none();
        let session = match found {
            Some(session) => session,
            None => self.open_reported(request, report)?,
        };
        self.reporting = Some(session);
        let mut runtime = self.met(request, session, report)?;
        self.put_reported(request, session, report)?;
        let before = runtime.woken.clone();
        runtime.heard(report.signal, self.now);
        if runtime.woken != before
            && let Some(woken) = &runtime.woken
        {
            self.was_woken(session, woken)?;
        }
        self.confirm(session, &mut runtime, report)?;
        self.collide(session, report)?;
        let messages = self.hand_out(session, &mut runtime, report)?;
        // A program that listens is prompted, and says so itself.
        if !messages.is_empty() && report.signal == Signal::Rested && !report.listens {
            // The hook makes the program go on.
            runtime.heard(Signal::Working, self.now);
            self.turn_goes_on(request, session, report)?;
        }
        if report.signal == Signal::Ended {
            self.event(session, EventBody::RuntimeEnded { reason: format!("its hook {} said so", report.hook) })?;
            self.tx.end_file_leases(session, None, self.now)?;
        }
        self.wake_if_due(session, &mut runtime)?;
        if let Some(wake) = &runtime.wake {
            self.expires(session, wake.again_at);
        }
        self.tx.set_runtime(session, &runtime)?;
        self.tell_watchers(session)?;
        self.effects.push(Effect::Runtime { session, runtime: Box::new(runtime.clone()) });
        let head = self.tx.head(session)?;
        let (title, circle) = head.map(|head| (head.title.clone(), head.circle.clone())).unwrap_or_default();
        let has_new = !messages.is_empty();
        let awaited = runtime.batch.filter(|_| !has_new).map(|batch| batch.messages).unwrap_or_default();
        Ok(Reply::Reported(Reported { session, title, circle, is_new, messages, missed: runtime.missed, awaited }))
    }

    /// Finds the session: the one that the program's own belongs to; else the one that its process runs already, for a
    /// program that forgets what was said goes on under another id of its own; else the newest that such a program has
    /// left in the same folder, so that its mail finds who comes after it.
    fn session_of_report(&mut self, request: &Request, report: &Report) -> Result<Option<SessionId>, Stop> {
        let owner = request.principal.id;
        if let Some(session) = self.tx.session_of_native(owner, &report.agent, &report.native)?
            && self.is_free_for(request, session, report)?
        {
            return Ok(Some(session));
        }
        if let Some(process) = report.process
            && let Some(session) = self.tx.session_of_process(process)?
            && self.is_free_for(request, session, report)?
        {
            return Ok(Some(session));
        }
        let Some(folder) = &report.folder else { return Ok(None) };
        for (session, runtime) in self.tx.sessions_of_folder(owner, folder, MAX_LEFT)? {
            if runtime.agent == report.agent && self.is_left(&runtime) {
                return Ok(Some(session));
            }
        }
        Ok(None)
    }

    /// Tells whether a session is the caller's, and not run by another program that is there.
    fn is_free_for(&mut self, request: &Request, session: SessionId, report: &Report) -> Result<bool, StoreError> {
        let is_ours = self.tx.head(session)?.is_some_and(|head| head.is_open && head.owner == request.principal.id);
        let Some(runtime) = self.tx.runtime(session)?.filter(|_| is_ours) else { return Ok(is_ours) };
        let is_same =
            runtime.process == report.process || (runtime.agent == report.agent && runtime.native == report.native);
        Ok(is_same || self.is_left(&runtime))
    }

    /// Tells whether a program has ended, also when nobody has said so yet.
    pub(super) fn is_left(&self, runtime: &Runtime) -> bool {
        runtime.state == RuntimeState::Offline
            || runtime.process.is_some_and(|process| self.shared.runtimes.is_gone(process))
    }

    /// Opens a session with a name that nobody else has: the folder's and the program's.
    fn open_reported(&mut self, request: &Request, report: &Report) -> Result<SessionId, Stop> {
        let caller = &request.principal;
        let circle = caller.circle().to_owned();
        let folder = report.folder.as_deref().and_then(|path| path.trim_end_matches('/').rsplit('/').next());
        let folder: String = folder
            .unwrap_or_default()
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
            .take(60)
            .collect();
        let name = if folder.is_empty() { report.agent.clone() } else { format!("{folder}-{}", report.agent) };
        let title = self.free_title(&circle, &name)?;
        text::check_name(&title, "report.folder")?;
        let new = NewSession {
            id: self.shared.mint.session(),
            title,
            circle,
            roles: Vec::new(),
            description: None,
            project: report.folder.clone(),
            owner: caller.id,
            parent: None,
            opened_at: self.now,
        };
        self.create(&new)?;
        Ok(new.id)
    }

    pub(super) fn free_title(&mut self, circle: &str, name: &str) -> Result<String, StoreError> {
        for n in 1..=MAX_NAMES {
            let title = if n == 1 { name.to_owned() } else { format!("{name}-{n}") };
            if !self.tx.is_title_taken(circle, &title)? {
                return Ok(title);
            }
        }
        Ok(format!("{name}-{}", self.now.0))
    }

    /// Returns the program as it is known, after noting what is new about it.
    fn met(&mut self, request: &Request, session: SessionId, report: &Report) -> Result<Runtime, StoreError> {
        let before = self.tx.runtime(session)?;
        let is_same = |known: &&Runtime| {
            (&known.agent, &known.native) == (&report.agent, &report.native)
                && (report.process.is_none() || known.process == report.process)
                && (known.state != RuntimeState::Offline || report.signal == Signal::Recorded)
        };
        if let Some(mut known) = before.as_ref().filter(is_same).cloned() {
            known.version = report.version.clone().or(known.version);
            known.pane = report.pane.clone().or(known.pane);
            known.listens |= report.listens;
            known.home = report.home.clone().or(known.home);
            return Ok(known);
        }
        self.tx.set_session_of_native(request.principal.id, &report.agent, &report.native, session)?;
        let started = RuntimeStarted {
            agent: report.agent.clone(),
            native: report.native.clone(),
            version: report.version.clone(),
            process: report.process,
            by: request.principal.id,
        };
        self.event(session, EventBody::RuntimeStarted(Box::new(started)))?;
        Ok(Runtime {
            agent: report.agent.clone(),
            native: report.native.clone(),
            version: report.version.clone(),
            process: report.process,
            pane: report.pane.clone(),
            listens: report.listens,
            home: report.home.clone(),
            state: RuntimeState::Idle,
            since: self.now,
            heard_at: self.now,
            // What a program before it was handed may be in the record that this one goes on with.
            batch: before.as_ref().and_then(|known| known.batch.clone()),
            missed: before.map(|known| known.missed).unwrap_or_default(),
            wake: None,
            woken: None,
        })
    }

    fn put_reported(&mut self, request: &Request, session: SessionId, report: &Report) -> Result<(), Stop> {
        let progress = self.tx.agent_progress(session)?.unwrap_or_default();
        let is_running = progress.turn.as_ref().is_some_and(|turn| turn.state == TurnState::Running);
        let mut open: Vec<&str> = progress.approvals.iter().map(|open| open.approval.as_str()).collect();
        let mut kept: Vec<Happened> = Vec::with_capacity(report.activities.len());
        for happened in &report.activities {
            match &happened.what {
                Activity::ApprovalAsked { approval, .. } => open.push(approval),
                // A tool that ran was allowed; whether anybody was asked is known here.
                Activity::ApprovalDecided { approval, .. } if !open.contains(&approval.as_str()) => continue,
                // Some programs say after every turn that they wait.
                Activity::TurnEnded { outcome: TurnOutcome::Interrupted, .. } if !is_running => continue,
                _ => {}
            }
            kept.push(happened.clone());
        }
        let ends_turn = kept.iter().any(|happened| matches!(happened.what, Activity::TurnEnded { .. }));
        if !kept.is_empty() {
            let source = Source { vendor: report.agent.clone(), session: report.native.clone() };
            self.put_all(session, request.principal.id, Some(&source), &kept)?;
        }
        if ends_turn && let Some(at) = self.remind(session, Occasion::TurnEnd)? {
            self.expires(session, at);
        }
        Ok(())
    }

    /// The turn that was to end goes on, with the mail.
    fn turn_goes_on(&mut self, request: &Request, session: SessionId, report: &Report) -> Result<(), Stop> {
        let turn = report.activities.iter().find_map(|happened| match &happened.what {
            Activity::TurnEnded { turn, .. } => Some(turn.clone()),
            _ => None,
        });
        let turn = turn.unwrap_or_else(|| "turn".to_owned());
        let source = Source { vendor: report.agent.clone(), session: report.native.clone() };
        let goes_on = Happened { at_ms: None, what: Activity::TurnStarted { turn } };
        Ok(self.put_all(session, request.principal.id, Some(&source), &[goes_on])?)
    }

    /// The process of a session's program is gone.
    pub fn runtime_lost(&mut self, session: SessionId, pid: u32) -> Result<(), StoreError> {
        let Some(mut runtime) = self.tx.runtime(session)? else { return Ok(()) };
        if runtime.state == RuntimeState::Offline || runtime.process.is_none_or(|process| process.pid != pid) {
            return Ok(());
        }
        runtime.lost(self.now);
        self.tx.set_runtime(session, &runtime)?;
        self.event(session, EventBody::RuntimeEnded { reason: format!("its process {pid} is gone") })?;
        self.tx.end_file_leases(session, None, self.now)?;
        self.tell_watchers(session)?;
        self.effects.push(Effect::Runtime { session, runtime: Box::new(runtime) });
        Ok(())
    }
}

fn check(report: &Report) -> Result<(), Refusal> {
    let is_name = |text: &str| {
        (1..=32).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
    };
    if !is_name(&report.agent) {
        let message = "the name of an agent program has 1 to 32 of `a-z`, `0-9`, `-`, `_`";
        return Err(Refusal::new(Code::BadInput, message).at("report.agent"));
    }
    if !(1..=MAX_NATIVE).contains(&report.native.len()) {
        let message = format!("an id of {} bytes; wanted 1 to {MAX_NATIVE}", report.native.len());
        return Err(Refusal::new(Code::BadInput, message).at("report.native"));
    }
    let pane = report.pane.as_ref();
    let words = [
        (Some(&report.hook), "report.hook"),
        (report.version.as_ref(), "report.version"),
        (report.folder.as_ref(), "report.folder"),
        (pane.map(|pane| &pane.socket), "report.pane.socket"),
        (pane.map(|pane| &pane.pane), "report.pane.pane"),
        (report.home.as_ref(), "report.home"),
    ];
    for (word, field) in words {
        if let Some(word) = word.filter(|word| word.len() > MAX_WORD || word.chars().any(text::is_unprintable)) {
            let message = format!("{} bytes; wanted at most {MAX_WORD} without control characters", word.len());
            return Err(Refusal::new(Code::BadInput, message).at(field));
        }
    }
    for (count, field) in [(report.seen.len(), "report.seen"), (report.missing.len(), "report.missing")] {
        if count > MAX_MESSAGES {
            let message = format!("{count} messages; wanted at most {MAX_MESSAGES}");
            return Err(Refusal::new(Code::BadInput, message).at(field));
        }
    }
    if report.room > MAX_ROOM {
        let message = format!("room for {} bytes; wanted at most {MAX_ROOM}", report.room);
        return Err(Refusal::new(Code::BadInput, message).at("report.room"));
    }
    let all: Vec<&Happened> = report.activities.iter().collect();
    match record::check(&all, "report.activities", 0) {
        Ok(()) => Ok(()),
        Err(Stop::Refused(refusal)) => Err(*refusal),
        Err(_) => Err(Refusal::new(Code::BadInput, "the activities cannot be taken").at("report.activities")),
    }
}
