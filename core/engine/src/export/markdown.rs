//! A timeline as Markdown. What peers wrote is shown and never means anything: no text ends its fence, opens a tag, or
//! passes for a heading.

use std::fmt::Write;

use tieline_model::{
    EventBody, Message, SessionId, TimestampMs,
    command::ExportOrigin,
    event::{Activity, Recorded},
    export::Exported,
    reply::SessionView,
    text::printable,
};

/// Longer texts are folded, in lines and in bytes.
const FOLD_LINES: usize = 20;
const FOLD_BYTES: usize = 2_000;

/// Writes the title and what is known of the session.
pub fn head(view: &SessionView, origin: &ExportOrigin, exported_at: TimestampMs) -> String {
    let mut facts = vec![
        ("session", view.id.to_string()),
        ("circle", view.circle.clone()),
        ("state", view.state.as_str().to_owned()),
        ("opened", stamp(view.opened_at_ms)),
        ("events", format!("{} to {}", origin.first_seq, origin.last_seq)),
        ("log", origin.log_id.clone()),
        ("exported", stamp(exported_at)),
    ];
    let told = [
        ("description", &view.description),
        ("project", &view.project),
        ("agent", &view.backend),
        ("model", &view.model),
    ];
    facts.extend(told.into_iter().filter_map(|(name, fact)| Some((name, fact.clone()?))));
    let lists = [("roles", view.roles.join(", ")), ("labels", view.labels.join(", "))];
    facts.extend(lists.into_iter().filter(|(_, list)| !list.is_empty()));
    let mut out = format!("# {}\n\n| fact | value |\n|---|---|\n", plain(&view.title));
    for (name, fact) in facts {
        let _ = writeln!(out, "| {name} | {} |", plain(&fact));
    }
    out
}

/// Writes one event. `name` gives the title of a session.
pub fn event(exported: &Exported, name: impl Fn(SessionId) -> String) -> String {
    let Exported { event, message } = exported;
    let at = match &event.body {
        EventBody::Activity(recorded) => recorded.happened_at_ms.unwrap_or(event.at_ms),
        _ => event.at_ms,
    };
    let seq = event.seq;
    let heading =
        |title: &str| format!("\n### <a id=\"seq-{seq}\"></a>[{seq}](#seq-{seq}) · {title} · {}\n", stamp(at));
    match (&event.body, message) {
        (EventBody::Activity(recorded), _) => activity(recorded, heading),
        (EventBody::MessageImported(message), _) => heading(&from(message)) + &words_of(message),
        (EventBody::MessageAccepted { .. }, Some(message)) => heading(&from(message)) + &words_of(message),
        (EventBody::AskOpened { to, .. }, Some(message)) => {
            heading(&format!("ask to {}", plain(&name(*to)))) + &words_of(message)
        }
        (body, _) => {
            let json = serde_json::to_string(body).unwrap_or_default();
            let kind = body.kind().replace('_', " ");
            format!("\n<a id=\"seq-{seq}\"></a>[{seq}](#seq-{seq}) · {kind} · {} {}\n", stamp(at), code(&json))
        }
    }
}

/// Writes the last line.
pub fn end(events: u64) -> String {
    format!("\n---\n\n{events} events\n")
}

fn from(message: &Message) -> String {
    format!("{} from {}", message.kind.as_str(), plain(&message.from.title))
}

fn words_of(message: &Message) -> String {
    if message.purged {
        return "\n*purged*\n".to_owned();
    }
    let reason = message.notice.as_ref().map(|notice| {
        format!("{} is {}: {}", notice.message, notice.state.as_str(), notice.reason.as_deref().unwrap_or(""))
    });
    message.text.as_deref().or(reason.as_deref()).map(fenced).unwrap_or_default()
}

