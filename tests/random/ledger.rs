//! A receiver that keeps its promise: it commits what it saw and its cursor together, across everything.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use tieline_model::{DeliveryState, Lane, Message, MessageKind, Principal, message::PerLane};
use tieline_tests::{Client, Heard};

/// One delivery as it became visible.
#[derive(Debug, Clone)]
pub struct Seen {
    pub message: Message,
    /// Where it stands among all that left the daemon that sent it, and in which of its lives.
    pub at: (usize, u64),
}

/// One principal with its durable record and its connection, if any.
#[derive(Debug)]
pub struct Receiver {
    pub who: Arc<Principal>,
    pub name: String,
    pub cursor: PerLane<u64>,
    pub seen: BTreeMap<(Lane, u64), Seen>,
    pub skipped: BTreeMap<(Lane, u64), DeliveryState>,
    pub rejected: BTreeSet<(Lane, u64)>,
    pub link: Option<Client>,
    read: usize,
}

impl Receiver {
    pub fn new(name: String, who: Arc<Principal>) -> Self {
        Self {
            who,
            name,
            cursor: PerLane::default(),
            seen: BTreeMap::new(),
            skipped: BTreeMap::new(),
            rejected: BTreeSet::new(),
            link: None,
            read: 0,
        }
    }

    /// Takes another connection, and returns the one before.
    pub fn connect(&mut self, link: Client) -> Option<Client> {
        self.read = 0;
        self.link.replace(link)
    }

    /// Takes in what came over the link since the last time. Repeats are dropped; a gap is a broken promise.
    pub fn receive(&mut self, life: usize) {
        let Some(link) = &self.link else { return };
        let heard = link.heard_since(self.read);
        self.read += heard.len();
        for (at, heard) in heard {
            match heard {
                Heard::Delivery(delivery) => self.deliver(delivery.lane, delivery.seq, delivery.message, (life, at)),
                Heard::Skip(skip) => self.skip(skip.lane, skip.seq, skip.reason),
                Heard::Outcome { corr: 0, outcome } => panic!("{}: a receipt was refused: {outcome:?}", self.name),
                Heard::Outcome { .. } | Heard::Progress(_) => {}
                Heard::Down(down) => panic!("{}: the link was ended: {down:?}", self.name),
            }
        }
    }

    fn deliver(&mut self, lane: Lane, seq: u64, message: Message, at: (usize, u64)) {
        let place = (lane, seq);
        if seq <= self.cursor[lane] {
            if let Some(before) = self.seen.get(&place) {
                assert_eq!(before.message, message, "{}: {place:?} came again as something else", self.name);
            }
            return;
        }
        assert_eq!(seq, self.cursor[lane] + 1, "{}: a gap in {lane:?}", self.name);
        self.cursor[lane] = seq;
        self.seen.insert(place, Seen { message, at });
    }

    fn skip(&mut self, lane: Lane, seq: u64, state: DeliveryState) {
        if seq <= self.cursor[lane] {
            return;
        }
        assert_eq!(seq, self.cursor[lane] + 1, "{}: a gap in {lane:?} before a skip", self.name);
        self.cursor[lane] = seq;
        self.skipped.insert((lane, seq), state);
    }

    /// Refuses the newest of a lane for good.
    pub fn reject(&mut self, lane: Lane) {
        let seq = self.cursor[lane];
        if let (Some(link), Some(_)) = (&self.link, self.seen.get(&(lane, seq))) {
            link.reject_silently(lane, seq);
            self.rejected.insert((lane, seq));
        }
    }

    /// The asks that it saw.
    pub fn asks(&self) -> Vec<tieline_model::MessageId> {
        let asks = self.seen.values().filter(|seen| seen.message.kind == MessageKind::Ask);
        asks.map(|seen| seen.message.id).collect()
    }
}
