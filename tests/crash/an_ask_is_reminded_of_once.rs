//! Reminders and escalations while the daemon dies between any two steps: each of them happens once, and none is left out.

use std::time::Duration;

use serde_json::{Value, json};
use tieline_tests::http::{Place, Request};
use tokio::time::{Instant, sleep};

use crate::{
    built,
    daemon::{Daemon, Home, was_killed},
};

/// Where a daemon can die that cares for an ask, in this order.
pub const CARE: [&str; 3] = ["ask.before_reminder", "ask.after_reminder", "ask.before_parent"];
/// The commit around it, at the passes where it comes after the ask and its receipt.
const COMMIT: [&str; 4] =
    ["store.before_begin=4", "store.before_commit=4", "store.after_commit=3", "store.after_commit=4"];
const LIMIT: Duration = Duration::from_secs(30);

/// Says something, if the daemon lives to answer.
async fn try_say(home: &Home, daemon: &Daemon, who: &str, key: &str, command: &Value) -> Option<Value> {
    let request = Request::command(command).token(&home.token(who)).header("Idempotency-Key", key);
    let place = Place::Tcp(daemon.address);
    // A request that is cut off panics; in a task of its own that is an answer that does not come.
    let answer = tokio::spawn(async move { request.send(&place).await }).await.ok()?.json();
    assert!(answer.get("ok").is_some(), "{command}: {answer}");
    Some(answer["ok"].clone())
}

async fn say(home: &Home, daemon: &Daemon, who: &str, command: &Value) -> Value {
    let request = Request::command(command).token(&home.token(who));
    let answer = request.send(&Place::Tcp(daemon.address)).await.json();
    assert!(answer.get("ok").is_some(), "{command}: {answer}");
    answer["ok"].clone()
}

/// Opens an ask that is reminded of and escalated soon, and says that it was delivered. Both may be cut off by a death.
async fn begin(home: &Home, daemon: &Daemon, number: usize) -> Option<()> {
    let ask = json!({"ask": {
        "to": "human", "text": format!("question {number}"), "remind_in_ms": 300,
        "escalate": [{"after_ms": 400, "to": "mesh-watch"}],
    }});
    let asked = try_say(home, daemon, "agent", &format!("ask {number}"), &ask).await?;
    let seq = asked["accepted"]["deliveries"][0]["seq"].as_u64().expect("a number");
    let receipt = json!({"receipt": {"lane": "msg", "through": seq, "state": "delivered"}});
    try_say(home, daemon, "human", &format!("receipt {number}"), &receipt).await.map(drop)
}

async fn events(home: &Home, daemon: &Daemon, session: &str, kind: &str) -> Vec<Value> {
    let ask = json!({"timeline": {"sessions": [session], "limit": 500}});
    let page = say(home, daemon, "human", &ask).await;
    let all = page["timeline"]["events"].as_array().expect("events").clone();
    all.into_iter().filter_map(|event| event["body"].get(kind).cloned()).collect()
}

#[tokio::test]
async fn reminders_and_escalations_happen_once_whenever_the_daemon_dies() {
    let home = Home::new(&[]);
    let spawn = |fail_points: Option<&str>| home.spawn(&built::daemon_with_fail_points(), fail_points).listening();
    let daemon = spawn(None).await.expect("a daemon");
    say(&home, &daemon, "human", &json!({"session_open": {"title": "mesh-watch"}})).await;
    daemon.kill().await;

    let points: Vec<String> = CARE.iter().map(|name| format!("{name}=1")).chain(COMMIT.map(str::to_owned)).collect();
    for (number, point) in points.iter().enumerate() {
        // A daemon may die at a fail point while it looks at what the last one left.
        let status = match spawn(Some(point)).await {
            Ok(mut daemon) => {
                // What is cut off here is finished below, by the same keys.
                let _cut_off = begin(&home, &daemon, number).await;
                daemon.ended().await
            }
            Err(status) => status,
        };
        assert!(was_killed(status), "{point}: {status}\n{}", home.log());

        let daemon = spawn(None).await.unwrap_or_else(|status| panic!("{status}\n{}", home.log()));
        begin(&home, &daemon, number).await.expect("a daemon that lives");
        let started = Instant::now();
        loop {
            let reminded = events(&home, &daemon, "human", "asks_reminded").await.len();
            let escalated = events(&home, &daemon, "agent", "ask_escalated").await.len();
            if reminded > number && escalated > number {
                break;
            }
            assert!(
                started.elapsed() < LIMIT,
                "{point}: {reminded} reminders, {escalated} escalations\n{}",
                home.log()
            );
            sleep(Duration::from_millis(20)).await;
        }
        // What was reminded of is answered, so that each life has its own.
        let escalated = events(&home, &daemon, "agent", "ask_escalated").await;
        let ask = escalated.last().expect("an escalation")["ask"].clone();
        say(&home, &daemon, "human", &json!({"ack": {"ask": ask}})).await;
        let inbox = say(&home, &daemon, "human", &json!({"inbox": {"lane": "ctl"}})).await;
        let items = inbox["inbox"]["items"].as_array().expect("items").clone();
        let reminders: Vec<&Value> = items.iter().filter(|item| item["message"]["reminds_of"].is_array()).collect();
        assert_eq!(reminders.len(), 1, "{point}: one reminder, {items:?}");
        let last = items.last().expect("an item")["seq"].clone();
        say(&home, &daemon, "human", &json!({"receipt": {"lane": "ctl", "through": last, "state": "seen"}})).await;
        daemon.kill().await;
    }
    let daemon = spawn(None).await.expect("a daemon");
    assert_eq!(events(&home, &daemon, "human", "asks_reminded").await.len(), points.len());
    assert_eq!(events(&home, &daemon, "agent", "ask_escalated").await.len(), points.len());
    daemon.kill().await;
}
