//! The thread that does what takes time: keeps the link up, sends files, writes messages.

use std::{
    collections::VecDeque,
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use tieline_plugin_sdk::{prelude::*, serde_json};

use super::{
    FileDropSettings,
    inbox::{Dropped, Inbox},
    outbox::{Cursor, Outbox},
};

/// A link that a plugin opens by itself has this bit in its number.
const OWN_LINK: u64 = 1 << 63;
/// How long to wait before the link is opened again, or a command is repeated.
const PAUSE: Duration = Duration::from_secs(2);
/// How long to wait for an outcome before the link is opened anew.
const PATIENCE: Duration = Duration::from_secs(30);
const LANES: [&str; 3] = ["ctl", "msg", "bulk"];

/// What the thread is given.
#[derive(Debug)]
pub enum Input {
    /// A message from the daemon.
    Message { kind: Kind, link: u64, corr: u64, payload: Vec<u8>, done: Completion },
    /// Something has changed.
    Wake,
}

impl Input {
    /// Keeps a message beyond the call that it came with.
    pub fn of(message: Message<'_>, done: Completion) -> Self {
        let Message { kind, link, corr, payload } = message;
        Input::Message { kind, link, corr, payload: payload.to_vec(), done }
    }
}

/// What the daemon's thread and this one tell each other beside the queue.
#[derive(Debug, Default)]
pub struct Signals {
    is_full: AtomicBool,
    is_over: AtomicBool,
}

impl Signals {
    /// The queue has no room; the thread says when it has.
    pub fn wait_for_room(&self) -> Flow {
        self.is_full.store(true, Ordering::SeqCst);
        Flow::WouldBlock
    }

    /// The thread shall end.
    pub fn end(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }
}

/// How the link is.
#[derive(Debug, Clone, Copy)]
enum State {
    Down { until: Instant },
    Joining { since: Instant },
    Up,
}

/// The file whose outcome is waited for.
struct Sending {
    dropped: Dropped,
    corr: u64,
    /// When it is sent again.
    again: Instant,
}

/// The thread's own state.
pub struct Worker {
    host: Host,
    signals: Arc<Signals>,
    poll: Duration,
    credit: u32,
    inbox: Inbox,
    outbox: Outbox,
    state: State,
    link: u64,
    /// The number of the newest command, over all links.
    corr: u64,
    joining: u64,
    sending: Option<Sending>,
    /// What the daemon has not taken yet.
    unsaid: VecDeque<(Kind, u64, String)>,
    last_look: Instant,
    last_trouble: String,
}

impl Worker {
    /// Opens the folders.
    pub fn new(host: Host, settings: &FileDropSettings, signals: Arc<Signals>) -> Result<Self, Error> {
        let folder = Path::new(&settings.folder);
        let failed = |error: io::Error| Error::new(format!("failed to open the folder `{}`: {error}", settings.folder));
        let now = Instant::now();
        Ok(Worker {
            host,
            signals,
            poll: Duration::from_millis(settings.poll_ms),
            credit: settings.credit,
            inbox: Inbox::open(folder).map_err(failed)?,
            outbox: Outbox::open(folder.join("outbox")).map_err(failed)?,
            state: State::Down { until: now },
            link: OWN_LINK,
            corr: 0,
            joining: 0,
            sending: None,
            unsaid: VecDeque::new(),
            last_look: now,
            last_trouble: String::new(),
        })
    }

    /// Runs until it is told to end.
    pub fn run(mut self, inputs: &Receiver<Input>) {
        self.look();
        while !self.signals.is_over.load(Ordering::SeqCst) {
            match inputs.recv_timeout(self.poll) {
                Ok(input) => self.take(input),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if self.signals.is_full.swap(false, Ordering::SeqCst) {
                self.host.writable();
            }
            if self.last_look.elapsed() >= self.poll {
                self.look();
            }
        }
    }

    /// Does what is due by itself.
    fn look(&mut self) {
        self.last_look = Instant::now();
        self.say_all();
        match self.state {
            State::Down { until } if self.last_look >= until => self.join(),
            State::Joining { since } if since.elapsed() > PATIENCE => self.leave("the daemon does not answer"),
            State::Up => self.send(),
            State::Down { .. } | State::Joining { .. } => {}
        }
    }

    fn take(&mut self, input: Input) {
        let Input::Message { kind, link, corr, payload, done } = input else { return self.say_all() };
        if link != self.link {
            return done.closed();
        }
        match kind {
            Kind::Outcome if corr == self.joining => self.joined(&payload),
            Kind::Outcome => self.sent(corr, &payload),
            Kind::Delivery => match self.deliver(&payload) {
                Ok(()) => {}
                Err(error) => {
                    done.failed(&error.to_string());
                    return self.leave(&format!("a message was not written: {error}"));
                }
            },
            Kind::Skip => {
                if let Err(error) = self.skip(&payload) {
                    self.leave(&format!("a number was not passed over: {error}"));
                }
            }
            Kind::LinkDown => self.leave("the daemon has ended the link"),
            // How messages of our own fare, and whatever a later version has to say.
            _ => {}
        }
        done.ok();
    }

    /// Opens a link, and attaches to the session that is this plugin's home.
    fn join(&mut self) {
        self.link = OWN_LINK | (self.link + 1);
        self.unsaid.clear();
        self.say(Kind::LinkUp, 0, "{}".to_owned());
        // What is written here counts, and not what the daemon knows of it.
        let attach = self.outbox.cursor().map_or_else(|| json!({}), |cursor| json!(cursor));
        self.joining = self.next();
        self.say(Kind::Command, self.joining, json!({"command": {"peer_attach": attach}}).to_string());
        self.state = State::Joining { since: Instant::now() };
    }

    fn joined(&mut self, payload: &[u8]) {
        let outcome: Value = serde_json::from_slice(payload).unwrap_or_default();
        if let Ok(cursor) = Cursor::deserialize(&outcome["ok"]["attached"]) {
            if let Err(error) = self.outbox.begin(cursor) {
                return self.leave(&format!("the cursor was not written: {error}"));
            }
            for lane in LANES {
                self.say(Kind::Credit, 0, json!({"lane": lane, "credit": self.credit}).to_string());
            }
            tracing::info!(session = outcome["ok"]["attached"]["title"].as_str(), "the folder is open");
            self.last_trouble.clear();
            self.state = State::Up;
            if let Some(sending) = &mut self.sending {
                sending.again = Instant::now();
            }
            return self.send();
        }
        if outcome["refusal"]["code"] == "cursor_beyond_head" {
            tracing::warn!("the daemon's log is another one; messages may come again");
            if let Err(error) = self.outbox.forget() {
                return self.leave(&format!("the cursor was not put away: {error}"));
            }
        }
        self.leave(&explain(&outcome));
    }

    /// Closes the link, to open another one after a pause.
    fn leave(&mut self, reason: &str) {
        self.trouble(reason);
        self.say(Kind::LinkDown, 0, "{}".to_owned());
        self.state = State::Down { until: Instant::now() + PAUSE };
    }

    /// Sends the next file, or the same one again.
    fn send(&mut self) {
        if self.sending.is_none() {
            match self.inbox.next() {
                Ok(None) => return,
                Ok(Some(dropped)) => self.sending = Some(Sending { dropped, corr: 0, again: Instant::now() }),
                Err(error) => return self.trouble(&format!("the inbox is not read: {error}")),
            }
        }
        let corr = self.next();
        let Some(sending) = self.sending.as_mut().filter(|sending| Instant::now() >= sending.again) else { return };
        (sending.corr, sending.again) = (corr, Instant::now() + PATIENCE);
        let Dropped { key, command, .. } = &sending.dropped;
        let frame = format!(r#"{{"key":{},"command":{command}}}"#, json!(key));
        self.say(Kind::Command, corr, frame);
    }

    /// The outcome of a file is there: it has been accepted, is refused, or has to be tried again.
    fn sent(&mut self, corr: u64, payload: &[u8]) {
        let Some(sending) = self.sending.as_mut().filter(|sending| sending.corr == corr) else { return };
        let outcome: Value = serde_json::from_slice(payload).unwrap_or_default();
        let refusal = outcome.get("refusal");
        let is_for_good = refusal.is_some_and(|refusal| refusal["retry_after_ms"].is_null());
        let moved = match &outcome["ok"] {
            Value::Null if is_for_good => self.inbox.failed(&sending.dropped, &explain(&outcome)),
            Value::Null => {
                // Under the same key it becomes one message, whatever became of the first attempt.
                let ms = refusal.and_then(|refusal| refusal["retry_after_ms"].as_u64());
                sending.again = Instant::now() + ms.map_or(PAUSE, Duration::from_millis);
                return self.trouble(&explain(&outcome));
            }
            _ => self.inbox.done(&sending.dropped),
        };
        self.sending = None;
        match moved {
            Ok(()) => self.send(),
            // It is still in `sending`, and is sent again under its key.
            Err(error) => self.trouble(&format!("a file was not moved: {error}")),
        }
    }

    /// Writes a message, and says so.
    fn deliver(&mut self, payload: &[u8]) -> io::Result<()> {
        #[derive(Deserialize)]
        struct Delivery<'a> {
            lane: String,
            seq: u64,
            #[serde(borrow)]
            message: &'a RawValue,
        }
        #[derive(Deserialize)]
        struct Named {
            id: String,
        }
        let Delivery { lane, seq, message } = serde_json::from_slice(payload)?;
        let Named { id } = serde_json::from_str(message.get())?;
        let is_plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !LANES.contains(&lane.as_str()) || !is_plain(&id) {
            return Err(io::Error::other("a lane or an id is not what it should be"));
        }
        // One that is there already is only confirmed once more.
        match seq.checked_sub(self.outbox.at(&lane)) {
            Some(1) => self.outbox.put(&lane, seq, &id, format!("{message}\n").as_bytes())?,
            Some(2..) => return Err(io::Error::other(format!("{lane} {seq} came before its time"))),
            _ => {}
        }
        self.receipt(&lane);
        Ok(())
    }

    fn skip(&mut self, payload: &[u8]) -> io::Result<()> {
        #[derive(Deserialize)]
        struct Skip {
            lane: String,
            seq: u64,
        }
        let Skip { lane, seq } = serde_json::from_slice(payload)?;
        if seq.checked_sub(self.outbox.at(&lane)) == Some(1) {
            self.outbox.skip(&lane, seq)?;
        }
        self.receipt(&lane);
        Ok(())
    }

    /// Says how far a lane is on the disk.
    fn receipt(&mut self, lane: &str) {
        let through = self.outbox.at(lane);
        let frame = json!({"lane": lane, "through": through, "state": "delivered"});
        self.say(Kind::Receipt, 0, frame.to_string());
    }

    fn next(&mut self) -> u64 {
        self.corr += 1;
        self.corr
    }

    fn say(&mut self, kind: Kind, corr: u64, json: String) {
        self.unsaid.push_back((kind, corr, json));
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

    /// Says what is wrong, once.
    fn trouble(&mut self, what: &str) {
        if self.last_trouble != what {
            tracing::warn!("{what}");
            what.clone_into(&mut self.last_trouble);
        }
    }
}

/// Returns the words of a refusal or a fault.
fn explain(outcome: &Value) -> String {
    let refusal = &outcome["refusal"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let Some(code) = refusal["code"].as_str() else {
        let fault = text(&outcome["fault"]["message"]);
        return if fault.is_empty() { format!("the daemon said {outcome}") } else { fault };
    };
    let mut words = format!("{code}: {}", text(&refusal["message"]));
    if let Some(field) = refusal["field"].as_str() {
        words += &format!(", at {field}");
    }
    let meant: Vec<&str> = refusal["candidates"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if !meant.is_empty() {
        words += &format!("; did you mean {}", meant.join(", "));
    }
    words
}
