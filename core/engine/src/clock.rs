//! The only place that reads the wall clock or makes ids.
//!
//! A simulated clock stands still until a test advances it, and then wakes whoever slept long enough.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jiff::tz::TimeZone;
use tieline_model::{
    AskGroupId, FaultId, JobId, MessageId, PrincipalId, ProposalId, ScheduleId, SessionId, TimestampMs, TokenId,
};
use tokio::sync::watch;
use uuid::Uuid;

/// A source of time. Clones share it.
#[derive(Clone)]
pub struct Clock(Arc<dyn Source>);

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({:?})", self.now())
    }
}

trait Source: Send + Sync {
    fn now(&self) -> TimestampMs;
    fn zone(&self) -> String;
    fn sleep_until(&self, at: TimestampMs) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

impl Clock {
    /// The machine's clock.
    pub fn real() -> Self {
        Self(Arc::new(Real))
    }

    /// A clock that stands at `start` until [`Hand::advance`] moves it.
    pub fn simulated(start: TimestampMs) -> (Self, Hand) {
        let (sender, _) = watch::channel(start.0);
        let simulated = Arc::new(Simulated { now: AtomicI64::new(start.0), moved: sender });
        (Self(Arc::clone(&simulated) as Arc<dyn Source>), Hand(simulated))
    }

    /// Returns the time.
    pub fn now(&self) -> TimestampMs {
        self.0.now()
    }

    /// Returns the IANA name of the time zone of the machine, `UTC` when it has none.
    pub fn zone(&self) -> String {
        self.0.zone()
    }

    /// Waits until the clock shows `at` or later.
    pub fn sleep_until(&self, at: TimestampMs) -> impl Future<Output = ()> + Send + use<> {
        self.0.sleep_until(at)
    }
}

struct Real;

impl Source for Real {
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    fn now(&self) -> TimestampMs {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        TimestampMs(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn zone(&self) -> String {
        let zone = TimeZone::try_system().ok();
        let name = zone.as_ref().and_then(TimeZone::iana_name).filter(|name| tieline_model::schedule::is_zone(name));
        name.unwrap_or("UTC").to_owned()
    }

    fn sleep_until(&self, at: TimestampMs) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            // A long sleep is cut up, so that a clock that was set is noticed within half a minute.
            loop {
                let left = at.0 - Real.now().0;
                let Ok(left @ 1..) = u64::try_from(left) else { return };
                tokio::time::sleep(Duration::from_millis(left.min(30_000))).await;
            }
        })
    }
}

struct Simulated {
    now: AtomicI64,
    moved: watch::Sender<i64>,
}

impl Source for Simulated {
    fn now(&self) -> TimestampMs {
        TimestampMs(self.now.load(Ordering::SeqCst))
    }

    fn zone(&self) -> String {
        "UTC".to_owned()
    }

    fn sleep_until(&self, at: TimestampMs) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let mut moved = self.moved.subscribe();
        Box::pin(async move {
            // The sender lives as long as the clock, so an error only means that nobody is left to wait for.
            let _ = moved.wait_for(|now| *now >= at.0).await;
        })
    }
}

/// Moves a simulated clock.
#[derive(Clone)]
pub struct Hand(Arc<Simulated>);

impl fmt::Debug for Hand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hand")
    }
}

impl Hand {
    /// Moves the clock on and wakes whoever slept until then.
    pub fn advance(&self, by: Duration) {
        let ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        let now = self.0.now.fetch_add(ms, Ordering::SeqCst) + ms;
        self.0.moved.send_replace(now);
    }

    /// Sets the clock back.
    pub fn set_back(&self, by: Duration) {
        let ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        let now = self.0.now.fetch_sub(ms, Ordering::SeqCst) - ms;
        self.0.moved.send_replace(now);
    }
}

/// Makes ids: UUIDv7 that grow within this process, even within one millisecond.
#[derive(Debug)]
pub struct Mint {
    clock: Clock,
    last: Mutex<Last>,
}

/// How much randomness is fetched at once: a call to the kernel for each id would cost more than the rest of it.
const RANDOM_BYTES: usize = 640;

