//! Everything that can be asked of Tieline, as one enum.
//!
//! HTTP, MCP, CLI, dashboard, schedules and a peer's frames all speak it. The JSON form is externally
//! tagged, as in `{"notify":{"to":"review","text":"done"}}`, and unknown fields are refused.

mod asking;
mod file;
mod job;
mod keep;
mod lifecycle;
mod memory;
mod record;
mod runtime;
mod schedule;
mod search;
mod spawn;
mod timeline;
mod transcript;
mod watch;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Address, AskGroupId, DeliveryState, Lane, LinkId, MessageId, PrincipalKind, Scope, SessionId, TokenId,
    message::PerLane, reply::SessionState,
};

pub use asking::{Escalation, Need, NeedsYou, Urgency};
pub use file::{FileLease, FileLeases, FileRelease};
pub use job::{Executor, JobCancel, JobCreate, JobFinish, JobList, JobRef, JobRenew, JobRetry, JobTake};
pub use keep::{ExportOrigin, ImportItem, Imported, SessionImport, SessionPurge};
pub use lifecycle::{SessionBudget, SessionFork, SessionHandOver, SessionLabel, SessionMerge, SessionMove, SessionPin};
pub use memory::{MemoryDecide, MemoryDiff, MemoryLog, MemoryPropose, MemoryShow, MemorySnapshot, MemoryText};
pub use record::{Happened, Record};
pub use runtime::{Report, RuntimeFind};
pub use schedule::{ScheduleCreate, ScheduleHistory, ScheduleList, ScheduleRef};
pub use search::{Recall, Search};
pub use spawn::Spawn;
pub use timeline::Timeline;
pub use transcript::{TranscriptLine, TranscriptList, TranscriptRecord};
pub use watch::IdleWatch;

