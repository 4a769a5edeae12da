//! The process beside a program may be killed, and so may the daemon: mail reaches the program as before.

use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};

use crate::{program::Kind, stage::Stage};

/// Finds the process that stays beside a program.
fn listener(program: u64) -> Option<u32> {
    let found =
        Command::new("pgrep").args(["-P", &program.to_string(), "-f", "hook --listen"]).output().expect("pgrep");
    String::from_utf8_lossy(&found.stdout).trim().parse().ok()
}

#[tokio::test]
async fn pi_gets_its_mail_after_its_listener_and_the_daemon_were_killed() {
    let mut stage = Stage::with(&[Kind::Pi]).await;
    stage.open("pi", Kind::Pi).await;
    let session = stage.wait_presence("work-pi", "idle").await;
    let program = session["runtime"]["process"]["pid"].as_u64().expect("a process");
    let first = listener(program).expect("a listener");
    let pid = Pid::from_raw(i32::try_from(first).expect("a process")).expect("a process");
    kill_process(pid, Signal::KILL).expect("it runs");
    stage.until("another listener", async || listener(program).filter(|pid| *pid != first)).await;
    let sent = stage.tell("work-pi", "after the listener").await;
    stage.wait_seen(&sent).await;

    stage.restart();
    let sent = stage.tell("work-pi", "after the daemon").await;
    stage.wait_seen(&sent).await;
    assert_eq!(stage.handed("work-pi", &sent).await.len(), 1);
}
