//! Shortening what is too long for a timeline, with a mark that says how much is gone.

use tieline_model::event::Activity;

/// How much of a text is kept, in bytes; a timeline takes 256 KiB.
const MOST: usize = 200 * 1024;

/// Shortens the long texts of an activity.
pub fn cut(what: &mut Activity) {
    let text = match what {
        Activity::Said { text, .. } | Activity::Saying { text, .. } | Activity::Noted { text } => text,
        Activity::ToolCalled { input, .. } => input,
        Activity::ToolEnded { output, .. } => output,
        Activity::Compacted { summary } => summary,
        Activity::ApprovalAsked { subject, .. } => subject,
        _ => return,
    };
    if text.len() > MOST {
        let end = (0..=MOST).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
        let gone = text.len() - end;
        text.truncate(end);
        text.push_str(&format!("\n[{gone} bytes are left out]"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_says_how_much_is_gone() {
        let mut what = Activity::Noted { text: "ä".repeat(MOST) };
        cut(&mut what);
        let Activity::Noted { text } = &what else { panic!() };
        assert!(text.len() < MOST + 60 && text.ends_with(&format!("\n[{MOST} bytes are left out]")), "{}", text.len());
    }
}
