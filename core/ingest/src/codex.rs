//! Rollout files of Codex, as its releases up to 0.169 write them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tieline_model::{
    command::Happened,
    event::{Activity, ChatRole, Switchable, TurnOutcome},
};

use crate::{
    About, Line,
    json::{instant, number, text, title, words},
    patch,
};

/// Records that say nothing about the work.
const SILENT: [&str; 4] = ["world_state", "token_usage_record", "ghost_snapshot", "inter_agent_communication"];
/// Events that repeat what items of the conversation say, or that say nothing about the work.
const SILENT_EVENTS: [&str; 24] = [
    "user_message",
    "agent_message",
    "agent_reasoning",
    "agent_reasoning_raw_content",
    "agent_reasoning_section_break",
    "item_started",
    "item_completed",
    "thread_settings_applied",
    "exec_command_begin",
    "exec_command_end",
    "exec_command_output_delta",
    "patch_apply_begin",
    "patch_apply_end",
    "mcp_tool_call_begin",
    "mcp_tool_call_end",
    "web_search_begin",
    "web_search_end",
    "turn_diff",
    "background_event",
    "context_compacted",
    "plan_update",
    "thread_name_updated",
    "hook_started",
    "hook_completed",
];

/// The reader.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Codex {
    /// What the transcript says of itself.
    pub about: About,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// The sum of tokens that was told last: the same sum comes more than once.
    #[serde(default)]
    total_tokens: u64,
    /// Patches that were called for and have not ended.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    patches: BTreeMap<String, Vec<Activity>>,
}

impl Codex {
    pub(crate) fn read(&mut self, record: &Value) -> Line {
        let Some(kind) = text(record, "/type") else { return Line::Bad("a record without `type`".to_owned()) };
        let none = Value::Null;
        let payload = record.pointer("/payload").unwrap_or(&none);
        let mut all = Vec::new();
        match kind {
            "session_meta" => self.meta(payload, &mut all),
            "turn_context" => self.switch(text(payload, "/model"), &mut all),
            "response_item" => {
                if let Some(unknown) = self.item(payload, &mut all) {
                    return Line::Unknown(unknown);
                }
            }
            "event_msg" => {
                if let Some(unknown) = self.event(payload, &mut all) {
                    return Line::Unknown(unknown);
                }
            }
            "compacted" => {
                let summary = text(payload, "/message").unwrap_or_default().to_owned();
                all.push(Activity::Compacted { summary });
            }
            known if SILENT.contains(&known) => {}
            unknown => return Line::Unknown(unknown.to_owned()),
        }
        let at_ms = instant(record);
        Line::Activities(all.into_iter().map(|what| Happened { at_ms, what }).collect())
    }

    fn meta(&mut self, payload: &Value, all: &mut Vec<Activity>) {
        let about = &mut self.about;
        if about.session.is_none() {
            about.session = text(payload, "/id").or_else(|| text(payload, "/session_id")).map(str::to_owned);
            about.project = text(payload, "/cwd").map(str::to_owned);
            all.push(Activity::Switched { what: Switchable::Backend, from: None, to: "codex".to_owned() });
        }
        if let Some(from) = text(payload, "/forked_from_id") {
            all.push(Activity::Resumed { from: from.to_owned() });
        }
    }

    fn switch(&mut self, model: Option<&str>, all: &mut Vec<Activity>) {
        if let Some(to) = model
            && self.model.as_deref() != Some(to)
        {
            let from = self.model.replace(to.to_owned());
            all.push(Activity::Switched { what: Switchable::Model, from, to: to.to_owned() });
        }
    }

    /// Reads an item of the conversation. Returns the name of one that is not known.
    fn item(&mut self, payload: &Value, all: &mut Vec<Activity>) -> Option<String> {
        let call = || text(payload, "/call_id").or_else(|| text(payload, "/id")).unwrap_or_default().to_owned();
        match text(payload, "/type") {
            Some("message") => self.message(payload, all),
            Some("reasoning") => {
                let thought = words(payload.pointer("/summary").unwrap_or(&Value::Null));
                if !thought.is_empty() {
                    all.push(Activity::Said { role: ChatRole::Reasoning, text: thought, model: None });
                }
            }
            Some("function_call" | "custom_tool_call") => {
                let tool = text(payload, "/name").unwrap_or_default().to_owned();
                let input = payload.pointer("/arguments").or_else(|| payload.pointer("/input")).map(words);
                let input = input.unwrap_or_default();
                if input.contains("*** Begin Patch") {
                    self.patches.insert(call(), patch::of_codex(&unescaped(&input)));
                }
                all.push(Activity::ToolCalled { call: call(), tool, input });
            }
            Some("local_shell_call") => {
                let input = payload.pointer("/action").map(Value::to_string).unwrap_or_default();
                all.push(Activity::ToolCalled { call: call(), tool: "shell".to_owned(), input });
            }
            Some("web_search_call") => {
                let input = payload.pointer("/action").map(Value::to_string).unwrap_or_default();
                all.push(Activity::ToolCalled { call: call(), tool: "web_search".to_owned(), input });
            }
            Some("function_call_output" | "custom_tool_call_output") => {
                let (is_ok, output) = result(payload.pointer("/output").unwrap_or(&Value::Null));
                let changed = self.patches.remove(&call()).unwrap_or_default();
                all.push(Activity::ToolEnded { call: call(), is_ok, output, duration_ms: None });
                if is_ok {
                    all.extend(changed);
                }
            }
            Some("ghost_snapshot" | "compaction" | "other") | None => {}
            Some(unknown) => return Some(format!("response_item {unknown}")),
        }
        None
    }

