//! What can be typed: one enum of commands, with help and an example for each.

mod doctor;
mod file;
mod hook;
mod import;
mod job;
mod keep;
mod memory;
mod message;
mod operate;
mod plugin;
mod primer;
mod read;
mod record;
mod schedule;
mod search;
mod service;
mod session;
mod setup;
mod spawn;
mod token;
mod value;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub use doctor::{Doctor, DoctorVerb};
pub use file::{Files, FilesVerb};
pub use hook::Hook;
pub use import::{Import, ImportFrom, Transcripts};
pub use job::{AddJob, FinishJob, Jobs, JobsVerb, RunJobs, Taking};
pub use keep::{Export, ExportFormat, ImportLines, Purge};
pub use memory::{ApplyMemory, Decision, Memory, MemoryVerb, ProposeMemory};
pub use message::{Ack, Ask, AskMany, Broadcast, Cancel, Notify};
pub use operate::{Completions, Config, ConfigVerb, Mcp, Place, PluginHost, PluginProbe, Serve};
pub use plugin::{Logs, New, Plugins, PluginsVerb, Trust};
pub use primer::Primer;
pub use read::{Events, Inbox, Peers, Thread, Timeline, Trace, Why};
pub use record::Record;
pub use schedule::{AddSchedule, Schedule, ScheduleVerb};
pub use search::{Recall, Search};
pub use service::{Service, ServiceLogs, ServiceVerb};
pub use session::{Budget, Bundle, Describe, Label, List, Sessions, SessionsVerb};
pub use setup::Setup;
pub use spawn::Spawn;
pub use token::{Create, Token, TokenVerb};
pub use value::millis;

use crate::endpoint::Endpoint;

const AFTER_HELP: &str = "\
Environment:
  TIELINE_HOME        directory of config, data and run; else the platform's own places
  TIELINE_TOKEN_FILE  file with the token to speak with; the human's own by default
  TIELINE_TOKEN       the token itself
  NO_COLOR            no colours

Exit codes (all of them: docs/cli.md):
  0 done           3 no valid token   6 conflict      70 a fault
  1 no             4 not allowed      7 try later
  2 bad input      5 not found        69 no daemon

Start:  tieline serve        Check:  tieline doctor        See it work:  tieline demo";

/// Ask, answer and tell: the local message mesh for coding agents.
#[derive(Debug, Parser)]
#[command(name = "tieline", version, arg_required_else_help = true, after_help = AFTER_HELP)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What holds for every command.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Global {
    /// Print JSON for programs instead of text for people
    #[arg(long, global = true, help_heading = "Global options")]
    pub json: bool,
    /// Speak with the token in this file
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub token_file: Option<PathBuf>,
    /// Reach the daemon over TCP, as in http://127.0.0.1:8435, instead of its Unix socket
    #[arg(long, global = true, value_name = "URL", help_heading = "Global options")]
    pub url: Option<Endpoint>,
}

