//! How an ask is cared for: how many answers it needs, how urgent it is, who else is asked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Address;

/// How many answers an `ask_many` needs: `"all"`, `"any"`, or a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(from = "NeedForm", into = "NeedForm")]
#[schemars(with = "NeedForm")]
pub enum Need {
    /// Every one.
    #[default]
    All,
    /// The first; the others are withdrawn.
    Any,
    /// So many; the others are withdrawn.
    AtLeast(u32),
}

/// How [`Need`] is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum NeedForm {
    Word(NeedWord),
    Count(u32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum NeedWord {
    All,
    Any,
}

impl From<NeedForm> for Need {
    fn from(form: NeedForm) -> Self {
        match form {
            NeedForm::Word(NeedWord::All) => Need::All,
            NeedForm::Word(NeedWord::Any) => Need::Any,
            NeedForm::Count(count) => Need::AtLeast(count),
        }
    }
}

impl From<Need> for NeedForm {
    fn from(need: Need) -> Self {
        match need {
            Need::All => NeedForm::Word(NeedWord::All),
            Need::Any => NeedForm::Word(NeedWord::Any),
            Need::AtLeast(count) => NeedForm::Count(count),
        }
    }
}

impl Need {
    /// Returns how many of `total` have to answer.
    pub const fn count(self, total: u32) -> u32 {
        match self {
            Need::All => total,
            Need::Any => 1,
            Need::AtLeast(count) => count,
        }
    }
}

/// When a message should be looked at, as far as its receiver's runtime can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// When the model has come to its end.
    #[default]
    NextTurn,
    /// Before the model calls its next tool.
    NextToolCall,
    /// At once: what the model does is interrupted.
    Interrupt,
}

impl Urgency {
    /// Returns the text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Urgency::NextTurn => "next_turn",
            Urgency::NextToolCall => "next_tool_call",
            Urgency::Interrupt => "interrupt",
        }
    }
}

/// Fields of [`Command::NeedsYou`](super::Command::NeedsYou): there are none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NeedsYou {}

/// Who else is asked when an ask is not answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    /// How long after the ask, in milliseconds.
    pub after_ms: u64,
    /// Whom: a session, a role or a human. Which one that is, is settled when the ask is made.
    pub to: Address,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_need_is_a_word_or_a_number() {
        for (json, need) in [("\"all\"", Need::All), ("\"any\"", Need::Any), ("3", Need::AtLeast(3))] {
            assert_eq!(serde_json::from_str::<Need>(json).unwrap(), need);
            assert_eq!(serde_json::to_string(&need).unwrap(), json);
        }
        assert!(serde_json::from_str::<Need>("\"some\"").is_err());
    }

    #[test]
    fn urgencies_are_ordered_by_how_soon() {
        assert!(Urgency::NextTurn < Urgency::NextToolCall && Urgency::NextToolCall < Urgency::Interrupt);
    }
}
