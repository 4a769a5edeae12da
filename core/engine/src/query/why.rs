//! Why a session is as it is: what happened, on whom it waits, and why those are as they are.

use std::collections::HashSet;

use tieline_model::{
    DeliveryState, EventBody, MessageId, Refusal, Reply, SessionId, TimestampMs,
    command::SessionRef,
    outcome::Code,
    reply::{Because, SessionState, SessionView, Why},
    session::progress::{Progress, TurnState},
};
use tieline_store::{OpenAsk, Party};

use super::{MAX_ASKS, Query};
use crate::decide::Stop;

/// How many waits are followed.
const MAX_DEPTH: u32 = 8;
/// How many of a session's newest events are looked through for what brought it here.
const EVENTS_BACK: usize = 500;

impl Query<'_> {
    /// Answers `why`.
    pub(super) fn why(&mut self, why: &SessionRef) -> Result<Reply, Stop> {
        let id = self.find(&why.session, "why.session")?;
        let Some(session) = self.view(id)? else {
            return Err(Refusal::new(Code::UnknownSession, "the session is gone").at("why.session").into());
        };
        let mut chain = Chain::default();
        self.follow(&mut chain, &session, 0)?;
        Ok(Reply::Why(Box::new(Why { session, because: chain.links })))
    }

    /// Tells of one session, and then of those that it waits on.
    fn follow(&mut self, chain: &mut Chain, view: &SessionView, depth: u32) -> Result<(), Stop> {
        chain.start(view.id, depth);
        let name = &view.title;
        if !view.state.takes_messages() {
            let is_end =
                |body: &EventBody| matches!(body, EventBody::SessionClosed { .. } | EventBody::SessionArchived { .. });
            let end = self.reader.newest(view.id, EVENTS_BACK, is_end)?;
            let (at, seq) = (end.as_ref().map(|event| event.at_ms), end.as_ref().map(|event| event.seq));
            chain.say(format!("`{name}` is {}", view.state.as_str()), at, seq, None);
            return Ok(());
        }
        self.tell_of_writer(chain, view)?;
        let progress = self.reader.agent_progress(view.id)?;
        tell_of_turn(chain, name, &progress);
        for open in &progress.approvals {
            let what = format!("`{name}` asks for the approval `{}`: {}", open.approval, open.subject);
            chain.say(what, Some(open.at_ms), Some(open.seq), None);
        }
        for ask in self.reader.open_asks(view.id, Party::Addressee, MAX_ASKS)? {
            let asker = self.shared.title(ask.fact.other);
            let how = came(&ask);
            let what = format!("`{name}` has not answered an ask of `{asker}`, which {how}");
            chain.say(what, Some(ask.fact.since), None, Some(ask.fact.ask));
        }
        if view.pending > 0 {
            let what = match view.online {
                true => format!("{} messages for `{name}` are accepted and not yet delivered", view.pending),
                false => format!("{} messages wait until a writer attaches to `{name}`", view.pending),
            };
            chain.say(what, None, None, None);
        }
        self.tell_of_asks(chain, view, depth)
    }

    fn tell_of_asks(&mut self, chain: &mut Chain, view: &SessionView, depth: u32) -> Result<(), Stop> {
        let name = &view.title;
        let asked = self.reader.open_asks(view.id, Party::Asker, MAX_ASKS)?;
        for ask in &asked {
            let other = ask.fact.other;
            let title = self.shared.title(other);
            let what = format!("`{name}` waits for the answer of `{title}` to an ask, which {}", came(ask));
            chain.say(what, Some(ask.fact.since), None, Some(ask.fact.ask));
        }
        if asked.is_empty() && view.state == SessionState::Idle {
            chain.say(format!("`{name}` waits for nothing"), None, None, None);
        }
        for ask in asked {
            let other = ask.fact.other;
            if chain.is_on_path(other) {
                let title = self.shared.title(other);
                let what =
                    format!("that closes a circle: `{title}` waits for itself; answer or cancel one of these asks");
                chain.say(what, None, None, Some(ask.fact.ask));
                continue;
            }
            if depth + 1 > MAX_DEPTH || !chain.is_new(other) || !self.may_see(other) {
                continue;
            }
            if let Some(next) = self.view(other)? {
                self.follow(chain, &next, depth + 1)?;
                chain.back_to(view.id, depth);
            }
        }
        Ok(())
    }

    fn tell_of_writer(&mut self, chain: &mut Chain, view: &SessionView) -> Result<(), Stop> {
        let name = &view.title;
        if let Some(holder) = self.shared.leases.holder(view.id) {
            let is_attach = |body: &EventBody| matches!(body, EventBody::PeerAttached { .. });
            let attached = self.reader.newest(view.id, EVENTS_BACK, is_attach)?;
            let over = holder.link.map(|link| format!(" over {link}")).unwrap_or_default();
            let (at, seq) = (attached.as_ref().map(|event| event.at_ms), attached.as_ref().map(|event| event.seq));
            chain.say(format!("a writer is attached to `{name}`{over}"), at, seq, None);
            return Ok(());
        }
        let is_detach = |body: &EventBody| matches!(body, EventBody::PeerDetached { .. });
        match self.reader.newest(view.id, EVENTS_BACK, is_detach)? {
            Some(event) => {
                let reason = match &event.body {
                    EventBody::PeerDetached { reason, .. } => reason.as_str(),
                    _ => "",
                };
                let what = format!("no writer is attached to `{name}`; the last one left: {reason}");
                chain.say(what, Some(event.at_ms), Some(event.seq), None);
            }
            None => chain.say(format!("no writer is attached to `{name}`"), None, None, None),
        }
        Ok(())
    }
}

fn tell_of_turn(chain: &mut Chain, name: &str, progress: &Progress) {
    let Some(turn) = &progress.turn else { return };
    let what = match turn.state {
        TurnState::Running => format!("the agent of `{name}` works on its turn {}", turn.turn),
        TurnState::Left => format!("the peer of `{name}` went away in the middle of its turn {}", turn.turn),
        TurnState::Ended(outcome) => format!("the last turn of `{name}`, {}, {}", turn.turn, outcome.as_str()),
    };
    chain.say(what, Some(turn.at_ms), Some(turn.seq), None);
}

/// Says how far an ask came, in words that follow "which".
fn came(ask: &OpenAsk) -> String {
    match ask.state {
        DeliveryState::Accepted => "was accepted and waits to be delivered".into(),
        DeliveryState::Sent => "was sent; no receipt came yet".into(),
        DeliveryState::Delivered => "was delivered".into(),
        DeliveryState::Seen => "the model has seen".into(),
        other => format!("is {}", other.as_str()),
    }
}

#[derive(Default)]
struct Chain {
    links: Vec<Because>,
    seen: HashSet<SessionId>,
    path: Vec<SessionId>,
}

impl Chain {
    fn start(&mut self, session: SessionId, depth: u32) {
        self.back_to(session, depth);
        self.seen.insert(session);
    }

    fn back_to(&mut self, session: SessionId, depth: u32) {
        self.path.truncate(depth as usize);
        self.path.push(session);
    }

    fn is_on_path(&self, session: SessionId) -> bool {
        self.path.contains(&session)
    }

    fn is_new(&self, session: SessionId) -> bool {
        !self.seen.contains(&session)
    }

    fn say(&mut self, what: String, at_ms: Option<TimestampMs>, seq: Option<u64>, message: Option<MessageId>) {
        let Some(session) = self.path.last().copied() else { return };
        let depth = u32::try_from(self.path.len() - 1).unwrap_or(u32::MAX);
        self.links.push(Because { session, depth, what, at_ms, seq, message });
    }
}
