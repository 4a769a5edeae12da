//! Sorting sessions, handing them over, putting them away and forking them.

use tieline_model::{
    EventBody, PrincipalId, Refusal, Reply, SessionId,
    command::{Notify, SessionFork, SessionHandOver, SessionLabel, SessionMerge, SessionMove, SessionPin, SessionRef},
    outcome::Code,
    reply::{Done, Parent},
    text,
};
use tieline_store::{NewSession, SessionChange, StoreError};

use super::{Decision, Stop, sessions::opened};
use crate::{effect::Effect, request::Request};

/// The most labels of one session.
const MAX_LABELS: usize = 32;
/// The longest label, in characters.
const MAX_LABEL_CHARS: usize = 64;

impl Decision<'_, '_> {
    pub(super) fn session_label(&mut self, request: &Request, label: &SessionLabel) -> Result<Reply, Stop> {
        for (at, name) in label.add.iter().enumerate() {
            check_label(name, &format!("session_label.add[{at}]"))?;
        }
        let session = self.own_or_managed(request, &label.session, "session_label.session")?;
        let before = self.tx.labels(session)?;
        let mut labels: Vec<String> = before.iter().chain(&label.add).cloned().collect();
        labels.retain(|name| !label.remove.contains(name));
        labels.sort_unstable();
        labels.dedup();
        if labels.len() > MAX_LABELS {
            let message = format!("{} labels; at most {MAX_LABELS} are allowed", labels.len());
            return Err(Refusal::new(Code::BadInput, message).at("session_label.add").into());
        }
        if labels != before {
            self.tx.change_session(session, &SessionChange { labels: Some(&labels), ..SessionChange::default() })?;
            self.event(session, EventBody::SessionLabelled { labels })?;
        }
        Ok(Reply::Done(Done {}))
    }

    pub(super) fn session_pin(&mut self, request: &Request, pin: &SessionPin) -> Result<Reply, Stop> {
        let session = self.own_or_managed(request, &pin.session, "session_pin.session")?;
        let change = SessionChange { is_pinned: Some(pin.pinned), ..SessionChange::default() };
        self.tx.change_session(session, &change)?;
        self.event(session, EventBody::SessionPinned { pinned: pin.pinned })?;
        Ok(Reply::Done(Done {}))
    }

    pub(super) fn session_move(&mut self, request: &Request, to: &SessionMove) -> Result<Reply, Stop> {
        text::check_circle(&to.circle, "session_move.circle")?;
        let session = self.own_or_managed(request, &to.session, "session_move.session")?;
        self.refuse_home(session, "session_move.session")?;
        self.check_reach(request, &to.circle, "session_move.circle")?;
        let from = self.tx.head(session)?.map(|head| head.circle.clone()).unwrap_or_default();
        if from != to.circle {
            let change = SessionChange { circle: Some(&to.circle), ..SessionChange::default() };
            self.tx.change_session(session, &change)?;
            self.event(session, EventBody::SessionMoved { from, to: to.circle.clone() })?;
            self.list(session)?;
        }
        Ok(Reply::Done(Done {}))
    }

    pub(super) fn session_hand_over(&mut self, request: &Request, over: &SessionHandOver) -> Result<Reply, Stop> {
        let session = self.own_or_managed(request, &over.session, "session_hand_over.session")?;
        self.refuse_home(session, "session_hand_over.session")?;
        let home = self.resolve(&over.to, &request.principal, "session_hand_over.to")?;
        let Some(heir) = self.shared.tokens.at_home(home) else {
            let message =
                format!("`{}` is nobody's home; name the home session of a principal with a good token", over.to);
            return Err(Refusal::new(Code::BadInput, message).at("session_hand_over.to").into());
        };
        let Some(head) = self.tx.head(session)? else { return Ok(Reply::Done(Done {})) };
        let circle = head.circle.clone();
        if !heir.reaches(&circle) {
            let message = format!("the circle `{circle}` of the session is not in reach of `{}`", heir.name);
            return Err(Refusal::new(Code::Forbidden, message).at("session_hand_over.to").into());
        }
        self.give_over(session, heir.id, request.principal.id)?;
        Ok(Reply::Done(Done {}))
    }

    /// Lets another principal write for a session, and nobody else.
    pub(super) fn give_over(&mut self, session: SessionId, to: PrincipalId, by: PrincipalId) -> Result<(), StoreError> {
        let Some(from) = self.tx.head(session)?.map(|head| head.owner).filter(|from| *from != to) else {
            return Ok(());
        };
        self.tx.change_session(session, &SessionChange { owner: Some(to), ..SessionChange::default() })?;
        self.event(session, EventBody::SessionHandedOver { from, to, by })?;
        if self.shared.leases.holder(session).is_some_and(|holder| holder.principal != to) {
            self.end_lease(session, "the session was handed over")?;
        }
        Ok(())
    }

    pub(super) fn session_archive(&mut self, request: &Request, archive: &SessionRef) -> Result<Reply, Stop> {
        let session = self.own_or_managed(request, &archive.session, "session_archive.session")?;
        self.refuse_home(session, "session_archive.session")?;
        self.put_down(session, "the session was archived")?;
        self.tx.close_session(session, self.now, true)?;
        self.event(session, EventBody::SessionArchived { by: request.principal.id })?;
        self.list(session)?;
        Ok(Reply::Done(Done {}))
    }

