//! Plain GETs: each is a reading command in another dress.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, de::DeserializeOwned};
use tieline_engine::export::{Export, Format};
use tieline_model::{
    Address, Code, Command, Lane, Refusal, SessionId,
    command::{
        Inbox, MessageRef, Origin, PeerList, PluginList, PluginLogs, PluginRef, SessionList, SessionRef, Timeline,
        TokenList, Whoami,
    },
};

use crate::{answer, security::Caller, serve::State};

/// Reads a query string, with the refusal form of every other input.
pub fn query<T: DeserializeOwned>(text: &str) -> Result<T, Refusal> {
    web::Query::<T>::from_query(text)
        .map(web::Query::into_inner)
        .map_err(|error| Refusal::new(Code::BadInput, error.to_string()).at("query"))
}

fn address(text: &str, field: &str) -> Result<Address, Refusal> {
    text.parse().map_err(|error: tieline_model::address::AddressError| {
        Refusal::new(Code::BadInput, error.to_string()).at(field)
    })
}

async fn read(state: &State, caller: &Caller, command: Result<Command, Refusal>) -> HttpResponse {
    match command {
        Ok(command) => answer::outcome(state.door.dispatch(&caller.0, Origin::default(), None, command).await),
        Err(refusal) => answer::refusal(refusal),
    }
}

