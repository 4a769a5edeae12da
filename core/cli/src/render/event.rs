//! One event as one line.

use tieline_model::{Event, EventBody, SessionId, event::PluginChange, reply::TimelinePage};

use super::{
    activity, clock, file, job, keep, lane as lane_name, line, memory, runtime, schedule,
    style::{Paint, Style},
};

/// Renders an event. `name` gives the title of a session, when it is known.
pub fn event(event: &Event, name: &dyn Fn(SessionId) -> String, style: &Style) -> String {
    // What a transcript tells happened when that says; it was recorded later.
    let at = match &event.body {
        EventBody::Activity(recorded) => recorded.happened_at_ms.unwrap_or(event.at_ms),
        _ => event.at_ms,
    };
    let place = format!("{:>6}  {}", event.cursor, clock(at));
    let session = style.bold(&line(&name(event.session)));
    format!("{}  {session}  {}", style.dim(&place), what(&event.body, name, style))
}

/// Renders a page of timelines, with the ids of the sessions.
pub fn timeline(page: &TimelinePage, style: &Style) -> String {
    let line = |it: &Event| event(it, &|id| id.to_string(), style);
    page.events.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn what(body: &EventBody, name: &dyn Fn(SessionId) -> String, style: &Style) -> String {
    let named = |id: &SessionId| format!("`{}`", line(&name(*id)));
    let id = |id: &dyn std::fmt::Display| style.dim(&id.to_string());
    match body {
        EventBody::SessionOpened { circle, by, .. } => format!("opened in `{}` by {}", line(circle), id(by)),
        EventBody::SessionClosed { by } => format!("closed by {}", id(by)),
        EventBody::SessionRenamed { from, to } => format!("renamed from `{}` to `{}`", line(from), line(to)),
        EventBody::SessionMoved { from, to } => format!("moved from `{}` to `{}`", line(from), line(to)),
        EventBody::SessionDescribed { roles } if roles.is_empty() => "described; it has no roles".into(),
        EventBody::SessionDescribed { roles } => {
            let roles: Vec<String> = roles.iter().map(|role| format!("@{}", line(role))).collect();
            format!("described; its roles are {}", roles.join(" "))
        }
        EventBody::SessionLabelled { labels } if labels.is_empty() => "has no labels".into(),
        EventBody::SessionLabelled { labels } => {
            format!("labelled {}", labels.iter().map(|label| format!("#{}", line(label))).collect::<Vec<_>>().join(" "))
        }
        EventBody::SessionPinned { pinned: true } => "pinned".into(),
        EventBody::SessionPinned { pinned: false } => "no longer pinned".into(),
        EventBody::SessionHandedOver { from, to, by } => format!("handed over from {from} to {to} by {}", id(by)),
        EventBody::SessionArchived { by } => format!("archived by {}", id(by)),
        EventBody::SessionRestored { by } => format!("restored by {}", id(by)),
        EventBody::SessionForked { fork, seq, by } => {
            format!("{} was forked after event {seq} by {}", named(fork), id(by))
        }
        EventBody::SessionMerged { from, message, .. } => format!("{} ended in it  {}", named(from), id(message)),
        EventBody::PeerAttached { mode, epoch, link, .. } => {
            let mode = match mode {
                tieline_model::command::AttachMode::Writer => "writer",
                tieline_model::command::AttachMode::Observer => "observer",
            };
            let link = link.map(|link| format!(" over {link}")).unwrap_or_default();
            format!("{} as {mode}{link}, epoch {epoch}", style.good("attached"))
        }
        EventBody::PeerDetached { epoch, reason, .. } => {
            format!("{}, epoch {epoch}: {}", style.warn("detached"), line(reason))
        }
        EventBody::MessageAccepted { message, kind, from, lane, seq } => {
            let place = format!("{} {seq}", lane_name(*lane));
            format!("{} from {} in {place}  {}", kind.as_str(), named(from), id(message))
        }
        EventBody::AskOpened { ask, to, .. } => format!("asked {}  {}", named(to), id(ask)),
        EventBody::AsksReminded { asks, .. } => {
            let ids = asks.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            format!("{} of unanswered asks  {}", style.warn("reminded"), style.dim(&ids))
        }
        EventBody::AskEscalated { ask, to, .. } => {
            format!("its ask was {} to {}  {}", style.warn("escalated"), named(to), id(ask))
        }
        EventBody::AskNotEscalated { ask, to, reason } => {
            format!("its ask could not be escalated to {}: {}  {}", named(to), line(reason), id(ask))
        }
        EventBody::Braked { brake, to, reason } => {
            let to = to.as_ref().map(|to| format!(" to {}", named(to))).unwrap_or_default();
            format!("{}{to} by the brake {}: {}", style.warn("held"), brake.as_str(), line(reason))
        }
        EventBody::SessionBudgeted { budget, by } => match (budget.tokens, budget.cost_micro_usd) {
            (None, None) => format!("has no budget any longer, by {}", id(by)),
            (tokens, cost) => {
                let tokens = tokens.map(|tokens| format!(" {tokens} tokens")).unwrap_or_default();
                let cost = cost.map(|cost| format!(" {}", activity::dollars(cost))).unwrap_or_default();
                format!("may use{tokens}{cost}, by {}", id(by))
            }
        },
        EventBody::AskClosed { ask, state, .. } => format!("its ask is {}  {}", state.as_str(), id(ask)),
        EventBody::GroupResolved { answered, total, group } => {
            format!("{answered} of {total} asks answered  {}", id(group))
        }
        EventBody::DeliveryProgressed { lane, first, through, state, .. } => {
            let range = if first == through { first.to_string() } else { format!("{first} to {through}") };
            format!("{} {range} {}", lane_name(*lane), style.good(state.as_str()))
        }
        EventBody::DeliveryEnded { lane, seq, state, reason, message } => {
            let reason = reason.as_deref().map(|reason| format!(": {}", line(reason))).unwrap_or_default();
            format!("{} {seq} {}{reason}  {}", lane_name(*lane), style.bad(state.as_str()), id(message))
        }
        EventBody::TokenCreated { token, .. } => format!("got a token  {}", id(token)),
        EventBody::TokenRevoked { token, .. } => format!("lost a token  {}", id(token)),
        EventBody::ScheduleCreated { .. }
        | EventBody::ScheduleChanged { .. }
        | EventBody::ScheduleFired { .. }
        | EventBody::ScheduleMissed { .. }
        | EventBody::ScheduleRefused { .. } => schedule::event(body, style).unwrap_or_default(),
        EventBody::MemoryRecorded(_)
        | EventBody::MemoryProposed(_)
        | EventBody::MemoryApplied(_)
        | EventBody::MemoryRejected(_) => memory::happened(body, style).unwrap_or_default(),
        EventBody::JobCreated { .. }
        | EventBody::JobQueued { .. }
        | EventBody::JobLeased { .. }
        | EventBody::JobFinished { .. }
        | EventBody::JobFailed { .. }
        | EventBody::JobExpired { .. }
        | EventBody::JobCancelled { .. }
        | EventBody::JobRetried { .. } => job::event(body, style).unwrap_or_default(),
        EventBody::RuntimeStarted(_)
        | EventBody::RuntimeEnded { .. }
        | EventBody::RuntimeHanded(_)
        | EventBody::RuntimeWoken(_)
        | EventBody::RuntimeOrdered(_) => runtime::event(body, style).unwrap_or_default(),
        EventBody::Purged(event) => keep::was_purged(event),
        EventBody::Imported(event) => keep::was_imported(event),
        EventBody::MessageImported(message) => {
            let text = message.text.as_deref().unwrap_or_default();
            format!("{} from `{}` (imported): {}", message.kind.as_str(), line(&message.from.title), line(text))
        }
        EventBody::FileCollision(it) => file::collision(it, name, style),
        EventBody::Activity(recorded) => activity::activity(recorded, style),
        EventBody::PluginChanged { plugin, change, version, step, reason, .. } => {
            let paint = match change {
                PluginChange::Started | PluginChange::Replaced | PluginChange::Restarted => Paint::Good,
                PluginChange::Failed | PluginChange::Quarantined | PluginChange::Died => Paint::Bad,
                PluginChange::Held => Paint::Warn,
                _ => Paint::Plain,
            };
            let version = version.as_deref().map(|version| format!(" {}", line(version))).unwrap_or_default();
            let step = step.as_deref().map(|step| format!(" at {}", line(step))).unwrap_or_default();
            let reason = reason.as_deref().map(|reason| format!(": {}", line(reason))).unwrap_or_default();
            format!("plugin `{}`{version} {}{step}{reason}", line(plugin), style.paint(paint, change.as_str()))
        }
        EventBody::PluginOperated { plugin, command, by, hash, .. } => {
            let hash = hash.as_deref().filter(|_| command == "plugin_trust").map(line).unwrap_or_default();
            let done = match command.as_str() {
                "plugin_enable" => "enabled",
                "plugin_disable" => "disabled",
                "plugin_reload" => "reloaded",
                "plugin_trust" => "trusted",
                other => other,
            };
            format!("plugin `{}` was {} by {}  {}", line(plugin), line(done), id(by), style.dim(&hash))
                .trim_end()
                .to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use tieline_model::{DeliveryState, Lane, MessageKind};

    use super::*;
    use crate::render::testing::*;

    #[test]
    fn an_event_is_one_line_whatever_it_holds() {
        let shown = |body| {
            let event = super::Event { cursor: 12, session: session_id(1), seq: 3, at_ms: THEN, body };
            super::event(&event, &|_| "review".into(), &PLAIN)
        };
        let accepted = EventBody::MessageAccepted {
            message: message_id(1),
            kind: MessageKind::Ask,
            from: session_id(2),
            lane: Lane::Msg,
            seq: 4,
        };
        assert_eq!(
            shown(accepted),
            format!("    12  22:30:00.000Z  review  ask from `review` in msg 4  {}", message_id(1))
        );
        let progressed = EventBody::DeliveryProgressed {
            lane: Lane::Msg,
            first: 1,
            through: 4,
            state: DeliveryState::Delivered,
            epoch: 1,
        };
        assert!(shown(progressed).ends_with("msg 1 to 4 delivered"));
        let changed = EventBody::PluginChanged {
            plugin: "echo".into(),
            file: "libecho.so".into(),
            change: PluginChange::Quarantined,
            version: Some("1.0.0".into()),
            hash: None,
            step: Some("deliver".into()),
            reason: Some("it hung".into()),
        };
        assert!(shown(changed).ends_with("plugin `echo` 1.0.0 quarantined at deliver: it hung"));
        let operated = EventBody::PluginOperated {
            plugin: "echo".into(),
            file: "libecho.so".into(),
            command: "plugin_trust".into(),
            hash: Some("ab12".into()),
            by: principal_id(1),
        };
        assert!(shown(operated).ends_with(&format!("plugin `echo` was trusted by {}  ab12", principal_id(1))));
        let renamed = EventBody::SessionRenamed { from: "a\nb".into(), to: "\u{1b}c".into() };
        let text = shown(renamed);
        assert!(text.lines().count() == 1 && !text.contains('\u{1b}'), "{text:?}");
    }
}
