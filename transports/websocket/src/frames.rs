//! The frames of the WebSocket protocol: our own envelope only.
//!
//! What a frame carries (commands, outcomes, messages) passes through as raw JSON and is never parsed here.
//! The protocol itself is written down in `docs/protocol/websocket.md`.

use std::{borrow::Cow, fmt::Write};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The protocol version that is spoken here.
pub const PROTOCOL: u32 = 1;

/// The largest number that a client may use for `corr`: the largest that every JSON reader keeps exact.
pub const MAX_CORR: u64 = (1 << 53) - 1;

/// A frame from a client.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientFrame<'a> {
    /// Attaches the connection to a session; the first frame of every connection.
    Hello(#[serde(borrow)] Hello<'a>),
    /// Asks the mesh to do something.
    Command(#[serde(borrow)] CommandEnvelope<'a>),
    /// Says how far deliveries were taken.
    Receipt(#[serde(borrow)] &'a RawValue),
    /// Says how many deliveries may be under way.
    Credit(#[serde(borrow)] &'a RawValue),
    /// Ends the connection in an orderly way.
    Bye(Bye),
}

/// Fields of [`ClientFrame::Hello`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello<'a> {
    /// Must be [`PROTOCOL`].
    pub protocol: u32,
    /// Which session; the caller's home by default.
    #[serde(borrow, default)]
    pub session: Option<Cow<'a, str>>,
    /// As what; writer by default.
    #[serde(default)]
    pub mode: Option<Mode>,
    /// What the client has already taken, per lane.
    #[serde(default)]
    pub cursors: Option<Cursors>,
    /// The lineage that the cursors belong to.
    #[serde(borrow, default)]
    pub log_id: Option<Cow<'a, str>>,
    /// The most that the peer's runtime can do for an urgent message.
    #[serde(default, borrow)]
    pub urgency: Option<Cow<'a, str>>,
    /// How many deliveries may be under way, for every lane.
    #[serde(default)]
    pub credit: Option<u32>,
}

/// What a client may do in its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Receives for the session. There is at most one.
    Writer,
    /// Only watches.
    Observer,
}

/// One cursor per lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursors {
    /// Of the notices.
    #[serde(default)]
    pub ctl: u64,
    /// Of asks, acks and notifies.
    #[serde(default)]
    pub msg: u64,
    /// Of broadcasts.
    #[serde(default)]
    pub bulk: u64,
}

/// Fields of [`ClientFrame::Command`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandEnvelope<'a> {
    /// Comes back with the outcome.
    pub corr: u64,
    /// The idempotency key, unread.
    #[serde(borrow, default)]
    pub key: Option<&'a RawValue>,
    /// The command, unread.
    #[serde(borrow)]
    pub command: &'a RawValue,
}

/// Fields of [`ClientFrame::Bye`]: none.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bye {}

/// What is wrong with a frame or was refused, in the form of the error frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The case, for programs: a code of the published table, or `fault`.
    pub code: String,
    /// The case, for people.
    pub message: String,
    /// The path of the field at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What the client may have meant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<String>,
    /// When it is worth trying again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Where to find a fault in the daemon's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl Problem {
    /// Makes the problem of a frame that is not as the protocol wants it.
    pub fn bad_input(message: impl Into<String>) -> Self {
        Self {
            code: "bad_input".to_owned(),
            message: message.into(),
            field: None,
            candidates: Vec::new(),
            retry_after_ms: None,
            id: None,
        }
    }

    /// Names the field at fault.
    #[must_use]
    pub fn at(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }
}

/// Reads one text frame of a client.
///
/// The plain reader goes first; only a frame that it refuses is read again to learn the path of the field.
pub fn read(text: &str) -> Result<ClientFrame<'_>, Box<Problem>> {
    if let Ok(frame) = serde_json::from_str(text) {
        return Ok(frame);
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    match serde_path_to_error::deserialize::<_, ClientFrame<'_>>(&mut reader) {
        Err(error) => {
            let path = error.path().to_string();
            let problem = Problem::bad_input(error.into_inner().to_string());
            Err(Box::new(if path == "." { problem } else { problem.at(path) }))
        }
        Ok(frame) => match reader.end() {
            Err(error) => Err(Box::new(Problem::bad_input(error.to_string()))),
            Ok(()) => Ok(frame),
        },
    }
}

/// An outcome, as far as the hello needs to be read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict<'a> {
    /// It was done.
    Ok(#[serde(borrow)] AttachReply<'a>),
    /// The client can fix it.
    Refusal(Problem),
    /// The daemon has to fix it.
    Fault(Fault),
}

