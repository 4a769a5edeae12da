//! Hooks in the form that Claude Code, Codex and Gemini CLI share: per event a list of groups, each with its handlers.

use jsonc_parser::cst::{CstInputValue, CstNode, CstObject};

use crate::Agent;

use super::{
    Misfit, Wiring, command,
    jsonc::{Json, object, text},
};

/// The field of a file that has the hooks.
const HOOKS: &str = "hooks";

/// Whose hooks, for which events.
pub struct Hooks {
    /// Whose.
    pub agent: Agent,
    /// For which events, as the program calls them.
    pub events: &'static [&'static str],
    /// How long the one for an event may take, in the program's own unit.
    pub timeout: fn(&str) -> u64,
}

impl Hooks {
    /// Puts them in, and says what changed. Those of others are left as they are, and stay in their places.
    pub fn put(&self, json: &Json<'_>, wiring: &Wiring) -> Result<Vec<String>, Misfit> {
        let mut changes = self.take_out(json, |event| !self.events.contains(&event))?;
        let hooks = json.object(&json.root, HOOKS)?;
        let (mut added, mut renewed) = (Vec::new(), Vec::new());
        for &event in self.events {
            let place = format!("{HOOKS}.{event}");
            let wanted = command::hook(self.agent, event, wiring);
            let mut ours = self.ours(json, &hooks, event)?.into_iter();
            match ours.next() {
                None => {
                    let groups = match json.find_array(&hooks, event, &place)? {
                        Some(groups) => groups,
                        None => hooks.array_value_or_set(event),
                    };
                    groups.ensure_multiline();
                    let handler = object([
                        ("type", "command".into()),
                        ("command", wanted.into()),
                        ("timeout", (self.timeout)(event).into()),
                    ]);
                    groups.append(object([(HOOKS, CstInputValue::Array(vec![handler]))]));
                    added.push(event);
                }
                Some(first) if text(&first, "command").as_deref() != Some(wanted.as_str()) => {
                    if let Some(prop) = first.get("command") {
                        prop.set_value(wanted.into());
                    }
                    renewed.push(event);
                }
                Some(_) => {}
            }
            for again in ours {
                drop_handler(again);
                changes.push(format!("the second hook for {event} goes"));
            }
        }
        changes.extend(list("hooks are added for", &added));
        changes.extend(list("the command is renewed of the hooks for", &renewed));
        Ok(changes)
    }

    /// Takes all of ours out, and says what changed.
    pub fn remove(&self, json: &Json<'_>) -> Result<Vec<String>, Misfit> {
        self.take_out(json, |_| true)
    }

    /// Returns where our hooks are: event, group and handler, each counted from 0, and the handler.
    pub fn places(&self, json: &Json<'_>) -> Result<Vec<(String, usize, usize, CstObject)>, Misfit> {
        let mut places = Vec::new();
        let Some(hooks) = json.find_object(&json.root, HOOKS, HOOKS)? else { return Ok(places) };
        for event in names(&hooks) {
            for (group, handler, object) in handlers(json, &hooks, &event)? {
                if self.is_ours(&event, &object) {
                    places.push((event.clone(), group, handler, object));
                }
            }
        }
        Ok(places)
    }

    fn take_out(&self, json: &Json<'_>, which: impl Fn(&str) -> bool) -> Result<Vec<String>, Misfit> {
        let Some(hooks) = json.find_object(&json.root, HOOKS, HOOKS)? else { return Ok(Vec::new()) };
        let mut gone = Vec::new();
        for event in names(&hooks).into_iter().filter(|event| which(event)) {
            let ours = self.ours(json, &hooks, &event)?;
            if ours.is_empty() {
                continue;
            }
            ours.into_iter().for_each(drop_handler);
            // What is empty now was made by us, or would do nothing.
            if let Some(prop) = hooks.get(&event)
                && prop.array_value().is_some_and(|groups| groups.elements().is_empty())
            {
                prop.remove();
            }
            gone.push(event);
        }
        if !gone.is_empty()
            && let Some(prop) = json.root.get(HOOKS)
            && hooks.properties().is_empty()
        {
            prop.remove();
        }
        let gone: Vec<&str> = gone.iter().map(String::as_str).collect();
        Ok(list("hooks go for", &gone).into_iter().collect())
    }

    fn ours(&self, json: &Json<'_>, hooks: &CstObject, event: &str) -> Result<Vec<CstObject>, Misfit> {
        let all = handlers(json, hooks, event)?.into_iter();
        Ok(all.map(|(_, _, handler)| handler).filter(|handler| self.is_ours(event, handler)).collect())
    }

    fn is_ours(&self, event: &str, handler: &CstObject) -> bool {
        text(handler, "command").is_some_and(|command| command::is_hook(self.agent, event, &command))
    }
}

/// Returns the handlers of an event, each with its group's number and its own.
fn handlers(json: &Json<'_>, hooks: &CstObject, event: &str) -> Result<Vec<(usize, usize, CstObject)>, Misfit> {
    let place = format!("{HOOKS}.{event}");
    // Beside events there may be switches, of which we know nothing.
    let Some(node) = hooks.get(event).and_then(|prop| prop.value()) else { return Ok(Vec::new()) };
    if node.as_array().is_none() && !is_event(event) {
        return Ok(Vec::new());
    }
    let Some(groups) = json.find_array(hooks, event, &place)? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for (number, group) in groups.elements().into_iter().enumerate() {
        let Some(group) = group.as_object() else { continue };
        let Some(list) = json.find_array(&group, HOOKS, &format!("{place}[{number}].{HOOKS}"))? else { continue };
        let objects = list.elements().into_iter().enumerate();
        found.extend(objects.filter_map(|(index, handler)| Some((number, index, handler.as_object()?))));
    }
    Ok(found)
}

/// Events have names such as `SessionStart`.
fn is_event(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
}

fn names(hooks: &CstObject) -> Vec<String> {
    hooks.properties().iter().filter_map(jsonc_parser::cst::CstObjectProp::decoded_name).collect()
}

/// Takes a handler away, and its group when it was the only one there.
fn drop_handler(handler: CstObject) {
    let list = handler.parent().and_then(|parent| parent.as_array());
    handler.remove();
    let Some(list) = list.filter(|list| list.elements().is_empty()) else { return };
    let group = list.parent().and_then(|prop| prop.parent());
    if let Some(group) = group.and_then(|group| group.as_object()) {
        CstNode::from(group).remove();
    }
}

fn list(what: &str, events: &[&str]) -> Option<String> {
    (!events.is_empty()).then(|| format!("{what} {}", events.join(", ")))
}
