//! What a session and its forks may use.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::progress::Usage;

/// Limits for a session and all that was forked from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Budget {
    /// Tokens, read and written together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Money, in millionths of a US dollar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_micro_usd: Option<u64>,
}

impl Budget {
    /// Says what is used up, if anything is.
    pub fn exceeded(&self, used: &Usage) -> Option<String> {
        let tokens = used.input_tokens.saturating_add(used.output_tokens);
        if let Some(limit) = self.tokens.filter(|limit| tokens >= *limit) {
            return Some(format!("{tokens} of {limit} tokens"));
        }
        let limit = self.cost_micro_usd.filter(|limit| used.cost_micro_usd >= *limit)?;
        Some(format!("{} of {limit} millionths of a dollar", used.cost_micro_usd))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_used_up_when_all_of_it_is_used() {
        let used = Usage { input_tokens: 90, output_tokens: 10, cached_tokens: 0, cost_micro_usd: 5 };
        let budget = |tokens, cost_micro_usd| Budget { tokens, cost_micro_usd };
        assert_eq!(budget(Some(101), Some(6)).exceeded(&used), None);
        assert_eq!(budget(Some(100), None).exceeded(&used).unwrap(), "100 of 100 tokens");
        assert!(budget(None, Some(5)).exceeded(&used).unwrap().starts_with("5 of 5"));
        assert_eq!(budget(None, None).exceeded(&used), None);
    }
}
