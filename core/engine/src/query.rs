//! Commands that only read. They run on a read-only connection and see what was committed.

mod files;
pub(crate) mod jobs;
pub(crate) mod memory;
mod needs;
mod plugins;
mod recall;
mod runtimes;
pub(crate) mod schedules;
mod search;
mod thread;
mod timeline;
mod transcripts;
mod why;

use tieline_model::{
    Address, Command, DeliveryState, Lane, Outcome, Principal, Refusal, Reply, SessionId,
    command::{self, MessageRef, PeerList, SessionList, SessionRef, Urgency},
    outcome::Code,
    reply::{
        AskView, DeliveryView, Evidence, InboxItem, InboxPage, Peers, Plugins, Reachability, SessionState, SessionView,
        Sessions, TokenView, Tokens, Trace, TraceDelivery, UrgencyView, Whoami,
    },
    runtime::Batch,
    session::{
        life::{self, Facts},
        progress::Progress,
    },
};
use tieline_store::{OpenAsk, Party, Reader, StoreError, TraceRow};

use crate::{
    decide::{Stop, unknown_message},
    request::Request,
    shared::Shared,
};

/// Answers a read.
pub fn answer(shared: &Shared, request: &Request) -> Outcome {
    let mut query = Query { shared, reader: shared.readers.take(), request, caller: &request.principal };
    let result = match &request.command {
        Command::SessionList(list) => query.session_list(list),
        Command::SessionGet(get) => query.session_get(get),
        Command::Why(why) => query.why(why),
        Command::PeerList(list) => query.peer_list(list),
        Command::Inbox(inbox) => query.inbox(inbox),
        Command::Trace(trace) => query.trace(trace),
        Command::Thread(thread) => query.thread(thread),
        Command::TranscriptList(list) => query.transcript_list(list),
        Command::NeedsYou(_) => query.needs_you(),
        Command::Timeline(timeline) => query.timeline(timeline),
        Command::ScheduleList(list) => query.schedule_list(list),
        Command::ScheduleGet(get) => query.schedule_get(get),
        Command::ScheduleHistory(history) => query.schedule_history(history),
        Command::Search(search) => query.search(search),
        Command::Recall(recall) => query.recall(recall),
        Command::JobList(list) => query.job_list(list),
        Command::JobGet(get) => query.job_get(get),
        Command::MemoryShow(show) => query.memory_show(show),
        Command::MemoryDiff(diff) => query.memory_diff(diff),
        Command::MemoryLog(log) => query.memory_log(log),
        Command::RuntimeFind(find) => query.runtime_find(find),
        Command::FileLeases(leases) => query.file_leases(leases),
        Command::Whoami(_) => query.whoami(),
        Command::TokenList(_) => query.token_list(),
        Command::PluginList(_) => Ok(Reply::Plugins(Plugins { plugins: query.plugins() })),
        Command::PluginInfo(info) => query.plugin(&info.name, "plugin_info.name").map(Reply::Plugin),
        Command::PluginLogs(logs) => query.plugin_logs(logs),
        other => Err(StoreError::Damaged { table: "commands", what: format!("`{}` is no read", other.name()) }.into()),
    };
    result.map_err(|stop| match stop {
        Stop::Refused(refusal) | Stop::Braked { refusal, .. } => (*refusal).into(),
        Stop::Store(error) => shared.fault(error).into(),
    })
}

/// How many open asks to a session are looked at for its state.
const MAX_ASKS: i64 = 50;

const fn is_over(state: SessionState) -> bool {
    !state.takes_messages()
}

struct Query<'a> {
    shared: &'a Shared,
    reader: Reader,
    request: &'a Request,
    caller: &'a Principal,
}

