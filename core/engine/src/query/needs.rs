//! What waits for the caller: asks to its sessions, and for a person approvals and plugins that need help.

use tieline_model::{
    PrincipalKind, Reply, Scope, SessionId,
    reply::{NeedView, Needed, Needs},
};
use tieline_store::Party;

use super::{MAX_ASKS, Query};
use crate::decide::Stop;

/// The most that are shown.
const MOST: usize = 200;

impl Query<'_> {
    /// Answers `needs_you`.
    pub(super) fn needs_you(&mut self) -> Result<Reply, Stop> {
        let mut needs = Vec::new();
        for session in self.own_sessions()? {
            self.asks_to(session, &mut needs)?;
        }
        if self.caller.kind == PrincipalKind::Human {
            for (session, open) in self.reader.open_approvals()? {
                if !self.may_see(session) {
                    continue;
                }
                let what = Needed::Approval { approval: open.approval, subject: open.subject, seq: open.seq };
                needs.push(self.need(what, session, Some(open.at_ms)));
            }
        }
        if self.caller.kind == PrincipalKind::Human && self.caller.may(Scope::SessionManage) {
            for open in self.reader.open_proposals(None)? {
                if !self.may_see(open.session) {
                    continue;
                }
                let what = Needed::Memory { proposal: open.id, path: open.path, reason: open.reason };
                needs.push(self.need(what, open.session, Some(open.proposed_at)));
            }
        }
        if self.caller.may(Scope::PluginManage) {
            let unwell =
                self.plugins().into_iter().filter(|plugin| plugin.state == "quarantined" || plugin.state == "failed");
            needs.extend(unwell.map(|plugin| NeedView {
                what: Needed::Plugin { name: plugin.name, state: plugin.state, advice: plugin.advice },
                session: None,
                title: None,
                since_ms: Some(plugin.since_ms),
            }));
        }
        needs.sort_by_key(|need| std::cmp::Reverse(need.since_ms));
        needs.truncate(MOST);
        Ok(Reply::Needs(Needs { needs }))
    }

    fn own_sessions(&mut self) -> Result<Vec<SessionId>, Stop> {
        let all = self.reader.sessions()?.into_iter();
        let own = all.filter(|view| view.id == self.caller.home || view.owner == self.caller.id);
        Ok(own.filter(|view| view.state.takes_messages()).map(|view| view.id).collect())
    }

    fn asks_to(&mut self, session: SessionId, needs: &mut Vec<NeedView>) -> Result<(), Stop> {
        for ask in self.reader.open_asks(session, Party::Addressee, MAX_ASKS)? {
            let Some((message, _)) = self.reader.message(ask.fact.ask)? else { continue };
            let what = Needed::Answer {
                ask: message.id,
                of: session,
                text: message.text.unwrap_or_default(),
                escalated_from: self.reader.escalated_from(message.id)?,
                expires_at_ms: message.expires_at_ms,
            };
            needs.push(self.need(what, ask.fact.other, Some(ask.fact.since)));
        }
        Ok(())
    }

    fn need(&self, what: Needed, session: SessionId, since_ms: Option<tieline_model::TimestampMs>) -> NeedView {
        NeedView { what, session: Some(session), title: Some(self.shared.title(session)), since_ms }
    }
}
