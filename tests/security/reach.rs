//! What belongs to others: in another circle it is as if it did not exist, in one's own it is not one's own.

use serde_json::{Value, json};
use tieline_tests::{
    daemon::{Daemon, Home},
    http::Request,
    socket::Socket,
};

use crate::{Token, said, says, token};

const TEXT: &str = "between the two of us";

struct Case {
    daemon: Daemon,
    /// Reaches only a circle of its own.
    stranger: Token,
    /// Is in the same circle, and has nothing to do with it.
    neighbour: Token,
    message: String,
    ask: String,
    /// One of the agent's.
    schedule: String,
    /// One that the agent gave the human.
    job: String,
    /// One to change what the human works by.
    proposal: String,
    /// The session that both went to.
    session: String,
}

async fn case() -> Case {
    // More is tried here than an agent may in so short a time.
    let daemon = Home::new().env("TIELINE_LIMITS__RATES__AGENT__BURST", "10000").start();
    let stranger = token(&daemon, "stranger", json!({"kind": "agent", "circles": ["apart"]})).await;
    let neighbour = token(&daemon, "neighbour", json!({"kind": "agent"})).await;
    let message = says(&daemon, "agent", json!({"notify": {"to": "human", "text": TEXT}})).await;
    let ask = says(&daemon, "agent", json!({"ask": {"to": "human", "text": format!("{TEXT}?")}})).await;
    let later = json!({"schedule_create": {"when": "in 9d", "command": {"notify": {"to": "human", "text": TEXT}}}});
    let schedule = says(&daemon, "agent", later).await["ok"]["schedule"]["schedule"].as_str().unwrap().to_owned();
    let work = json!({"job_create": {"title": "work", "input": TEXT, "session": "human"}});
    let job = says(&daemon, "agent", work).await["ok"]["job"]["job"].as_str().unwrap().to_owned();
    let change = json!({"memory_propose": {"session": "human", "path": "a", "text": TEXT, "reason": "x"}});
    let proposal =
        says(&daemon, "agent", change).await["ok"]["memory_proposal"]["proposal"].as_str().unwrap().to_owned();
    let id = |sent: &Value| sent["ok"]["accepted"]["message"].as_str().unwrap().to_owned();
    let session = message["ok"]["accepted"]["deliveries"][0]["session"].as_str().unwrap().to_owned();
    Case { message: id(&message), ask: id(&ask), schedule, job, proposal, session, daemon, stranger, neighbour }
}

