//! What every request has to pass, over all routes: a known Host, a known Origin if any, and a good token.

use serde_json::json;
use tieline_server::ROUTES;
use tieline_tests::{
    daemon::{Daemon, Home, library},
    http::{Answer, Place, Request},
    socket::Socket,
};

use crate::says;

const OPEN: &str = "/healthz";
/// What the fault plugin mounts.
const WEBHOOKS: [&str; 2] = ["/hooks/fault", "/hooks/fault/other"];
const METHODS: [&str; 9] = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "REPORT"];
const UPGRADE: [(&str, &str); 4] = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

/// A daemon with a plugin that has mounted webhooks besides the stock one.
fn start() -> Daemon {
    let home = Home::new().config("[plugins.fault]\nisolation = \"in-process\"\n");
    home.add_plugin(&library("tieline_fault_plugin"));
    home.start()
}

/// A request for every route and for what is none: as good as it can be but for what a test adds.
async fn requests(daemon: &Daemon) -> Vec<Request> {
    let sent = says(daemon, "agent", json!({"notify": {"to": "human", "text": "there is something to see"}})).await;
    let message = sent["ok"]["accepted"]["message"].as_str().unwrap().to_owned();
    let path = |template: &str| {
        template.replace("{session}", "human").replace("{message}", &message).replace("{name}", "websocket")
    };
    let mut all: Vec<Request> = ROUTES
        .iter()
        .map(|route| match route.method {
            "POST" if route.path == "/mcp" => mcp(),
            "POST" => Request::post(&path(route.path), r#"{"whoami":{}}"#),
            method => Request::new(method, &path(route.path)),
        })
        .collect();
    all.extend(["/ws", "/v1/live", "/mcp", "/nothing"].map(upgrade));
    all.extend(["GET", "DELETE", "PUT", "OPTIONS", "HEAD"].map(|method| Request::new(method, "/mcp")));
    for path in WEBHOOKS {
        all.extend(METHODS.map(|method| Request::new(method, path).body("{}")));
        all.push(upgrade(path));
    }
    for path in ["/", "/ws", "/v1", "/v1/", "/v1/commands", "/v1/nothing", "/v1/sessions/none", "/favicon.ico"] {
        all.push(Request::get(path));
    }
    // Neighbours of the open route.
    for path in ["/healthz/", "/healthz/x", "//healthz", "/HEALTHZ", "/healthz%2f", "/v1/../healthz", "/x/healthz"] {
        all.push(Request::get(path));
    }
    for method in ["OPTIONS", "HEAD", "TRACE", "PATCH", "DELETE"] {
        all.push(Request::new(method, "/v1/commands"));
    }
    all
}

fn mcp() -> Request {
    Request::post("/mcp", r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#)
        .header("Accept", "application/json, text/event-stream")
}

fn upgrade(path: &str) -> Request {
    UPGRADE.iter().fold(Request::get(path), |request, (name, value)| request.header(name, value))
}

/// What an answer shows, without its date and without what becomes of the connection when a body was not read.
fn shown(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let headers = answer.headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    let mut headers: Vec<_> = headers.filter(|(name, _)| name != "date" && name != "connection").collect();
    headers.sort();
    (answer.status, headers, answer.text())
}

#[tokio::test]
async fn every_route_of_the_table_is_there_and_wants_nothing_but_the_token() {
    let daemon = Daemon::start();
    let token = daemon.home.token("human");
    for (route, request) in ROUTES.iter().zip(requests(&daemon).await) {
        let request = if route.path == "/v1/live" { upgrade("/v1/live") } else { request };
        for place in daemon.places() {
            let status = request.clone().token(&token).head(&place).await.0;
            let wanted = if route.path == "/v1/live" { 101 } else { 200 };
            assert_eq!(status, wanted, "{} {}", route.method, route.path);
        }
    }
}

#[tokio::test]
async fn every_method_of_a_webhook_wants_nothing_but_the_token() {
    let daemon = start();
    for path in WEBHOOKS {
        for method in METHODS {
            for place in daemon.places() {
                let request = Request::new(method, path).token(&daemon.home.token("agent"));
                assert_eq!(request.head(&place).await.0, 200, "{method} {path}");
            }
        }
    }
    for path in ["/hooks", "/hooks/", "/hooks/fault/", "/hooks/faul", "/hooks/fault/other/x", "/HOOKS/fault"] {
        let request = Request::get(path).token(&daemon.home.token("agent"));
        assert_eq!(request.send(&daemon.tcp()).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn without_a_good_token_every_route_gives_one_and_the_same_answer() {
    let daemon = start();
    let good = daemon.home.token("human");
    let mut almost = good.clone();
    almost.replace_range(almost.len() - 1.., if almost.ends_with('0') { "1" } else { "0" });
    let bearer = |secret: &str| format!("Bearer {secret}");
    let authorizations = [
        "Bearer nonsense".to_owned(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        good.clone(),
        format!("Basic {good}"),
        bearer(&almost),
        bearer(&good[..good.len() - 1]),
        bearer(&good.to_uppercase()),
        bearer(&format!("{good}x")),
        bearer(&format!("{good}, {good}")),
        bearer(&blake3_like(&good)),
    ];
    let mut lacking: Vec<(String, String)> = vec![("X-Nothing".into(), "x".into())];
    lacking.extend(authorizations.into_iter().map(|value| ("Authorization".to_owned(), value)));
    lacking.push(("Cookie".into(), format!("token={good}; Authorization={good}")));
    lacking.push(("X-Authorization".into(), bearer(&good)));
    lacking.push(("Proxy-Authorization".into(), bearer(&good)));
    lacking.push(("Sec-WebSocket-Protocol".into(), "tieline.v1, tieline.bearer.nonsense".into()));
    lacking.push(("Sec-WebSocket-Protocol".into(), format!("tieline.v1, {good}")));

    let mut only = None;
    for request in requests(&daemon).await {
        for (name, value) in &lacking {
            for place in daemon.places() {
                let answer = request.clone().header(name, value).send(&place).await;
                let what = format!("{} {} with {name}: {value}", request.method(), request.path());
                if request.path() == OPEN {
                    assert_eq!((answer.status, answer.text().as_str()), (200, r#"{"status":"ok"}"#), "{what}");
                    continue;
                }
                assert_eq!(answer.status, 401, "{what}: {}", answer.text());
                if request.method() == "HEAD" {
                    continue;
                }
                let shown = shown(&answer);
                let only = only.get_or_insert_with(|| shown.clone());
                assert_eq!(&shown, only, "{what}");
            }
        }
    }
    let (_, headers, body) = only.unwrap();
    assert!(headers.contains(&("www-authenticate".into(), "Bearer".into())), "{headers:?}");
    assert!(body.contains("unauthenticated") && !body.contains(&good), "{body}");
}

/// Something that looks like a token's hash.
fn blake3_like(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>().chars().take(64).collect()
}

#[tokio::test]
async fn a_token_in_the_query_is_not_looked_at() {
    let daemon = Daemon::start();
    let good = daemon.home.token("human");
    for name in ["token", "access_token", "authorization", "Authorization", "key"] {
        for place in daemon.places() {
            for request in [
                Request::get(&format!("/v1/whoami?{name}={good}")),
                Request::get(&format!("/v1/events?after=0&{name}={good}")),
                upgrade(&format!("/ws?{name}={good}")),
                upgrade(&format!("/v1/live?{name}={good}")),
            ] {
                assert_eq!(request.send(&place).await.status, 401, "{}", request.path());
            }
        }
    }
}

#[tokio::test]
async fn an_unknown_host_is_misdirected_even_with_a_token() {
    let daemon = start();
    let good = daemon.home.token("human");
    let port = daemon.address.port();
    let wrong = [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        format!("127.0.0.1.evil.example:{port}"),
        format!("localhost.evil.example:{port}"),
        format!("127.0.0.1:{}", port ^ 1),
        format!("127.0.0.2:{port}"),
        format!("0.0.0.0:{port}"),
        format!("user@127.0.0.1:{port}"),
        "127.0.0.1".to_owned(),
        String::new(),
    ];
    for request in requests(&daemon).await {
        for host in &wrong {
            for place in daemon.places() {
                if host.is_empty() && matches!(place, Place::Unix(_)) {
                    continue;
                }
                let answer = request.clone().header("Host", host).token(&good).send(&place).await;
                // 400 is the HTTP library's own for what is no host at all.
                let is_refused = answer.status == 421 || (answer.status == 400 && answer.body.is_empty());
                assert!(is_refused, "{} with Host: {host}: {}", request.path(), answer.status);
            }
        }
    }
    for host in [format!("127.0.0.1:{port}"), format!("LocalHost:{port}"), format!("[::1]:{port}")] {
        let answer = Request::get("/v1/whoami").header("Host", &host).token(&good).send(&daemon.tcp()).await;
        assert_eq!(answer.status, 200, "{host}");
    }
    let answer = Request::get("/v1/whoami").header("Host", "localhost").token(&good).send(&daemon.tcp()).await;
    assert_eq!(answer.status, 421, "over TCP a name needs its port");
}

#[tokio::test]
async fn a_foreign_origin_is_refused_even_with_a_token() {
    let daemon = start();
    let good = daemon.home.token("human");
    let port = daemon.address.port();
    let foreign = [
        "null".to_owned(),
        "https://evil.example".to_owned(),
        format!("http://evil.example:{port}"),
        format!("https://127.0.0.1:{port}"),
        "http://127.0.0.1".to_owned(),
        format!("http://127.0.0.1:{}", port ^ 1),
        format!("http://127.0.0.1:{port}.evil.example"),
        format!("http://127.0.0.1:{port}/"),
        "file://".to_owned(),
        String::new(),
    ];
    for request in requests(&daemon).await {
        for origin in &foreign {
            for place in daemon.places() {
                let answer = request.clone().header("Origin", origin).token(&good).send(&place).await;
                assert_eq!(answer.status, 403, "{} with Origin: {origin}", request.path());
                assert!(answer.header("access-control-allow-origin").is_none());
            }
        }
    }
    let own = format!("http://127.0.0.1:{port}");
    let answer = Request::get("/v1/whoami").header("Origin", &own).token(&good).send(&daemon.tcp()).await;
    assert_eq!(answer.status, 200);
    let bearer = format!("Bearer {good}");
    let headers = [("Authorization", bearer.as_str()), ("Origin", own.as_str())];
    assert!(Socket::open(&daemon.tcp(), "/ws", &headers).await.is_ok());
}

#[tokio::test]
async fn a_token_may_come_as_a_sub_protocol_and_is_not_echoed() {
    let daemon = Daemon::start();
    let good = daemon.home.token("human");
    let offered = format!("tieline.v1, tieline.bearer.{good}");
    for path in ["/ws", "/v1/live"] {
        for place in daemon.places() {
            let request = upgrade(path).header("Sec-WebSocket-Protocol", &offered);
            let headers = request.head(&place).await;
            assert_eq!(headers.0, 101, "{path}");
            assert_eq!(headers.1.get("sec-websocket-protocol").unwrap(), "tieline.v1");
            assert!(headers.1.values().all(|value| !value.to_str().unwrap().contains(&good)));
        }
    }
}

#[tokio::test]
async fn names_that_the_configuration_adds_are_let_in() {
    let home = Home::new()
        .config("[server]\nallowed_hosts = [\"mesh.example.org\"]\nallowed_origins = [\"https://mesh.example.org\"]\n");
    let daemon = home.start();
    let request = Request::get("/v1/whoami").token(&daemon.home.token("human"));
    let request = request.header("Host", "mesh.example.org").header("Origin", "https://mesh.example.org");
    assert_eq!(request.send(&daemon.tcp()).await.status, 200);
}

#[tokio::test]
async fn every_answer_forbids_sniffing_and_framing() {
    let daemon = Daemon::start();
    let good = daemon.home.token("human");
    for request in [
        Request::get("/healthz"),
        Request::get("/v1/whoami"),
        Request::get("/v1/whoami").token(&good),
        Request::get("/nothing").token(&good),
    ] {
        let answer = request.send(&daemon.tcp()).await;
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(answer.header("server").is_none());
    }
}
