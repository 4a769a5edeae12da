//! Claude Code: hooks in its settings, our MCP server in the file of its state.

use crate::Agent;

use super::{
    Document, Draft, Misfit, Wiring,
    hooks::Hooks,
    jsonc::{Json, is_on},
    servers::Form,
};

const HOOKS: Hooks = Hooks {
    agent: Agent::Claude,
    events: &[
        "SessionStart",
        "SessionEnd",
        "UserPromptSubmit",
        "PreToolUse",
        "PostToolUse",
        "PostToolUseFailure",
        "PermissionRequest",
        "PermissionDenied",
        "Notification",
        "Stop",
        "StopFailure",
        "SubagentStart",
        "SubagentStop",
        "PreCompact",
        "PostCompact",
        "PostModelSwitch",
        "CwdChanged",
    ],
    timeout: |_| 10,
};

const SERVER: Form = Form::Apart { is_typed: true };

pub fn connect(settings: &Document, state: &Document, wiring: &Wiring) -> Result<Vec<Draft>, Misfit> {
    let json = Json::open(settings)?;
    let mut hooks = Draft::new(settings);
    hooks.take(&json, HOOKS.put(&json, wiring)?);
    if is_on(&json.root, "disableAllHooks") {
        hooks.warnings.push("`disableAllHooks` is on: no hook runs until it is off".into());
    }
    let json = Json::open(state)?;
    let mut server = Draft::new(state);
    server.take(&json, SERVER.put(&json, wiring)?);
    Ok(vec![hooks, server])
}

pub fn disconnect(settings: &Document, state: &Document) -> Result<Vec<Draft>, Misfit> {
    let json = Json::open(settings)?;
    let mut hooks = Draft::new(settings);
    hooks.take(&json, HOOKS.remove(&json)?);
    let json = Json::open(state)?;
    let mut server = Draft::new(state);
    server.take(&json, SERVER.remove(&json)?);
    Ok(vec![hooks, server])
}
