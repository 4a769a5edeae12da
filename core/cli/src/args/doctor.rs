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
    /// Tell which agent programs there are, whether they are set up, and whether a message arrives before their models
    #[command(
        after_help = "Examples:\n  tieline doctor agents\n  tieline doctor agents claude --live\n\nWith --live each program that is \
                            set up is run for one turn, in a folder that is removed afterwards, and has to find a message in it. \
                            On a terminal you are asked for that.\n\nExits with 1 when one is set up in part or with another \
                            program, when one that is named is not set up, and when a message did not arrive."
    )]
    Agents {
        /// Run each for one turn, with the model that it is set up for, and see a message arrive
        #[arg(long)]
        live: bool,
        /// Which; by default all that are on the PATH
        #[arg(value_name = "AGENT")]
        agents: Vec<Agent>,
    },
}
