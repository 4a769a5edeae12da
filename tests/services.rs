//! What the daemon does for a plugin besides carrying messages: values, secrets, timers, metrics and webhooks, with a real
//! library in a real daemon.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::{Value, json};
use tieline_tests::{
    daemon::{Daemon, Home, library},
    eventually,
    http::{Answer, Request},
    socket::Socket,
};

/// Where the plugin runs: what the daemon does for it is the same.
type Form = &'static str;

macro_rules! in_both_forms {
    ($($name:ident,)*) => {
        mod in_process {
            $(#[tokio::test]
            async fn $name() {
                super::$name("in-process").await;
            })*
        }
        mod in_a_process_of_its_own {
            $(#[tokio::test]
            async fn $name() {
                super::$name("process").await;
            })*
        }
    };
}

in_both_forms! {
    what_a_plugin_keeps_is_there_after_the_daemon_was_killed,
    a_plugin_that_keeps_too_much_is_refused_and_the_log_says_why_once,
    a_secret_is_read_from_a_file_for_the_user_alone_or_from_a_variable,
    a_metric_of_a_plugin_stands_on_the_metrics_page_under_its_name,
    a_plugin_learns_who_is_behind_its_own_links_and_nobody_elses,
    a_webhook_reaches_the_plugin_with_whoever_sent_it_and_without_the_token,
    a_webhook_that_is_not_answered_well_is_answered_by_the_daemon,
    whoever_waits_for_a_webhook_is_told_when_the_daemon_ends,
    webhooks_are_limited_in_size_rate_and_number,
}

const HOOK: &str = "/hooks/fault";

/// A home with the fault plugin in it, which does with a webhook request what its body says.
fn home(form: Form) -> Home {
    configured(form, "")
}

fn configured(form: Form, toml: &str) -> Home {
    let home = Home::new().config(&format!("{toml}\n[plugins.fault]\nisolation = \"{form}\"\n"));
    home.add_plugin(&library("tieline_fault_plugin"));
    home
}

/// Lays down a secret of the fault plugin.
fn lay_down(home: &Home, name: &str, text: &str, mode: u32) {
    let folder = home.path().join("config/secrets/fault");
    fs::create_dir_all(&folder).unwrap();
    for folder in [folder.parent().unwrap(), &folder] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
    }
    fs::write(folder.join(name), text).unwrap();
    fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode)).unwrap();
}

fn hook(daemon: &Daemon, body: impl Into<String>) -> Request {
    Request::new("POST", HOOK).token(&daemon.home.token("agent")).body(body.into())
}

async fn send(daemon: &Daemon, wish: &Value) -> Answer {
    hook(daemon, wish.to_string()).send(&daemon.tcp()).await
}