    pub(super) fn session_restore(&mut self, request: &Request, restore: &SessionRef) -> Result<Reply, Stop> {
        let field = "session_restore.session";
        let session = self.find(&restore.session, &request.principal, field)?;
        self.check_own_or_managed(request, session, &restore.session, field)?;
        if self.tx.is_purged(session)? {
            let message = format!("`{}` was purged; nothing of it is left to go on from", restore.session);
            return Err(Refusal::new(Code::Purged, message).at(field).into());
        }
        if !self.is_open(session)? {
            self.tx.reopen_session(session)?;
            self.event(session, EventBody::SessionRestored { by: request.principal.id })?;
            self.list(session)?;
        }
        Ok(Reply::Done(Done {}))
    }

    pub(super) fn session_fork(&mut self, request: &Request, fork: &SessionFork) -> Result<Reply, Stop> {
        text::check_name(&fork.title, "session_fork.title")?;
        let caller = &request.principal;
        let parent = self.find(&fork.session, caller, "session_fork.session")?;
        let told = self.tx.told(parent)?;
        let newest = self.tx.head(parent)?.map_or(0, |head| head.event_seq);
        let seq = fork.seq.unwrap_or(newest);
        if !(1..=newest).contains(&seq) {
            let message = format!("number {seq}; the timeline of `{}` goes from 1 to {newest}", fork.session);
            return Err(Refusal::new(Code::BadInput, message).at("session_fork.seq").into());
        }
        self.check_reach(request, &told.circle, "session_fork.session")?;
        let new = NewSession {
            id: self.shared.mint.session(),
            title: fork.title.clone(),
            circle: told.circle,
            roles: Vec::new(),
            description: told.description,
            project: told.project,
            owner: caller.id,
            parent: Some(Parent { session: parent, seq }),
            opened_at: self.now,
        };
        self.create(&new)?;
        self.event(parent, EventBody::SessionForked { fork: new.id, seq, by: caller.id })?;
        Ok(Reply::Session(Box::new(opened(new))))
    }

    pub(super) fn session_merge(&mut self, request: &Request, merge: &SessionMerge) -> Result<Reply, Stop> {
        let caller = &request.principal;
        text::check_body(&merge.note, "session_merge.note", self.shared.config.limits.text_bytes)?;
        let session = self.acting(request, Some(&merge.session), "session_merge.session")?;
        let into = match &merge.into {
            Some(address) => self.resolve(address, caller, "session_merge.into")?,
            None => match self.tx.told(session)?.parent {
                Some(parent) => parent.session,
                None => {
                    let message = format!("`{}` was not forked from a session; name one with `into`", merge.session);
                    return Err(Refusal::new(Code::BadInput, message).at("session_merge.into").into());
                }
            },
        };
        if into == session {
            let message = "a session cannot end in itself";
            return Err(Refusal::new(Code::BadInput, message).at("session_merge.into").into());
        }
        if merge.archive {
            self.refuse_home(session, "session_merge.archive")?;
        }
        let note = Notify {
            sender: Some(tieline_model::Address::Session(session)),
            ..Notify::new(tieline_model::Address::Session(into), merge.note.clone())
        };
        let told = self.notify(request, &note)?;
        if let Reply::Accepted(accepted) = &told {
            self.event(into, EventBody::SessionMerged { from: session, message: accepted.message, by: caller.id })?;
        }
        if merge.archive {
            self.put_down(session, "the session was archived")?;
            self.tx.close_session(session, self.now, true)?;
            self.event(session, EventBody::SessionArchived { by: caller.id })?;
            self.list(session)?;
        }
        Ok(told)
    }

    /// Orphans the asks that a session has not answered, withdraws its jobs, and takes the lease from its writer.
    pub(super) fn put_down(&mut self, session: SessionId, reason: &'static str) -> Result<(), Stop> {
        for row in self.tx.open_asks_to(session)? {
            self.end_ask(&row, &tieline_model::ask::Input::AddresseeClosed)?;
        }
        self.drop_jobs(session, reason)?;
        self.tx.end_file_leases(session, None, self.now)?;
        self.end_watches(session)?;
        Ok(self.end_lease(session, reason)?)
    }

    /// Takes the lease from whoever writes for a session.
    fn end_lease(&mut self, session: SessionId, reason: &'static str) -> Result<(), StoreError> {
        let Some(holder) = self.shared.leases.holder(session) else { return Ok(()) };
        let epoch = self.tx.head(session)?.map_or(0, |head| head.epoch);
        let event = EventBody::PeerDetached { principal: holder.principal, epoch, reason: reason.to_owned() };
        self.event(session, event)?;
        self.effects.push(Effect::Fenced { session, link: holder.link, epoch, reason });
        self.shared.leases.set(session, None);
        Ok(())
    }

    /// Refuses what may not be done with the home of a principal that can still come.
    pub(super) fn refuse_home(&self, session: SessionId, field: &str) -> Result<(), Stop> {
        if self.shared.tokens.is_home(session) {
            let message = "it is the home of a principal with a good token; revoke that token first";
            return Err(Refusal::new(Code::Forbidden, message).at(field).into());
        }
        if let Some(link) = self.shared.presence.links_where(|link| link.principal.home == session).first() {
            let message =
                format!("it is the home of the plugin `{}`, which runs; disable that first", link.principal.name);
            return Err(Refusal::new(Code::Forbidden, message).at(field).into());
        }
        Ok(())
    }
}

fn check_label(label: &str, field: &str) -> Result<(), Stop> {
    text::check_name(label, field)?;
    let chars = label.chars().count();
    if chars > MAX_LABEL_CHARS {
        let message = format!("a label of {chars} characters; at most {MAX_LABEL_CHARS} are allowed");
        return Err(Refusal::new(Code::BadInput, message).at(field).into());
    }
    Ok(())
}
