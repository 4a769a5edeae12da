//! What the glue makes of transports that misbehave, and what the checks say about them.
#![allow(clippy::unwrap_used)]

use tieline_plugin_sdk::{conformance, declaration, prelude::*};

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
