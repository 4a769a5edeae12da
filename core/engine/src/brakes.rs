//! What stops agents that talk in circles: how often one may write to another, the same words twice, thanks for thanks.
//!
//! Kept in memory: a new start of the daemon forgives.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use tieline_config::Brakes as Limits;
use tieline_model::{MessageId, SessionId, TimestampMs, event::Brake};

/// How many pairs are remembered; when there are more, those that are quiet are forgotten.
const MOST_PAIRS: usize = 10_000;
/// How many messages of a pair are compared with a new one.
const MOST_COMPARED: usize = 16;
/// How often the same brake of the same pair is written down, in milliseconds.
const TOLD_EVERY_MS: i64 = 60_000;
/// Words that acknowledge and say nothing else, in small letters and without marks.
const ACKNOWLEDGEMENTS: [&str; 24] = [
    "ok",
    "okay",
    "k",
    "ack",
    "acknowledged",
    "thanks",
    "thank you",
    "thx",
    "ty",
    "got it",
    "understood",
    "noted",
    "roger",
    "sounds good",
    "great",
    "perfect",
    "cool",
    "will do",
    "you are welcome",
    "youre welcome",
    "no problem",
    "np",
    "done",
    "👍",
];

/// Why a message was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Braked {
    /// Which brake.
    pub brake: Brake,
    /// Why, in words.
    pub reason: String,
    /// When it is worth trying again, in milliseconds from now.
    pub retry_after_ms: Option<u64>,
    /// Whether it should be written down: not each time.
    pub is_news: bool,
}

/// What is remembered of all pairs.
#[derive(Debug, Default)]
pub struct Brakes(Mutex<HashMap<(SessionId, SessionId), Pair>>);

#[derive(Debug)]
struct Pair {
    /// In thousandths of a message.
    milli: u64,
    at: TimestampMs,
    said: VecDeque<Said>,
    told: HashMap<Brake, TimestampMs>,
}

#[derive(Debug)]
struct Said {
    hash: blake3::Hash,
    is_acknowledgement: bool,
    message: MessageId,
    at: TimestampMs,
}

impl Brakes {
    /// Tells whether `from` may say `text` to `to` now.
    pub fn check(
        &self,
        limits: &Limits,
        from: SessionId,
        to: SessionId,
        text: &str,
        now: TimestampMs,
    ) -> Result<(), Braked> {
        let mut pairs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let answered = pairs.get(&(to, from)).is_some_and(|back| back.has_acknowledged(limits, now));
        let Some(pair) = pairs.get_mut(&(from, to)) else { return Ok(()) };
        pair.refill(limits, now);
        let braked = pair.judge(limits, text, answered, now);
        braked.map_or(Ok(()), |(brake, reason, retry_after_ms)| {
            let told = pair.told.get(&brake).is_none_or(|at| now.0 - at.0 >= TOLD_EVERY_MS);
            if told {
                pair.told.insert(brake, now);
            }
            Err(Braked { brake, reason, retry_after_ms, is_news: told })
        })
    }

    /// Forgets a message that was taken back: its words may be said again.
    pub fn forget(&self, from: SessionId, message: MessageId) {
        let mut pairs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, pair) in pairs.iter_mut().filter(|((sender, _), _)| *sender == from) {
            pair.said.retain(|said| said.message != message);
        }
    }

    /// Remembers what was accepted.
    pub fn note(
        &self,
        limits: &Limits,
        from: SessionId,
        to: SessionId,
        text: &str,
        message: MessageId,
        at: TimestampMs,
    ) {
        let mut pairs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pairs.len() >= MOST_PAIRS {
            let longest = i64::try_from(limits.acknowledgement_ms.max(limits.duplicate_ms)).unwrap_or(i64::MAX);
            pairs.retain(|_, pair| at.0.saturating_sub(pair.at.0) < longest);
        }
        let full = u64::from(limits.pair_burst) * 1000;
        let new = || Pair { milli: full, at, said: VecDeque::new(), told: HashMap::new() };
        let pair = pairs.entry((from, to)).or_insert_with(new);
        pair.milli = pair.milli.saturating_sub(1000);
        pair.said.truncate(MOST_COMPARED - 1);
        let (hash, is_acknowledgement) = (blake3::hash(text.as_bytes()), is_acknowledgement(text));
        pair.said.push_front(Said { hash, is_acknowledgement, message, at });
    }
}

impl Pair {
    fn refill(&mut self, limits: &Limits, now: TimestampMs) {
        let elapsed = u64::try_from(now.0 - self.at.0).unwrap_or_default();
        let gained = elapsed.saturating_mul(u64::from(limits.pair_per_minute)) / 60;
        if gained > 0 {
            self.milli = (u64::from(limits.pair_burst) * 1000).min(self.milli.saturating_add(gained));
            self.at = now;
        }
    }

