//! Facts, appended to a session's timeline with a gap-free number and never changed.
//!
//! Timeline, live views, traces and audit all read these. Bodies name messages and never repeat their words; what an
//! agent did is told in full, and so are the messages of a timeline that was taken in from elsewhere.

mod activity;
mod brake;
mod collision;
mod keep;
mod memory;
mod runtime;
mod schedule;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    AskGroupId, Code, DeliveryState, JobId, Lane, LinkId, Message, MessageId, MessageKind, PrincipalId, ScheduleId,
    SessionId, TimestampMs, TokenId, ask::AskState, command::AttachMode, schedule::SkipReason, session::budget::Budget,
};

pub use activity::{Activity, ChatRole, Draft, FileChange, Recorded, Source, Switchable, TurnOutcome};
pub use collision::{Claim, CollidedFile, FileCollision};
pub use memory::{MemoryApplied, MemoryProposed, MemoryRecorded, MemoryRejected};
pub use runtime::{RuntimeHanded, RuntimeOrdered, RuntimeStarted, RuntimeWoken};
pub use schedule::ScheduleChange;

pub use brake::Brake;
pub use keep::{Gap, Purged, TimelineImported};

/// One fact, with its places in the orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Its place among all events of this daemon; grows, and a reader resumes after it.
    pub cursor: i64,
    /// The session whose timeline it is on.
    pub session: SessionId,
    /// Its place on that timeline, from 1 without gaps.
    pub seq: u64,
    /// When it was recorded.
    pub at_ms: TimestampMs,
    /// What happened.
    pub body: EventBody,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventBody {
    /// The session was opened.
    SessionOpened {
        /// Its title.
        title: String,
        /// Its circle.
        circle: String,
        /// By whom.
        by: PrincipalId,
    },
    /// The session was closed.
    SessionClosed {
        /// By whom.
        by: PrincipalId,
    },
    /// The session has another title.
    SessionRenamed {
        /// The old one.
        from: String,
        /// The new one.
        to: String,
    },
    /// The session is in another circle.
    SessionMoved {
        /// The old one.
        from: String,
        /// The new one.
        to: String,
    },
    /// The session says something else about itself.
    SessionDescribed {
        /// Its roles now.
        roles: Vec<String>,
    },
    /// The session has other labels.
    SessionLabelled {
        /// All of them.
        labels: Vec<String>,
    },
    /// The session is shown before others, or no longer.
    SessionPinned {
        /// Whether it is.
        pinned: bool,
    },
    /// Another principal may write for the session.
    SessionHandedOver {
        /// The one before.
        from: PrincipalId,
        /// The one now.
        to: PrincipalId,
        /// By whom.
        by: PrincipalId,
    },
    /// The session was put away.
    SessionArchived {
        /// By whom.
        by: PrincipalId,
    },
    /// The session is open again.
    SessionRestored {
        /// By whom.
        by: PrincipalId,
    },
    /// Another session goes on from an event of this one.
    SessionForked {
        /// The new session.
        fork: SessionId,
        /// The last event that it knows.
        seq: u64,
        /// By whom.
        by: PrincipalId,
    },
    /// What came of another session was told to this one.
    SessionMerged {
        /// The other.
        from: SessionId,
        /// The message that says what came of it.
        message: MessageId,
        /// By whom.
        by: PrincipalId,
    },
    /// A peer attached.
    PeerAttached {
        /// Who.
        principal: PrincipalId,
        /// As what.
        mode: AttachMode,
        /// The writer's epoch from now on.
        epoch: u64,
        /// Over which link.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        link: Option<LinkId>,
    },
    /// A peer detached.
    PeerDetached {
        /// Who.
        principal: PrincipalId,
        /// Its epoch.
        epoch: u64,
        /// Why.
        reason: String,
    },
    /// A message came into this session's inbox.
    MessageAccepted {
        /// The message.
        message: MessageId,
        /// What for.
        kind: MessageKind,
        /// From which session.
        from: SessionId,
        /// In which lane.
        lane: Lane,
        /// Its number there.
        seq: u64,
    },
    /// This session asked another.
    AskOpened {
        /// The ask.
        ask: MessageId,
        /// Whom.
        to: SessionId,
        /// Together with others.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group: Option<AskGroupId>,
    },
    /// This session was reminded of asks that it has not answered.
    AsksReminded {
        /// The asks.
        asks: Vec<MessageId>,
        /// The notice that says so.
        message: MessageId,
    },
    /// An ask of this session was not answered in time, and another session is asked as well.
    AskEscalated {
        /// The ask.
        ask: MessageId,
        /// Who is asked now.
        to: SessionId,
        /// The ask that it got.
        child: MessageId,
    },
    /// An ask of this session was not answered in time, and the next in line could not be asked.
    AskNotEscalated {
        /// The ask.
        ask: MessageId,
        /// Who was next.
        to: SessionId,
        /// Why it was not asked.
        reason: String,
    },
    /// A message of this session was not taken.
    Braked {
        /// By which brake.
        brake: Brake,
        /// To whom it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<SessionId>,
        /// Why.
        reason: String,
    },
    /// The session and its forks may use so much.
    SessionBudgeted {
        /// How much.
        budget: Budget,
        /// By whom.
        by: PrincipalId,
    },
    /// An ask of this session was closed.
    AskClosed {
        /// The ask.
        ask: MessageId,
        /// How.
        state: AskState,
        /// The answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answer: Option<MessageId>,
    },
    /// The asks of one `ask_many` have as many answers as were needed.
    GroupResolved {
        /// The group.
        group: AskGroupId,
        /// How many were answered.
        answered: u32,
        /// How many there were.
        total: u32,
    },
    /// Deliveries of this session's inbox came further, on the word of its writer.
    DeliveryProgressed {
        /// In which lane.
        lane: Lane,
        /// The first of them.
        first: u64,
        /// The last of them.
        through: u64,
        /// How far.
        state: DeliveryState,
        /// By the writer of this epoch.
        epoch: u64,
    },
    /// A delivery of this session's inbox ended without being delivered.
    DeliveryEnded {
        /// In which lane.
        lane: Lane,
        /// Its number there.
        seq: u64,
        /// The message.
        message: MessageId,
        /// How it ended.
        state: DeliveryState,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// A token was made for a principal whose home is this session.
    TokenCreated {
        /// The token.
        token: TokenId,
        /// By whom.
        by: PrincipalId,
    },
    /// A token of a principal whose home is this session was revoked.
    TokenRevoked {
        /// The token.
        token: TokenId,
        /// By whom.
        by: PrincipalId,
    },
    /// A schedule of this session was made.
    ScheduleCreated {
        /// The schedule.
        schedule: ScheduleId,
        /// By whom.
        by: PrincipalId,
        /// When, in words.
        words: String,
        /// Its first instant.
        nominal_ms: TimestampMs,
    },
    /// A schedule of this session goes on or does not.
    ScheduleChanged {
        /// The schedule.
        schedule: ScheduleId,
        /// What.
        change: ScheduleChange,
        /// By whom, when somebody asked for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<PrincipalId>,
        /// Why, when nobody did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// Its next instant.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        nominal_ms: Option<TimestampMs>,
    },
    /// A schedule of this session gave its command.
    ScheduleFired {
        /// The schedule.
        schedule: ScheduleId,
        /// The instant that was meant.
        nominal_ms: TimestampMs,
        /// How much later it was, in milliseconds.
        late_ms: u64,
        /// On whose behalf.
        by: PrincipalId,
        /// The message that was sent; the first one of several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<MessageId>,
    },
    /// Instants of a schedule of this session were skipped.
    ScheduleMissed {
        /// The schedule.
        schedule: ScheduleId,
        /// The first of them.
        nominal_ms: TimestampMs,
        /// The last of them.
        last_ms: TimestampMs,
        /// How much later than the first it was, in milliseconds.
        late_ms: u64,
        /// How many.
        count: u64,
        /// Why.
        reason: SkipReason,
    },
    /// The command of a schedule of this session was refused.
    ScheduleRefused {
        /// The schedule.
        schedule: ScheduleId,
        /// The instant that was meant.
        nominal_ms: TimestampMs,
        /// How much later it was, in milliseconds.
        late_ms: u64,
        /// On whose behalf.
        by: PrincipalId,
        /// The case.
        code: Code,
    },
    /// A job was made, for this session or by it.
    JobCreated {
        /// The job.
        job: JobId,
        /// What it is called.
        title: String,
        /// The session that gave it.
        from: SessionId,
        /// The session that it is for; absent when one is opened for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<SessionId>,
        /// By whom.
        by: PrincipalId,
        /// By when it has to be done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline_ms: Option<TimestampMs>,
    },
    /// A job that waited for others may be taken now.
    JobQueued {
        /// The job.
        job: JobId,
    },
    /// A worker took a job.
    JobLeased {
        /// The job.
        job: JobId,
        /// The number of the lease.
        lease: u64,
        /// Which attempt it is, from 1.
        attempt: u32,
        /// By whom.
        by: PrincipalId,
        /// Until when, unless it is renewed.
        until_ms: TimestampMs,
    },
    /// A job was done.
    JobFinished {
        /// The job.
        job: JobId,
        /// The number of the lease.
        lease: u64,
        /// By whom.
        by: PrincipalId,
    },
    /// An attempt at a job came to nothing.
    JobFailed {
        /// The job.
        job: JobId,
        /// The number of the lease.
        lease: u64,
        /// Which attempt it was, from 1.
        attempt: u32,
        /// By whom; absent when the lease ran out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<PrincipalId>,
        /// From when on it is tried again; absent when it has ended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_at_ms: Option<TimestampMs>,
    },
    /// The deadline of a job passed.
    JobExpired {
        /// The job.
        job: JobId,
        /// The number of the newest lease; 0 when it was never taken.
        lease: u64,
    },
    /// A job was withdrawn.
    JobCancelled {
        /// The job.
        job: JobId,
        /// By whom; absent when a job that it needs ended without being done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<PrincipalId>,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// A job that had ended is tried again.
    JobRetried {
        /// The job.
        job: JobId,
        /// By whom.
        by: PrincipalId,
    },
    /// The files that the session's agent works by were recorded.
    MemoryRecorded(Box<MemoryRecorded>),
    /// A change of the session's memory was proposed.
    MemoryProposed(Box<MemoryProposed>),
    /// A proposed change of the session's memory is in force from here on.
    MemoryApplied(Box<MemoryApplied>),
    /// A proposed change of the session's memory was refused.
    MemoryRejected(Box<MemoryRejected>),
    /// The session's agent program has come, or is another than before.
    RuntimeStarted(Box<RuntimeStarted>),
    /// The session's agent program has ended, or its process is gone.
    RuntimeEnded {
        /// Why.
        reason: String,
    },
    /// Messages were handed to a hook of the session's agent program, or did not get through one.
    RuntimeHanded(Box<RuntimeHanded>),
    /// Something became of waking the session's agent program.
    RuntimeWoken(Box<RuntimeWoken>),
    /// Something became of starting or ending the session's agent program.
    RuntimeOrdered(Box<RuntimeOrdered>),
    /// What happened before was removed.
    Purged(Purged),
    /// What follows was exported elsewhere; it is history.
    Imported(Box<TimelineImported>),
    /// A message of an exported timeline. Nobody gets it again; who it is from is what the export says.
    MessageImported(Box<Message>),
    /// Two sessions change the same files.
    FileCollision(Box<FileCollision>),
    /// The session's agent did something.
    Activity(Box<Recorded>),
    /// Something became of a plugin. On the timeline of the daemon's own session.
    PluginChanged {
        /// Its name.
        plugin: String,
        /// Its file.
        file: String,
        /// What.
        change: PluginChange,
        /// Its version, once it was read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<String>,
        /// The BLAKE3 hash of its file, once it was read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hash: Option<String>,
        /// At which step it went wrong.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<String>,
        /// Why, in words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// A person steered a plugin. On the timeline of the daemon's own session.
    PluginOperated {
        /// Its name.
        plugin: String,
        /// Its file.
        file: String,
        /// The command, as in `plugin_trust`.
        command: String,
        /// The BLAKE3 hash of the file that it was about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hash: Option<String>,
        /// By whom.
        by: PrincipalId,
    },
}

/// What became of a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PluginChange {
    /// It was loaded, and runs.
    Started,
    /// It runs, in the place of an earlier instance that was drained.
    Replaced,
    /// It died, and is started again after a pause.
    Died,
    /// It runs again, after it had died.
    Restarted,
    /// It could not be loaded or started.
    Failed,
    /// It is left alone.
    Quarantined,
    /// A file came that does not take its place; it goes on as it is.
    Held,
    /// It shall not run.
    Disabled,
    /// It was stopped.
    Stopped,
    /// Its file has another name; it goes on as it is.
    Renamed,
    /// Its file is gone, and so is it.
    Removed,
}

impl PluginChange {
    /// Returns the text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            PluginChange::Started => "started",
            PluginChange::Replaced => "replaced",
            PluginChange::Died => "died",
            PluginChange::Restarted => "restarted",
            PluginChange::Failed => "failed",
            PluginChange::Quarantined => "quarantined",
            PluginChange::Held => "held",
            PluginChange::Disabled => "disabled",
            PluginChange::Stopped => "stopped",
            PluginChange::Renamed => "renamed",
            PluginChange::Removed => "removed",
        }
    }
}

