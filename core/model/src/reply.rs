//! What a command that was carried out answers.

mod file;
mod job;
mod keep;
mod memory;
mod needs;
mod record;
mod runtime;
mod schedule;
mod search;
mod session;
mod timeline;
mod transcript;
mod watch;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    AskGroupId, DeliveryState, Lane, LinkId, Message, MessageId, Principal, PrincipalId, PrincipalKind, Scope,
    SessionId, TimestampMs, TokenId,
    ask::AskState,
    command::{AttachMode, Need},
    message::PerLane,
};

pub use file::{FileLeaseView, FileLeased, FileLeases, FileReleased};
pub use job::{JobTaken, JobView, Jobs};
pub use keep::{ImportedView, PurgedView};
pub use memory::{
    FileDiff, MemoryDiffView, MemoryFileView, MemoryLogView, MemoryRecordedView, MemoryView, ProposalState,
    ProposalView,
};
pub use needs::{NeedView, Needed, Needs, Thread, ThreadMessage, UrgencyView};
pub use record::RecordedView;
pub use runtime::{Reported, RuntimeFound, RuntimeView};
pub use schedule::{ScheduleRunView, ScheduleRuns, ScheduleView, Schedules, Upcoming};
pub use search::{ByteRange, FoundPage, Recalled, SearchHit};
pub use session::{Because, Parent, SessionState, SessionView, Sessions, Waiting, WaitingOn, Why};
pub use timeline::TimelinePage;
pub use transcript::{TranscriptView, Transcripts};
pub use watch::IdleWatched;

/// The answer to a command, tagged by what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// It is done; there is nothing more to say.
    Done(Done),
    /// A message is durable and ours to deliver.
    Accepted(Accepted),
    /// The asks of an `ask_many` are durable and ours to deliver.
    AcceptedMany(AcceptedMany),
    /// One session.
    Session(Box<SessionView>),
    /// A page of sessions.
    Sessions(Sessions),
    /// Why a session is as it is.
    Why(Box<Why>),
    /// The caller is attached.
    Attached(Attached),
    /// The peers that are attached.
    Peers(Peers),
    /// What waits in an inbox.
    Inbox(InboxPage),
    /// Where a message went.
    Trace(Trace),
    /// Messages that refer to each other.
    Thread(Thread),
    /// What waits for the caller.
    Needs(Needs),
    /// What happened, a page of it.
    Timeline(TimelinePage),
    /// What a search found, a page of it.
    Found(FoundPage),
    /// What is known of something, in short.
    Recalled(Recalled),
    /// Transcripts, as far as they were taken in.
    Transcripts(Transcripts),
    /// What was removed of a session.
    Purged(PurgedView),
    /// An exported timeline, as far as it was taken in.
    Imported(ImportedView),
    /// Activities are on a timeline.
    Recorded(RecordedView),
    /// A schedule.
    Schedule(ScheduleView),
    /// A page of schedules.
    Schedules(Schedules),
    /// A schedule was run by hand.
    ScheduleRun(ScheduleRunView),
    /// What became of the instants of a schedule.
    ScheduleRuns(ScheduleRuns),
    /// One job.
    Job(Box<JobView>),
    /// A page of jobs.
    Jobs(Jobs),
    /// The job that the caller has now, if one waited.
    JobTaken(JobTaken),
    /// The files that an agent works by are recorded.
    MemoryRecorded(MemoryRecordedView),
    /// A proposed change, as it stands.
    MemoryProposal(Box<ProposalView>),
    /// The files that a session works by.
    Memory(Box<MemoryView>),
    /// What changed between two events.
    MemoryDiff(MemoryDiffView),
    /// What happened to the memory of a session.
    MemoryLog(MemoryLogView),
    /// What a hook is told.
    Reported(Reported),
    /// The session of the agent program that the caller was started by, if it is known for certain.
    RuntimeFound(RuntimeFound),
    /// An agent program is watched, or was at rest already.
    IdleWatched(IdleWatched),
    /// Files are on lease.
    FileLeased(FileLeased),
    /// Leases on files were given back.
    FileReleased(FileReleased),
    /// The leases on files that hold now.
    FileLeases(FileLeases),
    /// Who the caller is.
    Whoami(Whoami),
    /// A new token, with its secret: shown this once.
    TokenCreated(TokenCreated),
    /// The tokens, without secrets.
    Tokens(Tokens),
    /// The plugins with their states.
    Plugins(Plugins),
    /// One plugin with its state.
    Plugin(PluginView),
    /// What a plugin has logged.
    PluginLogs(PluginLogs),
}