#[derive(Debug)]
struct Last {
    ms: i64,
    counter: u32,
    random: [u8; RANDOM_BYTES],
    used: usize,
}

impl Last {
    /// Returns bytes that nobody was given before.
    fn random(&mut self) -> [u8; 10] {
        if self.used + 10 > RANDOM_BYTES {
            // Without the operating system's randomness ids are still unique by time and counter within this daemon.
            if let Err(error) = getrandom::fill(&mut self.random) {
                tracing::warn!(%error, "no randomness for ids");
            }
            self.used = 0;
        }
        let mut bytes = [0; 10];
        bytes.copy_from_slice(&self.random[self.used..self.used + 10]);
        self.used += 10;
        bytes
    }
}

macro_rules! mint {
    ($($(#[$doc:meta])* $name:ident -> $id:ident;)*) => {
        impl Mint {$(
            $(#[$doc])*
            pub fn $name(&self) -> $id {
                $id::from_uuid(self.uuid())
            }
        )*}
    };
}

mint! {
    /// Makes a session's id.
    session -> SessionId;
    /// Makes a message's id.
    message -> MessageId;
    /// Makes a principal's id.
    principal -> PrincipalId;
    /// Makes a token's id.
    token -> TokenId;
    /// Makes a schedule's id.
    schedule -> ScheduleId;
    /// Makes a job's id.
    job -> JobId;
    /// Makes a proposal's id.
    proposal -> ProposalId;
    /// Makes a group's id.
    group -> AskGroupId;
    /// Makes a fault's id.
    fault -> FaultId;
}

impl Mint {
    /// Makes a mint that takes its time from `clock`.
    pub fn new(clock: Clock) -> Self {
        let last = Last { ms: 0, counter: 0, random: [0; RANDOM_BYTES], used: RANDOM_BYTES };
        Self { clock, last: Mutex::new(last) }
    }

    /// Makes 32 random bytes: the secret of a token.
    pub fn secret(&self) -> Result<[u8; 32], getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(bytes)
    }

    /// RFC 9562 §5.7 with the counter of §6.2 method 1 in the 32 bits after the time.
    fn uuid(&self) -> Uuid {
        let (ms, counter, mut random) = {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            // Never behind what was given out: a clock that was set back must not make ids that sort before.
            let now = self.clock.now().0.max(last.ms);
            last.counter = if now == last.ms { last.counter.wrapping_add(1) } else { 0 };
            last.ms = now;
            (now, last.counter, last.random())
        };
        // 12 bits lie before the variant, the other 20 behind it: shift so that they stay in order.
        random[0] = ((counter >> 28) & 0x0f) as u8;
        random[1] = ((counter >> 20) & 0xff) as u8;
        random[2] = ((counter >> 14) & 0x3f) as u8;
        random[3] = ((counter >> 6) & 0xff) as u8;
        random[4] = (((counter & 0x3f) << 2) as u8) | (random[4] & 0x03);
        uuid::Builder::from_unix_timestamp_millis(u64::try_from(ms).unwrap_or_default(), &random).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_within_one_millisecond_and_when_the_clock_is_set_back() {
        let (clock, hand) = Clock::simulated(TimestampMs(1_000_000));
        let mint = Mint::new(clock);
        let mut last = mint.message();
        for n in 0..10_000 {
            if n == 5_000 {
                hand.0.now.fetch_sub(500, Ordering::SeqCst);
            }
            let next = mint.message();
            assert!(next > last, "{next} after {last}");
            last = next;
        }
    }

    #[actix_rt::test]
    async fn a_simulated_sleep_ends_when_the_hand_moves() {
        let (clock, hand) = Clock::simulated(TimestampMs(0));
        let sleeper = actix_rt::spawn(clock.sleep_until(TimestampMs(50)));
        hand.advance(Duration::from_millis(49));
        assert!(!sleeper.is_finished());
        hand.advance(Duration::from_millis(1));
        sleeper.await.unwrap();
        assert_eq!(clock.now(), TimestampMs(50));
    }
}