/// The reply to a `peer_attach`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttachReply<'a> {
    /// The connection is attached; what the welcome carries.
    Attached(#[serde(borrow)] &'a RawValue),
}

/// A fault, as the host tells it.
#[derive(Debug, Deserialize)]
pub struct Fault {
    /// Where to find it in the log.
    pub id: String,
    /// A sentence that gives nothing away.
    pub message: String,
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Problem { code: "fault".to_owned(), id: Some(fault.id), ..Problem::bad_input(fault.message) }
    }
}

/// A link's end, as the host tells it and is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkDown<'a> {
    /// The close code.
    pub code: u16,
    /// Why, in words.
    #[serde(borrow)]
    pub reason: Cow<'a, str>,
}

/// A frame for the client. What it carries is raw JSON of the host's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerFrame<'a> {
    /// The hello was accepted.
    Welcome(&'a str),
    /// The outcome of a command.
    Outcome {
        /// The command's number.
        corr: u64,
        /// The outcome.
        json: &'a str,
    },
    /// A message.
    Deliver(&'a str),
    /// A number that will not be delivered.
    Skip(&'a str),
    /// How a message of one's own fares.
    Progress(&'a str),
    /// Something the client sent is wrong or was refused.
    Error(Cow<'a, Problem>),
    /// The daemon ends the connection.
    Bye(LinkDown<'a>),
}

impl ServerFrame<'_> {
    /// Appends the frame's text to `out`.
    pub fn write(&self, out: &mut String) {
        match self {
            ServerFrame::Welcome(json) => wrap(out, r#"{"welcome":"#, json),
            ServerFrame::Outcome { corr, json } => {
                // Writing to a string cannot fail.
                let _ = write!(out, r#"{{"outcome":{{"corr":{corr},"outcome":{json}}}}}"#);
            }
            ServerFrame::Deliver(json) => wrap(out, r#"{"deliver":"#, json),
            ServerFrame::Skip(json) => wrap(out, r#"{"skip":"#, json),
            ServerFrame::Progress(json) => wrap(out, r#"{"progress":"#, json),
            ServerFrame::Error(problem) => wrap(out, r#"{"error":"#, &json_of(problem)),
            ServerFrame::Bye(down) => wrap(out, r#"{"bye":"#, &json_of(down)),
        }
    }
}

/// What goes to the host, ready to be written as JSON.
#[derive(Debug, Clone)]
pub enum Payload<'a> {
    /// Attaches the link: the hello as a command.
    Attach(String),
    /// A command with its key.
    Command {
        /// The idempotency key.
        key: Option<&'a RawValue>,
        /// The command.
        command: &'a RawValue,
    },
    /// JSON as it came.
    Raw(&'a str),
    /// A credit for one lane.
    Credit {
        /// The lane.
        lane: &'static str,
        /// How many.
        credit: u32,
    },
    /// The end of the link.
    LinkDown(LinkDown<'a>),
}

impl<'a> Payload<'a> {
    /// Makes the command that a hello stands for.
    pub fn attach(hello: &Hello<'_>) -> Payload<'a> {
        #[derive(Serialize)]
        struct Frame<'h> {
            command: Command<'h>,
        }
        #[derive(Serialize)]
        #[serde(rename_all = "snake_case")]
        enum Command<'h> {
            PeerAttach(PeerAttach<'h>),
        }
        #[derive(Serialize)]
        struct PeerAttach<'h> {
            #[serde(skip_serializing_if = "Option::is_none")]
            session: Option<&'h str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            mode: Option<Mode>,
            #[serde(skip_serializing_if = "Option::is_none")]
            cursors: Option<Cursors>,
            #[serde(skip_serializing_if = "Option::is_none")]
            log_id: Option<&'h str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            urgency: Option<&'h str>,
        }
        let attach = PeerAttach {
            session: hello.session.as_deref(),
            mode: hello.mode,
            cursors: hello.cursors,
            log_id: hello.log_id.as_deref(),
            urgency: hello.urgency.as_deref(),
        };
        Payload::Attach(json_of(&Frame { command: Command::PeerAttach(attach) }))
    }

    /// Appends the payload's JSON to `out`.
    pub fn write(&self, out: &mut String) {
        match self {
            Payload::Attach(json) => out.push_str(json),
            Payload::Command { key: Some(key), command } => {
                out.push_str(r#"{"key":"#);
                out.push_str(key.get());
                wrap(out, r#","command":"#, command.get());
            }
            Payload::Command { key: None, command } => wrap(out, r#"{"command":"#, command.get()),
            Payload::Raw(json) => out.push_str(json),
            Payload::Credit { lane, credit } => {
                // Writing to a string cannot fail.
                let _ = write!(out, r#"{{"lane":"{lane}","credit":{credit}}}"#);
            }
            Payload::LinkDown(down) => out.push_str(&json_of(down)),
        }
    }
}

fn wrap(out: &mut String, head: &str, json: &str) {
    out.reserve(head.len() + json.len() + 1);
    out.push_str(head);
    out.push_str(json);
    out.push('}');
}

fn json_of(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain structs of texts and numbers always have a JSON form")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_handed_on_with_its_key_and_without_its_number() {
        for (text, corr, payload) in [
            (
                r#"{"command":{"corr":7,"key":"a\"b","command":{"notify":{"to":"b", "text":"\u00e9"}}}}"#,
                7,
                r#"{"key":"a\"b","command":{"notify":{"to":"b", "text":"\u00e9"}}}"#,
            ),
            (r#"{"command":{"command":{"whoami":{}},"corr":1,"key":null}}"#, 1, r#"{"command":{"whoami":{}}}"#),
        ] {
            let Ok(ClientFrame::Command(command)) = read(text) else { panic!("{text} was not read") };
            let mut out = String::new();
            Payload::Command { key: command.key, command: command.command }.write(&mut out);
            assert_eq!((command.corr, out.as_str()), (corr, payload));
        }
    }

    #[test]
    fn a_hello_becomes_an_attach() {
        let text = r#"{"hello":{"protocol":1,"session":"main/a\tb","mode":"observer","cursors":{"msg":9},"log_id":"L","credit":5}}"#;
        let Ok(ClientFrame::Hello(hello)) = read(text) else { panic!("the hello was not read") };
        let mut out = String::new();
        Payload::attach(&hello).write(&mut out);
        assert_eq!(
            out,
            r#"{"command":{"peer_attach":{"session":"main/a\tb","mode":"observer","cursors":{"ctl":0,"msg":9,"bulk":0},"log_id":"L"}}}"#
        );
    }

    #[test]
    fn a_mistake_is_named_with_its_path_and_what_was_wanted() {
        for (text, field, says) in [
            (r#"{"hello":{"protocol":"1"}}"#, Some("hello.protocol"), "expected u32"),
            (r#"{"hello":{"protocol":1,"cursors":{"msg":-1}}}"#, Some("hello.cursors.msg"), "expected u64"),
            (r#"{"hello":{"protocol":1,"token":"x"}}"#, Some("hello.token"), "unknown field `token`"),
            (r#"{"hello":{"protocol":1,"mode":"king"}}"#, Some("hello.mode"), "expected `writer` or `observer`"),
            (r#"{"command":{"corr":1}}"#, Some("command"), "missing field `command`"),
            (r#"{"command":{"corr":1.5,"command":{}}}"#, Some("command.corr"), "expected u64"),
            (r#"{"helo":{}}"#, None, "unknown variant `helo`, expected one of `hello`, `command`"),
            (r#"{"bye":{}}{}"#, None, "trailing characters"),
            (r#"{"bye":{"why":1}}"#, Some("bye.why"), "unknown field `why`"),
            (r#"{"receipt":{"lane":"msg"}"#, None, "EOF"),
            ("[1]", None, "expected value"),
            ("", None, "EOF"),
        ] {
            let problem = read(text).expect_err(text);
            assert!(problem.message.contains(says), "{text}: {}", problem.message);
            if field.is_some() {
                assert_eq!(problem.field.as_deref(), field, "{text}");
            }
        }
    }

    #[test]
    fn frames_for_the_client_are_what_the_protocol_says() {
        let problem = Problem::bad_input("no").at("x");
        for (frame, text) in [
            (ServerFrame::Welcome("{}"), r#"{"welcome":{}}"#),
            (ServerFrame::Outcome { corr: 3, json: r#"{"ok":{}}"# }, r#"{"outcome":{"corr":3,"outcome":{"ok":{}}}}"#),
            (ServerFrame::Deliver("{}"), r#"{"deliver":{}}"#),
            (ServerFrame::Skip("{}"), r#"{"skip":{}}"#),
            (ServerFrame::Progress("{}"), r#"{"progress":{}}"#),
            (
                ServerFrame::Error(Cow::Borrowed(&problem)),
                r#"{"error":{"code":"bad_input","message":"no","field":"x"}}"#,
            ),
            (
                ServerFrame::Bye(LinkDown { code: 4409, reason: "a \"newer\" attach".into() }),
                r#"{"bye":{"code":4409,"reason":"a \"newer\" attach"}}"#,
            ),
        ] {
            let mut out = String::new();
            frame.write(&mut out);
            assert_eq!(out, text);
        }
    }
}
