//! The typed configuration. What each key means stands in `default.toml`; here are only the shapes.

use serde::{Deserialize, Deserializer, de::Error};
use std::{collections::BTreeMap, fmt, net::SocketAddr, ops::Deref, path::PathBuf};

/// The whole configuration, every value present and checked.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Listeners and what they let in.
    pub server: Server,
    /// The database.
    pub store: Store,
    /// What one principal, session or link may use.
    pub limits: Limits,
    /// Sending again, and giving up.
    pub delivery: Delivery,
    /// Which plugins run, and the settings of each.
    pub plugins: Plugins,
    /// How asks are cared for.
    pub asks: Asks,
    /// How agent programs are woken.
    pub agents: Agents,
    /// Which agent programs may be started, and where.
    pub spawn: Spawn,
    /// What is taken out of texts before they are stored.
    pub redaction: Redaction,
    /// How long things are kept.
    pub retention: Retention,
    /// What stops agents that talk in circles.
    pub brakes: Brakes,
    /// The daemon's own log.
    pub log: Log,
}

/// `[server]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Address of the TCP listener, always loopback.
    pub listen: SocketAddr,
    /// Unix socket, when it is not at its usual place in the run directory.
    #[serde(deserialize_with = "empty_as_none")]
    pub socket: Option<PathBuf>,
    /// Further `Host` names.
    pub allowed_hosts: Vec<String>,
    /// Further web origins.
    pub allowed_origins: Vec<String>,
    /// Serving threads.
    pub workers: usize,
    /// Largest body or frame.
    pub max_body_bytes: usize,
    /// Connections open at once.
    pub max_connections: usize,
    /// Patience at shutdown.
    pub drain_ms: u64,
    /// Patience for a hello.
    pub hello_ms: u64,
    /// Patience for a transport's answer to a webhook.
    pub webhook_ms: u64,
}

/// `[store]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// Size of the write-ahead log that forces a checkpoint.
    pub wal_limit_mib: u64,
    /// Read-only connections.
    pub readers: usize,
    /// Commands per commit, at most.
    pub batch: usize,
    /// What a commit survives.
    pub synchronous: Synchronous,
}

/// What a commit survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Synchronous {
    /// A power cut.
    Full,
    /// A crash of the program.
    Normal,
}

/// `[limits]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Longest text of a message.
    pub text_bytes: usize,
    /// Messages waiting in one inbox.
    pub inbox_messages: u64,
    /// Bytes waiting in one inbox.
    pub inbox_bytes: u64,
    /// Unanswered asks per sender and per session.
    pub open_asks: u32,
    /// Targets of one `ask_many`.
    pub recipients: usize,
    /// Life of a message by default.
    pub ttl_ms: u64,
    /// Life of a broadcast by default.
    pub broadcast_ttl_ms: u64,
    /// Longest life that may be asked for.
    pub max_ttl_ms: u64,
    /// Unconfirmed messages per lane.
    pub credit: u32,
    /// Running commands per link.
    pub in_flight: u32,
    /// Sending rates by kind of principal.
    pub rates: Rates,
    /// How often one agent may broadcast.
    pub broadcast_rate: BroadcastRate,
}

/// `[asks]`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asks {
    /// Reminders of one ask, at most.
    pub reminders: u32,
    /// How long after an ask its addressee is reminded first.
    pub first_reminder_ms: u64,
}

/// `[agents]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agents {
    /// Transports that are asked to wake an idle agent program, best first.
    pub wakers: Vec<String>,
    /// How long a transport has until a turn begins.
    pub wake_timeout_ms: u64,
    /// How long after all of them were tried in vain they are tried again.
    pub wake_again_ms: u64,
}

/// `[spawn]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spawn {
    /// Folders below which programs may be started.
    pub roots: Vec<String>,
    /// Ways to start one: a name, the program, and the words.
    pub profiles: Vec<String>,
    /// The transport that does it.
    pub by: String,
    /// How many one principal may start in an hour.
    pub per_hour: u32,
    /// How many of one principal may run.
    pub live: u32,
    /// How many spawned sessions may lead to one.
    pub depth: u32,
}

/// `[brakes]`: for agents that talk in circles. A 0 lifts a brake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Brakes {
    /// Messages that refer to each other, one after the other.
    pub hops: u32,
    /// Messages a minute from one session to another, in the long run.
    pub pair_per_minute: u32,
    /// The same at once.
    pub pair_burst: u32,
    /// How long the same words are not taken twice.
    pub duplicate_ms: u64,
    /// How long thanks are not thanked for.
    pub acknowledgement_ms: u64,
}

/// `[retention]`: how long things are kept, in days; 0 for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Events of timelines.
    pub events_days: u64,
    /// The words of messages.
    pub messages_days: u64,
    /// Sessions that are closed or archived.
    pub archived_days: u64,
    /// What commands with an idempotency key were answered.
    pub outcomes_days: u64,
}

