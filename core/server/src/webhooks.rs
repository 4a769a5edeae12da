//! HTTP requests on paths that transports have mounted: read, handed over, and answered with what comes back.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web,
};
use tieline_engine::port::{NotTaken, WebhookCall, Webhooked};
use tieline_model::{Code, Refusal};

use crate::{answer, security::Caller, serve::State};

/// What authenticates is the server's business: a plugin never sees it.
const WITHHELD: [header::HeaderName; 4] =
    [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION, header::SEC_WEBSOCKET_PROTOCOL];

/// A page of a plugin comes from the daemon's own origin: it may run nothing there.
const POLICY: &str = "default-src 'none'; sandbox; frame-ancestors 'none'";

/// Tells whether a running transport has mounted the path.
pub fn has_path(state: &State, path: &str) -> bool {
    state.mounts.as_ref().is_some_and(|mounts| mounts.has_webhook(path))
}

/// Any method on a path that a transport has mounted.
pub async fn call(
    request: HttpRequest,
    payload: web::Payload,
    caller: Caller,
    state: web::Data<State>,
) -> HttpResponse {
    match hand_over(&request, payload, caller, &state).await {
        Ok(Webhooked::Answered { status, content_type, body }) => answered(status, &content_type, body),
        Ok(Webhooked::Nonsense(what)) => {
            tracing::warn!(path = request.path(), what, "a transport gave no good answer to a webhook request");
            failed(Code::TransportError, "the transport gave an answer that cannot be passed on")
        }
        Ok(Webhooked::Lost) => failed(Code::TransportGone, "the transport was stopped before it answered"),
        Err(refusal) => answer::refusal(refusal),
    }
}

async fn hand_over(
    request: &HttpRequest,
    payload: web::Payload,
    caller: Caller,
    state: &State,
) -> Result<Webhooked, Refusal> {
    state.door.admit(&caller.0)?;
    let limit = state.max_body_bytes;
    let body = match payload.to_bytes_limited(limit).await {
        Ok(Ok(body)) => body,
        Ok(Err(error)) => return Err(Refusal::new(Code::BadInput, format!("the body could not be read: {error}"))),
        Err(_) => return Err(Refusal::new(Code::TooLarge, format!("the body has more than {limit} bytes"))),
    };
    let gone = || Refusal::new(Code::TransportGone, "the transport is not running").retry_after(1000);
    let mounts = state.mounts.as_ref().ok_or_else(gone)?;
    let call = WebhookCall {
        method: request.method().to_string(),
        path: request.path().to_owned(),
        query: request.query_string().to_owned(),
        headers: headers(request),
        principal: caller.0,
        body,
    };
    let mut wait = mounts.call(call).map_err(|why| match why {
        NotTaken::Nobody => gone(),
        NotTaken::Busy => Refusal::new(Code::Busy, "too many requests wait for this transport").retry_after(1000),
    })?;
    let patience = Duration::from_millis(state.webhook_ms);
    tokio::time::timeout(patience, wait.end()).await.map_err(|_| {
        Refusal::new(Code::TransportTimeout, format!("the transport has not answered within {} ms", state.webhook_ms))
    })
}

fn headers(request: &HttpRequest) -> Vec<(String, String)> {
    let passed = request.headers().iter().filter(|(name, _)| !WITHHELD.contains(name));
    passed.map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())).collect()
}

fn answered(status: u16, content_type: &str, body: web::Bytes) -> HttpResponse {
    // The host lets no other status pass.
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut response = HttpResponse::build(status);
    response.insert_header((header::CONTENT_SECURITY_POLICY, POLICY));
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    if matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED) {
        return response.finish();
    }
    response.content_type(content_type).body(body)
}

fn failed(code: Code, what: &str) -> HttpResponse {
    answer::refusal(Refusal::new(code, what))
}
