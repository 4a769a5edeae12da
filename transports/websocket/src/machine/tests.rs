use proptest::prelude::*;

use super::*;

const HELLO: &str = r#"{"hello":{"protocol":1}}"#;
const WELCOME: &str = r#"{"ok":{"attached":{"epoch":1}}}"#;

/// An action as text, so that cases are easy to write and to compare.
fn told(action: &Action<'_>) -> String {
    let mut text = String::new();
    match action {
        Action::Send(frame) => {
            text.push_str("send ");
            frame.write(&mut text);
        }
        Action::Inbound { kind, corr, payload } => {
            text = format!("{kind:?} {} ", if *corr == HELLO_CORR { "hello".to_owned() } else { corr.to_string() });
            payload.write(&mut text);
        }
        Action::Close { code, reason } => text = format!("close {code} {reason}"),
    }
    text
}

fn step(machine: &mut Machine, input: Input<'_>) -> Vec<String> {
    let mut actions = Vec::new();
    machine.step(input, |action| actions.push(told(&action)));
    actions
}

fn attached() -> Machine {
    let mut machine = Machine::new();
    step(&mut machine, Input::Text(HELLO));
    step(&mut machine, Input::Outcome { corr: HELLO_CORR, json: WELCOME });
    assert!(machine.is_attached());
    machine
}

