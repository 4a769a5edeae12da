//! Starting a program in a pane of its own, and ending one: without a shell, below the roots, and with proof.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    order::{End, Start, Worktree},
    tmux::{Facts, Tmux},
    typing::prove_owner,
    wake::Pane,
};

/// How long a program may take to end after its pane is gone.
const END: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(50);
/// How long a new program is looked at: node takes a second until it can fail.
const SETTLE: Duration = Duration::from_secs(2);
/// The longest name of a session of tmux, in characters.
const MAX_NAME: usize = 40;

/// Starts a program in the server of tmux that is called so.
pub fn start(tmux: &str, server: &str, order: &Start) -> Result<(), String> {
    if let Some(before) = &order.instead_of {
        end(tmux, before)?;
    }
    let folder = folder(order)?;
    let mut argv = order.argv.clone();
    if let Some(native) = &order.resume {
        argv.extend(resumed(&order.agent, native)?);
    }
    argv.extend(greeting(&order.agent, &order.title));
    let name: String =
        order.title.chars().map(|c| if c.is_alphanumeric() || c == '-' { c } else { '_' }).take(MAX_NAME).collect();
    let mut command = Command::new(tmux);
    command.args(["-L", server]).args(["new-session", "-d", "-s", &name, "-x", "200", "-y", "50", "-c"]).arg(&folder);
    command.args(["-P", "-F", "#{socket_path} #{pane_id}"]);
    // Several words are a program with its arguments; one alone would be a line for a shell.
    command.args(["--", "env", "--"]).args(&argv);
    // What a program says when it fails is still to be read.
    command.args([";", "set-option", "-p", "remain-on-exit", "failed"]);
    let place = run(command, tmux)?;
    let place = place.trim_end().rsplit_once(' ').ok_or_else(|| format!("{tmux} says {place:?} of the new pane"))?;
    stays(&Tmux::new(tmux, &Pane { socket: place.0.to_owned(), pane: place.1.to_owned() }))
}

/// Looks on for as long as programs take to fail at once, and says what they said then.
fn stays(pane: &Tmux<'_>) -> Result<(), String> {
    let begin = Instant::now();
    while begin.elapsed() < SETTLE {
        match pane.facts() {
            Ok(Facts { ended: Some(status), .. }) => {
                // The line that tmux adds moves the others up.
                let words = last_words(&pane.end_of_history().unwrap_or_default());
                pane.kill()?;
                let status = if status.is_empty() { String::new() } else { format!(" with status {status}") };
                return Err(format!("it ended at once{status}{words}"));
            }
            Ok(_) => thread::sleep(LOOK),
            Err(_) => return Err("it ended at once, and its pane is gone".into()),
        }
    }
    Ok(())
}

/// Ends a program whose pane it is.
pub fn end(tmux: &str, order: &End) -> Result<(), String> {
    let pane = Tmux::new(tmux, &order.pane);
    prove_owner(&pane, order.process)?;
    pane.kill()?;
    let begin = Instant::now();
    while tieline_process::is_alive(order.process.pid, order.process.started) {
        if begin.elapsed() > END {
            return Err(format!("its pane is gone, and its process {} still runs", order.process.pid));
        }
        thread::sleep(LOOK);
    }
    Ok(())
}

/// What a screen shows last. tmux itself adds a line about the end.
fn last_words(screen: &[String]) -> String {
    let mut said = screen.iter().filter(|line| !line.trim().is_empty() && !line.starts_with("Pane is dead"));
    said.next_back().map(|line| format!("; its last words: {}", line.trim())).unwrap_or_default()
}

