//! What was removed, and what was taken in.

use tieline_model::{
    event::{Purged, TimelineImported},
    reply::{ImportedView, PurgedView},
};

/// Says what was removed.
pub fn purged(view: &PurgedView) -> String {
    let PurgedView { session, through, events, messages } = view;
    let range = if *events > 0 { format!(", through number {through}") } else { String::new() };
    format!("removed {events} events{range}, and the words of {messages} messages\n{session}")
}

/// Says what was taken in.
pub fn imported(view: &ImportedView) -> String {
    let how = if view.is_new { "taken in as a new session" } else { "in this session already, now" };
    format!("{how} through number {}\n{}", view.through, view.session)
}

/// Says what happened.
pub fn was_purged(event: &Purged) -> String {
    let Purged { by, through, events, messages, all, .. } = event;
    let by = by.map(|by| format!(" by {by}")).unwrap_or_else(|| " because it was too old".to_owned());
    let all = if *all { "everything: " } else { "" };
    let range = if *events > 0 { format!(" through {through}") } else { String::new() };
    format!("purged{by}: {all}{events} events{range}, the words of {messages} messages")
}

/// Says what follows.
pub fn was_imported(event: &TimelineImported) -> String {
    let origin = &event.origin;
    format!("imported {} to {} of {} by {}", origin.first_seq, origin.last_seq, origin.session, event.by)
}
