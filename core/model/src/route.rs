//! Finds the session that an address means, within the caller's reach.
//!
//! An unknown or ambiguous name is a refusal that lists what the caller may have meant. A title means the open session
//! of that title; a closed one is meant only when no open one is called so.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::{
    Address, Principal, SessionId,
    address::MESH_CIRCLE,
    outcome::{Code, Refusal},
};

/// What routing knows of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: SessionId,
    /// Its title.
    pub title: String,
    /// Its circle.
    pub circle: String,
    /// Its roles.
    pub roles: Vec<String>,
    /// Whether it takes messages.
    pub is_open: bool,
}

#[derive(Debug, Default)]
struct Circle {
    open: BTreeSet<SessionId>,
    titles: HashMap<String, Vec<SessionId>>,
    roles: HashMap<String, Vec<SessionId>>,
    closed_titles: HashMap<String, Vec<SessionId>>,
}

impl Circle {
    fn is_empty(&self) -> bool {
        self.open.is_empty() && self.closed_titles.is_empty()
    }
}

/// All sessions by id, title and role.
#[derive(Debug, Default)]
pub struct Directory {
    sessions: HashMap<SessionId, Entry>,
    circles: BTreeMap<String, Circle>,
}

impl Directory {
    /// Adds a session, or replaces what was known of it.
    pub fn insert(&mut self, entry: Entry) {
        self.unindex(entry.id);
        let circle = self.circles.entry(entry.circle.clone()).or_default();
        if entry.is_open {
            circle.open.insert(entry.id);
            circle.titles.entry(entry.title.clone()).or_default().push(entry.id);
            for role in &entry.roles {
                circle.roles.entry(role.clone()).or_default().push(entry.id);
            }
        } else {
            circle.closed_titles.entry(entry.title.clone()).or_default().push(entry.id);
        }
        self.sessions.insert(entry.id, entry);
    }

    /// Returns what is known of a session.
    pub fn get(&self, id: SessionId) -> Option<&Entry> {
        self.sessions.get(&id)
    }

    /// Returns all sessions, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.sessions.values()
    }

    /// Returns the open sessions of a circle, oldest first.
    pub fn members(&self, circle: &str) -> impl Iterator<Item = SessionId> + '_ {
        self.circles.get(circle).into_iter().flat_map(|circle| circle.open.iter().copied())
    }

    /// Finds the one open session that `address` means to `caller` and that takes something. `field` names the input at fault.
    pub fn resolve(&self, address: &Address, caller: &Principal, field: &str) -> Result<&Entry, Refusal> {
        let entry = match self.find(address, caller, field) {
            // Which of several closed ones was meant does not matter.
            Err(refusal) if refusal.code == Code::AmbiguousSession && self.is_only_closed(address, caller) => {
                let message =
                    format!("the sessions that were called `{address}` are closed; messages go to open sessions");
                return Err(Refusal::new(Code::SessionClosed, message).at(field));
            }
            found => found?,
        };
        if !entry.is_open {
            let message = format!("the session `{}` is closed; messages go to open sessions", entry.title);
            return Err(Refusal::new(Code::SessionClosed, message).at(field));
        }
        if entry.circle == MESH_CIRCLE {
            let message =
                format!("the session `{}` is the log of the daemon itself: it is read, not written to", entry.title);
            return Err(Refusal::new(Code::Forbidden, message).at(field));
        }
        Ok(entry)
    }

    /// Finds the one session that `address` means to `caller`; by id or title also a closed one.
    pub fn find(&self, address: &Address, caller: &Principal, field: &str) -> Result<&Entry, Refusal> {
        match address {
            Address::Session(id) => self
                .sessions
                .get(id)
                .filter(|entry| caller.reaches(&entry.circle) || entry.id == caller.home)
                .ok_or_else(|| unknown(format!("no session `{id}` in reach"), field)),
            Address::Title { circle, title } => {
                let name = self.circle_of(circle.as_deref(), caller, field)?;
                self.one(
                    name,
                    address,
                    |circle| circle.titles.get(title).or_else(|| circle.closed_titles.get(title)),
                    field,
                )
            }
            Address::Role { circle, role } => {
                let name = self.circle_of(circle.as_deref(), caller, field)?;
                self.one(name, address, |circle| circle.roles.get(role), field)
            }
        }
    }

    fn is_only_closed(&self, address: &Address, caller: &Principal) -> bool {
        let Address::Title { circle, title } = address else { return false };
        let circle = self.circles.get(circle.as_deref().unwrap_or_else(|| caller.circle()));
        circle.is_some_and(|circle| !circle.titles.contains_key(title))
    }

    fn circle_of<'a>(&self, named: Option<&'a str>, caller: &'a Principal, field: &str) -> Result<&'a str, Refusal> {
        let circle = named.unwrap_or_else(|| caller.circle());
        if caller.reaches(circle) {
            return Ok(circle);
        }
        let message = format!("the circle `{circle}` is not in reach of `{}`", caller.name);
        Err(Refusal::new(Code::Forbidden, message).at(field).with_candidates(caller.circles.iter().cloned()))
    }

    fn one(
        &self,
        circle: &str,
        address: &Address,
        ids: impl Fn(&Circle) -> Option<&Vec<SessionId>>,
        field: &str,
    ) -> Result<&Entry, Refusal> {
        let known = self.circles.get(circle);
        match known.and_then(ids).map(Vec::as_slice).unwrap_or_default() {
            [id] => self.sessions.get(id).ok_or_else(|| unknown(format!("no session `{address}` in reach"), field)),
            [] => {
                let message = format!("no session `{address}` in the circle `{circle}`");
                let near = known.into_iter().flat_map(|circle| near(circle, address));
                Err(unknown(message, field).with_candidates(near))
            }
            several => {
                let message = format!("{} sessions are called `{address}`; name one by its id", several.len());
                let candidates = several.iter().map(ToString::to_string);
                Err(Refusal::new(Code::AmbiguousSession, message).at(field).with_candidates(candidates))
            }
        }
    }

    fn unindex(&mut self, id: SessionId) {
        let Some(old) = self.sessions.get(&id) else { return };
        let Some(circle) = self.circles.get_mut(&old.circle) else { return };
        circle.open.remove(&id);
        forget(&mut circle.titles, &old.title, id);
        forget(&mut circle.closed_titles, &old.title, id);
        for role in &old.roles {
            forget(&mut circle.roles, role, id);
        }
        if circle.is_empty() {
            self.circles.remove(&old.circle.clone());
        }
    }
}