/// `[redaction]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redaction {
    /// Whether secrets are taken out of what is stored.
    pub enabled: bool,
    /// What secrets of one's own begin with.
    pub prefixes: Vec<String>,
}

/// `[limits.rates]`: one rate per kind of principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// A person.
    pub human: Rate,
    /// An agent.
    pub agent: Rate,
    /// A program with its own token.
    pub service: Rate,
    /// A plugin that speaks for itself.
    pub plugin: Rate,
}

/// A token bucket: refilled `per_second`, holding at most `burst`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Messages a second in the long run.
    pub per_second: u32,
    /// Messages at once.
    pub burst: u32,
}

/// A token bucket for broadcasts: refilled `per_minute`, holding at most `burst`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BroadcastRate {
    /// Broadcasts a minute in the long run.
    pub per_minute: u32,
    /// Broadcasts at once.
    pub burst: u32,
}

/// `[delivery]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// Patience for a receipt.
    pub ack_wait_ms: u64,
    /// Sends before a message is a dead letter.
    pub max_attempts: u32,
    /// First wait between two sends.
    pub retry_min_ms: u64,
    /// Longest wait between two sends.
    pub retry_max_ms: u64,
}

/// `[plugins]`: its own keys, and the settings of each plugin, by the name in its manifest. A plugin without an entry has
/// [`Plugin::default`].
#[derive(Clone, Debug, PartialEq)]
pub struct Plugins {
    /// Which files run without being asked about.
    pub trust: Trust,
    named: BTreeMap<String, Plugin>,
}

/// The settings of each plugin.
impl Deref for Plugins {
    type Target = BTreeMap<String, Plugin>;

    fn deref(&self) -> &BTreeMap<String, Plugin> {
        &self.named
    }
}

impl<'de> Deserialize<'de> for Plugins {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut table = toml::Table::deserialize(deserializer)?;
        let trust = table.remove("trust").ok_or_else(|| D::Error::missing_field("trust"))?;
        let named = table.into_iter().map(|(name, value)| Ok((name, value.try_into().map_err(D::Error::custom)?)));
        Ok(Self { trust: trust.try_into().map_err(D::Error::custom)?, named: named.collect::<Result<_, D::Error>>()? })
    }
}

/// Which files of plugins run without being asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// None.
    Ask,
    /// Those that came with the daemon.
    FirstParty,
    /// All that nobody else can have written.
    Any,
}

/// `[plugins.NAME]`
#[derive(Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Plugin {
    /// Whether it is loaded.
    pub enabled: bool,
    /// Where it runs; without a word, the host's rule for stock and other plugins holds.
    pub isolation: Option<Isolation>,
    /// Memory of its process.
    pub memory_mib: u64,
    /// Descriptors of its process.
    pub open_files: u64,
    /// What it may do over links of its own.
    pub scopes: Vec<String>,
    /// The circle of its home session.
    pub circle: String,
    /// What the plugin itself is told.
    pub settings: toml::Table,
}

impl Default for Plugin {
    fn default() -> Self {
        // The first seven are what an agent may do, too.
        let scopes = crate::key::PLUGIN_SCOPES.iter().take(7).map(|scope| (*scope).to_owned()).collect();
        let circle = "main".to_owned();
        Self {
            enabled: true,
            isolation: None,
            memory_mib: 512,
            open_files: 256,
            scopes,
            circle,
            settings: toml::Table::new(),
        }
    }
}

impl Plugin {
    /// Returns the settings as JSON, which is what a plugin is started with. Dates become text.
    pub fn settings_json(&self) -> serde_json::Value {
        crate::show::json(&toml::Value::Table(self.settings.clone()))
    }
}

/// Settings may hold secrets, so they stay out of every `{:?}`.
impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.settings.keys().collect();
        f.debug_struct("Plugin")
            .field("enabled", &self.enabled)
            .field("isolation", &self.isolation)
            .field("memory_mib", &self.memory_mib)
            .field("open_files", &self.open_files)
            .field("scopes", &self.scopes)
            .field("circle", &self.circle)
            .field("settings", &keys)
            .finish()
    }
}

/// Where a plugin runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// In the daemon.
    InProcess,
    /// In a child process of its own.
    Process,
}

/// `[log]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// Levels, in the form that `tracing` reads.
    pub filter: String,
    /// How a line looks.
    pub format: Format,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

impl Default for Config {
    /// Returns the defaults of `default.toml`.
    fn default() -> Self {
        crate::load(&crate::Layers::default()).expect("default.toml passes its own checks, which a test shows").config
    }
}

fn empty_as_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok((!text.is_empty()).then(|| PathBuf::from(text)))
}
