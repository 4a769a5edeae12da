//! What a job may do inside the writer's transaction.
//!
//! The writer keeps the heads of the sessions it has met: the next numbers, the cursors, what is pending.
//! They are loaded on first use and thrown away whenever a transaction is rolled back.

use std::collections::HashMap;

use diesel::{dsl::max, prelude::*};
use tieline_model::{
    AskGroupId, DeliveryState, Event, EventBody, Lane, Message, MessageId, Principal, PrincipalId, SessionId,
    TimestampMs, TokenId,
    ask::{Ask, AskState},
    session::inbox::Inbox,
};

use crate::{
    StoreError, rows,
    rows::{signed, unsigned},
    schema::{
        ask_groups, asks, deliveries, events, idempotency, inbox_cursors, messages, meta, principals, sessions, tokens,
    },
};

/// What the writer knows of a session without reading.
#[derive(Debug, Clone)]
pub struct Head {
    /// The number under which rows refer to it.
    pub no: i64,
    /// Its id.
    pub id: SessionId,
    /// Its title.
    pub title: String,
    /// Its circle.
    pub circle: String,
    /// Its roles.
    pub roles: Vec<String>,
    /// Who opened it.
    pub owner: PrincipalId,
    /// Whether it takes messages.
    pub is_open: bool,
    /// The epoch of its newest writer.
    pub epoch: u64,
    /// The newest number on its timeline.
    pub event_seq: u64,
    /// Its inbox's numbers.
    pub inbox: Inbox,
    /// Its own open asks.
    pub asks_from: u64,
    /// Open asks that it should answer.
    pub asks_to: u64,
}

/// A session to be written.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Its id.
    pub id: SessionId,
    /// Its title.
    pub title: String,
    /// Its circle.
    pub circle: String,
    /// Its roles.
    pub roles: Vec<String>,
    /// What it is about.
    pub description: Option<String>,
    /// The path of its project.
    pub project: Option<String>,
    /// Who opens it.
    pub owner: PrincipalId,
    /// When.
    pub opened_at: TimestampMs,
}

/// A delivery to be written.
#[derive(Debug, Clone, Copy)]
pub struct NewDelivery {
    /// The message's row.
    pub message_no: i64,
    /// In which lane.
    pub lane: Lane,
    /// Bytes of its text, for the quota.
    pub bytes: u64,
    /// When it was accepted.
    pub accepted_at: TimestampMs,
    /// When it stops being worth delivering.
    pub expires_at: TimestampMs,
}

/// The outcome of an earlier command with the same key.
#[derive(Debug, Clone)]
pub struct Remembered {
    /// The hash of that command.
    pub hash: Vec<u8>,
    /// What was answered, as JSON.
    pub outcome: String,
}

/// An ask with its two sides.
#[derive(Debug, Clone)]
pub struct AskRow {
    /// The message's row.
    pub message_no: i64,
    /// Its id.
    pub id: MessageId,
    /// Both sides and its state.
    pub ask: Ask,
    /// Its number in the addressee's msg lane.
    pub seq: u64,
    /// When an answer is not waited for any longer.
    pub deadline: TimestampMs,
    /// The `ask_many` that opened it.
    pub group_no: Option<i64>,
}

/// The asks of one `ask_many`.
#[derive(Debug, Clone)]
pub struct GroupRow {
    /// Its row.
    pub no: i64,
    /// Its id.
    pub id: AskGroupId,
    /// Who asked.
    pub asker: SessionId,
    /// Whether every answer is needed, or one.
    pub need_all: bool,
    /// How many were asked.
    pub total: u32,
    /// How many answered.
    pub answered: u32,
    /// How many are closed, answered or not.
    pub closed: u32,
    /// Whether the asker was told.
    pub resolved: bool,
}

/// A delivery that is still somebody's business.
#[derive(Debug, Clone)]
pub struct PendingRow {
    /// In which lane.
    pub lane: Lane,
    /// Its number there.
    pub seq: u64,
    /// How far it has come.
    pub state: DeliveryState,
    /// Bytes of its text.
    pub bytes: u64,
    /// When it stops being worth delivering.
    pub expires_at: TimestampMs,
    /// The message's id.
    pub message: MessageId,
    /// What it is for.
    pub kind: tieline_model::MessageKind,
    /// The session that it is from.
    pub from: SessionId,
}