/// What the plugin's use of a service came to.
async fn ask(daemon: &Daemon, wish: Value) -> Value {
    let answer = send(daemon, &wish).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

async fn metrics(daemon: &Daemon) -> String {
    Request::get("/metrics").token(&daemon.home.token("human")).send(&daemon.tcp()).await.text()
}

async fn what_a_plugin_keeps_is_there_after_the_daemon_was_killed(form: Form) {
    let mut daemon = home(form).start();
    let value = "x".repeat(30_000);
    let put = |key: &str, value: &str| json!({"do": "kv-put", "key": key, "value": value});
    assert_eq!(ask(&daemon, put("cursor", &value)).await, json!({"ok": "stored"}));
    assert_eq!(ask(&daemon, put("gone", "1")).await, json!({"ok": "stored"}));
    assert_eq!(ask(&daemon, put("rooms/a", "1")).await, json!({"ok": "stored"}));
    assert_eq!(ask(&daemon, json!({"do": "kv-delete", "key": "gone"})).await, json!({"ok": true}));
    daemon.restart();
    assert_eq!(ask(&daemon, json!({"do": "kv-get", "key": "cursor"})).await, json!({"ok": value}));
    assert_eq!(ask(&daemon, json!({"do": "kv-get", "key": "gone"})).await, json!({"ok": null}));
    assert_eq!(ask(&daemon, json!({"do": "kv-keys", "key": ""})).await, json!({"ok": ["cursor", "rooms/a"]}));
    assert!(daemon.stop().success());
}

async fn a_plugin_that_keeps_too_much_is_refused_and_the_log_says_why_once(form: Form) {
    let daemon = configured(form, "[limits.rates.agent]\nburst = 10000").start();
    let put = |key: usize, times: usize| json!({"do": "kv-put", "key": key.to_string(), "value": "x", "times": times});
    for key in 0..63 {
        assert_eq!(ask(&daemon, put(key, 65_536)).await, json!({"ok": "stored"}));
    }
    for _ in 0..3 {
        assert_eq!(ask(&daemon, put(64, 65_536)).await, json!({"error": "TooLarge"}));
    }
    assert_eq!(ask(&daemon, put(7, 65_536)).await, json!({"ok": "stored"}), "what is there may be replaced");
    assert_eq!(ask(&daemon, put(64, 1000)).await, json!({"ok": "stored"}), "and there is room for less");
    let log = daemon.log();
    let said: Vec<_> = log.lines().filter(|line| line.contains("key-value space takes nothing more")).collect();
    assert!(said.len() == 1 && said[0].contains("4194304 are allowed"), "{said:?}");
}

async fn a_secret_is_read_from_a_file_for_the_user_alone_or_from_a_variable(form: Form) {
    let home = home(form).env("TIELINE_SECRET_FAULT__FROM_ENV", "canary-env");
    lay_down(&home, "api-key", "canary-file\n", 0o600);
    lay_down(&home, "open", "canary-open\n", 0o644);
    let daemon = home.start();
    let secret = |name: &str| json!({"do": "secret", "key": name});
    assert_eq!(ask(&daemon, secret("api-key")).await, json!({"ok": "canary-file"}));
    assert_eq!(ask(&daemon, secret("from-env")).await, json!({"ok": "canary-env"}));
    assert_eq!(ask(&daemon, secret("none")).await, json!({"ok": null}));
    assert_eq!(ask(&daemon, secret("open")).await, json!({"error": "Failed"}));
    assert_eq!(ask(&daemon, secret("../../tieline.toml")).await, json!({"error": "Invalid"}));
    let log = daemon.log();
    let said =
        log.lines().find(|line| line.contains("the secret `open` is not given")).unwrap_or_else(|| panic!("{log}"));
    assert!(
        said.contains("secrets/fault/open") && said.contains("mode 644") && said.contains("600 is wanted"),
        "{said}"
    );
    assert!(!log.contains("canary"), "{log}");
}

async fn a_metric_of_a_plugin_stands_on_the_metrics_page_under_its_name(form: Form) {
    let daemon = home(form).start();
    for value in [1.0, 2.5] {
        let counter = json!({"do": "counter", "key": "hits_total", "value": value, "room": "a \"b\""});
        assert_eq!(ask(&daemon, counter).await, json!({"ok": "added"}));
    }
    assert_eq!(ask(&daemon, json!({"do": "gauge", "key": "level", "value": -3})).await, json!({"ok": "set"}));
    let changed = ask(&daemon, json!({"do": "gauge", "key": "hits_total", "value": 1})).await;
    // From a process a metric is not answered, and the log alone says what is wrong with it.
    assert_eq!(changed, if form == "process" { json!({"ok": "set"}) } else { json!({"error": "Invalid"}) });
    eventually("the log says so", async || daemon.log().contains("a counter here and a gauge there").then_some(()))
        .await;
    let page = metrics(&daemon).await;
    for line in [
        "# TYPE tieline_plugin_hits_total counter",
        r#"tieline_plugin_hits_total{plugin="fault",room="a \"b\""} 3.5"#,
        "# TYPE tieline_plugin_level gauge",
        r#"tieline_plugin_level{plugin="fault",room="none"} -3"#,
    ] {
        assert!(page.lines().any(|found| found == line), "no `{line}` in:\n{page}");
    }
}

async fn a_plugin_learns_who_is_behind_its_own_links_and_nobody_elses(form: Form) {
    let daemon = home(form).start();
    let socket = Socket::with_token(&daemon.tcp(), "/fault", &daemon.home.token("human")).await;
    let (_other, _) = Socket::attach(&daemon.tcp(), &daemon.home.token("agent"), json!({})).await;
    let who = async |link: u64| ask(&daemon, json!({"do": "principal", "link": link})).await["ok"].clone();
    // Links are numbered from 1, in the order of their coming.
    assert_eq!((&who(1).await["name"], &who(1).await["kind"]), (&json!("human"), &json!("human")));
    assert_eq!(who(2).await, json!(null), "it is the websocket transport's");
    drop(socket);
    eventually("the link is gone", async || who(1).await.is_null().then_some(())).await;
}

async fn a_webhook_reaches_the_plugin_with_whoever_sent_it_and_without_the_token(form: Form) {
    let daemon = home(form).start();
    let token = daemon.home.token("agent");
    for place in daemon.places() {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            let request = Request::new(method, &format!("{HOOK}/other?a=1&b=%20"))
                .token(&token)
                .header("Content-Type", "application/x-www-form-urlencoded")
                .header("X-Signature", "sha256=abc")
                .header("Cookie", "canary=1")
                .header("Sec-WebSocket-Protocol", "canary")
                .body("payload=1");
            let answer = request.send(&place).await;
            assert_eq!(answer.status, 200, "{method}: {}", answer.text());
            assert_eq!(answer.header("content-type"), Some("application/json"));
            assert!(answer.header("content-security-policy").unwrap().contains("sandbox"));
            let seen = answer.json();
            assert_eq!(seen["method"], method);
            assert_eq!((&seen["path"], &seen["query"]), (&json!("/hooks/fault/other"), &json!("a=1&b=%20")));
            assert_eq!((&seen["body"], &seen["principal"]["name"]), (&json!("payload=1"), &json!("agent")));
            let headers = seen["headers"].as_array().unwrap();
            assert!(headers.contains(&json!(["x-signature", "sha256=abc"])), "{headers:?}");
            let all = seen.to_string();
            assert!(!all.contains("canary") && !all.contains(&token) && !all.contains("authorization"), "{all}");
        }
    }
    let answer = send(&daemon, &json!({"do": "status", "status": 404})).await;
    assert_eq!((answer.status, answer.text().as_str()), (404, "as asked"));
    assert_eq!(send(&daemon, &json!({"do": "status", "status": 204})).await.status, 204);
    assert_eq!(send(&daemon, &json!({"do": "timer", "id": 5, "ms": 20})).await.json(), json!({"timer": 5}));
}

