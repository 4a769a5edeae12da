//! The memory of sessions, and what happens to it.

use tieline_model::{
    EventBody, SessionId,
    reply::{MemoryDiffView, MemoryLogView, MemoryRecordedView, MemoryView, ProposalState, ProposalView},
};

use super::{
    event, indented, line,
    style::{Paint, Style},
};

/// Renders that files were recorded.
pub fn recorded(view: &MemoryRecordedView) -> String {
    format!("recorded as event {} with the hash {}", view.seq, short(&view.hash))
}

/// Renders what a session works by, and whether its story holds together.
pub fn memory(view: &MemoryView, style: &Style) -> String {
    let mut out = Vec::new();
    if view.seq == 0 {
        out.push("nothing was recorded up to there".to_owned());
    } else {
        out.push(format!("in force since event {}; hash {}", view.seq, short(&view.hash)));
    }
    for file in &view.files {
        let since = format!("{} bytes, since event {} ({})", file.bytes, file.since_seq, line(&file.origin));
        out.push(format!("{}  {}", style.bold(&line(&file.path)), style.dim(&since)));
        out.push(indented(&file.text));
    }
    let gone = if view.missing > 0 { format!(", {} are gone", view.missing) } else { String::new() };
    out.push(match &view.broken {
        None => format!("{} ({} events{gone})", style.good("the story holds together"), view.checked),
        Some(broken) => format!("{}: {}", style.bad("the story does not hold together"), line(broken)),
    });
    out.extend(view.proposals.iter().map(|view| proposal(view, style)));
    out.join("\n")
}

/// Renders a proposed change.
pub fn proposal(view: &ProposalView, style: &Style) -> String {
    let paint = match view.state {
        ProposalState::Open => Paint::Warn,
        ProposalState::Applied => Paint::Good,
        ProposalState::Rejected => Paint::Bad,
    };
    let head = format!(
        "proposal {} for `{}`: {}",
        style.dim(&view.proposal.to_string()),
        line(&view.path),
        style.paint(paint, view.state.as_str())
    );
    format!("{head}\n  {}\n{}", line(&view.reason), indented(&view.diff))
}

/// Renders what differs.
pub fn diff(view: &MemoryDiffView) -> String {
    if view.files.is_empty() {
        return "nothing differs".into();
    }
    view.files.iter().map(|file| super::words(file.diff.trim_end())).collect::<Vec<_>>().join("\n")
}

/// Renders what happened.
pub fn log(view: &MemoryLogView, style: &Style) -> String {
    if view.events.is_empty() {
        return "nothing was recorded yet".into();
    }
    let name = |_: SessionId| String::new();
    let one = |it: &tieline_model::Event| format!("{:>6} {}", it.seq, event(it, &name, style));
    let mut lines: Vec<String> = view.events.iter().map(one).collect();
    lines.extend(view.events.last().filter(|_| view.has_more).map(|last| format!("more: --before {}", last.seq)));
    lines.join("\n")
}

/// Renders what happened to a memory; `None` for other events.
pub fn happened(body: &EventBody, style: &Style) -> Option<String> {
    let id = |id: &dyn std::fmt::Display| style.dim(&id.to_string());
    Some(match body {
        EventBody::MemoryRecorded(it) => {
            let files: Vec<String> = it.files.iter().map(|file| format!("`{}`", line(&file.path))).collect();
            format!("memory ({}): {}  {}", line(&it.origin), files.join(" "), id(&short(&it.hash)))
        }
        EventBody::MemoryProposed(it) => {
            format!("memory: a change of `{}` was proposed: {}  {}", line(&it.path), line(&it.reason), id(&it.proposal))
        }
        EventBody::MemoryApplied(it) => format!(
            "memory: a change of `{}` is {} by {}  {}",
            line(&it.path),
            style.good("in force"),
            id(&it.by),
            id(&it.proposal)
        ),
        EventBody::MemoryRejected(it) => {
            let note = it.note.as_deref().map(|note| format!(": {}", line(note))).unwrap_or_default();
            format!("memory: a change of `{}` was {}{note}  {}", line(&it.path), style.bad("refused"), id(&it.proposal))
        }
        _ => return None,
    })
}

fn short(hash: &str) -> String {
    line(hash).chars().take(12).collect()
}
