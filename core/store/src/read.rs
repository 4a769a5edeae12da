//! What is read beside the writer: inboxes, traces, timelines, lists.

use diesel::{dsl::max, prelude::*};
use tieline_model::{
    DeliveryState, Lane, Message, MessageId, Principal, PrincipalKind, SessionId, TimestampMs, TokenId,
    ask::Ask,
    reply::{SessionState, SessionView},
    session::inbox::Inbox,
    session::progress::Usage,
};

use crate::{
    Reader, StoreError,
    jobs::next_job_expiry,
    rows,
    rows::{signed, unsigned},
    schema::{asks, deliveries, escalations, events, idle_watches, messages, principals, runtimes, sessions, tokens},
    tx::{kept_cursor, lane_number, load_inbox},
};

/// A message whose stored text is not what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damaged {
    /// In which lane.
    pub lane: Lane,
    /// Its number there.
    pub seq: u64,
}

/// A delivery that is due on a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueRow {
    /// Its number in the lane.
    pub seq: u64,
    /// How far it has come.
    pub state: DeliveryState,
    /// The message as stored JSON, or that it is damaged.
    pub message: Result<String, Damaged>,
}

/// A message in an inbox.
#[derive(Debug, Clone, PartialEq)]
pub struct InboxRow {
    /// In which lane.
    pub lane: Lane,
    /// Its number there.
    pub seq: u64,
    /// How far it has come.
    pub state: DeliveryState,
    /// The message.
    pub message: Message,
}

/// A token with its principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// Its id.
    pub id: TokenId,
    /// The hash of its secret.
    pub hash: [u8; 32],
    /// Its principal.
    pub principal: Principal,
    /// When it was made.
    pub created_at: TimestampMs,
    /// When it ends.
    pub expires_at: Option<TimestampMs>,
    /// When it was revoked.
    pub revoked_at: Option<TimestampMs>,
}

/// One delivery of a message with its times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceRow {
    /// To which session.
    pub session: SessionId,
    /// That session's title.
    pub title: String,
    /// That session's circle.
    pub circle: String,
    /// In which lane.
    pub lane: Lane,
    /// Its number there.
    pub seq: u64,
    /// How far it has come.
    pub state: DeliveryState,
    /// When it was accepted.
    pub accepted_at: TimestampMs,
    /// When it was delivered.
    pub delivered_at: Option<TimestampMs>,
    /// When it was seen.
    pub seen_at: Option<TimestampMs>,
    /// When it ended otherwise.
    pub ended_at: Option<TimestampMs>,
    /// The epoch of the writer whose receipt moved it.
    pub epoch: Option<u64>,
    /// Why it ended.
    pub reason: Option<String>,
}

/// An ask as a trace shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TracedAsk {
    /// Both sides and its state.
    pub ask: Ask,
    /// The answer, once there is one.
    pub answer: Option<MessageId>,
    /// When it was closed.
    pub closed_at: Option<TimestampMs>,
}

/// A message with everything that is recorded about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Traced {
    /// The message.
    pub message: Message,
    /// Its deliveries.
    pub deliveries: Vec<TraceRow>,
    /// For an ask, where it stands.
    pub ask: Option<TracedAsk>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = sessions)]
struct SessionRow {
    no: i64,
    id: Vec<u8>,
    title: String,
    circle: String,
    roles: String,
    description: Option<String>,
    project: Option<String>,
    owner: Vec<u8>,
    opened_at_ms: i64,
    closed_at_ms: Option<i64>,
    labels: String,
    is_pinned: i32,
    archived_at_ms: Option<i64>,
    parent: Option<Vec<u8>>,
    parent_seq: Option<i64>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = principals)]
pub(crate) struct PrincipalRow {
    id: Vec<u8>,
    kind: String,
    name: String,
    scopes: String,
    circles: String,
    home: Vec<u8>,
}

impl PrincipalRow {
    pub fn read(self) -> Result<Principal, StoreError> {
        Ok(Principal {
            id: rows::principal_id("principals", &self.id)?,
            kind: principal_kind(&self.kind)?,
            name: self.name,
            scopes: rows::json("principals", &self.scopes)?,
            circles: rows::json("principals", &self.circles)?,
            home: rows::session_id("principals", &self.home)?,
        })
    }
}

