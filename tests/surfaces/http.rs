//! `POST /v1/commands`, over TCP or the Unix socket.

use serde_json::Value;
use tieline_model::{Code, outcome::FAULT};
use tieline_tests::http::{Place, Request};

use crate::{Surface, cast::Cast};

/// HTTP at one place.
pub struct Http<'a> {
    cast: &'a Cast,
    place: Place,
}

impl<'a> Http<'a> {
    pub fn new(cast: &'a Cast, place: Place) -> Self {
        Self { cast, place }
    }
}

impl Surface for Http<'_> {
    fn lacks(&self) -> &[&'static str] {
        &[]
    }

    async fn say(&mut self, who: &'static str, command: &Value) -> Value {
        let answer = Request::command(command).token(&self.cast.token(who)).send(&self.place).await;
        let outcome = answer.json();
        assert_eq!(answer.status, status_of(&outcome), "status of {outcome}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        outcome
    }
}

/// Returns the refusal's code, if it is one.
pub fn code_of(outcome: &Value) -> Option<Code> {
    outcome.get("refusal").map(|refusal| serde_json::from_value(refusal["code"].clone()).unwrap())
}

fn status_of(outcome: &Value) -> u16 {
    match code_of(outcome) {
        Some(code) => code.http_status(),
        None if outcome.get("fault").is_some() => FAULT.0,
        None => 200,
    }
}