/// See [`Reply::Done`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Done {}

/// See [`Reply::Accepted`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Accepted {
    /// The message's id. For an ask, also its thread's.
    pub message: MessageId,
    /// Where it goes. A state here is never better than `accepted`: nothing else is known yet.
    pub deliveries: Vec<DeliveryView>,
    /// True for an answer that came after its ask was closed: it is delivered as late.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
}

/// See [`Reply::AcceptedMany`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AcceptedMany {
    /// Names the asks together.
    pub group: AskGroupId,
    /// How many answers are needed.
    pub need: Need,
    /// One ask per addressee.
    pub asks: Vec<Accepted>,
}

/// Whether a link could take a delivery when the command was accepted. Information, never a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reachability {
    /// A writer is attached over a live link.
    Online,
    /// None is: it waits in the inbox.
    Offline,
}

/// One delivery, as far as it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryView {
    /// To which session.
    pub session: SessionId,
    /// That session's title.
    pub title: String,
    /// In which lane.
    pub lane: Lane,
    /// Its number there.
    pub seq: u64,
    /// How far it has come.
    pub state: DeliveryState,
    /// Whether a link was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reachability: Option<Reachability>,
    /// How urgent it is taken, when its sender wants more than the next turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urgency: Option<UrgencyView>,
}

/// See [`Reply::Attached`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Attached {
    /// The session.
    pub session: SessionId,
    /// Its title.
    pub title: String,
    /// The caller.
    pub principal: PrincipalId,
    /// As what.
    pub mode: AttachMode,
    /// The writer's epoch: it grows with every attach. An observer sees the current one.
    pub epoch: u64,
    /// The newest number given out, per lane.
    pub heads: PerLane<u64>,
    /// Where delivery starts, per lane: the first one sent is the next after it.
    pub cursors: PerLane<u64>,
    /// How many deliveries may be in flight, per lane.
    pub credit: PerLane<u32>,
    /// The lineage of these numbers. Another one means that the log was restored.
    pub log_id: String,
}

/// See [`Reply::Peers`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Peers {
    /// One per attached link.
    pub peers: Vec<PeerView>,
}

/// One attached peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PeerView {
    /// Its session.
    pub session: SessionId,
    /// That session's title.
    pub title: String,
    /// Its link; absent for a peer that polls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkId>,
    /// The transport of the link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<String>,
    /// Who.
    pub principal: PrincipalId,
    /// As what.
    pub mode: AttachMode,
    /// The writer's epoch.
    pub epoch: u64,
    /// Since when.
    pub attached_at_ms: TimestampMs,
    /// Deliveries handed over and not yet acknowledged.
    pub in_flight: u64,
}

/// See [`Reply::Inbox`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InboxPage {
    /// Whose inbox.
    pub session: SessionId,
    /// What waits, most urgent lane first, in order.
    pub items: Vec<InboxItem>,
    /// The newest number given out, per lane.
    pub heads: PerLane<u64>,
    /// Everything up to here was delivered, per lane.
    pub delivered: PerLane<u64>,
    /// Whether there is more after this page.
    pub has_more: bool,
}

/// One message in an inbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InboxItem {
    /// In which lane.
    pub lane: Lane,
    /// Its number there.
    pub seq: u64,
    /// How far it has come.
    pub state: DeliveryState,
    /// The message.
    pub message: Message,
}