impl Reader {
    /// Reads all sessions, oldest first. `online` and `pending` are left for the caller to fill in.
    pub fn sessions(&mut self) -> Result<Vec<SessionView>, StoreError> {
        let found: Vec<SessionRow> =
            sessions::table.order(sessions::no).select(SessionRow::as_select()).load(self.conn()?)?;
        found.into_iter().map(view).collect()
    }

    /// Reads one session with what waits for it. Its state is as it was written: open, closed or archived.
    pub fn session(&mut self, id: SessionId) -> Result<Option<SessionView>, StoreError> {
        let conn = self.conn()?;
        let row: Option<SessionRow> = sessions::table
            .filter(sessions::id.eq(id.as_bytes().as_slice()))
            .select(SessionRow::as_select())
            .get_result(conn)
            .optional()?;
        let Some(row) = row else { return Ok(None) };
        let pending = load_inbox(conn, row.no)?.pending;
        let mut view = view(row)?;
        view.pending = pending;
        Ok(Some(view))
    }

    /// Reads an inbox's numbers.
    pub fn inbox(&mut self, id: SessionId) -> Result<Option<(Inbox, u64)>, StoreError> {
        let conn = self.conn()?;
        let row: Option<(i64, i64)> = sessions::table
            .filter(sessions::id.eq(id.as_bytes().as_slice()))
            .select((sessions::no, sessions::epoch))
            .get_result(conn)
            .optional()?;
        let Some((no, epoch)) = row else { return Ok(None) };
        Ok(Some((load_inbox(conn, no)?, unsigned(epoch))))
    }

    /// Reads messages of a lane after a number, in order: the pending ones, or all.
    pub fn inbox_page(
        &mut self,
        id: SessionId,
        lane: Lane,
        after: u64,
        limit: u32,
        only_pending: bool,
    ) -> Result<Vec<InboxRow>, StoreError> {
        let no = self.session_no(id)?;
        let mut query = deliveries::table
            .inner_join(messages::table)
            .filter(deliveries::session_no.eq(no))
            .filter(deliveries::lane.eq(lane_number(lane)))
            .filter(deliveries::seq.gt(signed(after)))
            .order(deliveries::seq)
            .limit(i64::from(limit))
            .select((deliveries::seq, deliveries::state, messages::body, messages::hash))
            .into_boxed();
        if only_pending {
            query = query.filter(deliveries::state.le(rows::state_number(DeliveryState::Sent)));
        }
        let found: Vec<(i64, i32, String, Vec<u8>)> = query.load(self.conn()?)?;
        found
            .into_iter()
            .map(|(seq, state, body, hash)| {
                Ok(InboxRow {
                    lane,
                    seq: unsigned(seq),
                    state: rows::state(state)?,
                    message: rows::message(&body, &hash)?,
                })
            })
            .collect()
    }

    /// Reads `count` deliveries of a lane from `first` on, as stored, for a link.
    pub fn due(&mut self, id: SessionId, lane: Lane, first: u64, count: u32) -> Result<Vec<DueRow>, StoreError> {
        let no = self.session_no(id)?;
        let found: Vec<(i64, i32, String, Vec<u8>)> = deliveries::table
            .inner_join(messages::table)
            .filter(deliveries::session_no.eq(no))
            .filter(deliveries::lane.eq(lane_number(lane)))
            .filter(deliveries::seq.ge(signed(first)))
            .filter(deliveries::seq.lt(signed(first + u64::from(count))))
            .order(deliveries::seq)
            .select((deliveries::seq, deliveries::state, messages::body, messages::hash))
            .load(self.conn()?)?;
        found
            .into_iter()
            .map(|(seq, state, body, hash)| {
                let seq = unsigned(seq);
                let is_intact = rows::check_hash(&body, &hash).is_ok();
                let message = if is_intact { Ok(body) } else { Err(Damaged { lane, seq }) };
                Ok(DueRow { seq, state: rows::state(state)?, message })
            })
            .collect()
    }

