//! The call of a tool, as hooks tell it: which one it is, and which files it changes.

use serde_json::Value;
use tieline_model::event::{Activity, FileChange};

use crate::json::{shown, text};

/// The most files that are named for one call.
const MAX_FILES: usize = 100;

/// The call of a tool.
pub struct Call<'a> {
    pub tool: &'a str,
    pub input: &'a Value,
    id: Option<&'a str>,
}

impl<'a> Call<'a> {
    /// Reads it from a payload.
    pub fn read(payload: &'a Value) -> Self {
        Self {
            tool: text(payload, "tool_name").unwrap_or("tool"),
            input: payload.get("tool_input").unwrap_or(&Value::Null),
            id: text(payload, "tool_use_id"),
        }
    }

    /// Returns the program's own id of it, else its key.
    pub fn id(&self) -> String {
        self.id.map_or_else(|| self.key(), str::to_owned)
    }

    /// Returns what is the same in all hooks about this call, also in those that do not tell its id: a hash of what is to
    /// be done. The description is left out, for not all of them tell it.
    pub fn key(&self) -> String {
        key(self.tool, self.input)
    }

    /// Returns it in one line, as somebody who has to allow it reads it.
    pub fn subject(&self) -> String {
        let what =
            ["command", "file_path", "path", "url", "query"].into_iter().find_map(|field| text(self.input, field));
        let what = what.map_or_else(|| shown(self.input), str::to_owned);
        let what: String = what.chars().take(2_000).collect();
        if what.is_empty() { self.tool.to_owned() } else { format!("{}: {what}", self.tool) }
    }

    /// Returns the call as an activity.
    pub fn called(&self) -> Activity {
        Activity::ToolCalled { call: self.id(), tool: self.tool.to_owned(), input: shown(self.input) }
    }

    /// Returns the files that it has changed, as activities.
    pub fn changes(&self) -> Vec<Activity> {
        let change =
            |path: &str, change| Activity::FileChanged { path: path.to_owned(), change, added: None, removed: None };
        match self.tool {
            "Write" | "Edit" | "MultiEdit" | "NotebookEdit" | "write_file" | "replace" | "write" | "edit" => {
                let path = ["file_path", "notebook_path", "filePath", "path"];
                let path = path.into_iter().find_map(|field| text(self.input, field));
                path.map(|path| change(path, FileChange::Modified)).into_iter().collect()
            }
            "apply_patch" => {
                let patch = text(self.input, "command").or_else(|| text(self.input, "patch")).unwrap_or_default();
                let file = |line: &str| {
                    let found = [
                        ("*** Add File: ", FileChange::Created),
                        ("*** Update File: ", FileChange::Modified),
                        ("*** Delete File: ", FileChange::Deleted),
                    ];
                    found.into_iter().find_map(|(head, what)| Some(change(line.strip_prefix(head)?.trim(), what)))
                };
                patch.lines().filter_map(file).take(MAX_FILES).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// See [`Call::key`].
pub fn key(tool: &str, input: &Value) -> String {
    let mut hasher = blake3::Hasher::new();
    match text(input, "command") {
        Some(command) => hasher.update(command.as_bytes()),
        None => {
            let mut input = input.clone();
            if let Some(fields) = input.as_object_mut() {
                fields.remove("description");
            }
            hasher.update(tool.as_bytes()).update(input.to_string().as_bytes())
        }
    };
    hasher.finalize().to_hex().as_str()[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_same_call_has_the_same_key_whether_its_description_is_told_or_not() {
        let (told, untold) = (json!({"command": "touch x", "description": "because"}), json!({"command": "touch x"}));
        assert_eq!(key("Bash", &told), key("Bash", &untold));
        assert_ne!(key("Bash", &told), key("Bash", &json!({"command": "touch y"})));
        let (a, b) = (json!({"file_path": "/a"}), json!({"file_path": "/b"}));
        assert_ne!(key("Read", &a), key("Read", &b));
        assert_ne!(key("Read", &a), key("Edit", &a));
    }

    #[test]
    fn a_patch_names_its_files() {
        let patch = "*** Begin Patch\n*** Add File: a.rs\n+x\n*** Update File: b.rs\n@@\n*** End Patch";
        let payload = json!({"tool_name": "apply_patch", "tool_input": {"command": patch}});
        let paths: Vec<String> = Call::read(&payload)
            .changes()
            .into_iter()
            .map(|activity| match activity {
                Activity::FileChanged { path, .. } => path,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(paths, ["a.rs", "b.rs"]);
    }
}
