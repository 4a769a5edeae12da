//! Plugins in processes of their own, under the real daemon: what happens to one costs nobody else a message.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

mod promises;

use std::{collections::BTreeSet, time::Duration};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::{Value, json};
use tieline_tests::{
    daemon::{Daemon, Home, library},
    eventually,
    http::Request,
    socket::{Frame, Socket},
};

async fn plugin(daemon: &Daemon, name: &str) -> Value {
    let answer = Request::get("/v1/plugins").token(&daemon.home.token("human")).send(&daemon.tcp()).await.json();
    let all = answer["ok"]["plugins"]["plugins"].as_array().unwrap_or_else(|| panic!("{answer}"));
    all.iter().find(|plugin| plugin["name"] == name).unwrap_or_else(|| panic!("no `{name}` in {answer}")).clone()
}

/// Waits until a plugin is as wanted, and returns it.
async fn becomes(daemon: &Daemon, name: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
    eventually(&format!("`{name}` is as wanted"), async || {
        let found = plugin(daemon, name).await;
        if !is_wanted(&found) {
            // A human may ask only so often a second.
            tokio::time::sleep(Duration::from_millis(50)).await;
            return None;
        }
        Some(found)
    })
    .await
}

fn pid(plugin: &Value) -> Pid {
    let pid = plugin["pid"].as_i64().unwrap_or_else(|| panic!("no process in {plugin}"));
    Pid::from_raw(i32::try_from(pid).unwrap()).unwrap()
}

const GENEROUS: &str = "[limits.rates.human]\nper_second = 10000\nburst = 10000\n";

