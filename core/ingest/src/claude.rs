//! Transcripts of Claude Code, as its releases up to 2.1.330 write them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tieline_model::{
    command::Happened,
    event::{Activity, ChatRole, Switchable, TurnOutcome},
};

use crate::{
    About, Line,
    json::{instant, is_true, number, text, title, words},
    patch,
};

/// Records that say nothing about the work.
const SILENT: [&str; 16] = [
    "queue-operation",
    "attachment",
    "atis-latch",
    "api-request-shape",
    "api-request-blob",
    "api-request",
    "tools-used",
    "last-prompt",
    "file-history-snapshot",
    "progress",
    "permission-mode",
    "agent-name",
    "agent-color",
    "tag",
    "pr-link",
    "mode",
];

/// The reader.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Claude {
    /// What the transcript says of itself.
    pub about: About,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    has_begun: bool,
    /// The turn that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    turn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// The model's answer whose usage was told: each of its blocks repeats that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    counted: Option<String>,
    #[serde(default)]
    cost_micro_usd: u64,
}

impl Claude {
    pub(crate) fn read(&mut self, record: &Value) -> Line {
        let Some(kind) = text(record, "/type") else { return Line::Bad("a record without `type`".to_owned()) };
        self.learn(record);
        let mut all = Vec::new();
        match kind {
            "user" => self.user(record, &mut all),
            "assistant" => self.assistant(record, &mut all),
            "system" => self.system(record, &mut all),
            "cost-state" => self.cost(record, &mut all),
            "summary" => self.name(text(record, "/summary")),
            "custom-title" | "ai-title" => {
                self.name(
                    text(record, "/customTitle")
                        .or_else(|| text(record, "/aiTitle"))
                        .or_else(|| text(record, "/title")),
                );
            }
            known if SILENT.contains(&known) => {}
            unknown => return Line::Unknown(unknown.to_owned()),
        }
        if !all.is_empty() && !std::mem::replace(&mut self.has_begun, true) {
            all.insert(0, Activity::Switched { what: Switchable::Backend, from: None, to: "claude".to_owned() });
        }
        let at_ms = instant(record);
        Line::Activities(all.into_iter().map(|what| Happened { at_ms, what }).collect())
    }

    fn learn(&mut self, record: &Value) {
        let about = &mut self.about;
        if about.session.is_none() {
            about.session = text(record, "/sessionId").map(str::to_owned);
        }
        if about.project.is_none() {
            about.project = text(record, "/cwd").map(str::to_owned);
        }
    }

    fn name(&mut self, name: Option<&str>) {
        if let Some(name) = name.and_then(title) {
            self.about.title = Some(name);
        }
    }

    fn user(&mut self, record: &Value, all: &mut Vec<Activity>) {
        let content = record.pointer("/message/content").unwrap_or(&Value::Null);
        if is_true(record, "/isCompactSummary") {
            all.push(Activity::Compacted { summary: words(content) });
            return;
        }
        let said = match content {
            Value::Array(parts) => {
                let results = parts.iter().filter(|part| text(part, "/type") == Some("tool_result"));
                results.for_each(|part| tool_ended(part, record, all));
                let texts: Vec<&str> = parts.iter().filter_map(|part| text(part, "/text")).collect();
                texts.join("\n")
            }
            other => words(other),
        };
        if said.is_empty() {
            return;
        }
        let is_aside = is_true(record, "/isSidechain");
        if is_true(record, "/isMeta") {
            all.push(Activity::Said { role: ChatRole::System, text: said, model: None });
            return;
        }
        if self.about.title.is_none() && !is_aside {
            self.about.title = title(&said);
        }
        if !is_aside {
            let turn = text(record, "/promptId").or_else(|| text(record, "/uuid")).unwrap_or("turn").to_owned();
            // What is said in the middle of a turn does not begin another.
            if self.turn.as_deref() != Some(turn.as_str()) {
                all.push(Activity::TurnStarted { turn: turn.clone() });
                self.turn = Some(turn);
            }
        }
        all.push(Activity::Said { role: ChatRole::User, text: aside(is_aside, said), model: None });
    }

