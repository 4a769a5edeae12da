//! Events that are made from their cursors: words that are as common or rare as in language, and mean nothing.

use tieline_model::{SessionId, TimestampMs};
use tieline_search::{Author, Document};
use uuid::Uuid;

/// How many words there are.
pub const VOCABULARY: u64 = 60_000;
/// How many sessions.
pub const SESSIONS: u64 = 500;
/// When the first event happened.
pub const BEGINNING_MS: i64 = 1_780_000_000_000;
const WORDS: u64 = 24;

/// Makes the event of a cursor.
pub fn document(cursor: i64) -> Document {
    let number = cursor.unsigned_abs();
    let words: Vec<String> = (0..WORDS).map(|at| word(rank(mix(number * WORDS + at)))).collect();
    Document {
        cursor,
        session: session(mix(number) % SESSIONS),
        seq: number,
        circle: "main".to_owned(),
        at_ms: TimestampMs(BEGINNING_MS + cursor * 10),
        kinds: vec!["said"],
        authors: vec![Author::Role("assistant".to_owned())],
        flags: Vec::new(),
        text: words.join(" "),
    }
}

/// The id of a session.
pub fn session(number: u64) -> SessionId {
    SessionId::from_uuid(Uuid::from_u128(u128::from(number) + 1))
}

/// SplitMix64: chance that can be had again.
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Which word chance means: few are common and most are rare, as in language (Zipf, 1935).
fn rank(chance: u64) -> u64 {
    let share = (chance >> 11) as f64 / (1u64 << 53) as f64;
    ((VOCABULARY as f64).powf(share) - 1.0) as u64
}

/// The word of a rank: letters that say nothing, 4 to 9 of them.
pub fn word(rank: u64) -> String {
    let mut rest = mix(rank ^ 0x5bd1_e995);
    let length = 4 + rest % 6;
    let letter = |rest: &mut u64| {
        let letter = b'a' + u8::try_from(*rest % 26).unwrap_or_default();
        *rest /= 26;
        char::from(letter)
    };
    (0..length).map(|_| letter(&mut rest)).collect()
}