async fn a_webhook_that_is_not_answered_well_is_answered_by_the_daemon(form: Form) {
    let daemon = configured(form, "[server]\nwebhook_ms = 300").start();
    let code = |answer: &Answer| answer.json()["refusal"]["code"].as_str().unwrap().to_owned();
    let late = send(&daemon, &json!({"do": "never"})).await;
    assert_eq!((late.status, code(&late).as_str()), (504, "transport_timeout"));
    let nonsense = send(&daemon, &json!({"do": "nonsense"})).await;
    assert_eq!((nonsense.status, code(&nonsense).as_str()), (502, "transport_error"));
    let dropped = send(&daemon, &json!({"do": "drop"})).await;
    assert_eq!(dropped.status, 500);
    let died = send(&daemon, &json!({"do": "panic"})).await;
    assert_eq!((died.status, code(&died).as_str()), (503, "transport_gone"));
    // It is started again, and then answers again; until then nobody is there.
    eventually("the plugin answers again", async || {
        let answer = send(&daemon, &json!({"text": "hello"})).await;
        assert!([200, 404, 503].contains(&answer.status), "{}", answer.text());
        (answer.status == 200).then_some(())
    })
    .await;
}

async fn whoever_waits_for_a_webhook_is_told_when_the_daemon_ends(form: Form) {
    let mut daemon = home(form).start();
    let waiting = hook(&daemon, r#"{"do": "never"}"#);
    let place = daemon.tcp();
    let answer = tokio::spawn(async move { waiting.send(&place).await });
    eventually("the request is there", async || {
        metrics(&daemon).await.contains("tieline_webhooks_waiting 1").then_some(())
    })
    .await;
    assert!(daemon.stop().success());
    assert_eq!(answer.await.unwrap().status, 503);
}

async fn webhooks_are_limited_in_size_rate_and_number(form: Form) {
    let daemon =
        configured(form, "[server]\nmax_body_bytes = 20000\n[limits]\ntext_bytes = 10000\n[limits.rates.agent]\nper_second = 1\nburst = 80").start();
    let large = hook(&daemon, "x".repeat(20_001)).send(&daemon.tcp()).await;
    assert_eq!((large.status, large.json()["refusal"]["code"].as_str()), (413, Some("too_large")));
    let mut waiting = Vec::new();
    for _ in 0..64 {
        let (request, place) = (hook(&daemon, r#"{"do": "never"}"#), daemon.tcp());
        waiting.push(tokio::spawn(async move { request.send(&place).await }));
    }
    eventually("all of them wait", async || {
        metrics(&daemon).await.contains("tieline_webhooks_waiting 64").then_some(())
    })
    .await;
    let busy = send(&daemon, &json!({})).await;
    assert_eq!((busy.status, busy.json()["refusal"]["code"].as_str()), (503, Some("busy")));
    let refused = eventually("the rate is used up", async || {
        let answer = send(&daemon, &json!({})).await;
        (answer.status == 429).then_some(answer)
    })
    .await;
    assert_eq!(refused.json()["refusal"]["code"], "rate_limited");
    assert!(refused.header("retry-after").is_some());
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn a_wrong_setting_is_found_without_a_daemon_with_its_place_and_all_other_mistakes() {
    let wrong = "[server]\nworkers = 0\n\n[plugins.websocket.settings]\nhello_ms = \"soon\"\n\n[plugins.ghost]\n";
    let home = Home::new().config(wrong);
    fs::write(home.plugins().join("notes.so"), "no library").unwrap();
    let check = |args: &[&str]| {
        let mut command = home.tieline(args);
        command.env("TIELINE_PLUGINS__WEBSOCKET__SETTINGS__HELO_MS", "1").output().unwrap()
    };
    let output = check(&["config", "check", "--json"]);
    assert_eq!(output.status.code(), Some(2));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let problems = found["problems"].as_array().unwrap();
    let shown: Vec<_> = problems.iter().map(|p| (p["key"].as_str().unwrap(), p["found"].as_str().unwrap())).collect();
    assert_eq!(
        shown,
        [
            ("server.workers", "0"),
            ("plugins.websocket.settings.hello_ms", "\"soon\""),
            ("plugins.websocket.settings.helo_ms", "an unknown key"),
        ]
    );
    assert_eq!((&problems[1]["layer"]["kind"], &problems[1]["layer"]["line"]), (&json!("file"), &json!(5)));
    assert_eq!(problems[1]["wanted"], "a whole number from 1 to 600000");
    assert_eq!(problems[2]["layer"]["variable"], "TIELINE_PLUGINS__WEBSOCKET__SETTINGS__HELO_MS");
    assert_eq!(problems[2]["wanted"], "`hello_ms`");

    let doctor = String::from_utf8(check(&["doctor"]).stdout).unwrap();
    assert!(doctor.contains("3 problems"), "{doctor}");

    let home = home.config("[plugins.ghost]\nenabled = true\n");
    let output = home.tieline(["config", "check"]).output().unwrap();
    assert!(output.status.success());
    let notes = String::from_utf8(output.stderr).unwrap();
    assert!(notes.contains("notes.so: the file is not a library"), "{notes}");
    assert!(notes.contains("[plugins.ghost]: no plugin in"), "{notes}");
}

#[tokio::test]
async fn a_wrong_setting_keeps_the_plugin_from_being_started_and_says_so() {
    let daemon = Home::new().config("[plugins.websocket.settings]\nhello_ms = \"soon\"\n").start();
    let plugins = Request::get("/v1/plugins").token(&daemon.home.token("human")).send(&daemon.tcp()).await.json();
    let plugin = &plugins["ok"]["plugins"]["plugins"][0];
    assert_eq!((&plugin["name"], &plugin["state"]), (&json!("websocket"), &json!("failed")), "{plugin}");
    assert_eq!(plugin["step"], "settings");
    let reason = plugin["reason"].as_str().unwrap();
    let wanted = "plugins.websocket.settings.hello_ms: found \"soon\", wanted a whole number from 1 to 600000";
    assert!(reason.contains(wanted), "{reason}");
}

#[tokio::test]
async fn the_echo_in_c_counts_its_starts_beyond_the_end_of_the_daemon() {
    let home = Home::new().config("[plugins.echo-c]\nisolation = \"in-process\"\n");
    let sdk = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins-sdk");
    let mut cc = std::process::Command::new("cc");
    cc.args(["-std=c11", "-shared", "-fPIC", "-I"]).arg(sdk.join("include")).arg("-o");
    let output = cc.arg(home.plugins().join("libecho_c.so")).arg(sdk.join("examples/echo.c")).output();
    let output = output.expect("a C compiler named `cc` is needed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    home.trust_plugin(&home.plugins().join("libecho_c.so"));
    let mut daemon = home.start();
    daemon.restart();
    let log = daemon.log();
    for starts in [1, 2] {
        assert!(log.contains(&format!(r#"\"starts\":{starts}"#)), "no start {starts} in:\n{log}");
    }
}
