//! Searches: names are looked up, the reach of the caller is drawn, and what is found is told.

use std::collections::HashSet;

use tieline_model::{
    Address, Code, Refusal, Reply, SessionId,
    command::Search,
    reply::{ByteRange, FoundPage, SearchHit},
    route::Entry,
};
use tieline_search::{Found, Hit, IndexError, Page, Parsed, Place, SearchError, parse, search};
use tieline_store::StoreError;

use super::{Query, limit};
use crate::{
    decide::Stop,
    search::{Documents, role},
};

/// How many sessions, circles, kinds or authors one search may name of each.
const MAX_NAMES: usize = 100;

impl Query<'_> {
    /// Answers `search`.
    pub(super) fn search(&mut self, ask: &Search) -> Result<Reply, Stop> {
        let limit = limit(ask.limit, 20, 100, "search.limit")? as usize;
        let found = self.look_up(ask, limit, "search")?;
        let hits = found.hits.into_iter().map(|hit| self.tell(hit)).collect();
        let next = found.next.map(|place| place.to_string());
        Ok(Reply::Found(FoundPage { hits, next, behind: found.behind }))
    }

    /// Searches. `command` is the one whose fields are at fault when something is wrong.
    pub(super) fn look_up(&mut self, ask: &Search, limit: usize, command: &str) -> Result<Found, Stop> {
        let at = |field: &str| format!("{command}.{field}");
        let place = match &ask.next {
            Some(text) => Some(text.parse::<Place>().map_err(|()| {
                bad(format!("`{text}` is no place to go on from; wanted the `next` of an earlier page"), &at("next"))
            })?),
            None => None,
        };
        let parsed =
            parse(&ask.query, self.shared.clock.now()).map_err(|error| bad(error.to_string(), &at("query")))?;
        let query = self.resolve(ask, parsed, command)?;
        let Some(index) = self.shared.search.index() else {
            return Err(unusable("it could not be opened"));
        };
        let mut source = Documents(&mut self.reader);
        let page = Page { limit, place };
        let mut found = search(index, &mut source, &query, page);
        if let Err(SearchError::Index(IndexError::Damaged(why))) = &found {
            self.shared.search.rebuild(why).map_err(unusable)?;
            found = search(index, &mut source, &query, page);
        }
        found.map_err(|error| match error {
            SearchError::Source(error) => Stop::Store(error),
            SearchError::Index(error) => unusable(error),
        })
    }

    fn resolve(&mut self, ask: &Search, parsed: Parsed, command: &str) -> Result<tieline_search::Query, Stop> {
        let at = |field: &str| format!("{command}.{field}");
        let mut sessions = HashSet::new();
        for (n, address) in ask.sessions.iter().enumerate() {
            sessions.insert(self.find(address, &format!("{command}.sessions[{n}]"))?);
        }
        for text in &parsed.sessions {
            let address: Address =
                text.parse().map_err(|error| bad(format!("`session:{text}`: {error}"), &at("query")))?;
            sessions.insert(self.find(&address, &at("query"))?);
        }
        let circles: Vec<&str> = ask.circle.iter().chain(&parsed.circles).map(String::as_str).collect();
        if let Some(circle) = circles.iter().find(|circle| !self.caller.reaches(circle)) {
            let message = format!("the circle `{circle}` is not in reach of `{}`", self.caller.name);
            let field = if ask.circle.as_deref() == Some(circle) { "circle" } else { "query" };
            return Err(Refusal::new(Code::Forbidden, message).at(at(field)).into());
        }
        let names: Vec<&String> = ask.author.iter().chain(&parsed.authors).collect();
        let kinds: Vec<String> = ask.kinds.iter().chain(&parsed.kinds).cloned().collect();
        for (what, count) in
            [("sessions", sessions.len()), ("circles", circles.len()), ("authors", names.len()), ("kinds", kinds.len())]
        {
            if count > MAX_NAMES {
                return Err(bad(format!("{count} {what}; wanted at most {MAX_NAMES}"), &at("query")));
            }
        }
        let mut authors = None;
        for name in names {
            let known: &mut Vec<_> = authors.get_or_insert_default();
            known.extend(role(name));
            known.extend(self.reader.principals_named(name)?.into_iter().map(tieline_search::Author::Principal));
        }
        let is_asked_for = |entry: &Entry| {
            (sessions.is_empty() || sessions.contains(&entry.id))
                && (circles.is_empty() || circles.contains(&entry.circle.as_str()))
                && parsed.is_open.is_none_or(|is_open| is_open == entry.is_open)
        };
        let in_reach = |entry: &Entry| self.caller.reaches(&entry.circle) || entry.id == self.caller.home;
        let sessions: HashSet<SessionId> = self.shared.directory(|directory| {
            directory.iter().filter(|entry| in_reach(entry) && is_asked_for(entry)).map(|entry| entry.id).collect()
        });
        let query = tieline_search::Query {
            terms: parsed.terms,
            without: parsed.without,
            kinds,
            authors,
            flags: parsed.flags,
            after: parsed.after.max(ask.after_ms),
            before: parsed.before.into_iter().chain(ask.before_ms).min(),
            sessions,
        };
        Ok(query)
    }

    fn tell(&self, hit: Hit) -> SearchHit {
        SearchHit {
            link: format!("tieline://{}/{}", hit.session, hit.cursor),
            cursor: hit.cursor,
            session: hit.session,
            title: self.shared.title(hit.session),
            seq: hit.seq,
            at_ms: hit.at_ms,
            kind: hit.kind.to_owned(),
            snippet: hit.snippet.text,
            matches: hit.snippet.matches.into_iter().map(|at| ByteRange { start: at.start, end: at.end }).collect(),
            is_cut_before: hit.snippet.is_cut_before,
            is_cut_after: hit.snippet.is_cut_after,
        }
    }
}

/// The index is no part of the store, but fails its callers in the same way.
fn unusable(why: impl ToString) -> Stop {
    Stop::Store(StoreError::Damaged { table: "search.db", what: why.to_string() })
}

fn bad(message: String, field: &str) -> Stop {
    Refusal::new(Code::BadInput, message).at(field).into()
}