/// One command.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Ask a session; the answer comes to your inbox
    Ask(Ask),
    /// Answer an ask; without text it is just closed
    Ack(Ack),
    /// Tell a session something; no answer is expected
    Notify(Notify),
    /// Tell every open session of a circle something
    Broadcast(Broadcast),
    /// Ask several sessions at once
    AskMany(AskMany),
    /// Withdraw a message not yet delivered, or an ask not yet answered
    Cancel(Cancel),
    /// Read what waits in an inbox
    Inbox(Inbox),
    /// List, show, open, close, rename and describe sessions
    Sessions(Sessions),
    /// Start an agent program for a new session, in tmux
    Spawn(Spawn),
    /// List the peers that are attached now
    Peers(Peers),
    /// Tell where a message went, with the evidence for each state
    Trace(Trace),
    /// Show the messages that refer to each other, from the first one on
    Thread(Thread),
    /// List what waits for you: asks, approvals, plugins that need help
    #[command(visible_alias = "needs-you", after_help = "Example:\n  tieline needs")]
    Needs,
    /// Tell why a session is as it is: on whom it waits, and they, with the evidence
    Why(Why),
    /// Read what happened in sessions, merged, a page at a time
    Timeline(Timeline),
    /// Find what was said and done in any session, by its words
    Search(Search),
    /// What is known of something, as a short digest for a model
    Recall(Recall),
    /// Write timelines down, for programs or for people
    Export(Export),
    /// Remove what a session said and did; humans only
    Purge(Purge),
    /// Take in transcripts of agent programs, or exports, as timelines
    Import(Import),
    /// Tell the daemon what an agent program does; run by that program
    Hook(Hook),
    /// Put on a timeline what an agent did
    Record(Record),
    /// Make, list, show, pause, resume, run and remove schedules
    Schedule(Schedule),
    /// Show what sessions work by, propose changes, and decide about them
    Memory(Memory),
    /// Give jobs, take them, and say what came of them
    Jobs(Jobs),
    /// Lease files, give leases back, and see who works on what
    Files(Files),
    /// Show what happened, or follow what happens
    Events(Events),
    /// Tell who you are to the mesh
    #[command(after_help = "Example:\n  tieline whoami")]
    Whoami,
    /// Create, list and revoke tokens; humans only
    Token(Token),
    /// List and steer the transport plugins, or write a new one; humans only
    #[command(visible_alias = "plugin")]
    Plugins(Plugins),
    /// Connect the agent programs of this machine, or take that back
    Setup(Setup),
    /// Keep the daemon running as a service of yours
    Service(Service),
    /// Check this installation by sending a message through it, or the agent programs that are connected
    Doctor(Doctor),
    /// Watch scripted peers hold a short conversation in the running mesh
    #[command(
        after_help = "Example:\n  tieline demo\n\nIt makes three tokens in a circle of its own and takes them back."
    )]
    Demo,
    /// Show or check the configuration; needs no daemon
    Config(Config),
    /// Print what an agent has to know to work with others, for its instructions; needs no daemon
    Primer(Primer),
    /// Print completions for a shell
    Completions(Completions),
    /// Speak MCP on standard input and output, for an agent
    Mcp(Mcp),
    /// Run the daemon in the foreground
    Serve(Serve),
    /// Try a plugin file in this process and leave
    #[command(hide = true)]
    PluginProbe(PluginProbe),
    /// Run a plugin file in this process for the daemon
    #[command(hide = true)]
    PluginHost(PluginHost),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_visible_command_has_an_example() {
        fn walk(command: &clap::Command) {
            for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
                let help = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("  tieline "), "`{}` has no example", sub.get_name());
                walk(sub);
            }
        }
        walk(&Cli::command());
    }

    #[test]
    fn every_visible_command_is_in_the_page() {
        let page = include_str!("../../../docs/cli.md");
        for sub in Cli::command().get_subcommands().filter(|sub| !sub.is_hide_set()) {
            assert!(page.contains(&format!("tieline {}", sub.get_name())), "docs/cli.md lacks `{}`", sub.get_name());
        }
    }

    #[test]
    fn what_people_type_is_understood() {
        let fine: &[&[&str]] = &[
            &["ask", "review", "May I?"],
            &["ask", "review", "May I?", "--wait", "30", "--expires", "2h"],
            &["ask", "--wait", "1m", "@critic", "-"],
            &["ack", "msg_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f"],
            &["ask-many", "--need", "any", "Ready?", "a", "b", "ops/c"],
            &["broadcast", "frozen", "--circle", "ops", "--exclude", "a", "--exclude", "b"],
            &["inbox", "--follow", "--ack", "--lane", "msg"],
            &["--json", "inbox"],
            &["inbox", "--json"],
            &["sessions"],
            &["sessions", "--all"],
            &["sessions", "list", "--circle", "ops"],
            &["sessions", "open", "review", "--role", "critic"],
            &["token", "create", "ci", "--kind", "service", "--scope", "message:send", "--expires", "30d"],
            &["serve", "--listen", "127.0.0.1:0", "--set", "log.format=json", "--set", "store.readers=1"],
            &["--url", "http://127.0.0.1:8435", "whoami"],
            &["plugin-probe", "/x.so"],
            &["plugin-host", "/x.so"],
            &["plugins"],
            &["plugins", "list", "--json"],
            &["plugins", "trust", "slack", "--hash", &"aB".repeat(32), "--yes"],
            &["plugins", "logs", "slack", "--follow", "--limit", "5"],
            &["plugin", "new", "slack", "--sdk", "/x"],
            &["config", "path", "plugins"],
            &["schedule", "add", "every 15m", "--notify", "self", "look", "--overlap", "buffer-one"],
            &["schedule", "add", "0 9 * * 1-5", "--command", "{}", "--misfire", "all:10", "--dry-run"],
            &["schedule", "list", "review", "--all", "--json"],
            &["jobs", "add", "--for", "review", "Read", "the diff", "--deadline", "2h", "--attempts", "5"],
            &["jobs", "add", "--new", "night", "--backend", "claude", "Build", "-", "--steady"],
            &["export", "review", "--format", "markdown", "-o", "x.md"],
            &["purge", "review", "--before", "2026-11-01", "--yes"],
            &["import", "jsonl", "x.jsonl", "--again"],
            &["events", "--follow", "--session", "a", "--session", "b"],
            &["memory", "show", "review", "--at", "3"],
            &["memory", "snapshot", "--origin", "resume", "CLAUDE.md"],
            &["memory", "propose", "CLAUDE.md", "--remove", "--reason", "old"],
            &["memory", "decide", "prp_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f", "reject", "too long"],
            &["sessions", "watch", "review", "--as", "build"],
            &["files", "lease", "src/a.rs", "tests", "--for", "2h", "--note", "x", "--as", "build"],
            &["sessions", "bundle", "review", "--to", "build"],
            &["primer", "--skill"],
            &["files", "release"],
            &["files", "list", "--circle", "ops"],
            &["jobs", "run", "--session", "review", "--once", "--", "sh", "-c", "cat"],
        ];
        for line in fine {
            let words = std::iter::once("tieline").chain(line.iter().copied());
            if let Err(error) = Cli::try_parse_from(words) {
                panic!("{line:?}: {error}");
            }
        }
    }

    #[test]
    fn what_is_wrong_is_refused_with_what_was_wanted() {
        let wrong: &[(&[&str], &str)] = &[
            (&["ask", "", "x"], "wanted a session id, a title"),
            (&["ack", "msg_12"], "msg_ and 32 hex digits"),
            (&["ask", "a", "x", "--expires", "soon"], "2h"),
            (&["ask", "a", "x", "--wait", "soon"], "30s or 2m"),
            (&["inbox", "--lane", "fast"], "possible values: ctl, msg, bulk"),
            (&["inbox", "--after", "3"], "--lane"),
            (&["ask-many", "text"], "<TO>"),
            (&["token", "create", "x", "--kind", "system"], "possible values: human, agent, service"),
            (&["serve", "--set", "novalue"], "KEY=VALUE"),
            (&["plugins", "trust", "slack", "--hash", "5f1c"], "64 hexadecimal digits"),
            (&["plugins", "info"], "<NAME>"),
            (&["schedule", "add", "every 15m", "--notify", "self"], "<TEXT>"),
            (&["schedule", "add", "every 15m", "text"], "--notify"),
            (&["schedule", "add", "x", "--ask", "a", "x", "--misfire", "all"], "all:10"),
            (&["jobs", "add", "Read", "the diff"], "--for"),
            (&["jobs", "add", "--for", "a", "x", "y", "--backend", "claude"], "--for"),
            (&["files", "lease"], "<PATHS>"),
            (&["files", "lease", "a", "--for", "soon"], "2h"),
            (&["jobs", "run"], "<COMMAND>"),
            (&["setup", "emacs"], "claude, codex, gemini, opencode, pi"),
            (&["setup", "--undo", "--approve-tools"], "--undo"),
            (&["service"], "Usage"),
            (&["memory", "propose", "CLAUDE.md", "--reason", "old"], "--diff"),
            (&["memory", "snapshot"], "<FILES>"),
            (&["purge", "review"], "--through"),
            (&["purge", "review", "--all", "--through", "3"], "cannot be used with"),
            (&["purge", "review", "--before", "soon"], "2026-11-01"),
            (&["whoami", "--url", "https://127.0.0.1:1"], "http://"),
            (&["whoami", "--url", "http://example.org:80"], "loopback"),
        ];
        for (line, says) in wrong {
            let words = std::iter::once("tieline").chain(line.iter().copied());
            let error = Cli::try_parse_from(words).expect_err(&format!("{line:?} was taken")).to_string();
            assert!(error.contains(says), "{line:?}: {error}");
        }
    }
}
