//! MCP tools over Streamable HTTP, and what both ways of MCP share.

use serde_json::{Value, json};
use tieline_model::schema::TOOL_NAMES;
use tieline_tests::http::Request;

use crate::{Surface, cast::Cast};

pub const PROTOCOL: &str = "2025-06-18";

/// Commands of the script that MCP has not: an agent steers no plugins and decides nothing in a person's place.
pub const LACKS: &[&str] = &[
    "plugin_list",
    "plugin_info",
    "plugin_logs",
    "plugin_enable",
    "plugin_disable",
    "plugin_reload",
    "plugin_trust",
    "memory_decide",
    "session_purge",
];

/// The tool call that a command is: a tool's own, or one of the tool for all others.
pub fn call(id: u64, command: &Value) -> Value {
    let (name, arguments) = command.as_object().unwrap().iter().next().unwrap();
    let params = match TOOL_NAMES.contains(&name.as_str()) {
        true => json!({"name": name, "arguments": arguments}),
        false => json!({"name": "command", "arguments": {"name": name, "arguments": arguments}}),
    };
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})
}

/// The outcome that an answer holds. The same has to stand in its text, for clients that know no structured content.
pub fn outcome(answer: &Value) -> Value {
    let result = &answer["result"];
    let outcome = result["structuredContent"].clone();
    assert!(outcome.is_object(), "an outcome in {answer}");
    let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(text, outcome);
    assert_eq!(result["isError"].as_bool().unwrap_or(false), outcome.get("ok").is_none(), "{answer}");
    outcome
}

/// `POST /mcp`.
pub struct OverHttp<'a> {
    cast: &'a Cast,
    next: u64,
}

impl<'a> OverHttp<'a> {
    pub fn new(cast: &'a Cast) -> Self {
        Self { cast, next: 0 }
    }
}

impl Surface for OverHttp<'_> {
    fn lacks(&self) -> &[&'static str] {
        LACKS
    }

    async fn say(&mut self, who: &'static str, command: &Value) -> Value {
        self.next += 1;
        let request = Request::post("/mcp", call(self.next, command).to_string())
            .header("Accept", "application/json, text/event-stream")
            .header("MCP-Protocol-Version", PROTOCOL)
            .token(&self.cast.token(who));
        let answer = request.send(&self.cast.tcp()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let answer = answer.json();
        assert_eq!(answer["id"], self.next, "{answer}");
        outcome(&answer)
    }
}