fn activity(recorded: &Recorded, heading: impl Fn(&str) -> String) -> String {
    match &recorded.what {
        Activity::Said { role, text, .. } => heading(role.as_str()) + &fenced(text),
        Activity::ToolCalled { tool, input, .. } => heading(&format!("tool {}", plain(tool))) + &fenced(input),
        Activity::ToolEnded { is_ok, output, duration_ms, .. } => {
            let took = duration_ms.map(|ms| format!(" after {ms} ms")).unwrap_or_default();
            let how = if *is_ok { "tool done" } else { "tool failed" };
            heading(&format!("{how}{took}")) + &fenced(output)
        }
        Activity::ApprovalAsked { subject, .. } => heading("approval asked") + &fenced(subject),
        Activity::Compacted { summary } => heading("summed up") + &fenced(summary),
        Activity::Noted { text } => heading("note") + &fenced(text),
        other => {
            let texts: Vec<String> = other.texts().into_iter().map(code).filter(|text| !text.is_empty()).collect();
            format!("{}\n{}\n", heading(&other.kind().replace('_', " ")), texts.join(" "))
        }
    }
}

/// Writes a text in a fence that it cannot end; folded when it is long.
fn fenced(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let text = printable(text);
    let fence = "`".repeat(longest_run(&text).max(2) + 1);
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let block = format!("\n{fence}text\n{text}{end}{fence}\n");
    let lines = text.lines().count();
    if lines <= FOLD_LINES && text.len() <= FOLD_BYTES {
        return block;
    }
    format!("\n<details><summary>{lines} lines, {} bytes</summary>\n{block}\n</details>\n", text.len())
}

/// Writes a text as code within a line.
fn code(text: &str) -> String {
    let text = one_line(text);
    if text.is_empty() {
        return String::new();
    }
    let mark = "`".repeat(longest_run(&text) + 1);
    // A space on each side is taken off again by readers, and keeps a text from touching the marks.
    format!("{mark} {text} {mark}")
}

/// Writes a text within a line or a cell, with nothing in it that means something.
fn plain(text: &str) -> String {
    one_line(text).chars().fold(String::new(), |mut out, c| {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            c if c.is_ascii_punctuation() && !matches!(c, '.' | ',' | ' ' | '/' | '\'' | '"') => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
        out
    })
}

fn one_line(text: &str) -> String {
    printable(text).replace(['\n', '\t'], " ")
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

fn stamp(at: TimestampMs) -> String {
    jiff::Timestamp::from_millisecond(at.0)
        .map_or_else(|_| format!("{} ms", at.0), |time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}

#[cfg(test)]
mod tests {
    use tieline_model::{Event, PrincipalId, event::ChatRole};

    use super::*;

    fn said(text: &str) -> String {
        let by = PrincipalId::from_uuid(uuid::Uuid::nil());
        let what = Activity::Said { role: ChatRole::Assistant, text: text.into(), model: None };
        let recorded = Recorded { by, happened_at_ms: None, source: None, what };
        let event = Event {
            cursor: 9,
            session: SessionId::from_uuid(uuid::Uuid::nil()),
            seq: 3,
            at_ms: TimestampMs(0),
            body: EventBody::Activity(Box::new(recorded)),
        };
        super::event(&Exported { event, message: None }, |id| id.to_string())
    }

    #[test]
    fn a_text_does_not_end_its_fence() {
        assert_eq!(
            said("a"),
            "\n### <a id=\"seq-3\"></a>[3](#seq-3) · assistant · 1970-01-01 00:00:00 UTC\n\n```text\na\n```\n"
        );
        let sly = said("```\n# free\n`````\n</details>");
        assert!(sly.contains("\n``````text\n```\n# free\n`````\n</details>\n``````\n"), "{sly}");
    }

    #[test]
    fn a_long_text_is_folded() {
        let long = said(&"x\n".repeat(21));
        assert!(long.contains("<details><summary>21 lines, 42 bytes</summary>\n\n```text\n"), "{long}");
        assert!(long.ends_with("```\n\n</details>\n"), "{long}");
        assert!(!said(&"x\n".repeat(20)).contains("<details>"));
    }

    #[test]
    fn a_title_is_only_a_title() {
        assert_eq!(
            plain("a|b <script> [x](y) `c` *d*\n# e"),
            "a\\|b &lt;script&gt; \\[x\\]\\(y\\) \\`c\\` \\*d\\* \\# e"
        );
        assert_eq!(code("a``b"), "``` a``b ```");
        assert_eq!(code(""), "");
    }
}