/// Where a message went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The session that it is from.
    pub from: SessionId,
    /// In which lane.
    pub lane: Lane,
    /// To which sessions, under which numbers.
    pub recipients: Vec<(SessionId, u64)>,
}

#[derive(Debug, Clone, Copy)]
struct Counters {
    session_no: i64,
    message_no: i64,
    cursor: i64,
}

/// What outlives a transaction, as long as it commits.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    heads: HashMap<SessionId, Head>,
    ids: HashMap<i64, SessionId>,
    principals: HashMap<PrincipalId, i64>,
    counters: Option<Counters>,
}

impl Cache {
    /// Forgets everything: what was cached may be of a transaction that was rolled back.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

/// The writer's transaction, as a job sees it.
pub struct Tx<'a> {
    conn: &'a mut SqliteConnection,
    cache: &'a mut Cache,
}

/// Reads the lineage id, making one for a new database.
pub(crate) fn log_id(conn: &mut SqliteConnection) -> Result<String, StoreError> {
    let found: Option<String> = meta::table.find("log_id").select(meta::value).first(conn).optional()?;
    if let Some(found) = found {
        return Ok(found);
    }
    let fresh = diesel::sql_query("SELECT lower(hex(randomblob(16))) AS value").get_result::<Random>(conn)?.value;
    diesel::insert_into(meta::table).values((meta::key.eq("log_id"), meta::value.eq(&fresh))).execute(conn)?;
    Ok(fresh)
}

#[derive(QueryableByName)]
struct Random {
    #[diesel(sql_type = diesel::sql_types::Text)]
    value: String,
}

impl<'a> Tx<'a> {
    pub(crate) fn new(conn: &'a mut SqliteConnection, cache: &'a mut Cache) -> Self {
        Self { conn, cache }
    }

    // ---- principals and tokens ----

    /// Writes a principal.
    pub fn insert_principal(&mut self, principal: &Principal) -> Result<(), StoreError> {
        diesel::insert_into(principals::table)
            .values((
                principals::id.eq(principal.id.as_bytes().as_slice()),
                principals::kind.eq(principal.kind.as_str()),
                principals::name.eq(&principal.name),
                principals::scopes.eq(rows::to_json(&principal.scopes)?),
                principals::circles.eq(rows::to_json(&principal.circles)?),
                principals::home.eq(principal.home.as_bytes().as_slice()),
            ))
            .execute(self.conn)?;
        Ok(())
    }

    /// Writes a token of a principal: its hash, never its secret.
    pub fn insert_token(
        &mut self,
        id: TokenId,
        principal: PrincipalId,
        hash: &[u8; 32],
        created_at: TimestampMs,
        expires_at: Option<TimestampMs>,
    ) -> Result<(), StoreError> {
        let principal_no = self.principal_no(principal)?;
        diesel::insert_into(tokens::table)
            .values((
                tokens::id.eq(id.as_bytes().as_slice()),
                tokens::principal_no.eq(principal_no),
                tokens::hash.eq(hash.as_slice()),
                tokens::created_at_ms.eq(created_at.0),
                tokens::expires_at_ms.eq(expires_at.map(|at| at.0)),
            ))
            .execute(self.conn)?;
        Ok(())
    }

    /// Revokes a token; false when it is unknown or was revoked before.
    pub fn revoke_token(&mut self, id: TokenId, at: TimestampMs) -> Result<bool, StoreError> {
        let open =
            tokens::table.filter(tokens::id.eq(id.as_bytes().as_slice())).filter(tokens::revoked_at_ms.is_null());
        Ok(diesel::update(open).set(tokens::revoked_at_ms.eq(at.0)).execute(self.conn)? > 0)
    }

    /// Returns the home session of a token's principal.
    pub fn home_of_token(&mut self, id: TokenId) -> Result<Option<SessionId>, StoreError> {
        let home: Option<Vec<u8>> = tokens::table
            .inner_join(principals::table.on(principals::no.eq(tokens::principal_no)))
            .filter(tokens::id.eq(id.as_bytes().as_slice()))
            .select(principals::home)
            .first(self.conn)
            .optional()?;
        home.map(|bytes| rows::session_id("principals", &bytes)).transpose()
    }