/// Sends so many notifies from the human to the agent over a socket, and returns the ids of those that were accepted.
async fn sends(daemon: &Daemon, count: u64) -> BTreeSet<String> {
    let (mut human, _) = Socket::attach(&daemon.tcp(), &daemon.home.token("human"), json!({})).await;
    let mut accepted = BTreeSet::new();
    for n in 1..=count {
        let outcome = human.command(n, &json!({"notify": {"to": "agent", "text": format!("number {n}")}})).await;
        let message = outcome["ok"]["accepted"]["message"].as_str().unwrap_or_else(|| panic!("{outcome}"));
        assert!(accepted.insert(message.to_owned()));
        // The deaths take seconds; this lasts as long as they do.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    accepted
}

/// Receives as the agent until so many have come; each is confirmed, none may come twice over this one connection. Those
/// that are known are not counted: a receipt of an earlier connection may have been lost with it.
async fn receives(mut agent: Socket, known: &BTreeSet<String>, count: usize) -> BTreeSet<String> {
    let mut received = BTreeSet::new();
    while received.len() < count {
        let Frame::Json(frame) = agent.frame().await else { panic!("the connection over the other plugin was lost") };
        if let Some(id) = frame["deliver"]["message"]["id"].as_str() {
            assert!(known.contains(id) || received.insert(id.to_owned()), "{id} came twice");
            let through = &frame["deliver"]["seq"];
            agent.send(&json!({"receipt": {"lane": "msg", "through": through, "state": "delivered"}})).await;
        }
    }
    received
}

#[tokio::test]
async fn a_plugin_that_dies_all_the_time_costs_the_others_no_message() {
    let home = Home::new().config(GENEROUS);
    home.add_plugin(&library("tieline_fault_plugin"));
    let mut daemon = home.start();
    let fault = plugin(&daemon, "fault").await;
    assert_eq!((&fault["state"], &fault["isolation"]), (&json!("running"), &json!("process")), "{fault}");
    let stock = plugin(&daemon, "websocket").await;
    assert_eq!((&stock["isolation"], &stock["pid"]), (&json!("in-process"), &Value::Null), "{stock}");

    let (count, none) = (1000, BTreeSet::new());
    let (agent, _) = Socket::attach(&daemon.tcp(), &daemon.home.token("agent"), json!({})).await;
    let dies = async {
        for death in 1..=5 {
            let running = becomes(&daemon, "fault", |plugin| plugin["state"] == "running").await;
            let mut socket = Socket::with_token(&daemon.tcp(), "/fault", &daemon.home.token("agent")).await;
            socket.send_text("abort").await;
            assert_eq!(socket.closed().await, Some(1012), "its own sockets hear that it is started again");
            let wanted = if death < 5 { "restarting" } else { "quarantined" };
            let dead = becomes(&daemon, "fault", |plugin| plugin["state"] == wanted).await;
            let reason = dead["reason"].as_str().unwrap_or_default();
            assert!(reason.contains("its process was killed by signal 6 (SIGABRT)"), "{dead}");
            assert_eq!((&dead["step"], &dead["pid"]), (&json!("sockets"), &Value::Null), "{dead}");
            assert!(test_kill_process(pid(&running)).is_err(), "nothing of it is left");
        }
    };
    let (accepted, received, ()) = tokio::join!(sends(&daemon, count), receives(agent, &none, count as usize), dies);
    assert_eq!(accepted, received);
    assert!(daemon.is_running());
    assert!(daemon.stop().success());
}

#[tokio::test]
async fn the_stock_transport_in_a_process_of_its_own_loses_nothing_when_that_is_killed() {
    let home = Home::new().config(&format!("{GENEROUS}[plugins.websocket]\nisolation = \"process\"\n"));
    let mut daemon = home.start();
    let stock = plugin(&daemon, "websocket").await;
    assert_eq!((&stock["state"], &stock["isolation"]), (&json!("running"), &json!("process")), "{stock}");

    // While it lives.
    let none = BTreeSet::new();
    let (agent, _) = Socket::attach(&daemon.tcp(), &daemon.home.token("agent"), json!({})).await;
    let (accepted, received) = tokio::join!(sends(&daemon, 100), receives(agent, &none, 100));
    assert_eq!(accepted, received);

    // Killed with messages under way: they are due again, and come over the next connection.
    let (mut human, _) = Socket::attach(&daemon.tcp(), &daemon.home.token("human"), json!({})).await;
    let (mut agent, _) = Socket::attach(&daemon.tcp(), &daemon.home.token("agent"), json!({})).await;
    let mut wanted = BTreeSet::new();
    for n in 1..=20 {
        let outcome = human.command(n, &json!({"notify": {"to": "agent", "text": format!("late {n}")}})).await;
        wanted.insert(outcome["ok"]["accepted"]["message"].as_str().unwrap().to_owned());
    }
    kill_process(pid(&stock), Signal::KILL).unwrap();
    for socket in [&mut human, &mut agent] {
        assert_eq!(socket.closed().await, Some(1012));
    }
    let dead = becomes(&daemon, "websocket", |plugin| plugin["state"] == "restarting").await;
    assert!(dead["reason"].as_str().unwrap().contains("signal 9 (SIGKILL)"), "{dead}");
    becomes(&daemon, "websocket", |plugin| plugin["state"] == "running").await;
    let (agent, _) = Socket::attach(&daemon.tcp(), &daemon.home.token("agent"), json!({})).await;
    assert_eq!(receives(agent, &accepted, 20).await, wanted);
    assert!(daemon.stop().success());
}

#[tokio::test]
async fn an_unknown_plugin_in_c_runs_in_a_process_of_its_own() {
    let home = Home::new();
    home.trust_plugin(&promises::echo_in_c(&home.plugins()));
    let mut daemon = home.start();
    let echo = becomes(&daemon, "echo-c", |plugin| plugin["state"] == "running").await;
    assert_eq!(echo["isolation"], "process");
    // It goes with the daemon, however that ends.
    daemon.kill();
    eventually("its process is gone", async || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid(&echo).as_raw_nonzero())).unwrap_or_default();
        // One that has ended and was not waited for yet is as good as gone.
        (stat.is_empty() || stat.contains(") Z ")).then_some(())
    })
    .await;
}
