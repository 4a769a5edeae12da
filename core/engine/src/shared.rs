//! What every part of the engine sees: the store, the clock, and the soft state that can be lost.

use std::sync::{
    Arc, OnceLock, PoisonError, RwLock,
    atomic::{AtomicU32, AtomicU64, Ordering},
};

use tieline_config::Config;
use tieline_model::{Fault, LinkId, Principal, PrincipalKind, SessionId, route::Directory};
use tieline_store::Readers;
use tokio::sync::watch;

use crate::{
    auth::Tokens,
    brakes::Brakes,
    clock::{Clock, Mint},
    incidents::Incidents,
    metrics::Metrics,
    plugin_principals::PluginPrincipals,
    port::{LinkMessage, Port},
    presence::{Leases, Presence},
    rate::Rates,
    redaction::Redaction,
    request::Request,
    runtimes::Runtimes,
    search::Search,
};

/// The state that the parts of the engine share.
pub struct Shared {
    /// Every limit.
    pub config: Config,
    /// The time.
    pub clock: Clock,
    /// Ids.
    pub mint: Mint,
    /// The lineage of the store's numbers.
    pub log_id: String,
    /// Connections that read.
    pub readers: Readers,
    /// Sessions by name.
    pub directory: RwLock<Directory>,
    /// Who is there.
    pub presence: Presence,
    /// Who writes.
    pub leases: Leases,
    /// Who is known.
    pub tokens: Tokens,
    /// Who speaks for plugins.
    pub plugin_principals: PluginPrincipals,
    /// Who asks how often.
    pub rates: Rates,
    /// What is taken out of texts before they are stored.
    pub redaction: Redaction,
    /// What stops agents that talk in circles.
    pub brakes: Brakes,
    /// What became of plugins and is not written down yet.
    pub incidents: Incidents,
    /// Finds events by their words.
    pub search: Search,
    /// The processes of agent programs that are looked after.
    pub runtimes: Runtimes,
    /// Held by whoever removes something: one at a time.
    pub purging: tokio::sync::Mutex<()>,
    /// What was done how often.
    pub metrics: Metrics,
    /// The cursor of the newest committed event: live readers wait on it.
    pub feed: watch::Sender<i64>,
    /// How often schedules have changed: the calendar waits on it.
    pub schedules: watch::Sender<u64>,
    /// How often in a row schedules could not be fired.
    pub fires_failed: AtomicU32,
    /// Where blocking reads run.
    pub runtime: tokio::runtime::Handle,
    port: OnceLock<Arc<dyn Port>>,
    mesh: OnceLock<SessionId>,
    next_link: AtomicU64,
    draining: watch::Sender<bool>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("log_id", &self.log_id).finish_non_exhaustive()
    }
}

impl Shared {
    /// Makes the state around an open store. The caller is on the runtime that blocking reads may use.
    ///
    /// # Errors
    /// When the configuration names secrets that cannot be looked for.
    pub fn new(config: Config, clock: Clock, store: &tieline_store::Store) -> Result<Self, String> {
        Ok(Self {
            mint: Mint::new(clock.clone()),
            rates: Rates::new(config.limits.clone()),
            redaction: Redaction::new(&config.redaction, store)?,
            brakes: Brakes::default(),
            plugin_principals: PluginPrincipals::new(config.plugins.clone()),
            config,
            clock,
            log_id: store.log_id().to_owned(),
            readers: store.readers().clone(),
            directory: RwLock::default(),
            presence: Presence::default(),
            leases: Leases::default(),
            tokens: Tokens::default(),
            incidents: Incidents::default(),
            search: Search::open(store),
            runtimes: Runtimes::default(),
            purging: tokio::sync::Mutex::default(),
            metrics: Metrics::default(),
            feed: watch::Sender::new(0),
            schedules: watch::Sender::new(0),
            fires_failed: AtomicU32::new(0),
            runtime: tokio::runtime::Handle::current(),
            port: OnceLock::new(),
            mesh: OnceLock::new(),
            next_link: AtomicU64::new(1),
            draining: watch::Sender::new(false),
        })
    }

    /// Connects the transports; only the first call counts.
    pub fn connect(&self, port: Arc<dyn Port>) {
        if self.port.set(port).is_err() {
            tracing::warn!("the transports were connected before");
        }
    }

    /// Returns the transports.
    pub fn port(&self) -> Option<&Arc<dyn Port>> {
        self.port.get()
    }

    /// Says which session is the daemon's own; only the first call counts.
    pub(crate) fn keep_mesh(&self, session: SessionId) {
        if self.mesh.set(session).is_err() {
            tracing::warn!("the daemon's own session was known before");
        }
    }

    /// Returns the session that a request means when it names none: the one its link is attached to, or the caller's home.
    pub fn usual(&self, request: &Request) -> SessionId {
        request.origin.link.and_then(|link| self.presence.session_of(link)).unwrap_or(request.principal.home)
    }

    /// Returns the daemon's own session, whose timeline is the log of the mesh. There is none before the engine runs.
    pub fn mesh(&self) -> Option<SessionId> {
        self.mesh.get().copied()
    }

    /// Hands messages that a transport always has room for: outcomes, skips, progress.
    pub fn to_link(&self, transport: &str, messages: Vec<LinkMessage>) {
        if let Some(port) = self.port.get() {
            let left = port.deliver(transport, messages);
            if !left.is_empty() {
                tracing::debug!(transport, count = left.len(), "a link was gone before its answer");
            }
        }
    }

    /// Returns a number for a new link.
    pub fn next_link(&self) -> LinkId {
        LinkId(self.next_link.fetch_add(1, Ordering::Relaxed))
    }

    /// Reads the directory.
    pub fn directory<T>(&self, f: impl FnOnce(&Directory) -> T) -> T {
        f(&self.directory.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns a session's title, or its id when it is not known.
    pub fn title(&self, session: SessionId) -> String {
        self.directory(|directory| directory.get(session).map(|entry| entry.title.clone()))
            .unwrap_or_else(|| session.to_string())
    }

    /// Returns the transports that can be asked to wake an agent program and are connected now, best first, each with
    /// its home session.
    pub fn wakers(&self) -> impl Iterator<Item = (String, SessionId)> + '_ {
        self.config.agents.wakers.iter().filter_map(|name| {
            let home = self.plugin_principals.home(name)?;
            self.presence.is_online(home).then(|| (name.clone(), home))
        })
    }

    /// Says that the daemon is shutting down.
    pub fn drain(&self) {
        self.draining.send_replace(true);
    }

    /// Tells whether the daemon is shutting down.
    pub fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// Waits until the daemon shuts down.
    pub async fn drained(&self) {
        // The sender lives as long as this.
        let _ = self.draining.subscribe().wait_for(|is_draining| *is_draining).await;
    }

    /// Logs something of ours that went wrong and returns what the caller gets to know of it.
    pub fn fault(&self, what: impl std::fmt::Display) -> Fault {
        let id = self.mint.fault();
        tracing::error!(fault = %id, what = %what, "a fault of ours");
        self.metrics.fault();
        Fault { id, message: format!("something of ours went wrong; the daemon's log has it as {id}") }
    }

    /// The principal of the daemon itself, for notices.
    pub fn system() -> Principal {
        Principal {
            id: tieline_model::PrincipalId::from_uuid(uuid::Uuid::nil()),
            kind: PrincipalKind::System,
            name: "tieline".into(),
            scopes: Vec::new(),
            circles: Vec::new(),
            home: SessionId::from_uuid(uuid::Uuid::nil()),
        }
    }
}