    /// Tells when the next pending delivery, open ask, job given by a session, or watch of its program runs out.
    pub fn next_expiry(&mut self, id: SessionId) -> Result<Option<TimestampMs>, StoreError> {
        let no = self.session_no(id)?;
        let conn = self.conn()?;
        let inbox = load_inbox(conn, no)?;
        let mut earliest: Option<i64> = None;
        for lane in Lane::ALL {
            let found: Option<i64> = deliveries::table
                .filter(deliveries::session_no.eq(no))
                .filter(deliveries::lane.eq(lane_number(lane)))
                .filter(deliveries::seq.gt(signed(inbox.delivered[lane])))
                .filter(deliveries::state.le(rows::state_number(DeliveryState::Sent)))
                .select(diesel::dsl::min(deliveries::expires_at_ms))
                .get_result(conn)?;
            earliest = earliest.into_iter().chain(found).min();
        }
        let reminder: Option<i64> = asks::table
            .filter(asks::addressee_no.eq(no))
            .filter(asks::state.eq(0))
            .select(diesel::dsl::min(asks::remind_at_ms))
            .get_result(conn)?;
        let escalation: Option<i64> = escalations::table
            .inner_join(asks::table.on(asks::message_no.eq(escalations::ask_no)))
            .filter(asks::addressee_no.eq(no))
            .filter(asks::state.eq(0))
            .select(diesel::dsl::min(escalations::at_ms))
            .get_result(conn)?;
        let deadline: Option<i64> = asks::table
            .filter(asks::addressee_no.eq(no))
            .filter(asks::state.eq(0))
            .select(diesel::dsl::min(asks::deadline_ms))
            .get_result(conn)?;
        let wake: Option<i64> =
            runtimes::table.find(no).select(runtimes::due_ms).get_result::<Option<i64>>(conn).optional()?.flatten();
        let watch: Option<i64> = idle_watches::table
            .filter(idle_watches::session_no.eq(no))
            .select(diesel::dsl::min(idle_watches::until_ms))
            .get_result(conn)?;
        let job = next_job_expiry(conn, no)?;
        Ok(earliest
            .into_iter()
            .chain(deadline)
            .chain(reminder)
            .chain(escalation)
            .chain(job)
            .chain(wake)
            .chain(watch)
            .min()
            .map(TimestampMs))
    }

    /// Reads a message, its deliveries, and where it stands when it is an ask.
    pub fn trace(&mut self, id: MessageId) -> Result<Option<Traced>, StoreError> {
        let conn = self.conn()?;
        let row: Option<(i64, String, Vec<u8>, String)> = messages::table
            .filter(messages::id.eq(id.as_bytes().as_slice()))
            .select((messages::no, messages::body, messages::hash, messages::recipients))
            .get_result(conn)
            .optional()?;
        let Some((no, body, hash, recipients)) = row else { return Ok(None) };
        let message = rows::message(&body, &hash)?;
        let lane = message.kind.lane();
        let places: Vec<(i64, u64)> = rows::json("messages", &recipients)?;
        let deliveries = places
            .into_iter()
            .map(|(session_no, seq)| trace_row(conn, session_no, lane, seq))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Some(Traced { message, deliveries, ask: traced_ask(conn, no)? }))
    }

    /// Returns the newest event's cursor, though it may have been removed; 0 when there was none.
    pub fn last_cursor(&mut self) -> Result<i64, StoreError> {
        let conn = self.conn()?;
        let newest: Option<i64> = events::table.select(max(events::cursor)).get_result(conn)?;
        Ok(newest.unwrap_or_default().max(kept_cursor(conn)?))
    }

    /// Reads all tokens with their principals, oldest first.
    pub fn tokens(&mut self) -> Result<Vec<TokenRow>, StoreError> {
        type Row = (Vec<u8>, Vec<u8>, i64, Option<i64>, Option<i64>, PrincipalRow);
        let found: Vec<Row> = tokens::table
            .inner_join(principals::table.on(principals::no.eq(tokens::principal_no)))
            .order(tokens::no)
            .select((
                tokens::id,
                tokens::hash,
                tokens::created_at_ms,
                tokens::expires_at_ms,
                tokens::revoked_at_ms,
                PrincipalRow::as_select(),
            ))
            .load(self.conn()?)?;
        found
            .into_iter()
            .map(|(token, hash, created, expires, revoked, principal)| {
                let damaged = |what: &str| StoreError::Damaged { table: "tokens", what: what.to_owned() };
                Ok(TokenRow {
                    id: rows::token_id("tokens", &token)?,
                    hash: hash.try_into().map_err(|_| damaged("a hash has another length than 32 bytes"))?,
                    principal: principal.read()?,
                    created_at: TimestampMs(created),
                    expires_at: expires.map(TimestampMs),
                    revoked_at: revoked.map(TimestampMs),
                })
            })
            .collect()
    }

    /// Reads the principals of a kind, oldest first.
    pub fn principals(&mut self, kind: PrincipalKind) -> Result<Vec<Principal>, StoreError> {
        let found: Vec<PrincipalRow> = principals::table
            .filter(principals::kind.eq(kind.as_str()))
            .order(principals::no)
            .select(PrincipalRow::as_select())
            .load(self.conn()?)?;
        found.into_iter().map(PrincipalRow::read).collect()
    }

    pub(crate) fn session_no(&mut self, id: SessionId) -> Result<i64, StoreError> {
        Ok(sessions::table
            .filter(sessions::id.eq(id.as_bytes().as_slice()))
            .select(sessions::no)
            .get_result(self.conn()?)?)
    }
}

