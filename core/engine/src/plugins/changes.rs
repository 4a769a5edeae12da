//! What became of a plugin, from how it was and how it is.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use tieline_host::{State, Status};
use tieline_model::{EventBody, event::PluginChange};

/// How each file's plugin was when it was last told of.
#[derive(Debug, Default)]
pub struct Changes(Mutex<HashMap<String, Status>>);

impl Changes {
    /// Takes how a plugin is now, and returns what is worth writing down.
    pub fn take(&self, now: &Status) -> Option<EventBody> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.insert(now.file.clone(), now.clone());
        drop(known);
        let change = change(before.as_ref(), now)?;
        let (step, reason, hash) = match &now.pending {
            Some(pending) if change == PluginChange::Held => {
                (Some(pending.step), Some(pending.reason.clone()), pending.hash.clone())
            }
            _ => (now.step, now.reason.clone(), now.hash.clone()),
        };
        Some(EventBody::PluginChanged {
            plugin: now.name.clone(),
            file: now.file.clone(),
            change,
            version: now.version.clone(),
            hash,
            step: step.map(|step| step.as_str().to_owned()),
            reason,
        })
    }
}

fn change(before: Option<&Status>, now: &Status) -> Option<PluginChange> {
    let was = before.map(|before| before.state);
    let is_same = before.is_some_and(|before| {
        (before.state, before.step, &before.reason, &before.hash) == (now.state, now.step, &now.reason, &now.hash)
            && before.reloads == now.reloads
    });
    let is_held = now.pending.is_some() && before.is_none_or(|before| before.pending != now.pending);
    Some(match now.state {
        _ if is_same => return is_held.then_some(PluginChange::Held),
        // Somebody still copies.
        State::Waiting => return None,
        State::Starting => PluginChange::Loaded,
        State::Running if was == Some(State::Restarting) => PluginChange::Restarted,
        State::Running if before.is_some_and(|before| before.reloads < now.reloads) => PluginChange::Replaced,
        State::Running => PluginChange::Started,
        State::Restarting => PluginChange::Died,
        State::Failed => PluginChange::Failed,
        State::Quarantined => PluginChange::Quarantined,
        State::Disabled => PluginChange::Disabled,
        State::Stopped => PluginChange::Stopped,
    })
}