/// See [`Reply::Trace`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Trace {
    /// The message.
    pub message: Message,
    /// For an ask, where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<AskView>,
    /// Each delivery with the evidence for its states.
    pub deliveries: Vec<TraceDelivery>,
}

/// Where an ask stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AskView {
    /// Its state.
    pub state: AskState,
    /// Who asked.
    pub asker: SessionId,
    /// Who was asked.
    pub addressee: SessionId,
    /// The answer, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<MessageId>,
    /// When it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at_ms: Option<TimestampMs>,
}

/// One delivery of a trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TraceDelivery {
    /// The delivery.
    pub delivery: DeliveryView,
    /// What happened to it, oldest first.
    pub evidence: Vec<Evidence>,
}

/// The evidence for one state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// The state.
    pub state: DeliveryState,
    /// When it was recorded.
    pub at_ms: TimestampMs,
    /// What shows it, in words.
    pub what: String,
}

/// See [`Reply::Whoami`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Whoami {
    /// The caller.
    pub principal: Principal,
    /// The session that it speaks as when it names none; absent when that is not certain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The sessions it may speak as, its home first.
    pub sessions: Vec<SessionView>,
    /// The daemon's version.
    pub version: String,
}

/// See [`Reply::TokenCreated`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TokenCreated {
    /// The token's id.
    pub token: TokenId,
    /// Its principal.
    pub principal: Principal,
    /// What to send as `Authorization: Bearer …`. It is stored only as a hash.
    pub secret: String,
}

/// See [`Reply::Tokens`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tokens {
    /// Newest last.
    pub tokens: Vec<TokenView>,
}

/// One token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TokenView {
    /// Its id.
    pub token: TokenId,
    /// Its principal.
    pub principal: PrincipalId,
    /// The principal's name.
    pub name: String,
    /// The principal's kind.
    pub kind: PrincipalKind,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The circles it reaches.
    pub circles: Vec<String>,
    /// Its home session.
    pub home: SessionId,
    /// When it was made.
    pub created_at_ms: TimestampMs,
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at_ms: Option<TimestampMs>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at_ms: Option<TimestampMs>,
}

/// See [`Reply::Plugins`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Plugins {
    /// One per file found.
    pub plugins: Vec<PluginView>,
}

/// One plugin and how it fares.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct PluginView {
    /// Its name: its own, or made of that of its file while its own is not known.
    pub name: String,
    /// Its file.
    pub file: String,
    /// Its version, once it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `running`, `failed`, `quarantined`, …
    pub state: String,
    /// Where it runs: `in-process` or `process`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolation: Option<String>,
    /// At which step it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The number of its own process, while it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// What to do about it, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// The BLAKE3 hash of its file, once it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// What lies in the plugin folder now and has not taken its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<PendingPlugin>,
    /// Since when it is in this state.
    #[serde(default)]
    pub since_ms: TimestampMs,
    /// How often it was started again after it had died.
    #[serde(default)]
    pub restarts: u32,
    /// How often it was loaded again, from the same file or another.
    #[serde(default)]
    pub reloads: u32,
}

/// A file that waits to take the place of one that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PendingPlugin {
    /// Its BLAKE3 hash, once it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// At which step it failed.
    pub step: String,
    /// Why, in words.
    pub reason: String,
}

/// See [`Reply::PluginLogs`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct PluginLogs {
    /// Whose.
    pub name: String,
    /// Oldest first.
    pub records: Vec<PluginLogRecord>,
}

/// One thing that a plugin has logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PluginLogRecord {
    /// Its number among the plugin's records of this daemon's life, from 1.
    pub seq: u64,
    /// When it came.
    pub at_ms: TimestampMs,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
    /// The part of the plugin that speaks.
    pub target: String,
    /// What it says: an object, the text in `message`.
    pub fields: serde_json::Value,
}