    fn principal_no(&mut self, id: PrincipalId) -> Result<i64, StoreError> {
        if let Some(no) = self.cache.principals.get(&id) {
            return Ok(*no);
        }
        let no = principals::table
            .filter(principals::id.eq(id.as_bytes().as_slice()))
            .select(principals::no)
            .first(self.conn)?;
        self.cache.principals.insert(id, no);
        Ok(no)
    }

    // ---- idempotency ----

    /// Looks for an earlier command of this principal with this key.
    pub fn remembered(&mut self, principal: PrincipalId, key: &str) -> Result<Option<Remembered>, StoreError> {
        let no = self.principal_no(principal)?;
        let row: Option<(Vec<u8>, String)> = idempotency::table
            .find((no, key))
            .select((idempotency::hash, idempotency::outcome))
            .first(self.conn)
            .optional()?;
        Ok(row.map(|(hash, outcome)| Remembered { hash, outcome }))
    }

    /// Keeps a command's outcome under its key.
    pub fn remember(
        &mut self,
        principal: PrincipalId,
        key: &str,
        hash: &[u8; 32],
        outcome: &str,
        at: TimestampMs,
    ) -> Result<(), StoreError> {
        let no = self.principal_no(principal)?;
        diesel::insert_into(idempotency::table)
            .values((
                idempotency::principal_no.eq(no),
                idempotency::key.eq(key),
                idempotency::hash.eq(hash.as_slice()),
                idempotency::outcome.eq(outcome),
                idempotency::at_ms.eq(at.0),
            ))
            .execute(self.conn)?;
        Ok(())
    }

    // ---- sessions ----

    /// Returns what is known of a session, reading it on first use.
    pub fn head(&mut self, id: SessionId) -> Result<Option<&mut Head>, StoreError> {
        if !self.cache.heads.contains_key(&id) {
            let Some(head) = load_head(self.conn, id)? else { return Ok(None) };
            self.cache.ids.insert(head.no, id);
            self.cache.heads.insert(id, head);
        }
        Ok(self.cache.heads.get_mut(&id))
    }

    /// Returns the session that rows call `no`.
    pub fn session_id(&mut self, no: i64) -> Result<SessionId, StoreError> {
        if let Some(id) = self.cache.ids.get(&no) {
            return Ok(*id);
        }
        let bytes: Vec<u8> = sessions::table.find(no).select(sessions::id).first(self.conn)?;
        let id = rows::session_id("sessions", &bytes)?;
        self.cache.ids.insert(no, id);
        Ok(id)
    }

    /// Writes a session.
    pub fn insert_session(&mut self, new: &NewSession) -> Result<(), StoreError> {
        let counters = self.counters()?;
        counters.session_no += 1;
        let no = counters.session_no;
        diesel::insert_into(sessions::table)
            .values((
                sessions::no.eq(no),
                sessions::id.eq(new.id.as_bytes().as_slice()),
                sessions::title.eq(&new.title),
                sessions::circle.eq(&new.circle),
                sessions::roles.eq(rows::to_json(&new.roles)?),
                sessions::description.eq(&new.description),
                sessions::project.eq(&new.project),
                sessions::owner.eq(new.owner.as_bytes().as_slice()),
                sessions::epoch.eq(0),
                sessions::opened_at_ms.eq(new.opened_at.0),
            ))
            .execute(self.conn)?;
        self.cache.ids.insert(no, new.id);
        self.cache.heads.insert(
            new.id,
            Head {
                no,
                id: new.id,
                title: new.title.clone(),
                circle: new.circle.clone(),
                roles: new.roles.clone(),
                owner: new.owner,
                is_open: true,
                epoch: 0,
                event_seq: 0,
                inbox: Inbox::default(),
                asks_from: 0,
                asks_to: 0,
            },
        );
        Ok(())
    }

