//! The dialects that models are spoken to in here: Anthropic's Messages, OpenAI's Responses and Chat Completions, Google's
//! Gemini.
//!
//! Answers are written whole: programs read a stream of events that has ended already as well as any other.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use super::conversation::{Item, Next, Tool};

/// A dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Anthropic's Messages.
    Messages,
    /// OpenAI's Responses.
    Responses,
    /// OpenAI's Chat Completions.
    Completions,
    /// Google's Gemini.
    Gemini,
}

const EVENTS: &str = "text/event-stream";
const JSON: &str = "application/json";

impl Dialect {
    /// Tells which one a path is about.
    pub fn of(path: &str) -> Option<Self> {
        match path {
            path if path.ends_with("/messages") => Some(Dialect::Messages),
            path if path.ends_with("/responses") => Some(Dialect::Responses),
            path if path.ends_with("/chat/completions") => Some(Dialect::Completions),
            path if path.ends_with("enerateContent") => Some(Dialect::Gemini),
            _ => None,
        }
    }

    /// Reads what was said and done.
    pub fn items(self, body: &Value) -> Vec<Item> {
        let mut items = Vec::new();
        match self {
            Dialect::Messages => {
                for message in list(&body["messages"]) {
                    let is_told = message["role"] != "assistant";
                    if let Some(text) = message["content"].as_str() {
                        items.extend(is_told.then(|| Item::Told(text.to_owned())));
                    }
                    for part in list(&message["content"]) {
                        match part["type"].as_str() {
                            Some("text") if is_told => items.push(Item::Told(flat(&part["text"]))),
                            Some("tool_use") => items.push(called(&part["id"], &part["name"])),
                            Some("tool_result") => items.push(given(&part["tool_use_id"], &part["content"])),
                            _ => {}
                        }
                    }
                }
            }
            Dialect::Responses => {
                for item in list(&body["input"]) {
                    match item["type"].as_str() {
                        Some("function_call" | "custom_tool_call") => {
                            items.push(called(&item["call_id"], &item["name"]))
                        }
                        Some("function_call_output" | "custom_tool_call_output") => {
                            items.push(given(&item["call_id"], &item["output"]));
                        }
                        _ if item["role"] == "user" || item["role"] == "developer" => {
                            items.push(Item::Told(flat(&item["content"])));
                        }
                        _ => {}
                    }
                }
            }
            Dialect::Completions => {
                for message in list(&body["messages"]) {
                    match message["role"].as_str() {
                        Some("tool") => items.push(given(&message["tool_call_id"], &message["content"])),
                        Some("assistant") => {
                            let calls = list(&message["tool_calls"]);
                            items.extend(calls.iter().map(|call| called(&call["id"], &call["function"]["name"])));
                        }
                        _ => items.push(Item::Told(flat(&message["content"]))),
                    }
                }
            }
            Dialect::Gemini => {
                for message in list(&body["contents"]) {
                    for part in list(&message["parts"]) {
                        if part["functionCall"].is_object() {
                            items.push(called(&part["functionCall"]["id"], &part["functionCall"]["name"]));
                        } else if part["functionResponse"].is_object() {
                            items.push(given(&part["functionResponse"]["id"], &part["functionResponse"]["response"]));
                        } else if message["role"] == "user" {
                            items.push(Item::Told(flat(&part["text"])));
                        }
                    }
                }
            }
        }
        items
    }

    /// Reads which tools are offered.
    pub fn tools(self, body: &Value) -> Vec<Tool> {
        let tool = |name: &Value, group: Option<&str>, schema: &Value| Tool {
            name: flat(name),
            group: group.map(str::to_owned),
            fields: schema["properties"].as_object().into_iter().flat_map(|fields| fields.keys().cloned()).collect(),
        };
        let offered = list(&body["tools"]);
        match self {
            Dialect::Messages => offered.iter().map(|it| tool(&it["name"], None, &it["input_schema"])).collect(),
            Dialect::Responses => offered
                .iter()
                .flat_map(|it| match it["type"].as_str() {
                    Some("namespace") => {
                        let group = it["name"].as_str();
                        list(&it["tools"]).iter().map(|it| tool(&it["name"], group, &it["parameters"])).collect()
                    }
                    Some("function") => vec![tool(&it["name"], None, &it["parameters"])],
                    _ => Vec::new(),
                })
                .collect(),
            Dialect::Completions => {
                let functions = offered.iter().map(|it| &it["function"]);
                functions.map(|it| tool(&it["name"], None, &it["parameters"])).collect()
            }
            Dialect::Gemini => offered
                .iter()
                .flat_map(|it| list(&it["functionDeclarations"]))
                .map(|it| {
                    let schema = if it["parametersJsonSchema"].is_object() {
                        &it["parametersJsonSchema"]
                    } else {
                        &it["parameters"]
                    };
                    tool(&it["name"], None, schema)
                })
                .collect(),
        }
    }

    /// Writes an answer; returns its content type and its text.
    pub fn write(self, path: &str, body: &Value, next: &Next) -> (&'static str, String) {
        match self {
            Dialect::Messages => messages(body, next),
            Dialect::Responses => responses(body, next),
            Dialect::Completions => completions(body, next),
            Dialect::Gemini => gemini(path, next),
        }
    }
}

