//! Codex runs a hook only when its configuration has the hook's hash.
//!
//! Observed with Codex 0.169.0: the hash is over the hook as compact JSON with sorted keys, each field with the value that it
//! has when it is not written down.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// How long a hook may take when it does not say so, in seconds.
const TIMEOUT: u64 = 600;
/// The event at which a hook has less time.
pub const END: &str = "SessionEnd";
/// How long a hook may take there when it does not say so, in seconds.
const TIMEOUT_AT_END: u64 = 1;
/// How long it may take there at most: what says more counts as this much.
pub const LONGEST_AT_END: u64 = 3;

/// Returns the name under which a hook is trusted.
pub fn key(hooks_file: &str, event: &str, group: usize, handler: usize) -> String {
    format!("{hooks_file}:{}:{group}:{handler}", label(event))
}

/// Returns the hash of a hook: a handler of an event, in a group that may have a matcher.
pub fn hash(event: &str, handler: &Value, matcher: Option<&str>) -> String {
    let (usual, longest) = if event == END { (TIMEOUT_AT_END, LONGEST_AT_END) } else { (TIMEOUT, u64::MAX) };
    let timeout = handler.get("timeout").and_then(Value::as_u64).unwrap_or(usual).min(longest);
    let mut hook = json!({
        "event_name": label(event),
        "hooks": [{
            "async": handler.get("async").and_then(Value::as_bool).unwrap_or(false),
            "command": handler["command"],
            "timeout": timeout,
            "type": "command",
        }],
    });
    if let Some(matcher) = matcher.filter(|matcher| !matcher.is_empty()) {
        hook["matcher"] = json!(matcher);
    }
    format!("sha256:{}", hex::encode(Sha256::digest(sorted(&hook).to_string())))
}

/// Sorts the keys, whichever features the JSON library was built with.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().map(|(name, value)| (name.clone(), sorted(value))).collect();
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(fields.into_iter().collect())
        }
        Value::Array(values) => values.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

/// `SessionStart` is `session_start` there.
fn label(event: &str) -> String {
    let mut label = String::new();
    for c in event.chars() {
        if c.is_ascii_uppercase() && !label.is_empty() {
            label.push('_');
        }
        label.push(c.to_ascii_lowercase());
    }
    label
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_is_named_by_its_file_its_event_and_its_place() {
        assert_eq!(
            key("/h/.codex/hooks.json", "UserPromptSubmit", 2, 0),
            "/h/.codex/hooks.json:user_prompt_submit:2:0"
        );
    }

    #[test]
    fn the_hash_is_the_one_that_codex_computes() {
        // Computed apart from this code, by a script whose hashes Codex accepts.
        let command = "/usr/bin/tieline hook --agent codex Stop";
        let plain = json!({"type": "command", "command": command});
        let timed = json!({"type": "command", "command": command, "timeout": 10});
        assert_eq!(
            hash("Stop", &plain, None),
            "sha256:0cc5ac8812152ef58b7f216383ff40e81f8dfcadb545629474fed08a0a0a0ccd"
        );
        assert_eq!(
            hash("Stop", &timed, None),
            "sha256:1b7383558e4f4ff865a6d2ab8167a96510b2f7f43ac512e75a79233061ca1cd2"
        );
        assert_eq!(
            hash("SessionEnd", &plain, None),
            "sha256:d2c78fb23814e2bbbecf397c2883fa453089fe0c9453fc637138221deba419a0"
        );
        assert_eq!(
            hash("PreToolUse", &plain, Some("Bash")),
            "sha256:aa403be723ca138e86a718f8cf8ab83421c3e9d42448085e41944de559638bac"
        );
        assert_eq!(hash("Stop", &timed, Some("")), hash("Stop", &timed, None));
        let longest = json!({"type": "command", "command": command, "timeout": LONGEST_AT_END});
        assert_eq!(hash(END, &timed, None), hash(END, &longest, None));
    }
}
