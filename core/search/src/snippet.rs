//! A piece of a text around what was found in it.

use std::ops::Range;

use crate::{Query, matching::Matched, rank::closest};

/// The longest snippet, in bytes.
pub const MAX_SNIPPET_BYTES: usize = 240;
/// How much stands before the first word that was found.
const BEFORE_BYTES: usize = 60;

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snippet {
    /// The piece, in one line.
    pub text: String,
    /// Where in it the words are that were looked for, in bytes, in order, without overlaps.
    pub matches: Vec<Range<usize>>,
    /// Whether the text has more before it.
    pub is_cut_before: bool,
    /// Whether the text has more after it.
    pub is_cut_after: bool,
}

/// Cuts the piece that has the words closest to each other.
pub fn cut(query: &Query, text: &str, matched: &Matched) -> Snippet {
    let first = closest(&matched.places).and_then(|(first, _)| matched.tokens.get(first));
    let wanted = first.map_or(0, |token| token.bytes.start.saturating_sub(BEFORE_BYTES));
    let start = word_start(text, wanted, first.map_or(0, |token| token.bytes.start));
    let end = floor(text, (start + MAX_SNIPPET_BYTES).min(text.len()));
    Snippet {
        text: text[start..end].chars().flat_map(in_one_line).collect(),
        matches: matches(query, matched, &(start..end)),
        is_cut_before: start > 0,
        is_cut_after: end < text.len(),
    }
}

/// Goes from the middle of a word to the beginning of the next one, but not beyond `limit`.
fn word_start(text: &str, wanted: usize, limit: usize) -> usize {
    let wanted = floor(text, wanted);
    if wanted == 0 {
        return 0;
    }
    let next = text[wanted..limit.max(wanted)].find(char::is_whitespace).map(|at| wanted + at);
    next.map_or(wanted, |at| at + text[at..].chars().next().map_or(0, char::len_utf8))
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// What steers a terminal or breaks a line becomes as many spaces as it has bytes, so that positions stay.
fn in_one_line(c: char) -> impl Iterator<Item = char> {
    let (shown, count) = if c.is_control() { (' ', c.len_utf8()) } else { (c, 1) };
    std::iter::repeat_n(shown, count)
}

fn matches(query: &Query, matched: &Matched, piece: &Range<usize>) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (term, places) in query.terms.iter().zip(&matched.places) {
        for place in places {
            let tokens = &matched.tokens[*place..place + term.words.len()];
            found.extend(tokens.iter().map(|token| token.bytes.clone()));
        }
    }
    found.retain(|bytes| bytes.start >= piece.start && bytes.end <= piece.end);
    found.sort_unstable_by_key(|bytes| bytes.start);
    found.dedup();
    found.into_iter().map(|bytes| bytes.start - piece.start..bytes.end - piece.start).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Document, matching, parse};

    fn snippet(query: &str, text: &str) -> Snippet {
        let parsed = parse(query, tieline_model::TimestampMs(0)).unwrap();
        let session = tieline_model::SessionId::from_uuid(uuid::Uuid::nil());
        let query = Query { terms: parsed.terms, sessions: [session].into(), ..Query::default() };
        let document = Document {
            cursor: 1,
            session,
            seq: 1,
            circle: String::new(),
            at_ms: tieline_model::TimestampMs(0),
            kinds: Vec::new(),
            authors: Vec::new(),
            flags: Vec::new(),
            text: text.to_owned(),
        };
        cut(&query, text, &matching::matched(&query, &document).unwrap())
    }

    #[test]
    fn positions_point_at_the_words_in_the_piece() {
        let long = format!("{} the Édge of\nthe world {}", "lorem ipsum ".repeat(40), "dolor ".repeat(90));
        let piece = snippet("edge \"the world\"", &long);
        let words: Vec<&str> = piece.matches.iter().map(|bytes| &piece.text[bytes.clone()]).collect();
        assert_eq!(words, ["Édge", "the", "world"]);
        assert!(piece.is_cut_before && piece.is_cut_after);
        assert!(piece.text.len() <= MAX_SNIPPET_BYTES);
        assert!(piece.text.starts_with("ipsum") || piece.text.starts_with("lorem"));
        assert!(!piece.text.contains('\n'));
    }

    #[test]
    fn a_short_text_is_shown_whole_and_without_what_steers_a_terminal() {
        let piece = snippet("31mred", "\u{1b}[31mred\u{9b}x");
        assert_eq!(piece.text, " [31mred  x");
        assert_eq!((piece.is_cut_before, piece.is_cut_after), (false, false));
        assert_eq!(&piece.text[piece.matches[0].clone()], "31mred");
    }

    #[test]
    fn a_text_without_spaces_is_cut_between_characters() {
        let piece = snippet("索", &format!("{}検索{}", "語".repeat(200), "語".repeat(200)));
        assert_eq!(&piece.text[piece.matches[0].clone()], "索");
    }
}
