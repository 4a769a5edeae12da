//! What an agent did, as one line.

use tieline_model::{
    event::{Activity, FileChange, Recorded, Switchable, TurnOutcome},
    reply::{RecordedView, TranscriptView, Transcripts},
};

use super::{
    line, span,
    style::{Paint, Style},
};

/// The longest text within one line, in characters; `--json` has it whole.
const SHORT: usize = 160;

/// Renders the answer to `record`.
pub fn recorded(reply: &RecordedView) -> String {
    let RecordedView { session, first_seq, last_seq } = reply;
    let count = last_seq + 1 - first_seq;
    let activities = if count == 1 { "activity" } else { "activities" };
    format!("recorded {count} {activities}, number {first_seq} to {last_seq} of {session}")
}

/// Renders transcripts that were taken in.
pub fn transcripts(reply: &Transcripts) -> String {
    let one = |view: &TranscriptView| {
        let (vendor, native) = (line(&view.source.vendor), line(&view.source.session));
        format!("{vendor} {native}: {} activities of {} lines, on {}", view.activities, view.lines, view.session)
    };
    match reply.transcripts.as_slice() {
        [] => "no transcripts".into(),
        all => all.iter().map(one).collect::<Vec<_>>().join("\n"),
    }
}

/// Renders an activity.
pub fn activity(recorded: &Recorded, style: &Style) -> String {
    match &recorded.what {
        Activity::TurnStarted { turn } => format!("turn {} started", line(turn)),
        Activity::TurnEnded { turn, outcome, reason, duration_ms } => {
            let paint = match outcome {
                TurnOutcome::Completed => Paint::Good,
                TurnOutcome::Interrupted => Paint::Warn,
                TurnOutcome::Failed => Paint::Bad,
            };
            let outcome = outcome.as_str();
            format!(
                "turn {} {}{}{}",
                line(turn),
                style.paint(paint, outcome),
                took(*duration_ms),
                why(reason.as_deref())
            )
        }
        Activity::Said { role, text, model } => {
            let by = model.as_deref().map(|model| format!(" ({})", line(model))).unwrap_or_default();
            format!("{}{}: {}", style.bold(role.as_str()), style.dim(&by), short(text))
        }
        Activity::Saying { role, text } => format!("{} …: {}", style.bold(role.as_str()), short(text)),
        Activity::ToolCalled { tool, input, .. } => format!("calls {} {}", style.bold(&line(tool)), short(input)),
        Activity::ToolEnded { call, is_ok, output, duration_ms } => {
            let ended = if *is_ok { style.good("done") } else { style.bad("failed") };
            format!("call {ended}{} {}  {}", took(*duration_ms), short(output), style.dim(&line(call)))
        }
        Activity::FileChanged { path, change, added, removed } => {
            let change = match change {
                FileChange::Created => "created",
                FileChange::Modified => "modified",
                FileChange::Deleted => "deleted",
            };
            let count = |sign: &str, lines: &Option<u64>| lines.map(|n| format!(" {sign}{n}")).unwrap_or_default();
            format!("{change} {}{}{}", line(path), count("+", added), count("-", removed))
        }
        Activity::ApprovalAsked { subject, .. } => format!("{} approval: {}", style.warn("asks for"), short(subject)),
        Activity::ApprovalDecided { approval, is_allowed, reason } => {
            let verdict = if *is_allowed { style.good("allowed") } else { style.bad("denied") };
            format!("approval {} {verdict}{}", line(approval), why(reason.as_deref()))
        }
        Activity::Switched { what, from, to } => {
            let what = match what {
                Switchable::Backend => "backend",
                Switchable::Model => "model",
            };
            let from = from.as_deref().map(|from| format!(" from {}", line(from))).unwrap_or_default();
            format!("switched its {what}{from} to {}", line(to))
        }
        Activity::Resumed { from } => format!("resumed {}", line(from)),
        Activity::Compacted { summary } => format!("summed up what came before: {}", short(summary)),
        Activity::Spent { model, input_tokens, output_tokens, cached_tokens, cost_micro_usd } => {
            let model = model.as_deref().map(|model| format!(" on {}", line(model))).unwrap_or_default();
            let cached = cached_tokens.map(|tokens| format!(" ({tokens} cached)")).unwrap_or_default();
            let cost = cost_micro_usd.map(|micro| format!(", {}", dollars(micro))).unwrap_or_default();
            format!("used {input_tokens} tokens{cached} and wrote {output_tokens}{model}{cost}")
        }
        Activity::Noted { text } => format!("note: {}", short(text)),
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(SHORT) {
        Some((at, _)) => format!("{}…", line(text.get(..at).unwrap_or_default())),
        None => line(text),
    }
}

fn took(duration_ms: Option<u64>) -> String {
    duration_ms.map(|ms| format!(" in {}", span(i64::try_from(ms).unwrap_or(i64::MAX)))).unwrap_or_default()
}

fn why(reason: Option<&str>) -> String {
    reason.map(|reason| format!(": {}", short(reason))).unwrap_or_default()
}

/// Writes millionths of a dollar.
pub fn dollars(micro: u64) -> String {
    format!("${}.{:04}", micro / 1_000_000, micro % 1_000_000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(short(&"ä".repeat(161)), format!("{}…", "ä".repeat(160)));
        assert_eq!(short("a\nb"), "a\\nb");
    }

    #[test]
    fn money_has_four_places() {
        assert_eq!(dollars(1_234_567), "$1.2345");
    }
}
