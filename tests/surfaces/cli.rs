//! The command line, with `--json`.

use serde_json::Value;
use tieline_model::outcome::FAULT;

use crate::{Surface, cast::Cast, http::code_of};

/// `tieline … --json`.
pub struct CommandLine<'a>(&'a Cast);

impl<'a> CommandLine<'a> {
    pub fn new(cast: &'a Cast) -> Self {
        Self(cast)
    }
}

impl Surface for CommandLine<'_> {
    /// A receipt is given with `inbox --ack`; a field of another name cannot be typed; `plugins trust` looks at the plugin
    /// before, which an agent may not either; an export is read from a file. What hooks report is typed by nobody.
    fn lacks(&self) -> &[&'static str] {
        &["receipt", "plugin_trust", "session_import", "malformed", "report", "runtime_find"]
    }

    async fn say(&mut self, who: &'static str, command: &Value) -> Value {
        let mut args = vec!["--json".to_owned(), "--token-file".to_owned()];
        args.push(self.0.token_file(who).display().to_string());
        args.extend(words(command));
        let output = self.0.0.home.tieline(&args).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let shown = format!("{args:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(text.lines().count(), 1, "one line of JSON from {shown}");
        let outcome: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {shown}"));
        assert_eq!(output.status.code(), Some(exit_code_of(&outcome).into()), "exit code of {shown}");
        assert!(output.stderr.is_empty(), "nothing for people beside the JSON: {shown}");
        outcome
    }
}

fn exit_code_of(outcome: &Value) -> u8 {
    match code_of(outcome) {
        Some(code) => code.exit_code(),
        None if outcome.get("fault").is_some() => FAULT.1,
        None => 0,
    }
}

/// What a person types for a command.
fn words(command: &Value) -> Vec<String> {
    let (name, fields) = command.as_object().unwrap().iter().next().unwrap();
    let (verb, in_place): (&[&str], &[&str]) = match name.as_str() {
        "whoami" => (&["whoami"], &[]),
        "session_open" => (&["sessions", "open"], &["title"]),
        "session_list" => (&["sessions", "list"], &[]),
        "session_label" => (&["sessions", "label"], &["session"]),
        "session_fork" => (&["sessions", "fork"], &["session", "title"]),
        "session_merge" => (&["sessions", "merge"], &["session", "note"]),
        "session_archive" => (&["sessions", "archive"], &["session"]),
        "session_restore" => (&["sessions", "restore"], &["session"]),
        "session_purge" => (&["purge", "--yes"], &["session"]),
        "why" => (&["why"], &["session"]),
        "ask" => (&["ask"], &["to", "text"]),
        "ack" => (&["ack"], &["ask", "text"]),
        "notify" => (&["notify"], &["to", "text"]),
        "broadcast" => (&["broadcast"], &["text"]),
        "inbox" => (&["inbox"], &["session"]),
        "trace" => (&["trace"], &["message"]),
        "cancel" => (&["cancel"], &["message"]),
        "timeline" => (&["timeline"], &["sessions"]),
        "schedule_create" => (&["schedule", "add"], &["when"]),
        "schedule_list" => (&["schedule", "list"], &["session"]),
        "schedule_get" => (&["schedule", "show"], &["schedule"]),
        "schedule_pause" => (&["schedule", "pause"], &["schedule"]),
        "schedule_resume" => (&["schedule", "resume"], &["schedule"]),
        "schedule_run" => (&["schedule", "run"], &["schedule"]),
        "schedule_cancel" => (&["schedule", "remove"], &["schedule"]),
        "schedule_history" => (&["schedule", "history"], &["schedule"]),
        "search" => (&["search"], &["query"]),
        "recall" => (&["recall"], &["query"]),
        "memory_propose" => (&["memory", "propose"], &["path"]),
        "memory_decide" => (&["memory", "decide"], &["proposal", "allow", "reason"]),
        "memory_show" => (&["memory", "show"], &["session"]),
        "memory_diff" => (&["memory", "diff"], &["session", "from", "to"]),
        "memory_log" => (&["memory", "log"], &["session"]),
        "idle_watch" => (&["sessions", "watch"], &["session"]),
        "file_lease" => (&["files", "lease"], &["paths"]),
        "file_release" => (&["files", "release"], &["paths"]),
        "file_leases" => (&["files", "list"], &[]),
        "job_create" => (&["jobs", "add"], &["title", "input"]),
        "job_take" => (&["jobs", "take"], &[]),
        "job_renew" => (&["jobs", "renew"], &["job", "lease"]),
        "job_finish" if fields.get("error").is_some() => (&["jobs", "fail"], &["job", "lease", "error"]),
        "job_finish" => (&["jobs", "finish"], &["job", "lease", "result"]),
        "job_cancel" => (&["jobs", "cancel"], &["job", "reason"]),
        "job_retry" => (&["jobs", "retry"], &["job"]),
        "job_list" => (&["jobs", "list"], &["session"]),
        "job_get" => (&["jobs", "show"], &["job"]),
        "plugin_list" => (&["plugins"], &[]),
        "plugin_info" => (&["plugins", "info"], &["name"]),
        "plugin_logs" => (&["plugins", "logs"], &["name"]),
        "plugin_enable" => (&["plugins", "enable"], &["name"]),
        "plugin_disable" => (&["plugins", "disable"], &["name"]),
        "plugin_reload" => (&["plugins", "reload"], &["name"]),
        other => panic!("how is `{other}` typed?"),
    };
    let fields = fields.as_object().unwrap();
    let mut words: Vec<String> = verb.iter().map(|word| (*word).to_owned()).collect();
    words.extend(in_place.iter().filter_map(|name| fields.get(*name)).flat_map(all));
    for (field, value) in fields.iter().filter(|(field, _)| !in_place.contains(&field.as_str())) {
        let option = match field.as_str() {
            "for_ms" => vec!["--for".to_owned(), format!("{value}ms")],
            "expires_in_ms" => vec!["--expires".to_owned(), format!("{value}ms")],
            "roles" => value.as_array().unwrap().iter().flat_map(|role| ["--role".to_owned(), plain(role)]).collect(),
            name @ ("exclude" | "add") => {
                value.as_array().unwrap().iter().flat_map(|one| [format!("--{name}"), plain(one)]).collect()
            }
            "all" => vec!["--all".to_owned()],
            "misfire" => vec!["--misfire".to_owned(), format!("all:{}", value["all"]["max"])],
            "overlap" => vec!["--overlap".to_owned(), plain(value).replace('_', "-")],
            "session" if name == "job_create" => vec!["--for".to_owned(), plain(value)],
            "remove" => vec!["--remove".to_owned()],
            "deadline_in_ms" => vec!["--deadline".to_owned(), format!("{value}ms")],
            "include_ended" => vec!["--all".to_owned()],
            "give_up" => vec!["--give-up".to_owned()],
            "dry_run" => vec!["--dry-run".to_owned()],
            name => vec![format!("--{}", name.replace('_', "-")), plain(value)],
        };
        words.extend(option);
    }
    words
}

fn all(value: &Value) -> Vec<String> {
    value.as_array().map_or_else(|| vec![plain(value)], |list| list.iter().map(plain).collect())
}

fn plain(value: &Value) -> String {
    match value.as_bool() {
        Some(is_allowed) => if is_allowed { "allow" } else { "reject" }.to_owned(),
        None => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
    }
}
