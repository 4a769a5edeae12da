//! Writing sessions.

use diesel::prelude::*;
use tieline_model::{PrincipalId, SessionId, TimestampMs, session::inbox::Inbox};

use super::{Head, Tx};
use crate::{StoreError, rows, rows::signed, schema::sessions};

/// A session to be written.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Its id.
    pub id: SessionId,
    /// Its title.
    pub title: String,
    /// Its circle.
    pub circle: String,
    /// Its roles.
    pub roles: Vec<String>,
    /// What it is about.
    pub description: Option<String>,
    /// The path of its project.
    pub project: Option<String>,
    /// Who opens it.
    pub owner: PrincipalId,
    /// When.
    pub opened_at: TimestampMs,
}

impl Tx<'_> {
    /// Writes a session.
    pub fn insert_session(&mut self, new: &NewSession) -> Result<(), StoreError> {
        let counters = self.counters()?;
        counters.session_no += 1;
        let no = counters.session_no;
        diesel::insert_into(sessions::table)
            .values((
                sessions::no.eq(no),
                sessions::id.eq(new.id.as_bytes().as_slice()),
                sessions::title.eq(&new.title),
                sessions::circle.eq(&new.circle),
                sessions::roles.eq(rows::to_json(&new.roles)?),
                sessions::description.eq(&new.description),
                sessions::project.eq(&new.project),
                sessions::owner.eq(new.owner.as_bytes().as_slice()),
                sessions::epoch.eq(0),
                sessions::opened_at_ms.eq(new.opened_at.0),
            ))
            .execute(self.conn)?;
        self.cache.ids.insert(no, new.id);
        self.cache.heads.insert(
            new.id,
            Head {
                no,
                id: new.id,
                title: new.title.clone(),
                circle: new.circle.clone(),
                roles: new.roles.clone(),
                owner: new.owner,
                is_open: true,
                epoch: 0,
                event_seq: 0,
                inbox: Inbox::default(),
                asks_from: 0,
                asks_to: 0,
            },
        );
        Ok(())
    }

    /// Writes a session's title, roles, description and project; `None` leaves a field as it is.
    pub fn update_session(
        &mut self,
        id: SessionId,
        title: Option<&str>,
        roles: Option<&[String]>,
        description: Option<&str>,
        project: Option<&str>,
    ) -> Result<(), StoreError> {
        let no = self.no(id)?;
        let row = || diesel::update(sessions::table.find(no));
        if let Some(title) = title {
            row().set(sessions::title.eq(title)).execute(self.conn)?;
        }
        if let Some(roles) = roles {
            row().set(sessions::roles.eq(rows::to_json(&roles)?)).execute(self.conn)?;
        }
        if let Some(description) = description {
            row().set(sessions::description.eq(description)).execute(self.conn)?;
        }
        if let Some(project) = project {
            row().set(sessions::project.eq(project)).execute(self.conn)?;
        }
        if let Some(head) = self.cache.heads.get_mut(&id) {
            head.title = title.map_or_else(|| head.title.clone(), str::to_owned);
            head.roles = roles.map_or_else(|| head.roles.clone(), <[String]>::to_vec);
        }
        Ok(())
    }

    /// Writes a session's circle.
    pub fn move_session(&mut self, id: SessionId, circle: &str) -> Result<(), StoreError> {
        let no = self.no(id)?;
        diesel::update(sessions::table.find(no)).set(sessions::circle.eq(circle)).execute(self.conn)?;
        if let Some(head) = self.cache.heads.get_mut(&id) {
            circle.clone_into(&mut head.circle);
        }
        Ok(())
    }

    /// Marks a session as closed.
    pub fn close_session(&mut self, id: SessionId, at: TimestampMs) -> Result<(), StoreError> {
        let no = self.no(id)?;
        diesel::update(sessions::table.find(no)).set(sessions::closed_at_ms.eq(at.0)).execute(self.conn)?;
        if let Some(head) = self.cache.heads.get_mut(&id) {
            head.is_open = false;
        }
        Ok(())
    }

    /// Writes a session's writer epoch.
    pub fn set_epoch(&mut self, id: SessionId, epoch: u64) -> Result<(), StoreError> {
        let no = self.no(id)?;
        diesel::update(sessions::table.find(no)).set(sessions::epoch.eq(signed(epoch))).execute(self.conn)?;
        if let Some(head) = self.cache.heads.get_mut(&id) {
            head.epoch = epoch;
        }
        Ok(())
    }
}
