//! Changes of a text as unified diffs: made, and carried out to the letter.

use std::fmt::Write as _;

use similar::{ChangeTag, TextDiff};

/// A diff that does not fit a text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the diff: {what}")]
pub struct PatchError {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong, and what was wanted.
    pub what: String,
}

/// How many lines that stay the same are shown around a change.
const AROUND: usize = 3;

/// Returns the unified diff from one text to another; empty when they are the same.
pub fn diff(path: &str, from: &str, to: &str) -> String {
    let changes = TextDiff::from_lines(from, to);
    let lines: Vec<(ChangeTag, &str)> =
        changes.iter_all_changes().map(|change| (change.tag(), change.value())).collect();
    let changed: Vec<usize> = (0..lines.len()).filter(|at| lines[*at].0 != ChangeTag::Equal).collect();
    let mut out = String::new();
    let (mut at, mut old, mut new) = (0, 0, 0);
    let mut next = 0;
    while next < changed.len() {
        let begin = changed[next].saturating_sub(AROUND);
        // Changes that are close to each other share a hunk.
        while next + 1 < changed.len() && changed[next + 1] - changed[next] <= 2 * AROUND {
            next += 1;
        }
        let end = (changed[next] + AROUND + 1).min(lines.len());
        (old, new) = (old + begin - at, new + begin - at);
        let count = |tag: ChangeTag| lines[begin..end].iter().filter(|(found, _)| *found != tag).count();
        let (olds, news) = (count(ChangeTag::Insert), count(ChangeTag::Delete));
        if out.is_empty() {
            let _ = writeln!(out, "--- {path}\n+++ {path}");
        }
        let _ = writeln!(out, "@@ -{} +{} @@", range(old, olds), range(new, news));
        for (tag, line) in &lines[begin..end] {
            let end = if line.ends_with('\n') { "" } else { "\n\\ No newline at end of file\n" };
            let _ = write!(out, "{tag}{line}{end}");
        }
        (at, old, new, next) = (end, old + olds, new + news, next + 1);
    }
    out
}

/// Writes where lines are: the first of them, or the one before when there are none, and how many.
fn range(before: usize, count: usize) -> String {
    let first = if count == 0 { before } else { before + 1 };
    format!("{first},{count}")
}

/// Carries out a unified diff. It has to fit to the letter: nothing is searched for nearby.
pub fn patch(text: &str, diff: &str) -> Result<String, PatchError> {
    let old: Vec<&str> = text.split_inclusive('\n').collect();
    let lines: Vec<&str> = diff.split_inclusive('\n').collect();
    let (mut out, mut at, mut hunks) = (String::new(), 0, 0);
    let mut next = 0;
    // What stands before the first hunk names files, which the caller knows.
    while next < lines.len() && !lines[next].starts_with("@@") {
        next += 1;
    }
    while next < lines.len() {
        let wrong = |line: usize, what: String| PatchError { line: line + 1, what };
        let Some((start, mut olds, mut news)) = hunk(lines[next]) else {
            let found = shown(lines[next]);
            return Err(wrong(next, format!("`{found}` begins no hunk; wanted one as in `@@ -1,3 +1,4 @@`")));
        };
        // A hunk that takes nothing away stands after the line that it names.
        let first = if olds == 0 { start } else { start.saturating_sub(1) };
        if first < at || first > old.len() {
            return Err(wrong(next, format!("the hunk begins at line {start}; the text has {} lines", old.len())));
        }
        old[at..first].iter().for_each(|line| out.push_str(line));
        (at, hunks, next) = (first, hunks + 1, next + 1);
        while olds > 0 || news > 0 {
            let Some(line) = lines.get(next) else {
                return Err(wrong(next, format!("the hunk lacks {olds} lines before and {news} after")));
            };
            // The line end of the last line of a text that has none.
            let is_bare = lines.get(next + 1).is_some_and(|line| line.starts_with('\\'));
            let (sign, rest) = if line.trim_end_matches(['\r', '\n']).is_empty() {
                (' ', *line)
            } else {
                (line.chars().next().unwrap_or(' '), line.get(1..).unwrap_or_default())
            };
            let rest = if is_bare { rest.strip_suffix('\n').unwrap_or(rest) } else { rest };
            let (takes, gives) = match sign {
                ' ' if olds > 0 && news > 0 => (true, true),
                '-' if olds > 0 => (true, false),
                '+' if news > 0 => (false, true),
                _ => return Err(wrong(next, format!("`{}` is no line of this hunk", shown(line)))),
            };
            if takes {
                let found = old.get(at).copied().unwrap_or_default();
                if found != rest {
                    let (found, wanted) = (shown(found), shown(rest));
                    return Err(wrong(next, format!("the text has `{found}` in line {}; wanted `{wanted}`", at + 1)));
                }
                (at, olds) = (at + 1, olds - 1);
            }
            if gives {
                out.push_str(rest);
                news -= 1;
            }
            next += if is_bare { 2 } else { 1 };
        }
        while lines.get(next).is_some_and(|line| line.trim().is_empty()) {
            next += 1;
        }
    }
    if hunks == 0 {
        return Err(PatchError { line: 1, what: "no hunk; wanted a unified diff".to_owned() });
    }
    old[at..].iter().for_each(|line| out.push_str(line));
    Ok(out)
}

/// Reads `@@ -3,2 +3,4 @@`: where it begins in the old text, and how many lines it has before and after.
fn hunk(line: &str) -> Option<(usize, usize, usize)> {
    let ranges = line.strip_prefix("@@ -")?.split(" @@").next()?;
    let (old, new) = ranges.split_once(" +")?;
    let range = |text: &str| match text.trim().split_once(',') {
        Some((start, count)) => Some((start.parse().ok()?, count.parse().ok()?)),
        None => Some((text.trim().parse().ok()?, 1)),
    };
    let ((start, olds), (_, news)): ((usize, usize), (usize, usize)) = (range(old)?, range(new)?);
    Some((start, olds, news))
}

fn shown(line: &str) -> String {
    crate::text::printable(line.trim_end_matches('\n')).chars().take(60).collect()
}
