//! Fuzzes the host with a process that speaks for a plugin and says anything, in any order.

use std::{
    ffi::OsString,
    io::{PipeReader, Write},
    os::unix::net::UnixStream,
    path::Path,
    sync::Arc,
    time::Duration,
};

use super::{
    harness::fuzz,
    input::{Input, mark},
    stage::{MANIFEST, Stage},
};
use crate::{
    body::Body,
    calls::Message,
    desk::Desk,
    hearing::Hearing,
    pen::Pen,
    process::Process,
    remote::Remote,
    wire::{Frames, FromChild, MOST_TO_CHILD, Service, ToChild, is_call},
};

/// How long the host waits for a process that does not read.
const LIMIT: Duration = Duration::from_secs(5);
/// A process of which nothing more comes is ended after so long, as the watchdog would do it.
const HANGS: Duration = Duration::from_millis(20);

/// What a process says after each call, or all of it at once.
fn speech(input: &mut Input) -> (Vec<Vec<u8>>, bool) {
    let (mut said, manner) = (Vec::new(), input.u8());
    if manner > 8 {
        // It begins well, so that there is something to break.
        for data in [MANIFEST, b"", b""] {
            let mut reply = Vec::new();
            FromChild::Reply { status: 0, accepted: 0, data }.encode(&mut reply);
            said.push(reply);
        }
    }
    let mut next = Vec::new();
    while !input.is_empty() && said.len() < 100 {
        if frame(input, &mut next) {
            said.push(std::mem::take(&mut next));
        }
    }
    if manner % 4 == 0 {
        next.truncate(next.len().saturating_sub(usize::from(manner / 4)));
    }
    said.push(next);
    (said, manner > 230)
}

/// Says it, until the host has hung up or waits for more, which is the end of a process that hangs.
fn speak(mut line: UnixStream, said: Vec<Vec<u8>>, at_once: bool) {
    if at_once {
        // The host hangs up when it likes.
        let _gone = line.write_all(&said.concat());
        return;
    }
    line.set_read_timeout(Some(HANGS)).expect("a limit");
    let (mut frames, mut said) = (Frames::new(MOST_TO_CHILD), said.into_iter());
    loop {
        while let Some(frame) = frames.take().expect("the host sends frames") {
            ToChild::decode(frame).expect("the host sends frames");
            let next = is_call(frame).then(|| said.next());
            if next.is_some_and(|next| next.is_none_or(|next| line.write_all(&next).is_err())) {
                return;
            }
        }
        if !frames.fill(&mut line).is_ok_and(|read| read > 0) {
            return;
        }
    }
}

/// Adds a frame. Tells whether it answers a call, and so is the last for now.
fn frame(input: &mut Input, said: &mut Vec<u8>) -> bool {
    let what = input.u8() % 20;
    let (small, number) = (input.u8(), input.number());
    let (first, second) = (input.piece(), input.piece());
    let (a, b) = (first.as_slice(), second.as_slice());
    let status = if small > 240 { i32::MIN } else { i32::from(small % 16) };
    match what {
        0..=4 => FromChild::Reply { status, accepted: input.u32(), data: a },
        5 => {
            let kind = if small > 200 { u16::from(small) } else { 1 };
            let message = Message { kind, link: number, corr: u64::from(small), payload: a };
            FromChild::Inbound { messages: vec![message; usize::from(small % 4)].into() }
        }
        6 => FromChild::Blocked,
        7 | 8 => FromChild::Complete { token: number, status, detail: a },
        9 => FromChild::Writable,
        10 => FromChild::Log { level: small, target: a, json: b },
        11 => FromChild::Fault { is_in_call: small < 250, reason: a },
        12 => FromChild::SocketSend { socket: number, is_text: small < 40, data: a },
        13 => FromChild::SocketClose { socket: number, code: u16::from(small), reason: a },
        14 => FromChild::Timer { id: number, after_ms: u64::from(small) },
        15 => FromChild::Metric { kind: small % 3, name: a, value: f64::from(small), labels: b },
        16 | 17 => {
            let service = match small % 7 {
                0 => Service::KvGet { key: a },
                1 => Service::KvPut { key: a, value: b },
                2 => Service::KvDelete { key: a },
                3 => Service::KvKeys { prefix: a },
                4 => Service::Secret { name: a },
                5 => Service::Principal { link: number },
                _ => Service::WebhookReply { request: number, status: 200, kind: a, body: b },
            };
            FromChild::Ask { id: number, service }
        }
        _ => {
            said.extend_from_slice(a);
            return false;
        }
    }
    .encode(said);
    what <= 4
}

#[test]
fn a_process_that_says_anything_in_any_order_breaks_nothing_and_each_message_is_answered_once() {
    fuzz("child", 300, 2048, |bytes| {
        let mut input = Input::of(bytes);
        let (listener, mut script) = (input.part(), input.part());
        let (said, at_once) = speech(&mut input);
        let mut stage = Stage::new(listener);
        let (process, _line, printed) = process();
        let (ours, theirs) = UnixStream::pair().expect("a connection");
        let remote = Remote::with((process, ours, printed), &stage.instance, Duration::ZERO, LIMIT);
        let body = Body::Apart(Box::new(remote.expect("a connection")));
        std::thread::scope(|scope| {
            scope.spawn(move || speak(theirs, said, at_once));
            mark(stage.play(body, &mut script))
        })
    });
}

/// A process that can be killed; a thread speaks for it.
fn process() -> (Process, UnixStream, PipeReader) {
    let command: Vec<OsString> = ["sh", "-c", "exec cat"].map(OsString::from).into();
    Process::start(&command, Path::new("cat")).expect("a process")
}

/// The same without a process and a driver, which is a hundred times as fast.
#[test]
fn frames_in_any_order_are_heard_or_refused_and_each_message_is_answered_once() {
    let (process, _line, _printed) = process();
    let process = Arc::new(process);
    fuzz("child-frames", 3_000, 2048, |bytes| {
        let mut input = Input::of(bytes);
        let (listener, mut script) = (input.part(), input.part());
        let mut stage = Stage::new(listener);
        let (ours, _theirs) = UnixStream::pair().expect("a connection");
        let pen = Arc::new(Pen::new(ours, Arc::clone(&process), LIMIT).expect("a pen"));
        let desk = Desk::new(Arc::clone(&stage.instance), pen);
        let mut hearing = Hearing { instance: Arc::clone(&stage.instance), desk };
        let (mut outcome, _manner) = (0, input.u8());
        while !input.is_empty() {
            stage.give(&mut script);
            let mut said = Vec::new();
            frame(&mut input, &mut said);
            let Some((_, frame)) = said.split_first_chunk::<4>() else { continue };
            if script.u8() % 4 == 1 {
                stage.instance.inbox.collect();
            }
            match hearing.hear(frame) {
                Ok(reply) => outcome = mark((outcome, frame.first(), reply.is_some())),
                Err(what) => {
                    outcome = mark((outcome, what));
                    break;
                }
            }
            stage.instance.inbox.flush(&*stage.shared.events, &stage.instance.plugin);
        }
        stage.end();
        outcome
    });
}
