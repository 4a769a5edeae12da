//! A purge dies between any two of its steps: it is finished by itself after the next start, and then nothing is left of what was
//! to go, while all else is there.

use std::{path::Path, time::Duration};

use serde_json::{Value, json};
use tieline_tests::http::{Place, Request};
use tokio::time::{Instant, sleep};

use crate::{
    built,
    daemon::{Daemon, Home, was_killed},
};

/// Where a daemon can die that purges, in this order.
pub const PURGE: [&str; 7] = [
    "purge.begun",
    "purge.stepped",
    "store.before_scrub",
    "store.after_vacuum",
    "store.after_scrub",
    "purge.scrubbed",
    "purge.forgotten",
];
/// The same, at the passes that matter. From the first on, a purge is finished whatever happens.
const POINTS: [&str; 9] = [
    "purge.begun=1",
    "purge.stepped=1",
    "purge.stepped=2",
    "purge.stepped=4",
    "store.before_scrub=1",
    "store.after_vacuum=1",
    "store.after_scrub=1",
    "purge.scrubbed=1",
    "purge.forgotten=1",
];

const GONE: &str = "canarywhocriesinthemine";
const KEPT: &str = "keptforgoodwords";
const LIMIT: Duration = Duration::from_secs(30);

async fn up(home: &Home, fail_points: Option<&str>) -> Daemon {
    let started = home.spawn(&built::daemon_with_fail_points(), fail_points).listening().await;
    started.unwrap_or_else(|status| panic!("{fail_points:?}: it ended with {status}\n{}", home.log()))
}

fn request(home: &Home, who: &str, command: &Value) -> Request {
    Request::command(command).token(&home.token(who))
}

async fn say(home: &Home, daemon: &Daemon, who: &str, command: Value) -> Value {
    let answer = request(home, who, &command).send(&Place::Tcp(daemon.address)).await.json();
    assert!(answer.get("ok").is_some(), "{command}: {answer}");
    answer["ok"].clone()
}

fn said(text: &str) -> Value {
    json!({"what": {"said": {"role": "assistant", "text": text}}})
}

/// The files of the daemon that have a word, with how often.
fn in_files(folder: &Path, word: &str) -> Vec<String> {
    built::files(folder)
        .into_iter()
        .filter(|file| file.extension().is_none_or(|extension| extension != "log"))
        .filter_map(|file| {
            let bytes = std::fs::read(&file).ok()?;
            let count = bytes.windows(word.len()).filter(|window| *window == word.as_bytes()).count();
            (count > 0).then(|| format!("{}: {count}", file.display()))
        })
        .collect()
}

/// Waits until nothing of a word is left.
async fn until_gone(home: &Home, point: &str) {
    let start = Instant::now();
    loop {
        let left = in_files(home.path(), GONE);
        if left.is_empty() {
            return;
        }
        assert!(start.elapsed() < LIMIT, "{point}: {left:?}\n{}", home.log());
        sleep(Duration::from_millis(50)).await;
    }
}

async fn events(home: &Home, daemon: &Daemon) -> Vec<Value> {
    let (mut found, mut after) = (Vec::new(), 0);
    loop {
        let page =
            say(home, daemon, "human", json!({"timeline": {"sessions": ["work"], "after": after, "limit": 500}}));
        let page = page.await["timeline"]["events"].as_array().expect("events").clone();
        let Some(last) = page.last() else { return found };
        after = last["cursor"].as_i64().expect("a cursor");
        found.extend(page);
    }
}

#[tokio::test]
async fn a_purge_that_dies_is_finished_at_the_next_start() {
    let home = Home::new(&[]);
    let mut daemon = up(&home, None).await;
    say(&home, &daemon, "human", json!({"session_open": {"title": "work"}})).await;
    for point in POINTS {
        // Enough for several steps, and with words elsewhere.
        for round in 0..3 {
            let activities: Vec<Value> = (0..400).map(|n| said(&format!("{GONE} {round} {n}"))).collect();
            say(&home, &daemon, "human", json!({"record": {"session": "work", "activities": activities}})).await;
        }
        say(&home, &daemon, "agent", json!({"notify": {"to": "human", "text": KEPT}})).await;
        say(&home, &daemon, "human", json!({"notify": {"to": "agent", "text": GONE, "as": "work"}})).await;
        take(&home, &daemon).await;
        let through = events(&home, &daemon).await.last().expect("events")["seq"].clone();
        say(&home, &daemon, "human", json!({"record": {"session": "work", "activities": [said(KEPT)]}})).await;
        daemon.kill().await;

        let mut dying = up(&home, Some(point)).await;
        let purge = json!({"session_purge": {"session": "work", "through": through}});
        let asking = request(&home, "human", &purge);
        let answer = asking.try_send(&Place::Tcp(dying.address)).await;
        assert!(answer.is_err(), "{point}: {:?}", answer.map(|answer| answer.text()));
        let status = dying.ended().await;
        assert!(was_killed(status), "{point}: {status}\n{}", home.log());

        daemon = up(&home, None).await;
        until_gone(&home, point).await;
        let left = events(&home, &daemon).await;
        let kinds: Vec<&str> =
            left.iter().filter_map(|event| event["body"].as_object()?.keys().next()).map(String::as_str).collect();
        assert!(kinds.contains(&"purged"), "{point}: {kinds:?}");
        let text = Value::from(left).to_string();
        assert!(text.contains(KEPT), "{point}: {text}");
    }
    assert!(!in_files(home.path(), KEPT).is_empty());
    let inbox = say(&home, &daemon, "human", json!({"inbox": {"lane": "msg", "after": 0, "limit": 200}})).await;
    let kept = inbox["inbox"]["items"].as_array().expect("items").iter().filter(|item| item["message"]["text"] == KEPT);
    assert_eq!(kept.count(), POINTS.len(), "what others said is there");
    daemon.kill().await;
}

/// What waits is taken by everybody: what is needed is not purged.
async fn take(home: &Home, daemon: &Daemon) {
    for who in ["human", "agent"] {
        let inbox = say(home, daemon, who, json!({"inbox": {"lane": "msg", "after": 0, "limit": 200}})).await;
        let last = inbox["inbox"]["items"].as_array().expect("items").last().map(|item| item["seq"].clone());
        if let Some(through) = last {
            say(home, daemon, who, json!({"receipt": {"lane": "msg", "through": through, "state": "seen"}})).await;
        }
    }
}
