//! What the runner promises, beside a host that remembers.

use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

use tokio::sync::Semaphore;

use super::*;
use crate::{
    Config, Kind, Message,
    abi::{self, PluginDecl},
    conformance::{
        Options,
        mock::Seen,
        run::{Hook, Instance, Subject},
    },
    declaration,
};

const LIMIT: Duration = Duration::from_secs(20);

/// Does what the payload says.
struct Obedient {
    host: AsyncHost,
    gate: Semaphore,
    order: RefCell<Vec<u64>>,
}

impl AsyncTransport for Obedient {
    const MANIFEST: Manifest = Manifest::new("obedient", "1.0.0").webhooks(&["/hooks/obedient"]);
    type Config = Config;

    async fn start(host: AsyncHost, config: Config) -> Result<Self, Error> {
        match config["start"].as_str() {
            Some("error") => Err(Error::new("not today")),
            Some("panic") => panic!("no start today"),
            _ => Ok(Obedient { host, gate: Semaphore::new(0), order: RefCell::default() }),
        }
    }

    async fn deliver(&self, message: OwnedMessage, done: Completion) {
        self.order.borrow_mut().push(message.corr);
        match message.text() {
            // Goes through as often as it was opened.
            Some("\"gate\"") => self.gate.acquire().await.unwrap().forget(),
            Some("\"open\"") => self.gate.add_permits(1),
            Some("\"panic\"") => panic!("no delivery today"),
            Some("\"never\"") => std::future::pending().await,
            Some("\"order\"") => {
                let order = serde_json::json!(*self.order.borrow()).to_string();
                assert!(self.host.send(Message::new(Kind::Command, 0, 0, order.as_bytes())).await);
            }
            _ => {}
        }
        done.ok();
    }

    async fn timer(&self, _timer: TimerId) {
        self.gate.add_permits(1);
    }

    async fn webhook(&self, _request: OwnedWebhook, reply: WebhookReply) {
        // Answered when somebody opens, also when another request waits before it.
        self.gate.acquire().await.unwrap().forget();
        let kept = self.host.waiting(|host| host.kv_put("last", b"x")).await;
        reply.text(if kept.is_ok() { 200 } else { 500 }, "done").unwrap();
    }

    async fn stop(&self, deadline: Duration) {
        assert!(deadline > Duration::ZERO);
        let _taken = self.host.inbound(Message::new(Kind::Command, 0, 0, b"\"goodbye\""));
    }
}

fn decl() -> &'static PluginDecl {
    declaration::<Async<Obedient>>()
}

fn options(config: Config) -> Options {
    Options { config, limit: LIMIT, ..Options::default() }
}

fn start() -> Instance {
    let options = options(serde_json::json!({}));
    Subject { declaration: decl(), options: &options }.start().unwrap()
}

fn deliver(instance: &mut Instance, link: u64, corr: u64, payload: &str) -> i32 {
    instance.deliver(&[(Kind::Delivery.as_u16(), link, corr, payload)]).unwrap()
}

fn wait(instance: &Instance, what: &str, holds: impl Fn(&Seen) -> bool) {
    assert!(instance.mock.wait(LIMIT, holds), "waited in vain: {what}");
}

#[test]
fn a_link_is_served_in_order_and_another_meanwhile() {
    let mut instance = start();
    for (corr, payload) in [(1, r#""gate""#), (2, "{}"), (3, "{}")] {
        deliver(&mut instance, 7, corr, payload);
    }
    deliver(&mut instance, 8, 10, "{}");
    wait(&instance, "the other link's answer", |seen| seen.completions.len() == 1);
    deliver(&mut instance, 8, 11, r#""open""#);
    instance.all_answered().unwrap();
    deliver(&mut instance, 8, 12, r#""order""#);
    wait(&instance, "the order", |seen| !seen.inbound.is_empty());
    assert_eq!(instance.mock.seen().inbound[0].2, "[1,10,11,2,3,12]");
}

#[test]
fn a_panic_in_a_task_is_told_with_its_place() {
    let mut instance = start();
    deliver(&mut instance, 7, 1, r#""panic""#);
    wait(&instance, "the fault", |seen| !seen.faults.is_empty());
    let fault = instance.mock.seen().faults[0].clone();
    assert!(fault.contains("no delivery today") && fault.contains("tests.rs:"), "{fault}");
    instance.all_answered().unwrap();
}

#[test]
fn what_hangs_is_cancelled_when_the_transport_stops_and_the_host_hears_of_it() {
    let mut instance = start();
    for link in 0..5 {
        deliver(&mut instance, link, 1, r#""never""#);
        deliver(&mut instance, link, 2, "{}");
    }
    let begun = Instant::now();
    instance.shutdown().unwrap();
    assert!(begun.elapsed() < LIMIT / 2, "nothing is waited for");
    let answered = instance.mock.seen().completions.len();
    assert_eq!(answered, 10, "when it has stopped, everything is answered");
    instance.all_answered().unwrap();
    instance.no_complaints().unwrap();
    assert_eq!(instance.mock.seen().inbound[0].2, "\"goodbye\"");
}

#[test]
fn a_queue_that_is_full_says_so_and_when_there_is_room() {
    let mut instance = start();
    deliver(&mut instance, 1, 0, r#""gate""#);
    let mut taken = 1;
    while deliver(&mut instance, 1, taken, "{}") == abi::OK {
        taken += 1;
    }
    assert_eq!((taken, instance.mock.seen().writable), (1024, 0));
    // A timer takes no place.
    instance.timer(1).unwrap();
    wait(&instance, "room", |seen| seen.writable == 1);
    instance.all_answered().unwrap();
    assert_eq!(deliver(&mut instance, 1, 0, "{}"), abi::OK);
}

#[test]
fn a_message_for_a_full_host_waits_for_the_resume() {
    let mut instance = start();
    instance.mock.seen().full = true;
    deliver(&mut instance, 1, 5, r#""order""#);
    deliver(&mut instance, 2, 6, "{}");
    wait(&instance, "the other link's answer", |seen| seen.completions.len() == 1);
    assert!(instance.mock.seen().inbound.is_empty());
    instance.mock.seen().full = false;
    instance.resume().unwrap();
    wait(&instance, "the message", |seen| seen.inbound.len() == 1);
    instance.all_answered().unwrap();
}

#[test]
fn webhook_requests_wait_beside_each_other() {
    let mut instance = start();
    let hook = Hook { method: "POST", path: "/hooks/obedient", headers: "[]", body: b"" };
    let ids: Vec<u64> = (0..3).map(|_| instance.webhook(&hook, false).unwrap().unwrap().0).collect();
    let answered = |seen: &Seen| seen.services.webhooks.values().filter(|answers| !answers.is_empty()).count();
    for n in 1..=3 {
        instance.timer(n).unwrap();
        wait(&instance, "an answer", |seen| answered(seen) == n as usize);
    }
    for id in ids {
        instance.webhook_answered(id).unwrap();
    }
    assert_eq!(instance.mock.seen().services.kv["last"], b"x");
    instance.no_complaints().unwrap();
}

#[test]
fn a_start_that_fails_says_why() {
    for (start, says) in [("error", "not today"), ("panic", "no start today")] {
        let options = options(serde_json::json!({ "start": start }));
        let subject = Subject { declaration: decl(), options: &options };
        let (instance, status) = subject.try_start(options.config.to_string().as_bytes()).unwrap();
        assert_eq!(status, abi::FAILED);
        assert!(instance.mock.seen().faults[0].contains(says), "{:?}", instance.mock.seen().faults);
    }
}
