//! Rest that was waited for, and a file that two have changed, while the daemon dies between any two steps of telling: each is
//! told once, to everybody whom it concerns.

use std::time::Duration;

use serde_json::{Value, json};
use tieline_tests::http::{Place, Request};
use tokio::time::timeout;

use crate::{
    built,
    daemon::{Daemon, Home, was_killed},
};

/// Where a daemon can die that tells a watcher, or the two sides of a collision.
pub const SIDE_BY_SIDE: [&str; 4] =
    ["collide.before_telling", "collide.between", "watch.before_notice", "watch.after_notice"];
/// The commit around it.
const COMMIT: [&str; 4] =
    ["store.before_begin=1", "store.before_commit=1", "store.after_commit=1", "router.before_reply=1"];

/// Says something, if the daemon lives to answer.
async fn try_say(home: &Home, daemon: &Daemon, who: &str, key: &str, command: &Value) -> Option<Value> {
    let request = Request::command(command).token(&home.token(who)).header("Idempotency-Key", key);
    let answer = request.try_send(&Place::Tcp(daemon.address)).await.ok()?.json();
    assert!(answer.get("ok").is_some(), "{command}: {answer}");
    Some(answer["ok"].clone())
}

fn report(agent: &str, signal: &str, changed: Option<usize>) -> Value {
    let file = |number| json!({"what": {"file_changed": {"path": format!("f{number}.rs"), "change": "modified"}}});
    let activities: Vec<Value> = changed.map(file).into_iter().collect();
    json!({"report": {
        "agent": agent, "native": agent, "signal": signal, "hook": signal, "folder": "/work/api", "activities": activities,
    }})
}

async fn collisions(home: &Home, daemon: &Daemon, session: &str) -> usize {
    let command = json!({"timeline": {"sessions": [session], "limit": 500}});
    let page = read(home, daemon, &command).await;
    let events = page["timeline"]["events"].as_array().expect("events").iter();
    events.filter(|event| event["body"]["file_collision"].is_object()).count()
}

async fn rests(home: &Home, daemon: &Daemon) -> usize {
    let command = json!({"inbox": {"lane": "ctl", "after": 0, "limit": 200}});
    let page = read(home, daemon, &command).await;
    let items = page["inbox"]["items"].as_array().expect("items").iter();
    items.filter(|item| item["message"]["tells"]["rested"]["end"] == "idle").count()
}

async fn read(home: &Home, daemon: &Daemon, command: &Value) -> Value {
    let request = Request::command(command).token(&home.token("human"));
    request.send(&Place::Tcp(daemon.address)).await.json()["ok"].clone()
}

#[tokio::test]
async fn rest_and_collisions_are_told_once_whenever_the_daemon_dies() {
    let home = Home::new(&[]);
    let spawn = |fail_points: Option<&str>| home.spawn(&built::daemon_with_fail_points(), fail_points).listening();
    let points: Vec<String> =
        SIDE_BY_SIDE.iter().map(|name| format!("{name}=1")).chain(COMMIT.map(str::to_owned)).collect();
    for (number, point) in points.iter().enumerate() {
        let daemon = spawn(None).await.expect("a daemon");
        let begun = |agent: &str| format!("{agent} begins {number}");
        for (agent, changed) in [("codex", Some(number)), ("claude", None)] {
            let command = report(agent, "working", changed);
            try_say(&home, &daemon, "agent", &begun(agent), &command).await.expect("a daemon that lives");
        }
        let watch = json!({"idle_watch": {"session": "api-claude"}});
        try_say(&home, &daemon, "human", &begun("watch"), &watch).await.expect("a daemon that lives");
        assert_eq!(rests(&home, &daemon).await, number, "{point}: told too soon");
        daemon.kill().await;

        let (rested, key) = (report("claude", "rested", Some(number)), format!("rests {number}"));
        // A daemon may die at a fail point while it looks at what the last one left.
        let status = match spawn(Some(point)).await {
            Ok(mut daemon) => loop {
                // What is cut off here is finished below, by the same key.
                let _cut_off = try_say(&home, &daemon, "agent", &key, &rested).await;
                if let Ok(status) = timeout(Duration::from_millis(200), daemon.ended()).await {
                    break status;
                }
            },
            Err(status) => status,
        };
        assert!(was_killed(status), "{point}: {status}\n{}", home.log());

        let daemon = spawn(None).await.unwrap_or_else(|status| panic!("{status}\n{}", home.log()));
        try_say(&home, &daemon, "agent", &key, &rested).await.expect("a daemon that lives");
        assert_eq!(rests(&home, &daemon).await, number + 1, "{point}");
        for side in ["api-claude", "api-codex"] {
            assert_eq!(collisions(&home, &daemon, side).await, number + 1, "{point}: {side}");
        }
        daemon.kill().await;
    }
}
