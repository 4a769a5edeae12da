//! Shows a loaded configuration: every key, its value, and where it comes from.

use crate::{Loaded, key::KeyPath};
use serde_json::json;
use toml::Value;

/// Words in the name of a plugin's setting whose value is not shown.
const SECRET: [&str; 5] = ["token", "secret", "pass", "key", "credential"];
const MASK: &str = "(not shown)";

/// Writes one line per key, in TOML, with the layer as a comment.
pub fn show(loaded: &Loaded) -> String {
    let lines: Vec<(String, String)> = loaded
        .values
        .iter()
        .map(|(path, (value, layer))| (format!("{path} = {}", shown(path, value)), layer.to_string()))
        .collect();
    let width = lines.iter().map(|(line, _)| line.chars().count()).filter(|width| *width <= 60).max().unwrap_or(0);
    lines.iter().map(|(line, layer)| format!("{line:width$}  # {layer}\n")).collect()
}

/// Returns `{"keys": [{"key", "value", "layer": {"kind", …}}]}`.
pub fn show_json(loaded: &Loaded) -> serde_json::Value {
    let keys = loaded.values.iter().map(|(path, (value, layer))| {
        json!({ "key": path.to_string(), "value": self::json(&shown(path, value)), "layer": layer })
    });
    json!({ "keys": keys.collect::<Vec<_>>() })
}

/// Turns TOML into JSON. Dates become text; numbers that JSON does not know (`inf`, `nan`) too.
pub(crate) fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::String(text) => text.as_str().into(),
        Value::Integer(number) => (*number).into(),
        Value::Float(number) if number.is_finite() => (*number).into(),
        Value::Float(number) => number.to_string().into(),
        Value::Boolean(is_true) => (*is_true).into(),
        Value::Datetime(date) => date.to_string().into(),
        Value::Array(items) => items.iter().map(json).collect(),
        Value::Table(table) => table.iter().map(|(key, value)| (key.clone(), json(value))).collect(),
    }
}

fn shown(path: &KeyPath, value: &Value) -> Value {
    match path.0.as_slice() {
        [plugins, _, settings, rest @ ..] if plugins == "plugins" && settings == "settings" => {
            if rest.iter().any(|level| is_secret(level)) { Value::String(MASK.into()) } else { masked(value) }
        }
        _ => value.clone(),
    }
}

/// Masks secrets inside of lists and tables.
fn masked(value: &Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.iter().map(masked).collect()),
        Value::Table(table) => {
            let hide = |key: &str, value| if is_secret(key) { Value::String(MASK.into()) } else { masked(value) };
            Value::Table(table.iter().map(|(key, value)| (key.clone(), hide(key, value))).collect())
        }
        _ => value.clone(),
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    SECRET.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Layers, load, testing::*};

    fn loaded() -> Loaded {
        let text = r#"
            [plugins.telegram.settings]
            bot_token = "canary-1"
            chat = 7
            accounts = [{ name = "me", password = "canary-2" }]
        "#;
        let env =
            pairs(&[("TIELINE_LISTEN", "127.0.0.1:0"), ("TIELINE_PLUGINS__TELEGRAM__SETTINGS__API_KEY", "canary-3")]);
        load(&Layers { file: file(text), env, flags: pairs(&[("log.format", "json")]) }).unwrap()
    }

    #[test]
    fn every_key_is_shown_with_its_layer_and_the_text_is_toml() {
        let text = show(&loaded());
        let line = |key: &str| text.lines().find(|line| line.starts_with(key)).unwrap().to_owned();
        assert!(line("server.workers = 1 ").ends_with("# default"));
        assert!(line("server.listen = \"127.0.0.1:0\"").ends_with("# variable TIELINE_LISTEN"));
        assert!(line("log.format = \"json\"").ends_with("# flag"));
        assert!(line("plugins.telegram.settings.chat = 7").ends_with("# tieline.toml:4"));
        let table: toml::Table = text.parse().unwrap();
        assert_eq!(table["limits"]["rates"]["agent"]["burst"].as_integer(), Some(100));
    }

    #[test]
    fn the_json_form_says_the_same() {
        let json = show_json(&loaded());
        let keys = json["keys"].as_array().unwrap();
        let entry = |key: &str| keys.iter().find(|entry| entry["key"] == key).unwrap().clone();
        assert_eq!(entry("server.workers"), json!({"key": "server.workers", "value": 1, "layer": {"kind": "default"}}));
        assert_eq!(entry("log.format")["layer"], json!({"kind": "flag"}));
        assert_eq!(entry("server.listen")["layer"], json!({"kind": "env", "variable": "TIELINE_LISTEN"}));
        let layer = json!({"kind": "file", "path": "tieline.toml", "line": 4});
        assert_eq!(entry("plugins.telegram.settings.chat")["layer"], layer);
    }

    #[test]
    fn secrets_of_a_plugin_reach_the_plugin_and_no_page_or_log() {
        let loaded = loaded();
        let settings = loaded.config.plugins["telegram"].settings_json();
        assert_eq!(settings["bot_token"], "canary-1");
        assert_eq!(settings["accounts"][0]["password"], "canary-2");
        assert_eq!(settings["api_key"], "canary-3");
        for page in [show(&loaded), show_json(&loaded).to_string(), format!("{:?}", loaded.config)] {
            assert!(!page.contains("canary"), "{page}");
        }
        assert!(show(&loaded).contains("name = \"me\""));
    }
}
