//! Turns columns into the model's types, and says which row is damaged when they are not.

use tieline_model::{
    AskGroupId, DeliveryState, Message, MessageId, MessageKind, PrincipalId, SessionId, TokenId, ask::AskState,
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
}

/// The stored numbers of delivery states are their places in [`DeliveryState::ALL`].
pub fn state_number(state: DeliveryState) -> i32 {
    DeliveryState::ALL
        .iter()
        .position(|known| *known == state)
        .and_then(|at| i32::try_from(at).ok())
        .unwrap_or(i32::MAX)
}

/// Reads a delivery's state.
pub fn state(number: i32) -> Result<DeliveryState, StoreError> {
    usize::try_from(number)
        .ok()
        .and_then(|at| DeliveryState::ALL.get(at).copied())
        .ok_or_else(|| StoreError::Damaged { table: "deliveries", what: format!("no state has the number {number}") })
}

const KINDS: [MessageKind; 5] =
    [MessageKind::Ask, MessageKind::Ack, MessageKind::Notify, MessageKind::Broadcast, MessageKind::Notice];

/// The stored number of a message kind.
pub fn kind_number(kind: MessageKind) -> i32 {
    KINDS.iter().position(|known| *known == kind).and_then(|at| i32::try_from(at).ok()).unwrap_or(i32::MAX)
}

/// Reads a message's kind.
pub fn kind(number: i32) -> Result<MessageKind, StoreError> {
    usize::try_from(number)
        .ok()
        .and_then(|at| KINDS.get(at).copied())
        .ok_or_else(|| StoreError::Damaged { table: "messages", what: format!("no kind has the number {number}") })
}

const ASK_STATES: [AskState; 5] =
    [AskState::Open, AskState::Answered, AskState::Expired, AskState::Cancelled, AskState::Orphaned];

/// The stored number of an ask's state; 0 is open, which the partial indexes rely on.
pub fn ask_state_number(state: AskState) -> i32 {
    ASK_STATES.iter().position(|known| *known == state).and_then(|at| i32::try_from(at).ok()).unwrap_or(i32::MAX)
}

/// Reads an ask's state.
pub fn ask_state(number: i32) -> Result<AskState, StoreError> {
    usize::try_from(number)
        .ok()
        .and_then(|at| ASK_STATES.get(at).copied())
        .ok_or_else(|| StoreError::Damaged { table: "asks", what: format!("no ask state has the number {number}") })
}

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

/// Checks a message's text against the hash that was stored with it.
pub fn check_hash(body: &str, hash: &[u8]) -> Result<(), StoreError> {
    if blake3::hash(body.as_bytes()).as_bytes().as_slice() == hash {
        return Ok(());
    }
    Err(StoreError::Damaged { table: "messages", what: "the text does not match its hash".to_owned() })
}

/// SQLite keeps signed numbers; ours never reach the sign.
pub fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// The other way round.
pub fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
