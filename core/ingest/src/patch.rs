//! What a patch does to which files.

use serde_json::Value;
use tieline_model::event::{Activity, FileChange};

use crate::json::text;

/// Reads the patches that Codex applies: `*** Add File: PATH`, `*** Update File: PATH`, `*** Delete File: PATH`, and lines
/// that begin with `+` or `-`.
pub fn of_codex(patch: &str) -> Vec<Activity> {
    let mut files: Vec<Activity> = Vec::new();
    for line in patch.lines() {
        let begun = [("Add", FileChange::Created), ("Update", FileChange::Modified), ("Delete", FileChange::Deleted)]
            .into_iter()
            .find_map(|(word, change)| Some((line.strip_prefix(&format!("*** {word} File: "))?, change)));
        if let Some((path, change)) = begun {
            files.push(Activity::FileChanged {
                path: path.trim().to_owned(),
                change,
                added: Some(0),
                removed: Some(0),
            });
            continue;
        }
        let Some(Activity::FileChanged { added, removed, .. }) = files.last_mut() else { continue };
        match line.as_bytes().first() {
            Some(b'+') => *added = added.map(|count| count + 1),
            Some(b'-') => *removed = removed.map(|count| count + 1),
            _ => {}
        }
    }
    files
}

/// Reads what an edit tool of Claude Code answers: `filePath` with `structuredPatch`, and `type` for a new file.
pub fn of_claude(result: &Value) -> Option<Activity> {
    let path = text(result, "/filePath")?;
    let hunks = result.pointer("/structuredPatch").and_then(Value::as_array)?;
    let lines = || {
        let all = hunks.iter().filter_map(|hunk| hunk.pointer("/lines").and_then(Value::as_array)).flatten();
        all.filter_map(Value::as_str)
    };
    let is_new = text(result, "/type") == Some("create");
    let count = |sign: char| lines().filter(|line| line.starts_with(sign)).count() as u64;
    let added = match text(result, "/content") {
        Some(content) if is_new && hunks.is_empty() => content.lines().count() as u64,
        _ => count('+'),
    };
    let change = if is_new { FileChange::Created } else { FileChange::Modified };
    Some(Activity::FileChanged { path: path.to_owned(), change, added: Some(added), removed: Some(count('-')) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn changed(path: &str, change: FileChange, added: u64, removed: u64) -> Activity {
        Activity::FileChanged { path: path.into(), change, added: Some(added), removed: Some(removed) }
    }

    #[test]
    fn a_patch_names_its_files_and_counts_its_lines() {
        let patch = "*** Begin Patch\n*** Add File: a.rs\n+one\n+two\n*** Update File: b.rs\n@@\n-old\n+new\n same\n*** Delete File: c.rs\n*** End Patch";
        assert_eq!(
            of_codex(patch),
            [
                changed("a.rs", FileChange::Created, 2, 0),
                changed("b.rs", FileChange::Modified, 1, 1),
                changed("c.rs", FileChange::Deleted, 0, 0)
            ]
        );
    }

    #[test]
    fn an_edit_tells_its_lines_and_a_new_file_its_content() {
        let edit = json!({"filePath": "a.rs", "structuredPatch": [{"lines": [" x", "-y", "+z", "+w"]}]});
        assert_eq!(of_claude(&edit), Some(changed("a.rs", FileChange::Modified, 2, 1)));
        let new = json!({"type": "create", "filePath": "b.rs", "content": "1\n2\n3\n", "structuredPatch": []});
        assert_eq!(of_claude(&new), Some(changed("b.rs", FileChange::Created, 3, 0)));
        assert_eq!(of_claude(&json!({"stdout": "x"})), None);
    }
}
