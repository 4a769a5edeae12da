//! A client by the rules of the protocol page: an outbox that is sent until it is answered, a ledger that makes at
//! least once into exactly once, and a habit of being killed at the worst moment.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::json;
use tieline_model::{Lane, Outcome, SessionId, frame::DeliveryFrame, message::PerLane, reply::Attached};
use tokio::{
    sync::{Notify, watch},
    time::sleep,
};

use crate::{
    chance::Chance,
    disk::{Disk, Taken},
    history::Answer,
    wire::{Frame, Lost, Wire, may_be_tried_again},
};

/// How long to wait between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(3);
/// How many frames are taken before something is sent again.
const FRAMES: usize = 64;

/// How a node behaves. A count of 0 means never.
#[derive(Debug, Clone, Copy)]
pub struct Habits {
    /// How many commands may wait for their answer.
    pub in_flight: usize,
    /// It is killed with a message read and its effect not committed: once in so many messages.
    pub dies_before_commit: u64,
    /// It is killed with the effect committed and no receipt given: once in so many messages.
    pub dies_after_commit: u64,
    /// It is killed with an answer read and not written down: once in so many answers.
    pub dies_with_answer: u64,
    /// It forgets a receipt and lives: once in so many messages.
    pub forgets: u64,
    /// It connects without its cursors, and gets again what the daemon has no receipt for: once in so many connections.
    pub hides_cursors: u64,
}

impl Habits {
    /// Never killed, forgets nothing.
    pub fn careful(in_flight: usize) -> Self {
        Self {
            in_flight,
            dies_before_commit: 0,
            dies_after_commit: 0,
            dies_with_answer: 0,
            forgets: 0,
            hides_cursors: 0,
        }
    }
}

/// A principal with its home session. Its disk outlives its connections.
pub struct Node {
    /// Its name, and its session's title.
    pub title: String,
    /// Its home session.
    pub session: SessionId,
    /// Its token.
    pub token: String,
    habits: Habits,
    disk: Mutex<Disk>,
    woken: Notify,
}

/// Why a connection is given up.
enum End {
    /// It was lost.
    Lost(Lost),
    /// The node is killed: what it has not written down is gone.
    Killed,
    /// What was refused has to be sent again, in its place.
    Again,
}

impl From<Lost> for End {
    fn from(lost: Lost) -> Self {
        End::Lost(lost)
    }
}

impl Node {
    /// Makes a node that was never connected.
    pub fn new(title: &str, session: SessionId, token: String, habits: Habits) -> Self {
        Self { title: title.to_owned(), session, token, habits, disk: Mutex::default(), woken: Notify::new() }
    }

    /// Opens its disk.
    pub fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes it look into its outbox.
    pub fn wake(&self) {
        self.woken.notify_one();
    }

    /// Lives: connects whenever there is a daemon, for ever.
    pub async fn live(self: Arc<Self>, mut address: watch::Receiver<Option<SocketAddr>>, mut chance: Chance) {
        loop {
            let Ok(found) = address.wait_for(Option::is_some).await.map(|found| *found) else { return };
            let Some(found) = found else { continue };
            match self.connect(found, &mut chance).await {
                End::Lost(Lost::Refused(refusal)) if refusal["code"] != "draining" => {
                    self.disk().trouble.push(format!("a hello was refused: {refusal}"));
                }
                End::Lost(Lost::Broken(why)) => self.disk().last_break = why,
                End::Lost(Lost::Refused(_)) | End::Killed | End::Again => {}
            }
            sleep(PAUSE).await;
        }
    }

    async fn connect(&self, address: SocketAddr, chance: &mut Chance) -> End {
        let hello = {
            let disk = self.disk();
            match &disk.log_id {
                Some(log_id) if !chance.once_in(self.habits.hides_cursors) => {
                    json!({ "protocol": 1, "cursors": disk.cursors, "log_id": log_id })
                }
                _ => json!({ "protocol": 1 }),
            }
        };
        let (wire, welcome) = match Wire::open(address, &self.token, hello).await {
            Ok(opened) => opened,
            Err(lost) => return End::Lost(lost),
        };
        self.welcomed(&welcome);
        let connection =
            Connection { node: self, wire, chance, corr: 0, waiting: HashMap::new(), receipts: PerLane::default() };
        match connection.run().await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    fn welcomed(&self, welcome: &Attached) {
        let mut disk = self.disk();
        disk.figures.connections += 1;
        if disk.log_id.get_or_insert_with(|| welcome.log_id.clone()) != &welcome.log_id {
            disk.trouble.push(format!("the log is another one: {welcome:?}"));
        }
        for lane in Lane::ALL {
            // No receipt was ever given for what the ledger does not have.
            if welcome.cursors[lane] > disk.cursors[lane] {
                let own = disk.cursors;
                disk.trouble.push(format!("the daemon's cursor is ahead of {own:?}: {welcome:?}"));
            }
        }
    }
}

/// One life of a node between two deaths of anybody.
struct Connection<'a> {
    node: &'a Node,
    wire: Wire,
    chance: &'a mut Chance,
    corr: u64,
    /// The keys of commands without an outcome: always the first of the outbox.
    waiting: HashMap<u64, String>,
    /// For which lanes a receipt is due.
    receipts: PerLane<bool>,
}

