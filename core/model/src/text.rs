//! What a text or a name may look like.

use crate::{
    address::{MAX_NAME_CHARS, MESH_CIRCLE},
    outcome::{Code, Refusal},
};

/// Checks the text of a message: not empty, at most `max_bytes`.
pub fn check_body(text: &str, field: &str, max_bytes: usize) -> Result<(), Refusal> {
    if text.trim().is_empty() {
        return Err(Refusal::new(Code::BadInput, "a text is empty; wanted at least one visible character").at(field));
    }
    if text.len() > max_bytes {
        let message = format!("a text has {} bytes; at most {max_bytes} are allowed", text.len());
        return Err(Refusal::new(Code::TooLarge, message).at(field));
    }
    Ok(())
}

/// Checks a title, circle or role: visible, short, and never to be taken for another kind of address.
pub fn check_name(name: &str, field: &str) -> Result<(), Refusal> {
    let chars = name.chars().count();
    let wrong = if name.trim().is_empty() {
        "is empty"
    } else if chars > MAX_NAME_CHARS {
        "is longer than 120 characters"
    } else if name.trim() != name {
        "starts or ends with a space"
    } else if name.starts_with('@') || name.contains('/') {
        "starts with `@` or contains `/`, which addresses use"
    } else if name.starts_with("ses_") {
        "starts with `ses_`, which session ids use"
    } else if name.chars().any(is_unprintable) {
        "contains a control or direction character"
    } else {
        return Ok(());
    };
    let shown: String = name.chars().filter(|c| !is_unprintable(*c)).take(40).collect();
    Err(Refusal::new(Code::BadInput, format!("the name `{shown}` {wrong}")).at(field))
}

/// Checks the name of a circle that is asked for: a name, and not that of the daemon's own.
pub fn check_circle(name: &str, field: &str) -> Result<(), Refusal> {
    check_name(name, field)?;
    if name == MESH_CIRCLE {
        let message = format!("the circle `{MESH_CIRCLE}` is the daemon's own; wanted another name");
        return Err(Refusal::new(Code::BadInput, message).at(field));
    }
    Ok(())
}

/// Tells whether a character could change how the text around it is shown.
pub fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Escapes what could change how a terminal shows the text around it; keeps line breaks and tabs.
pub fn printable(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if is_unprintable(c) && c != '\n' && c != '\t' {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_be_taken_for_something_else_are_refused() {
        for wrong in ["", " ", "@x", "a/b", "ses_1", " a", "a\u{202e}b", "a\nb", &"x".repeat(121)] {
            assert_eq!(check_name(wrong, "title").unwrap_err().field.as_deref(), Some("title"), "{wrong:?}");
        }
        for fine in ["review", "Größe 2", "a@b", "fix: it"] {
            assert_eq!(check_name(fine, "title"), Ok(()));
        }
    }

    #[test]
    fn the_circle_of_the_daemon_is_not_given_away() {
        assert!(check_circle("mesh", "circle").unwrap_err().message.contains("the daemon's own"));
        assert_eq!(check_circle("mesh2", "circle"), Ok(()));
    }

    #[test]
    fn a_terminal_is_not_steered_by_a_text() {
        assert_eq!(printable("a\u{1b}[2Jb\n\tc"), "a\\u{1b}[2Jb\n\tc");
    }
}
