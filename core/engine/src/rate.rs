//! How often a principal may ask: one token bucket each.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use tieline_config::Limits;
use tieline_model::{Command, Principal, PrincipalId, PrincipalKind, Refusal, TimestampMs, outcome::Code};

/// All buckets.
#[derive(Debug)]
pub struct Rates {
    limits: Limits,
    buckets: Mutex<HashMap<(PrincipalId, bool), Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// In thousandths of a command, so that slow rates fill by whole numbers.
    milli: u64,
    at: TimestampMs,
}

impl Rates {
    /// Makes full buckets of these limits.
    pub fn new(limits: Limits) -> Self {
        Self { limits, buckets: Mutex::default() }
    }

    /// Takes one command out of the caller's bucket, or says when there will be one.
    pub fn take(&self, principal: &Principal, command: &Command, now: TimestampMs) -> Result<(), Refusal> {
        // A receipt only says what was taken already: refusing it would make the mesh send again.
        if matches!(command, Command::Receipt(_)) {
            return Ok(());
        }
        self.take_one(principal, now)?;
        self.take_broadcast(principal, command, now)
    }

    /// Takes a broadcast of an agent out of the bucket for those: a schedule does not get around it.
    pub fn take_broadcast(&self, principal: &Principal, command: &Command, now: TimestampMs) -> Result<(), Refusal> {
        if matches!(command, Command::Broadcast(_)) && principal.kind == PrincipalKind::Agent {
            let rate = self.limits.broadcast_rate;
            self.take_from((principal.id, true), u64::from(rate.per_minute), rate.burst, now)?;
        }
        Ok(())
    }

    /// Takes something that counts like a command out of the caller's bucket.
    pub fn take_one(&self, principal: &Principal, now: TimestampMs) -> Result<(), Refusal> {
        let rates = &self.limits.rates;
        let rate = match principal.kind {
            PrincipalKind::Human => rates.human,
            PrincipalKind::Agent => rates.agent,
            PrincipalKind::Service => rates.service,
            PrincipalKind::Plugin => rates.plugin,
            PrincipalKind::Schedule | PrincipalKind::System => return Ok(()),
        };
        let per_minute = u64::from(rate.per_second) * 60;
        self.take_from((principal.id, false), per_minute, rate.burst, now)
    }

    fn take_from(
        &self,
        key: (PrincipalId, bool),
        per_minute: u64,
        burst: u32,
        now: TimestampMs,
    ) -> Result<(), Refusal> {
        let full = u64::from(burst) * 1000;
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry(key).or_insert(Bucket { milli: full, at: now });
        let elapsed = u64::try_from(now.0 - bucket.at.0).unwrap_or_default();
        // Thousandths per millisecond are commands per second.
        let gained = elapsed.saturating_mul(per_minute) / 60;
        if gained > 0 {
            bucket.milli = full.min(bucket.milli.saturating_add(gained));
            bucket.at = now;
        }
        if bucket.milli >= 1000 {
            bucket.milli -= 1000;
            return Ok(());
        }
        let wait = (1000 - bucket.milli) * 60 / per_minute.max(1);
        let what = if key.1 { "broadcasts" } else { "commands" };
        Err(Refusal::new(Code::RateLimited, format!("too many {what}; {per_minute} a minute are allowed"))
            .retry_after(wait.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use tieline_model::SessionId;

    use super::*;

    #[test]
    fn a_burst_is_taken_and_then_the_rate_holds() {
        let limits = tieline_config::Config::default().limits;
        let rates = Rates::new(limits.clone());
        let mut agent = crate::shared::Shared::system();
        agent.kind = PrincipalKind::Agent;
        agent.home = SessionId::from_uuid(uuid::Uuid::nil());
        let whoami = Command::Whoami(tieline_model::command::Whoami {});
        for _ in 0..limits.rates.agent.burst {
            rates.take(&agent, &whoami, TimestampMs(0)).unwrap();
        }
        let refusal = rates.take(&agent, &whoami, TimestampMs(0)).unwrap_err();
        assert_eq!(refusal.code, Code::RateLimited);
        let wait = refusal.retry_after_ms.unwrap();
        assert_eq!(wait, u64::from(1000 / limits.rates.agent.per_second));
        rates.take(&agent, &whoami, TimestampMs(0).plus_ms(wait)).unwrap();
    }
}