    fn assistant(&mut self, record: &Value, all: &mut Vec<Activity>) {
        let is_aside = is_true(record, "/isSidechain");
        let model = text(record, "/message/model").filter(|model| *model != "<synthetic>").map(str::to_owned);
        if let Some(to) = &model
            && !is_aside
            && self.model != model
        {
            all.push(Activity::Switched { what: Switchable::Model, from: self.model.take(), to: to.clone() });
            self.model.clone_from(&model);
        }
        let parts = record.pointer("/message/content").and_then(Value::as_array);
        for part in parts.into_iter().flatten() {
            match text(part, "/type") {
                Some("text") => {
                    let said = aside(is_aside, words(part.pointer("/text").unwrap_or(&Value::Null)));
                    all.push(Activity::Said { role: ChatRole::Assistant, text: said, model: model.clone() });
                }
                Some("thinking") => {
                    let thought = words(part.pointer("/thinking").unwrap_or(&Value::Null));
                    if !thought.is_empty() {
                        let thought = aside(is_aside, thought);
                        all.push(Activity::Said { role: ChatRole::Reasoning, text: thought, model: None });
                    }
                }
                Some("tool_use" | "server_tool_use") => all.push(Activity::ToolCalled {
                    call: text(part, "/id").unwrap_or_default().to_owned(),
                    tool: text(part, "/name").unwrap_or_default().to_owned(),
                    input: part.pointer("/input").map(Value::to_string).unwrap_or_default(),
                }),
                _ => {}
            }
        }
        self.usage(record, model, all);
        let (is_error, stop) = (is_true(record, "/isApiErrorMessage"), text(record, "/message/stop_reason"));
        if !is_aside && (is_error || matches!(stop, Some("end_turn" | "stop_sequence" | "refusal" | "max_tokens"))) {
            let outcome = if is_error { TurnOutcome::Failed } else { TurnOutcome::Completed };
            self.end_turn(outcome, None, all);
        }
    }

    fn usage(&mut self, record: &Value, model: Option<String>, all: &mut Vec<Activity>) {
        let id = text(record, "/message/id").map(str::to_owned);
        if id.is_none() || id == self.counted {
            return;
        }
        let of = |name: &str| number(record, &format!("/message/usage/{name}")).unwrap_or_default();
        let cached = of("cache_read_input_tokens");
        let input_tokens = of("input_tokens") + of("cache_creation_input_tokens") + cached;
        let output_tokens = of("output_tokens");
        if input_tokens + output_tokens > 0 {
            let cached_tokens = (cached > 0).then_some(cached);
            all.push(Activity::Spent { model, input_tokens, output_tokens, cached_tokens, cost_micro_usd: None });
        }
        self.counted = id;
    }

    fn system(&mut self, record: &Value, all: &mut Vec<Activity>) {
        match text(record, "/subtype") {
            Some(
                "turn_duration" | "stop_hook_summary" | "compact_boundary" | "away_summary" | "microcompact_boundary",
            ) => {}
            Some("api_error") => {
                let what = record.pointer("/error").map(words).unwrap_or_default();
                all.push(Activity::Noted { text: format!("the model's service failed: {what}") });
            }
            _ => {
                if let Some(said) = text(record, "/content").filter(|said| !said.is_empty()) {
                    all.push(Activity::Said { role: ChatRole::System, text: said.to_owned(), model: None });
                }
            }
        }
    }

    /// The cost is told as a sum; a timeline has what was added.
    fn cost(&mut self, record: &Value, all: &mut Vec<Activity>) {
        let usd = record.pointer("/totalCostUSD").and_then(Value::as_f64).unwrap_or_default();
        if !(0.0..1e9).contains(&usd) {
            return;
        }
        let total = (usd * 1e6).round() as u64;
        let added = total.saturating_sub(self.cost_micro_usd);
        self.cost_micro_usd = total;
        if added > 0 {
            all.push(Activity::Spent {
                model: None,
                input_tokens: 0,
                output_tokens: 0,
                cached_tokens: None,
                cost_micro_usd: Some(added),
            });
        }
    }

    fn end_turn(&mut self, outcome: TurnOutcome, reason: Option<String>, all: &mut Vec<Activity>) {
        if let Some(turn) = self.turn.take() {
            all.push(Activity::TurnEnded { turn, outcome, reason, duration_ms: None });
        }
    }
}

fn tool_ended(part: &Value, record: &Value, all: &mut Vec<Activity>) {
    let is_ok = !is_true(part, "/is_error");
    all.push(Activity::ToolEnded {
        call: text(part, "/tool_use_id").unwrap_or_default().to_owned(),
        is_ok,
        output: part.pointer("/content").map(words).unwrap_or_default(),
        duration_ms: number(record, "/toolUseResult/durationMs"),
    });
    if is_ok && let Some(changed) = record.pointer("/toolUseResult").and_then(patch::of_claude) {
        all.push(changed);
    }
}

/// What a subagent says is marked, because a session has one conversation.
fn aside(is_aside: bool, said: String) -> String {
    if is_aside { format!("[subagent] {said}") } else { said }
}
