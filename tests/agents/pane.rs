//! A pane of tmux, as a person has it before them.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use tokio::time::{Instant, sleep};

/// How long a program may take to show something.
const LIMIT: Duration = Duration::from_secs(60);

/// A server of tmux of our own, with its panes.
#[derive(Debug)]
pub struct Tmux {
    socket: PathBuf,
}

impl Tmux {
    /// Names one; it begins with its first pane.
    pub fn new(folder: &Path) -> Self {
        Self { socket: folder.join("tmux.sock") }
    }

    /// Starts a program in a pane of its own.
    pub fn open(&self, name: &str, folder: &Path, command: &str) -> Pane<'_> {
        let folder = folder.to_str().expect("a path");
        self.run(&["new-session", "-d", "-s", name, "-x", "120", "-y", "40", "-c", folder, command]);
        Pane { tmux: self, name: name.to_owned() }
    }

    fn run(&self, args: &[&str]) -> String {
        let mut command = Command::new("tmux");
        command.arg("-S").arg(&self.socket).args(["-f", "/dev/null"]).args(args).env_remove("TMUX");
        let Output { status, stdout, stderr } =
            command.output().expect("tmux is installed: on Debian the package tmux");
        assert!(status.success(), "tmux {args:?}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8_lossy(&stdout).into_owned()
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        // It may have ended with its last pane.
        let _ended = Command::new("tmux").arg("-S").arg(&self.socket).arg("kill-server").output();
    }
}

/// One pane.
#[derive(Debug)]
pub struct Pane<'a> {
    tmux: &'a Tmux,
    name: String,
}

impl Pane<'_> {
    /// Returns what it shows.
    pub fn screen(&self) -> String {
        self.tmux.run(&["capture-pane", "-p", "-t", &self.name])
    }

    /// Waits until it shows something.
    pub async fn wait(&self, words: &str) -> String {
        let begin = Instant::now();
        loop {
            let screen = self.screen();
            if screen.contains(words) {
                return screen;
            }
            assert!(begin.elapsed() < LIMIT, "{} does not show {words:?}:\n{screen}", self.name);
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Prompts the program, as a person does: Enter comes after what was typed is seen.
    pub async fn prompt(&self, text: &str) {
        self.write(text).await;
        // Programs take Enter for a part of what was pasted when it follows at once.
        sleep(Duration::from_millis(500)).await;
        self.press("Enter");
    }

    /// Types something into the composer, and no Enter.
    pub async fn write(&self, text: &str) {
        let begin: String = text.chars().take(12).collect();
        let end: String = text.chars().rev().take(4).collect::<Vec<_>>().into_iter().rev().collect();
        self.tmux.run(&["send-keys", "-t", &self.name, "-l", "--", text]);
        self.wait(&begin).await;
        self.wait(&end).await;
    }

    /// Presses a key, as tmux calls it.
    pub fn press(&self, key: &str) {
        self.tmux.run(&["send-keys", "-t", &self.name, key]);
    }

    /// Returns the server's socket and the pane's number, as in `%3`.
    pub fn place(&self) -> (String, String) {
        let number = self.tmux.run(&["display-message", "-p", "-t", &self.name, "#{pane_id}"]);
        (self.tmux.socket.display().to_string(), number.trim().to_owned())
    }
}
