//! Arguments of `tieline doctor`.

use clap::{Args, Subcommand};
use tieline_agents::Agent;

/// `tieline doctor`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  tieline doctor\n  tieline doctor agents\n\nExits with 1 when a check fails.")]
pub struct Doctor {
    /// What to check; this installation by default.
    #[command(subcommand)]
    pub verb: Option<DoctorVerb>,
}

/// One check-up.
#[derive(Debug, Subcommand)]
pub enum DoctorVerb {
    /// Tell which agent programs there are, and whether they are set up
    #[command(
        after_help = "Example:\n  tieline doctor agents claude\n\nExits with 1 when one is set up in part or with \
                            another program, or one that is named is not set up."
    )]
    Agents {
        /// Which; by default all that are on the PATH
        #[arg(value_name = "AGENT")]
        agents: Vec<Agent>,
    },
}