/// One thing asked of the mesh.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Open a session: a durable unit of work that messages can be sent to.
    SessionOpen(SessionOpen),
    /// Close a session. Its open asks are orphaned and their askers told.
    SessionClose(SessionRef),
    /// Give a session another title.
    SessionRename(SessionRename),
    /// Change what a session says about itself.
    SessionDescribe(SessionDescribe),
    /// Give a session labels, or take them away.
    SessionLabel(SessionLabel),
    /// Show a session before others, or no longer.
    SessionPin(SessionPin),
    /// Move a session to another circle.
    SessionMove(SessionMove),
    /// Hand a session over: another principal may write for it from then on, and the caller no longer.
    SessionHandOver(SessionHandOver),
    /// Put a session away. It takes no messages until it is restored; its open asks are orphaned and their askers told.
    SessionArchive(SessionRef),
    /// Open a session again that was put away or closed.
    SessionRestore(SessionRef),
    /// Remove what a session said and did, so that no trace of the words is left. Humans only.
    SessionPurge(SessionPurge),
    /// Take in a timeline that was exported, as history: nobody gets its messages again.
    SessionImport(SessionImport),
    /// Open a session that goes on from an event of another.
    SessionFork(SessionFork),
    /// Tell the session that one was forked from what came of it.
    SessionMerge(SessionMerge),
    /// Limit what a session and its forks may use; who is over it may send nothing more.
    SessionBudget(SessionBudget),
    /// Tell why a session is as it is: on whom it waits, and they, with the evidence.
    Why(SessionRef),
    /// List sessions in reach.
    SessionList(SessionList),
    /// Show one session.
    SessionGet(SessionRef),
    /// Attach the caller to a session, as its writer or as an observer.
    PeerAttach(PeerAttach),
    /// Detach the caller from a session.
    PeerDetach(PeerDetach),
    /// List the peers that are attached now.
    PeerList(PeerList),
    /// Ask a session; the answer comes to your inbox.
    Ask(Ask),
    /// Answer an ask; without text it is just closed.
    Ack(Ack),
    /// Tell a session something; no answer is expected.
    Notify(Notify),
    /// Tell every open session of a circle something, offline ones included.
    Broadcast(Broadcast),
    /// Ask several sessions at once.
    AskMany(AskMany),
    /// Withdraw a message that has not been delivered, or an ask that has not been answered.
    Cancel(MessageRef),
    /// Read what waits in an inbox. Changes nothing.
    Inbox(Inbox),
    /// Say how far messages were delivered or seen.
    Receipt(Receipt),
    /// Tell where a message went, with the evidence for each state.
    Trace(MessageRef),
    /// Show the messages that refer to each other, from the first one on.
    Thread(MessageRef),
    /// List what waits for the caller: asks, approvals, plugins that need help.
    NeedsYou(NeedsYou),
    /// Read what happened in sessions, a page at a time, in either direction.
    Timeline(Timeline),
    /// Find what was said and done in any session in reach, the best of the newest first.
    Search(Search),
    /// Look up what is known of something: a short digest of what was said and done in all sessions in reach, with links.
    Recall(Recall),
    /// Put on an own session's timeline what its agent did: turns, tool calls, changed files, costs, notes.
    Record(Record),
    /// Have a command given at a time, or again and again.
    ScheduleCreate(ScheduleCreate),
    /// List the schedules in reach.
    ScheduleList(ScheduleList),
    /// Show one schedule with its next five times.
    ScheduleGet(ScheduleRef),
    /// Pause a schedule. Instants until it is resumed are left out.
    SchedulePause(ScheduleRef),
    /// Resume a schedule that was paused.
    ScheduleResume(ScheduleRef),
    /// Give the command of a schedule now, out of turn.
    ScheduleRun(ScheduleRef),
    /// End a schedule for good.
    ScheduleCancel(ScheduleRef),
    /// Read what became of the instants of a schedule, with lateness and misses.
    ScheduleHistory(ScheduleHistory),
    /// Take in lines of a transcript that an agent program wrote.
    TranscriptRecord(TranscriptRecord),
    /// List the transcripts that were taken in.
    TranscriptList(TranscriptList),
    /// Give a session a job, or a new session that is opened for it: a piece of work that is kept until it has ended.
    JobCreate(JobCreate),
    /// Take the next job that waits for an own session, on a lease.
    JobTake(JobTake),
    /// Keep a job that was taken for longer.
    JobRenew(JobRenew),
    /// Say what came of a job that was taken.
    JobFinish(JobFinish),
    /// Withdraw a job that has not ended.
    JobCancel(JobCancel),
    /// Have a job tried again that has ended without being done.
    JobRetry(JobRetry),
    /// List the jobs in reach.
    JobList(JobList),
    /// Show one job with its input and its result.
    JobGet(JobRef),
    /// Record the files that the agent of an own session works by, as it found them.
    MemorySnapshot(MemorySnapshot),
    /// Propose a change of a file that a session works by; a person decides.
    MemoryPropose(MemoryPropose),
    /// Allow or refuse a proposed change of a session's memory. Humans only.
    MemoryDecide(MemoryDecide),
    /// Show the files that a session works by, now or at an event.
    MemoryShow(MemoryShow),
    /// Show what changed in the memory of a session between two events.
    MemoryDiff(MemoryDiff),
    /// Read what happened to the memory of a session, newest first.
    MemoryLog(MemoryLog),
    /// Say what an agent program does, from one of its hooks, and take what waits for its session.
    Report(Box<Report>),
    /// Find the own session whose agent program the caller was started by.
    RuntimeFind(RuntimeFind),
    /// Start an agent program for a new session, by a configured profile in a folder below a configured root.
    Spawn(Spawn),
    /// End the agent program of a session that was spawned.
    SpawnKill(SessionRef),
    /// Start the agent program of a session that was spawned again, where it left off; one that runs is ended before.
    SpawnRestart(SessionRef),
    /// Be told once when the agent program of a session has come to rest, or is offline; for 24 hours at most.
    IdleWatch(IdleWatch),
    /// Say which files a session is about to change, so that others keep away. Keeps nobody from writing.
    FileLease(FileLease),
    /// Give leases on files back.
    FileRelease(FileRelease),
    /// List the leases on files that hold now.
    FileLeases(FileLeases),
    /// Tell who the caller is to the mesh.
    Whoami(Whoami),
    /// Create a token. Humans only.
    TokenCreate(TokenCreate),
    /// List the tokens. Humans only.
    TokenList(TokenList),
    /// Revoke a token. Humans only.
    TokenRevoke(TokenRevoke),
    /// List the transport plugins with their states. Humans only.
    PluginList(PluginList),
    /// Show one transport plugin. Humans only.
    PluginInfo(PluginRef),
    /// Start a plugin that was disabled, now and with each daemon. Humans only.
    PluginEnable(PluginRef),
    /// Stop a plugin, and keep it stopped with each daemon. Humans only.
    PluginDisable(PluginRef),
    /// Look at a plugin's file again and start it anew, also when it was left alone. Humans only.
    PluginReload(PluginRef),
    /// Trust a plugin's file as it is now, and start it. Humans only.
    PluginTrust(PluginTrust),
    /// Read what a plugin has logged. Humans only.
    PluginLogs(PluginLogs),
}

