//! Paths of files on the machine of the peers, in the one form in which they are compared. Pure: no disk is looked at, so
//! that two names of one file by a link are two files.

use crate::{Code, Refusal, TimestampMs, text};

/// The longest path, in bytes.
pub const MAX_PATH: usize = 4096;

/// Makes a path absolute and plain, without `.`, `..` and doubled `/`. One that ends with `/` stays a folder.
pub fn absolute(path: &str, project: Option<&str>, field: &str) -> Result<String, Refusal> {
    let bad = |message: String| Refusal::new(Code::BadInput, message).at(field);
    if path.is_empty() || path.len() > MAX_PATH || path.chars().any(text::is_unprintable) {
        let found = path.len();
        return Err(bad(format!("a path of {found} bytes; wanted 1 to {MAX_PATH} without control characters")));
    }
    let whole = match (path.starts_with('/'), project.filter(|project| project.starts_with('/'))) {
        (true, _) => path.to_owned(),
        (false, Some(project)) => format!("{project}/{path}"),
        (false, None) => {
            let shown: String = path.chars().take(80).collect();
            return Err(bad(format!("`{shown}` is relative and the session has no project; wanted an absolute path")));
        }
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let is_folder = ["/", "/.", "/.."].iter().any(|end| whole.ends_with(end)) && !parts.is_empty();
    Ok(format!("/{}{}", parts.join("/"), if is_folder { "/" } else { "" }))
}

/// Returns all that covers a path: itself, and the folders that it is in, each with `/` at its end.
pub fn covering(path: &str) -> Vec<String> {
    let inner = path.char_indices().filter(|(_, c)| *c == '/').map(|(at, _)| path[..=at].to_owned());
    let mut all: Vec<String> = inner.collect();
    if !path.ends_with('/') {
        all.push(path.to_owned());
    }
    all
}

/// Writes an instant as its time of day, as in `09:05 UTC`.
pub fn clock(at: TimestampMs) -> String {
    let minutes = at.0.div_euclid(60_000).rem_euclid(24 * 60);
    format!("{:02}:{:02} UTC", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_shown_by_its_time_of_day() {
        assert_eq!(clock(TimestampMs(0)), "00:00 UTC");
        assert_eq!(clock(TimestampMs(1_790_000_100_000)), "14:15 UTC");
    }

    #[test]
    fn paths_have_one_form() {
        let cases = [
            ("/a/b.rs", "/a/b.rs"),
            ("/a//./c/../b.rs", "/a/b.rs"),
            ("src/b.rs", "/work/api/src/b.rs"),
            ("../web/x", "/work/web/x"),
            ("../../../../x", "/x"),
            ("src/", "/work/api/src/"),
            ("src/..", "/work/api/"),
            ("/", "/"),
        ];
        for (path, wanted) in cases {
            assert_eq!(absolute(path, Some("/work/api"), "p").unwrap(), wanted, "{path}");
        }
    }

    #[test]
    fn a_path_that_names_no_file_is_refused_with_what_was_wanted() {
        for (path, says) in [("", "wanted 1 to 4096"), ("/a\nb", "control"), ("src", "absolute")] {
            let refusal = absolute(path, None, "p").unwrap_err();
            assert_eq!((refusal.code, refusal.field.as_deref()), (Code::BadInput, Some("p")));
            assert!(refusal.message.contains(says), "{path:?}: {}", refusal.message);
        }
        assert!(absolute(&"x".repeat(MAX_PATH + 1), Some("/a"), "p").is_err());
    }

    #[test]
    fn a_file_is_covered_by_itself_and_by_each_folder_above_it() {
        assert_eq!(covering("/a/b/c.rs"), ["/", "/a/", "/a/b/", "/a/b/c.rs"]);
        assert_eq!(covering("/a/"), ["/", "/a/"]);
    }
}
