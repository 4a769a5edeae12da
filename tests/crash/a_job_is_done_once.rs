//! Jobs are worked at while the daemon dies between any two steps: none is lost, no lease is given twice, and each job is
//! done once, by the worker that was told so.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::{Value, json};
use tieline_tests::http::{Place, Request};
use tokio::time::{Instant, sleep};

use crate::{
    built,
    daemon::{Daemon, Home, was_killed},
};

/// Where a daemon can die that deals with a job.
pub const WORK: [&str; 6] = [
    "job.before_take",
    "job.after_take",
    "job.before_finish",
    "job.after_finish",
    "job.before_expiry",
    "job.after_expiry",
];
/// The commit around it.
const COMMIT: [&str; 2] = ["store.before_commit", "store.after_commit"];
/// At which passes of each.
const PASSES: [u64; 2] = [1, 5];
/// The shortest lease that there is: leases that nobody finishes run out while the test runs.
const LEASE_MS: u64 = 1_000;
const LIMIT: Duration = Duration::from_secs(60);

/// A worker that remembers what it was told, and repeats under the same key what it got no answer to.
struct Worker<'a> {
    home: &'a Home,
    keys: u64,
    unanswered: Option<(String, Value)>,
    /// Each job that it gave.
    given: BTreeSet<String>,
    /// Each lease that it got.
    leases: BTreeSet<(String, u64)>,
    /// The lease under which it was told that a job is done.
    done: BTreeMap<String, u64>,
    turns: u64,
}

impl Worker<'_> {
    /// Says one thing. `None` when the daemon is gone: it is said again later.
    async fn say(&mut self, daemon: &Daemon, command: Value) -> Option<Value> {
        self.keys += 1;
        self.unanswered = Some((format!("job-{}", self.keys), command));
        self.repeat(daemon).await
    }

    async fn repeat(&mut self, daemon: &Daemon) -> Option<Value> {
        let (key, command) = self.unanswered.clone()?;
        let request = Request::command(&command).token(&self.home.token("agent")).header("Idempotency-Key", &key);
        let answer = request.try_send(&Place::Tcp(daemon.address)).await.ok()?.json();
        self.unanswered = None;
        self.note(&command, &answer);
        Some(answer)
    }

    fn note(&mut self, command: &Value, answer: &Value) {
        if command.get("job_create").is_some() {
            let id = answer["ok"]["job"]["job"].as_str().unwrap_or_else(|| panic!("{answer}"));
            assert!(self.given.insert(id.to_owned()), "{id} was given twice");
        } else if let Some(job) = answer["ok"]["job_taken"].get("job") {
            let lease = (job["job"].as_str().expect("an id").to_owned(), job["lease"].as_u64().expect("a number"));
            assert!(self.leases.insert(lease.clone()), "{lease:?} was given twice");
        } else if answer["ok"].get("job").is_some() {
            let finish = &command["job_finish"];
            let id = finish["job"].as_str().expect("an id").to_owned();
            let lease = finish["lease"].as_u64().expect("a number");
            assert_eq!(self.done.insert(id, lease), None, "{finish} was done before");
        } else if answer.get("refusal").is_some() {
            assert_eq!(answer["refusal"]["code"], "fenced", "{command}: {answer}");
        }
    }

    /// Gives a job, takes one, and finishes it or forgets it. `None` when the daemon is gone.
    async fn turn(&mut self, daemon: &Daemon, gives: bool) -> Option<bool> {
        if self.unanswered.is_some() {
            self.repeat(daemon).await?;
        }
        if gives {
            self.say(
                daemon,
                json!({"job_create": {
                    "title": "work",
                    "input": "work",
                    "session": "agent",
                    "retry": {"max_attempts": 100, "delay_ms": 0, "doubles": false},
                }}),
            )
            .await?;
        }
        let taken = self.say(daemon, json!({"job_take": {"lease_ms": LEASE_MS}})).await?;
        let Some(job) = taken["ok"]["job_taken"].get("job") else { return Some(false) };
        self.turns += 1;
        if !gives || !self.turns.is_multiple_of(3) {
            let finish = json!({"job_finish": {"job": job["job"], "lease": job["lease"], "result": "done"}});
            self.say(daemon, finish).await?;
        }
        Some(true)
    }
}

