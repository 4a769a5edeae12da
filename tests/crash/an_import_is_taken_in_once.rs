//! A transcript is taken in while the daemon dies between any two steps: nothing of it is told twice, nothing is left out.

use serde_json::{Value, json};
use tieline_tests::{
    corpus,
    http::{Place, Request},
};

use crate::{
    built,
    daemon::{Daemon, Home, was_killed},
};

/// Where a daemon can die that takes a transcript in.
pub const TAKE_IN: [&str; 1] = ["transcript.after_record"];
/// The commit around it, at passes in the middle of the import.
const POINTS: [&str; 5] = [
    "transcript.after_record=1",
    "transcript.after_record=2",
    "store.before_commit=4",
    "store.after_commit=3",
    "store.after_commit=5",
];

fn import(home: &Home, folder: &std::path::Path) -> bool {
    home.import(folder).output().expect("the program").status.success()
}

/// The activities of all sessions that were taken in, in order.
async fn told(home: &Home, daemon: &Daemon) -> Vec<Value> {
    let say = async |command: Value| {
        let request = Request::command(&command).token(&home.token("human"));
        request.send(&Place::Tcp(daemon.address)).await.json()["ok"].clone()
    };
    let sessions = say(json!({"session_list": {"limit": 500}})).await;
    let mut all = Vec::new();
    for view in sessions["sessions"]["sessions"].as_array().expect("sessions") {
        if view["project"] != "/work/project" {
            continue;
        }
        let mut after = 0;
        loop {
            let page = say(json!({"timeline": {"sessions": [view["id"]], "after": after, "limit": 500}})).await;
            let events = page["timeline"]["events"].as_array().expect("events").clone();
            let Some(last) = events.last() else { break };
            after = last["cursor"].as_i64().expect("a cursor");
            all.extend(events.into_iter().filter_map(|event| event["body"]["activity"].get("what").cloned()));
        }
    }
    all
}

#[tokio::test]
async fn a_transcript_is_taken_in_once_whenever_the_daemon_dies() {
    let folder = tempfile::tempdir().expect("a folder");
    corpus::claude(folder.path(), 7, 400_000).expect("transcripts");
    let start = async |home: &Home, points: Option<&str>| {
        home.spawn(&built::daemon_with_fail_points(), points).listening().await
    };

    let home = Home::new(&[]);
    let daemon = start(&home, None).await.expect("a daemon");
    assert!(import(&home, folder.path()));
    let wanted = told(&home, &daemon).await;
    assert!(wanted.len() > 500, "{} activities", wanted.len());
    daemon.kill().await;

    let home = Home::new(&[]);
    // The first start makes tokens, which is no part of this.
    start(&home, None).await.expect("a daemon").kill().await;
    for point in POINTS {
        let mut daemon = start(&home, Some(point)).await.unwrap_or_else(|status| panic!("{point}: {status}"));
        // It would wait for the daemon to come back.
        let mut importer = home.import(folder.path()).spawn().expect("the program");
        let status = daemon.ended().await;
        importer.kill().and_then(|()| importer.wait()).expect("an end");
        assert!(was_killed(status), "{point}: {status}\n{}", home.log());
    }
    let daemon = start(&home, None).await.expect("a daemon");
    assert!(import(&home, folder.path()));
    assert!(told(&home, &daemon).await == wanted, "what was taken in after deaths is what was taken in without");
    daemon.kill().await;
}
