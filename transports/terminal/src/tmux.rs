//! One pane of tmux: what is known of it, what it shows, and keys for it. Through the program, never through a shell.

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

use crate::wake::Pane;

/// What is known of a pane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The process that it was opened with.
    pub pid: u32,
    /// Its terminal.
    pub tty: String,
    /// Whether keys go to tmux itself, as when somebody scrolls.
    pub is_in_mode: bool,
    /// With what its process has ended, if it has; empty when tmux does not know.
    pub ended: Option<String>,
}

/// One pane.
#[derive(Debug)]
pub struct Tmux<'a> {
    program: &'a str,
    pane: &'a Pane,
}

impl<'a> Tmux<'a> {
    /// Names one.
    pub fn new(program: &'a str, pane: &'a Pane) -> Self {
        Self { program, pane }
    }

    /// Asks what is known of it.
    pub fn facts(&self) -> Result<Facts, String> {
        let format = "#{pane_id} #{pane_pid} #{pane_in_mode} #{pane_dead} #{pane_tty} #{pane_dead_status}";
        let text = self.run(&["display-message", "-p", "-t", &self.pane.pane, format], None)?;
        let fields: Vec<&str> = text.trim_end_matches('\n').split(' ').collect();
        match fields.as_slice() {
            [id, pid, mode, dead, tty, status] if *id == self.pane.pane => Ok(Facts {
                pid: pid.parse().map_err(|_| format!("tmux says {pid:?} for the pane's process"))?,
                tty: (*tty).to_owned(),
                is_in_mode: *mode != "0",
                ended: (*dead != "0").then(|| (*status).to_owned()),
            }),
            _ => Err(format!("there is no pane {}", self.pane.pane)),
        }
    }

    /// Returns the lines that it shows, wrapped ones put together.
    pub fn screen(&self) -> Result<Vec<String>, String> {
        let text = self.run(&["capture-pane", "-p", "-t", &self.pane.pane], None)?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// Returns the lines that it shows after those that have just left it.
    pub fn end_of_history(&self) -> Result<Vec<String>, String> {
        let text = self.run(&["capture-pane", "-p", "-S", "-10", "-t", &self.pane.pane], None)?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// Types characters as they are.
    pub fn literally(&self, text: &str) -> Result<(), String> {
        self.run(&["send-keys", "-t", &self.pane.pane, "-l", "--", text], None).map(drop)
    }

    /// Pastes a text, marked as pasted for programs that want to know.
    pub fn paste(&self, text: &str) -> Result<(), String> {
        let buffer = format!("tieline-{}", self.pane.pane.trim_start_matches('%'));
        self.run(&["load-buffer", "-b", &buffer, "-"], Some(text))?;
        self.run(&["paste-buffer", "-p", "-d", "-b", &buffer, "-t", &self.pane.pane], None).map(drop)
    }

    /// Presses a key, as tmux calls it.
    pub fn press(&self, key: &str) -> Result<(), String> {
        self.run(&["send-keys", "-t", &self.pane.pane, key], None).map(drop)
    }

    /// Closes it, and ends what runs in it.
    pub fn kill(&self) -> Result<(), String> {
        self.run(&["kill-pane", "-t", &self.pane.pane], None).map(drop)
    }

    fn run(&self, args: &[&str], input: Option<&str>) -> Result<String, String> {
        let mut command = Command::new(self.program);
        command.arg("-S").arg(&self.pane.socket).args(args).env_remove("TMUX");
        command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let failed = |error| format!("`{}` did not run: {error}", self.program);
        let mut child = command.spawn().map_err(failed)?;
        if let (Some(text), Some(mut stdin)) = (input, child.stdin.take()) {
            stdin.write_all(text.as_bytes()).map_err(failed)?;
        }
        let Output { status, stdout, stderr } = child.wait_with_output().map_err(failed)?;
        if !status.success() {
            let said = String::from_utf8_lossy(&stderr);
            return Err(format!("tmux says: {}", said.trim()));
        }
        Ok(String::from_utf8_lossy(&stdout).into_owned())
    }
}