    /// Writes a session's title, roles, description and project; `None` leaves a field as it is.
    pub fn update_session(
        &mut self,
        id: SessionId,
        title: Option<&str>,
        roles: Option<&[String]>,
        description: Option<&str>,
        project: Option<&str>,
    ) -> Result<(), StoreError> {
        let no = self.no(id)?;
        let row = || diesel::update(sessions::table.find(no));
        if let Some(title) = title {
            row().set(sessions::title.eq(title)).execute(self.conn)?;
        }
        if let Some(roles) = roles {
            row().set(sessions::roles.eq(rows::to_json(&roles)?)).execute(self.conn)?;
        }
        if let Some(description) = description {
            row().set(sessions::description.eq(description)).execute(self.conn)?;
        }
        if let Some(project) = project {
            row().set(sessions::project.eq(project)).execute(self.conn)?;
        }
        if let Some(head) = self.cache.heads.get_mut(&id) {
            head.title = title.map_or_else(|| head.title.clone(), str::to_owned);
            head.roles = roles.map_or_else(|| head.roles.clone(), <[String]>::to_vec);
        }
        Ok(())
    }

    /// Marks a session as closed.
    pub fn close_session(&mut self, id: SessionId, at: TimestampMs) -> Result<(), StoreError> {
        let no = self.no(id)?;
        diesel::update(sessions::table.find(no)).set(sessions::closed_at_ms.eq(at.0)).execute(self.conn)?;
        if let Some(head) = self.cache.heads.get_mut(&id) {
            head.is_open = false;
        }
        Ok(())
    }

    /// Writes a session's writer epoch.
    pub fn set_epoch(&mut self, id: SessionId, epoch: u64) -> Result<(), StoreError> {
        let no = self.no(id)?;
        diesel::update(sessions::table.find(no)).set(sessions::epoch.eq(signed(epoch))).execute(self.conn)?;
        if let Some(head) = self.cache.heads.get_mut(&id) {
            head.epoch = epoch;
        }
        Ok(())
    }

    // ---- events ----

    /// Appends a fact to a session's timeline.
    pub fn append_event(&mut self, id: SessionId, at: TimestampMs, body: EventBody) -> Result<Event, StoreError> {
        let head = self.known(id)?;
        head.event_seq += 1;
        let (no, seq) = (head.no, head.event_seq);
        let counters = self.counters()?;
        counters.cursor += 1;
        let cursor = counters.cursor;
        diesel::insert_into(events::table)
            .values((
                events::cursor.eq(cursor),
                events::session_no.eq(no),
                events::seq.eq(signed(seq)),
                events::at_ms.eq(at.0),
                events::body.eq(rows::to_json(&body)?),
            ))
            .execute(self.conn)?;
        Ok(Event { cursor, session: id, seq, at_ms: at, body })
    }

    // ---- messages and deliveries ----

    /// Writes a message with the places of its deliveries; returns its row number and its stored JSON.
    ///
    /// The numbers must be those that [`Self::insert_delivery`] will give: see [`Self::next_seq`].
    pub fn insert_message(
        &mut self,
        message: &Message,
        recipients: &[(SessionId, u64)],
    ) -> Result<(i64, String), StoreError> {
        let from_no = self.no(message.from.session)?;
        let mut places = Vec::with_capacity(recipients.len());
        for (session, seq) in recipients {
            places.push((self.no(*session)?, *seq));
        }
        let counters = self.counters()?;
        counters.message_no += 1;
        let no = counters.message_no;
        let body = rows::to_json(message)?;
        diesel::insert_into(messages::table)
            .values((
                messages::no.eq(no),
                messages::id.eq(message.id.as_bytes().as_slice()),
                messages::kind.eq(rows::kind_number(message.kind)),
                messages::from_no.eq(from_no),
                messages::body.eq(&body),
                messages::hash.eq(blake3::hash(body.as_bytes()).as_bytes().as_slice()),
                messages::recipients.eq(rows::to_json(&places)?),
            ))
            .execute(self.conn)?;
        Ok((no, body))
    }

    /// Returns the number that the next delivery in `lane` will get.
    pub fn next_seq(&mut self, id: SessionId, lane: Lane) -> Result<u64, StoreError> {
        Ok(self.known(id)?.inbox.heads[lane] + 1)
    }

