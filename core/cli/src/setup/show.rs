//! How changes are shown to people.

use similar::TextDiff;

use super::Change;
use crate::render::{Style, line};

/// The longest line of a file that is shown, in characters.
const WIDTH: usize = 160;

/// Returns what changes in a file, as a unified diff.
pub fn diff(change: &Change, style: &Style) -> String {
    let path = change.draft.path.to_string_lossy();
    let (before, after) = (change.before.as_deref(), change.draft.text.as_deref());
    let name = |text: Option<&str>| if text.is_some() { path.to_string() } else { "/dev/null".to_owned() };
    let diff = TextDiff::from_lines(before.unwrap_or_default(), after.unwrap_or_default());
    let text = diff.unified_diff().context_radius(2).header(&name(before), &name(after)).to_string();
    text.lines().map(|text| painted(text, style) + "\n").collect()
}

fn painted(text: &str, style: &Style) -> String {
    let shown: String = text.chars().take(WIDTH).collect();
    let cut = if shown.len() < text.len() { " …" } else { "" };
    // A tab would be escaped, and is what indents many files.
    let shown = line(&shown.replace('\t', "    ")) + cut;
    match text.chars().next() {
        Some('+') => style.good(&shown),
        Some('-') => style.bad(&shown),
        Some('@') => style.dim(&shown),
        _ => shown,
    }
}
