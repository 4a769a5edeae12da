//! The tool `command`: through it an agent reaches the commands that are not worth a tool of their own.

use std::sync::Arc;

use rmcp::model::Tool;
use serde_json::{Map, Value, json};
use tieline_model::{Code, Refusal, schema};

/// Its name.
pub const NAME: &str = schema::GENERAL_TOOL;

const DESCRIPTION: &str = "Run any other command: open, close, label or fork sessions, schedule, search, read timelines \
and more. Without `name` it lists them; with `name` alone it shows what that command takes; with `arguments` it runs it.";

/// What a call means.
#[derive(Debug)]
pub enum Call {
    /// Run this command.
    Run(Value),
    /// Answer with this; nothing is run.
    Show(Value),
}

/// Returns the tool.
pub fn tool() -> Tool {
    let input = json!({
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "arguments": {"type": "object"},
        },
        "additionalProperties": false,
    });
    let Value::Object(input) = input else { return Tool::new(NAME, DESCRIPTION, Arc::default()) };
    Tool::new(NAME, DESCRIPTION, Arc::new(input))
}

/// Reads a call.
///
/// # Errors
/// Says what is wrong with the arguments of the tool; those of the command are for the daemon to judge.
pub fn read(arguments: &Map<String, Value>) -> Result<Call, Refusal> {
    if let Some(stranger) = arguments.keys().find(|key| *key != "name" && *key != "arguments") {
        let message = format!("unknown field `{stranger}`; wanted `name` and `arguments`");
        return Err(Refusal::new(Code::BadInput, message).at(NAME));
    }
    let known = schema::agent_commands();
    let name = match arguments.get("name") {
        None => {
            let all: Vec<Value> =
                known.iter().map(|it| json!({"name": it.name, "description": it.description})).collect();
            return Ok(Call::Show(json!({"commands": all})));
        }
        Some(Value::String(name)) => name,
        Some(other) => {
            let message = format!("{other}; wanted the name of a command, as text");
            return Err(Refusal::new(Code::BadInput, message).at("command.name"));
        }
    };
    let Some(command) = known.into_iter().find(|it| it.name == *name) else {
        let message = format!("no command `{name}`; call `{NAME}` without `name` for the list");
        return Err(Refusal::new(Code::BadInput, message).at("command.name"));
    };
    match arguments.get("arguments") {
        None => Ok(Call::Show(
            json!({"name": command.name, "description": command.description, "arguments": command.input}),
        )),
        Some(Value::Object(fields)) => Ok(Call::Run(schema::command_of_tool(name, fields.clone()))),
        Some(other) => {
            let message = format!("{other}; wanted an object with the fields of `{name}`");
            Err(Refusal::new(Code::BadInput, message).at("command.arguments"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(arguments: Value) -> Result<Call, Refusal> {
        read(arguments.as_object().unwrap())
    }

    #[test]
    fn without_arguments_it_shows_and_with_them_it_runs() {
        let Ok(Call::Show(list)) = call(json!({})) else { panic!() };
        assert!(list["commands"].as_array().unwrap().iter().any(|it| it["name"] == "session_open"));
        let Ok(Call::Show(one)) = call(json!({"name": "session_open"})) else { panic!() };
        assert!(one["arguments"]["properties"]["title"].is_object(), "{one}");
        let Ok(Call::Run(command)) = call(json!({"name": "session_open", "arguments": {"title": "x"}})) else {
            panic!()
        };
        assert_eq!(command, json!({"session_open": {"title": "x"}}));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let wrong = [
            (json!({"command": "x"}), "command", "unknown field `command`"),
            (json!({"name": 7}), "command.name", "7; wanted"),
            (json!({"name": "sesion_open"}), "command.name", "no command `sesion_open`"),
            (json!({"name": "token_create", "arguments": {}}), "command.name", "no command `token_create`"),
            (json!({"name": "ask", "arguments": []}), "command.arguments", "[]; wanted an object"),
        ];
        for (arguments, field, words) in wrong {
            let refusal = call(arguments).unwrap_err();
            assert_eq!(refusal.field.as_deref(), Some(field));
            assert!(refusal.message.contains(words), "{}", refusal.message);
        }
    }
}
