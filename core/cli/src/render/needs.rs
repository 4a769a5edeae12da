//! What waits for the caller, and messages that refer to each other.

use tieline_model::{
    TimestampMs,
    reply::{NeedView, Needed, Needs, Thread},
};

use super::{ago, indented, line, style::Style};

/// Renders what waits.
pub fn needs(reply: &Needs, style: &Style, now: TimestampMs) -> String {
    if reply.needs.is_empty() {
        return "nothing waits for you".into();
    }
    reply.needs.iter().map(|need| one(need, style, now)).collect::<Vec<_>>().join("\n")
}

fn one(need: &NeedView, style: &Style, now: TimestampMs) -> String {
    let who = need.title.as_deref().map(line).unwrap_or_default();
    let age = need.since_ms.map(|at| format!("  {}", style.dim(&ago(at, now)))).unwrap_or_default();
    match &need.what {
        Needed::Answer { ask, text, escalated_from, .. } => {
            let escalated = if escalated_from.is_some() { style.warn(" (escalated to you)") } else { String::new() };
            let next = style.dim(&format!("tieline ack {ask} \"…\""));
            format!("{} asks{escalated}{age}\n{}\n  {next}", style.bold(&who), indented(text))
        }
        Needed::Approval { approval, subject, seq } => {
            let place = style.dim(&format!("approval {}, event {seq}", line(approval)));
            format!("{} {}{age}\n{}\n  {place}", style.bold(&who), style.warn("needs an approval"), indented(subject))
        }
        Needed::Memory { proposal, path, reason } => {
            let next = style.dim(&format!("tieline memory decide {proposal} allow"));
            let what = style.warn("would change what it works by");
            format!("{} {what}: `{}`{age}\n{}\n  {next}", style.bold(&who), line(path), indented(reason))
        }
        Needed::Plugin { name, state, advice } => {
            let advice =
                advice.as_deref().map(|advice| format!("\n  {}", style.dim(&line(advice)))).unwrap_or_default();
            format!("plugin {} is {}{age}{advice}", style.bold(&line(name)), style.bad(&line(state)))
        }
    }
}

/// Renders a chain of messages.
pub fn thread(reply: &Thread, style: &Style) -> String {
    let mut lines = Vec::new();
    for one in &reply.messages {
        let indent = "  ".repeat(one.depth as usize);
        let message = &one.message;
        let state = one.ask.map(|state| format!(" ({})", state.as_str())).unwrap_or_default();
        let marks = [(message.late, " late"), (message.declined, " declined")];
        let marks: String = marks.iter().filter(|(is_so, _)| *is_so).map(|(_, mark)| *mark).collect();
        let head = format!("{}{marks}{state} from {}", message.kind.as_str(), style.bold(&line(&message.from.title)));
        lines.push(format!("{indent}{head}  {}", style.dim(&message.id.to_string())));
        if let Some(text) = &message.text {
            lines.extend(indented(text).lines().map(|text| format!("{indent}{text}")));
        }
    }
    if reply.has_more {
        lines.push(style.dim("there are more"));
    }
    lines.join("\n")
}
