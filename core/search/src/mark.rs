//! What is no word of a text and yet a token of the index: sessions, circles, kinds, authors and flags.
//!
//! Each begins with `=`, which no word has: no text can pass for a mark, and no word or beginning of one that is looked for finds one.

use std::fmt::Write;

use tieline_model::SessionId;

use crate::{Author, Document, Flag};

/// Returns the mark of a session.
pub fn session(id: SessionId) -> String {
    format!("=s{}", hex(id.as_bytes()))
}

/// Returns the mark of a circle.
pub fn circle(name: &str) -> String {
    format!("=c{}", escaped(name))
}

/// Returns the mark of a kind.
pub fn kind(name: &str) -> String {
    format!("=k{}", escaped(name))
}

/// Returns the mark of an author.
pub fn author(author: &Author) -> String {
    match author {
        Author::Principal(id) => format!("=a{}", hex(id.as_bytes())),
        Author::Role(role) => format!("=r{}", escaped(role)),
    }
}

/// Returns the mark of a flag.
pub fn flag(flag: Flag) -> String {
    format!("=f{}", flag.as_str())
}

/// Returns what the index is given for a document: its marks, then its words, `=` where a part ends. `home` is the circle that
/// its session was first seen in.
pub fn line(document: &Document, home: &str) -> String {
    let mut line = String::with_capacity(document.text.len() + 160);
    let mut add = |word: &str| {
        line.push_str(word);
        line.push(' ');
    };
    add(&session(document.session));
    add(&circle(home));
    document.kinds.iter().for_each(|name| add(&kind(name)));
    document.authors.iter().for_each(|one| add(&author(one)));
    document.flags.iter().for_each(|one| add(&flag(*one)));
    let mut next = 0;
    crate::token::walk(&document.text, |word, position, _| {
        if position > next {
            add("=");
        }
        add(word);
        next = position + 1;
    });
    line
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// Lower-case letters and digits stay; every other byte is `=` with its number, for the index knows no case.
fn escaped(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' => out.push(char::from(byte)),
            other => {
                let _ = write!(out, "={other:02x}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_have_marks_that_differ() {
        let names = ["ops", "Ops", "o_ps", "o ps", "o=5fps", "öps", ""];
        let marks: std::collections::BTreeSet<String> = names.iter().map(|name| circle(name)).collect();
        assert_eq!(marks.len(), names.len());
        assert!(marks.iter().all(|mark| mark.bytes().all(|b| b == b'=' || b.is_ascii_alphanumeric())));
    }

    #[test]
    fn no_word_of_a_text_is_a_mark() {
        assert!(kind("said").starts_with('='));
        assert!(crate::token::words("=s00 =ksaid =").iter().all(|word| !word.contains('=')));
    }
}