/// Fields of [`Command::SessionOpen`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionOpen {
    /// What people call it; 1 to 120 characters, not starting with `@`, without `/`.
    pub title: String,
    /// The circle; the caller's own by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circle: Option<String>,
    /// Roles by which it can be addressed as `@role`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The path of its project on the machine of its peer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
}

/// Names one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionRef {
    /// Which session.
    pub session: Address,
}

/// Fields of [`Command::SessionRename`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionRename {
    /// Which session.
    pub session: Address,
    /// The new title.
    pub title: String,
}

/// Fields of [`Command::SessionDescribe`]; what is absent stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionDescribe {
    /// Which session.
    pub session: Address,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// All its roles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
    /// The path of its project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
}

/// Fields of [`Command::SessionList`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionList {
    /// Only this circle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circle: Option<String>,
    /// Closed and archived ones too.
    #[serde(default)]
    pub include_closed: bool,
    /// Only those in this state; `archived` and `closed` are found by it, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<SessionState>,
    /// Only those with this label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Only pinned ones.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
    /// At most so many; 1 to 500, 100 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Only those after this one, from `next` of the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<SessionId>,
}

/// What a peer may do in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttachMode {
    /// Receives and acknowledges for the session. There is at most one.
    #[default]
    Writer,
    /// Only watches.
    Observer,
}

/// Fields of [`Command::PeerAttach`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PeerAttach {
    /// Which session; the caller's home by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Address>,
    /// As what.
    #[serde(default)]
    pub mode: AttachMode,
    /// What the receiver has already taken, per lane; the daemon's own record by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursors: Option<PerLane<u64>>,
    /// The lineage that the cursors belong to, from an earlier attach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_id: Option<String>,
    /// The most that its runtime can do for an urgent message; the next turn by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urgency: Option<Urgency>,
}

/// Fields of [`Command::PeerDetach`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PeerDetach {
    /// Which session; the caller's home by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Address>,
}

/// Fields of [`Command::PeerList`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PeerList {
    /// Only peers of this session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Address>,
}

/// Fields of [`Command::Ask`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// Whom to ask.
    pub to: Address,
    /// The question.
    pub text: String,
    /// The session to ask as; the caller's home by default.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub sender: Option<Address>,
    /// The message that this refers to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageId>,
    /// How long an answer is waited for, in milliseconds; 7 days by default, 30 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_ms: Option<u64>,
    /// When it should be looked at; at the next turn by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urgency: Option<Urgency>,
    /// An earlier message of the sender that this one replaces: it is withdrawn if it can be, and an ask is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<MessageId>,
    /// When the asked session is first reminded, in milliseconds; 15 minutes by default, 0 for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_in_ms: Option<u64>,
    /// Who else is asked when nobody answers, and after how long; at most 5.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub escalate: Vec<Escalation>,
}

impl Ask {
    /// An ask with nothing special about it.
    pub fn new(to: Address, text: impl Into<String>) -> Self {
        Self {
            to,
            text: text.into(),
            sender: None,
            reply_to: None,
            expires_in_ms: None,
            urgency: None,
            supersedes: None,
            remind_in_ms: None,
            escalate: Vec::new(),
        }
    }
}

/// Fields of [`Command::Ack`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ack {
    /// The ask that is answered.
    pub ask: MessageId,
    /// The answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The session to answer as; the one that was asked by default.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub sender: Option<Address>,
    /// Says that there will be no answer; the text says why.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub decline: bool,
}

/// Fields of [`Command::Notify`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    /// Whom to tell.
    pub to: Address,
    /// What.
    pub text: String,
    /// The session to speak as; the caller's home by default.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub sender: Option<Address>,
    /// The message that this refers to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageId>,
    /// How long it is worth delivering, in milliseconds; 7 days by default, 30 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_ms: Option<u64>,
    /// When it should be looked at; at the next turn by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urgency: Option<Urgency>,
    /// An earlier message of the sender that this one replaces: it is withdrawn if it can be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<MessageId>,
}

impl Notify {
    /// A notify with nothing special about it.
    pub fn new(to: Address, text: impl Into<String>) -> Self {
        Self {
            to,
            text: text.into(),
            sender: None,
            reply_to: None,
            expires_in_ms: None,
            urgency: None,
            supersedes: None,
        }
    }
}

