//! Which marks hold the sessions that a caller may see, so that the index looks through little else.
//!
//! A cover may hold more sessions than are wanted, never fewer: what is found is looked at once more.

use std::collections::{BTreeMap, HashMap, HashSet};

use tieline_model::SessionId;

use crate::mark;

/// Up to so many sessions of a circle are named one by one.
const MAX_NAMED: usize = 8;
/// With more marks than this the index looks through everything.
const MAX_MARKS: usize = 256;

/// What the sessions are narrowed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cover {
    /// The marks; a document of a wanted session has one of them.
    pub marks: Vec<String>,
    /// Whether they hold every document, so that a query with something else to go by needs none of them.
    pub is_all: bool,
}

/// Covers the wanted sessions. `homes` has the circle under which each indexed session is marked.
pub fn cover(wanted: &HashSet<SessionId>, homes: &HashMap<SessionId, String>) -> Cover {
    let mut circles: BTreeMap<&str, (usize, Vec<SessionId>)> = BTreeMap::new();
    for (session, circle) in homes {
        let (size, found) = circles.entry(circle).or_default();
        *size += 1;
        if wanted.contains(session) {
            found.push(*session);
        }
    }
    let mut marks = Vec::new();
    let mut is_all = true;
    for (circle, (size, found)) in &circles {
        let is_whole = found.len() == *size;
        if is_whole || found.len() > MAX_NAMED {
            marks.push(mark::circle(circle));
        } else {
            is_all = false;
            marks.extend(found.iter().map(|session| mark::session(*session)));
        }
    }
    if !is_all && marks.len() > MAX_MARKS {
        return Cover { marks: circles.keys().map(|circle| mark::circle(circle)).collect(), is_all: true };
    }
    Cover { marks, is_all }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(number: u128) -> SessionId {
        SessionId::from_uuid(uuid::Uuid::from_u128(number))
    }

    #[test]
    fn few_sessions_are_named_and_many_are_covered_by_their_circle() {
        let homes: HashMap<_, _> =
            (0..30).map(|n| (session(n), if n < 20 { "main" } else { "ops" }.to_owned())).collect();
        let cover_of = |numbers: std::ops::Range<u128>| cover(&numbers.map(session).collect(), &homes);
        let (main, ops) = (mark::circle("main"), mark::circle("ops"));
        let marks = |marks: Vec<String>| Cover { marks, is_all: false };
        assert_eq!(cover_of(1..2), marks(vec![mark::session(session(1))]));
        assert_eq!(cover_of(0..20), marks(vec![main.clone()]));
        assert_eq!(cover_of(0..15), marks(vec![main.clone()]));
        assert_eq!(cover_of(40..50), marks(Vec::new()));
        assert_eq!(cover_of(0..21), marks(vec![main.clone(), mark::session(session(20))]));
        assert_eq!(cover_of(0..30), Cover { marks: vec![main, ops], is_all: true });
    }

    #[test]
    fn too_many_marks_are_no_marks() {
        // Three sessions in each circle, two of which are wanted.
        let homes: HashMap<_, _> = (0..900).map(|n| (session(n), format!("c{}", n / 3))).collect();
        let wanted = (0..900).filter(|n| n % 3 != 0).map(session).collect();
        assert!(cover(&wanted, &homes).is_all);
    }
}
