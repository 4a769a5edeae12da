//! What an agent did in its session, as its runtime or its transcript tells it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{PrincipalId, TimestampMs};

/// One activity on a timeline, with who says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Recorded {
    /// Who recorded it.
    pub by: PrincipalId,
    /// When it happened, where its source knows that; the event's own time is that of recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub happened_at_ms: Option<TimestampMs>,
    /// Where it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// What.
    pub what: Activity,
}

/// Where activities were read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The agent program, as in `claude`.
    pub vendor: String,
    /// Its own id of the session.
    pub session: String,
}

/// Who said something in a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChatRole {
    /// The person, or whoever prompted in a person's place.
    User,
    /// The model.
    Assistant,
    /// The model, thinking aloud.
    Reasoning,
    /// The agent program.
    System,
}

impl ChatRole {
    /// Returns the text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            ChatRole::User => "user",
            ChatRole::Assistant => "assistant",
            ChatRole::Reasoning => "reasoning",
            ChatRole::System => "system",
        }
    }
}

/// What is being said and is not complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Draft {
    /// By whom.
    pub role: ChatRole,
    /// What has come so far.
    pub text: String,
    /// Who records it.
    pub by: PrincipalId,
}

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TurnOutcome {
    /// The model came to its end.
    Completed,
    /// Somebody stopped it.
    Interrupted,
    /// It broke.
    Failed,
}

impl TurnOutcome {
    /// Returns the text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            TurnOutcome::Completed => "completed",
            TurnOutcome::Interrupted => "interrupted",
            TurnOutcome::Failed => "failed",
        }
    }
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileChange {
    /// It is new.
    Created,
    /// It has another content.
    Modified,
    /// It is gone.
    Deleted,
}

/// What runs a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Switchable {
    /// The agent program.
    Backend,
    /// The model.
    Model,
}

/// Something that an agent did. Texts are at most 256 KiB each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Activity {
    /// A turn began: the model works.
    TurnStarted {
        /// The turn, as its runtime calls it.
        turn: String,
    },
    /// A turn ended: the model waits.
    TurnEnded {
        /// The turn, as its runtime calls it.
        turn: String,
        /// How.
        outcome: TurnOutcome,
        /// Why, when it did not complete.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// How long it took, in milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        duration_ms: Option<u64>,
    },
    /// Something was said in the chat.
    Said {
        /// By whom.
        role: ChatRole,
        /// What.
        text: String,
        /// The model that said it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
    },
    /// A piece of what is being said, as it comes from the model. Pieces are no events: they are put together until
    /// somebody else speaks, a tool is called or the turn ends, or until `said` brings the whole.
    Saying {
        /// By whom.
        role: ChatRole,
        /// The next piece.
        text: String,
    },
    /// A tool was called.
    ToolCalled {
        /// The call, as its runtime calls it.
        call: String,
        /// The tool.
        tool: String,
        /// What with, as text; JSON where the runtime has it.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        input: String,
    },
    /// A tool call ended.
    ToolEnded {
        /// The call.
        call: String,
        /// Whether it did what it should.
        is_ok: bool,
        /// What came of it, as text.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        output: String,
        /// How long it took, in milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        duration_ms: Option<u64>,
    },
    /// A file was changed.
    FileChanged {
        /// Its path on the machine of the peer.
        path: String,
        /// How.
        change: FileChange,
        /// Lines that are new.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        added: Option<u64>,
        /// Lines that are gone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        removed: Option<u64>,
    },
    /// The agent may not go on before somebody allows something.
    ApprovalAsked {
        /// The approval, as its runtime calls it.
        approval: String,
        /// What is to be allowed.
        subject: String,
    },
    /// Somebody decided on an approval.
    ApprovalDecided {
        /// The approval.
        approval: String,
        /// Whether it was allowed.
        is_allowed: bool,
        /// Why, or by whom, in words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Another program or model runs the session.
    Switched {
        /// Which of both.
        what: Switchable,
        /// The one before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<String>,
        /// The one now.
        to: String,
    },
    /// The session goes on from where an earlier run of its agent left it.
    Resumed {
        /// The agent's own id of the run that is resumed.
        from: String,
    },
    /// What came before was summed up, to make room in the model's context.
    Compacted {
        /// The summary.
        summary: String,
    },
    /// Tokens were used.
    Spent {
        /// The model.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        /// Tokens read.
        input_tokens: u64,
        /// Tokens written.
        output_tokens: u64,
        /// Tokens read from a cache; part of those read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cached_tokens: Option<u64>,
        /// What it cost, in millionths of a US dollar.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cost_micro_usd: Option<u64>,
    },
    /// A note, as on what came of a fork.
    Noted {
        /// The note.
        text: String,
    },
}