fn principal_kind(text: &str) -> Result<PrincipalKind, StoreError> {
    rows::json("principals", &format!("\"{text}\""))
}

fn view(row: SessionRow) -> Result<SessionView, StoreError> {
    let parent = rows::parent(row.parent, row.parent_seq)?;
    Ok(SessionView {
        id: rows::session_id("sessions", &row.id)?,
        title: row.title,
        circle: row.circle,
        roles: rows::json("sessions", &row.roles)?,
        description: row.description,
        project: row.project,
        state: match (row.archived_at_ms, row.closed_at_ms) {
            (Some(_), _) => SessionState::Archived,
            (None, Some(_)) => SessionState::Closed,
            (None, None) => SessionState::Open,
        },
        labels: rows::json("sessions", &row.labels)?,
        pinned: row.is_pinned != 0,
        parent,
        waiting: None,
        draft: None,
        runtime: None,
        backend: None,
        model: None,
        usage: Usage::default(),
        owner: rows::principal_id("sessions", &row.owner)?,
        opened_at_ms: TimestampMs(row.opened_at_ms),
        online: false,
        pending: 0,
    })
}

fn trace_row(conn: &mut SqliteConnection, session_no: i64, lane: Lane, seq: u64) -> Result<TraceRow, StoreError> {
    type Row = (i32, i64, Option<i64>, Option<i64>, Option<i64>, Option<i64>, Option<String>);
    let (id, title, circle): (Vec<u8>, String, String) =
        sessions::table.find(session_no).select((sessions::id, sessions::title, sessions::circle)).get_result(conn)?;
    let (state, accepted, delivered, seen, ended, epoch, reason): Row = deliveries::table
        .find((session_no, lane_number(lane), signed(seq)))
        .select((
            deliveries::state,
            deliveries::accepted_at_ms,
            deliveries::delivered_at_ms,
            deliveries::seen_at_ms,
            deliveries::ended_at_ms,
            deliveries::epoch,
            deliveries::reason,
        ))
        .get_result(conn)?;
    Ok(TraceRow {
        session: rows::session_id("sessions", &id)?,
        title,
        circle,
        lane,
        seq,
        state: rows::state(state)?,
        accepted_at: TimestampMs(accepted),
        delivered_at: delivered.map(TimestampMs),
        seen_at: seen.map(TimestampMs),
        ended_at: ended.map(TimestampMs),
        epoch: epoch.map(unsigned),
        reason,
    })
}

fn traced_ask(conn: &mut SqliteConnection, message_no: i64) -> Result<Option<TracedAsk>, StoreError> {
    type Row = (i64, i64, i32, Option<Vec<u8>>, Option<i64>);
    let row: Option<Row> = asks::table
        .find(message_no)
        .select((asks::asker_no, asks::addressee_no, asks::state, asks::answer, asks::closed_at_ms))
        .get_result(conn)
        .optional()?;
    let Some((asker, addressee, state, answer, closed_at)) = row else { return Ok(None) };
    let mut id = |no: i64| -> Result<SessionId, StoreError> {
        let bytes: Vec<u8> = sessions::table.find(no).select(sessions::id).get_result(conn)?;
        rows::session_id("sessions", &bytes)
    };
    let ask = Ask { asker: id(asker)?, addressee: id(addressee)?, state: rows::ask_state(state)? };
    let answer = answer.map(|bytes| rows::message_id("asks", &bytes)).transpose()?;
    Ok(Some(TracedAsk { ask, answer, closed_at: closed_at.map(TimestampMs) }))
}