    /// Puts a message into a session's inbox; returns its number there.
    pub fn insert_delivery(&mut self, id: SessionId, new: &NewDelivery) -> Result<u64, StoreError> {
        let head = self.known(id)?;
        let seq = head.inbox.append(new.lane, new.bytes);
        let no = head.no;
        diesel::insert_into(deliveries::table)
            .values((
                deliveries::session_no.eq(no),
                deliveries::lane.eq(lane_number(new.lane)),
                deliveries::seq.eq(signed(seq)),
                deliveries::message_no.eq(new.message_no),
                deliveries::state.eq(rows::state_number(DeliveryState::Accepted)),
                deliveries::bytes.eq(signed(new.bytes)),
                deliveries::attempt.eq(0),
                deliveries::accepted_at_ms.eq(new.accepted_at.0),
                deliveries::expires_at_ms.eq(new.expires_at.0),
            ))
            .execute(self.conn)?;
        Ok(seq)
    }

    /// Reads the deliveries `first..=last` of a lane, with what a decision needs of their messages.
    pub fn deliveries(
        &mut self,
        id: SessionId,
        lane: Lane,
        first: u64,
        last: u64,
    ) -> Result<Vec<PendingRow>, StoreError> {
        let no = self.no(id)?;
        type Row = (i64, i32, i64, i64, Vec<u8>, i32, i64);
        let found: Vec<Row> = deliveries::table
            .inner_join(messages::table)
            .filter(deliveries::session_no.eq(no))
            .filter(deliveries::lane.eq(lane_number(lane)))
            .filter(deliveries::seq.ge(signed(first)))
            .filter(deliveries::seq.le(signed(last)))
            .order(deliveries::seq)
            .select((
                deliveries::seq,
                deliveries::state,
                deliveries::bytes,
                deliveries::expires_at_ms,
                messages::id,
                messages::kind,
                messages::from_no,
            ))
            .load(self.conn)?;
        found
            .into_iter()
            .map(|(seq, state, bytes, expires, message, kind, from)| {
                Ok(PendingRow {
                    lane,
                    seq: unsigned(seq),
                    state: rows::state(state)?,
                    bytes: unsigned(bytes),
                    expires_at: TimestampMs(expires),
                    message: rows::message_id("messages", &message)?,
                    kind: rows::kind(kind)?,
                    from: self.session_id(from)?,
                })
            })
            .collect()
    }

    /// Moves `first..=last` of a lane on to delivered or seen, leaving alone what is there or ended.
    pub fn progress(
        &mut self,
        id: SessionId,
        lane: Lane,
        (first, last): (u64, u64),
        to: DeliveryState,
        epoch: u64,
        at: TimestampMs,
    ) -> Result<(), StoreError> {
        let no = self.no(id)?;
        let range = deliveries::table
            .filter(deliveries::session_no.eq(no))
            .filter(deliveries::lane.eq(lane_number(lane)))
            .filter(deliveries::seq.ge(signed(first)))
            .filter(deliveries::seq.le(signed(last)))
            .filter(deliveries::state.lt(rows::state_number(to)));
        let state = deliveries::state.eq(rows::state_number(to));
        let epoch = deliveries::epoch.eq(signed(epoch));
        match to {
            DeliveryState::Delivered => {
                diesel::update(range).set((state, epoch, deliveries::delivered_at_ms.eq(at.0))).execute(self.conn)?
            }
            _ => diesel::update(range).set((state, epoch, deliveries::seen_at_ms.eq(at.0))).execute(self.conn)?,
        };
        Ok(())
    }

    /// Writes how one delivery ended, and takes it out of the pending ones when it was one.
    pub fn end_delivery(
        &mut self,
        id: SessionId,
        row: &PendingRow,
        to: DeliveryState,
        reason: Option<&str>,
        at: TimestampMs,
    ) -> Result<(), StoreError> {
        let no = self.no(id)?;
        diesel::update(deliveries::table.find((no, lane_number(row.lane), signed(row.seq))))
            .set((
                deliveries::state.eq(rows::state_number(to)),
                deliveries::ended_at_ms.eq(at.0),
                deliveries::reason.eq(reason),
            ))
            .execute(self.conn)?;
        if tieline_model::delivery::is_pending(row.state) {
            self.known(id)?.inbox.settle(1, row.bytes);
        }
        Ok(())
    }

