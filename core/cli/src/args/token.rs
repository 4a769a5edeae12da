//! The commands about tokens.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};
use tieline_model::{PrincipalKind, Scope, TokenId};

use super::value;

const SCOPES: &[&str] = &[
    "message:send",
    "ask:open",
    "ask:answer",
    "broadcast",
    "inbox:read",
    "timeline:read",
    "session:open",
    "session:manage",
    "circle:cross",
    "token:manage",
    "plugin:manage",
];

/// `tieline token`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  tieline token create build --out build.token\n  tieline token list")]
pub struct Token {
    /// What to do.
    #[command(subcommand)]
    pub verb: TokenVerb,
}

/// One command about tokens.
#[derive(Debug, Subcommand)]
pub enum TokenVerb {
    /// Create a token; its secret is shown this once
    Create(Create),
    /// List the tokens, without their secrets
    List(ListTokens),
    /// Revoke a token; whoever speaks with it is cut off
    Revoke(Revoke),
}

/// `tieline token create`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tieline token create build --out build.token
  tieline token create ci --kind service --scope message:send --expires 30d")]
pub struct Create {
    /// What people call its holder; also the title of its home session
    pub name: String,
    /// What sort of caller it is for
    #[arg(long, default_value = "agent",
          value_parser = value::one_of::<PrincipalKind>(&["human", "agent", "service"]))]
    pub kind: PrincipalKind,
    /// One thing that it may do; may be given several times; what suits the kind by default
    #[arg(long, value_parser = value::one_of::<Scope>(SCOPES))]
    pub scope: Vec<Scope>,
    /// A circle that it reaches, the first is its own; may be given several times; your own by default
    #[arg(long)]
    pub circle: Vec<String>,
    /// How long it is good, as in 30d; for ever by default
    #[arg(long, value_name = "DURATION", value_parser = value::span)]
    pub expires: Option<Duration>,
    /// Write the secret to this new file, for you only, instead of showing it
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// `tieline token list`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  tieline token list\n  tieline token list --all")]
pub struct ListTokens {
    /// Revoked and expired ones too
    #[arg(long)]
    pub all: bool,
}

/// `tieline token revoke`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  tieline token revoke tok_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f")]
pub struct Revoke {
    /// Which token, from `tieline token list`
    pub id: TokenId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_can_be_typed() {
        assert_eq!(SCOPES, Scope::ALL.map(Scope::as_str));
    }
}
