//! The chain: each event about memory names the link before it and its own, which is the hash of all that it says.

use crate::EventBody;

/// The story does not hold together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {seq}: {what} is `{found}`; wanted `{wanted}`")]
pub struct Broken {
    /// The number of the event.
    pub seq: u64,
    /// What of it.
    pub what: &'static str,
    /// What it says.
    pub found: String,
    /// What follows from the events.
    pub wanted: String,
}

/// Links an event about memory to the one before, and returns its own link.
pub fn seal(body: &mut EventBody, before: &str) -> String {
    let Some((its_before, its_after)) = links(body) else { return before.to_owned() };
    before.clone_into(its_before);
    its_after.clear();
    let after = hash(body);
    if let Some((_, its_after)) = links(body) {
        its_after.clone_from(&after);
    }
    after
}

/// Checks both links of an event; others have none.
pub(super) fn check(before: &str, seq: u64, body: &EventBody) -> Result<(), Broken> {
    let mut copy = body.clone();
    let Some((its_before, _)) = links(&mut copy) else { return Ok(()) };
    if its_before != before {
        let found = its_before.clone();
        return Err(Broken { seq, what: "the link before", found, wanted: before.to_owned() });
    }
    let Some((_, its_after)) = links(&mut copy) else { return Ok(()) };
    let found = std::mem::take(its_after);
    let wanted = hash(&copy);
    if found == wanted {
        return Ok(());
    }
    Err(Broken { seq, what: "its own link", found, wanted })
}

fn hash(body: &EventBody) -> String {
    // The model's types are written field by field in one order, so equal events have equal JSON.
    let json = serde_json::to_vec(body).unwrap_or_default();
    blake3::hash(&json).to_hex().to_string()
}

fn links(body: &mut EventBody) -> Option<(&mut String, &mut String)> {
    match body {
        EventBody::MemoryRecorded(it) => Some((&mut it.before, &mut it.after)),
        EventBody::MemoryProposed(it) => Some((&mut it.before, &mut it.after)),
        EventBody::MemoryApplied(it) => Some((&mut it.before, &mut it.after)),
        EventBody::MemoryRejected(it) => Some((&mut it.before, &mut it.after)),
        _ => None,
    }
}
