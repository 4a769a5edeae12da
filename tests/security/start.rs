//! Starting: every mistake of the configuration at once, and one daemon for one home.

use serde_json::json;
use tieline_tests::daemon::{Daemon, Home};

use crate::says;

#[test]
fn a_configuration_with_mistakes_is_refused_with_all_of_them() {
    let home = Home::bare()
        .config(
            "colour = \"red\"\n[server]\nlisten = \"0.0.0.0:8435\"\nworkers = \"many\"\n\
             [limits]\ncredit = -3\n[store]\nsynchronous = \"sometimes\"\n",
        )
        .env("TIELINE_LISTEN", "")
        .env("TIELINE_DELIVERY__MAX_ATTEMPTS", "often");
    let output = home.run_to_its_end();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    for (key, found) in [
        ("colour", ""),
        ("server.listen", ""),
        ("server.workers", "many"),
        ("limits.credit", "-3"),
        ("store.synchronous", "sometimes"),
        ("delivery.max_attempts", "often"),
    ] {
        assert!(said.contains(key) && said.contains(found), "`{key}` and `{found}` in: {said}");
    }
    assert!(said.contains("tieline.toml") && said.contains("TIELINE_DELIVERY__MAX_ATTEMPTS"), "{said}");
    assert!(output.stdout.is_empty(), "it never listened");
    assert!(!home.path().join("data").exists(), "nothing was made");
}

#[tokio::test]
async fn a_second_daemon_on_the_same_home_is_refused_with_a_sentence() {
    let mut first = Daemon::start();
    let output = first.home.run_to_its_end();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && output.stdout.is_empty(), "{said}");
    assert!(said.contains("another") && said.contains(&first.pid().to_string()), "{said}");
    assert!(!said.contains("panicked") && said.lines().count() < 5, "{said}");
    assert!(first.is_running());
    for place in first.places() {
        let answer = tieline_tests::http::Request::get("/healthz").send(&place).await;
        assert_eq!(answer.status, 200, "the first one keeps its sockets");
    }
    assert!(says(&first, "human", json!({"whoami": {}})).await["ok"].is_object());
    // It goes with its process, however that ends.
    first.restart();
    assert!(says(&first, "human", json!({"whoami": {}})).await["ok"].is_object());
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = Home::new().env("TIELINE_LISTEN", &address).run_to_its_end();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains(&address) && said.contains("--listen"), "{said}");
}