enum Never {}

impl Connection<'_> {
    async fn run(mut self) -> Result<Never, End> {
        loop {
            self.send_receipts().await?;
            self.send_commands().await?;
            self.wire.flush().await?;
            tokio::select! {
                frame = self.wire.next() => self.take(frame?)?,
                () = self.node.woken.notified() => {}
            }
            for _ in 0..FRAMES {
                let Some(frame) = self.wire.next_if_there() else { break };
                self.take(frame?)?;
            }
        }
    }

    async fn send_receipts(&mut self) -> Result<(), Lost> {
        let due = std::mem::take(&mut self.receipts);
        let cursors = self.node.disk().cursors;
        for lane in Lane::ALL.into_iter().filter(|lane| due[*lane]) {
            let receipt = json!({ "lane": lane, "through": cursors[lane], "state": "delivered" });
            self.wire.queue(&json!({ "receipt": receipt })).await?;
        }
        Ok(())
    }

    async fn send_commands(&mut self) -> Result<(), Lost> {
        while self.waiting.len() < self.node.habits.in_flight {
            let frame = {
                let mut disk = self.node.disk();
                let Some(next) = disk.outbox.get_mut(self.waiting.len()) else { break };
                next.times += 1;
                let is_again = next.times > 1;
                self.corr += 1;
                self.waiting.insert(self.corr, next.key.clone());
                let frame = json!({ "command": { "corr": self.corr, "key": next.key, "command": next.command } });
                disk.figures.sent_again += u64::from(is_again);
                frame
            };
            self.wire.queue(&frame).await?;
        }
        Ok(())
    }

    fn take(&mut self, frame: Frame) -> Result<(), End> {
        match frame {
            Frame::Outcome { corr, outcome } => self.outcome(corr, (*outcome).into()),
            Frame::Deliver(frame) => self.delivery(&frame),
            Frame::Skip(frame) => {
                self.receipts[frame.lane] = true;
                self.node.disk().skip(&frame);
                Ok(())
            }
            // What a daemon that drains does not write down is told again to the next one.
            Frame::Error(error) if error["code"] == "draining" => {
                self.node.disk().figures.refused += 1;
                Ok(())
            }
            Frame::Error(error) => {
                self.node.disk().trouble.push(format!("an error frame: {error}"));
                Ok(())
            }
            Frame::Bye(bye) => Err(End::Lost(Lost::Broken(format!("bye: {bye}")))),
            Frame::Progress(_) | Frame::Welcome(_) => Ok(()),
        }
    }

    fn outcome(&mut self, corr: u64, outcome: Outcome) -> Result<(), End> {
        let mut disk = self.node.disk();
        let Some(key) = self.waiting.remove(&corr) else {
            disk.trouble.push(format!("an outcome of nothing that waits, or a second one: {outcome:?}"));
            return Ok(());
        };
        match outcome {
            Ok(reply) => {
                disk.answers.push(Answer { key: key.clone(), reply });
                if self.chance.once_in(self.node.habits.dies_with_answer) {
                    disk.figures.killed_with_answer += 1;
                    return Err(End::Killed);
                }
                if let Some(at) = disk.outbox.iter().position(|sent| sent.key == key) {
                    let sent = disk.outbox.remove(at);
                    disk.answered.extend(sent);
                }
                Ok(())
            }
            Err(failure) if may_be_tried_again(&failure) => {
                disk.figures.refused += 1;
                Err(End::Again)
            }
            Err(failure) => {
                disk.trouble.push(format!("`{key}` was refused: {failure:?}"));
                Err(End::Again)
            }
        }
    }

    fn delivery(&mut self, frame: &DeliveryFrame) -> Result<(), End> {
        let habits = self.node.habits;
        let mut disk = self.node.disk();
        let is_new = frame.seq > disk.cursors[frame.lane];
        if is_new && self.chance.once_in(habits.dies_before_commit) {
            disk.figures.killed_before_commit += 1;
            return Err(End::Killed);
        }
        match disk.take(&self.node.title, frame) {
            Taken::Now | Taken::Before => {}
            Taken::Gap => {
                let cursor = disk.cursors[frame.lane];
                disk.trouble.push(format!("after {cursor} of `{}` came {frame:?}", self.node.title));
                return Err(End::Again);
            }
        }
        if is_new && self.chance.once_in(habits.dies_after_commit) {
            disk.figures.killed_after_commit += 1;
            return Err(End::Killed);
        }
        if is_new && self.chance.once_in(habits.forgets) {
            disk.figures.forgotten += 1;
        } else {
            self.receipts[frame.lane] = true;
        }
        Ok(())
    }
}