    /// Writes a lane's cursors as the head has them.
    pub fn save_cursors(&mut self, id: SessionId, lane: Lane) -> Result<(), StoreError> {
        let head = self.known(id)?;
        let (no, delivered, seen) = (head.no, signed(head.inbox.delivered[lane]), signed(head.inbox.seen[lane]));
        diesel::replace_into(inbox_cursors::table)
            .values((
                inbox_cursors::session_no.eq(no),
                inbox_cursors::lane.eq(lane_number(lane)),
                inbox_cursors::delivered.eq(delivered),
                inbox_cursors::seen.eq(seen),
            ))
            .execute(self.conn)?;
        Ok(())
    }

    /// Returns a message's sender and where its deliveries are.
    pub fn places(&mut self, id: MessageId) -> Result<Option<Places>, StoreError> {
        let row: Option<(i64, i32, String)> = messages::table
            .filter(messages::id.eq(id.as_bytes().as_slice()))
            .select((messages::from_no, messages::kind, messages::recipients))
            .first(self.conn)
            .optional()?;
        let Some((from, kind, recipients)) = row else { return Ok(None) };
        let places: Vec<(i64, u64)> = rows::json("messages", &recipients)?;
        let places = places
            .into_iter()
            .map(|(no, seq)| Ok((self.session_id(no)?, seq)))
            .collect::<Result<Vec<_>, StoreError>>()?;
        Ok(Some(Places { from: self.session_id(from)?, lane: rows::kind(kind)?.lane(), recipients: places }))
    }

    // ---- asks ----

    /// Writes an open ask.
    pub fn insert_ask(&mut self, row: &AskRow) -> Result<(), StoreError> {
        let (asker_no, addressee_no) = (self.no(row.ask.asker)?, self.no(row.ask.addressee)?);
        diesel::insert_into(asks::table)
            .values((
                asks::message_no.eq(row.message_no),
                asks::id.eq(row.id.as_bytes().as_slice()),
                asks::asker_no.eq(asker_no),
                asks::addressee_no.eq(addressee_no),
                asks::seq.eq(signed(row.seq)),
                asks::state.eq(rows::ask_state_number(AskState::Open)),
                asks::deadline_ms.eq(row.deadline.0),
                asks::group_no.eq(row.group_no),
            ))
            .execute(self.conn)?;
        self.known(row.ask.asker)?.asks_from += 1;
        self.known(row.ask.addressee)?.asks_to += 1;
        Ok(())
    }

    /// Returns an ask.
    pub fn ask(&mut self, id: MessageId) -> Result<Option<AskRow>, StoreError> {
        let row = asks::table
            .filter(asks::id.eq(id.as_bytes().as_slice()))
            .select(ASK_COLUMNS)
            .first::<AskColumns>(self.conn)
            .optional()?;
        row.map(|row| self.ask_row(row)).transpose()
    }

    /// Returns the open asks that a session should answer.
    pub fn open_asks_to(&mut self, id: SessionId) -> Result<Vec<AskRow>, StoreError> {
        let no = self.no(id)?;
        let found: Vec<AskColumns> = asks::table
            .filter(asks::addressee_no.eq(no))
            .filter(asks::state.eq(0))
            .order(asks::message_no)
            .select(ASK_COLUMNS)
            .load(self.conn)?;
        found.into_iter().map(|row| self.ask_row(row)).collect()
    }

    /// Returns the open asks of a group.
    pub fn open_asks_of_group(&mut self, group_no: i64) -> Result<Vec<AskRow>, StoreError> {
        let found: Vec<AskColumns> = asks::table
            .filter(asks::group_no.eq(group_no))
            .filter(asks::state.eq(0))
            .order(asks::message_no)
            .select(ASK_COLUMNS)
            .load(self.conn)?;
        found.into_iter().map(|row| self.ask_row(row)).collect()
    }