    fn judge(
        &self,
        limits: &Limits,
        text: &str,
        answered: bool,
        now: TimestampMs,
    ) -> Option<(Brake, String, Option<u64>)> {
        if limits.pair_per_minute > 0 && self.milli < 1000 {
            let wait = (1000 - self.milli) * 60 / u64::from(limits.pair_per_minute);
            let reason =
                format!("too many messages to the same session; {} a minute are allowed", limits.pair_per_minute);
            return Some((Brake::PairRate, reason, Some(wait.max(1))));
        }
        let hash = blake3::hash(text.as_bytes());
        let is_recent = |said: &&Said, window: u64| u64::try_from(now.0 - said.at.0).is_ok_and(|age| age < window);
        if let Some(same) =
            self.said.iter().filter(|said| is_recent(said, limits.duplicate_ms)).find(|said| said.hash == hash)
        {
            let reason = format!("the same words were sent to the same session just now, as {}", same.message);
            return Some((Brake::Duplicate, reason, None));
        }
        let mine = self.said.front().filter(|said| is_recent(said, limits.acknowledgement_ms));
        if is_acknowledgement(text) && (answered || mine.is_some_and(|said| said.is_acknowledgement)) {
            let reason = "thanks for thanks lead nowhere; say something else, or nothing".to_owned();
            return Some((Brake::AcknowledgementOnly, reason, None));
        }
        None
    }

    fn has_acknowledged(&self, limits: &Limits, now: TimestampMs) -> bool {
        self.said.front().is_some_and(|said| {
            said.is_acknowledgement && u64::try_from(now.0 - said.at.0).is_ok_and(|age| age < limits.acknowledgement_ms)
        })
    }
}

fn is_acknowledgement(text: &str) -> bool {
    if text.len() > 40 {
        return false;
    }
    let small: String =
        text.to_lowercase().chars().filter(|c| c.is_alphanumeric() || *c == ' ' || *c == '👍').collect();
    let mut rest = small.trim();
    // "ok thanks" is as empty as each of its words.
    while !rest.is_empty() {
        let starts =
            |word: &&&str| rest.strip_prefix(**word).is_some_and(|after| after.is_empty() || after.starts_with(' '));
        let Some(word) = ACKNOWLEDGEMENTS.iter().filter(starts).max_by_key(|word| word.len()) else { return false };
        rest = rest.strip_prefix(*word).unwrap_or_default().trim_start();
    }
    !small.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(n: u8) -> (SessionId, MessageId) {
        let bytes = [n; 16];
        (SessionId::from_slice(&bytes).expect("16 bytes"), MessageId::from_slice(&bytes).expect("16 bytes"))
    }

    fn limits() -> Limits {
        tieline_config::Config::default().brakes
    }

    fn say(brakes: &Brakes, from: u8, to: u8, text: &str, at: i64) -> Result<(), Brake> {
        let (from, to, at) = (ids(from), ids(to), TimestampMs(at));
        brakes.check(&limits(), from.0, to.0, text, at).map_err(|braked| braked.brake)?;
        brakes.note(&limits(), from.0, to.0, text, from.1, at);
        Ok(())
    }

    #[test]
    fn empty_words_are_known_and_others_are_not() {
        for text in ["OK", "Thanks!", "ok, thanks", "Got it 👍", "You're welcome."] {
            assert!(is_acknowledgement(text), "{text}");
        }
        for text in ["", "no", "ok, but the build is red", "thanks to the cache it is fast", "!!!"] {
            assert!(!is_acknowledgement(text), "{text}");
        }
    }

    #[test]
    fn the_same_words_are_taken_once_within_their_time() {
        let brakes = Brakes::default();
        say(&brakes, 1, 2, "look", 0).unwrap();
        assert_eq!(say(&brakes, 1, 2, "look", 1), Err(Brake::Duplicate));
        say(&brakes, 1, 3, "look", 1).unwrap();
        say(&brakes, 1, 2, "look again", 1).unwrap();
        say(&brakes, 1, 2, "look", i64::try_from(limits().duplicate_ms).unwrap()).unwrap();
    }

    #[test]
    fn thanks_are_not_thanked_for() {
        let brakes = Brakes::default();
        say(&brakes, 1, 2, "the build is green", 0).unwrap();
        say(&brakes, 2, 1, "thanks", 1).unwrap();
        assert_eq!(say(&brakes, 1, 2, "you are welcome", 2), Err(Brake::AcknowledgementOnly));
        assert_eq!(say(&brakes, 2, 1, "ok", 3), Err(Brake::AcknowledgementOnly));
        say(&brakes, 1, 2, "and the tests pass", 4).unwrap();
    }

    #[test]
    fn a_pair_has_a_rate_and_its_brake_is_news_once_a_minute() {
        let brakes = Brakes::default();
        for n in 0..limits().pair_burst {
            say(&brakes, 1, 2, &format!("message {n}"), 0).unwrap();
        }
        let check = |at| brakes.check(&limits(), ids(1).0, ids(2).0, "one more", TimestampMs(at));
        let braked = check(0).unwrap_err();
        assert_eq!((braked.brake, braked.is_news), (Brake::PairRate, true));
        assert!(!check(1).unwrap_err().is_news);
        let wait = i64::try_from(braked.retry_after_ms.unwrap()).unwrap();
        check(wait).unwrap();
    }
}