impl Activity {
    /// Returns the JSON tag.
    pub const fn kind(&self) -> &'static str {
        match self {
            Activity::TurnStarted { .. } => "turn_started",
            Activity::TurnEnded { .. } => "turn_ended",
            Activity::Said { .. } => "said",
            Activity::Saying { .. } => "saying",
            Activity::ToolCalled { .. } => "tool_called",
            Activity::ToolEnded { .. } => "tool_ended",
            Activity::FileChanged { .. } => "file_changed",
            Activity::ApprovalAsked { .. } => "approval_asked",
            Activity::ApprovalDecided { .. } => "approval_decided",
            Activity::Switched { .. } => "switched",
            Activity::Resumed { .. } => "resumed",
            Activity::Compacted { .. } => "compacted",
            Activity::Spent { .. } => "spent",
            Activity::Noted { .. } => "noted",
        }
    }

    /// Hands each text that may be anything to `change`. Names and ids are not among them.
    pub fn change_texts(&mut self, mut change: impl FnMut(&mut String)) {
        match self {
            Activity::Said { text, .. } | Activity::Saying { text, .. } | Activity::Noted { text } => change(text),
            Activity::ToolCalled { input, .. } => change(input),
            Activity::ToolEnded { output, .. } => change(output),
            Activity::ApprovalAsked { subject, .. } => change(subject),
            Activity::ApprovalDecided { reason, .. } | Activity::TurnEnded { reason, .. } => {
                if let Some(reason) = reason {
                    change(reason);
                }
            }
            Activity::FileChanged { path, .. } => change(path),
            Activity::Compacted { summary } => change(summary),
            Activity::TurnStarted { .. }
            | Activity::Switched { .. }
            | Activity::Resumed { .. }
            | Activity::Spent { .. } => {}
        }
    }

    /// Returns its texts, the main one first: what a search finds, what is redacted, what limits apply to.
    pub fn texts(&self) -> Vec<&str> {
        match self {
            Activity::TurnStarted { turn } => vec![turn],
            Activity::TurnEnded { turn, reason, .. } => [reason.as_deref(), Some(turn)].into_iter().flatten().collect(),
            Activity::Said { text, model, .. } => {
                [Some(text.as_str()), model.as_deref()].into_iter().flatten().collect()
            }
            Activity::Saying { text, .. } => vec![text],
            Activity::ToolCalled { call, tool, input } => vec![input, tool, call],
            Activity::ToolEnded { call, output, .. } => vec![output, call],
            Activity::FileChanged { path, .. } => vec![path],
            Activity::ApprovalAsked { approval, subject } => vec![subject, approval],
            Activity::ApprovalDecided { approval, reason, .. } => {
                [reason.as_deref(), Some(approval)].into_iter().flatten().collect()
            }
            Activity::Switched { from, to, .. } => [Some(to.as_str()), from.as_deref()].into_iter().flatten().collect(),
            Activity::Resumed { from } => vec![from],
            Activity::Compacted { summary } => vec![summary],
            Activity::Spent { model, .. } => model.as_deref().into_iter().collect(),
            Activity::Noted { text } => vec![text],
        }
    }
}
