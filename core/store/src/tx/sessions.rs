//! Writing sessions.

use diesel::prelude::*;
use tieline_model::{
    PrincipalId, SessionId, TimestampMs,
    reply::Parent,
    session::{budget::Budget, inbox::Inbox, progress::Usage},
};

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
    /// From where it is forked.
    pub parent: Option<Parent>,
    /// When.
    pub opened_at: TimestampMs,
}

/// What a fork takes over from a session.
#[derive(Debug, Clone)]
pub struct Told {
    /// Its circle.
    pub circle: String,
    /// What it is about.
    pub description: Option<String>,
    /// The path of its project.
    pub project: Option<String>,
    /// From where it was forked itself.
    pub parent: Option<Parent>,
}

/// What is to be changed of a session.
#[derive(Debug, Clone, Copy, Default)]
pub struct SessionChange<'a> {
    /// Its title.
    pub title: Option<&'a str>,
    /// Its circle.
    pub circle: Option<&'a str>,
    /// All its roles.
    pub roles: Option<&'a [String]>,
    /// All its labels.
    pub labels: Option<&'a [String]>,
    /// What it is about.
    pub description: Option<&'a str>,
    /// The path of its project.
    pub project: Option<&'a str>,
    /// Whether it is shown before others.
    pub is_pinned: Option<bool>,
    /// Whose it is.
    pub owner: Option<PrincipalId>,
}

#[derive(AsChangeset)]
#[diesel(table_name = sessions)]
struct Columns<'a> {
    title: Option<&'a str>,
    circle: Option<&'a str>,
    roles: Option<String>,
    labels: Option<String>,
    description: Option<&'a str>,
    project: Option<&'a str>,
    is_pinned: Option<i32>,
    owner: Option<&'a [u8]>,
}

impl Columns<'_> {
    fn is_empty(&self) -> bool {
        let texts =
            [self.title, self.circle, self.roles.as_deref(), self.labels.as_deref(), self.description, self.project];
        texts.iter().all(Option::is_none) && self.is_pinned.is_none() && self.owner.is_none()
    }
}

impl Tx<'_> {
    /// Tells whether an open session of a circle has this title.
    pub fn is_title_taken(&mut self, circle: &str, title: &str) -> Result<bool, StoreError> {
        let taken: i64 = sessions::table
            .filter(sessions::title.eq(title))
            .filter(sessions::circle.eq(circle))
            .filter(sessions::closed_at_ms.is_null())
            .count()
            .get_result(self.conn)?;
        Ok(taken > 0)
    }

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
                sessions::parent.eq(new.parent.as_ref().map(|parent| parent.session.as_bytes().as_slice())),
                sessions::parent_seq.eq(new.parent.map(|parent| signed(parent.seq))),
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
                parent: new.parent.map(|parent| parent.session),
                budget: None,
                is_open: true,
                epoch: 0,
                event_seq: 0,
                inbox: Inbox::default(),
                has_runtime: false,
                asks_from: 0,
                asks_to: 0,
            },
        );
        Ok(())
    }

    /// Writes what is told of a session; what is `None` stays as it is.
    pub fn change_session(&mut self, id: SessionId, change: &SessionChange<'_>) -> Result<(), StoreError> {
        let no = self.no(id)?;
        let columns = Columns {
            title: change.title,
            circle: change.circle,
            roles: change.roles.map(|roles| rows::to_json(&roles)).transpose()?,
            labels: change.labels.map(|labels| rows::to_json(&labels)).transpose()?,
            description: change.description,
            project: change.project,
            is_pinned: change.is_pinned.map(i32::from),
            owner: change.owner.as_ref().map(|owner| owner.as_bytes().as_slice()),
        };
        if columns.is_empty() {
            return Ok(());
        }
        diesel::update(sessions::table.find(no)).set(columns).execute(self.conn)?;
        if let Some(head) = self.cache.heads.get_mut(&id) {
            head.title = change.title.map_or_else(|| head.title.clone(), str::to_owned);
            head.circle = change.circle.map_or_else(|| head.circle.clone(), str::to_owned);
            head.roles = change.roles.map_or_else(|| head.roles.clone(), <[String]>::to_vec);
            head.owner = change.owner.unwrap_or(head.owner);
        }
        Ok(())
    }

    /// Marks a session as closed, and as put away when it `is_archived`.
    pub fn close_session(&mut self, id: SessionId, at: TimestampMs, is_archived: bool) -> Result<(), StoreError> {
        let no = self.no(id)?;
        let archived_at = is_archived.then_some(at.0);
        diesel::update(sessions::table.find(no))
            .set((sessions::closed_at_ms.eq(at.0), sessions::archived_at_ms.eq(archived_at)))
            .execute(self.conn)?;
        if let Some(head) = self.cache.heads.get_mut(&id) {
            head.is_open = false;
        }
        Ok(())
    }

    /// Marks a session as open again.
    pub fn reopen_session(&mut self, id: SessionId) -> Result<(), StoreError> {
        let no = self.no(id)?;
        let nothing = (sessions::closed_at_ms.eq(None::<i64>), sessions::archived_at_ms.eq(None::<i64>));
        diesel::update(sessions::table.find(no)).set(nothing).execute(self.conn)?;
        if let Some(head) = self.cache.heads.get_mut(&id) {
            head.is_open = true;
        }
        Ok(())
    }

    /// Reads what a fork takes over from a session.
    pub fn told(&mut self, id: SessionId) -> Result<Told, StoreError> {
        type Row = (String, Option<String>, Option<String>, Option<Vec<u8>>, Option<i64>);
        let no = self.no(id)?;
        let columns =
            (sessions::circle, sessions::description, sessions::project, sessions::parent, sessions::parent_seq);
        let (circle, description, project, parent, seq): Row =
            sessions::table.find(no).select(columns).get_result(self.conn)?;
        Ok(Told { circle, description, project, parent: rows::parent(parent, seq)? })
    }

    /// Writes what a session and its forks may use.
    pub fn set_budget(&mut self, id: SessionId, budget: Budget) -> Result<(), StoreError> {
        let no = self.no(id)?;
        let budget = Some(budget).filter(|budget| *budget != Budget::default());
        let json = budget.as_ref().map(rows::to_json).transpose()?;
        diesel::update(sessions::table.find(no)).set(sessions::budget.eq(json)).execute(self.conn)?;
        if let Some(head) = self.cache.heads.get_mut(&id) {
            head.budget = budget;
        }
        Ok(())
    }

    /// Adds up what a session and all that was forked from it have used.
    pub fn usage_of_tree(&mut self, root: SessionId) -> Result<Usage, StoreError> {
        let mut total = Usage::default();
        let mut seen = std::collections::HashSet::from([root]);
        let mut next = vec![root];
        while let Some(session) = next.pop() {
            total.add(&self.agent_progress(session)?.unwrap_or_default().usage);
            let forks: Vec<Vec<u8>> = sessions::table
                .filter(sessions::parent.eq(session.as_bytes().as_slice()))
                .select(sessions::id)
                .load(self.conn)?;
            for bytes in forks {
                let fork = rows::session_id("sessions", &bytes)?;
                if seen.insert(fork) {
                    next.push(fork);
                }
            }
        }
        Ok(total)
    }

    /// Reads a session's labels.
    pub fn labels(&mut self, id: SessionId) -> Result<Vec<String>, StoreError> {
        let no = self.no(id)?;
        let labels: String = sessions::table.find(no).select(sessions::labels).get_result(self.conn)?;
        rows::json("sessions", &labels)
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
