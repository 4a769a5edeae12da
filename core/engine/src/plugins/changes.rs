//! What became of a plugin, from how it was and how it is.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use tieline_host::{State, Status, Why};
use tieline_model::{EventBody, event::PluginChange};

/// The longest reason on the timeline, in characters.
const MOST_CHARS: usize = 300;

/// How each file's plugin was when it was last told of.
#[derive(Debug, Default)]
pub struct Changes(Mutex<HashMap<String, Status>>);

impl Changes {
    /// Takes how a plugin is now, and returns what is worth writing down.
    pub fn take(&self, now: &Status) -> Option<EventBody> {
        let change = self.note(now)?;
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
            reason: reason.map(|reason| short(&reason)),
        })
    }

    fn note(&self, now: &Status) -> Option<PluginChange> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.remove(&now.file);
        let is_it = |old: &&Status| (&old.name, old.state, old.since_ms) == (&now.name, now.state, now.since_ms);
        let old_file = known.values().find(is_it).map(|old| old.file.clone()).filter(|_| before.is_none());
        if now.why != Some(Why::Removed) {
            known.insert(now.file.clone(), now.clone());
        }
        match old_file {
            Some(old_file) if now.state == State::Running => {
                known.remove(&old_file);
                Some(PluginChange::Renamed)
            }
            _ => change(before.as_ref(), now),
        }
    }
}

/// Cuts a reason that is kept for ever. The status has the whole: some hold what a plugin printed before it died.
fn short(reason: &str) -> String {
    match reason.char_indices().nth(MOST_CHARS) {
        Some((end, _)) => format!("{}…", &reason[..end]),
        None => reason.to_owned(),
    }
}

fn change(before: Option<&Status>, now: &Status) -> Option<PluginChange> {
    let is_same = before.is_some_and(|before| {
        (before.state, before.step, &before.reason, &before.hash) == (now.state, now.step, &now.reason, &now.hash)
            && before.since_ms == now.since_ms
    });
    let is_held = now.pending.is_some() && before.is_none_or(|before| before.pending != now.pending);
    let was = |state: State, why: Option<Why>| before.is_some_and(|it| it.state == state && it.why == why);
    Some(match now.state {
        _ if is_same => return is_held.then_some(PluginChange::Held),
        // Somebody still copies; or the checks have just begun.
        State::Waiting | State::Starting => return None,
        State::Running if was(State::Restarting, None) => PluginChange::Restarted,
        State::Running if was(State::Stopped, Some(Why::Replaced)) => PluginChange::Replaced,
        State::Running => PluginChange::Started,
        State::Restarting => PluginChange::Died,
        State::Failed => PluginChange::Failed,
        State::Quarantined => PluginChange::Quarantined,
        State::Disabled => PluginChange::Disabled,
        State::Stopped => match now.why {
            // What takes its place says so.
            Some(Why::Replaced) => return None,
            Some(Why::Removed) => PluginChange::Removed,
            _ => PluginChange::Stopped,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(state: State, why: Option<Why>, since_ms: i64) -> Status {
        Status {
            name: "echo".into(),
            file: "libecho.so".into(),
            version: None,
            state,
            step: None,
            reason: None,
            isolation: None,
            pid: None,
            why,
            hash: None,
            pending: None,
            since_ms,
            restarts: 0,
            reloads: 0,
            swap_gap_us: None,
        }
    }

    /// What is written down as a plugin goes through these states, one after the other.
    fn told(states: &[(State, Option<Why>)]) -> Vec<PluginChange> {
        let changes = Changes::default();
        let taken = (1..).zip(states).filter_map(|(at, (state, why))| changes.note(&status(*state, *why, at)));
        taken.collect()
    }

    #[test]
    fn a_life_is_told_by_its_turns() {
        use PluginChange::{Died, Disabled, Quarantined, Removed, Replaced, Restarted, Started, Stopped};
        let (waiting, running, restarting) =
            ((State::Waiting, None), (State::Running, None), (State::Restarting, None));
        let stopped = |why| (State::Stopped, Some(why));
        assert_eq!(told(&[waiting, waiting, running]), [Started]);
        assert_eq!(told(&[running, restarting, running]), [Started, Died, Restarted]);
        assert_eq!(told(&[running, restarting, (State::Quarantined, None)]), [Started, Died, Quarantined]);
        assert_eq!(told(&[running, stopped(Why::Replaced), running]), [Started, Replaced]);
        assert_eq!(told(&[running, stopped(Why::Removed), running]), [Started, Removed, Started]);
        assert_eq!(told(&[running, (State::Disabled, Some(Why::Disabled)), running]), [Started, Disabled, Started]);
        assert_eq!(told(&[running, stopped(Why::End)]), [Started, Stopped]);
        let failed = [running, stopped(Why::Replaced), (State::Failed, None), running];
        assert_eq!(told(&failed), [Started, PluginChange::Failed, Started]);
    }

    #[test]
    fn a_file_that_is_held_back_is_told_once_with_why() {
        let changes = Changes::default();
        let mut now = status(State::Running, None, 1);
        assert_eq!(changes.note(&now), Some(PluginChange::Started));
        now.pending = Some(tieline_host::Pending {
            hash: Some("cd".into()),
            step: tieline_host::Step::Trust,
            reason: "it changed".into(),
        });
        let Some(EventBody::PluginChanged { change, hash, step, reason, .. }) = changes.take(&now) else {
            panic!("it is not told")
        };
        assert_eq!((change, hash.as_deref(), step.as_deref()), (PluginChange::Held, Some("cd"), Some("trust")));
        assert_eq!(reason.as_deref(), Some("it changed"));
        assert_eq!(changes.note(&now), None);
        now.pending = None;
        assert_eq!(changes.note(&now), None);
    }

    #[test]
    fn a_long_reason_is_cut() {
        assert_eq!(short("brief"), "brief");
        assert_eq!(short(&"ü".repeat(1000)).chars().count(), MOST_CHARS + 1);
    }

    #[test]
    fn a_file_that_only_changed_its_name_is_no_new_start() {
        let changes = Changes::default();
        let mut now = status(State::Running, None, 1);
        changes.note(&now);
        now.file = "libother.so".into();
        assert_eq!(changes.note(&now), Some(PluginChange::Renamed));
        assert_eq!(changes.note(&now), None);
    }
}
