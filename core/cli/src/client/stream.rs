//! The stream of what happens, kept alive across lost connections.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{Method, body::Incoming, header};
use tieline_model::{Event, event::Gap, outcome::OutcomeJson};

use super::{Client, Lost};
use crate::{
    exit::Failed,
    sse::{Frame, Parser},
};

const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// What comes out of the stream.
#[derive(Debug)]
pub enum Item {
    /// The connection stands, for the first time or again.
    Connected,
    /// The connection was lost; the next item comes when it stands again.
    Lost(String),
    /// Something happened.
    Event {
        /// The event as it was written.
        json: String,
        /// The event, unless it is of a kind that this program does not know.
        event: Option<Box<Event>>,
    },
    /// Something had happened, and was removed before it could be read.
    Gap {
        /// The gap as it was written.
        json: String,
        /// The gap.
        gap: Gap,
    },
}

#[derive(serde::Deserialize)]
struct Told {
    gap: Gap,
}

/// An open stream. It resumes without gaps after the last event that it gave out.
pub struct EventStream {
    client: Client,
    path: String,
    last: Option<String>,
    body: Option<Incoming>,
    parser: Parser,
    ready: VecDeque<Frame>,
    is_announced: bool,
    tries: u32,
}

impl EventStream {
    pub(super) async fn open(client: Client, sessions: &[String], after: Option<u64>) -> Result<Self, Failed> {
        let query: Vec<String> = sessions.iter().map(|session| format!("session={}", percent(session))).collect();
        let path = format!("/v1/events?{}", query.join("&")).trim_end_matches('?').to_owned();
        let last = after.map(|cursor| cursor.to_string());
        let mut stream = Self {
            client,
            path,
            last,
            body: None,
            parser: Parser::default(),
            ready: VecDeque::new(),
            is_announced: false,
            tries: 0,
        };
        stream.connect().await?;
        Ok(stream)
    }

    /// Waits for the next item. An error is one that trying again does not mend.
    pub async fn next(&mut self) -> Result<Item, Failed> {
        loop {
            if self.body.is_some() && !std::mem::replace(&mut self.is_announced, true) {
                return Ok(Item::Connected);
            }
            if let Some(frame) = self.ready.pop_front() {
                if let Some(id) = frame.id {
                    self.last = Some(id);
                }
                if frame.event == "gap"
                    && let Ok(Told { gap }) = serde_json::from_str(&frame.data)
                {
                    return Ok(Item::Gap { json: frame.data, gap });
                }
                let event = serde_json::from_str(&frame.data).ok();
                return Ok(Item::Event { json: frame.data, event });
            }
            let Some(body) = &mut self.body else {
                self.reconnect().await?;
                continue;
            };
            match body.frame().await {
                Some(Ok(frame)) => {
                    self.tries = 0;
                    self.ready.extend(self.parser.push(frame.data_ref().map_or(&[], Bytes::as_ref)));
                }
                Some(Err(error)) => return Ok(self.lose(error.to_string())),
                None => return Ok(self.lose("the daemon ended the stream".into())),
            }
        }
    }

    fn lose(&mut self, why: String) -> Item {
        self.body = None;
        self.is_announced = false;
        Item::Lost(why)
    }

    async fn reconnect(&mut self) -> Result<(), Failed> {
        loop {
            let wait = Duration::from_millis(100 << self.tries.min(10)).min(LONGEST_WAIT);
            self.tries += 1;
            tokio::time::sleep(wait).await;
            match self.connect().await {
                Err(Failed::Unreachable { .. }) => {}
                Err(Failed::Refused(refusal)) if refusal.code.http_status() == 503 => {}
                done => return done,
            }
        }
    }

    async fn connect(&mut self) -> Result<(), Failed> {
        let response = async {
            let mut request = self.client.request(Method::GET, &self.path, Bytes::new())?;
            let headers = request.headers_mut();
            headers.insert(header::ACCEPT, header::HeaderValue::from_static("text/event-stream"));
            if let Some(Ok(last)) = self.last.as_ref().map(|last| last.parse()) {
                headers.insert("last-event-id", last);
            }
            self.client.send(request).await
        };
        let response = response.await.map_err(|lost| self.client.failed(lost))?;
        let status = response.status();
        if status.is_success() {
            self.body = Some(response.into_body());
            self.parser = Parser::default();
            return Ok(());
        }
        let body = response.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        Err(match serde_json::from_slice(&body) {
            Ok(OutcomeJson::Refusal(refusal)) => Failed::Refused(refusal),
            Ok(OutcomeJson::Fault(fault)) => Failed::Fault(fault),
            _ => self.client.failed(Lost::Strange(format!("status {} for {}", status.as_u16(), self.path))),
        })
    }
}

/// Escapes what a query may not hold.
pub fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_survives_a_query() {
        assert_eq!(percent("ops/@critic"), "ops%2F%40critic");
        assert_eq!(percent("größe 2"), "gr%C3%B6%C3%9Fe%202");
    }
}
