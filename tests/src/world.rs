//! The world: an engine that can be killed and started again over the same files.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tempfile::TempDir;
use tieline_config::Config;
use tieline_engine::{
    Engine,
    clock::{Clock, Hand},
};
use tieline_model::{
    Address, Command, Event, Lane, MessageId, Outcome, Principal, PrincipalKind, Refusal, SessionId, TimestampMs,
    command::{self, Origin, Report},
    reply::{Accepted, InboxPage, Reply, Reported, SessionView, Trace},
};
use tieline_store::{Options, Store, Synchronous};

use crate::{
    Client, Recorder,
    outcome::Outcomes,
    wait::{LIMIT, eventually},
};

/// When every world begins.
const BEGINNING: TimestampMs = TimestampMs(1_750_000_000_000);

/// One run of the daemon, from start to death.
#[derive(Debug)]
pub(crate) struct Life {
    pub engine: Engine,
    pub port: Arc<Recorder>,
    clock: Clock,
    hand: Hand,
}

/// A mesh of one daemon.
#[derive(Debug)]
pub struct World {
    files: TempDir,
    config: Config,
    now: TimestampMs,
    life: Option<Arc<Life>>,
    human: Arc<Principal>,
}

/// Reads an address.
pub fn address(text: &str) -> Address {
    text.parse().unwrap_or_else(|error| panic!("`{text}` is no address: {error}"))
}

