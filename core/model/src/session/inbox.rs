//! A session's inbox: dense numbers per lane, cursors moved by receipts, and a quota that refuses
//! newcomers and never evicts.

use crate::{Lane, message::PerLane};

/// How much a session's inbox may hold before it refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Undelivered messages.
    pub messages: u64,
    /// Bytes of their texts.
    pub bytes: u64,
}

/// The numbers of one inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Inbox {
    /// The newest `seq` given out, per lane; 0 when none.
    pub heads: PerLane<u64>,
    /// Everything up to here was delivered.
    pub delivered: PerLane<u64>,
    /// Everything up to here was seen.
    pub seen: PerLane<u64>,
    /// Messages not yet delivered, over all lanes.
    pub pending: u64,
    /// Bytes of their texts.
    pub pending_bytes: u64,
}

/// The inbox is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full {
    /// How many messages wait.
    pub messages: u64,
    /// How many bytes they have.
    pub bytes: u64,
}

/// How far a receipt moved a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// The cursor before.
    pub from: u64,
    /// The cursor now.
    pub through: u64,
}

/// A receipt names a number that was never given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BeyondHead {
    /// The number in the receipt.
    pub through: u64,
    /// The newest number given out.
    pub head: u64,
}

impl Inbox {
    /// Tells whether one more message of `bytes` fits. Notices ([`Lane::Ctl`]) always do: they are the
    /// mesh's own word about messages that were accepted before.
    pub fn admit(&self, lane: Lane, bytes: u64, quota: Quota) -> Result<(), Full> {
        let is_full = self.pending >= quota.messages || self.pending_bytes.saturating_add(bytes) > quota.bytes;
        match lane {
            Lane::Msg | Lane::Bulk if is_full => Err(Full { messages: self.pending, bytes: self.pending_bytes }),
            _ => Ok(()),
        }
    }

    /// Gives out the next number of `lane`.
    pub fn append(&mut self, lane: Lane, bytes: u64) -> u64 {
        self.heads[lane] += 1;
        self.pending += 1;
        self.pending_bytes += bytes;
        self.heads[lane]
    }

    /// Takes `count` deliveries of `bytes` out of the pending ones.
    pub fn settle(&mut self, count: u64, bytes: u64) {
        self.pending = self.pending.saturating_sub(count);
        self.pending_bytes = self.pending_bytes.saturating_sub(bytes);
    }

    /// Moves the delivered cursor; `None` when the receipt says nothing new.
    pub fn deliver(&mut self, lane: Lane, through: u64) -> Result<Option<Moved>, BeyondHead> {
        let head = self.heads[lane];
        move_cursor(&mut self.delivered[lane], head, through)
    }

    /// Moves the seen cursor; `None` when the receipt says nothing new.
    pub fn see(&mut self, lane: Lane, through: u64) -> Result<Option<Moved>, BeyondHead> {
        let head = self.heads[lane];
        move_cursor(&mut self.seen[lane], head, through)
    }
}

fn move_cursor(cursor: &mut u64, head: u64, through: u64) -> Result<Option<Moved>, BeyondHead> {
    if through > head {
        return Err(BeyondHead { through, head });
    }
    let from = *cursor;
    *cursor = from.max(through);
    Ok((through > from).then_some(Moved { from, through }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_are_dense_and_cursors_never_pass_the_head(steps in prop::collection::vec((0..3usize, 0..3u8, 0..50u64), 0..100)) {
            let mut inbox = Inbox::default();
            for (lane, action, n) in steps {
                let lane = Lane::ALL[lane];
                let before = inbox;
                match action {
                    0 => prop_assert_eq!(inbox.append(lane, n), before.heads[lane] + 1),
                    1 => if let Err(beyond) = inbox.deliver(lane, n) { prop_assert!(beyond.head < n); prop_assert_eq!(inbox, before) },
                    _ => if let Err(beyond) = inbox.see(lane, n) { prop_assert!(beyond.head < n); prop_assert_eq!(inbox, before) },
                }
                prop_assert!(inbox.delivered[lane] <= inbox.heads[lane] && inbox.delivered[lane] >= before.delivered[lane]);
                prop_assert!(inbox.seen[lane] <= inbox.heads[lane] && inbox.seen[lane] >= before.seen[lane]);
            }
        }
    }

    #[test]
    fn a_full_inbox_refuses_but_still_takes_notices() {
        let mut inbox = Inbox::default();
        let quota = Quota { messages: 2, bytes: 100 };
        for _ in 0..2 {
            assert_eq!(inbox.admit(Lane::Msg, 10, quota), Ok(()));
            inbox.append(Lane::Msg, 10);
        }
        assert_eq!(inbox.admit(Lane::Msg, 10, quota), Err(Full { messages: 2, bytes: 20 }));
        assert_eq!(inbox.admit(Lane::Ctl, 10, quota), Ok(()));
    }
}
