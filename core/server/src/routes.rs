//! All routes, as one table: the server mounts it, OpenAPI describes it, a test walks it without a token.

use actix_web::{
    Error, HttpRequest, HttpResponse,
    web::{self, ServiceConfig},
};

use crate::{commands, events, mcp, openapi, resources, security::Caller, serve::State, sockets, webhooks};

/// One route.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// The HTTP method.
    pub method: &'static str,
    /// The path, with `{names}`.
    pub path: &'static str,
    /// Its query parameters.
    pub query: &'static [&'static str],
    /// What it is for.
    pub summary: &'static str,
}

const fn get(path: &'static str, query: &'static [&'static str], summary: &'static str) -> Route {
    Route { method: "GET", path, query, summary }
}

/// The routes of this server; those of transports (`/ws`, webhooks) come from their manifests.
pub const ROUTES: &[Route] = &[
    Route { method: "POST", path: "/v1/commands", query: &[], summary: "Carry out any command." },
    get("/v1/whoami", &[], "Who the caller is."),
    get("/v1/sessions", &["circle", "include_closed", "limit", "after"], "List sessions in reach."),
    get("/v1/sessions/{session}", &[], "Show one session."),
    get("/v1/sessions/{session}/inbox", &["lane", "after", "limit"], "Read what waits; changes nothing."),
    get("/v1/sessions/{session}/events", &["after", "before", "limit"], "Read a session's timeline."),
    get("/v1/sessions/{session}/export", &["format"], "Write a session's timeline down as JSON Lines or Markdown."),
    get("/v1/peers", &["session"], "List the peers that are attached now."),
    get("/v1/messages/{message}", &[], "Tell where a message went."),
    get("/v1/tokens", &[], "List the tokens, without secrets."),
    get("/v1/plugins", &[], "List the transports with their states."),
    get("/v1/plugins/{name}", &[], "Show one transport."),
    get("/v1/plugins/{name}/logs", &["limit", "after"], "Read what a transport has logged."),
    get("/v1/events", &["session", "after"], "Follow events; `Last-Event-ID` resumes without gaps."),
    get("/v1/live", &["session", "after"], "The same over a WebSocket."),
    get("/v1/openapi.json", &[], "This document."),
    Route { method: "POST", path: "/mcp", query: &[], summary: "MCP over Streamable HTTP." },
    get("/v1/observe", &[], "What the daemon's actors hold now. Humans only."),
    get("/metrics", &[], "Counters for Prometheus."),
    get("/healthz", &[], "Whether the daemon is ready. The one open route."),
];

/// The beginnings of the paths that are the server's own, such as `/v1`: no transport may mount what lies below.
pub fn reserved_paths() -> Vec<String> {
    let first = |path: &str| path.split('/').nth(1).map(|segment| format!("/{segment}"));
    let mut all: Vec<String> = ROUTES.iter().filter_map(|route| first(route.path)).collect();
    all.sort();
    all.dedup();
    all
}

/// Mounts them.
pub fn mount(config: &mut ServiceConfig, state: &web::Data<State>) {
    config
        .app_data(state.clone())
        .route("/v1/commands", web::post().to(commands::post))
        .route("/v1/whoami", web::get().to(resources::whoami))
        .route("/v1/sessions", web::get().to(resources::sessions))
        .route("/v1/sessions/{session}/inbox", web::get().to(resources::inbox))
        .route("/v1/sessions/{session}/events", web::get().to(resources::timeline))
        .route("/v1/sessions/{session}", web::get().to(resources::session))
        .route("/v1/sessions/{session}/export", web::get().to(resources::export))
        .route("/v1/peers", web::get().to(resources::peers))
        .route("/v1/messages/{message}", web::get().to(resources::message))
        .route("/v1/tokens", web::get().to(resources::tokens))
        .route("/v1/plugins", web::get().to(resources::plugins))
        .route("/v1/plugins/{name}/logs", web::get().to(resources::plugin_logs))
        .route("/v1/plugins/{name}", web::get().to(resources::plugin))
        .route("/v1/events", web::get().to(events::sse))
        .route("/v1/live", web::get().to(events::live))
        .route("/v1/openapi.json", web::get().to(openapi::get))
        .route("/v1/observe", web::get().to(resources::observe))
        .route("/metrics", web::get().to(resources::metrics))
        .route("/healthz", web::get().to(resources::healthz))
        .service(mcp::service(&state.door, state.max_body_bytes).scope_with_path("/mcp"))
        .default_service(web::route().to(mounted));
}

/// What a transport has mounted at any other path, or nothing.
async fn mounted(
    request: HttpRequest,
    payload: web::Payload,
    caller: Caller,
    state: web::Data<State>,
) -> Result<HttpResponse, Error> {
    if webhooks::has_path(&state, request.path()) {
        return Ok(webhooks::call(request, payload, caller, state).await);
    }
    sockets::upgrade(request, payload, caller, state).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reserved_are_first_segments() {
        assert_eq!(reserved_paths(), ["/healthz", "/mcp", "/metrics", "/v1"]);
    }
}
