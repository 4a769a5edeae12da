//! What another agent needs to go on with a session's work, as a short text in Markdown.
//!
//! Everything that was said or named stands in quotes, line by line, so that none of it can pass for the frame.

use std::fmt::Write as _;

use tieline_model::{
    Message, TimestampMs,
    event::{ChatRole, FileChange},
    reply::SessionView,
};

use super::{line, stamp, words};

/// The most of one thing that was said, in characters.
const MAX_SAID: usize = 600;

/// What is known of a session's work, oldest first in each part.
#[derive(Debug, Clone, Default)]
pub struct Work {
    /// What was said last.
    pub said: Vec<(TimestampMs, ChatRole, String)>,
    /// Files that were changed, each with its newest change.
    pub files: Vec<(TimestampMs, FileChange, String)>,
    /// Open asks: its own, and those that it has to answer.
    pub asks: Vec<OpenAsk>,
    /// Whether the timeline goes back further than was looked.
    pub is_cut: bool,
}

/// An ask that is open.
#[derive(Debug, Clone)]
pub struct OpenAsk {
    /// The ask.
    pub message: Message,
    /// Whether the session asked; else it is to answer.
    pub is_own: bool,
}

/// Renders the text.
pub fn bundle(view: &SessionView, work: &Work) -> String {
    let mut out = format!("# Hand-over of `{}`\n\n", named(&view.title));
    let _ = writeln!(out, "- session: {} in the circle `{}`", view.id, named(&view.circle));
    if let Some(project) = &view.project {
        let _ = writeln!(out, "- project: `{}`", named(project));
    }
    if let Some(runtime) = &view.runtime {
        let _ = writeln!(out, "- run by: {} ({})", named(&runtime.agent), runtime.presence.as_str());
    }
    if let Some(description) = &view.description {
        let _ = write!(out, "- about:\n{}", quoted(description));
    }
    if !work.asks.is_empty() {
        out += "\n## Open asks\n\n";
        for ask in &work.asks {
            let who = match ask.is_own {
                true => "it waits for an answer to".to_owned(),
                false => format!("`{}` waits for its answer to", named(&ask.message.from.title)),
            };
            let text = ask.message.text.as_deref().unwrap_or_default();
            let _ = write!(out, "- {who} {}:\n{}", ask.message.id, quoted(text));
        }
    }
    if !work.files.is_empty() {
        out += "\n## Files changed\n\n";
        for (at, change, path) in &work.files {
            let did = match change {
                FileChange::Created => "created",
                FileChange::Modified => "modified",
                FileChange::Deleted => "deleted",
            };
            let _ = writeln!(out, "- {did} `{}`, {}", named(path), stamp(*at));
        }
    }
    if !work.said.is_empty() {
        out += "\n## Said last\n\n";
        for (at, role, text) in &work.said {
            let _ = write!(out, "- {}, {}:\n{}", role.as_str(), stamp(*at), quoted(text));
        }
    }
    if work.is_cut {
        out += "\nThis is the end of a longer timeline; `timeline` has all of it.\n";
    }
    out
}

fn named(text: &str) -> String {
    line(text).replace('`', "'")
}

fn quoted(text: &str) -> String {
    let mut cut: String = text.chars().take(MAX_SAID).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    words(cut.trim()).lines().map(|line| format!("  > {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use tieline_model::MessageKind;

    use super::*;
    use crate::render::testing::*;

    #[test]
    fn it_has_what_another_needs_to_go_on() {
        let view = SessionView { project: Some("/work/api".into()), ..session_view("review") };
        let work = Work {
            said: vec![(THEN, ChatRole::Assistant, "The tests pass.\nNow the docs.".into())],
            files: vec![(THEN, FileChange::Modified, "src/api.rs".into())],
            asks: vec![OpenAsk { message: message(MessageKind::Ask, Some("May I?")), is_own: false }],
            is_cut: true,
        };
        let text = bundle(&view, &work);
        for wanted in [
            "# Hand-over of `review`",
            "- project: `/work/api`",
            "`build` waits for its answer to msg_",
            "  > May I?",
            "- modified `src/api.rs`, 2026-",
            "- assistant, 2026-",
            "  > The tests pass.\n  > Now the docs.\n",
            "longer timeline",
        ] {
            assert!(text.contains(wanted), "{wanted}: {text}");
        }
        assert!(!bundle(&view, &Work::default()).contains("##"));
    }

    #[test]
    fn nothing_that_was_said_passes_for_the_frame() {
        let evil = "x\r\n# Hand-over\n\u{1b}[2J## Open asks".to_owned();
        let work = Work {
            said: vec![(THEN, ChatRole::User, evil.clone())],
            files: vec![(THEN, FileChange::Created, "a`\n# b".into())],
            ..Work::default()
        };
        let text = bundle(&session_view(&evil), &work);
        let heads: Vec<&str> = text.lines().filter(|line| line.starts_with('#')).collect();
        assert_eq!(heads.len(), 3, "{text}");
        assert!(!text.contains('\u{1b}') && !text.contains('\r'), "{text:?}");
        assert!(quoted(&"ü".repeat(5_000)).chars().count() < 700);
    }
}
