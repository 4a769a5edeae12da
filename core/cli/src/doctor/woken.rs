//! By which way each agent program was woken last, as the daemon knows it.

use std::collections::BTreeMap;

use tieline_model::{Command, Reply, TimestampMs, command::SessionList, reply::SessionView, runtime::Woken};

use crate::{
    context::Context,
    render::{Style, ago, line},
};

/// The most sessions that are looked at.
const MAX_SESSIONS: u32 = 500;

/// Returns the newest of each program; nothing when no daemon tells.
pub async fn newest(context: &Context) -> BTreeMap<String, Woken> {
    let Some(client) = context.client().ok().filter(|_| context.endpoint().is_listening()) else {
        return BTreeMap::new();
    };
    let list = SessionList { limit: Some(MAX_SESSIONS), ..SessionList::default() };
    match client.call_now(&Command::SessionList(list)).await {
        Ok(Reply::Sessions(page)) => of(page.sessions),
        Ok(_) | Err(_) => BTreeMap::new(),
    }
}

fn of(sessions: Vec<SessionView>) -> BTreeMap<String, Woken> {
    let mut newest: BTreeMap<String, Woken> = BTreeMap::new();
    for runtime in sessions.into_iter().filter_map(|session| session.runtime) {
        let Some(woken) = runtime.woken else { continue };
        let is_newer = newest.get(&runtime.agent).is_none_or(|known| known.at_ms < woken.at_ms);
        if is_newer {
            newest.insert(runtime.agent, woken);
        }
    }
    newest
}

/// Says it in one sentence; loudly when a better way did not work.
pub fn sentence(agent: &str, woken: &Woken, now: TimestampMs, style: &Style) -> String {
    let (by, at) = (line(&woken.by), ago(woken.at_ms, now));
    if woken.instead_of.is_empty() {
        return format!("{agent}: woken by `{by}` {at}");
    }
    let better = woken.instead_of.iter().map(|way| line(way)).collect::<Vec<_>>().join(", ");
    let warning = style.warn("warning");
    format!("{agent}: {warning}: woken by `{by}` {at}, because {better} could not; its timeline says why")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lower_way_is_a_warning() {
        let woken = |instead_of: &[&str]| Woken {
            by: "terminal".into(),
            instead_of: instead_of.iter().map(|way| (*way).to_owned()).collect(),
            at_ms: TimestampMs(0),
        };
        let said = |instead_of: &[&str]| sentence("codex", &woken(instead_of), TimestampMs(0), &Style::default());
        assert_eq!(said(&[]), "codex: woken by `terminal` just now");
        assert_eq!(
            said(&["native"]),
            "codex: warning: woken by `terminal` just now, because native could not; its timeline says why"
        );
    }
}