impl World {
    /// Starts an empty mesh whose rates are wide open, and where agents may repeat themselves.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts an empty mesh with another configuration.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        for rate in [&mut config.limits.rates.human, &mut config.limits.rates.agent, &mut config.limits.rates.service] {
            (rate.per_second, rate.burst) = (1_000_000, 1_000_000);
        }
        (config.limits.broadcast_rate.per_minute, config.limits.broadcast_rate.burst) = (1_000_000, 1_000_000);
        config.brakes.pair_per_minute = 0;
        config.brakes.duplicate_ms = 0;
        config.brakes.acknowledgement_ms = 0;
        change(&mut config);
        let files = tempfile::tempdir().expect("a temporary folder");
        let life = live(&files, &config, BEGINNING).await;
        let secret = life.engine.new_secret().expect("randomness");
        life.engine.issue(PrincipalKind::Human, "human", &secret).await.expect("the first human");
        let human = life.engine.door.authenticate(&secret).expect("the human's token is good");
        Self { files, config, now: BEGINNING, life: Some(life), human }
    }

    fn life(&self) -> &Arc<Life> {
        self.life.as_ref().expect("the daemon runs")
    }

    /// The engine that runs now.
    pub fn engine(&self) -> &Engine {
        &self.life().engine
    }

    /// The transport of the engine that runs now.
    pub fn port(&self) -> &Recorder {
        &self.life().port
    }

    /// The database's file.
    pub fn database(&self) -> PathBuf {
        database(&self.files)
    }

    /// The first human, who may do everything.
    pub fn human(&self) -> &Arc<Principal> {
        &self.human
    }

    // ---- life and death ----

    /// Kills the daemon: nothing gets out of it any more, and it is not asked to finish anything. What is on its
    /// way is lost or committed, as it happens.
    pub async fn kill(&mut self) {
        let Some(life) = self.life.take() else { return };
        life.port.cut();
        self.now = life.clock.now();
        // The dead one's writer must have let go of the file before the next one opens it.
        life.engine.stop().await;
        let gone = Arc::downgrade(life.engine.store());
        drop(life);
        eventually("the dead daemon has let go of its store", || async { gone.upgrade().is_none().then_some(()) })
            .await;
    }

    /// Kills the daemon and starts another over the same files. Links of before are gone.
    pub async fn restart(&mut self) {
        self.kill().await;
        self.life = Some(live(&self.files, &self.config, self.now).await);
    }

    /// Moves the clock, and waits until whoever woke has had its turn.
    pub async fn advance(&self, by: Duration) {
        self.life().hand.advance(by);
        self.calm().await;
    }

    /// Sets the clock back, and waits until whoever woke has had its turn.
    pub async fn set_back(&self, by: Duration) {
        self.life().hand.set_back(by);
        self.calm().await;
    }

    /// Kills the daemon, lets time pass, and starts another over the same files.
    pub async fn sleep(&mut self, by: Duration) {
        self.kill().await;
        self.now = self.now.plus_ms(u64::try_from(by.as_millis()).unwrap_or(u64::MAX));
        self.life = Some(live(&self.files, &self.config, self.now).await);
    }

    /// The time of the world.
    pub fn now(&self) -> TimestampMs {
        self.life.as_ref().map_or(self.now, |life| life.clock.now())
    }

    /// Waits until nothing moves any more: for showing that something does *not* happen.
    pub async fn calm(&self) {
        let life = self.life();
        let mut quiet = 0;
        let mut seen = None;
        while quiet < 3 {
            // Once through the writer and the router, once through a reader, and all that stands in line between.
            let describe = command::SessionDescribe {
                session: Address::Session(self.human.home),
                description: Some("calm".into()),
                roles: None,
                project: None,
            };
            self.call(&self.human, Command::SessionDescribe(describe)).await.reply();
            self.call(&self.human, Command::Whoami(command::Whoami {})).await.reply();
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            let count = *life.port.changed().borrow();
            quiet = if seen == Some(count) { quiet + 1 } else { 0 };
            seen = Some(count);
        }
    }

    // ---- who ----

    /// Makes an agent of the circle `main`; its home session has its name.
    pub async fn agent(&self, name: &str) -> Arc<Principal> {
        self.token(name, PrincipalKind::Agent, None).await
    }

    /// Makes a principal by a command of the human's, and authenticates with the new secret.
    pub async fn token(&self, name: &str, kind: PrincipalKind, circles: Option<&[&str]>) -> Arc<Principal> {
        let circles = circles.map(|circles| circles.iter().map(|&circle| circle.to_owned()).collect());
        let create = command::TokenCreate { name: name.to_owned(), kind, scopes: None, circles, expires_in_ms: None };
        match self.call(&self.human, Command::TokenCreate(create)).await {
            Ok(Reply::TokenCreated(created)) => self.authenticate(&created.secret).expect("a new token is good"),
            other => panic!("wanted a token, found {other:?}"),
        }
    }

    /// Returns whose secret it is.
    pub fn authenticate(&self, secret: &str) -> Option<Arc<Principal>> {
        self.engine().door.authenticate(secret)
    }

    /// Opens a link that has not said hello.
    pub fn link(&self, who: &Arc<Principal>) -> Client {
        Client::open(self.life(), who)
    }

    /// Opens a link over which a plugin speaks for itself.
    pub fn own_link(&self, plugin: &str) -> Result<Client, Refusal> {
        Client::open_own(self.life(), plugin)
    }

    /// Changes the configuration of the next daemon.
    pub fn configure(&mut self, change: impl FnOnce(&mut Config)) {
        change(&mut self.config);
    }

    /// Opens a link and attaches it to the principal's home session.
    pub async fn attach(&self, who: &Arc<Principal>) -> Client {
        let client = self.link(who);
        client.attach().await;
        client
    }

    // ---- commands without a link, as over HTTP ----

    /// Gives a command and waits for its outcome.
    pub async fn call(&self, who: &Arc<Principal>, command: Command) -> Outcome {
        self.call_once(who, None, command).await
    }

    /// Gives a command with an idempotency key.
    pub async fn call_once(&self, who: &Arc<Principal>, key: Option<&str>, command: Command) -> Outcome {
        let name = command.name();
        let dispatched = self.engine().door.dispatch(who, Origin::default(), key.map(str::to_owned), command);
        match tokio::time::timeout(LIMIT, dispatched).await {
            Ok(outcome) => outcome,
            Err(_) => panic!("`{name}` was not answered within {LIMIT:?}"),
        }
    }

    /// Tells `to` something.
    pub async fn notify(&self, from: &Arc<Principal>, to: &str, text: &str) -> Accepted {
        self.call(from, notify(to, text)).await.accepted()
    }

    /// Asks `to` something.
    pub async fn ask(&self, from: &Arc<Principal>, to: &str, text: &str) -> Accepted {
        self.call(from, ask(to, text)).await.accepted()
    }

    /// Answers an ask, or just closes it.
    pub async fn ack(&self, by: &Arc<Principal>, ask: MessageId, text: Option<&str>) -> Outcome {
        let ack = command::Ack { ask, text: text.map(str::to_owned), sender: None, decline: false };
        self.call(by, Command::Ack(ack)).await
    }

    /// Tells the circle something.
    pub async fn broadcast(&self, from: &Arc<Principal>, text: &str, exclude: &[&str]) -> Accepted {
        let exclude = exclude.iter().map(|name| address(name)).collect();
        let text = text.to_owned();
        let broadcast = command::Broadcast { text, circle: None, exclude, sender: None, expires_in_ms: None };
        self.call(from, Command::Broadcast(broadcast)).await.accepted()
    }

    /// Withdraws a message.
    pub async fn cancel(&self, by: &Arc<Principal>, message: MessageId) -> Outcome {
        self.call(by, Command::Cancel(command::MessageRef { message })).await
    }

    /// Reports as a hook of an agent program does.
    pub async fn report(&self, by: &Arc<Principal>, report: Report) -> Reported {
        match self.call(by, Command::Report(Box::new(report))).await.reply() {
            Reply::Reported(told) => told,
            other => panic!("another reply: {other:?}"),
        }
    }

    /// Reads what waits in the principal's home session.
    pub async fn inbox(&self, who: &Arc<Principal>) -> InboxPage {
        self.call(who, Command::Inbox(command::Inbox::default())).await.inbox()
    }

    /// Reads everything that ever came into a lane of the principal's home session.
    pub async fn lane(&self, who: &Arc<Principal>, lane: Lane) -> InboxPage {
        let inbox = command::Inbox { lane: Some(lane), after: Some(0), limit: Some(200), session: None };
        self.call(who, Command::Inbox(inbox)).await.inbox()
    }

    /// Tells where a message went.
    pub async fn trace(&self, by: &Arc<Principal>, message: MessageId) -> Trace {
        self.call(by, Command::Trace(command::MessageRef { message })).await.trace()
    }

    /// Opens a session.
    pub async fn open(&self, by: &Arc<Principal>, title: &str) -> SessionView {
        let open = command::SessionOpen { title: title.to_owned(), ..command::SessionOpen::default() };
        self.call(by, Command::SessionOpen(open)).await.session()
    }

    /// Shows a session.
    pub async fn session(&self, id: SessionId) -> SessionView {
        let get = command::SessionRef { session: Address::Session(id) };
        self.call(&self.human, Command::SessionGet(get)).await.session()
    }

    /// Reads what is kept of what a session's agent is at.
    pub fn progress(&self, id: SessionId) -> tieline_model::session::progress::Progress {
        let read = self.engine().door.shared().readers.take().agent_progress(id);
        read.unwrap_or_else(|error| panic!("no progress: {error}"))
    }

    /// Reads a session's whole timeline.
    pub async fn timeline(&self, id: SessionId) -> Vec<Event> {
        let shared = self.engine().door.shared();
        let read = shared.readers.take().timeline(id, 0, 100_000);
        read.unwrap_or_else(|error| panic!("no timeline: {error}"))
    }
}

/// A notify.
pub fn notify(to: &str, text: &str) -> Command {
    let (to, text) = (address(to), text.to_owned());
    Command::Notify(command::Notify::new(to, text))
}

/// An ask.
pub fn ask(to: &str, text: &str) -> Command {
    let (to, text) = (address(to), text.to_owned());
    Command::Ask(command::Ask::new(to, text))
}

fn database(files: &TempDir) -> PathBuf {
    files.path().join("tieline.db")
}

async fn live(files: &TempDir, config: &Config, now: TimestampMs) -> Arc<Life> {
    let options = Options {
        path: database(files),
        // Nobody cuts the power of a test, and the disk of a test machine is slow.
        synchronous: Synchronous::Normal,
        readers: config.store.readers,
        wal_limit_bytes: config.store.wal_limit_mib << 20,
    };
    let store = Store::open(options).expect("the store opens");
    let (clock, hand) = Clock::simulated(now);
    let on_fatal = |error| panic!("the disk did not keep its word: {error}");
    let engine = Engine::start(store, config.clone(), clock.clone(), on_fatal).await.expect("the engine starts");
    let port = Arc::new(Recorder::default());
    engine.connect(port.clone());
    Arc::new(Life { engine, port, clock, hand })
}