#[test]
fn a_hello_attaches_and_is_welcomed() {
    let mut machine = Machine::new();
    assert_eq!(
        step(&mut machine, Input::Text(r#"{"hello":{"protocol":1,"session":"b","credit":2}}"#)),
        [r#"Command hello {"command":{"peer_attach":{"session":"b"}}}"#]
    );
    assert_eq!(step(&mut machine, Input::HelloOverdue), [""; 0], "the timer comes too late");
    assert_eq!(
        step(&mut machine, Input::Outcome { corr: HELLO_CORR, json: WELCOME }),
        [
            r#"send {"welcome":{"epoch":1}}"#,
            r#"Credit 0 {"lane":"ctl","credit":2}"#,
            r#"Credit 0 {"lane":"msg","credit":2}"#,
            r#"Credit 0 {"lane":"bulk","credit":2}"#,
        ]
    );
}

#[test]
fn a_refused_hello_says_why_and_closes() {
    for (outcome, error, code) in [
        (
            r#"{"refusal":{"code":"unknown_session","message":"no `b`","field":"peer_attach.session","candidates":["bb"]}}"#,
            r#"{"code":"unknown_session","message":"no `b`","field":"hello.session","candidates":["bb"]}"#,
            4403,
        ),
        (
            r#"{"refusal":{"code":"draining","message":"m","retry_after_ms":9}}"#,
            r#"{"code":"draining","message":"m","retry_after_ms":9}"#,
            4403,
        ),
        (r#"{"fault":{"id":"flt_1","message":"m"}}"#, r#"{"code":"fault","message":"m","id":"flt_1"}"#, 1011),
    ] {
        let mut machine = Machine::new();
        step(&mut machine, Input::Text(HELLO));
        let actions = step(&mut machine, Input::Outcome { corr: HELLO_CORR, json: outcome });
        assert_eq!(actions[0], format!(r#"send {{"error":{error}}}"#));
        assert!(actions[1].starts_with(&format!("close {code}")), "{actions:?}");
        assert!(machine.is_closed());
    }
}

#[test]
fn frames_of_an_attached_client_go_to_the_host_unread() {
    for (frame, inbound) in [
        (r#"{"command":{"corr":3,"key":"k","command":{"x":[1]}}}"#, r#"Command 3 {"key":"k","command":{"x":[1]}}"#),
        (
            r#"{"receipt":{"lane":"msg","through":4,"state":"delivered"}}"#,
            r#"Receipt 0 {"lane":"msg","through":4,"state":"delivered"}"#,
        ),
        (r#"{"credit":{"lane":"bulk","credit":0}}"#, r#"Credit 0 {"lane":"bulk","credit":0}"#),
    ] {
        assert_eq!(step(&mut attached(), Input::Text(frame)), [inbound]);
    }
}

#[test]
fn what_the_host_says_goes_to_the_client_unread() {
    for (input, frame) in [
        (Input::Outcome { corr: 3, json: "{}" }, r#"send {"outcome":{"corr":3,"outcome":{}}}"#),
        (Input::Delivery("{}"), r#"send {"deliver":{}}"#),
        (Input::Skip("{}"), r#"send {"skip":{}}"#),
        (Input::Progress("{}"), r#"send {"progress":{}}"#),
    ] {
        assert_eq!(step(&mut attached(), input), [frame]);
    }
}

#[test]
fn a_frame_that_may_not_come_is_answered_and_closes_with_4400() {
    for (frame, says) in [
        (r#"{"bye":"#, "EOF"),
        (HELLO, "second hello"),
        (r#"{"command":{"corr":0,"command":{}}}"#, "wanted 1 to 9007199254740991"),
        (r#"{"command":{"corr":9007199254740992,"command":{}}}"#, "wanted 1 to 9007199254740991"),
    ] {
        let actions = step(&mut attached(), Input::Text(frame));
        assert!(
            actions[0].starts_with(r#"send {"error":{"code":"bad_input""#) && actions[0].contains(says),
            "{actions:?}"
        );
        assert!(actions[1].starts_with("close 4400 "), "{actions:?}");
        assert!(actions[2].starts_with(r#"LinkDown 0 {"code":4400,"#), "{actions:?}");
        assert_eq!(actions.len(), 3);
    }
    let actions = step(&mut attached(), Input::Binary);
    assert!(actions[1].starts_with("close 4400 "), "{actions:?}");
}

#[test]
fn before_the_hello_nothing_but_hello_passes_and_the_host_hears_nothing() {
    for frame in
        [r#"{"command":{"corr":1,"command":{}}}"#, r#"{"receipt":{}}"#, r#"{"credit":{}}"#, r#"{"bye":{}}"#, "nonsense"]
    {
        let actions = step(&mut Machine::new(), Input::Text(frame));
        assert!(actions[0].starts_with(r#"send {"error""#) && actions[1].starts_with("close 4400"), "{actions:?}");
        assert_eq!(actions.len(), 2, "{actions:?}");
    }
    let actions = step(&mut Machine::new(), Input::Text(r#"{"hello":{"protocol":2}}"#));
    assert!(actions[0].contains("wanted 1") && actions[1].starts_with("close 4403"), "{actions:?}");
    let actions = step(&mut Machine::new(), Input::HelloOverdue);
    assert!(actions[0].contains("no hello") && actions[1].starts_with("close 4408"), "{actions:?}");
}

#[test]
fn every_end_tells_the_host_once() {
    let mut machine = attached();
    assert_eq!(
        step(&mut machine, Input::Text(r#"{"bye":{}}"#)),
        [
            r#"send {"bye":{"code":1000,"reason":"bye"}}"#,
            "close 1000 bye",
            r#"LinkDown 0 {"code":1000,"reason":"bye"}"#
        ]
    );
    assert_eq!(step(&mut machine, Input::Closed { code: Some(1000) }), [""; 0]);

    let mut machine = attached();
    assert_eq!(
        step(&mut machine, Input::LinkDown(r#"{"code":4409,"reason":"a newer attach"}"#)),
        [
            r#"send {"bye":{"code":4409,"reason":"a newer attach"}}"#,
            "close 4409 a newer attach",
            r#"LinkDown 0 {"code":4409,"reason":"ended by the daemon"}"#
        ]
    );
    assert_eq!(step(&mut machine, Input::Closed { code: None }), [""; 0]);

    assert_eq!(
        step(&mut attached(), Input::Closed { code: None }),
        [r#"LinkDown 0 {"code":1006,"reason":"the client is gone"}"#]
    );
    assert_eq!(step(&mut Machine::new(), Input::Closed { code: None }), [""; 0]);

    let actions = step(&mut attached(), Input::Drain);
    assert!(actions[0].starts_with(r#"send {"bye":{"code":1012,"#) && actions[1].starts_with("close 1012 "));
}

#[test]
fn a_refused_receipt_is_told_and_the_connection_stays() {
    let mut machine = attached();
    assert_eq!(
        step(
            &mut machine,
            Input::Outcome {
                corr: NO_ANSWER,
                json: r#"{"refusal":{"code":"fenced","message":"m","field":"receipt.session"}}"#
            }
        ),
        [r#"send {"error":{"code":"fenced","message":"m","field":"receipt.session"}}"#]
    );
    assert_eq!(step(&mut machine, Input::Outcome { corr: NO_ANSWER, json: r#"{"ok":{"done":{}}}"# }), [""; 0]);
    assert!(machine.is_attached());
}

#[test]
fn a_full_host_refuses_with_busy() {
    let mut machine = attached();
    assert_eq!(
        step(&mut machine, Input::Full { kind: Kind::Command, corr: 8 }),
        [format!(r#"send {{"outcome":{{"corr":8,"outcome":{BUSY_OUTCOME}}}}}"#)]
    );
    let outcome: Verdict<'_> = serde_json::from_str(BUSY_OUTCOME).unwrap();
    assert!(matches!(outcome, Verdict::Refusal(Problem { retry_after_ms: Some(BUSY_RETRY_MS), .. })));

    let mut machine = Machine::new();
    step(&mut machine, Input::Text(HELLO));
    let actions = step(&mut machine, Input::Full { kind: Kind::Command, corr: HELLO_CORR });
    assert!(actions[0].contains(r#""code":"busy""#) && actions[1].starts_with("close 4403"), "{actions:?}");
    assert_eq!(actions.len(), 2, "the host never knew the link");
}

/// An input that owns its text.
#[derive(Debug, Clone)]
enum Owned {
    Text(String),
    Binary,
    Closed,
    HelloOverdue,
    Drain,
    Outcome(u64, String),
    Delivery(String),
    LinkDown(String),
    Full(Kind, u64),
}

impl Owned {
    fn input(&self) -> Input<'_> {
        match self {
            Owned::Text(text) => Input::Text(text),
            Owned::Binary => Input::Binary,
            Owned::Closed => Input::Closed { code: None },
            Owned::HelloOverdue => Input::HelloOverdue,
            Owned::Drain => Input::Drain,
            Owned::Outcome(corr, json) => Input::Outcome { corr: *corr, json },
            Owned::Delivery(json) => Input::Delivery(json),
            Owned::LinkDown(json) => Input::LinkDown(json),
            Owned::Full(kind, corr) => Input::Full { kind: *kind, corr: *corr },
        }
    }
}

fn any_text() -> impl Strategy<Value = String> {
    let frames = prop::sample::select(vec![
        HELLO,
        r#"{"hello":{"protocol":1,"credit":4,"cursors":{"msg":3}}}"#,
        r#"{"command":{"corr":1,"key":"k","command":{"whoami":{}}}}"#,
        r#"{"receipt":{"lane":"msg","through":1,"state":"seen"}}"#,
        r#"{"credit":{"lane":"msg","credit":1}}"#,
        r#"{"bye":{}}"#,
    ]);
    prop_oneof![
        6 => frames.clone().prop_map(str::to_owned),
        // A frame with one character changed, to get past the first look.
        2 => (frames, any::<prop::sample::Index>(), any::<char>()).prop_map(|(frame, at, with)| {
            let mut chars: Vec<char> = frame.chars().collect();
            let at = at.index(chars.len());
            chars[at] = with;
            chars.into_iter().collect()
        }),
        1 => any::<String>(),
        1 => prop::collection::vec(any::<u8>(), 0..80).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
    ]
}

fn any_input() -> impl Strategy<Value = Owned> {
    let kinds = prop::sample::select(vec![Kind::Command, Kind::Receipt, Kind::Credit, Kind::LinkDown]);
    let corrs = prop::sample::select(vec![HELLO_CORR, HELLO_CORR, NO_ANSWER, 1, MAX_CORR, u64::MAX]);
    let outcomes = prop::sample::select(vec![
        WELCOME,
        WELCOME,
        r#"{"ok":{"done":{}}}"#,
        r#"{"refusal":{"code":"busy","message":"m"}}"#,
        r#"{"fault":{"id":"flt_1","message":"m"}}"#,
        "",
    ]);
    let downs = prop::sample::select(vec![r#"{"code":4409,"reason":"r"}"#, r#"{"code":9,"reason":"\u00e9"}"#, "?"]);
    prop_oneof![
        10 => any_text().prop_map(Owned::Text),
        1 => Just(Owned::Binary),
        1 => Just(Owned::Closed),
        1 => Just(Owned::HelloOverdue),
        1 => Just(Owned::Drain),
        6 => (corrs.clone(), outcomes).prop_map(|(corr, json)| Owned::Outcome(corr, json.to_owned())),
        3 => Just(Owned::Delivery("{}".to_owned())),
        1 => downs.prop_map(|json| Owned::LinkDown(json.to_owned())),
        1 => (kinds, corrs).prop_map(|(kind, corr)| Owned::Full(kind, corr)),
    ]
}

proptest! {
    #[test]
    fn whatever_comes_the_order_holds(inputs in prop::collection::vec(any_input(), 0..30)) {
        let mut machine = Machine::new();
        let (mut said_hello, mut was_closed, mut downs, mut last_sent) = (false, false, 0, String::new());
        for input in &inputs {
            let was_over = machine.is_closed();
            let mut actions = Vec::new();
            machine.step(input.input(), |action| actions.push(action));
            prop_assert!(!was_over || actions.is_empty(), "after the end nothing is done: {actions:?}");
            for action in &actions {
                match action {
                    Action::Send(frame) => {
                        prop_assert!(!was_closed, "after a close nothing is sent");
                        last_sent.clear();
                        frame.write(&mut last_sent);
                    }
                    Action::Inbound { kind, corr, payload } => {
                        let is_hello = *kind == Kind::Command && *corr == HELLO_CORR;
                        prop_assert!(said_hello != is_hello, "the hello comes first and once: {action:?}");
                        said_hello = true;
                        downs += usize::from(*kind == Kind::LinkDown);
                        let mut json = String::new();
                        payload.write(&mut json);
                        prop_assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok(), "{json}");
                    }
                    Action::Close { code, .. } => {
                        prop_assert!(close::may_be_sent(*code));
                        let frame: serde_json::Value = serde_json::from_str(&last_sent).unwrap();
                        prop_assert!(frame.get("error").is_some() || frame["bye"]["code"] == *code, "{last_sent}");
                        was_closed = true;
                    }
                }
            }
            prop_assert!(!was_closed || machine.is_closed());
        }
        prop_assert!(downs <= 1, "the host is told of the end at most once");
    }

    #[test]
    fn no_text_makes_it_panic(text in any_text()) {
        for mut machine in [Machine::new(), attached()] {
            machine.step(Input::Text(&text), |action| drop(told(&action)));
        }
    }
}
