//! What went wrong, and what to do about it.

use tieline_model::Code;

use super::{line, style::Style};
use crate::exit::Failed;

/// Renders a failure for people.
pub fn failure(failed: &Failed, style: &Style) -> String {
    let mut out = format!("{} {}", style.bad("error:"), super::words(&failed.to_string()));
    if let Failed::Refused(refusal) = failed {
        let field = refusal.field.as_deref().map(|field| format!(", at {}", line(field))).unwrap_or_default();
        out += &style.dim(&format!("\n  {}{field}", refusal.code.as_str()));
        if !refusal.candidates.is_empty() {
            let names: Vec<String> = refusal.candidates.iter().map(|name| line(name)).collect();
            out += &format!("\n  did you mean: {}", names.join(", "));
        }
        if let Some(ms) = refusal.retry_after_ms {
            out += &format!("\n  try again in {}", super::span(i64::try_from(ms).unwrap_or(i64::MAX)));
        }
    }
    match advice(failed) {
        Some(advice) => format!("{out}\n  {advice}"),
        None => out,
    }
}

fn advice(failed: &Failed) -> Option<&'static str> {
    match failed {
        Failed::Unreachable { .. } => {
            Some("start one with `tieline serve`, or set TIELINE_HOME to the home of the one that runs")
        }
        Failed::Refused(refusal) => match refusal.code {
            Code::Unauthenticated => Some("`tieline doctor` checks the token; another one is named with --token-file"),
            Code::UnknownSession if refusal.candidates.is_empty() => Some("`tieline sessions` lists those in reach"),
            Code::Forbidden => Some("`tieline whoami` shows what your token allows"),
            _ => None,
        },
        Failed::Fault(_) => Some("the daemon's log has the rest under that id"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use tieline_model::Refusal;

    use super::*;
    use crate::render::testing::PLAIN;

    #[test]
    fn a_refusal_says_where_and_what_was_meant() {
        let refusal = Refusal::new(Code::UnknownSession, "no session `reviw` in the circle `main`")
            .at("ask.to")
            .with_candidates(["review".to_owned()]);
        assert_eq!(
            failure(&Failed::Refused(refusal), &PLAIN),
            "error: no session `reviw` in the circle `main`\n  unknown_session, at ask.to\n  did you mean: review"
        );
    }

    #[test]
    fn without_a_daemon_it_says_what_was_tried_and_how_to_start_one() {
        let failed = Failed::Unreachable { place: "/run/x.sock".into(), why: "there is no such socket".into() };
        let text = failure(&failed, &PLAIN);
        assert!(text.contains("/run/x.sock: there is no such socket") && text.contains("tieline serve"), "{text}");
    }
}
