//! Puts the engine together, and takes it down in the right order.

use std::sync::{Arc, PoisonError};

use actix::Actor;
use tieline_config::Config;
use tieline_model::{Principal, PrincipalKind, TimestampMs, address::DEFAULT_CIRCLE, route::Entry};
use tieline_store::{OpenError, Store, StoreError, Writer};
use tokio::sync::mpsc;

use crate::{
    auth, calendar,
    clock::Clock,
    credential,
    door::Door,
    job::{EngineJob, Work},
    links::Links,
    mesh,
    observe::Observer,
    port::Port,
    request::ReplyTo,
    retention,
    router::{Committed, Router},
    runtimes,
    scheduler::Scheduler,
    search::Search,
    session::Registry,
    shared::Shared,
    supervise::{Kept, Restarts, Verdict},
};

/// How many jobs may wait for the writer.
const WRITER_QUEUE: usize = 16_384;
/// How many committed batches may wait for the router.
const ROUTER_QUEUE: usize = 64;

/// Why the engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The database could not be read.
    #[error("the database could not be read: {0}")]
    Read(#[from] StoreError),
    /// Secrets that the configuration names cannot be looked for.
    #[error("secrets of `redaction.prefixes` cannot be looked for: {0}")]
    Redaction(String),
    /// The daemon's own session could not be made.
    #[error("the daemon's own session could not be made: {0}")]
    Mesh(String),
    /// The first principals could not be made.
    #[error("the first tokens could not be made: {0}")]
    First(String),
}

/// A running engine. It has to be started on an actix system's thread.
#[derive(Debug)]
pub struct Engine {
    /// The way in.
    pub door: Door,
    /// The ear for links.
    pub links: Links,
    store: Arc<Store>,
    writer: Writer<EngineJob>,
    scheduler: Kept<Scheduler>,
}

impl Engine {
    /// Starts the engine over an open store.
    ///
    /// `on_fatal` is called when the disk did not keep its word; it should end the process.
    pub async fn start(
        store: Store,
        config: Config,
        clock: Clock,
        on_fatal: impl Fn(StoreError) + Send + Clone + 'static,
    ) -> Result<Self, StartError> {
        let store = Arc::new(store);
        let shared = Arc::new(Shared::new(config, clock, &store).map_err(StartError::Redaction)?);
        load(&shared)?;
        let (committed, batches) = mpsc::channel(ROUTER_QUEUE);
        let of_writer = Arc::clone(&shared);
        let on_commit = move |jobs: Vec<EngineJob>| {
            of_writer.leases.commit();
            of_writer.search.committed();
            jobs.iter().for_each(|job| job.committed(&of_writer));
            // The writer waits for the router here: that is the back-pressure. An error means shutdown.
            if committed.blocking_send(jobs).is_err() {
                tracing::debug!("a batch was committed after the router had stopped");
            }
        };
        let writer = Writer::start(&store, WRITER_QUEUE, shared.config.store.batch, on_commit, on_fatal)?;
        let door = Door::new(&shared, writer.clone(), Arc::new(Registry::default()), actix::Arbiter::current());
        let scheduler = Kept::<Scheduler>::default();
        let (for_shared, for_door) = (Arc::clone(&shared), door.clone());
        let make = move |alive| Scheduler::new(&for_shared, &for_door, alive);
        actix::spawn(scheduler.clone().keep(Arc::clone(&shared), make));
        let router = Kept::<Router>::default();
        actix::spawn(run_router(Arc::clone(&shared), door.clone(), scheduler.clone(), router.clone(), batches));
        let links = Links::new(&shared, &door, router);
        mesh::open(&shared, &door).await?;
        actix::spawn(retention::keep(door.clone()));
        actix::spawn(calendar::keep(door.clone()));
        actix::spawn(runtimes::keep(door.clone()));
        Ok(Self { door, links, store, writer, scheduler })
    }

    /// Connects the transports.
    pub fn connect(&self, port: Arc<dyn Port>) {
        self.door.shared().connect(port);
    }

    /// Makes a principal with its home session and a token for `secret`. For the first start only: later ones are
    /// made by the command `token_create`.
    pub async fn issue(&self, kind: PrincipalKind, name: &str, secret: &str) -> Result<Principal, StartError> {
        let principal = self.newcomer(kind, name);
        self.issue_all(vec![(principal.clone(), secret.to_owned())]).await?;
        Ok(principal)
    }

    /// Prepares a principal. Nobody knows it before [`Self::issue_all`].
    pub fn newcomer(&self, kind: PrincipalKind, name: &str) -> Principal {
        let mint = &self.door.shared().mint;
        Principal {
            id: mint.principal(),
            kind,
            name: name.to_owned(),
            scopes: kind.default_scopes(),
            circles: vec![DEFAULT_CIRCLE.to_owned()],
            home: mint.session(),
        }
    }

