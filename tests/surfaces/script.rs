//! The script: two agents and a human, and everything that they say.

use std::collections::HashMap;

use serde_json::{Value, json};
use tieline_tests::http::Request;

use crate::{
    Surface,
    cast::{AGENT, CRITIC, Cast, HUMAN},
    http::Http,
    normal::Normal,
};

/// Longer than any message may live.
const TOO_LONG_MS: u64 = 40 * 24 * 3600 * 1000;

/// A hash that no file has.
const OTHER_HASH: &str = "0000000000000000000000000000000000000000000000000000000000000000";

struct Line {
    who: &'static str,
    command: Value,
    /// Keeps what is found there for later lines, which name it as `$name`.
    keep: Option<(&'static str, &'static str)>,
    /// Whether no typed input could say it.
    is_malformed: bool,
}

fn line(who: &'static str, command: Value) -> Line {
    Line { who, command, keep: None, is_malformed: false }
}

impl Line {
    fn keep(mut self, name: &'static str, pointer: &'static str) -> Self {
        self.keep = Some((name, pointer));
        self
    }

    fn malformed(mut self) -> Self {
        self.is_malformed = true;
        self
    }
}

const MESSAGE: &str = "/ok/accepted/message";

fn lines() -> Vec<Line> {
    vec![
        line(AGENT, json!({"whoami": {}})),
        line(CRITIC, json!({"whoami": {}})),
        // Where the work is.
        line(CRITIC, json!({"session_open": {"title": "review", "roles": ["reader"], "description": "reads diffs"}})),
        line(CRITIC, json!({"session_open": {"title": "build"}})),
        line(CRITIC, json!({"session_open": {"title": "build"}})),
        line(AGENT, json!({"session_list": {}})),
        // Telling and asking.
        line(AGENT, json!({"notify": {"to": "review", "text": "the build is green"}})).keep("notify", MESSAGE),
        line(AGENT, json!({"ask": {"to": "@reader", "text": "May I merge?", "expires_in_ms": 3_600_000}}))
            .keep("ask", MESSAGE),
        line(CRITIC, json!({"inbox": {"session": "review"}})),
        line(CRITIC, json!({"receipt": {"session": "review", "lane": "msg", "through": 2, "state": "delivered"}})),
        line(CRITIC, json!({"receipt": {"session": "review", "lane": "msg", "through": 1, "state": "seen"}})),
        line(CRITIC, json!({"inbox": {"session": "review"}})),
        line(CRITIC, json!({"ack": {"ask": "$ask", "text": "Yes, after the tests."}})).keep("answer", MESSAGE),
        line(AGENT, json!({"inbox": {}})),
        line(AGENT, json!({"receipt": {"lane": "msg", "through": 1, "state": "delivered"}})),
        line(AGENT, json!({"trace": {"message": "$ask"}})),
        line(AGENT, json!({"trace": {"message": "$answer"}})),
        line(CRITIC, json!({"ack": {"ask": "$ask", "text": "And the docs."}})),
        line(CRITIC, json!({"ack": {"ask": "$ask"}})),
        // To everybody.
        line(AGENT, json!({"broadcast": {"text": "main is frozen", "exclude": ["review"]}})).keep("frozen", MESSAGE),
        line(CRITIC, json!({"inbox": {"lane": "bulk"}})),
        line(AGENT, json!({"trace": {"message": "$frozen"}})),
        // Taking back.
        line(AGENT, json!({"ask": {"to": "critic", "text": "Still there?"}})).keep("withdrawn", MESSAGE),
        line(AGENT, json!({"cancel": {"message": "$withdrawn"}})),
        line(AGENT, json!({"trace": {"message": "$withdrawn"}})),
        line(CRITIC, json!({"ack": {"ask": "$withdrawn"}})),
        line(AGENT, json!({"cancel": {"message": "$notify"}})),
        // What is refused.
        line(AGENT, json!({"notify": {"to": "reviw", "text": "x"}})),
        line(AGENT, json!({"ask": {"to": "build", "text": "which of you?"}})),
        line(AGENT, json!({"notify": {"to": "elsewhere/review", "text": "x"}})),
        line(AGENT, json!({"notify": {"to": "critic", "text": "x", "as": "review"}})),
        line(AGENT, json!({"ack": {"ask": "$ask", "text": "I answer myself"}})),
        line(AGENT, json!({"inbox": {"session": "review"}})),
        line(AGENT, json!({"trace": {"message": "msg_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f"}})),
        line(AGENT, json!({"notify": {"to": "review", "text": "x", "expires_in_ms": TOO_LONG_MS}})),
        line(AGENT, json!({"inbox": {"limit": 1000}})),
        line(AGENT, json!({"broadcast": {"text": "x", "circle": "elsewhere"}})),
        line(CRITIC, json!({"session_open": {"title": "a/b"}})),
        line(AGENT, json!({"receipt": {"lane": "msg", "through": 99, "state": "delivered"}})),
        line(AGENT, json!({"notify": {"to": "review", "txt": "x"}})).malformed(),
        line(AGENT, json!({"receipt": {"lane": "fast", "through": 1, "state": "delivered"}})).malformed(),
        // Sessions are sorted, forked and put away, by whoever has them.
        line(CRITIC, json!({"session_label": {"session": "review", "add": ["urgent", "api"]}})),
        line(AGENT, json!({"session_label": {"session": "review", "add": ["x"]}})),
        line(CRITIC, json!({"session_fork": {"session": "review", "title": "review again"}})),
        line(CRITIC, json!({"session_fork": {"session": "review", "title": "x", "seq": 0}})),
        line(CRITIC, json!({"session_merge": {"session": "review again", "note": "no difference"}})),
        line(CRITIC, json!({"session_archive": {"session": "review again"}})),
        line(AGENT, json!({"session_restore": {"session": "review again"}})),
        line(AGENT, json!({"why": {"session": "review again"}})),
        line(CRITIC, json!({"session_archive": {"session": "critic"}})),
        // Plugins are for humans.
        line(AGENT, json!({"plugin_list": {}})),
        line(AGENT, json!({"plugin_info": {"name": "websocket"}})),
        line(AGENT, json!({"plugin_logs": {"name": "websocket"}})),
        line(AGENT, json!({"plugin_enable": {"name": "websocket"}})),
        line(AGENT, json!({"plugin_disable": {"name": "websocket"}})),
        line(AGENT, json!({"plugin_reload": {"name": "websocket"}})),
        line(AGENT, json!({"plugin_trust": {"name": "websocket", "hash": OTHER_HASH}})),
        line(HUMAN, json!({"plugin_list": {}})),
        line(HUMAN, json!({"plugin_info": {"name": "websocket"}})),
        line(HUMAN, json!({"plugin_info": {"name": "websockt"}})),
        line(HUMAN, json!({"plugin_logs": {"name": "websockt"}})),
        line(HUMAN, json!({"plugin_enable": {"name": "websocket"}})),
        line(HUMAN, json!({"plugin_disable": {"name": "websockt"}})),
        line(HUMAN, json!({"plugin_reload": {"name": "websockt"}})),
        line(AGENT, json!({"timeline": {"sessions": ["nobody", "human"]}})),
        line(AGENT, json!({"timeline": {"sessions": ["human"], "limit": 501}})),
        line(AGENT, json!({"timeline": {"sessions": ["human"], "after": 1000000}})),
        // Later. Far enough away that none of it comes while the script runs.
        line(
            AGENT,
            json!({"schedule_create": {
                "when": "2095-01-03 09:00",
                "zone": "America/New_York",
                "title": "the far future",
                "command": {"ask": {"to": "self", "text": "Still there?"}},
                "overlap": "buffer_one",
            }}),
        )
        .keep("schedule", "/ok/schedule/schedule"),
        line(
            AGENT,
            json!({"schedule_create": {
                "when": "every 15m from 2095-01-01T00:00:00Z UTC",
                "command": {"notify": {"to": "review", "text": "tick"}},
                "max_runs": 2,
                "misfire": {"all": {"max": 10}},
                "dry_run": true,
            }}),
        ),
        line(
            AGENT,
            json!({"schedule_create": {"when": "sometimes", "command": {"notify": {"to": "self", "text": "x"}}}}),
        ),
        line(
            AGENT,
            json!({"schedule_create": {
                "when": "in 1h",
                "command": {"notify": {"to": "nobody", "text": "x"}},
            }}),
        ),
        line(AGENT, json!({"schedule_create": {"when": "in 1h", "command": {"whoami": {}}}})),
        line(AGENT, json!({"schedule_list": {}})),
        line(AGENT, json!({"schedule_get": {"schedule": "$schedule"}})),
        line(CRITIC, json!({"schedule_pause": {"schedule": "$schedule"}})),
        line(AGENT, json!({"schedule_pause": {"schedule": "$schedule"}})),
        line(AGENT, json!({"schedule_resume": {"schedule": "$schedule"}})),
        line(AGENT, json!({"schedule_run": {"schedule": "$schedule"}})),
        line(AGENT, json!({"schedule_history": {"schedule": "$schedule"}})),
        line(AGENT, json!({"schedule_cancel": {"schedule": "$schedule"}})),
        line(AGENT, json!({"schedule_run": {"schedule": "$schedule"}})),
        line(AGENT, json!({"schedule_list": {"session": "agent"}})),
        line(AGENT, json!({"search": {"query": "\"half a phrase"}})),
        line(AGENT, json!({"search": {"query": "session:nobody plan"}})),
        line(AGENT, json!({"search": {"query": "plan", "limit": 101}})),
        line(AGENT, json!({"search": {"query": "plan", "next": "7"}})),
        line(AGENT, json!({"recall": {"query": "xylophone"}})),
        line(AGENT, json!({"recall": {"query": "plan", "budget_tokens": 99}})),
        // Work, and who has it.
        line(
            AGENT,
            json!({"job_create": {
                "title": "read the diff",
                "input": "git diff",
                "session": "critic",
                "deadline_in_ms": 3_600_000,
            }}),
        )
        .keep("job", "/ok/job/job"),
        line(AGENT, json!({"job_create": {"title": "x", "input": "x", "session": "nobody"}})),
        line(AGENT, json!({"job_create": {"title": "x", "input": "x", "session": "critic", "deadline_in_ms": 0}})),
        line(AGENT, json!({"job_take": {}})),
        line(CRITIC, json!({"job_take": {}})),
        line(CRITIC, json!({"job_renew": {"job": "$job", "lease": 1}})),
        line(AGENT, json!({"job_renew": {"job": "$job", "lease": 1}})),
        line(CRITIC, json!({"job_finish": {"job": "$job", "lease": 2, "result": "all is well"}})),
        line(CRITIC, json!({"job_finish": {"job": "$job", "lease": 1, "error": "no such branch", "give_up": true}})),
        line(AGENT, json!({"job_retry": {"job": "$job"}})),
        line(CRITIC, json!({"job_take": {"session": "critic"}})),
        line(CRITIC, json!({"job_finish": {"job": "$job", "lease": 2, "result": "all is well"}})),
        line(AGENT, json!({"job_get": {"job": "$job"}})),
        line(AGENT, json!({"job_cancel": {"job": "$job", "reason": "too late"}})),
        line(AGENT, json!({"job_list": {}})),
        line(AGENT, json!({"job_list": {"session": "critic", "include_ended": true}})),
        // What an agent works by.
        line(
            AGENT,
            json!({"memory_propose": {"session": "review", "path": "CLAUDE.md", "text": "tests first", "reason": "a bug came back"}}),
        )
        .keep("proposal", "/ok/memory_proposal/proposal"),
        line(AGENT, json!({"memory_propose": {"session": "review", "path": "rules.md", "remove": true, "reason": "old"}})),
        line(AGENT, json!({"memory_decide": {"proposal": "$proposal", "allow": true}})),
        line(AGENT, json!({"memory_show": {"session": "review"}})),
        line(HUMAN, json!({"memory_decide": {"proposal": "$proposal", "allow": true, "reason": "well seen"}})),
        line(HUMAN, json!({"memory_decide": {"proposal": "$proposal", "allow": false}})),
        line(AGENT, json!({"memory_show": {"session": "review", "at": 1}})),
        line(CRITIC, json!({"memory_show": {"session": "review"}})),
        line(CRITIC, json!({"memory_diff": {"session": "review", "from": 0}})),
        line(CRITIC, json!({"memory_log": {"session": "nobody", "limit": 1}})),
        // An agent program reports, and takes its mail.
        line(
            AGENT,
            json!({"report": {
                "agent": "claude", "native": "n-1", "signal": "prompted", "hook": "UserPromptSubmit", "folder": "/work/api",
                "activities": [{"what": {"turn_started": {"turn": "1"}}}],
            }}),
        ),
        line(CRITIC, json!({"notify": {"to": "api-claude", "text": "the build is red"}})).keep("mail", "/ok/accepted/message"),
        line(
            AGENT,
            json!({"report": {
                "agent": "claude", "native": "n-1", "signal": "working", "hook": "PostToolUse", "room": 9000,
            }}),
        ),
        line(CRITIC, json!({"trace": {"message": "$mail"}})),
        line(
            AGENT,
            json!({"report": {
                "agent": "claude", "native": "n-1", "signal": "rested", "hook": "Stop", "seen": ["$mail"],
            }}),
        ),
        line(AGENT, json!({"report": {"agent": "Claude Code", "native": "n-1", "signal": "rested", "hook": "Stop"}})),
        line(AGENT, json!({"runtime_find": {"processes": [{"pid": 1, "started": 1}]}})),
        // A timeline from elsewhere, and what becomes of it.
        line(AGENT, import("the copy", json!([noted(1), noted(3)]))).keep("copy", "/ok/imported/session"),
        line(AGENT, import("the copy", json!([noted(1), noted(3)]))),
        line(AGENT, import("the copy", json!([noted(3), noted(1)]))),
        line(HUMAN, json!({"session_purge": {"session": "the copy", "all": true}})),
        line(HUMAN, json!({"session_purge": {"session": "the copy", "through": 99}})),
        line(HUMAN, json!({"session_purge": {"session": "the copy", "through": 3}})),
        line(AGENT, json!({"session_archive": {"session": "the copy"}})),
        line(CRITIC, json!({"session_purge": {"session": "$copy", "all": true}})),
        line(HUMAN, json!({"session_purge": {"session": "$copy", "all": true}})),
        line(AGENT, json!({"session_restore": {"session": "$copy"}})),
        // Agents that work side by side.
        line(CRITIC, json!({"idle_watch": {"session": "api-claude"}})),
        line(CRITIC, json!({"idle_watch": {"session": "agent"}})),
        line(CRITIC, json!({"file_lease": {"paths": ["/work/api/a.rs"], "for_ms": 60_000, "note": "new error type"}})),
        line(AGENT, json!({"file_lease": {"paths": ["/work/api/../api/a.rs", "/work/web/"], "as": "api-claude"}})),
        line(
            AGENT,
            json!({"report": {
                "agent": "claude", "native": "n-1", "signal": "working", "hook": "PostToolUse", "folder": "/work/api",
                "activities": [{"what": {"file_changed": {"path": "a.rs", "change": "modified"}}}],
            }}),
        ),
        line(AGENT, json!({"inbox": {"session": "api-claude", "lane": "ctl"}})),
        line(CRITIC, json!({"file_release": {"paths": ["/work/api/a.rs"]}})),
        line(CRITIC, json!({"file_leases": {}})),
        line(CRITIC, json!({"file_lease": {"paths": ["/work/api/a.rs"], "for_ms": 1}})),
        line(CRITIC, json!({"file_leases": {"circle": "ops"}})),
        // None of that has left anything behind.
        line(AGENT, json!({"session_list": {}})),
    ]
}

