//! `tieline jobs run` as people use it: a command for each job of a real daemon, and an end to it when the job has ended.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

use std::{
    io::{BufRead, BufReader},
    process::{Child, Stdio},
    time::Instant,
};

use serde_json::{Value, json};
use tieline_tests::{
    LIMIT,
    daemon::{Daemon, Home},
};

/// Runs a command that succeeds and returns what it answers.
fn says(home: &Home, args: &[&str]) -> Value {
    let output = home.tieline(args.iter().copied().chain(["--json"])).output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{args:?}: {shown}{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(shown.trim()).unwrap_or_else(|error| panic!("{args:?}: {error}: {shown}"))
}

fn add(home: &Home, title: &str, input: &str) -> String {
    let added = says(home, &["jobs", "add", "--for", "human", title, input, "--attempts", "2", "--pause", "0s"]);
    added["ok"]["job"]["job"].as_str().unwrap().to_owned()
}

fn show(home: &Home, id: &str) -> Value {
    says(home, &["jobs", "show", id])["ok"]["job"].clone()
}

#[test]
fn a_command_gets_the_input_and_its_output_is_the_result() {
    let daemon = Daemon::start();
    let home = &daemon.home;
    let (fine, bad, hopeless) = (add(home, "fine", "one\ntwo"), add(home, "bad", "x"), add(home, "hopeless", "x"));
    let script = "case \"$TIELINE_JOB_TITLE\" in bad) echo \"attempt $TIELINE_JOB_ATTEMPT\"; exit 3;; hopeless) exit 100;; \
                  esac; tr a-z A-Z";
    let run = home.tieline(["jobs", "run", "--once", "--", "sh", "-c", script]).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let fine = show(home, &fine);
    assert_eq!((&fine["state"], &fine["result"]), (&json!("done"), &json!("ONE\nTWO")));
    let bad = show(home, &bad);
    assert_eq!((&bad["state"], &bad["attempts"], &bad["result"]), (&json!("failed"), &json!(2), &json!("attempt 2")));
    assert!(bad["reason"].as_str().unwrap().contains("exit status: 3"), "{bad}");
    let hopeless = show(home, &hopeless);
    assert_eq!((&hopeless["state"], &hopeless["attempts"]), (&json!("failed"), &json!(1)));
}

/// A worker that is ended with its test.
struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_command_is_kept_while_its_lease_is_renewed_and_killed_when_its_job_is_withdrawn() {
    let daemon = Daemon::start();
    let home = &daemon.home;
    let id = add(home, "endless", "x");
    let args = ["jobs", "run", "--json", "--lease", "1s", "--", "sh", "-c", "exec sleep 600"];
    let mut worker = Worker(home.tieline(args).stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(worker.0.stdout.take().unwrap()).lines().map(|line| line.unwrap());
    assert!(lines.next().unwrap().contains("taken"));
    let first = show(home, &id)["leased_until_ms"].as_i64().unwrap();
    // Renewed thrice, it has lived for longer than its lease.
    let started = Instant::now();
    while show(home, &id)["leased_until_ms"].as_i64().unwrap() < first + 1_000 {
        assert!(started.elapsed() < LIMIT, "the lease is not renewed");
    }
    let kept = show(home, &id);
    assert_eq!((&kept["state"], &kept["lease"]), (&json!("leased"), &json!(1)));
    says(home, &["jobs", "cancel", &id, "enough"]);
    let killed = lines.next().unwrap();
    assert!(killed.contains("killed") && killed.contains("cancelled"), "{killed}");
    assert_eq!(show(home, &id)["state"], "cancelled");
}
