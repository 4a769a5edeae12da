//! Codex: hooks in a file of their own; their trust, our MCP server and a switch in its configuration.

mod config;

use jsonc_parser::cst::CstObject;
use serde_json::Value;

use crate::Agent;

use super::{
    Document, Draft, Misfit, Wiring, codex_trust,
    hooks::Hooks,
    jsonc::{Json, text},
};

const HOOKS: Hooks = Hooks {
    agent: Agent::Codex,
    events: &[
        "SessionStart",
        "SessionEnd",
        "UserPromptSubmit",
        "PreToolUse",
        "PostToolUse",
        "PermissionRequest",
        "Stop",
        "SubagentStart",
        "SubagentStop",
        "PreCompact",
        "PostCompact",
    ],
    timeout: |event| if event == codex_trust::END { codex_trust::LONGEST_AT_END } else { 10 },
};

/// A hook that Codex is told to trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trusted {
    /// The name under which it is trusted.
    pub key: String,
    /// Its hash.
    pub hash: String,
}

pub fn connect(hooks: &Document, config: &Document, wiring: &Wiring) -> Result<Vec<Draft>, Misfit> {
    let json = Json::open(hooks)?;
    let before = trusted(hooks, &json)?;
    let mut draft = Draft::new(hooks);
    draft.take(&json, HOOKS.put(&json, wiring)?);
    let after = trusted(hooks, &json)?;
    Ok(vec![draft, config::connect(config, wiring, &before, &after)?])
}

pub fn disconnect(hooks: &Document, config: &Document) -> Result<Vec<Draft>, Misfit> {
    let json = Json::open(hooks)?;
    let before = trusted(hooks, &json)?;
    let mut draft = Draft::new(hooks);
    draft.take(&json, HOOKS.remove(&json)?);
    Ok(vec![draft, config::disconnect(config, &before)?])
}

/// Returns our hooks as they are to be trusted.
fn trusted(hooks: &Document, json: &Json<'_>) -> Result<Vec<Trusted>, Misfit> {
    let file = hooks.path.to_string_lossy();
    let places = HOOKS.places(json)?.into_iter();
    Ok(places
        .map(|(event, group, handler, object)| {
            let matcher = group_of(&object).and_then(|group| text(&group, "matcher"));
            let hook = object.to_serde_value().unwrap_or(Value::Null);
            Trusted {
                key: codex_trust::key(&file, &event, group, handler),
                hash: codex_trust::hash(&event, &hook, matcher.as_deref()),
            }
        })
        .collect())
}

fn group_of(handler: &CstObject) -> Option<CstObject> {
    handler.parent()?.parent()?.parent()?.as_object()
}