#[tokio::test]
async fn what_is_in_another_circle_answers_as_if_it_did_not_exist() {
    let case = case().await;
    let (daemon, secret) = (&case.daemon, &case.stranger.secret);
    let no_session = "ses_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f";
    let no_schedule = "sch_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f";
    let no_job = "job_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f";
    let no_proposal = "prp_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f";
    let no_message = "msg_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f";
    for template in [
        json!({"trace": {"message": "MESSAGE"}}),
        json!({"trace": {"message": "ASK"}}),
        json!({"ack": {"ask": "ASK", "text": "x"}}),
        json!({"ack": {"ask": "ASK"}}),
        json!({"cancel": {"message": "MESSAGE"}}),
        json!({"cancel": {"message": "ASK"}}),
        json!({"notify": {"to": "SESSION", "text": "x"}}),
        json!({"notify": {"to": "stranger", "text": "x", "as": "SESSION"}}),
        json!({"ask": {"to": "SESSION", "text": "x"}}),
        json!({"ask_many": {"to": ["SESSION"], "text": "x"}}),
        json!({"broadcast": {"text": "x", "exclude": ["SESSION"]}}),
        json!({"session_get": {"session": "SESSION"}}),
        json!({"session_close": {"session": "SESSION"}}),
        json!({"session_rename": {"session": "SESSION", "title": "x"}}),
        json!({"session_describe": {"session": "SESSION", "description": "x"}}),
        json!({"session_label": {"session": "SESSION", "add": ["x"]}}),
        json!({"session_pin": {"session": "SESSION", "pinned": true}}),
        json!({"session_move": {"session": "SESSION", "circle": "main"}}),
        json!({"session_hand_over": {"session": "SESSION", "to": "stranger"}}),
        json!({"session_archive": {"session": "SESSION"}}),
        json!({"session_restore": {"session": "SESSION"}}),
        json!({"session_fork": {"session": "SESSION", "title": "x"}}),
        json!({"session_purge": {"session": "SESSION", "all": true}}),
        json!({"session_import": {
            "origin": {"log_id": "x", "session": no_session, "first_seq": 1, "last_seq": 1},
            "session": "SESSION",
            "title": "x",
        }}),
        json!({"session_merge": {"session": "stranger", "into": "SESSION", "note": "x"}}),
        json!({"record": {"session": "SESSION", "activities": [{"what": {"noted": {"text": "x"}}}]}}),
        json!({"thread": {"message": "MESSAGE"}}),
        json!({"thread": {"message": "ASK"}}),
        json!({"notify": {"to": "stranger", "text": "x", "supersedes": "MESSAGE"}}),
        json!({"session_budget": {"session": "SESSION", "tokens": 1}}),
        json!({"why": {"session": "SESSION"}}),
        json!({"inbox": {"session": "SESSION"}}),
        json!({"receipt": {"session": "SESSION", "lane": "msg", "through": 1, "state": "seen"}}),
        json!({"peer_attach": {"session": "SESSION"}}),
        json!({"peer_attach": {"session": "SESSION", "mode": "observer"}}),
        json!({"peer_list": {"session": "SESSION"}}),
        json!({"timeline": {"sessions": ["SESSION"]}}),
        json!({"search": {"query": "x", "sessions": ["SESSION"]}}),
        json!({"search": {"query": "x session:SESSION"}}),
        json!({"search": {"query": "x", "circle": "main"}}),
        json!({"recall": {"query": "circle:main x"}}),
        json!({"session_list": {"circle": "main"}}),
        json!({"schedule_get": {"schedule": "SCHEDULE"}}),
        json!({"schedule_pause": {"schedule": "SCHEDULE"}}),
        json!({"schedule_resume": {"schedule": "SCHEDULE"}}),
        json!({"schedule_run": {"schedule": "SCHEDULE"}}),
        json!({"schedule_cancel": {"schedule": "SCHEDULE"}}),
        json!({"schedule_history": {"schedule": "SCHEDULE"}}),
        json!({"schedule_list": {"session": "SESSION"}}),
        json!({"memory_snapshot": {"session": "SESSION", "origin": "x", "files": []}}),
        json!({"memory_propose": {"session": "SESSION", "path": "a", "text": "x", "reason": "x"}}),
        json!({"memory_show": {"session": "SESSION"}}),
        json!({"memory_show": {"session": "SESSION", "at": 3}}),
        json!({"memory_diff": {"session": "SESSION", "from": 0}}),
        json!({"memory_log": {"session": "SESSION"}}),
        json!({"memory_decide": {"proposal": "PROPOSAL", "allow": true}}),
        json!({"job_create": {"title": "x", "input": "x", "session": "SESSION"}}),
        json!({"job_create": {"title": "x", "input": "x", "session": "stranger", "as": "SESSION"}}),
        json!({"job_create": {"title": "x", "input": "x", "session": "stranger", "after": ["JOB"]}}),
        json!({"job_take": {"session": "SESSION"}}),
        json!({"job_take": {"job": "JOB"}}),
        json!({"job_renew": {"job": "JOB", "lease": 1}}),
        json!({"job_finish": {"job": "JOB", "lease": 1, "result": "x"}}),
        json!({"job_cancel": {"job": "JOB"}}),
        json!({"job_retry": {"job": "JOB"}}),
        json!({"job_get": {"job": "JOB"}}),
        json!({"job_list": {"session": "SESSION"}}),
        json!({"idle_watch": {"session": "SESSION"}}),
        json!({"idle_watch": {"session": "stranger", "as": "SESSION"}}),
        json!({"file_lease": {"paths": ["/x"], "as": "SESSION"}}),
        json!({"file_release": {"as": "SESSION"}}),
        json!({"file_leases": {"circle": "main"}}),
        json!({"schedule_create": {"when": "in 9d", "command": {"notify": {"to": "SESSION", "text": "x"}}}}),
        json!({"schedule_create": {
            "when": "in 9d",
            "session": "SESSION",
            "command": {"notify": {"to": "stranger", "text": "x"}},
        }}),
    ] {
        let fill = |session: &str, message: &str, ask: &str, schedule: &str, job: &str, proposal: &str| {
            let text = template.to_string().replace("SESSION", session).replace("MESSAGE", message);
            let text = text.replace("SCHEDULE", schedule).replace("JOB", job).replace("PROPOSAL", proposal);
            serde_json::from_str::<Value>(&text.replace("ASK", ask)).unwrap()
        };
        let real = said(
            daemon,
            secret,
            fill(&case.session, &case.message, &case.ask, &case.schedule, &case.job, &case.proposal),
        )
        .await;
        let none =
            said(daemon, secret, fill(no_session, no_message, no_message, no_schedule, no_job, no_proposal)).await;
        let shown = |outcome: &Value| {
            let text = outcome.to_string().replace(&case.session, "SESSION").replace(no_session, "SESSION");
            let text = text.replace(&case.schedule, "SCHEDULE").replace(no_schedule, "SCHEDULE");
            let text = text.replace(&case.job, "JOB").replace(no_job, "JOB");
            let text = text.replace(&case.proposal, "PROPOSAL").replace(no_proposal, "PROPOSAL");
            text.replace(&case.message, "MESSAGE").replace(&case.ask, "MESSAGE").replace(no_message, "MESSAGE")
        };
        assert_eq!(shown(&real), shown(&none), "{template}");
        assert!(real.get("refusal").is_some(), "{template}: {real}");
        assert!(!real.to_string().contains(TEXT));
    }
    for path in [
        format!("/v1/sessions/{}", case.session),
        format!("/v1/sessions/{}/inbox", case.session),
        format!("/v1/sessions/{}/events", case.session),
        format!("/v1/sessions/{}/export", case.session),
        "/v1/sessions/main%2Fhuman/export?format=markdown".to_owned(),
        format!("/v1/events?session=stranger&session={}", case.session),
        "/v1/sessions/main%2Fhuman/inbox".to_owned(),
        "/v1/sessions/main%2Fhuman/events".to_owned(),
        format!("/v1/messages/{}", case.message),
        format!("/v1/peers?session={}", case.session),
        format!("/v1/events?session={}", case.session),
        format!("/v1/live?session={}", case.session),
        "/v1/events?session=main/human".to_owned(),
    ] {
        let answer = Request::get(&path).token(secret).send(&daemon.tcp()).await;
        assert!([403, 404].contains(&answer.status), "{path}: {}", answer.text());
        assert!(!answer.text().contains(TEXT));
    }
}