    fn message(&mut self, payload: &Value, all: &mut Vec<Activity>) {
        let said = words(payload.pointer("/content").unwrap_or(&Value::Null));
        let role = match text(payload, "/role") {
            Some("assistant") => ChatRole::Assistant,
            // Instructions and surroundings come in the person's name, between tags.
            Some("user") if said.starts_with('<') => return,
            Some("user") => ChatRole::User,
            _ => return,
        };
        if said.is_empty() {
            return;
        }
        if role == ChatRole::User && self.about.title.is_none() {
            self.about.title = title(&said);
        }
        let model = self.model.clone().filter(|_| role == ChatRole::Assistant);
        all.push(Activity::Said { role, text: said, model });
    }

    /// Reads an event. Returns the name of one that is not known.
    fn event(&mut self, payload: &Value, all: &mut Vec<Activity>) -> Option<String> {
        let turn = || text(payload, "/turn_id").unwrap_or("turn").to_owned();
        match text(payload, "/type") {
            Some("task_started" | "turn_started") => all.push(Activity::TurnStarted { turn: turn() }),
            Some("task_complete" | "turn_complete") => {
                let (outcome, duration_ms) = (TurnOutcome::Completed, number(payload, "/duration_ms"));
                all.push(Activity::TurnEnded { turn: turn(), outcome, reason: None, duration_ms });
            }
            Some("turn_aborted") => {
                let reason = text(payload, "/reason").map(str::to_owned);
                let outcome = TurnOutcome::Interrupted;
                all.push(Activity::TurnEnded { turn: turn(), outcome, reason, duration_ms: None });
            }
            Some("token_count") => self.tokens(payload, all),
            Some("error" | "stream_error" | "warning") => {
                let what = text(payload, "/message").unwrap_or_default();
                all.push(Activity::Noted { text: format!("codex says: {what}") });
            }
            Some(known) if SILENT_EVENTS.contains(&known) => {}
            Some(unknown) => return Some(format!("event_msg {unknown}")),
            None => return Some("event_msg".to_owned()),
        }
        None
    }

    fn tokens(&mut self, payload: &Value, all: &mut Vec<Activity>) {
        let total = number(payload, "/info/total_token_usage/total_tokens").unwrap_or_default();
        if total <= self.total_tokens {
            return;
        }
        self.total_tokens = total;
        let of = |name: &str| number(payload, &format!("/info/last_token_usage/{name}")).unwrap_or_default();
        let cached = of("cached_input_tokens");
        all.push(Activity::Spent {
            model: self.model.clone(),
            input_tokens: of("input_tokens"),
            output_tokens: of("output_tokens"),
            cached_tokens: (cached > 0).then_some(cached),
            cost_micro_usd: None,
        });
    }
}

/// A patch may be a text within JSON.
fn unescaped(input: &str) -> String {
    let arguments: Option<Value> = serde_json::from_str(input).ok();
    let inner = arguments.as_ref().and_then(|it| text(it, "/input").or_else(|| text(it, "/patch")));
    inner.map_or_else(|| input.to_owned(), str::to_owned)
}

/// Whether a call did what it should, and what came of it. The exit code stands in the text, or beside it as JSON.
fn result(output: &Value) -> (bool, String) {
    let said = match output {
        Value::Object(_) => words(output.pointer("/content").unwrap_or(&Value::Null)),
        other => words(other),
    };
    if output.pointer("/success").and_then(Value::as_bool) == Some(false) {
        return (false, said);
    }
    if let Ok(inner @ Value::Object(_)) = serde_json::from_str::<Value>(&said) {
        let code = inner.pointer("/metadata/exit_code").and_then(Value::as_i64);
        if let (Some(code), Some(text)) = (code, text(&inner, "/output")) {
            return (code == 0, text.to_owned());
        }
    }
    let code = ["Process exited with code ", "Exit code: "].iter().find_map(|mark| {
        let after = said.split_once(mark)?.1;
        after.split(|c: char| !c.is_ascii_digit()).next()?.parse::<i64>().ok()
    });
    (code.unwrap_or_default() == 0, said)
}
