//! What ends a run without success, and the exit code that tells it.

use tieline_config::Problems;
use tieline_model::{Fault, Refusal, outcome::FAULT};

/// The command ran, and the answer is no: a check failed, or no answer came in time.
pub const NO: u8 = 1;
/// The input is wrong: arguments, configuration.
pub const BAD_INPUT: u8 = 2;
/// There is no token to show.
pub const NO_TOKEN: u8 = 3;
/// No daemon answers.
pub const UNREACHABLE: u8 = 69;

/// Why a command did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The daemon refused it.
    #[error("{}", .0.message)]
    Refused(Refusal),
    /// The daemon failed at it.
    #[error("{} (fault {})", .0.message, .0.id)]
    Fault(Fault),
    /// No daemon answers.
    #[error("no daemon answers at {place}: {why}")]
    Unreachable {
        /// Where it was looked for.
        place: String,
        /// What happened there.
        why: String,
    },
    /// Something answers, but not as a daemon of ours does.
    #[error("what answers at {place} is not a Tieline daemon of this version: {what}")]
    Stranger {
        /// Where.
        place: String,
        /// What was found and wanted.
        what: String,
    },
    /// No token was found, or it cannot be read.
    #[error("{0}")]
    NoToken(String),
    /// The configuration has problems.
    #[error(transparent)]
    Config(Problems),
    /// An argument is wrong in a way that only shows when it is used.
    #[error("{0}")]
    Input(String),
    /// It ran, and the answer is no. What there is to say was printed, or is this.
    #[error("{0}")]
    No(String),
    /// Nobody reads the output any more.
    #[error("the reader of the output is gone")]
    PipeClosed,
    /// Something else of this machine's or ours.
    #[error("{0:#}")]
    Other(#[from] anyhow::Error),
}

impl Failed {
    /// Returns the exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Failed::Refused(refusal) => refusal.code.exit_code(),
            Failed::Fault(_) | Failed::Other(_) => FAULT.1,
            Failed::Unreachable { .. } | Failed::Stranger { .. } => UNREACHABLE,
            Failed::NoToken(_) => NO_TOKEN,
            Failed::Config(_) | Failed::Input(_) => BAD_INPUT,
            Failed::No(_) => NO,
            Failed::PipeClosed => 0,
        }
    }
}

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Failed::PipeClosed,
            _ => Failed::Other(error.into()),
        }
    }
}

impl From<serde_json::Error> for Failed {
    fn from(error: serde_json::Error) -> Self {
        Failed::Other(error.into())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tieline_model::Code;

    use super::*;

    #[test]
    fn the_published_table_is_the_one_in_the_code() {
        let page = include_str!("../../../docs/cli.md");
        let mut published = BTreeMap::new();
        for line in page.lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<&str> =
                line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect();
            if let [code, http, exit, _] = cells.as_slice() {
                published.insert((*code).to_owned(), ((*http).to_owned(), (*exit).to_owned()));
            }
        }
        let mut wanted: BTreeMap<String, (String, String)> = Code::ALL
            .iter()
            .map(|code| (code.as_str().to_owned(), (code.http_status().to_string(), code.exit_code().to_string())))
            .collect();
        wanted.insert("fault".into(), (FAULT.0.to_string(), FAULT.1.to_string()));
        assert_eq!(published, wanted, "docs/cli.md against Code::ALL");
    }

    #[test]
    fn the_exit_codes_of_our_own_are_in_the_page() {
        let page = include_str!("../../../docs/cli.md");
        for code in [0, NO, BAD_INPUT, NO_TOKEN, UNREACHABLE, FAULT.1] {
            assert!(page.contains(&format!("| {code} |")), "{code}");
        }
    }
}
