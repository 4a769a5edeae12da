//! A conversation, whatever the dialect that it came in, and what is due in it.

use serde_json::{Value, json};

use super::wire::Dialect;

/// One thing in a conversation.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// What was said to the model, by whomever.
    Told(String),
    /// A tool that the model called.
    Called { id: String, name: String },
    /// What a tool gave back.
    Given { id: String, text: String },
}

/// A tool that is offered.
#[derive(Debug, Clone)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it is grouped under, where the dialect has that.
    pub group: Option<String>,
    /// The fields that it takes.
    pub fields: Vec<String>,
}

/// What the model does next.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Says something and ends its turn, maybe after a while.
    Say { text: String, after_ms: Option<u64> },
    /// Calls a tool.
    Call { name: String, group: Option<String>, input: Value },
}

/// Programs fetch tools that they have only announced through tools of their own; these calls are no steps.
const FETCHING: [&str; 2] = ["ToolSearch", "WaitForMcpServers"];
const SHELLS: [&str; 6] = ["Bash", "bash", "run_shell_command", "exec_command", "shell", "shell_command"];

/// A conversation.
#[derive(Debug)]
pub struct Conversation {
    items: Vec<Item>,
    tools: Vec<Tool>,
    /// The whole request, in which tools may be announced by name.
    raw: String,
}

impl Conversation {
    /// Reads a request.
    pub fn read(dialect: Dialect, body: &Value) -> Self {
        Self { items: dialect.items(body), tools: dialect.tools(body), raw: body.to_string() }
    }

    /// Returns everything that was said to the model.
    pub fn words(&self) -> String {
        let told = self.items.iter().filter_map(|item| match item {
            Item::Told(text) | Item::Given { text, .. } => Some(text.as_str()),
            Item::Called { .. } => None,
        });
        told.collect::<Vec<_>>().join("\n")
    }

    /// Decides what is due.
    pub fn next(&self) -> Next {
        // The newest script counts; mail may bring one into the middle of a turn.
        let scripted = self.items.iter().enumerate().rev().find_map(|(at, item)| match item {
            Item::Told(text) => script(text).map(|steps| (at, steps)),
            Item::Given { text, .. } => {
                script(text).filter(|_| text.contains("[tieline message")).map(|steps| (at, steps))
            }
            Item::Called { .. } => None,
        });
        let Some((at, steps)) = scripted else {
            let last = self.items.iter().rev().find_map(|item| match item {
                Item::Told(text) => Some(text.clone()),
                _ => None,
            });
            return say(format!("I was told: {}", last.unwrap_or_default()));
        };
        let after = self.items.get(at + 1..).unwrap_or_default();
        let fetches: Vec<&String> = after
            .iter()
            .filter_map(|item| match item {
                Item::Called { id, name } if FETCHING.contains(&name.as_str()) => Some(id),
                _ => None,
            })
            .collect();
        let done = after.iter().filter(|item| matches!(item, Item::Given { id, .. } if !fetches.contains(&id))).count();
        match steps.get(done) {
            Some(step) => self.step(step, fetches.len()),
            None => say("All is done.".into()),
        }
    }

    fn step(&self, step: &Value, fetched: usize) -> Next {
        if let Some(text) = step["say"].as_str() {
            return Next::Say { text: text.to_owned(), after_ms: step["after_ms"].as_u64() };
        }
        let wanted = step["tool"].as_str();
        let is_it = |tool: &&Tool| match wanted {
            Some(wanted) => {
                tool.name == wanted
                    || tool.name.ends_with(&format!("__{wanted}"))
                    || tool.name.ends_with(&format!("_{wanted}"))
            }
            None => SHELLS.contains(&tool.name.as_str()),
        };
        if let Some(tool) = self.tools.iter().find(is_it) {
            let input = match step["run"].as_str() {
                Some(run) if tool.fields.iter().any(|field| field == "cmd") => {
                    let mut input = json!({"cmd": run});
                    if step["asks"] == true {
                        // What leaves the sandbox is asked for.
                        input["sandbox_permissions"] = json!("require_escalated");
                        input["justification"] = json!("a test");
                    }
                    input
                }
                Some(run) => json!({"command": run, "description": "a step of the script"}),
                None => self.filled(&step["with"]),
            };
            return Next::Call { name: tool.name.clone(), group: tool.group.clone(), input };
        }
        let offers = |name: &str| self.tools.iter().any(|tool| tool.name == name);
        if fetched < 4
            && offers("ToolSearch")
            && let Some(wanted) = wanted
            && self.raw.contains(&format!("__{wanted}"))
        {
            let input = json!({"query": format!("select:mcp__tieline__{wanted}"), "max_results": 1});
            return Next::Call { name: "ToolSearch".into(), group: None, input };
        }
        if fetched < 4 && offers("WaitForMcpServers") {
            return Next::Call { name: "WaitForMcpServers".into(), group: None, input: json!({}) };
        }
        let names: Vec<&str> = self.tools.iter().map(|tool| tool.name.as_str()).collect();
        say(format!("There is no tool for {step} among {}", names.join(", ")))
    }

    /// Puts the newest message that came for `$MESSAGE`, as a model would that answers it.
    fn filled(&self, with: &Value) -> Value {
        let words = self.words();
        let found = words.rsplit_once("[tieline message msg_").and_then(|(_, rest)| rest.split(']').next());
        // Whoever has no mail passes the word on, for another model to fill in.
        let Some(id) = found else { return with.clone() };
        serde_json::from_str(&with.to_string().replace("$MESSAGE", &format!("msg_{id}"))).unwrap_or_default()
    }
}

fn say(text: String) -> Next {
    Next::Say { text, after_ms: None }
}

/// Reads the last script in a text.
fn script(text: &str) -> Option<Vec<Value>> {
    let mut found = None;
    for (at, _) in text.match_indices("DO[") {
        let rest = &text[at + 2..];
        if let Some(Ok(Value::Array(steps))) = serde_json::Deserializer::from_str(rest).into_iter().next() {
            found = Some(steps);
        }
    }
    found
}
