//! Typing one prompt into a pane: first the proof whose pane it is, then one character, then the rest, then Enter.
//!
//! Keys that reach a permission dialog approve it. So nothing that a dialog takes for an answer is typed before a harmless
//! character has been seen in an empty composer, and Enter only after the whole line was seen there.

use std::{
    fs::OpenOptions,
    os::unix::fs::OpenOptionsExt,
    thread,
    time::{Duration, Instant},
};

use rustix::{fs::OFlags, termios::LocalModes};

use crate::{
    screen::{Probed, left_over, probed, shows},
    tmux::{Facts, Tmux},
    wake::ProcessId,
};

/// No agent program that is known takes it for an answer, and the prompt begins with it.
const MARK: char = '[';
/// Every prompt of the daemon begins so. Whoever dies between the line and Enter leaves it behind, and it is told from a person's
/// words by that.
const OURS: &str = "[tieline] mail for";
/// How often the screen is looked at.
const LOOK: Duration = Duration::from_millis(60);
/// Programs take Enter for a part of what was pasted when it follows at once.
const PAUSE: Duration = Duration::from_millis(400);

/// Types `prompt`, which begins with `[`, and presses Enter. An error says why not; then nothing that was typed is left
/// behind.
pub fn prompt(tmux: &Tmux<'_>, process: ProcessId, prompt: &str, patience: Duration) -> Result<(), String> {
    let Some(rest) = prompt.strip_prefix(MARK).filter(|_| !prompt.chars().any(char::is_control)) else {
        return Err(format!("a prompt begins with `{MARK}` and is one line"));
    };
    prove(tmux, process)?;
    if !mark(tmux, prompt, patience)? {
        // What was left behind is gone now.
        prove(tmux, process)?;
        if !mark(tmux, prompt, patience)? {
            return Err("a line of ours that was left behind in it does not go away".into());
        }
    }
    tmux.paste(rest)?;
    if wait(tmux, patience, |screen| shows(screen, prompt))?.is_none() {
        // Deletes to the beginning of the line.
        tmux.press("C-u")?;
        return Err("it does not show the whole line that was typed".into());
    }
    thread::sleep(PAUSE);
    prove(tmux, process)?;
    tmux.press("Enter")
}

/// Types the mark, and sees it alone in an empty composer. Otherwise it is taken back: an error says why, and false that a line of
/// ours was there, which is taken out with it.
fn mark(tmux: &Tmux<'_>, prompt: &str, patience: Duration) -> Result<bool, String> {
    let before = tmux.screen()?;
    tmux.literally(&MARK.to_string())?;
    if wait(tmux, patience, |screen| probed(&before, screen, MARK) == Probed::Alone)?.is_some() {
        return Ok(true);
    }
    let after = tmux.screen()?;
    if probed(&before, &after, MARK) != Probed::BehindWords {
        return Err("it does not show what is typed: its composer is not there".into());
    }
    tmux.press("BSpace")?;
    let Some(line) = left_over(&before, &after, MARK, prompt, OURS) else {
        return Err("somebody is typing in it".into());
    };
    // Deletes to the beginning of the line.
    tmux.press("C-u")?;
    wait(tmux, patience, |screen| screen.iter().all(|shown| shown.trim_end() != line.trim_end()))?;
    Ok(false)
}

/// Looks at the screen until it is as wanted, and returns it; `None` when that takes too long.
fn wait(
    tmux: &Tmux<'_>,
    patience: Duration,
    is_wanted: impl Fn(&[String]) -> bool,
) -> Result<Option<Vec<String>>, String> {
    let begin = Instant::now();
    loop {
        let screen = tmux.screen()?;
        if is_wanted(&screen) {
            return Ok(Some(screen));
        }
        if begin.elapsed() > patience {
            return Ok(None);
        }
        thread::sleep(LOOK);
    }
}

/// Proves that the pane shows this very process, and that what is typed goes to it.
fn prove(tmux: &Tmux<'_>, process: ProcessId) -> Result<(), String> {
    let Facts { tty, is_in_mode, .. } = prove_owner(tmux, process)?;
    if is_in_mode {
        return Err("somebody scrolls in its pane".into());
    }
    if is_in_line_mode(&tty)? {
        return Err("its terminal takes whole lines: no composer is open in it".into());
    }
    Ok(())
}

/// Proves that the pane shows this very process.
pub fn prove_owner(tmux: &Tmux<'_>, process: ProcessId) -> Result<Facts, String> {
    let facts = tmux.facts()?;
    let pid = facts.pid;
    if facts.ended.is_some() {
        return Err("its pane is dead".into());
    }
    if !tieline_process::is_alive(process.pid, process.started) {
        return Err(format!("its process {} is gone", process.pid));
    }
    if !tieline_process::line(process.pid).iter().any(|above| above.pid == pid) {
        return Err(format!("its pane belongs to process {pid}, which has not started process {}", process.pid));
    }
    Ok(facts)
}

/// A program with a composer reads single keys; whatever else is in the pane would take the line for a command.
fn is_in_line_mode(tty: &str) -> Result<bool, String> {
    let failed = |error: &dyn std::fmt::Display| format!("its terminal {tty} cannot be looked at: {error}");
    let flags = i32::try_from((OFlags::NOCTTY | OFlags::NONBLOCK).bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(tty).map_err(|error| failed(&error))?;
    let modes = rustix::termios::tcgetattr(&file).map_err(|error| failed(&error))?;
    Ok(modes.local_modes.contains(LocalModes::ICANON))
}
