//! What the audience sees: each line with the evidence that the daemon has for it.

use std::time::{Duration, Instant};

use serde_json::json;
use tieline_model::{
    Command, DeliveryState, MessageId, Reply,
    command::MessageRef,
    reply::{Trace, TraceDelivery},
};

use super::cast::Player;
use crate::{client::Client, exit::Failed, output::Output, render};

/// The width of the longest name.
const WIDTH: usize = 11;

/// How long evidence may take to be recorded.
const PATIENCE: Duration = Duration::from_secs(3);

/// Prints the lines and checks the evidence.
pub struct Stage<'a> {
    out: &'a Output,
    /// Speaks for the person who watches.
    pub client: &'a Client,
}

impl<'a> Stage<'a> {
    /// Returns an empty stage.
    pub fn new(out: &'a Output, client: &'a Client) -> Self {
        Self { out, client }
    }

    /// Prints who sends what to whom.
    pub fn sends(&self, from: &str, to: &str, what: &str, text: &str) -> Result<(), Failed> {
        if self.out.json {
            return self.out.json(&json!({ "from": from, "to": to, "what": what, "text": text }));
        }
        let style = &self.out.style;
        let who = style.bold(&format!("{from:WIDTH$} → {to:WIDTH$}"));
        self.out.text(&format!("{who}  {what:11}  “{text}”"))
    }

    /// Prints what happens beside.
    pub fn happens(&self, text: &str) -> Result<(), Failed> {
        if self.out.json { self.out.json(&json!({ "happens": text })) } else { self.out.text(&format!("({text})")) }
    }

    /// Waits until a message has come as far as `state` with `to`, and shows the evidence.
    pub async fn shows(&self, message: MessageId, to: &Player, state: DeliveryState) -> Result<Trace, Failed> {
        let started = Instant::now();
        loop {
            let trace = self.trace(message).await?;
            let found = trace.deliveries.iter().find(|one| one.delivery.session == to.session);
            if let Some(one) = found
                && one.delivery.state == state
                && one.evidence.iter().any(|evidence| evidence.state == state)
            {
                self.evidence(&trace, one)?;
                return Ok(trace);
            }
            if started.elapsed() > PATIENCE {
                let state_now = found.map_or("nowhere", |one| one.delivery.state.as_str());
                return Err(Failed::No(format!(
                    "no evidence that {message} is {} with `{}`: it is {state_now}",
                    state.as_str(),
                    to.name
                )));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Says how it ended.
    pub fn end(&self, ms: i64, left: &str) -> Result<(), Failed> {
        if self.out.json {
            return self.out.json(&json!({ "ok": true, "ms": ms, "left": left }));
        }
        let good = self.out.style.good("every step left its evidence");
        self.out.text(&format!("{good}; {left}"))
    }

    async fn trace(&self, message: MessageId) -> Result<Trace, Failed> {
        match self.client.call(&Command::Trace(MessageRef { message })).await? {
            Reply::Trace(trace) => Ok(trace),
            _ => Err(Failed::No("the daemon gave a reply of another command".into())),
        }
    }

    fn evidence(&self, trace: &Trace, one: &TraceDelivery) -> Result<(), Failed> {
        if self.out.json {
            return self.out.json(&json!({ "message": trace.message.id, "delivery": one }));
        }
        let style = &self.out.style;
        let states: Vec<String> = one
            .evidence
            .iter()
            .map(|evidence| {
                let after = evidence.at_ms.0 - trace.message.sent_at_ms.0;
                let state = style.paint(render::paint(evidence.state), evidence.state.as_str());
                if after == 0 { state } else { format!("{state} +{}", render::span(after)) }
            })
            .collect();
        let to = style.dim(&format!("{} to {}:", trace.message.kind.as_str(), one.delivery.title));
        let why = match (one.delivery.state, one.evidence.last()) {
            (DeliveryState::Accepted, _) => "it waits in the inbox".to_owned(),
            (_, Some(last)) => render::line(&last.what),
            (_, None) => String::new(),
        };
        self.out.text(&format!("    {to} {}  {}", states.join(", "), style.dim(&why)))
    }
}
