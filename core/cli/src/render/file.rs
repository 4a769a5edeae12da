//! Files that sessions work on: leases, and collisions.

use tieline_model::{
    SessionId, TimestampMs,
    event::{Claim, FileCollision},
    reply::{FileLeaseView, FileLeased, FileLeases, FileReleased},
};

use super::{
    clock, line,
    style::{Paint, Style},
    table::{Cell, table},
    time::span,
};

/// Renders what was leased.
pub fn leased(reply: &FileLeased, style: &Style, now: TimestampMs) -> String {
    let mut out = leases(&reply.leases, style, now);
    if !reply.others.is_empty() {
        out += &format!("\n\n{} by others, too; talk to them:\n", style.warn("leased"));
        out += &leases(&reply.others, style, now);
    }
    out
}

/// Renders the leases that hold.
pub fn list(reply: &FileLeases, style: &Style, now: TimestampMs) -> String {
    if reply.leases.is_empty() {
        return "no files are on lease".into();
    }
    let more = if reply.has_more { "\nand more" } else { "" };
    format!("{}{more}", leases(&reply.leases, style, now))
}

/// Renders what was given back.
pub fn released(reply: &FileReleased) -> String {
    if reply.paths.is_empty() {
        return "nothing was on lease".into();
    }
    reply.paths.iter().map(|path| format!("released {}", line(path))).collect::<Vec<_>>().join("\n")
}

fn leases(leases: &[FileLeaseView], style: &Style, now: TimestampMs) -> String {
    let row = |it: &FileLeaseView| {
        let left = span(it.until_ms.0.saturating_sub(now.0));
        [
            Cell::new(Paint::Plain, line(&it.path)),
            Cell::new(Paint::Bold, line(&it.title)),
            Cell::new(Paint::Dim, left),
            Cell::new(Paint::Plain, it.note.as_deref().map(line).unwrap_or_default()),
        ]
    };
    table(style, ["file", "session", "left", "note"], &leases.iter().map(row).collect::<Vec<_>>())
}

/// Renders a collision on the timeline of either side.
pub fn collision(it: &FileCollision, name: &dyn Fn(SessionId) -> String, style: &Style) -> String {
    let files = it.files.iter().map(|file| {
        let did = match file.claim {
            Claim::Leased => "leased",
            Claim::Changed => "changed",
        };
        format!("{} ({did} {})", line(&file.path), clock(file.claimed_at_ms))
    });
    format!(
        "`{}` has changed files of `{}`, {}: {}  {}",
        line(&name(it.by)),
        line(&name(it.with)),
        style.warn("collision"),
        files.collect::<Vec<_>>().join(", "),
        style.dim(&it.notice.to_string())
    )
}
