//! Renders outcomes: the same JSON for every route, the status from the code table.

use actix_web::{HttpResponse, http::StatusCode, http::header};
use tieline_model::{
    Failure, Outcome, Refusal,
    outcome::{FAULT, OutcomeJson},
};

/// Renders an outcome.
pub fn outcome(outcome: Outcome) -> HttpResponse {
    let (status, retry_after) = match &outcome {
        Ok(_) => (200, None),
        Err(Failure::Refusal(refusal)) => (refusal.code.http_status(), refusal.retry_after_ms),
        Err(Failure::Fault(_)) => (FAULT.0, None),
    };
    let mut response = HttpResponse::build(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    if let Some(ms) = retry_after {
        response.insert_header((header::RETRY_AFTER, ms.div_ceil(1000).max(1)));
    }
    response.json(OutcomeJson::from(outcome))
}

/// Renders a refusal.
pub fn refusal(refusal: Refusal) -> HttpResponse {
    outcome(Err(refusal.into()))
}

/// Renders a failure.
pub fn failure(failure: Failure) -> HttpResponse {
    outcome(Err(failure))
}
