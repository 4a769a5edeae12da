//! `POST /v1/commands`: any command.

use actix_web::{HttpRequest, HttpResponse, web};
use tieline_model::{Code, Command, Failure, Refusal, command::Origin, parse};

use crate::{answer, limits, security::Caller, serve::State};

/// The header that makes a repeat harmless.
pub const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// Reads one command, carries it out, answers its outcome.
pub async fn post(
    request: HttpRequest,
    payload: web::Payload,
    caller: Caller,
    state: web::Data<State>,
) -> HttpResponse {
    let body = match limits::json_body(&request, payload, state.max_body_bytes).await {
        Ok(body) => body,
        Err(refusal) => return answer::refusal(refusal),
    };
    let command: Command = match parse::from_json(&body) {
        Ok(command) => command,
        Err(refusal) => return answer::refusal(refusal),
    };
    let key = match request.headers().get(IDEMPOTENCY_KEY).map(|key| key.to_str()) {
        None => None,
        Some(Ok(key)) => Some(key.to_owned()),
        Some(Err(_)) => {
            let refusal = Refusal::new(Code::BadInput, "the key is not visible ASCII").at(IDEMPOTENCY_KEY);
            return answer::refusal(refusal);
        }
    };
    let outcome = state.door.dispatch(&caller.0, Origin::default(), key, command).await;
    answer::outcome(outcome.map_err(in_header))
}

/// Names the key as it was sent: in a header.
fn in_header(mut failure: Failure) -> Failure {
    if let Failure::Refusal(refusal) = &mut failure
        && refusal.field.as_deref() == Some("key")
    {
        refusal.field = Some(IDEMPOTENCY_KEY.to_owned());
    }
    failure
}
