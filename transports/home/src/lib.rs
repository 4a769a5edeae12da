//! The link over which a transport speaks for itself: kept up, and attached to its home session, where requests come.
#![forbid(unsafe_code)]

mod delivery;
mod thread;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tieline_plugin_sdk::prelude::*;

pub use delivery::Delivery;
pub use thread::{Input, Thread};

/// A link that a plugin opens by itself has this bit in its number.
const OWN_LINK: u64 = 1 << 63;
/// How long to wait before the link is opened again.
const PAUSE: Duration = Duration::from_secs(2);
/// How long to wait for an outcome before the link is opened anew.
const PATIENCE: Duration = Duration::from_secs(30);
/// Messages of each lane that may be on their way here at once.
const CREDIT: u32 = 64;
const LANES: [&str; 3] = ["ctl", "msg", "bulk"];

#[derive(Debug, Clone, Copy)]
enum State {
    Down { until: Instant },
    Joining { since: Instant },
    Up,
}

/// The link.
#[derive(Debug)]
pub struct Home {
    host: Host,
    state: State,
    link: u64,
    /// The number of the newest command, over all links.
    corr: u64,
    joining: u64,
    /// What the daemon has not taken yet.
    unsaid: VecDeque<(Kind, u64, String)>,
}

impl Home {
    /// Makes one that is down.
    pub fn new(host: Host) -> Self {
        let state = State::Down { until: Instant::now() };
        Self { host, state, link: OWN_LINK, corr: 0, joining: 0, unsaid: VecDeque::new() }
    }

    /// Tells whether a message is of this link.
    pub fn is_of(&self, link: u64) -> bool {
        link == self.link
    }

    /// Does what is due by itself.
    pub fn look(&mut self) {
        self.say_all();
        match self.state {
            State::Down { until } if Instant::now() >= until => self.join(),
            State::Joining { since } if since.elapsed() > PATIENCE => self.leave("the daemon does not answer"),
            State::Down { .. } | State::Joining { .. } | State::Up => {}
        }
    }

    fn join(&mut self) {
        self.link = OWN_LINK | (self.link + 1);
        self.unsaid.clear();
        self.say(Kind::LinkUp, 0, &json!({}));
        // Without a cursor: the daemon knows what was confirmed, and a request that is not is done again or is too old.
        self.joining = self.command(&json!({"peer_attach": {}}));
        self.state = State::Joining { since: Instant::now() };
    }

    /// Takes the outcome of a command; true when it was that of attaching.
    pub fn outcome(&mut self, corr: u64, outcome: &Value) -> bool {
        if corr != self.joining {
            return false;
        }
        if outcome["ok"]["attached"].is_object() {
            for lane in LANES {
                self.say(Kind::Credit, 0, &json!({"lane": lane, "credit": CREDIT}));
            }
            self.state = State::Up;
        } else {
            self.leave(&explain(outcome));
        }
        true
    }

    /// Closes the link, to open another one after a pause.
    pub fn leave(&mut self, reason: &str) {
        tracing::warn!(reason, "the link is down");
        self.say(Kind::LinkDown, 0, &json!({}));
        self.state = State::Down { until: Instant::now() + PAUSE };
    }

    /// Gives a command; returns the number under which its outcome comes.
    pub fn command(&mut self, command: &Value) -> u64 {
        self.corr += 1;
        let corr = self.corr;
        self.say(Kind::Command, corr, &json!({"command": command}));
        corr
    }

    /// Confirms everything of a lane up to a number.
    pub fn delivered(&mut self, lane: &str, through: u64) {
        self.say(Kind::Receipt, 0, &json!({"lane": lane, "through": through, "state": "delivered"}));
    }

    /// Says that one message cannot be taken, and why.
    pub fn rejected(&mut self, lane: &str, seq: u64, reason: &str) {
        tracing::info!(lane, seq, reason, "refused");
        self.say(Kind::Receipt, 0, &json!({"lane": lane, "seq": seq, "state": "rejected", "reason": reason}));
    }

    fn say(&mut self, kind: Kind, corr: u64, frame: &Value) {
        self.unsaid.push_back((kind, corr, frame.to_string()));
        self.say_all();
    }

    /// Hands over what waits, in order. What the daemon has no room for waits until it has.
    fn say_all(&mut self) {
        while let Some((kind, corr, json)) = self.unsaid.front() {
            match self.host.inbound(Message::new(*kind, self.link, *corr, json.as_bytes())) {
                Flow::WouldBlock => return,
                Flow::Accepted | Flow::Closed => drop(self.unsaid.pop_front()),
            }
        }
    }

    /// Tells the daemon that there is room again.
    pub fn has_room(&self) {
        self.host.writable();
    }
}

/// Returns the words of a refusal or a fault.
pub fn explain(outcome: &Value) -> String {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    text(&outcome["refusal"]["message"])
        .or_else(|| text(&outcome["fault"]["message"]))
        .unwrap_or_else(|| format!("the daemon said {outcome}"))
}