fn import(title: &str, items: Value) -> Value {
    json!({"session_import": {
        "origin": {
            "log_id": "0197c3f0a1b27c3d8e4f5a6b7c8d9e0f",
            "session": "ses_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f",
            "first_seq": 1,
            "last_seq": 3,
        },
        "title": title,
        "items": items,
    }})
}

fn noted(seq: u64) -> Value {
    let what = json!({"activity": {"what": {"noted": {"text": "as it was"}}, "happened_at_ms": 1}});
    json!({"seq": seq, "at_ms": 1, "what": what})
}

/// Plays the script on a surface and returns all that was answered, and then each session's events.
pub async fn play(cast: &Cast, surface: &mut impl Surface) -> Value {
    let (mut normal, mut kept) = (Normal::default(), HashMap::new());
    let mut told = Vec::new();
    for line in lines() {
        let command = filled(&line.command, &kept);
        let name = command.as_object().unwrap().keys().next().unwrap().as_str();
        let lacks = surface.lacks();
        let outcome = if lacks.contains(&name) || (line.is_malformed && lacks.contains(&"malformed")) {
            Http::new(cast, cast.unix()).say(line.who, &command).await
        } else {
            surface.say(line.who, &command).await
        };
        if let Some((name, pointer)) = line.keep {
            let value = outcome.pointer(pointer).unwrap_or_else(|| panic!("{command}: {outcome}"));
            kept.insert(name, value.as_str().unwrap().to_owned());
        }
        told.push(json!({"who": line.who, "says": line.command, "outcome": normal.of(&outcome)}));
    }
    json!({"script": told, "events": events(cast, &mut normal).await})
}

