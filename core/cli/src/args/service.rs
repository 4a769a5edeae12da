//! Arguments of `tieline service`.

use clap::{Args, Subcommand};

/// `tieline service`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tieline service install --dry-run
  tieline service install
  tieline service status
  tieline service logs --follow

It is a service of yours and needs no rights of an administrator: a unit of your systemd, or an agent of launchd.")]
pub struct Service {
    /// What to do.
    #[command(subcommand)]
    pub verb: ServiceVerb,
}

/// One command about the service.
#[derive(Debug, Subcommand)]
pub enum ServiceVerb {
    /// Write its file, have it started at every login, and start it
    #[command(after_help = "Example:\n  tieline service install --dry-run")]
    Install(Install),
    /// Start it
    #[command(after_help = "Example:\n  tieline service start")]
    Start(Dry),
    /// Stop it until the next login, or the next start
    #[command(after_help = "Example:\n  tieline service stop")]
    Stop(Dry),
    /// Stop and start it
    #[command(after_help = "Example:\n  tieline service restart")]
    Restart(Dry),
    /// Tell whether it is installed and runs; exits with 1 when it does not run
    #[command(after_help = "Example:\n  tieline service status")]
    Status,
    /// Show what it has said
    #[command(after_help = "Example:\n  tieline service logs --lines 20 --follow")]
    Logs(ServiceLogs),
    /// Stop it and remove its file; data and configuration stay
    #[command(after_help = "Example:\n  tieline service uninstall")]
    Uninstall(Dry),
}

/// Options of `install`.
#[derive(Debug, Clone, Copy, Args)]
pub struct Install {
    /// Print the file and the commands, and do nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Options of what only gives commands.
#[derive(Debug, Clone, Copy, Args)]
pub struct Dry {
    /// Print the commands, and do nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Options of `logs`.
#[derive(Debug, Clone, Copy, Args)]
pub struct ServiceLogs {
    /// How many lines
    #[arg(long, short = 'n', default_value_t = 100, value_name = "N")]
    pub lines: u32,
    /// Go on as more comes
    #[arg(long, short)]
    pub follow: bool,
    /// Print the command, and do nothing
    #[arg(long)]
    pub dry_run: bool,
}
