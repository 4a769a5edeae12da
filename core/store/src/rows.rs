//! Turns columns into the model's types, and says which row is damaged when they are not.

use tieline_model::{
    AskGroupId, Code, DeliveryState, JobId, Message, MessageId, MessageKind, Outcome, PrincipalId, ProposalId, Refusal,
    ScheduleId, SessionId, TokenId,
    ask::AskState,
    job::JobState,
    outcome::OutcomeJson,
    reply::{Parent, ProposalState},
    schedule::State,
};

use crate::StoreError;

macro_rules! id_reader {
    ($($name:ident -> $id:ident;)*) => {$(
        /// Reads the 16 bytes of an id.
        pub fn $name(table: &'static str, bytes: &[u8]) -> Result<$id, StoreError> {
            $id::from_slice(bytes).ok_or_else(|| StoreError::Damaged {
                table,
                what: format!("an id has {} bytes instead of 16", bytes.len()),
            })
        }
    )*};
}

id_reader! {
    session_id -> SessionId;
    message_id -> MessageId;
    principal_id -> PrincipalId;
    token_id -> TokenId;
    group_id -> AskGroupId;
    schedule_id -> ScheduleId;
    job_id -> JobId;
    proposal_id -> ProposalId;
}

/// A stored number is the place in a list that only ever grows at its end.
macro_rules! numbered {
    ($($to:ident, $from:ident: $kind:ty = $all:expr, $table:literal;)*) => {$(
        /// Returns the number under which it is stored.
        pub fn $to(value: $kind) -> i32 {
            $all.iter().position(|known| *known == value).and_then(|at| i32::try_from(at).ok()).unwrap_or(i32::MAX)
        }

        /// Reads the stored number.
        pub fn $from(number: i32) -> Result<$kind, StoreError> {
            usize::try_from(number).ok().and_then(|at| $all.get(at).copied()).ok_or_else(|| StoreError::Damaged {
                table: $table,
                what: format!("the number {number} stands for nothing"),
            })
        }
    )*};
}

numbered! {
    state_number, state: DeliveryState = DeliveryState::ALL, "deliveries";
    kind_number, kind: MessageKind = KINDS, "messages";
    ask_state_number, ask_state: AskState = ASK_STATES, "asks";
    schedule_state_number, schedule_state: State = State::ALL, "schedules";
    job_state_number, job_state: JobState = JobState::ALL, "jobs";
    proposal_state_number, proposal_state: ProposalState = ProposalState::ALL, "memory_proposals";
}

const KINDS: [MessageKind; 5] =
    [MessageKind::Ask, MessageKind::Ack, MessageKind::Notify, MessageKind::Broadcast, MessageKind::Notice];
/// 0 is open, which the partial indexes rely on.
const ASK_STATES: [AskState; 7] = AskState::ALL;

/// Reads a JSON column.
pub fn json<T: serde::de::DeserializeOwned>(table: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Damaged { table, what: error.to_string() })
}

/// Writes a JSON column.
pub fn to_json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Damaged { table: "input", what: error.to_string() })
}

/// Reads a message and checks that it is what was written.
pub fn message(body: &str, hash: &[u8]) -> Result<Message, StoreError> {
    check_hash(body, hash)?;
    json("messages", body)
}

/// Returns what is kept under a key once the session that an outcome named is gone.
pub fn purged_outcome() -> Result<String, StoreError> {
    let message = "it was carried out before; what it answered was removed with its session";
    to_json(&OutcomeJson::from(Outcome::Err(Refusal::new(Code::Purged, message).into())))
}

/// Checks a message's text against the hash that was stored with it.
pub fn check_hash(body: &str, hash: &[u8]) -> Result<(), StoreError> {
    if blake3::hash(body.as_bytes()).as_bytes().as_slice() == hash {
        return Ok(());
    }
    Err(StoreError::Damaged { table: "messages", what: "the text does not match its hash".to_owned() })
}

/// Reads from where a session was forked.
pub fn parent(session: Option<Vec<u8>>, seq: Option<i64>) -> Result<Option<Parent>, StoreError> {
    let both = session.zip(seq);
    both.map(|(id, seq)| Ok(Parent { session: session_id("sessions", &id)?, seq: unsigned(seq) })).transpose()
}

/// SQLite keeps signed numbers; ours never reach the sign.
pub fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// The other way round.
pub fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
