//! Fuzzes the host with a process that speaks for a plugin and says anything, in any order.

use std::{
    ffi::OsString,
    fs,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
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
    wire::{FromChild, Service},
};

/// Writes what a process says: frames in any order, or mere bytes.
fn speech(input: &mut Input) -> Vec<u8> {
    let (mut said, manner) = (Vec::new(), input.u8());
    if manner > 8 {
        // It begins well, so that there is something to break.
        for data in [MANIFEST, b"", b""] {
            FromChild::Reply { status: 0, accepted: 0, data }.encode(&mut said);
        }
    }
    while !input.is_empty() && said.len() < 64 << 10 {
        frame(input, &mut said);
    }
    if manner % 4 == 0 {
        said.truncate(said.len().saturating_sub(usize::from(manner / 4)));
    }
    said
}

fn frame(input: &mut Input, said: &mut Vec<u8>) {
    let what = input.u8() % 20;
    let (small, number) = (input.u8(), input.number());
    let (first, second) = (input.piece(), input.piece());
    let (a, b) = (first.as_slice(), second.as_slice());
    let status = i32::from(small % 16) - if small > 240 { 8 } else { i32::from(small % 16) };
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
            return;
        }
    }
    .encode(said);
}

#[test]
fn a_process_that_says_anything_in_any_order_breaks_nothing_and_each_message_is_answered_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let file: PathBuf = folder.path().join("speech");
    // It says all of it at once, and ends.
    let command: Vec<OsString> = ["sh", "-c", "exec cat \"$0\" >&0"].map(OsString::from).into();
    fuzz("child", 150, 2048, |bytes| {
        let mut input = Input::of(bytes);
        let (listener, mut script) = (input.part(), input.part());
        fs::write(&file, speech(&mut input)).expect("the speech can be written");
        let mut stage = Stage::new(listener);
        let limit = Duration::from_secs(5);
        let remote = Remote::start(&command, &file, &stage.instance, Duration::ZERO, limit).expect("a process");
        mark(stage.play(Body::Apart(Box::new(remote)), &mut script))
    });
}

/// The same without a process and a driver, which is a hundred times as fast.
#[test]
fn frames_in_any_order_are_heard_or_refused_and_each_message_is_answered_once() {
    let command: Vec<OsString> = ["sh", "-c", "exec cat"].map(OsString::from).into();
    let (process, _line, _printed) = Process::start(&command, Path::new("cat")).expect("a process");
    let process = Arc::new(process);
    fuzz("child-frames", 3_000, 2048, |bytes| {
        let mut input = Input::of(bytes);
        let (listener, mut script) = (input.part(), input.part());
        let mut stage = Stage::new(listener);
        let (ours, _theirs) = UnixStream::pair().expect("a connection");
        let pen = Arc::new(Pen::new(ours, Arc::clone(&process), Duration::from_secs(5)).expect("a pen"));
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
