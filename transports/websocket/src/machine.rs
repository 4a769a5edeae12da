//! One connection as a pure machine: what happened goes in, what is to be done comes out.
//!
//! It knows no socket, no clock and no thread. The phases are: waiting for the hello, waiting for the host
//! to attach the link, attached, closed. Nothing comes out any more once it is closed.

use std::borrow::Cow;

use tieline_plugin_sdk::Kind;

use crate::{
    close,
    frames::{
        AttachReply, ClientFrame, CommandEnvelope, Hello, LinkDown, MAX_CORR, PROTOCOL, Payload, Problem, ServerFrame,
        Verdict, read,
    },
};

/// The number of the command that a hello stands for; beyond what a client may use.
const HELLO_CORR: u64 = 1 << 63;
/// The number of what wants no answer: receipts, credits, the end. Only a refusal comes back under it.
const NO_ANSWER: u64 = 0;

const LANES: [&str; 3] = ["ctl", "msg", "bulk"];

/// What happens to a connection.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// A text frame came.
    Text(&'a str),
    /// A binary frame came.
    Binary,
    /// The connection is gone.
    Closed {
        /// The code that the client gave.
        code: Option<u16>,
    },
    /// The time for the hello is over.
    HelloOverdue,
    /// The transport stops.
    Drain,
    /// The host answers.
    Outcome {
        /// The number that came with what is answered.
        corr: u64,
        /// The outcome.
        json: &'a str,
    },
    /// The host has a message for the client.
    Delivery(&'a str),
    /// The host skips a number.
    Skip(&'a str),
    /// The host tells how a message fares.
    Progress(&'a str),
    /// The host ends the link.
    LinkDown(&'a str),
    /// The host has no room for what was just handed over.
    Full {
        /// What it was.
        kind: Kind,
        /// Its number.
        corr: u64,
    },
}

/// What is to be done.
#[derive(Debug, Clone)]
pub enum Action<'a> {
    /// Send a frame to the client.
    Send(ServerFrame<'a>),
    /// Hand something to the host.
    Inbound {
        /// What it is.
        kind: Kind,
        /// The number that its outcome comes back with.
        corr: u64,
        /// What it says.
        payload: Payload<'a>,
    },
    /// Close the connection.
    Close {
        /// The close code.
        code: u16,
        /// Why, short enough for a close frame.
        reason: Cow<'a, str>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing was said yet.
    Silent,
    /// The host has the attach and has not answered.
    Attaching { credit: Option<u32> },
    /// Messages flow.
    Attached,
    /// Over.
    Closed,
}

/// One connection.
#[derive(Debug)]
pub struct Machine {
    phase: Phase,
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}

impl Machine {
    /// Makes the machine of a connection that has just been opened.
    pub fn new() -> Self {
        Self { phase: Phase::Silent }
    }

    /// Tells whether messages can be delivered.
    pub fn is_attached(&self) -> bool {
        self.phase == Phase::Attached
    }

    /// Tells whether the connection is over.
    pub fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// Takes one input; `act` is called for each action in order.
    ///
    /// A call per action instead of a list: actions borrow from the input, and the path of a message allocates
    /// nothing here.
    pub fn step<'a>(&mut self, input: Input<'a>, mut act: impl FnMut(Action<'a>)) {
        match (self.phase, input) {
            (Phase::Closed, _) => {}
            (_, Input::Text(text)) => self.text(text, &mut act),
            (_, Input::Binary) => {
                let problem = Problem::bad_input("a binary frame came; wanted a text frame with one JSON object");
                self.give_up(problem, close::MALFORMED, "binary frame", &mut act);
            }
            (Phase::Silent, Input::HelloOverdue) => {
                let problem = Problem::bad_input("no hello came in time; wanted it as the first frame");
                self.give_up(problem, close::NO_HELLO, "no hello in time", &mut act);
            }
            (_, Input::Closed { code }) => self.end(code.unwrap_or(close::ABNORMAL), "the client is gone", &mut act),
            (_, Input::Drain) => self.bye(close::DRAINING, "the transport stops; connect again later", &mut act),
            (Phase::Attaching { credit }, Input::Outcome { corr: HELLO_CORR, json }) => {
                self.attached(credit, json, &mut act);
            }
            (Phase::Attaching { .. } | Phase::Attached, Input::Outcome { corr: NO_ANSWER, json }) => {
                refused(json, &mut act)
            }
            (Phase::Attaching { .. } | Phase::Attached, Input::Outcome { corr, json }) if corr <= MAX_CORR => {
                act(Action::Send(ServerFrame::Outcome { corr, json }));
            }
            (Phase::Attached, Input::Delivery(json)) => act(Action::Send(ServerFrame::Deliver(json))),
            (Phase::Attached, Input::Skip(json)) => act(Action::Send(ServerFrame::Skip(json))),
            (Phase::Attached, Input::Progress(json)) => act(Action::Send(ServerFrame::Progress(json))),
            (Phase::Attaching { .. } | Phase::Attached, Input::LinkDown(json)) => self.link_down(json, &mut act),
            (_, Input::Full { kind, corr }) => self.full(kind, corr, &mut act),
            // What remains cannot be for this phase: a late timer, an outcome nobody waits for.
            _ => {}
        }
    }

    fn text<'a>(&mut self, text: &'a str, act: &mut impl FnMut(Action<'a>)) {
        let frame = match read(text) {
            Ok(frame) => frame,
            Err(problem) => return self.give_up(*problem, close::MALFORMED, "malformed frame", act),
        };
        match (self.phase, frame) {
            (Phase::Silent, ClientFrame::Hello(hello)) => self.hello(&hello, act),
            (Phase::Silent, _) => {
                let problem = Problem::bad_input("this frame came before the hello; wanted hello first");
                self.give_up(problem, close::MALFORMED, "frame before hello", act);
            }
            (_, ClientFrame::Hello(_)) => {
                let problem = Problem::bad_input("a second hello came; wanted one per connection").at("hello");
                self.give_up(problem, close::MALFORMED, "second hello", act);
            }
            (_, ClientFrame::Command(command)) => self.command(&command, act),
            (_, ClientFrame::Receipt(json)) => {
                act(Action::Inbound { kind: Kind::Receipt, corr: NO_ANSWER, payload: Payload::Raw(json.get()) });
            }
            (_, ClientFrame::Credit(json)) => {
                act(Action::Inbound { kind: Kind::Credit, corr: NO_ANSWER, payload: Payload::Raw(json.get()) });
            }
            (_, ClientFrame::Bye(_)) => {
                self.bye(close::NORMAL, "bye", act);
            }
        }
    }

    fn hello<'a>(&mut self, hello: &Hello<'a>, act: &mut impl FnMut(Action<'a>)) {
        if hello.protocol != PROTOCOL {
            let message = format!("protocol {} is not spoken here; wanted {PROTOCOL}", hello.protocol);
            let problem = Problem::bad_input(message).at("hello.protocol");
            return self.give_up(problem, close::REFUSED, "unknown protocol", act);
        }
        self.phase = Phase::Attaching { credit: hello.credit };
        act(Action::Inbound { kind: Kind::Command, corr: HELLO_CORR, payload: Payload::attach(hello) });
    }

    fn command<'a>(&mut self, command: &CommandEnvelope<'a>, act: &mut impl FnMut(Action<'a>)) {
        if !(1..=MAX_CORR).contains(&command.corr) {
            let message = format!("corr is {}; wanted 1 to {MAX_CORR}", command.corr);
            let problem = Problem::bad_input(message).at("command.corr");
            return self.give_up(problem, close::MALFORMED, "corr out of range", act);
        }
        let payload = Payload::Command { key: command.key, command: command.command };
        act(Action::Inbound { kind: Kind::Command, corr: command.corr, payload });
    }

    fn attached<'a>(&mut self, credit: Option<u32>, json: &'a str, act: &mut impl FnMut(Action<'a>)) {
        match serde_json::from_str(json) {
            Ok(Verdict::Ok(AttachReply::Attached(welcome))) => {
                self.phase = Phase::Attached;
                act(Action::Send(ServerFrame::Welcome(welcome.get())));
                for lane in credit.iter().flat_map(|_| LANES) {
                    let payload = Payload::Credit { lane, credit: credit.unwrap_or_default() };
                    act(Action::Inbound { kind: Kind::Credit, corr: NO_ANSWER, payload });
                }
            }
            Ok(Verdict::Refusal(problem)) => {
                self.give_up(in_hello(problem), close::REFUSED, "hello refused", act);
            }
            Ok(Verdict::Fault(fault)) => self.give_up(fault.into(), close::FAULT, "fault in the daemon", act),
            Err(error) => {
                let problem = Problem {
                    code: "fault".to_owned(),
                    ..Problem::bad_input(format!("the daemon's answer to the hello could not be read: {error}"))
                };
                self.give_up(problem, close::FAULT, "fault in the daemon", act);
            }
        }
    }

    fn link_down<'a>(&mut self, json: &'a str, act: &mut impl FnMut(Action<'a>)) {
        let down = serde_json::from_str(json)
            .unwrap_or(LinkDown { code: close::FAULT, reason: Cow::Borrowed("the daemon ended the link") });
        let code = if close::may_be_sent(down.code) { down.code } else { close::FAULT };
        let reason = match &down.reason {
            Cow::Borrowed(reason) => Cow::Borrowed(close::fit(reason)),
            Cow::Owned(reason) => Cow::Owned(close::fit(reason).to_owned()),
        };
        act(Action::Send(ServerFrame::Bye(LinkDown { code, reason: down.reason })));
        act(Action::Close { code, reason });
        self.end(code, "ended by the daemon", act);
    }

    fn full<'a>(&mut self, kind: Kind, corr: u64, act: &mut impl FnMut(Action<'a>)) {
        let busy = Problem {
            code: "busy".to_owned(),
            retry_after_ms: Some(BUSY_RETRY_MS),
            ..Problem::bad_input("the daemon has no room for more at the moment; nothing was stored")
        };
        match (kind, corr) {
            (Kind::Command, HELLO_CORR) => {
                // The host never saw the hello, so it is not told of the end.
                self.phase = Phase::Silent;
                self.give_up(busy, close::REFUSED, "busy", act);
            }
            (Kind::Command, corr) => act(Action::Send(ServerFrame::Outcome { corr, json: BUSY_OUTCOME })),
            (Kind::Receipt, _) => act(Action::Send(ServerFrame::Error(Cow::Owned(busy.at("receipt"))))),
            (Kind::Credit, _) => act(Action::Send(ServerFrame::Error(Cow::Owned(busy.at("credit"))))),
            // The end of a link is the shell's to repeat; nothing else goes to the host.
            _ => {}
        }
    }

    /// Ends the connection for what the client did: error frame, close.
    fn give_up<'a>(&mut self, problem: Problem, code: u16, reason: &'static str, act: &mut impl FnMut(Action<'a>)) {
        act(Action::Send(ServerFrame::Error(Cow::Owned(problem))));
        act(Action::Close { code, reason: Cow::Borrowed(reason) });
        self.end(code, reason, act);
    }

    /// Ends the connection in an orderly way: bye frame, close.
    fn bye<'a>(&mut self, code: u16, reason: &'static str, act: &mut impl FnMut(Action<'a>)) {
        act(Action::Send(ServerFrame::Bye(LinkDown { code, reason: Cow::Borrowed(reason) })));
        act(Action::Close { code, reason: Cow::Borrowed(reason) });
        self.end(code, reason, act);
    }

    /// Tells the host, if it knows the link, that it is over.
    fn end<'a>(&mut self, code: u16, reason: &'static str, act: &mut impl FnMut(Action<'a>)) {
        if self.phase != Phase::Silent {
            let payload = Payload::LinkDown(LinkDown { code, reason: Cow::Borrowed(reason) });
            act(Action::Inbound { kind: Kind::LinkDown, corr: NO_ANSWER, payload });
        }
        self.phase = Phase::Closed;
    }
}

/// When it is worth trying again after the host had no room.
const BUSY_RETRY_MS: u64 = 100;
const BUSY_OUTCOME: &str = concat!(
    r#"{"refusal":{"code":"busy","message":"the daemon has no room for more at the moment; nothing was stored","#,
    r#""retry_after_ms":100}}"#
);

/// Names the field as the client wrote it: in the hello, not in the command made of it.
fn in_hello(mut problem: Problem) -> Problem {
    if let Some(field) = &mut problem.field {
        let path = field.strip_prefix("command.").unwrap_or(field);
        let path = path.strip_prefix("peer_attach.").unwrap_or(path);
        *field = format!("hello.{path}");
    }
    problem
}

/// Tells the client of a receipt or credit that was refused. The connection stays.
fn refused<'a>(json: &'a str, act: &mut impl FnMut(Action<'a>)) {
    let problem = match serde_json::from_str::<Verdict<'_>>(json) {
        Ok(Verdict::Refusal(problem)) => problem,
        Ok(Verdict::Fault(fault)) => fault.into(),
        // Done, or an answer that is none: nothing to tell.
        Ok(Verdict::Ok(_)) | Err(_) => return,
    };
    act(Action::Send(ServerFrame::Error(Cow::Owned(problem))));
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