/// Puts in what earlier lines kept.
fn filled(command: &Value, kept: &HashMap<&str, String>) -> Value {
    match command {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), filled(value, kept))).collect(),
        Value::Array(all) => all.iter().map(|value| filled(value, kept)).collect(),
        Value::String(text) => match text.strip_prefix('$') {
            Some(name) => Value::String(kept[name].clone()),
            None => command.clone(),
        },
        other => other.clone(),
    }
}

/// Reads every session's timeline. That a peer came is the one thing that a WebSocket adds, so it is left out here,
/// with the numbers that it moves; the numbers have to be without gaps.
async fn events(cast: &Cast, normal: &mut Normal) -> Value {
    let token = cast.token("human");
    let get = async |path: String| Request::get(&path).token(&token).send(&cast.tcp()).await.json();
    let sessions = get("/v1/sessions".to_owned()).await;
    let mut timelines = Vec::new();
    for session in sessions["ok"]["sessions"]["sessions"].as_array().unwrap() {
        let path = format!("/v1/sessions/{}/events?after=0&limit=500", session["id"].as_str().unwrap());
        let answer = get(path).await;
        let mut timeline = Vec::new();
        for (number, event) in (1..).zip(answer["ok"]["timeline"]["events"].as_array().unwrap()) {
            assert_eq!(event["seq"], number, "the timeline of {}: {answer}", session["title"]);
            assert_eq!(event["session"], session["id"]);
            let (kind, _) = event["body"].as_object().unwrap().iter().next().unwrap();
            if kind != "peer_attached" && kind != "peer_detached" {
                timeline.push(normal.of(&event["body"]));
            }
        }
        timelines.push(json!({"session": session["title"], "events": timeline}));
    }
    Value::Array(timelines)
}