#[tokio::test]
async fn each_job_is_done_once_whenever_the_daemon_dies() {
    let home = Home::new(&[]);
    let mut worker = Worker {
        home: &home,
        keys: 0,
        unanswered: None,
        given: BTreeSet::new(),
        leases: BTreeSet::new(),
        done: BTreeMap::new(),
        turns: 0,
    };
    let mut deaths = 0;
    for name in WORK.into_iter().chain(COMMIT) {
        for pass in PASSES {
            let started = Instant::now();
            let starting = home.spawn(&built::daemon_with_fail_points(), Some(&format!("{name}={pass}")));
            let status = match starting.listening().await {
                Ok(mut daemon) => {
                    while worker.turn(&daemon, true).await.is_some() {
                        assert!(started.elapsed() < LIMIT, "{name}={pass} is not passed\n{}", home.log());
                        // Leases have to run out, too.
                        sleep(Duration::from_millis(20)).await;
                    }
                    daemon.ended().await
                }
                Err(status) => status,
            };
            assert!(was_killed(status), "{name}: {status}\n{}", home.log());
            deaths += 1;
        }
    }

    let started = home.spawn(&built::daemon_with_fail_points(), None).listening().await;
    let daemon = started.unwrap_or_else(|status| panic!("it ended with {status}\n{}", home.log()));
    let start = Instant::now();
    loop {
        let has_worked = worker.turn(&daemon, false).await.expect("this one is not killed");
        let list = worker.say(&daemon, json!({"job_list": {"limit": 1}})).await.expect("this one is not killed");
        if !has_worked && list["ok"]["jobs"]["jobs"] == json!([]) {
            break;
        }
        assert!(start.elapsed() < LIMIT, "jobs are left: {list}\n{}", home.log());
        sleep(Duration::from_millis(20)).await;
    }
    check(&mut worker, &daemon).await;
    println!("{deaths} deaths, {} jobs, {} leases", worker.given.len(), worker.leases.len());
    daemon.kill().await;
}

/// Holds what the timeline says against what the worker was told.
async fn check(worker: &mut Worker<'_>, daemon: &Daemon) {
    let (mut created, mut leased, mut finished) =
        (BTreeSet::new(), BTreeMap::<String, Vec<u64>>::new(), BTreeMap::new());
    let mut after = 0;
    loop {
        let page = json!({"timeline": {"sessions": ["agent"], "after": after, "limit": 500}});
        let page = worker.say(daemon, page).await.expect("this one is not killed");
        let events = page["ok"]["timeline"]["events"].as_array().unwrap_or_else(|| panic!("{page}"));
        let Some(last) = events.last() else { break };
        after = last["cursor"].as_i64().expect("a cursor");
        for body in events.iter().map(|event| event["body"].as_object().expect("a body")) {
            let (kind, fields) = body.iter().next().expect("a kind");
            if !["job_created", "job_leased", "job_finished"].contains(&kind.as_str()) {
                continue;
            }
            let id = fields["job"].as_str().expect("an id").to_owned();
            match kind.as_str() {
                "job_created" => assert!(created.insert(id.clone()), "{id} was made twice"),
                "job_leased" => leased.entry(id).or_default().push(fields["lease"].as_u64().expect("a number")),
                _ => assert_eq!(finished.insert(id.clone(), fields["lease"].as_u64()), None, "{id} was done twice"),
            }
        }
    }
    assert_eq!(created, worker.given, "each job that was given is there, and no other");
    assert_eq!(finished.keys().collect::<Vec<_>>(), created.iter().collect::<Vec<_>>(), "each job was done");
    for (id, leases) in &leased {
        let numbers: Vec<u64> = (1..=leases.len() as u64).collect();
        assert_eq!(leases, &numbers, "each lease of {id} has the next number");
        assert_eq!(finished[id], leases.last().copied(), "{id} was done under its newest lease");
    }
    for (id, lease) in &worker.done {
        assert_eq!(finished[id], Some(*lease), "{id} was done as the worker was told");
    }
    assert_eq!(worker.done.len(), created.len(), "the worker was told of each end");
}
