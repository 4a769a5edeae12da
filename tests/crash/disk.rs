//! What a node keeps when it is killed: the ledger and the outbox, changed in atomic steps.

use std::collections::VecDeque;

use tieline_model::{
    Address, Command, DeliveryState, Lane, Message, MessageKind, SessionId,
    command::Ack,
    frame::{DeliveryFrame, SkipFrame},
    message::PerLane,
};

use crate::history::{Answer, Sent, Visible};

/// Starts the text of an ask that is to be answered only when the test says so.
pub const LATER: &str = "later: ";

/// What was taken of a delivery.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// It was new.
    Now,
    /// It was there already: the ledger dropped it.
    Before,
    /// One before it is missing: nothing was taken.
    Gap,
}

/// The ledger, the outbox and what the node noticed.
#[derive(Debug, Default)]
pub struct Disk {
    /// The lineage of the cursors.
    pub log_id: Option<String>,
    /// The last number taken, per lane.
    pub cursors: PerLane<u64>,
    /// What was taken, in order.
    pub visible: Vec<Visible>,
    /// Commands without an answer, in the order of issue.
    pub outbox: VecDeque<Sent>,
    /// Commands that were answered.
    pub answered: Vec<Sent>,
    /// Every answer that came, also to a node that was killed before it could write it down.
    pub answers: Vec<Answer>,
    /// Asks to be answered when the test says so.
    pub owed: Vec<Message>,
    /// What must never happen.
    pub trouble: Vec<String>,
    /// Why the last connection that broke did so.
    pub last_break: String,
    /// What may happen, counted.
    pub figures: Figures,
    issued: u64,
}

/// What a node went through.
#[derive(Debug, Default, Clone, Copy)]
pub struct Figures {
    /// Killed with a message read and its effect not committed.
    pub killed_before_commit: u64,
    /// Killed with the effect committed and no receipt given.
    pub killed_after_commit: u64,
    /// Killed with an answer read and not written down.
    pub killed_with_answer: u64,
    /// Receipts forgotten on a connection that lived.
    pub forgotten: u64,
    /// Deliveries that the ledger dropped.
    pub dropped: u64,
    /// Commands sent again.
    pub sent_again: u64,
    /// Refusals that were tried again.
    pub refused: u64,
    /// Connections that ended.
    pub connections: u64,
}

impl std::ops::AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.killed_before_commit += other.killed_before_commit;
        self.killed_after_commit += other.killed_after_commit;
        self.killed_with_answer += other.killed_with_answer;
        self.forgotten += other.forgotten;
        self.dropped += other.dropped;
        self.sent_again += other.sent_again;
        self.refused += other.refused;
        self.connections += other.connections;
    }
}

impl Disk {
    /// Puts a command into the outbox under a key of its own.
    pub fn issue(&mut self, title: &str, command: Command) {
        self.issued += 1;
        let key = format!("{title}/{}", self.issued);
        self.outbox.push_back(Sent { key, number: self.issued, command, times: 0 });
    }

    /// Takes a delivery: effect and cursor in one step, and the answer to an ask with them.
    pub fn take(&mut self, title: &str, frame: &DeliveryFrame) -> Taken {
        let cursor = self.cursors[frame.lane];
        if frame.seq <= cursor {
            self.figures.dropped += 1;
            return Taken::Before;
        }
        if frame.seq > cursor + 1 {
            return Taken::Gap;
        }
        self.cursors[frame.lane] = frame.seq;
        self.visible.push(Visible { lane: frame.lane, seq: frame.seq, message: frame.message.clone() });
        if frame.message.kind == MessageKind::Ask {
            let is_later = frame.message.text.as_deref().is_some_and(|text| text.starts_with(LATER));
            if is_later { self.owed.push(frame.message.clone()) } else { self.answer(title, &frame.message) }
        }
        Taken::Now
    }

    /// Takes note of a number that will not come. In these tests every number comes, once at least: only an ask that
    /// was taken and answered, and whose receipt was lost, may be skipped when it is due again.
    pub fn skip(&mut self, frame: &SkipFrame) {
        let cursor = self.cursors[frame.lane];
        if frame.seq <= cursor && frame.reason == DeliveryState::Answered {
            self.figures.dropped += 1;
        } else {
            self.trouble.push(format!("with the cursor at {cursor}, a number was skipped: {frame:?}"));
        }
    }

    /// Answers every ask that was put off.
    pub fn answer_owed(&mut self, title: &str) {
        for ask in std::mem::take(&mut self.owed) {
            self.answer(title, &ask);
        }
    }

    fn answer(&mut self, title: &str, ask: &Message) {
        let text = format!("answer {} of {title} to {}", self.issued + 1, ask.id);
        self.issue(title, Command::Ack(Ack { ask: ask.id, text: Some(text), sender: None, decline: false }));
    }
}

/// Names a session by its id.
pub fn to(session: SessionId) -> Address {
    Address::Session(session)
}

/// Writes where a number belongs.
pub fn place(lane: Lane, seq: u64) -> String {
    format!("{} {seq}", ["ctl", "msg", "bulk"][lane.number()])
}
