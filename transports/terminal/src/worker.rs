//! The thread that types: one request at a time, each looked at again right before.

use std::{
    collections::VecDeque,
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::Duration,
};

use serde_json::{Value, json};
use tieline_plugin_sdk::prelude::*;
use tieline_transport_home::{Delivery, Home, Input, explain};

use crate::{
    TerminalSettings,
    order::Order,
    starting,
    tmux::Tmux,
    typing,
    wake::{Carried, Wake},
};

/// How often the link is looked at.
const POLL: Duration = Duration::from_millis(200);

/// A request with its place in the inbox.
struct Job {
    lane: String,
    seq: u64,
    wake: Wake,
    /// The number under which the state of its session was asked for.
    asked: Option<u64>,
}

/// The thread's own state.
pub struct Worker {
    settings: TerminalSettings,
    home: Home,
    jobs: VecDeque<Job>,
}

impl Worker {
    /// Makes it.
    pub fn new(host: Host, settings: TerminalSettings) -> Self {
        Self { settings, home: Home::new(host), jobs: VecDeque::new() }
    }

    /// Runs until it is told to end.
    pub fn run(mut self, inputs: &Receiver<Input>) {
        loop {
            self.home.look();
            match inputs.recv_timeout(POLL) {
                Ok(Input::Message { kind, link, corr, payload, done }) => {
                    if !self.home.is_of(link) {
                        done.closed();
                        continue;
                    }
                    self.take(kind, corr, &payload);
                    done.ok();
                    self.home.has_room();
                }
                Ok(Input::Resumed) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Input::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
            self.ask();
        }
    }

    fn take(&mut self, kind: Kind, corr: u64, payload: &[u8]) {
        let parsed: Value = serde_json::from_slice(payload).unwrap_or_default();
        match kind {
            Kind::Outcome if self.home.outcome(corr, &parsed) => {}
            Kind::Outcome => self.answered(corr, &parsed),
            Kind::Delivery => match serde_json::from_value::<Delivery<Carried>>(parsed) {
                Ok(Delivery { lane, seq, message }) => match (message.wake, message.order) {
                    (Some(wake), _) => self.jobs.push_back(Job { lane, seq, wake, asked: None }),
                    (None, Some(order)) => self.carry_out(&lane, seq, &order),
                    (None, None) => {
                        self.home.rejected(
                            &lane,
                            seq,
                            "this transport wakes, starts and ends programs, and takes nothing else",
                        );
                    }
                },
                Err(error) => self.home.leave(&format!("a delivery is not read: {error}")),
            },
            Kind::LinkDown => {
                // They come again over the next link, unless they are too old by then.
                self.jobs.clear();
                self.home.leave("the daemon has ended the link");
            }
            _ => {}
        }
    }

    fn carry_out(&mut self, lane: &str, seq: u64, order: &Order) {
        let tmux = &self.settings.tmux;
        let done = match order {
            Order::Start(order) => starting::start(tmux, &self.settings.server, order),
            Order::End(order) => starting::end(tmux, order),
        };
        match done {
            Ok(()) => self.home.delivered(lane, seq),
            Err(reason) => self.home.rejected(lane, seq, &reason),
        }
    }

    /// Asks what the program of the next request is at now: it may have begun a turn since, or ask for a permission.
    fn ask(&mut self) {
        if let Some(job) = self.jobs.front_mut().filter(|job| job.asked.is_none()) {
            job.asked = Some(self.home.command(&json!({"session_get": {"session": job.wake.session}})));
        }
    }

    fn answered(&mut self, corr: u64, outcome: &Value) {
        if self.jobs.front().is_none_or(|job| job.asked != Some(corr)) {
            return;
        }
        let Some(Job { lane, seq, wake, .. }) = self.jobs.pop_front() else { return };
        let presence = &outcome["ok"]["session"]["runtime"]["presence"];
        let typed = match presence.as_str() {
            Some("idle" | "waiting_for_peer") => self.type_at(&wake),
            Some(other) => Err(format!("it is {} now", other.replace('_', " "))),
            None => Err(format!("what it is at is not known: {}", explain(outcome))),
        };
        match typed {
            Ok(()) => self.home.delivered(&lane, seq),
            Err(reason) => self.home.rejected(&lane, seq, &reason),
        }
    }

    fn type_at(&self, wake: &Wake) -> Result<(), String> {
        let pane = wake.pane.as_ref().ok_or("it is not in a pane of tmux")?;
        let process = wake.process.ok_or("its process is not known")?;
        let tmux = Tmux::new(&self.settings.tmux, pane);
        typing::prompt(&tmux, process, &wake.prompt, Duration::from_millis(self.settings.show_ms))
    }
}
