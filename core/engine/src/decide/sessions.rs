//! Opening, describing and closing sessions.

use tieline_model::{
    Address, EventBody, Refusal, Reply, Scope, SessionId,
    command::{SessionDescribe, SessionOpen, SessionRef, SessionRename},
    outcome::Code,
    reply::{Done, SessionState, SessionView},
    route::Entry,
    session::progress::Usage,
    text,
};
use tieline_store::{NewSession, SessionChange, StoreError};

use super::{Decision, Stop};
use crate::{effect::Effect, request::Request};

/// The longest description or path, in bytes.
const MAX_DESCRIPTION: usize = 4096;
/// The most roles of one session.
const MAX_ROLES: usize = 16;

impl Decision<'_, '_> {
    pub(super) fn session_open(&mut self, request: &Request, open: &SessionOpen) -> Result<Reply, Stop> {
        let caller = &request.principal;
        text::check_name(&open.title, "session_open.title")?;
        let circle = open.circle.as_deref().unwrap_or_else(|| caller.circle());
        text::check_circle(circle, "session_open.circle")?;
        self.check_reach(request, circle, "session_open.circle")?;
        check_roles(&open.roles, "session_open.roles")?;
        check_long(open.description.as_deref(), "session_open.description")?;
        check_long(open.project.as_deref(), "session_open.project")?;
        let new = NewSession {
            id: self.shared.mint.session(),
            title: open.title.clone(),
            circle: circle.to_owned(),
            roles: open.roles.clone(),
            description: open.description.clone(),
            project: open.project.clone(),
            owner: caller.id,
            parent: None,
            opened_at: self.now,
        };
        self.create(&new)?;
        Ok(Reply::Session(Box::new(opened(new))))
    }

    /// Writes a session and the first line of its timeline.
    pub(crate) fn create(&mut self, new: &NewSession) -> Result<(), StoreError> {
        self.tx.insert_session(new)?;
        let event = EventBody::SessionOpened { title: new.title.clone(), circle: new.circle.clone(), by: new.owner };
        self.event(new.id, event)?;
        self.list(new.id)
    }

    pub(super) fn session_close(&mut self, request: &Request, close: &SessionRef) -> Result<Reply, Stop> {
        let session = self.own_or_managed(request, &close.session, "session_close.session")?;
        self.refuse_home(session, "session_close.session")?;
        self.put_down(session, "the session was closed")?;
        self.tx.close_session(session, self.now, false)?;
        self.event(session, EventBody::SessionClosed { by: request.principal.id })?;
        self.list(session)?;
        Ok(Reply::Done(Done {}))
    }

    pub(super) fn session_rename(&mut self, request: &Request, rename: &SessionRename) -> Result<Reply, Stop> {
        text::check_name(&rename.title, "session_rename.title")?;
        let session = self.own_or_managed(request, &rename.session, "session_rename.session")?;
        let from = self.tx.head(session)?.map(|head| head.title.clone()).unwrap_or_default();
        if from != rename.title {
            let change = SessionChange { title: Some(&rename.title), ..SessionChange::default() };
            self.tx.change_session(session, &change)?;
            self.event(session, EventBody::SessionRenamed { from, to: rename.title.clone() })?;
            self.list(session)?;
        }
        Ok(Reply::Done(Done {}))
    }

    pub(super) fn session_describe(&mut self, request: &Request, describe: &SessionDescribe) -> Result<Reply, Stop> {
        if let Some(roles) = &describe.roles {
            check_roles(roles, "session_describe.roles")?;
        }
        check_long(describe.description.as_deref(), "session_describe.description")?;
        check_long(describe.project.as_deref(), "session_describe.project")?;
        let session = self.own_or_managed(request, &describe.session, "session_describe.session")?;
        let change = SessionChange {
            roles: describe.roles.as_deref(),
            description: describe.description.as_deref(),
            project: describe.project.as_deref(),
            ..SessionChange::default()
        };
        self.tx.change_session(session, &change)?;
        let roles = self.tx.head(session)?.map(|head| head.roles.clone()).unwrap_or_default();
        self.event(session, EventBody::SessionDescribed { roles })?;
        self.list(session)?;
        Ok(Reply::Done(Done {}))
    }

    /// Finds the open session that an address means, when the caller may change it.
    pub(super) fn own_or_managed(
        &mut self,
        request: &Request,
        address: &Address,
        field: &str,
    ) -> Result<SessionId, Stop> {
        let session = self.resolve(address, &request.principal, field)?;
        self.check_own_or_managed(request, session, address, field)?;
        Ok(session)
    }

    /// Refuses to change a session that is another's.
    pub(super) fn check_own_or_managed(
        &mut self,
        request: &Request,
        session: SessionId,
        address: &Address,
        field: &str,
    ) -> Result<(), Stop> {
        if self.is_own(session, &request.principal)? || request.principal.may(Scope::SessionManage) {
            return Ok(());
        }
        let message = format!("`{address}` is another's session, and the scope `session:manage` is not yours");
        Err(Refusal::new(Code::NotYourSession, message).at(field).into())
    }

    /// Refuses a circle that the caller does not reach.
    pub(super) fn check_reach(&self, request: &Request, circle: &str, field: &str) -> Result<(), Stop> {
        let caller = &request.principal;
        if caller.reaches(circle) {
            return Ok(());
        }
        let message = format!("the circle `{circle}` is not in reach of `{}`", caller.name);
        let refusal = Refusal::new(Code::Forbidden, message).at(field);
        Err(refusal.with_candidates(caller.circles.iter().cloned()).into())
    }

    /// Has the directory know a session as it is now.
    pub(crate) fn list(&mut self, session: SessionId) -> Result<(), StoreError> {
        if let Some(head) = self.tx.head(session)? {
            let entry = Entry {
                id: session,
                title: head.title.clone(),
                circle: head.circle.clone(),
                roles: head.roles.clone(),
                is_open: head.is_open,
            };
            self.effects.push(Effect::Directory(entry));
        }
        Ok(())
    }
}

/// Shows a session that was opened just now.
pub(super) fn opened(new: NewSession) -> SessionView {
    SessionView {
        id: new.id,
        title: new.title,
        circle: new.circle,
        roles: new.roles,
        labels: Vec::new(),
        pinned: false,
        description: new.description,
        project: new.project,
        parent: new.parent,
        state: SessionState::Open,
        waiting: None,
        owner: new.owner,
        opened_at_ms: new.opened_at,
        online: false,
        pending: 0,
        draft: None,
        runtime: None,
        backend: None,
        model: None,
        usage: Usage::default(),
    }
}

fn check_roles(roles: &[String], field: &str) -> Result<(), Stop> {
    if roles.len() > MAX_ROLES {
        let message = format!("{} roles; at most {MAX_ROLES} are allowed", roles.len());
        return Err(Refusal::new(Code::BadInput, message).at(field).into());
    }
    for (at, role) in roles.iter().enumerate() {
        text::check_name(role, &format!("{field}[{at}]"))?;
    }
    Ok(())
}

fn check_long(text: Option<&str>, field: &str) -> Result<(), Stop> {
    match text {
        Some(text) if text.len() > MAX_DESCRIPTION => {
            let message = format!("{} bytes; at most {MAX_DESCRIPTION} are allowed", text.len());
            Err(Refusal::new(Code::TooLarge, message).at(field).into())
        }
        _ => Ok(()),
    }
}