/// Fields of [`Command::Broadcast`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Broadcast {
    /// What to tell.
    pub text: String,
    /// The circle; the caller's own by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circle: Option<String>,
    /// Sessions to leave out; the sender is always left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<Address>,
    /// The session to speak as; the caller's home by default.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub sender: Option<Address>,
    /// How long it is worth delivering, in milliseconds; 1 day by default, 30 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_ms: Option<u64>,
}

/// Fields of [`Command::AskMany`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskMany {
    /// Whom to ask; 1 to 100 sessions.
    pub to: Vec<Address>,
    /// The question.
    pub text: String,
    /// How many answers are needed.
    #[serde(default)]
    pub need: Need,
    /// The session to ask as; the caller's home by default.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub sender: Option<Address>,
    /// How long answers are waited for, in milliseconds; 7 days by default, 30 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_ms: Option<u64>,
}

/// Names one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageRef {
    /// Which message.
    pub message: MessageId,
}

/// Fields of [`Command::Inbox`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Inbox {
    /// Whose; the caller's home by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Address>,
    /// Only this lane; all by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<Lane>,
    /// Only numbers after this one; what was not yet delivered by default. Needs `lane`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// At most so many per lane; 1 to 200, 50 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// What a receipt says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptState {
    /// Responsibility was taken: it will not be lost on this side.
    Delivered,
    /// It entered the model's context, or a person saw it.
    Seen,
    /// It is refused for good. Needs `seq`.
    Rejected,
}

impl From<ReceiptState> for DeliveryState {
    fn from(state: ReceiptState) -> Self {
        match state {
            ReceiptState::Delivered => DeliveryState::Delivered,
            ReceiptState::Seen => DeliveryState::Seen,
            ReceiptState::Rejected => DeliveryState::Dead,
        }
    }
}

/// Fields of [`Command::Receipt`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Whose inbox; that of the link, else the caller's home, by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Address>,
    /// Which lane.
    pub lane: Lane,
    /// Everything up to this number, for delivered and seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<u64>,
    /// Exactly this number, for rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// What is said about them.
    pub state: ReceiptState,
    /// Why, for rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Fields of [`Command::Whoami`]: none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Whoami {}

/// Fields of [`Command::TokenCreate`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenCreate {
    /// What people call its holder; also the title of the home session.
    pub name: String,
    /// What sort of caller it is for. Never `plugin`, `schedule` or `system`.
    pub kind: PrincipalKind,
    /// What it may do; what suits the kind by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<Scope>>,
    /// The circles it reaches; the creator's own by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circles: Option<Vec<String>>,
    /// How long it is good, in milliseconds; for ever by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_ms: Option<u64>,
}

/// Fields of [`Command::TokenList`]: none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenList {}

/// Fields of [`Command::TokenRevoke`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRevoke {
    /// Which token.
    pub token: TokenId,
}

/// Fields of [`Command::PluginList`]: none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PluginList {}

/// Names one plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PluginRef {
    /// The plugin's name, or that of its file.
    pub name: String,
}

/// Fields of [`Command::PluginTrust`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PluginTrust {
    /// The plugin's name, or that of its file.
    pub name: String,
    /// The BLAKE3 hash in hexadecimal that the file has to have; whatever it has now by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
}

/// Fields of [`Command::PluginLogs`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PluginLogs {
    /// The plugin's name, or that of its file.
    pub name: String,
    /// At most so many, the newest; 1 to 500, 100 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Only records after this number, from an earlier answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
}

/// Where a command came from. Stamped by the host, never read from the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Origin {
    /// The link, when it came over one.
    pub link: Option<LinkId>,
}

/// The group that an `ask_many` opened, and one of its asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct GroupMember {
    /// The group.
    pub group: AskGroupId,
    /// The ask.
    pub ask: MessageId,
}