    /// Writes how an ask was closed.
    pub fn close_ask(
        &mut self,
        row: &AskRow,
        state: AskState,
        answer: Option<MessageId>,
        at: TimestampMs,
    ) -> Result<(), StoreError> {
        diesel::update(asks::table.find(row.message_no))
            .set((
                asks::state.eq(rows::ask_state_number(state)),
                asks::answer.eq(answer.as_ref().map(|id| id.as_bytes().as_slice())),
                asks::closed_at_ms.eq(at.0),
            ))
            .execute(self.conn)?;
        let asker = self.known(row.ask.asker)?;
        asker.asks_from = asker.asks_from.saturating_sub(1);
        let addressee = self.known(row.ask.addressee)?;
        addressee.asks_to = addressee.asks_to.saturating_sub(1);
        Ok(())
    }

    /// Writes a group of asks.
    pub fn insert_group(
        &mut self,
        id: AskGroupId,
        asker: SessionId,
        need_all: bool,
        total: u32,
    ) -> Result<i64, StoreError> {
        let asker_no = self.no(asker)?;
        let no = ask_groups::table.select(max(ask_groups::no)).first::<Option<i64>>(self.conn)?.unwrap_or_default() + 1;
        diesel::insert_into(ask_groups::table)
            .values((
                ask_groups::no.eq(no),
                ask_groups::id.eq(id.as_bytes().as_slice()),
                ask_groups::asker_no.eq(asker_no),
                ask_groups::need_all.eq(need_all),
                ask_groups::total.eq(i32::try_from(total).unwrap_or(i32::MAX)),
                ask_groups::answered.eq(0),
                ask_groups::closed.eq(0),
                ask_groups::resolved.eq(false),
            ))
            .execute(self.conn)?;
        Ok(no)
    }

    /// Returns a group.
    pub fn group(&mut self, no: i64) -> Result<GroupRow, StoreError> {
        let (id, asker_no, need_all, total, answered, closed, resolved): (Vec<u8>, i64, bool, i32, i32, i32, bool) =
            ask_groups::table
                .find(no)
                .select((
                    ask_groups::id,
                    ask_groups::asker_no,
                    ask_groups::need_all,
                    ask_groups::total,
                    ask_groups::answered,
                    ask_groups::closed,
                    ask_groups::resolved,
                ))
                .first(self.conn)?;
        let count = |n: i32| u32::try_from(n).unwrap_or_default();
        Ok(GroupRow {
            no,
            id: rows::group_id("ask_groups", &id)?,
            asker: self.session_id(asker_no)?,
            need_all,
            total: count(total),
            answered: count(answered),
            closed: count(closed),
            resolved,
        })
    }

    /// Writes a group's counts.
    pub fn update_group(&mut self, row: &GroupRow) -> Result<(), StoreError> {
        let count = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        diesel::update(ask_groups::table.find(row.no))
            .set((
                ask_groups::answered.eq(count(row.answered)),
                ask_groups::closed.eq(count(row.closed)),
                ask_groups::resolved.eq(row.resolved),
            ))
            .execute(self.conn)?;
        Ok(())
    }

    // ---- helpers ----

    fn ask_row(&mut self, row: AskColumns) -> Result<AskRow, StoreError> {
        let (message_no, id, asker, addressee, seq, state, deadline, group_no) = row;
        let ask = Ask {
            asker: self.session_id(asker)?,
            addressee: self.session_id(addressee)?,
            state: rows::ask_state(state)?,
        };
        Ok(AskRow {
            message_no,
            id: rows::message_id("asks", &id)?,
            ask,
            seq: unsigned(seq),
            deadline: TimestampMs(deadline),
            group_no,
        })
    }

    fn known(&mut self, id: SessionId) -> Result<&mut Head, StoreError> {
        self.head(id)?.ok_or_else(|| StoreError::Damaged { table: "sessions", what: format!("no row for {id}") })
    }

    fn no(&mut self, id: SessionId) -> Result<i64, StoreError> {
        Ok(self.known(id)?.no)
    }