impl Query<'_> {
    fn find(&self, address: &Address, field: &str) -> Result<SessionId, Stop> {
        Ok(self.shared.directory(|directory| directory.find(address, self.caller, field).map(|entry| entry.id))?)
    }

    fn view(&mut self, id: SessionId) -> Result<Option<SessionView>, Stop> {
        let Some(view) = self.reader.session(id)? else { return Ok(None) };
        let facts = self.facts(&view)?;
        let (state, waiting) = life::state(&facts);
        let asks_permission = !facts.progress.approvals.is_empty();
        let runtime = self.runtime_view(id, state, waiting.as_ref(), asks_permission)?;
        let Progress { backend, model, usage, .. } = facts.progress;
        let online = self.shared.presence.is_online(id);
        Ok(Some(SessionView { online, state, waiting, runtime, backend, model, usage, ..view }))
    }

    /// Gathers what a session's state is derived from. `view` is as the store has it.
    fn facts(&mut self, view: &SessionView) -> Result<Facts, Stop> {
        if !view.state.takes_messages() {
            let is_archived = view.state == SessionState::Archived;
            let progress = self.reader.agent_progress(view.id)?;
            return Ok(Facts { is_archived, is_closed: true, progress, ..Facts::default() });
        }
        let is_delivered = |ask: &OpenAsk| ask.delivered_at.is_some();
        let to_answer = self.reader.open_asks(view.id, Party::Addressee, MAX_ASKS)?;
        Ok(Facts {
            is_closed: false,
            is_archived: false,
            had_writer: self.reader.inbox(view.id)?.is_some_and(|(_, epoch)| epoch > 0),
            progress: self.reader.agent_progress(view.id)?,
            asks: self.reader.open_asks(view.id, Party::Asker, 1)?.first().map(|ask| ask.fact),
            works_on: to_answer.iter().find(|ask| is_delivered(ask)).map(|ask| ask.fact),
        })
    }

    fn session_list(&mut self, list: &SessionList) -> Result<Reply, Stop> {
        let limit = limit(list.limit, 100, 500, "session_list.limit")?;
        if let Some(circle) = &list.circle
            && !self.caller.reaches(circle)
        {
            let message = format!("the circle `{circle}` is not in reach of `{}`", self.caller.name);
            return Err(Refusal::new(Code::Forbidden, message).at("session_list.circle").into());
        }
        let mut ids: Vec<SessionId> = self.shared.directory(|directory| {
            directory
                .iter()
                .filter(|entry| entry.is_open || list.include_closed || list.state.is_some_and(is_over))
                .filter(|entry| match &list.circle {
                    Some(circle) => entry.circle == *circle,
                    None => self.caller.reaches(&entry.circle) || entry.id == self.caller.home,
                })
                .map(|entry| entry.id)
                .filter(|id| list.after.is_none_or(|after| *id > after))
                .collect()
        });
        ids.sort_unstable();
        let is_meant = |view: &SessionView| {
            list.state.is_none_or(|state| view.state == state)
                && list.label.as_ref().is_none_or(|label| view.labels.contains(label))
                && (view.pinned || !list.pinned)
        };
        let mut sessions: Vec<SessionView> = Vec::new();
        for id in ids {
            let Some(view) = self.view(id)?.filter(is_meant) else { continue };
            if sessions.len() == limit as usize {
                let next = sessions.last().map(|last| last.id);
                return Ok(Reply::Sessions(Sessions { sessions, next }));
            }
            sessions.push(view);
        }
        Ok(Reply::Sessions(Sessions { sessions, next: None }))
    }

    fn session_get(&mut self, get: &SessionRef) -> Result<Reply, Stop> {
        let id = self.find(&get.session, "session_get.session")?;
        let draft = self.reader.draft(id)?;
        match self.view(id)? {
            Some(view) => Ok(Reply::Session(Box::new(SessionView { draft, ..view }))),
            None => Err(Refusal::new(Code::UnknownSession, "the session is gone").at("session_get.session").into()),
        }
    }

    fn peer_list(&mut self, list: &PeerList) -> Result<Reply, Stop> {
        let only = match &list.session {
            Some(address) => Some(self.find(address, "peer_list.session")?),
            None => None,
        };
        let in_reach = |session: SessionId| {
            self.shared.directory(|directory| {
                directory.get(session).is_some_and(|entry| self.caller.reaches(&entry.circle))
                    || session == self.caller.home
            })
        };
        let mut attachments = self.shared.presence.all();
        attachments.retain(|peer| only.is_none_or(|only| peer.session == only) && in_reach(peer.session));
        attachments.sort_by_key(|peer| (peer.since, peer.session, peer.link));
        let peers = attachments.iter().map(|peer| peer.view(self.shared.title(peer.session))).collect();
        Ok(Reply::Peers(Peers { peers }))
    }

    fn inbox(&mut self, inbox: &command::Inbox) -> Result<Reply, Stop> {
        let limit = limit(inbox.limit, 50, 200, "inbox.limit")?;
        if inbox.after.is_some() && inbox.lane.is_none() {
            let message = "`after` counts within a lane; name it in `lane`";
            return Err(Refusal::new(Code::BadInput, message).at("inbox.after").into());
        }
        let session = match &inbox.session {
            Some(address) => {
                let session = self.find(address, "inbox.session")?;
                self.check_own(session, address, "inbox.session")?;
                session
            }
            None => self.shared.usual(self.request),
        };
        let Some((numbers, _)) = self.reader.inbox(session)? else {
            return Err(Refusal::new(Code::UnknownSession, "the session is gone").at("inbox.session").into());
        };
        let handed = self.handed(session)?;
        let mut items = Vec::new();
        let mut has_more = false;
        for lane in Lane::ALL.into_iter().filter(|lane| inbox.lane.is_none_or(|only| only == *lane)) {
            let after = inbox.after.unwrap_or(numbers.delivered[lane]);
            let mut page = self.reader.inbox_page(session, lane, after, limit + 1, inbox.after.is_none())?;
            has_more |= page.len() > limit as usize;
            page.truncate(limit as usize);
            items.extend(page.into_iter().map(|row| InboxItem {
                lane: row.lane,
                seq: row.seq,
                state: self.live_state(session, row.lane, row.seq, row.state, handed.as_ref()),
                message: row.message,
            }));
        }
        Ok(Reply::Inbox(InboxPage { session, items, heads: numbers.heads, delivered: numbers.delivered, has_more }))
    }

    fn check_own(&mut self, session: SessionId, address: &Address, field: &str) -> Result<(), Stop> {
        if session == self.caller.home || self.reader.session(session)?.is_some_and(|view| view.owner == self.caller.id)
        {
            return Ok(());
        }
        let message = format!("the session `{address}` is not one of `{}`", self.caller.name);
        Err(Refusal::new(Code::NotYourSession, message).at(field).into())
    }

    /// What a hook of the session's program has and that program's record does not show yet.
    fn handed(&mut self, session: SessionId) -> Result<Option<Batch>, Stop> {
        Ok(self.reader.runtime(session)?.and_then(|runtime| runtime.batch))
    }

    /// `sent` is what the link's window knows, or what a hook was handed; the store keeps only what survives a link.
    fn live_state(
        &self,
        session: SessionId,
        lane: Lane,
        seq: u64,
        stored: DeliveryState,
        handed: Option<&Batch>,
    ) -> DeliveryState {
        let is_handed = || handed.is_some_and(|batch| seq <= batch.through[lane]);
        let is_carried = || self.shared.presence.carries(session, lane, seq);
        if stored == DeliveryState::Accepted && (is_carried() || is_handed()) { DeliveryState::Sent } else { stored }
    }

    fn trace(&mut self, trace: &MessageRef) -> Result<Reply, Stop> {
        let unknown = || unknown_message(trace.message, "trace.message");
        let traced = self.reader.trace(trace.message)?.ok_or_else(unknown)?;
        let sender = traced.message.from.session;
        let sees = |session: SessionId| self.may_see(session);
        // Whoever may see neither end does not learn that there is anything.
        let is_sender = sees(sender);
        let rows: Vec<TraceRow> = traced.deliveries.into_iter().filter(|row| is_sender || sees(row.session)).collect();
        if !is_sender && rows.is_empty() {
            return Err(unknown().into());
        }
        let urgency = traced.message.urgency;
        let deliveries =
            rows.into_iter().map(|row| self.trace_delivery(row, urgency)).collect::<Result<Vec<_>, Stop>>()?;
        let ask = traced.ask.map(|ask| AskView {
            state: ask.ask.state,
            asker: ask.ask.asker,
            addressee: ask.ask.addressee,
            answer: ask.answer,
            closed_at_ms: ask.closed_at,
        });
        Ok(Reply::Trace(Trace { message: traced.message, ask, deliveries }))
    }

    fn trace_delivery(&mut self, row: TraceRow, urgency: Option<Urgency>) -> Result<TraceDelivery, Stop> {
        let handed = self.handed(row.session)?;
        let state = self.live_state(row.session, row.lane, row.seq, row.state, handed.as_ref());
        let mut evidence = vec![Evidence {
            state: DeliveryState::Accepted,
            at_ms: row.accepted_at,
            what: "committed to the disk of this daemon".into(),
        }];
        let mut add = |state, at: Option<_>, what: String| {
            evidence.extend(at.map(|at_ms| Evidence { state, at_ms, what }));
        };
        if state == DeliveryState::Sent
            && let Some(Batch { via, at, .. }) = &handed
        {
            let what = format!("handed to the hook {via}; the program's record does not show it yet");
            add(DeliveryState::Sent, Some(*at), what);
        } else if state == DeliveryState::Sent
            && let Some(writer) = self.shared.presence.writer(row.session)
        {
            let link = writer.link.map(|link| link.to_string()).unwrap_or_default();
            let transport = writer.transport.as_deref().unwrap_or_default().to_owned();
            add(
                DeliveryState::Sent,
                Some(self.shared.clock.now()),
                format!("handed to the link {link} of `{transport}`; no receipt yet"),
            );
        }
        let receipt = |word: &str| match row.epoch {
            Some(epoch) => format!("receipt `{word}` of the session's writer, epoch {epoch}"),
            None => "the record of the session's agent program shows it".to_owned(),
        };
        add(DeliveryState::Delivered, row.delivered_at, receipt("delivered"));
        add(DeliveryState::Seen, row.seen_at, receipt("seen"));
        let ended = match (row.state, row.reason) {
            (DeliveryState::Answered, _) => "the session answered it".to_owned(),
            (_, Some(reason)) => reason,
            (_, None) => "ended".to_owned(),
        };
        add(row.state, row.ended_at, ended);
        let is_online = self.shared.presence.is_online(row.session);
        Ok(TraceDelivery {
            delivery: DeliveryView {
                session: row.session,
                title: row.title,
                lane: row.lane,
                seq: row.seq,
                state,
                reachability: Some(if is_online { Reachability::Online } else { Reachability::Offline }),
                urgency: urgency.map(|asked| UrgencyView::new(asked, self.shared.presence.can(row.session))),
            },
            evidence,
        })
    }

    fn whoami(&mut self) -> Result<Reply, Stop> {
        let mut sessions: Vec<SessionView> = self
            .reader
            .sessions()?
            .into_iter()
            .filter(|view| view.id == self.caller.home || view.owner == self.caller.id)
            .filter(|view| view.state.takes_messages())
            .collect();
        sessions.sort_by_key(|view| (view.id != self.caller.home, view.id));
        sessions.truncate(50);
        for view in &mut sessions {
            if let Some(full) = self.view(view.id)? {
                *view = full;
            }
        }
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let session = Some(self.shared.usual(self.request));
        Ok(Reply::Whoami(Whoami { principal: self.caller.clone(), session, sessions, version }))
    }

    fn token_list(&mut self) -> Result<Reply, Stop> {
        let tokens = self.reader.tokens()?.into_iter().map(|row| TokenView {
            token: row.id,
            principal: row.principal.id,
            name: row.principal.name,
            kind: row.principal.kind,
            scopes: row.principal.scopes,
            circles: row.principal.circles,
            home: row.principal.home,
            created_at_ms: row.created_at,
            expires_at_ms: row.expires_at,
            revoked_at_ms: row.revoked_at,
        });
        Ok(Reply::Tokens(Tokens { tokens: tokens.collect() }))
    }
}

fn limit(asked: Option<u32>, usual: u32, most: u32, field: &str) -> Result<u32, Stop> {
    match asked {
        None => Ok(usual),
        Some(limit) if (1..=most).contains(&limit) => Ok(limit),
        Some(limit) => {
            let message = format!("{limit}; wanted 1 to {most}");
            Err(Refusal::new(Code::BadInput, message).at(field).into())
        }
    }
}
