//! Gemini CLI: hooks and our MCP server in one file of settings, which may have comments.

use crate::Agent;

use super::{Document, Draft, Misfit, Wiring, hooks::Hooks, jsonc::Json, servers::Form};

/// What comes with every piece of a model's answer is left out: it would start a process for each.
const HOOKS: Hooks = Hooks {
    agent: Agent::Gemini,
    events: &[
        "SessionStart",
        "SessionEnd",
        "BeforeAgent",
        "AfterAgent",
        "BeforeTool",
        "AfterTool",
        "PreCompress",
        "Notification",
    ],
    // It counts in milliseconds.
    timeout: |_| 10_000,
};

const SERVER: Form = Form::Apart { is_typed: false };

pub fn connect(settings: &Document, wiring: &Wiring) -> Result<Vec<Draft>, Misfit> {
    let json = Json::open(settings)?;
    let mut changes = HOOKS.put(&json, wiring)?;
    changes.extend(SERVER.put(&json, wiring)?);
    let mut draft = Draft::new(settings);
    draft.take(&json, changes);
    let switch = json.find_object(&json.root, "hooksConfig", "hooksConfig")?.and_then(|config| config.get("enabled"));
    let switch = switch.and_then(|prop| prop.value()?.as_boolean_lit());
    if switch.is_some_and(|switch| !switch.value()) {
        draft.warnings.push("`hooksConfig.enabled` is off: no hook runs until it is on".into());
    }
    Ok(vec![draft])
}

pub fn disconnect(settings: &Document) -> Result<Vec<Draft>, Misfit> {
    let json = Json::open(settings)?;
    let mut changes = HOOKS.remove(&json)?;
    changes.extend(SERVER.remove(&json)?);
    let mut draft = Draft::new(settings);
    draft.take(&json, changes);
    Ok(vec![draft])
}
