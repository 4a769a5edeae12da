//! Cuts text into tokens: the one place that says what a word is, for the index, for queries and for snippets.
//!
//! A word is a run of letters, digits and combining marks, in lower case and without accents. A character of a script that is
//! written without spaces is a word of its own, so that a phrase finds it.

use std::ops::Range;

use unicode_normalization::char::{decompose_compatible, is_combining_mark};

use crate::PART;

/// Longer words are found by their beginning.
pub const MAX_TOKEN_BYTES: usize = 64;

/// One word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The word as it is indexed.
    pub word: String,
    /// Its number in the text. Numbers are missing between parts, so that no phrase reaches over.
    pub position: u32,
    /// Where it stands, in bytes.
    pub bytes: Range<usize>,
}

/// Cuts a text into its words.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::with_capacity(text.len() / 6);
    walk(text, |word, position, bytes| found.push(Token { word: word.to_owned(), position, bytes }));
    found
}

/// Hands on each word of a text, with its number and with where it stands.
pub fn walk(text: &str, mut each: impl FnMut(&str, u32, Range<usize>)) {
    let mut word = String::with_capacity(MAX_TOKEN_BYTES);
    let mut position = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((start, first)) = chars.next() {
        if first == PART {
            position += 1;
        }
        if !is_word(first) {
            continue;
        }
        word.clear();
        fold(first, &mut word);
        let mut end = start + first.len_utf8();
        if !stands_alone(first) {
            while let Some(&(at, next)) = chars.peek() {
                if !is_word(next) || stands_alone(next) {
                    break;
                }
                if word.len() < MAX_TOKEN_BYTES {
                    fold(next, &mut word);
                }
                end = at + next.len_utf8();
                chars.next();
            }
        }
        truncate(&mut word);
        if !word.is_empty() {
            each(&word, position, start..end);
            position += 1;
        }
    }
}

/// Returns the words of a text alone.
pub fn words(text: &str) -> Vec<String> {
    tokens(text).into_iter().map(|token| token.word).collect()
}

fn is_word(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_alphanumeric() } else { c.is_alphanumeric() || is_combining_mark(c) }
}

/// Tells whether a character is of a script without spaces: Han and kana.
fn stands_alone(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}')
}

fn fold(c: char, word: &mut String) {
    if c.is_ascii() {
        word.push(c.to_ascii_lowercase());
        return;
    }
    decompose_compatible(c, |part| {
        let is_accent = matches!(part, '\u{300}'..='\u{36f}');
        if !is_accent && is_word(part) {
            word.extend(part.to_lowercase().filter(|lower| !matches!(lower, '\u{300}'..='\u{36f}')));
        }
    });
}

fn truncate(word: &mut String) {
    if word.len() > MAX_TOKEN_BYTES {
        let mut end = MAX_TOKEN_BYTES;
        while !word.is_char_boundary(end) {
            end -= 1;
        }
        word.truncate(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_accents_and_marks_between_words_do_not_matter() {
        assert_eq!(words("Füße — snake_case, foo.rs:12"), ["fuße", "snake", "case", "foo", "rs", "12"]);
        assert_eq!(words("É e\u{301} ＦＵＬＬ İ"), ["e", "e", "full", "i"]);
        assert_eq!(words("\u{301} = \u{1b}[0m"), ["0m"]);
    }

    #[test]
    fn a_script_without_spaces_is_found_character_by_character() {
        assert_eq!(words("検索abc"), ["検", "索", "abc"]);
        assert_eq!(words("हिन्दी"), ["हिन्दी"]);
    }

    #[test]
    fn a_token_knows_where_it_stands() {
        let found = tokens("aé, bc\u{1e}d");
        assert_eq!(found[0].bytes, 0..3);
        assert_eq!((found[1].position, found[1].bytes.clone()), (1, 5..7));
        // The end of a part takes a number.
        assert_eq!(found[2].position, 3);
    }

    #[test]
    fn a_word_without_end_is_cut() {
        let long = "ä".repeat(100);
        assert_eq!(words(&long), ["a".repeat(64)]);
        assert_eq!(words(&"語".repeat(2)), ["語", "語"]);
        assert!(words(&"д".repeat(50))[0].len() <= MAX_TOKEN_BYTES);
    }
}