/// `GET /v1/whoami`
pub async fn whoami(caller: Caller, state: web::Data<State>) -> HttpResponse {
    read(&state, &caller, Ok(Command::Whoami(Whoami {}))).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SessionsQuery {
    circle: Option<String>,
    #[serde(default)]
    include_closed: bool,
    state: Option<tieline_model::reply::SessionState>,
    label: Option<String>,
    #[serde(default)]
    pinned: bool,
    limit: Option<u32>,
    after: Option<String>,
}

/// `GET /v1/sessions`
pub async fn sessions(request: actix_web::HttpRequest, caller: Caller, state: web::Data<State>) -> HttpResponse {
    let command = query::<SessionsQuery>(request.query_string()).and_then(|query| {
        let after = query.after.map(|text| text.parse::<SessionId>()).transpose();
        let after = after.map_err(|error| Refusal::new(Code::BadInput, error.to_string()).at("after"))?;
        let SessionsQuery { circle, include_closed, state, label, pinned, limit, .. } = query;
        Ok(Command::SessionList(SessionList { circle, include_closed, state, label, pinned, limit, after }))
    });
    read(&state, &caller, command).await
}

/// `GET /v1/sessions/{session}`
pub async fn session(path: web::Path<String>, caller: Caller, state: web::Data<State>) -> HttpResponse {
    let command = address(&path, "session").map(|session| Command::SessionGet(SessionRef { session }));
    read(&state, &caller, command).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InboxQuery {
    lane: Option<Lane>,
    after: Option<u64>,
    limit: Option<u32>,
}

/// `GET /v1/sessions/{session}/inbox`
pub async fn inbox(
    request: actix_web::HttpRequest,
    path: web::Path<String>,
    caller: Caller,
    state: web::Data<State>,
) -> HttpResponse {
    let command = address(&path, "session").and_then(|session| {
        let InboxQuery { lane, after, limit } = query(request.query_string())?;
        Ok(Command::Inbox(Inbox { session: Some(session), lane, after, limit }))
    });
    read(&state, &caller, command).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TimelineQuery {
    after: Option<i64>,
    before: Option<i64>,
    limit: Option<u32>,
}

/// `GET /v1/sessions/{session}/events`
pub async fn timeline(
    request: actix_web::HttpRequest,
    path: web::Path<String>,
    caller: Caller,
    state: web::Data<State>,
) -> HttpResponse {
    let command = address(&path, "session").and_then(|session| {
        let TimelineQuery { after, before, limit } = query(request.query_string())?;
        Ok(Command::Timeline(Timeline { sessions: vec![session], after, before, limit }))
    });
    read(&state, &caller, command).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExportQuery {
    format: Option<String>,
}

/// `GET /v1/sessions/{session}/export`: streamed, however long it is. One that fails on the way lacks its end.
pub async fn export(
    request: actix_web::HttpRequest,
    path: web::Path<String>,
    caller: Caller,
    state: web::Data<State>,
) -> HttpResponse {
    let input = address(&path, "session").and_then(|session| {
        let format = query::<ExportQuery>(request.query_string())?.format;
        Ok((session, format.as_deref().map_or(Ok(Format::default()), str::parse)?))
    });
    let (session, format) = match input {
        Ok(input) => input,
        Err(refusal) => return answer::refusal(refusal),
    };
    let export = match Export::open(&state.door, &caller.0, session, format).await {
        Ok(export) => export,
        Err(failure) => return answer::failure(failure),
    };
    let stream = futures_util::stream::unfold(export, |mut export| async move {
        let piece = export
            .next()
            .await?
            .map(web::Bytes::from)
            .map_err(|failure| actix_web::error::ErrorInternalServerError(failure.into_message()));
        Some((piece, export))
    });
    let content_type = match format {
        Format::JsonLines => "application/x-ndjson",
        Format::Markdown => "text/markdown; charset=utf-8",
    };
    HttpResponse::Ok().content_type(content_type).insert_header(("Cache-Control", "no-store")).streaming(stream)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PeersQuery {
    session: Option<String>,
}

/// `GET /v1/peers`
pub async fn peers(request: actix_web::HttpRequest, caller: Caller, state: web::Data<State>) -> HttpResponse {
    let command = query::<PeersQuery>(request.query_string()).and_then(|query| {
        let session = query.session.map(|text| address(&text, "session")).transpose()?;
        Ok(Command::PeerList(PeerList { session }))
    });
    read(&state, &caller, command).await
}

/// `GET /v1/messages/{message}`
pub async fn message(path: web::Path<String>, caller: Caller, state: web::Data<State>) -> HttpResponse {
    let command = path
        .parse()
        .map(|message| Command::Trace(MessageRef { message }))
        .map_err(|error: tieline_model::ids::IdError| Refusal::new(Code::BadInput, error.to_string()).at("message"));
    read(&state, &caller, command).await
}

/// `GET /v1/tokens`
pub async fn tokens(caller: Caller, state: web::Data<State>) -> HttpResponse {
    read(&state, &caller, Ok(Command::TokenList(TokenList {}))).await
}

/// `GET /v1/plugins`
pub async fn plugins(caller: Caller, state: web::Data<State>) -> HttpResponse {
    read(&state, &caller, Ok(Command::PluginList(PluginList {}))).await
}

/// `GET /v1/plugins/{name}`
pub async fn plugin(path: web::Path<String>, caller: Caller, state: web::Data<State>) -> HttpResponse {
    read(&state, &caller, Ok(Command::PluginInfo(PluginRef { name: path.into_inner() }))).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogsQuery {
    limit: Option<u32>,
    after: Option<u64>,
}

/// `GET /v1/plugins/{name}/logs`
pub async fn plugin_logs(
    request: actix_web::HttpRequest,
    path: web::Path<String>,
    caller: Caller,
    state: web::Data<State>,
) -> HttpResponse {
    let command = query(request.query_string())
        .map(|LogsQuery { limit, after }| Command::PluginLogs(PluginLogs { name: path.into_inner(), limit, after }));
    read(&state, &caller, command).await
}

/// `GET /metrics`
pub async fn metrics(caller: Caller, state: web::Data<State>) -> HttpResponse {
    if !caller.0.may(tieline_model::Scope::TimelineRead) {
        return answer::refusal(Refusal::new(Code::Forbidden, "the scope `timeline:read` is needed"));
    }
    let mut gauges = tieline_engine::Engine::gauges(&state.door).to_vec();
    let waiting = state.mounts.as_ref().map_or(0, |mounts| mounts.waiting());
    gauges.push(("tieline_webhooks_waiting", "Webhook requests that wait for a transport.", waiting as u64));
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(state.door.shared().metrics.render(&gauges))
}

/// `GET /v1/observe`: only for those who may steer the daemon, because it crosses circles.
pub async fn observe(caller: Caller, state: web::Data<State>) -> HttpResponse {
    if !caller.0.may(tieline_model::Scope::PluginManage) {
        return answer::refusal(Refusal::new(Code::Forbidden, "the scope `plugin:manage` is needed"));
    }
    HttpResponse::Ok().json(state.observer.snapshot().await)
}

/// `GET /healthz`: constant, because it is open.
pub async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "status": "ok" }))
}

/// What no route has.
pub async fn not_found(request: actix_web::HttpRequest) -> HttpResponse {
    let shown: String = request.path().chars().filter(|c| !c.is_control()).take(100).collect();
    answer::refusal(Refusal::new(Code::UnknownPath, format!("nothing is at `{shown}`")))
}