fn forget(index: &mut HashMap<String, Vec<SessionId>>, name: &str, id: SessionId) {
    if let Some(ids) = index.get_mut(name) {
        ids.retain(|other| *other != id);
        if ids.is_empty() {
            index.remove(name);
        }
    }
}

fn unknown(message: String, field: &str) -> Refusal {
    Refusal::new(Code::UnknownSession, message).at(field)
}

/// The names most like the one that was not found, most alike first.
fn near(circle: &Circle, address: &Address) -> Vec<String> {
    let roles = circle.roles.keys().map(|role| format!("@{role}"));
    let mut names = nearest_first(&address.to_string(), circle.titles.keys().cloned().chain(roles));
    names.truncate(5);
    names
}

/// Sorts names by how much they are like the one that was wanted.
pub(crate) fn nearest_first(wanted: &str, names: impl IntoIterator<Item = String>) -> Vec<String> {
    let wanted = wanted.to_lowercase();
    let mut names: Vec<(usize, String)> =
        names.into_iter().map(|name| (distance(&wanted, &name.to_lowercase()), name)).collect();
    names.sort();
    names.dedup();
    names.into_iter().map(|(_, name)| name).collect()
}

/// How many single-character edits turn one name into the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PrincipalId, PrincipalKind};

    fn id(n: u128) -> SessionId {
        SessionId::from_uuid(uuid::Uuid::from_u128(n))
    }

    fn entry(n: u128, circle: &str, title: &str, role: &str) -> Entry {
        Entry { id: id(n), title: title.into(), circle: circle.into(), roles: vec![role.into()], is_open: true }
    }

    fn caller(circles: &[&str]) -> Principal {
        Principal {
            id: PrincipalId::from_uuid(uuid::Uuid::nil()),
            kind: PrincipalKind::Agent,
            name: "tester".into(),
            scopes: PrincipalKind::Agent.default_scopes(),
            circles: circles.iter().map(|c| (*c).to_owned()).collect(),
            home: id(99),
        }
    }

    fn directory() -> Directory {
        let mut directory = Directory::default();
        directory.insert(entry(1, "main", "review", "critic"));
        directory.insert(entry(2, "main", "build", "worker"));
        directory.insert(entry(3, "main", "build", "worker"));
        directory.insert(entry(4, "ops", "pager", "oncall"));
        directory
    }

    fn resolve(address: &str, circles: &[&str]) -> Result<SessionId, Refusal> {
        directory().resolve(&address.parse().unwrap(), &caller(circles), "to").map(|entry| entry.id)
    }

    #[test]
    fn a_session_is_found_by_title_role_and_id() {
        assert_eq!(resolve("review", &["main"]), Ok(id(1)));
        assert_eq!(resolve("@critic", &["main"]), Ok(id(1)));
        assert_eq!(resolve("main/review", &["main"]), Ok(id(1)));
        assert_eq!(resolve(&id(1).to_string(), &["main"]), Ok(id(1)));
        assert_eq!(resolve("ops/@oncall", &["main", "ops"]), Ok(id(4)));
    }

    #[test]
    fn an_unknown_name_lists_what_is_near() {
        let refusal = resolve("reveiw", &["main"]).unwrap_err();
        assert_eq!((refusal.code, refusal.field.as_deref()), (Code::UnknownSession, Some("to")));
        assert_eq!(refusal.candidates[0], "review");
    }

    #[test]
    fn an_ambiguous_name_lists_the_candidates() {
        for address in ["build", "@worker"] {
            let refusal = resolve(address, &["main"]).unwrap_err();
            assert_eq!(refusal.code, Code::AmbiguousSession);
            assert_eq!(refusal.candidates, [id(2).to_string(), id(3).to_string()]);
        }
    }

    #[test]
    fn another_circle_is_out_of_reach_even_by_id() {
        assert_eq!(resolve("ops/pager", &["main"]).unwrap_err().code, Code::Forbidden);
        assert_eq!(resolve(&id(4).to_string(), &["main"]).unwrap_err().code, Code::UnknownSession);
    }

    #[test]
    fn the_log_of_the_daemon_is_found_by_humans_and_takes_nothing() {
        let mut directory = directory();
        directory.insert(entry(5, MESH_CIRCLE, "mesh", "x"));
        let address: Address = "mesh/mesh".parse().unwrap();
        let human = Principal { kind: PrincipalKind::Human, ..caller(&["main"]) };
        assert_eq!(directory.find(&address, &human, "session").unwrap().id, id(5));
        let refusal = directory.resolve(&address, &human, "to").unwrap_err();
        assert!(refusal.message.contains("log of the daemon"), "{refusal:?}");
        for address in [address, Address::Session(id(5))] {
            assert!(directory.find(&address, &caller(&["main", "mesh"]), "session").is_err());
        }
    }

    #[test]
    fn a_closed_session_is_found_by_title_when_no_open_one_is_called_so() {
        let mut directory = directory();
        directory.insert(Entry { is_open: false, ..entry(1, "main", "review", "critic") });
        let find = |directory: &Directory| {
            directory.find(&"review".parse().unwrap(), &caller(&["main"]), "session").map(|entry| entry.id)
        };
        assert_eq!(find(&directory), Ok(id(1)));
        directory.insert(Entry { is_open: false, ..entry(5, "main", "review", "critic") });
        assert_eq!(find(&directory).unwrap_err().candidates, [id(1).to_string(), id(5).to_string()]);
        let told = directory.resolve(&"review".parse().unwrap(), &caller(&["main"]), "to").unwrap_err();
        assert_eq!(told.code, Code::SessionClosed);
        directory.insert(entry(6, "main", "review", "critic"));
        assert_eq!(find(&directory), Ok(id(6)));
    }

    #[test]
    fn a_closed_session_is_found_by_id_and_refused_in_words() {
        let mut directory = directory();
        directory.insert(Entry { is_open: false, ..entry(1, "main", "review", "critic") });
        let by_id = directory.resolve(&Address::Session(id(1)), &caller(&["main"]), "to").unwrap_err();
        assert_eq!(by_id.code, Code::SessionClosed);
        let by_title = directory.resolve(&"review".parse().unwrap(), &caller(&["main"]), "to").unwrap_err();
        assert_eq!(by_title.code, Code::SessionClosed);
        assert_eq!(directory.members("main").collect::<Vec<_>>(), [id(2), id(3)]);
    }
}
