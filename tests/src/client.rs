//! A far side: one link of one principal, driven by hand.

use std::{cell::Cell, sync::Arc};

use tieline_engine::{LinkInput, Links, port::FrameKind, presence::Link};
use tieline_model::{
    Command, Lane, LinkId, Outcome, Principal, Refusal,
    command::{PeerAttach, ReceiptState},
    frame::{CommandFrame, CreditFrame, DeliveryFrame, LinkDownFrame, ReceiptFrame, SkipFrame},
    reply::Attached,
};
use tokio::time::timeout;

use crate::{
    LIMIT,
    outcome::Outcomes,
    port::{Heard, Recorder},
    world::Life,
};

/// One link. It acknowledges nothing by itself.
#[derive(Debug)]
pub struct Client {
    links: Links,
    port: Arc<Recorder>,
    /// Its number.
    pub link: LinkId,
    /// Whose it is.
    pub who: Arc<Principal>,
    corr: Cell<u64>,
}

impl Client {
    pub(crate) fn open(life: &Arc<Life>, who: &Arc<Principal>) -> Self {
        Self::over(life, &life.engine.links.open("fake", Arc::clone(who)))
    }

    /// Opens a link of a plugin's own.
    pub(crate) fn open_own(life: &Arc<Life>, plugin: &str) -> Result<Self, Refusal> {
        Ok(Self::over(life, &*life.engine.links.open_own(plugin)?))
    }

    fn over(life: &Arc<Life>, link: &Link) -> Self {
        Self {
            links: life.engine.links.clone(),
            port: Arc::clone(&life.port),
            link: link.id,
            who: Arc::clone(&link.principal),
            corr: Cell::new(0),
        }
    }

    /// Hands a frame to the engine; returns the number under which it is answered.
    fn put<T: serde::Serialize>(&self, kind: FrameKind, frame: &T) -> u64 {
        let corr = self.corr.get() + 1;
        self.corr.set(corr);
        self.put_under(corr, kind, frame);
        corr
    }

    fn put_under<T: serde::Serialize>(&self, corr: u64, kind: FrameKind, frame: &T) {
        let payload = serde_json::to_vec(frame).expect("a frame is JSON");
        self.links.take(&[LinkInput { link: self.link, kind, corr, payload: &payload }]);
    }

    /// Sends a command without waiting; returns its number.
    pub fn send(&self, key: Option<&str>, command: Command) -> u64 {
        self.put(FrameKind::Command, &CommandFrame { key: key.map(str::to_owned), command })
    }

    /// Waits for the outcome of the command `corr`.
    pub async fn outcome(&self, corr: u64) -> Outcome {
        self.until(&format!("command {corr} is answered"), |heard| answer(heard, corr)).await
    }

    /// Returns the outcome of the command `corr`, if it came.
    pub fn answer(&self, corr: u64) -> Option<Outcome> {
        self.port.heard(self.link, |heard| answer(heard, corr))
    }

    /// Sends a command and waits for its outcome.
    pub async fn call(&self, command: Command) -> Outcome {
        self.outcome(self.send(None, command)).await
    }

    /// Says hello: attaches to the principal's home session as its writer.
    pub async fn attach(&self) -> Attached {
        self.call(Command::PeerAttach(PeerAttach::default())).await.attached()
    }

    /// Says goodbye the way a lost connection does.
    pub fn lose(&self) {
        self.links.close(self.link, "the connection was lost");
    }

    /// Says how far deliveries came, and waits until that is durable.
    pub async fn receipt(&self, lane: Lane, through: u64, state: ReceiptState) -> Outcome {
        let frame = ReceiptFrame { lane, through: Some(through), seq: None, state, reason: None };
        self.outcome(self.put(FrameKind::Receipt, &frame)).await
    }

    /// Says that everything of a lane up to `through` was taken.
    pub async fn take(&self, lane: Lane, through: u64) {
        self.receipt(lane, through, ReceiptState::Delivered).await.reply();
    }

    /// Says the same without asking for an answer: only a refusal would come.
    pub fn take_silently(&self, lane: Lane, through: u64) {
        let frame =
            ReceiptFrame { lane, through: Some(through), seq: None, state: ReceiptState::Delivered, reason: None };
        self.put_under(0, FrameKind::Receipt, &frame);
    }

