//! The thread that wakes: a request is carried out while its program rests, and confirmed when a turn has begun.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tieline_plugin_sdk::prelude::*;
use tieline_transport_doors::{Sent, Shut, Wake, open};
use tieline_transport_home::{Delivery, Home, Input, explain};

use crate::carried::Carried;

/// How often the link and the programs are looked at.
const POLL: Duration = Duration::from_millis(200);

/// A request with its place in the inbox.
#[derive(Debug)]
struct Job {
    lane: String,
    seq: u64,
    wake: Wake,
    since: Instant,
    /// The number under which the state of its session was asked for.
    asked: Option<u64>,
    /// When to ask for it.
    look_at: Instant,
    /// The line, and since when the program was at rest when it went through.
    sent: Option<(Sent, i64)>,
}

/// What becomes of a request next.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// The program is looked at again.
    Wait,
    /// A turn began.
    Done,
    /// It is of no use.
    Refuse(String),
}

/// The thread's own state.
pub struct Worker {
    begin: Duration,
    home: Home,
    jobs: Vec<Job>,
}

impl Worker {
    /// Makes it; a program has `begin` until its turn begins.
    pub fn new(host: Host, begin: Duration) -> Self {
        Self { begin, home: Home::new(host), jobs: Vec::new() }
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
                Ok(Input::Stop) | Err(RecvTimeoutError::Disconnected) => return self.drop_all(),
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
                Ok(Delivery { lane, seq, message }) => match message.wake {
                    Some(wake) => {
                        let now = Instant::now();
                        self.jobs.push(Job { lane, seq, wake, since: now, asked: None, look_at: now, sent: None });
                    }
                    None => self.home.rejected(&lane, seq, "this transport wakes programs, and takes nothing else"),
                },
                Err(error) => self.home.leave(&format!("a delivery is not read: {error}")),
            },
            Kind::LinkDown => {
                // They come again over the next link, unless they are too old by then.
                self.drop_all();
                self.home.leave("the daemon has ended the link");
            }
            _ => {}
        }
    }

    /// Nothing that nobody waits for any more is left behind in a queue.
    fn drop_all(&mut self) {
        for (sent, _) in self.jobs.drain(..).filter_map(|job| job.sent) {
            let outcome = sent.take_back();
            tracing::debug!(outcome, "a request was dropped");
        }
    }

    /// Asks what the programs are at now: one may have begun a turn since, or ask for a permission.
    fn ask(&mut self) {
        for job in &mut self.jobs {
            if job.asked.is_none() && Instant::now() >= job.look_at {
                job.asked = Some(self.home.command(&json!({"session_get": {"session": job.wake.session}})));
            }
        }
    }

    fn answered(&mut self, corr: u64, outcome: &Value) {
        let Some(at) = self.jobs.iter().position(|job| job.asked == Some(corr)) else { return };
        let mut job = self.jobs.swap_remove(at);
        match next(&mut job, outcome, self.begin) {
            Next::Wait => {
                (job.asked, job.look_at) = (None, Instant::now() + POLL);
                self.jobs.push(job);
            }
            Next::Done => self.home.delivered(&job.lane, job.seq),
            Next::Refuse(reason) => self.home.rejected(&job.lane, job.seq, &reason),
        }
    }
}

fn next(job: &mut Job, outcome: &Value, begin: Duration) -> Next {
    let runtime = &outcome["ok"]["session"]["runtime"];
    let Some(presence) = runtime["presence"].as_str() else {
        return Next::Refuse(format!("what it is at is not known: {}", explain(outcome)));
    };
    let rests_since =
        matches!(presence, "idle" | "waiting_for_peer").then(|| runtime["since_ms"].as_i64().unwrap_or(0));
    let is_late = job.since.elapsed() >= begin;
    match (job.sent.take(), rests_since) {
        (None, None) => Next::Refuse(format!("it is {} now", presence.replace('_', " "))),
        (None, Some(since)) => match open(&job.wake, job.seq) {
            Ok(sent) => {
                job.sent = Some((sent, since));
                Next::Wait
            }
            Err(Shut::Busy(_)) if !is_late => Next::Wait,
            Err(Shut::Busy(reason) | Shut::No(reason)) => Next::Refuse(reason),
        },
        // One that rests again has had its turn.
        (Some((_, before)), since) if since != Some(before) => Next::Done,
        (Some((sent, _)), _) if is_late => Next::Refuse(sent.take_back()),
        (sent, _) => {
            job.sent = sent;
            Next::Wait
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(sent: Option<(Sent, i64)>) -> Job {
        let wake = Wake {
            session: "ses_1".into(),
            agent: "gemini".into(),
            native: "n".into(),
            process: None,
            home: None,
            prompt: "[tieline] mail".into(),
        };
        let now = Instant::now();
        Job { lane: "ctl".into(), seq: 1, wake, since: now, asked: None, look_at: now, sent }
    }

    fn at(presence: &str, since: i64) -> Value {
        json!({"ok": {"session": {"runtime": {"presence": presence, "since_ms": since}}}})
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_program_that_asks_for_a_permission_or_works_is_left_alone() {
        for presence in ["waiting_for_permission", "working", "offline"] {
            let wanted = format!("it is {} now", presence.replace('_', " "));
            assert_eq!(next(&mut job(None), &at(presence, 1), LONG), Next::Refuse(wanted));
        }
        let unknown = next(&mut job(None), &json!({"refusal": {"message": "no such session"}}), LONG);
        assert_eq!(unknown, Next::Refuse("what it is at is not known: no such session".into()));
    }

    #[test]
    fn a_request_is_confirmed_when_a_turn_has_begun_also_when_it_has_ended_meanwhile() {
        let mut sent = job(Some((Sent::Inbox, 1)));
        assert_eq!(next(&mut sent, &at("idle", 1), LONG), Next::Wait);
        assert!(sent.sent.is_some());
        assert_eq!(next(&mut sent, &at("working", 2), LONG), Next::Done);
        assert_eq!(next(&mut job(Some((Sent::Inbox, 1))), &at("idle", 3), LONG), Next::Done);
    }

    #[test]
    fn without_a_turn_it_is_refused_when_the_time_is_over() {
        let Next::Refuse(reason) = next(&mut job(Some((Sent::Inbox, 1))), &at("idle", 1), Duration::ZERO) else {
            panic!("the time is over")
        };
        assert!(reason.contains("crossSessionInbound"), "{reason}");
    }
}