#[tokio::test]
async fn lists_and_events_show_only_what_is_in_reach() {
    let case = case().await;
    let (daemon, secret) = (&case.daemon, &case.stranger.secret);
    let (mut peer, _) = Socket::attach(&daemon.tcp(), &daemon.home.token("agent"), json!({})).await;
    let sessions = said(daemon, secret, json!({"session_list": {"include_closed": true}})).await;
    let listed = sessions["ok"]["sessions"]["sessions"].as_array().unwrap();
    assert_eq!(listed.iter().map(|session| &session["title"]).collect::<Vec<_>>(), ["stranger"]);
    let peers = said(daemon, secret, json!({"peer_list": {}})).await;
    assert_eq!(peers["ok"]["peers"]["peers"], json!([]));
    let sent = said(daemon, secret, json!({"broadcast": {"text": "hello?"}})).await;
    assert_eq!(sent["ok"]["accepted"]["deliveries"], json!([]), "{sent}");

    // All events from the first on, until one that the stranger makes itself.
    let mut stream = Request::get("/v1/events?after=0").token(secret).events(&daemon.tcp()).await;
    let mut live = Socket::with_token(&daemon.tcp(), "/v1/live?after=0", secret).await;
    assert!(peer.command(1, &json!({"notify": {"to": "human", "text": "x"}})).await["ok"].is_object());
    let mine = said(daemon, secret, json!({"session_open": {"title": "the last"}})).await;
    let last = &mine["ok"]["session"]["id"];
    loop {
        let event = stream.next().await.unwrap();
        assert!(event.data["session"] == json!(case.stranger.home) || &event.data["session"] == last, "{event:?}");
        assert_eq!(event.data, live.json().await);
        if &event.data["session"] == last {
            break;
        }
    }
}

