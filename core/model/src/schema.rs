//! Schemas derived once from [`Command`] and [`Outcome`](crate::Outcome): for MCP tools, OpenAPI and the dashboard's types.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::{Command, Event, outcome::OutcomeJson};

/// A command that agents get as an MCP tool.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    /// The tool's name: the command's.
    pub name: String,
    /// One sentence, the command's own.
    pub description: String,
    /// The JSON Schema of its input: the fields of the command.
    pub input: Map<String, Value>,
}

/// The commands that are worth an agent's context, in the order of a first contact.
/// With [`GENERAL_TOOL`] ten at most, and the whole list stays under 8 kB: every agent pays for it in each of its turns.
pub const TOOL_NAMES: [&str; 9] =
    ["whoami", "session_list", "ask", "ack", "notify", "broadcast", "inbox", "receipt", "recall"];

/// The tool through which agents reach the other commands.
pub const GENERAL_TOOL: &str = "command";

/// Returns the MCP tools.
pub fn tools() -> Vec<Tool> {
    let variants = variants();
    TOOL_NAMES.iter().filter_map(|name| variants.iter().find(|(found, _, _)| found == name)).filter_map(tool).collect()
}

/// Returns the commands that an agent may be told of: all but those that only people may give.
pub fn agent_commands() -> Vec<Tool> {
    let is_for_people = |name: &str| {
        name.starts_with("token_") || name.starts_with("plugin_") || ["memory_decide", "session_purge"].contains(&name)
    };
    variants().iter().filter(|(name, _, _)| !is_for_people(name)).filter_map(tool).collect()
}

fn tool((name, description, schema): &(String, String, Value)) -> Option<Tool> {
    let Value::Object(mut input) = schema.clone() else { return None };
    input.remove("description");
    input.remove("title");
    input.remove("$schema");
    slim(&mut input);
    Some(Tool { name: name.clone(), description: description.clone(), input })
}

/// Builds the command that a call of the MCP tool `name` with `arguments` means.
pub fn command_of_tool(name: &str, arguments: Map<String, Value>) -> Value {
    let mut command = Map::new();
    command.insert(name.to_owned(), Value::Object(arguments));
    Value::Object(command)
}

/// Returns each command's name, first sentence and field schema.
pub fn variants() -> Vec<(String, String, Value)> {
    let schema = generate::<Command>(true);
    let branches = schema.get("oneOf").and_then(Value::as_array).cloned().unwrap_or_default();
    branches
        .iter()
        .filter_map(|branch| {
            let description = branch.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
            let (name, fields) = branch.get("properties")?.as_object()?.iter().next()?;
            Some((name.clone(), description, fields.clone()))
        })
        .collect()
}

/// Returns the schemas of everything that HTTP carries, as OpenAPI `components.schemas`.
pub fn components() -> Map<String, Value> {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.definitions_path = "/components/schemas".into());
    let mut generator = settings.into_generator();
    generator.subschema_for::<Command>();
    generator.subschema_for::<OutcomeJson>();
    generator.subschema_for::<Event>();
    generator.take_definitions(true)
}

fn generate<T: JsonSchema>(inline: bool) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = inline);
    serde_json::to_value(settings.into_generator().into_root_schema_for::<T>()).unwrap_or_else(|_| json!({}))
}

/// Drops what a model does not need: formats, null alternatives, defaults.
fn slim(schema: &mut Map<String, Value>) {
    for dropped in ["format", "default", "minimum", "pattern", "title"] {
        schema.remove(dropped);
    }
    if let Some(Value::Array(kinds)) = schema.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [only] = kinds.as_slice() {
            let only = only.clone();
            schema.insert("type".into(), only);
        }
    }
    // An optional enum is `anyOf: [{…}, {type: null}]`: the first is all that a caller can use.
    if let Some(Value::Array(alternatives)) = schema.get("anyOf").cloned() {
        let real: Vec<&Value> =
            alternatives.iter().filter(|a| a.get("type").is_none_or(|kind| kind != "null")).collect();
        if let [Value::Object(only)] = real.as_slice() {
            let description = schema.get("description").cloned();
            *schema = only.clone();
            schema.remove("description");
            if let Some(description) = description {
                schema.insert("description".into(), description);
            }
        }
    }
    // A documented enum is `oneOf` constants: the values alone say it.
    if let Some(Value::Array(branches)) = schema.get("oneOf").cloned() {
        let values: Vec<Value> = branches.iter().filter_map(|branch| branch.get("const").cloned()).collect();
        if values.len() == branches.len() {
            schema.remove("oneOf");
            schema.insert("enum".into(), Value::Array(values));
        }
    }
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for property in properties.values_mut().filter_map(Value::as_object_mut) {
            slim(property);
        }
    }
    if let Some(Value::Object(items)) = schema.get_mut("items") {
        slim(items);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_is_a_command_and_the_list_stays_small() {
        let tools = tools();
        assert_eq!(tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(), TOOL_NAMES);
        let listed: Vec<Value> = tools
            .iter()
            .map(|tool| json!({"name": tool.name, "description": tool.description, "inputSchema": tool.input}))
            .collect();
        let size = serde_json::to_string(&listed).unwrap().len();
        // The tool for all others adds about 400 bytes.
        assert!(size <= 7_500, "{size} bytes");
    }

    #[test]
    fn no_tool_lets_an_agent_manage_tokens_or_plugins() {
        assert!(TOOL_NAMES.iter().all(|name| !name.starts_with("token") && !name.starts_with("plugin")));
    }

    #[test]
    fn every_command_is_in_the_schema_under_its_own_name() {
        let whoami: Command = serde_json::from_value(command_of_tool("whoami", Map::new())).unwrap();
        assert_eq!(whoami.name(), "whoami");
        let names: Vec<String> = variants().into_iter().map(|(name, _, _)| name).collect();
        assert_eq!(names.len(), 80);
        assert!(names.contains(&"ask_many".to_owned()));
        assert!(components().contains_key("Command"));
    }
}
