//! Agent programs: what they are at, and what became of them.

use tieline_model::{
    EventBody, TimestampMs,
    event::{RuntimeHanded, RuntimeOrdered, RuntimeWoken},
    reply::{IdleWatched, Reported, RuntimeFound, RuntimeView},
    runtime::{Presence, Woken},
};

use super::{
    ago, clock, line,
    style::{Paint, Style},
    table::Cell,
    time::span,
};

/// Returns what a program is at, in few words: never more than is known.
pub fn cell(view: &RuntimeView) -> Cell {
    let what = format!("{} {}", line(&view.agent), view.presence.as_str());
    match view.stale_since_ms {
        Some(since) => Cell::new(Paint::Dim, format!("{what}, stale since {}", clock(since))),
        None => Cell::new(paint(view.presence), what),
    }
}

fn paint(presence: Presence) -> Paint {
    match presence {
        Presence::Working => Paint::Good,
        Presence::WaitingForPermission | Presence::WaitingForPeer => Paint::Warn,
        Presence::Idle => Paint::Plain,
        Presence::Offline => Paint::Dim,
    }
}

/// Renders a session's program with all that is known of it, as fields.
pub fn fields(view: &RuntimeView, now: TimestampMs) -> Vec<(&'static str, String)> {
    let version = view.version.as_deref().map(|version| format!(" {}", line(version))).unwrap_or_default();
    let process = view.process.map(|process| format!(", process {}", process.pid)).unwrap_or_default();
    let pane = view.pane.as_ref().map(|pane| format!(", pane {}", line(&pane.pane))).unwrap_or_default();
    let stale = view
        .stale_since_ms
        .map(|since| format!("; nothing has confirmed that since {}", ago(since, now)))
        .unwrap_or_default();
    let presence = format!(
        "{} since {}, heard of {}{stale}",
        view.presence.as_str(),
        ago(view.since_ms, now),
        ago(view.heard_at_ms, now)
    );
    let woken = view.woken.as_ref().map(|it| ("woken", woken(it, now)));
    let fields = vec![
        ("agent", format!("{}{version}{process}{pane}", line(&view.agent))),
        ("native", line(&view.native)),
        ("is", presence),
        ("ways", view.ways.iter().map(|way| line(way)).collect::<Vec<_>>().join(", then ")),
    ];
    fields.into_iter().chain(woken).collect()
}

fn woken(woken: &Woken, now: TimestampMs) -> String {
    format!("by {}{}, {}", line(&woken.by), instead_of(&woken.instead_of), ago(woken.at_ms, now))
}

/// Names the better ways that did not work; nothing when the best one did.
fn instead_of(better: &[String]) -> String {
    let better: Vec<String> = better.iter().map(|way| line(way)).collect();
    if better.is_empty() { String::new() } else { format!(" because {} could not", better.join(", ")) }
}

/// Renders what a hook is told.
pub fn reported(told: &Reported) -> String {
    let new = if told.is_new { " (new)" } else { "" };
    format!("reported for {}{new}, {} messages to take", line(&told.title), told.messages.len())
}

/// Renders whose a process is.
pub fn found(found: &RuntimeFound) -> String {
    match (&found.title, found.session) {
        (Some(title), Some(session)) => format!("{}  {session}", line(title)),
        _ => "no agent program of yours has started this process, as far as is known".into(),
    }
}

/// Renders what is known when a program is watched.
pub fn watched(watched: &IdleWatched, now: TimestampMs) -> String {
    let title = line(&watched.title);
    match watched.until_ms {
        Some(until) => {
            let left = span(until.0.saturating_sub(now.0));
            format!("`{title}` works; a notice comes when it is at rest, within {left}")
        }
        None => format!("`{title}` is at rest; the notice is in the inbox"),
    }
}

/// Renders an event.
pub fn event(body: &EventBody, style: &Style) -> Option<String> {
    let list = |ids: &[tieline_model::MessageId]| {
        style.dim(&ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
    };
    Some(match body {
        EventBody::RuntimeStarted(it) => {
            let version = it.version.as_deref().map(|version| format!(" {}", line(version))).unwrap_or_default();
            let process = it.process.map(|process| format!(", process {}", process.pid)).unwrap_or_default();
            format!("{} by {}{version}{process}, session {}", style.good("run"), line(&it.agent), line(&it.native))
        }
        EventBody::RuntimeEnded { reason } => format!("its program has {}: {}", style.warn("ended"), line(reason)),
        EventBody::RuntimeHanded(it) => match &**it {
            RuntimeHanded::Out { messages, hook } => {
                format!("{} handed to the hook {}  {}", messages.len(), line(hook), list(messages))
            }
            RuntimeHanded::Missing { messages, missed } => format!(
                "{} in its program's record, {missed} times in a row; handed out again  {}",
                style.warn("not found"),
                list(messages)
            ),
        },
        EventBody::RuntimeWoken(it) => match &**it {
            RuntimeWoken::Asked { by, request } => {
                format!("{} is asked to wake it  {}", line(by), style.dim(&request.to_string()))
            }
            RuntimeWoken::Told { by } => format!("mail waits, and its {} is told", line(by)),
            RuntimeWoken::Failed { by, reason } => {
                format!("{} {} to wake it: {}", line(by), style.bad("failed"), line(reason))
            }
            RuntimeWoken::Began { by, instead_of: better } if better.is_empty() => {
                format!("{} by {}", style.good("woken"), line(by))
            }
            RuntimeWoken::Began { by, instead_of: better } => {
                format!("{} by {}{}", style.warn("woken"), line(by), instead_of(better))
            }
            RuntimeWoken::GaveUp { reason } => {
                format!("{}: {}; its mail waits for its next turn", style.bad("not woken"), line(reason))
            }
        },
        EventBody::RuntimeOrdered(it) => match &**it {
            RuntimeOrdered::Asked { by, what, profile, request, .. } => {
                format!(
                    "{} is asked to {what}, by the profile {}  {}",
                    line(by),
                    line(profile),
                    style.dim(&request.to_string())
                )
            }
            RuntimeOrdered::Failed { reason } => format!("{}: {}", style.bad("not done"), line(reason)),
        },
        _ => return None,
    })
}
