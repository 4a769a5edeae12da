//! What a search found.

use tieline_model::reply::{FoundPage, SearchHit};

use super::{line, stamp, style::Style};

/// Renders a page of hits, each with its cursor and the words that were looked for.
pub fn found(page: &FoundPage, style: &Style) -> String {
    if page.hits.is_empty() {
        return "nothing was found".into();
    }
    page.hits.iter().map(|one| hit(one, style)).collect::<Vec<_>>().join("\n")
}

fn hit(hit: &SearchHit, style: &Style) -> String {
    let head = format!(
        "{} `{}` {} {}",
        style.dim(&stamp(hit.at_ms)),
        line(&hit.title),
        style.bold(&line(&hit.kind)),
        style.dim(&hit.link)
    );
    format!("{head}\n  {}", snippet(hit, style))
}

fn snippet(hit: &SearchHit, style: &Style) -> String {
    let cut = |is_cut: bool| if is_cut { "…" } else { "" };
    let mut out = cut(hit.is_cut_before).to_owned();
    let mut done = 0;
    for found in &hit.matches {
        // Positions come from the daemon; what does not fit is shown without.
        let (Some(before), Some(word)) = (hit.snippet.get(done..found.start), hit.snippet.get(found.start..found.end))
        else {
            continue;
        };
        out += &line(before);
        out += &style.warn(&line(word));
        done = found.end;
    }
    out += &line(hit.snippet.get(done..).unwrap_or_default());
    out + cut(hit.is_cut_after)
}

#[cfg(test)]
mod tests {
    use tieline_model::{SessionId, TimestampMs, reply::ByteRange};

    use super::*;

    #[test]
    fn the_words_that_were_found_stand_out_and_nothing_steers_the_terminal() {
        let hit = SearchHit {
            link: "tieline://ses_0/7".into(),
            cursor: 7,
            session: SessionId::from_slice(&[0; 16]).unwrap(),
            title: "a\u{1b}b".into(),
            seq: 1,
            at_ms: TimestampMs(0),
            kind: "said".into(),
            snippet: "öne two three".into(),
            matches: vec![
                ByteRange { start: 0, end: 4 },
                ByteRange { start: 9, end: 14 },
                ByteRange { start: 3, end: 99 },
            ],
            is_cut_before: true,
            is_cut_after: false,
        };
        let shown = snippet(&hit, &Style { color: true });
        assert_eq!(shown, "…\u{1b}[33möne\u{1b}[0m two \u{1b}[33mthree\u{1b}[0m");
        let page = FoundPage { hits: vec![hit], next: None, behind: 0 };
        assert!(!found(&page, &Style { color: false }).contains('\u{1b}'));
    }
}
