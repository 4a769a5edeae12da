//! Schedules fire while the daemon dies between any two steps: each instant has one row, each row that says so one message,
//! and none is left out.

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

/// Where a daemon can die that fires a schedule, in this order.
pub const FIRE: [&str; 3] = ["schedule.before_run", "schedule.after_command", "schedule.after_run"];
/// The commit around it.
const COMMIT: [&str; 3] = ["store.before_begin", "store.before_commit", "store.after_commit"];
/// At which passes of each.
const PASSES: [u64; 2] = [2, 7];
/// How many schedules there are; each has an instant a second.
const SCHEDULES: usize = 3;
const LIMIT: Duration = Duration::from_secs(30);

struct Client<'a> {
    home: &'a Home,
    daemon: &'a Daemon,
}

impl Client<'_> {
    async fn say(&self, command: &Value) -> Value {
        let request = Request::command(command).token(&self.home.token("agent"));
        let answer = request.send(&Place::Tcp(self.daemon.address)).await.json();
        assert!(answer.get("ok").is_some(), "{command}: {answer}");
        answer["ok"].clone()
    }

    async fn runs(&self, schedule: &str) -> Vec<Value> {
        let page = self.say(&json!({"schedule_history": {"schedule": schedule, "limit": 500}})).await;
        assert_eq!(page["schedule_runs"]["has_more"], false);
        page["schedule_runs"]["runs"].as_array().expect("runs").clone()
    }

    async fn inbox(&self) -> Vec<Value> {
        let (mut found, mut after) = (Vec::new(), 0);
        loop {
            let page = self.say(&json!({"inbox": {"lane": "msg", "after": after, "limit": 200}})).await;
            let items = page["inbox"]["items"].as_array().expect("items").clone();
            let Some(last) = items.last() else { return found };
            after = last["seq"].as_u64().expect("a number");
            found.extend(items);
        }
    }
}

async fn up(home: &Home, fail_points: Option<&str>) -> Daemon {
    let started = home.spawn(&built::daemon_with_fail_points(), fail_points).listening().await;
    started.unwrap_or_else(|status| panic!("{fail_points:?}: it ended with {status}\n{}", home.log()))
}

#[tokio::test]
async fn each_instant_is_one_message_whenever_the_daemon_dies() {
    let home = Home::new(&[]);
    let daemon = up(&home, None).await;
    let client = Client { home: &home, daemon: &daemon };
    let mut ids = Vec::new();
    for number in 0..SCHEDULES {
        let made = client
            .say(&json!({"schedule_create": {
                "when": "every 1s",
                "misfire": {"all": {"max": 100}},
                "command": {"notify": {"to": "self", "text": number.to_string()}},
            }}))
            .await;
        ids.push(made["schedule"]["schedule"].as_str().expect("an id").to_owned());
    }
    daemon.kill().await;

    let mut deaths = 0;
    for name in FIRE.into_iter().chain(COMMIT) {
        for pass in PASSES {
            let started = home.spawn(&built::daemon_with_fail_points(), Some(&format!("{name}={pass}")));
            let status = match started.listening().await {
                Ok(mut daemon) => daemon.ended().await,
                Err(status) => status,
            };
            assert!(was_killed(status), "{name}: {status}\n{}", home.log());
            deaths += 1;
        }
    }

    let daemon = up(&home, None).await;
    let client = Client { home: &home, daemon: &daemon };
    // Everything that was missed is dealt with when an instant is kept in time again.
    let started = Instant::now();
    for id in &ids {
        while client.runs(id).await.first().is_none_or(|run| run["late_ms"].as_u64().is_none_or(|late| late > 900)) {
            assert!(started.elapsed() < LIMIT, "{id} does not go on\n{}", home.log());
            sleep(Duration::from_millis(50)).await;
        }
        client.say(&json!({"schedule_cancel": {"schedule": id}})).await;
    }
    let inbox = client.inbox().await;
    let mut messages = BTreeMap::<&str, BTreeSet<&str>>::new();
    for item in &inbox {
        let text = item["message"]["text"].as_str().expect("a text");
        let id = item["message"]["id"].as_str().expect("an id");
        assert!(messages.entry(text).or_default().insert(id), "{id} is there twice");
    }
    let mut instants = 0;
    for (number, id) in ids.iter().enumerate() {
        let runs = client.runs(id).await;
        let nominals: Vec<i64> = runs.iter().rev().map(|run| run["nominal_ms"].as_i64().expect("an instant")).collect();
        for pair in nominals.windows(2) {
            assert_eq!(pair[1] - pair[0], 1_000, "an instant is missing, or one too many: {nominals:?}");
        }
        let mut fired = BTreeSet::new();
        for run in &runs {
            assert!(run["at_ms"].as_i64() >= run["nominal_ms"].as_i64(), "early: {run}");
            let message = run["outcome"]["fired"]["message"].as_str();
            let message = message.unwrap_or_else(|| panic!("{run}"));
            assert!(fired.insert(message.to_owned()), "{message} stands for two instants");
        }
        let sent: BTreeSet<String> = messages[number.to_string().as_str()].iter().map(ToString::to_string).collect();
        assert_eq!(fired, sent, "one message for each instant of {id}");
        instants += fired.len();
    }
    println!("{deaths} deaths, {instants} instants, {} messages", inbox.len());
    assert!(instants >= deaths, "{instants} instants in {deaths} lives");
    daemon.kill().await;
}