    fn counters(&mut self) -> Result<&mut Counters, StoreError> {
        if self.cache.counters.is_none() {
            let session_no: Option<i64> = sessions::table.select(max(sessions::no)).first(self.conn)?;
            let message_no: Option<i64> = messages::table.select(max(messages::no)).first(self.conn)?;
            let cursor: Option<i64> = events::table.select(max(events::cursor)).first(self.conn)?;
            self.cache.counters = Some(Counters {
                session_no: session_no.unwrap_or_default(),
                message_no: message_no.unwrap_or_default(),
                cursor: cursor.unwrap_or_default(),
            });
        }
        self.cache.counters.as_mut().ok_or(StoreError::Closed)
    }
}

type AskColumns = (i64, Vec<u8>, i64, i64, i64, i32, i64, Option<i64>);
const ASK_COLUMNS: (
    asks::message_no,
    asks::id,
    asks::asker_no,
    asks::addressee_no,
    asks::seq,
    asks::state,
    asks::deadline_ms,
    asks::group_no,
) = (
    asks::message_no,
    asks::id,
    asks::asker_no,
    asks::addressee_no,
    asks::seq,
    asks::state,
    asks::deadline_ms,
    asks::group_no,
);

/// The stored number of a lane.
pub(crate) fn lane_number(lane: Lane) -> i32 {
    i32::try_from(lane.number()).unwrap_or(i32::MAX)
}

fn load_head(conn: &mut SqliteConnection, id: SessionId) -> Result<Option<Head>, StoreError> {
    type Row = (i64, String, String, String, Vec<u8>, i64, Option<i64>);
    let row: Option<Row> = sessions::table
        .filter(sessions::id.eq(id.as_bytes().as_slice()))
        .select((
            sessions::no,
            sessions::title,
            sessions::circle,
            sessions::roles,
            sessions::owner,
            sessions::epoch,
            sessions::closed_at_ms,
        ))
        .first(conn)
        .optional()?;
    let Some((no, title, circle, roles, owner, epoch, closed_at)) = row else { return Ok(None) };
    let event_seq: Option<i64> =
        events::table.filter(events::session_no.eq(no)).select(max(events::seq)).first(conn)?;
    let open = asks::table.filter(asks::state.eq(0));
    let asks_from: i64 = open.filter(asks::asker_no.eq(no)).count().get_result(conn)?;
    let asks_to: i64 = open.filter(asks::addressee_no.eq(no)).count().get_result(conn)?;
    Ok(Some(Head {
        no,
        id,
        title,
        circle,
        roles: rows::json("sessions", &roles)?,
        owner: rows::principal_id("sessions", &owner)?,
        is_open: closed_at.is_none(),
        epoch: unsigned(epoch),
        event_seq: unsigned(event_seq.unwrap_or_default()),
        inbox: load_inbox(conn, no)?,
        asks_from: unsigned(asks_from),
        asks_to: unsigned(asks_to),
    }))
}

/// Reads an inbox's numbers. What is pending is counted beyond the delivered cursor, so it costs as much as waits.
pub(crate) fn load_inbox(conn: &mut SqliteConnection, no: i64) -> Result<Inbox, StoreError> {
    let mut inbox = Inbox::default();
    let cursors: Vec<(i32, i64, i64)> = inbox_cursors::table
        .filter(inbox_cursors::session_no.eq(no))
        .select((inbox_cursors::lane, inbox_cursors::delivered, inbox_cursors::seen))
        .load(conn)?;
    for lane in Lane::ALL {
        let in_lane =
            deliveries::table.filter(deliveries::session_no.eq(no)).filter(deliveries::lane.eq(lane_number(lane)));
        let head: Option<i64> = in_lane.select(max(deliveries::seq)).first(conn)?;
        inbox.heads[lane] = unsigned(head.unwrap_or_default());
        if let Some((_, delivered, seen)) = cursors.iter().find(|(number, _, _)| *number == lane_number(lane)) {
            inbox.delivered[lane] = unsigned(*delivered);
            inbox.seen[lane] = unsigned(*seen);
        }
        let pending: Vec<i64> = in_lane
            .filter(deliveries::seq.gt(signed(inbox.delivered[lane])))
            .filter(deliveries::state.le(rows::state_number(DeliveryState::Sent)))
            .select(deliveries::bytes)
            .load(conn)?;
        inbox.pending += pending.len() as u64;
        inbox.pending_bytes += pending.into_iter().map(unsigned).sum::<u64>();
    }
    Ok(inbox)
}