/// Finds the folder, or makes the working tree; links are followed before it is compared with the roots.
fn folder(order: &Start) -> Result<PathBuf, String> {
    let real = |path: &str| fs::canonicalize(path).map_err(|error| format!("the folder {path:?}: {error}"));
    let roots: Vec<PathBuf> = order.roots.iter().filter_map(|root| fs::canonicalize(root).ok()).collect();
    let check = |path: &Path| match roots.iter().any(|root| path.starts_with(root)) {
        true => Ok(()),
        false => Err(format!("the folder {} is not below {}", path.display(), order.roots.join(", "))),
    };
    let Some(Worktree { of, branch }) = &order.worktree else {
        let folder = real(&order.folder)?;
        check(&folder)?;
        return Ok(folder);
    };
    let repository = real(of)?;
    check(&repository)?;
    let parent = Path::new(&order.folder).parent().ok_or("the working tree has no folder")?;
    check(parent.parent().unwrap_or(parent))?;
    if !Path::new(&order.folder).exists() {
        let mut git = Command::new("git");
        git.arg("-C").arg(&repository).args(["worktree", "add", "-b", branch]).arg(&order.folder);
        run(git, "git")?;
    }
    let folder = real(&order.folder)?;
    check(&folder)?;
    Ok(folder)
}

/// Returns the words by which a program goes on with a session of its own.
fn resumed(agent: &str, native: &str) -> Result<Vec<String>, String> {
    if native.starts_with('-') || native.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("its own id of the session could be taken for an option".into());
    }
    let words = match agent {
        "claude" => vec!["--resume", native],
        "codex" => vec!["resume", native],
        "gemini" => vec!["-r", native],
        other => return Err(format!("how {other} goes on with a session is not known")),
    };
    Ok(words.into_iter().map(str::to_owned).collect())
}

/// Returns what a program is prompted with that says nothing to its hooks before its first prompt: nobody would know of it.
fn greeting(agent: &str, title: &str) -> Option<String> {
    let title: String = title.chars().filter(|c| !c.is_control()).collect();
    let words = format!("[tieline] `{title}` is a session of the mesh now; reply with the single word: ready");
    (agent == "codex").then_some(words)
}

fn run(mut command: Command, name: &str) -> Result<String, String> {
    command.env_remove("TMUX").env_remove("TMUX_PANE").stdin(Stdio::null());
    let Output { status, stdout, stderr } =
        command.output().map_err(|error| format!("`{name}` did not run: {error}"))?;
    if !status.success() {
        return Err(format!("{name} says: {}", String::from_utf8_lossy(&stderr).trim()));
    }
    Ok(String::from_utf8_lossy(&stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn order(folder: &Path, root: &Path) -> Start {
        Start {
            title: "x".into(),
            agent: "claude".into(),
            argv: vec!["claude".into()],
            folder: folder.display().to_string(),
            roots: vec![root.display().to_string()],
            worktree: None,
            resume: None,
            instead_of: None,
        }
    }

    #[test]
    fn a_link_out_of_the_roots_is_followed_and_refused() {
        let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let inside = root.path().join("api");
        fs::create_dir(&inside).unwrap();
        assert!(folder(&order(&inside, root.path())).is_ok());
        let link = root.path().join("link");
        symlink(outside.path(), &link).unwrap();
        assert!(folder(&order(&link, root.path())).unwrap_err().contains("is not below"));
    }

    #[test]
    fn only_who_would_stay_silent_is_prompted_at_once() {
        assert_eq!(greeting("claude", "x"), None);
        let words = greeting("codex", "--yolo\n").unwrap();
        assert!(words.starts_with("[tieline] `--yolo` is"), "{words}");
    }

    #[test]
    fn the_last_words_are_the_programs_own() {
        let screen = ["error: no such model", "", "Pane is dead (status 3, Fri)"].map(str::to_owned);
        assert_eq!(last_words(&screen), "; its last words: error: no such model");
        assert_eq!(last_words(&screen[2..]), "");
    }

    #[test]
    fn an_id_that_looks_like_an_option_is_refused() {
        assert_eq!(resumed("codex", "01a2").unwrap(), ["resume", "01a2"]);
        assert!(resumed("claude", "--dangerously-skip-permissions").is_err());
        assert!(resumed("claude", "a b").is_err());
    }
}
