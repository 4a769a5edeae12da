//! What the glue makes of transports that misbehave, and what the checks say about them.
#![allow(clippy::unwrap_used)]

use tieline_plugin_sdk::{Schema, Settings, conformance, declaration, prelude::*};

/// A transport that does one thing wrong.
macro_rules! broken {
    ($name:ident, start: $start:expr, deliver: $deliver:expr) => {
        struct $name;
        impl Transport for $name {
            const MANIFEST: Manifest = Manifest::new("broken", "1.0.0");
            type Config = Config;
            fn start(_host: Host, config: Config) -> Result<Self, Error> {
                let start: fn(Config) -> Result<(), Error> = $start;
                start(config).map(|()| $name)
            }
            fn deliver(&self, message: Message<'_>, done: Completion) -> Flow {
                let deliver: fn(Message<'_>, Completion) -> Flow = $deliver;
                deliver(message, done)
            }
        }
    };
}

broken!(PanicsInStart, start: |_| panic!("no start today"), deliver: |_, done| { done.ok(); Flow::Accepted });
broken!(PanicsInDeliver, start: |_| Ok(()), deliver: |_, _done| panic!("no delivery today"));
broken!(Forgets, start: |_| Ok(()), deliver: |_, done| { std::mem::forget(done); Flow::Accepted });
broken!(Drops, start: |_| Ok(()), deliver: |_, _done| Flow::Accepted);
broken!(SaysClosed, start: |_| Ok(()), deliver: |_, _done| Flow::Closed);
broken!(NeverRoom, start: |_| Ok(()), deliver: |_, _done| Flow::WouldBlock);

fn report(declaration: &'static tieline_plugin_sdk::abi::PluginDecl) -> conformance::Report {
    let limit = Duration::from_millis(20);
    conformance::check_with(declaration, &conformance::Options { limit, ..Default::default() })
}

#[test]
fn a_panic_is_a_status_and_its_message_is_kept() {
    let report = report(declaration::<PanicsInStart>());
    assert!(!report.passed());
    let text = report.to_string();
    assert!(text.contains("no start today") && text.contains("guarded.rs:"), "{text}");
    let text = self::report(declaration::<PanicsInDeliver>()).to_string();
    assert!(text.contains("`deliver` panicked") && text.contains("no delivery today"), "{text}");
}

#[test]
fn a_message_that_is_never_answered_is_found() {
    let report = report(declaration::<Forgets>()).into_result().unwrap_err();
    assert!(report.failures().any(|check| check.name.contains("answered exactly once")), "{report}");
}

#[test]
fn a_completion_that_is_dropped_is_answered_by_the_glue() {
    report(declaration::<Drops>()).assert();
    report(declaration::<SaysClosed>()).assert();
    report(declaration::<NeverRoom>()).assert();
}

/// A transport of 1.1 that does one thing wrong with the services.
macro_rules! misuses {
    ($name:ident, config: $config:ty, start: $start:expr, timer: $timer:expr, webhook: $webhook:expr) => {
        struct $name(Host);
        impl Transport for $name {
            const MANIFEST: Manifest = Manifest::new("misuses", "1.0.0").webhooks(&["/hooks/misuses"]);
            type Config = $config;
            fn start(host: Host, _config: $config) -> Result<Self, Error> {
                let start: fn(Host) -> Result<(), Error> = $start;
                start(host).map(|()| $name(host))
            }
            fn deliver(&self, _message: Message<'_>, done: Completion) -> Flow {
                done.ok();
                Flow::Accepted
            }
            fn timer(&self, timer: TimerId) {
                let run: fn(Host, TimerId) = $timer;
                run(self.0, timer)
            }
            fn webhook(&self, request: WebhookRequest<'_>, reply: WebhookReply) {
                let run: fn(WebhookRequest<'_>, WebhookReply) = $webhook;
                run(request, reply)
            }
        }
    };
}

fn fine(_: WebhookRequest<'_>, reply: WebhookReply) {
    // Nobody may wait any more.
    let _gone = reply.text(200, "fine");
}

misuses!(Fine, config: (), start: |_| Ok(()), timer: |_, _| (), webhook: fine);
misuses!(Silent, config: (), start: |_| Ok(()), timer: |_, _| (), webhook: |_, reply| std::mem::forget(reply));
misuses!(Lost, config: (), start: |_| Ok(()), timer: |_, _| (), webhook: |_, reply| drop(reply));
misuses!(OddStatus, config: (), start: |_| Ok(()), timer: |_, _| (), webhook: |_, reply| { let _refused = reply.text(99, ""); });
misuses!(TimerPanics, config: (), start: |_| Ok(()), timer: |_, _| panic!("no timer today"), webhook: fine);
misuses!(OddMetric, config: (), start: |host| { let _refused = host.counter_add("My-Metric", 1.0, &[]); Ok(()) }, timer: |_, _| (), webhook: fine);
misuses!(Trusting, config: (), start: |host| {
    let kept = host.kv_get("n").unwrap_or_default().unwrap_or_else(|| b"1".to_vec());
    let n: u8 = String::from_utf8(kept).unwrap().parse().unwrap();
    let _kept = host.kv_put("n", n.to_string().as_bytes());
    Ok(())
}, timer: |_, _| (), webhook: fine);
misuses!(Disagrees, config: ByHand, start: |_| Ok(()), timer: |_, _| (), webhook: fine);
misuses!(TooClever, config: Patterned, start: |_| Ok(()), timer: |_, _| (), webhook: fine);

/// The schema is of another opinion than the type.
struct ByHand;

impl Settings for ByHand {
    const SCHEMA: Schema = Schema::Json(r#"{"type":"object","properties":{"port":{"type":"integer","default":80}}}"#);
    fn from_value(value: &Config) -> Result<Self, String> {
        match value.get("port") {
            Some(port) => Err(format!("`port` is {port}, and a text is wanted")),
            None => Ok(ByHand),
        }
    }
}

/// The schema demands what nobody looks at.
struct Patterned;

impl Settings for Patterned {
    const SCHEMA: Schema = Schema::Json(r#"{"properties":{"url":{"type":"string","pattern":"^https:"}}}"#);
    fn from_value(_: &Config) -> Result<Self, String> {
        Ok(Patterned)
    }
}

#[test]
fn what_is_wrong_with_timers_webhooks_values_and_metrics_is_found() {
    report(declaration::<Fine>()).assert();
    report(declaration::<Lost>()).assert();
    for (declaration, says) in [
        (declaration::<Silent>(), "a webhook request was taken and not answered"),
        (declaration::<OddStatus>(), "the status 99"),
        (declaration::<TimerPanics>(), "`timer` panicked"),
        (declaration::<OddMetric>(), "the name of `metric` makes no sense"),
        (declaration::<Trusting>(), "panicked with garbage in its key-value space"),
        (declaration::<Disagrees>(), "did not start with the default of `port`"),
        (declaration::<TooClever>(), "`config_schema` uses pattern"),
    ] {
        let report = report(declaration).to_string();
        assert!(report.contains(says), "no `{says}` in {report}");
    }
}