#[tokio::test]
async fn what_is_anothers_in_the_same_circle_stays_anothers() {
    let case = case().await;
    let (daemon, secret) = (&case.daemon, &case.neighbour.secret);
    for (command, code) in [
        (json!({"inbox": {"session": "human"}}), "not_your_session"),
        (json!({"receipt": {"session": "human", "lane": "msg", "through": 1, "state": "seen"}}), "not_your_session"),
        (json!({"notify": {"to": "agent", "text": "x", "as": "human"}}), "not_your_session"),
        (json!({"ask": {"to": "agent", "text": "x", "as": "human"}}), "not_your_session"),
        (json!({"broadcast": {"text": "x", "as": "human"}}), "not_your_session"),
        (json!({"ack": {"ask": case.ask, "text": "x", "as": "human"}}), "not_your_session"),
        (json!({"ack": {"ask": case.ask, "text": "x"}}), "not_addressee"),
        (json!({"ack": {"ask": case.ask}}), "not_addressee"),
        (json!({"cancel": {"message": case.message}}), "unknown_message"),
        (json!({"cancel": {"message": case.ask}}), "unknown_message"),
        (json!({"session_close": {"session": "human"}}), "not_your_session"),
        (json!({"session_rename": {"session": "human", "title": "x"}}), "not_your_session"),
        (json!({"session_describe": {"session": "human", "roles": ["x"]}}), "not_your_session"),
        (json!({"session_purge": {"session": "human", "through": 1}}), "forbidden"),
        (json!({"peer_attach": {"session": "human"}}), "not_your_session"),
        (json!({"peer_detach": {"session": "human"}}), "not_attached"),
        (json!({"memory_snapshot": {"session": "human", "origin": "x", "files": []}}), "not_your_session"),
        (json!({"memory_decide": {"proposal": case.proposal, "allow": true}}), "forbidden"),
        (json!({"memory_decide": {"proposal": case.proposal, "allow": false}}), "forbidden"),
        (json!({"job_take": {"job": case.job}}), "not_your_session"),
        (json!({"job_take": {"session": "human"}}), "not_your_session"),
        (json!({"job_cancel": {"job": case.job}}), "not_your_session"),
        (json!({"job_retry": {"job": case.job}}), "not_your_session"),
        (json!({"job_create": {"title": "x", "input": "x", "session": "agent", "as": "human"}}), "not_your_session"),
        (json!({"schedule_pause": {"schedule": case.schedule}}), "not_your_session"),
        (json!({"schedule_resume": {"schedule": case.schedule}}), "not_your_session"),
        (json!({"schedule_run": {"schedule": case.schedule}}), "not_your_session"),
        (json!({"schedule_cancel": {"schedule": case.schedule}}), "not_your_session"),
        (
            json!({"schedule_create": {
                "when": "in 9d",
                "session": "human",
                "command": {"notify": {"to": "agent", "text": "x"}},
            }}),
            "not_your_session",
        ),
    ] {
        let outcome = said(daemon, secret, command.clone()).await;
        assert_eq!(outcome["refusal"]["code"], code, "{command}: {outcome}");
    }
    let answer = Request::get("/v1/sessions/human/inbox").token(secret).send(&daemon.tcp()).await;
    assert_eq!(answer.status, 403);
    // A key of another principal finds nothing of it.
    let command = json!({"notify": {"to": "human", "text": format!("{TEXT}, once")}});
    let keyed = async |secret: &str| {
        let request = Request::command(&command).token(secret).header("Idempotency-Key", "one");
        request.send(&daemon.tcp()).await.json()["ok"]["accepted"]["message"].clone()
    };
    let agent = daemon.home.token("agent");
    let first = keyed(&agent).await;
    assert!(first.is_string());
    assert_eq!(keyed(&agent).await, first);
    assert_ne!(keyed(secret).await, first);
}

#[tokio::test]
async fn the_sender_is_the_token_and_nothing_that_is_said() {
    let case = case().await;
    let sent = said(&case.daemon, &case.neighbour.secret, json!({"notify": {"to": "human", "text": "me"}})).await;
    let message = sent["ok"]["accepted"]["message"].as_str().unwrap();
    let trace = says(&case.daemon, "human", json!({"trace": {"message": message}})).await;
    let from = &trace["ok"]["trace"]["message"]["from"];
    assert_eq!((&from["title"], &from["session"]), (&json!("neighbour"), &json!(case.neighbour.home)));
}
