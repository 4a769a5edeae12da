//! What every request has to pass: a known Host, a known Origin if any, and a good token.
//!
//! There is no anonymous mode and no trust in loopback: a web page in a browser on this machine can reach it too.

use std::{net::SocketAddr, sync::Arc};

use actix_web::{
    Error, HttpMessage, HttpRequest, HttpResponse,
    body::{BoxBody, EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{StatusCode, header},
    middleware::Next,
    web,
};
use tieline_model::{Code, Principal, Refusal};

use crate::{answer, serve::State};

/// The sub-protocol that carries a token, for clients that cannot set headers.
const TOKEN_PROTOCOL: &str = "tieline.bearer.";
/// The one open route.
const OPEN: &str = "/healthz";

/// The other end of a connection over the Unix socket, as the kernel knows it.
#[derive(Debug, Clone, Copy)]
pub struct PeerUser(pub u32);

/// Names under which this daemon may be addressed.
#[derive(Debug, Clone)]
pub struct Names {
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl Names {
    /// The names of a listener at `address`, and those that the configuration adds.
    pub fn new(address: SocketAddr, hosts: &[String], origins: &[String]) -> Self {
        let port = address.port();
        let own = ["127.0.0.1".to_owned(), "localhost".to_owned(), "[::1]".to_owned()];
        let mut all: Vec<String> = own.iter().map(|host| format!("{host}:{port}")).collect();
        let mut from: Vec<String> = all.iter().map(|host| format!("http://{host}")).collect();
        all.extend(hosts.iter().map(|host| host.to_lowercase()));
        from.extend(origins.iter().map(|origin| origin.to_lowercase()));
        Self { hosts: all, origins: from }
    }

    fn has_host(&self, host: &str, is_unix: bool) -> bool {
        let host = host.to_lowercase();
        (is_unix && matches!(host.as_str(), "localhost" | "")) || self.hosts.contains(&host)
    }

    fn has_origin(&self, origin: &str) -> bool {
        self.origins.contains(&origin.to_lowercase())
    }
}

/// The middleware round all routes.
pub async fn guard<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    match check(request.request()) {
        Ok(Some(principal)) => {
            request.extensions_mut().insert(principal);
            Ok(next.call(request).await?.map_into_left_body())
        }
        Ok(None) => Ok(next.call(request).await?.map_into_left_body()),
        Err(response) => Ok(request.into_response(*response).map_into_right_body()),
    }
}

fn check(request: &HttpRequest) -> Result<Option<Arc<Principal>>, Box<HttpResponse>> {
    let Some(state) = request.app_data::<web::Data<State>>() else {
        return Err(Box::new(HttpResponse::InternalServerError().finish()));
    };
    let user = request.conn_data::<PeerUser>().copied();
    if user.is_some_and(|PeerUser(uid)| uid != state.user) {
        return Err(refuse(403, Refusal::new(Code::Forbidden, "the socket is for the daemon's own user")));
    }
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if !state.names.has_host(host, user.is_some()) {
        let shown: String = host.chars().filter(|c| !c.is_control()).take(100).collect();
        let message = format!("the host `{shown}` is not one of this daemon's; see `server.allowed_hosts`");
        return Err(refuse(421, Refusal::new(Code::Forbidden, message)));
    }
    if let Some(origin) = request.headers().get(header::ORIGIN) {
        let origin = origin.to_str().unwrap_or("null");
        if !state.names.has_origin(origin) {
            let shown: String = origin.chars().filter(|c| !c.is_control()).take(100).collect();
            let message = format!("the origin `{shown}` is not allowed; see `server.allowed_origins`");
            return Err(refuse(403, Refusal::new(Code::Forbidden, message)));
        }
    }
    if request.path() == OPEN {
        return Ok(None);
    }
    match secret(request).and_then(|secret| state.door.authenticate(secret)) {
        Some(principal) => Ok(Some(principal)),
        None => {
            let message = "a good token is needed, as `Authorization: Bearer …`; the daemon keeps the first ones in \
                           `data/tokens` of its home";
            Err(refuse(401, Refusal::new(Code::Unauthenticated, message)))
        }
    }
}

fn refuse(status: u16, refusal: Refusal) -> Box<HttpResponse> {
    let mut response = answer::refusal(refusal);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::FORBIDDEN);
    if status == 401 {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
    }
    Box::new(response)
}

fn secret(request: &HttpRequest) -> Option<&str> {
    let headers = request.headers();
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let (scheme, secret) = value.to_str().ok()?.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then_some(secret.trim());
    }
    headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|protocol| protocol.trim().strip_prefix(TOKEN_PROTOCOL))
}

/// The caller of a request that has passed the guard.
#[derive(Debug, Clone)]
pub struct Caller(pub Arc<Principal>);

impl actix_web::FromRequest for Caller {
    type Error = Error;
    type Future = std::future::Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut actix_web::dev::Payload) -> Self::Future {
        let principal = request.extensions().get::<Arc<Principal>>().cloned();
        // Without the guard there is no principal: fail closed.
        let caller = principal.map(Caller).ok_or_else(|| {
            let refusal = Refusal::new(Code::Unauthenticated, "the route was reached without a token");
            actix_web::error::InternalError::from_response("unauthenticated", answer::refusal(refusal)).into()
        });
        std::future::ready(caller)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_names_and_configured_ones_pass() {
        let names = Names::new(([127, 0, 0, 1], 8435).into(), &["box.lan:8435".into()], &["https://ui.example".into()]);
        for host in ["127.0.0.1:8435", "LOCALHOST:8435", "[::1]:8435", "box.lan:8435"] {
            assert!(names.has_host(host, false), "{host}");
        }
        for host in ["127.0.0.1", "evil.example:8435", "127.0.0.1:80", "", "localhost"] {
            assert!(!names.has_host(host, false), "{host}");
        }
        assert!(names.has_host("localhost", true));
        assert!(names.has_origin("http://localhost:8435") && names.has_origin("https://ui.example"));
        for origin in ["null", "https://localhost:8435", "http://evil.example", ""] {
            assert!(!names.has_origin(origin), "{origin}");
        }
    }
}