impl EventBody {
    /// Returns its kind, as a filter takes it: the JSON tag, and for an activity that activity's.
    pub const fn kind(&self) -> &'static str {
        match self {
            EventBody::SessionOpened { .. } => "session_opened",
            EventBody::SessionClosed { .. } => "session_closed",
            EventBody::SessionRenamed { .. } => "session_renamed",
            EventBody::SessionMoved { .. } => "session_moved",
            EventBody::SessionDescribed { .. } => "session_described",
            EventBody::SessionLabelled { .. } => "session_labelled",
            EventBody::SessionPinned { .. } => "session_pinned",
            EventBody::SessionHandedOver { .. } => "session_handed_over",
            EventBody::SessionArchived { .. } => "session_archived",
            EventBody::SessionRestored { .. } => "session_restored",
            EventBody::SessionForked { .. } => "session_forked",
            EventBody::SessionMerged { .. } => "session_merged",
            EventBody::PeerAttached { .. } => "peer_attached",
            EventBody::PeerDetached { .. } => "peer_detached",
            EventBody::MessageAccepted { .. } => "message_accepted",
            EventBody::AskOpened { .. } => "ask_opened",
            EventBody::AsksReminded { .. } => "asks_reminded",
            EventBody::AskEscalated { .. } => "ask_escalated",
            EventBody::AskNotEscalated { .. } => "ask_not_escalated",
            EventBody::Braked { .. } => "braked",
            EventBody::SessionBudgeted { .. } => "session_budgeted",
            EventBody::AskClosed { .. } => "ask_closed",
            EventBody::GroupResolved { .. } => "group_resolved",
            EventBody::DeliveryProgressed { .. } => "delivery_progressed",
            EventBody::DeliveryEnded { .. } => "delivery_ended",
            EventBody::TokenCreated { .. } => "token_created",
            EventBody::TokenRevoked { .. } => "token_revoked",
            EventBody::ScheduleCreated { .. } => "schedule_created",
            EventBody::ScheduleChanged { .. } => "schedule_changed",
            EventBody::ScheduleFired { .. } => "schedule_fired",
            EventBody::ScheduleMissed { .. } => "schedule_missed",
            EventBody::ScheduleRefused { .. } => "schedule_refused",
            EventBody::JobCreated { .. } => "job_created",
            EventBody::JobQueued { .. } => "job_queued",
            EventBody::JobLeased { .. } => "job_leased",
            EventBody::JobFinished { .. } => "job_finished",
            EventBody::JobFailed { .. } => "job_failed",
            EventBody::JobExpired { .. } => "job_expired",
            EventBody::JobCancelled { .. } => "job_cancelled",
            EventBody::JobRetried { .. } => "job_retried",
            EventBody::MemoryRecorded(_) => "memory_recorded",
            EventBody::MemoryProposed(_) => "memory_proposed",
            EventBody::MemoryApplied(_) => "memory_applied",
            EventBody::MemoryRejected(_) => "memory_rejected",
            EventBody::RuntimeStarted(_) => "runtime_started",
            EventBody::RuntimeEnded { .. } => "runtime_ended",
            EventBody::RuntimeHanded(_) => "runtime_handed",
            EventBody::RuntimeWoken(_) => "runtime_woken",
            EventBody::RuntimeOrdered(_) => "runtime_ordered",
            EventBody::Purged(_) => "purged",
            EventBody::Imported(_) => "imported",
            EventBody::MessageImported(_) => "message_imported",
            EventBody::FileCollision(_) => "file_collision",
            EventBody::Activity(recorded) => recorded.what.kind(),
            EventBody::PluginChanged { .. } => "plugin_changed",
            EventBody::PluginOperated { .. } => "plugin_operated",
        }
    }
}