    /// Refuses one delivery for good without asking for an answer.
    pub fn reject_silently(&self, lane: Lane, seq: u64) {
        let frame = ReceiptFrame { lane, through: None, seq: Some(seq), state: ReceiptState::Rejected, reason: None };
        self.put_under(0, FrameKind::Receipt, &frame);
    }

    /// Refuses one delivery for good.
    pub async fn reject(&self, lane: Lane, seq: u64, reason: &str) -> Outcome {
        let state = ReceiptState::Rejected;
        let frame = ReceiptFrame { lane, through: None, seq: Some(seq), state, reason: Some(reason.to_owned()) };
        self.outcome(self.put(FrameKind::Receipt, &frame)).await
    }

    /// Says how many deliveries of a lane may be in flight.
    pub fn credit(&self, lane: Lane, credit: u32) {
        self.put(FrameKind::Credit, &CreditFrame { lane, credit });
    }

    /// Returns everything that came over the link so far.
    pub fn heard(&self) -> Vec<Heard> {
        self.port.heard(self.link, <[Heard]>::to_vec)
    }

    /// Returns what came over the link since its first `from` things, each with its place among all that any link
    /// heard.
    pub fn heard_since(&self, from: usize) -> Vec<(u64, Heard)> {
        let heard = self.port.heard(self.link, |heard| heard[from..].to_vec());
        heard.into_iter().enumerate().map(|(n, it)| (self.port.place(self.link, from + n), it)).collect()
    }

    /// Returns the deliveries that came so far.
    pub fn deliveries(&self) -> Vec<DeliveryFrame> {
        self.port.heard(self.link, |heard| deliveries(heard).cloned().collect())
    }

    /// Waits until `count` deliveries came; returns all that are there then.
    pub async fn wait_deliveries(&self, count: usize) -> Vec<DeliveryFrame> {
        let what = format!("{count} deliveries are there");
        self.until(&what, |heard| {
            let found: Vec<_> = deliveries(heard).cloned().collect();
            (found.len() >= count).then_some(found)
        })
        .await
    }

    /// Waits for the delivery `seq` of a lane, in its `attempt`.
    pub async fn wait_attempt(&self, lane: Lane, seq: u64, attempt: u32) -> DeliveryFrame {
        let what = format!("attempt {attempt} of {lane:?} {seq} came");
        self.until(&what, |heard| {
            deliveries(heard).find(|it| (it.lane, it.seq, it.attempt) == (lane, seq, attempt)).cloned()
        })
        .await
    }

    /// Waits until a number is skipped.
    pub async fn wait_skip(&self, lane: Lane, seq: u64) -> SkipFrame {
        self.until(&format!("{lane:?} {seq} is skipped"), |heard| {
            heard.iter().find_map(|heard| match heard {
                Heard::Skip(skip) if (skip.lane, skip.seq) == (lane, seq) => Some(skip.clone()),
                _ => None,
            })
        })
        .await
    }

    /// Waits until the link is ended by the daemon.
    pub async fn wait_down(&self) -> LinkDownFrame {
        self.until("the link is ended", |heard| {
            heard.iter().find_map(|heard| match heard {
                Heard::Down(down) => Some(down.clone()),
                _ => None,
            })
        })
        .await
    }

    /// Waits until `look` finds something in what came over the link.
    pub async fn until<T>(&self, what: &str, mut look: impl FnMut(&[Heard]) -> Option<T>) -> T {
        let mut changed = self.port.changed();
        let waiting = async {
            loop {
                changed.borrow_and_update();
                if let Some(found) = self.port.heard(self.link, &mut look) {
                    return found;
                }
                changed.changed().await.expect("the transport lives as long as the world");
            }
        };
        match timeout(LIMIT, waiting).await {
            Ok(found) => found,
            Err(_) => panic!("waited {LIMIT:?} in vain until {what}; heard: {:#?}", self.heard()),
        }
    }
}

fn answer(heard: &[Heard], corr: u64) -> Option<Outcome> {
    heard.iter().find_map(|heard| match heard {
        Heard::Outcome { corr: of, outcome } if *of == corr => Some(outcome.clone()),
        _ => None,
    })
}

fn deliveries(heard: &[Heard]) -> impl Iterator<Item = &DeliveryFrame> {
    heard.iter().filter_map(|heard| match heard {
        Heard::Delivery(delivery) => Some(delivery),
        _ => None,
    })
}