fn messages(body: &Value, next: &Next) -> (&'static str, String) {
    let (block, stop) = match next {
        Next::Say { text, .. } => (json!({"type": "text", "text": text}), "end_turn"),
        Next::Call { name, input, .. } => {
            (json!({"type": "tool_use", "id": id("toolu"), "name": name, "input": input}), "tool_use")
        }
    };
    let usage = json!({"input_tokens": 10, "output_tokens": 5});
    let message = json!({
        "id": id("msg"), "type": "message", "role": "assistant", "model": body["model"], "content": [block.clone()],
        "stop_reason": stop, "stop_sequence": null, "usage": usage,
    });
    if body["stream"] != true {
        return (JSON, message.to_string());
    }
    let mut begun = message.clone();
    (begun["content"], begun["stop_reason"]) = (json!([]), Value::Null);
    let (empty, delta) = match next {
        Next::Say { text, .. } => (json!({"type": "text", "text": ""}), json!({"type": "text_delta", "text": text})),
        Next::Call { input, .. } => {
            let mut empty = block;
            empty["input"] = json!({});
            (empty, json!({"type": "input_json_delta", "partial_json": input.to_string()}))
        }
    };
    let events = [
        json!({"type": "message_start", "message": begun}),
        json!({"type": "content_block_start", "index": 0, "content_block": empty}),
        json!({"type": "content_block_delta", "index": 0, "delta": delta}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": null}, "usage": usage}),
        json!({"type": "message_stop"}),
    ];
    (EVENTS, events.iter().map(event).collect())
}

fn responses(body: &Value, next: &Next) -> (&'static str, String) {
    let item = match next {
        Next::Say { text, .. } => json!({
            "type": "message", "id": id("msg"), "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": text, "annotations": []}],
        }),
        Next::Call { name, group, input } => {
            let call = id("call");
            let mut item = json!({
                "type": "function_call", "id": format!("fc_{call}"), "call_id": call, "name": name,
                "arguments": input.to_string(), "status": "completed",
            });
            if let Some(group) = group {
                item["namespace"] = json!(group);
            }
            item
        }
    };
    let usage = json!({
        "input_tokens": 10, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 15,
    });
    let response = json!({
        "id": id("resp"), "object": "response", "created_at": 1, "status": "completed", "model": body["model"],
        "output": [item.clone()], "usage": usage, "error": null,
    });
    if body["stream"] != true {
        return (JSON, response.to_string());
    }
    let mut begun = response.clone();
    (begun["status"], begun["output"], begun["usage"]) = (json!("in_progress"), json!([]), Value::Null);
    let events = [
        json!({"type": "response.created", "sequence_number": 0, "response": begun}),
        json!({"type": "response.output_item.added", "sequence_number": 1, "output_index": 0, "item": item}),
        json!({"type": "response.output_item.done", "sequence_number": 2, "output_index": 0, "item": item}),
        json!({"type": "response.completed", "sequence_number": 3, "response": response}),
    ];
    (EVENTS, events.iter().map(event).collect())
}

fn completions(body: &Value, next: &Next) -> (&'static str, String) {
    let (said, reason) = match next {
        Next::Say { text, .. } => (json!({"role": "assistant", "content": text}), "stop"),
        Next::Call { name, input, .. } => {
            let function = json!({"name": name, "arguments": input.to_string()});
            let call = json!({"index": 0, "id": id("call"), "type": "function", "function": function});
            (json!({"role": "assistant", "content": null, "tool_calls": [call]}), "tool_calls")
        }
    };
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15});
    let id = id("chatcmpl");
    let answer = |kind: &str, choice: Value| {
        json!({
            "id": id, "object": kind, "created": 1, "model": body["model"], "choices": [choice], "usage": usage,
        })
    };
    if body["stream"] != true {
        let choice = json!({"index": 0, "message": said, "finish_reason": reason});
        return (JSON, answer("chat.completion", choice).to_string());
    }
    let chunk = |delta: Value, reason: Value| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": reason});
        format!("data: {}\n\n", answer("chat.completion.chunk", choice))
    };
    (EVENTS, chunk(said, Value::Null) + &chunk(json!({}), json!(reason)) + "data: [DONE]\n\n")
}

fn gemini(path: &str, next: &Next) -> (&'static str, String) {
    let part = match next {
        Next::Say { text, .. } => json!({"text": text}),
        Next::Call { name, input, .. } => json!({"functionCall": {"id": id("fc"), "name": name, "args": input}}),
    };
    let answer = json!({
        "candidates": [{"content": {"role": "model", "parts": [part]}, "index": 0, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15},
        "modelVersion": "scripted", "responseId": id("resp"),
    });
    if path.ends_with(":streamGenerateContent") {
        (EVENTS, format!("data: {answer}\n\n"))
    } else {
        (JSON, answer.to_string())
    }
}

fn event(event: &Value) -> String {
    format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default())
}

fn id(kind: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("{kind}_{:020}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn called(id: &Value, name: &Value) -> Item {
    Item::Called { id: flat(id), name: flat(name) }
}

fn given(id: &Value, content: &Value) -> Item {
    Item::Given { id: flat(id), text: flat(content) }
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

/// Puts all texts of a value together.
fn flat(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(all) => all.iter().map(flat).collect::<Vec<_>>().join("\n"),
        Value::Object(fields) => ["text", "output", "content", "result", "error"]
            .into_iter()
            .find_map(|field| fields.get(field))
            .map_or_else(|| value.to_string(), flat),
        other => other.to_string(),
    }
}