impl Command {
    /// Returns the JSON name, as in metrics, logs and the CLI.
    pub const fn name(&self) -> &'static str {
        match self {
            Command::SessionOpen(_) => "session_open",
            Command::SessionClose(_) => "session_close",
            Command::SessionRename(_) => "session_rename",
            Command::SessionDescribe(_) => "session_describe",
            Command::SessionLabel(_) => "session_label",
            Command::SessionPin(_) => "session_pin",
            Command::SessionMove(_) => "session_move",
            Command::SessionHandOver(_) => "session_hand_over",
            Command::SessionArchive(_) => "session_archive",
            Command::SessionRestore(_) => "session_restore",
            Command::SessionPurge(_) => "session_purge",
            Command::SessionImport(_) => "session_import",
            Command::SessionFork(_) => "session_fork",
            Command::SessionMerge(_) => "session_merge",
            Command::SessionBudget(_) => "session_budget",
            Command::Why(_) => "why",
            Command::SessionList(_) => "session_list",
            Command::SessionGet(_) => "session_get",
            Command::PeerAttach(_) => "peer_attach",
            Command::PeerDetach(_) => "peer_detach",
            Command::PeerList(_) => "peer_list",
            Command::Ask(_) => "ask",
            Command::Ack(_) => "ack",
            Command::Notify(_) => "notify",
            Command::Broadcast(_) => "broadcast",
            Command::AskMany(_) => "ask_many",
            Command::Cancel(_) => "cancel",
            Command::Inbox(_) => "inbox",
            Command::Receipt(_) => "receipt",
            Command::Trace(_) => "trace",
            Command::Thread(_) => "thread",
            Command::NeedsYou(_) => "needs_you",
            Command::Timeline(_) => "timeline",
            Command::Search(_) => "search",
            Command::Recall(_) => "recall",
            Command::Record(_) => "record",
            Command::TranscriptRecord(_) => "transcript_record",
            Command::TranscriptList(_) => "transcript_list",
            Command::ScheduleCreate(_) => "schedule_create",
            Command::ScheduleList(_) => "schedule_list",
            Command::ScheduleGet(_) => "schedule_get",
            Command::SchedulePause(_) => "schedule_pause",
            Command::ScheduleResume(_) => "schedule_resume",
            Command::ScheduleRun(_) => "schedule_run",
            Command::ScheduleCancel(_) => "schedule_cancel",
            Command::ScheduleHistory(_) => "schedule_history",
            Command::JobCreate(_) => "job_create",
            Command::JobTake(_) => "job_take",
            Command::JobRenew(_) => "job_renew",
            Command::JobFinish(_) => "job_finish",
            Command::JobCancel(_) => "job_cancel",
            Command::JobRetry(_) => "job_retry",
            Command::JobList(_) => "job_list",
            Command::JobGet(_) => "job_get",
            Command::MemorySnapshot(_) => "memory_snapshot",
            Command::MemoryPropose(_) => "memory_propose",
            Command::MemoryDecide(_) => "memory_decide",
            Command::MemoryShow(_) => "memory_show",
            Command::MemoryDiff(_) => "memory_diff",
            Command::MemoryLog(_) => "memory_log",
            Command::Report(_) => "report",
            Command::RuntimeFind(_) => "runtime_find",
            Command::Spawn(_) => "spawn",
            Command::SpawnKill(_) => "spawn_kill",
            Command::SpawnRestart(_) => "spawn_restart",
            Command::IdleWatch(_) => "idle_watch",
            Command::FileLease(_) => "file_lease",
            Command::FileRelease(_) => "file_release",
            Command::FileLeases(_) => "file_leases",
            Command::Whoami(_) => "whoami",
            Command::TokenCreate(_) => "token_create",
            Command::TokenList(_) => "token_list",
            Command::TokenRevoke(_) => "token_revoke",
            Command::PluginList(_) => "plugin_list",
            Command::PluginInfo(_) => "plugin_info",
            Command::PluginEnable(_) => "plugin_enable",
            Command::PluginDisable(_) => "plugin_disable",
            Command::PluginReload(_) => "plugin_reload",
            Command::PluginTrust(_) => "plugin_trust",
            Command::PluginLogs(_) => "plugin_logs",
        }
    }

    /// Returns the scope that a caller needs, or `None` for what every caller may do.
    pub const fn scope(&self) -> Option<Scope> {
        match self {
            Command::Whoami(_) => None,
            Command::SessionOpen(_) | Command::PeerAttach(_) | Command::PeerDetach(_) => Some(Scope::SessionOpen),
            // What a schedule gives needs its own scope besides.
            Command::ScheduleCreate(_)
            | Command::SchedulePause(_)
            | Command::ScheduleResume(_)
            | Command::ScheduleRun(_)
            | Command::ScheduleCancel(_) => Some(Scope::SessionOpen),
            Command::ScheduleList(_) | Command::ScheduleGet(_) | Command::ScheduleHistory(_) => {
                Some(Scope::TimelineRead)
            }
            // Own sessions need no more than the right to open them; the session decides about others.
            Command::SessionClose(_)
            | Command::SessionRename(_)
            | Command::SessionDescribe(_)
            | Command::SessionLabel(_)
            | Command::SessionPin(_)
            | Command::SessionMove(_)
            | Command::SessionHandOver(_)
            | Command::SessionArchive(_)
            | Command::SessionRestore(_)
            | Command::SessionFork(_)
            | Command::SessionPurge(_)
            | Command::SessionImport(_)
            | Command::TranscriptRecord(_)
            | Command::Report(_)
            | Command::Record(_) => Some(Scope::SessionOpen),
            Command::SessionList(_)
            | Command::SessionGet(_)
            | Command::PeerList(_)
            | Command::Trace(_)
            | Command::Thread(_)
            | Command::TranscriptList(_)
            | Command::Why(_)
            | Command::Timeline(_)
            | Command::Search(_)
            | Command::Recall(_) => Some(Scope::TimelineRead),
            // Watching puts a notice into an own inbox and tells no more than reading does.
            Command::IdleWatch(_) | Command::FileLeases(_) => Some(Scope::TimelineRead),
            Command::FileLease(_) | Command::FileRelease(_) => Some(Scope::SessionOpen),
            // Agents have it only when somebody gives it to them.
            Command::SessionBudget(_) | Command::Spawn(_) | Command::SpawnKill(_) | Command::SpawnRestart(_) => {
                Some(Scope::SessionManage)
            }
            // Who gives a job tells a session of it; who takes one answers for an own session.
            Command::JobCreate(_) | Command::JobCancel(_) | Command::JobRetry(_) => Some(Scope::MessageSend),
            Command::JobTake(_) | Command::JobRenew(_) | Command::JobFinish(_) => Some(Scope::AskAnswer),
            Command::JobList(_) | Command::JobGet(_) => Some(Scope::TimelineRead),
            Command::MemorySnapshot(_) => Some(Scope::SessionOpen),
            Command::MemoryPropose(_) => Some(Scope::MessageSend),
            // And the kind of the caller decides.
            Command::MemoryDecide(_) => Some(Scope::SessionManage),
            Command::MemoryShow(_) | Command::MemoryDiff(_) | Command::MemoryLog(_) => Some(Scope::TimelineRead),
            Command::Ask(_) | Command::AskMany(_) => Some(Scope::AskOpen),
            Command::Ack(_) => Some(Scope::AskAnswer),
            Command::Notify(_) | Command::Cancel(_) | Command::SessionMerge(_) => Some(Scope::MessageSend),
            Command::Broadcast(_) => Some(Scope::Broadcast),
            Command::Inbox(_) | Command::Receipt(_) | Command::NeedsYou(_) | Command::RuntimeFind(_) => {
                Some(Scope::InboxRead)
            }
            Command::TokenCreate(_) | Command::TokenList(_) | Command::TokenRevoke(_) => Some(Scope::TokenManage),
            Command::PluginList(_)
            | Command::PluginInfo(_)
            | Command::PluginEnable(_)
            | Command::PluginDisable(_)
            | Command::PluginReload(_)
            | Command::PluginTrust(_)
            | Command::PluginLogs(_) => Some(Scope::PluginManage),
        }
    }

    /// Tells whether it only reads.
    pub const fn is_read_only(&self) -> bool {
        matches!(
            self,
            Command::SessionList(_)
                | Command::SessionGet(_)
                | Command::Why(_)
                | Command::PeerList(_)
                | Command::Inbox(_)
                | Command::Trace(_)
                | Command::Thread(_)
                | Command::TranscriptList(_)
                | Command::NeedsYou(_)
                | Command::Timeline(_)
                | Command::ScheduleList(_)
                | Command::ScheduleGet(_)
                | Command::ScheduleHistory(_)
                | Command::Search(_)
                | Command::Recall(_)
                | Command::JobList(_)
                | Command::JobGet(_)
                | Command::MemoryShow(_)
                | Command::MemoryDiff(_)
                | Command::MemoryLog(_)
                | Command::RuntimeFind(_)
                | Command::FileLeases(_)
                | Command::Whoami(_)
                | Command::TokenList(_)
                | Command::PluginList(_)
                | Command::PluginInfo(_)
                | Command::PluginLogs(_)
        )
    }

    /// Tells whether it takes long: it acts on the running daemon, or on its files as a whole. Such a command may be
    /// repeated without harm, so that an idempotency key changes nothing.
    pub const fn is_operation(&self) -> bool {
        matches!(
            self,
            Command::SessionPurge(_)
                | Command::PluginEnable(_)
                | Command::PluginDisable(_)
                | Command::PluginReload(_)
                | Command::PluginTrust(_)
        )
    }
}