    /// Makes these principals, each with a token for its secret, in one step: a crash leaves all of them or none.
    pub async fn issue_all(&self, principals: Vec<(Principal, String)>) -> Result<(), StartError> {
        let (reply, outcome) = ReplyTo::caller(self.door.shared());
        if !self.door.submit(Work::Issue { principals, reply }) {
            return Err(StartError::First("the store takes nothing".into()));
        }
        match outcome.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(failure)) => Err(StartError::First(failure.into_message())),
            Err(error) => Err(StartError::First(error.to_string())),
        }
    }

    /// Tells whether nobody is known yet: this is the first start.
    pub fn is_first_start(&self) -> Result<bool, StartError> {
        Ok(self.store.readers().take().tokens()?.is_empty())
    }

    /// Makes a new secret.
    pub fn new_secret(&self) -> Result<String, StartError> {
        let bytes = self.door.shared().mint.secret().map_err(|error| StartError::First(error.to_string()))?;
        Ok(auth::secret_text(bytes))
    }

    /// Returns what reads the actors' states.
    pub fn observer(&self) -> Observer {
        Observer::new(&self.door, &self.links, &self.scheduler, &self.writer)
    }

    /// Returns what finds events by their words.
    pub fn search(&self) -> &Search {
        &self.door.shared().search
    }

    /// Returns the open store.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Says no to what is new; what was accepted before is still answered.
    pub fn drain(&self) {
        self.door.shared().drain();
    }

    /// Commits what waits and ends the writer and the indexer. Call [`Self::drain`] before, and nothing after.
    pub async fn stop(&self) {
        self.drain();
        let (writer, shared) = (self.writer.clone(), Arc::clone(self.door.shared()));
        let stop = move || {
            writer.stop();
            shared.search.stop();
        };
        if let Err(error) = self.door.shared().runtime.spawn_blocking(stop).await {
            tracing::error!(%error, "the writer did not stop");
        }
    }

    /// Returns gauges for the metrics page: name, help, value.
    pub fn gauges(door: &Door) -> [(&'static str, &'static str, u64); 5] {
        let (links, writers) = door.shared().presence.counts();
        [
            ("tieline_links", "Open links.", links as u64),
            ("tieline_writers", "Sessions with a writer.", writers as u64),
            ("tieline_session_actors", "Session actors that run.", door.active_sessions() as u64),
            (
                "tieline_events_cursor",
                "Cursor of the newest event.",
                u64::try_from(*door.shared().feed.borrow()).unwrap_or_default(),
            ),
            (
                "tieline_search_behind",
                "Events that are not in the search index yet.",
                door.shared().search.behind(*door.shared().feed.borrow()),
            ),
        ]
    }
}

/// Reads sessions, tokens and the newest cursor.
fn load(shared: &Arc<Shared>) -> Result<(), StoreError> {
    let mut reader = shared.readers.take();
    let mut directory = shared.directory.write().unwrap_or_else(PoisonError::into_inner);
    for view in reader.sessions()? {
        if view.owner == Shared::system().id {
            shared.keep_mesh(view.id);
        }
        let is_open = view.state.takes_messages();
        directory.insert(Entry { id: view.id, title: view.title, circle: view.circle, roles: view.roles, is_open });
    }
    for row in reader.tokens()?.into_iter().filter(|row| row.revoked_at.is_none()) {
        shared.tokens.insert(row.id, row.hash, Arc::new(row.principal), row.expires_at);
        credential::ends_at(shared, row.id, row.expires_at);
    }
    for (session, runtime) in reader.runtimes()? {
        shared.runtimes.note(session, &runtime);
    }
    for principal in reader.principals(PrincipalKind::Plugin)? {
        shared.plugin_principals.know(principal);
    }
    shared.feed.send_replace(reader.last_cursor()?);
    Ok(())
}

/// Keeps a router running and feeds it what was committed.
async fn run_router(
    shared: Arc<Shared>,
    door: Door,
    scheduler: Kept<Scheduler>,
    handle: Kept<Router>,
    mut batches: mpsc::Receiver<Vec<EngineJob>>,
) {
    let mut restarts = Restarts::default();
    let start = || {
        let router = Router::new(&shared, &door, scheduler.clone()).start();
        handle.set(Some(router.clone()));
        router
    };
    let mut router = start();
    while let Some(jobs) = batches.recv().await {
        if router.send(Committed(jobs)).await.is_ok() {
            continue;
        }
        // Its jobs answered themselves with a fault when they were dropped; the next router starts from the store.
        shared.fault("the router died");
        let now: TimestampMs = shared.clock.now();
        match restarts.died(now) {
            Verdict::After(ms) => shared.clock.sleep_until(now.plus_ms(ms)).await,
            Verdict::Tripped => {
                shared.fault("the router keeps dying; the daemon stops taking commands");
                shared.drain();
                return;
            }
        }
        router = start();
    }
    handle.set(None);
}
