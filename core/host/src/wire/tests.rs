#![allow(clippy::unwrap_used)]

use std::io::Read;

use proptest::{collection::vec, prelude::*};

use super::*;

/// The owned form of a message or an event: three numbers and bytes.
type Item = (u16, u64, u64, Vec<u8>);

fn items() -> impl Strategy<Value = Vec<Item>> {
    vec((any::<u16>(), any::<u64>(), any::<u64>(), vec(any::<u8>(), 0..50)), 0..8)
}

fn messages(items: &[Item]) -> Cow<'_, [Message<'_>]> {
    items.iter().map(|(kind, link, corr, payload)| Message { kind: *kind, link: *link, corr: *corr, payload }).collect()
}

fn events(items: &[Item]) -> Cow<'_, [SocketNews<'_>]> {
    items.iter().map(|(what, socket, _, data)| SocketNews { what: *what, socket: *socket, data }).collect()
}

/// Hands out a stream in pieces of the given sizes.
struct Pieces<'a>(&'a [u8], Vec<usize>);

impl Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let size = self.1.pop().unwrap_or(usize::MAX).max(1);
        let n = size.min(self.0.len()).min(into.len());
        into[..n].copy_from_slice(&self.0[..n]);
        self.0 = &self.0[n..];
        Ok(n)
    }
}

/// Every frame of a stream that comes in pieces.
fn cut(stream: &[u8], pieces: Vec<usize>) -> Result<Vec<Vec<u8>>, Malformed> {
    let (mut frames, mut from, mut cut) = (Frames::new(1 << 20), Pieces(stream, pieces), Vec::new());
    loop {
        while let Some(frame) = frames.take()? {
            cut.push(frame.to_vec());
        }
        if frames.fill(&mut from).unwrap() == 0 {
            return Ok(cut);
        }
    }
}

proptest! {
    #[test]
    fn what_the_host_says_reads_back(
        n in any::<(u32, u64, u64)>(), text in ".{0,40}", list in items(), pieces in vec(1usize..200, 0..60)
    ) {
        let said = vec![
            ToChild::Open { protocol: n.0, memory_bytes: n.1, open_files: n.2 },
            ToChild::Create { config: &text },
            ToChild::Start,
            ToChild::Deliver { base: n.1, messages: messages(&list) },
            ToChild::Sockets { events: events(&list) },
            ToChild::Timer { id: n.1 },
            ToChild::Webhook { request: Request {
                id: n.2, method: &text, path: "/p", query: &text, headers: "[]", principal: &text, body: text.as_bytes(),
            } },
            ToChild::Resume { credits: n.0, messages: !n.0, bytes: n.1 },
            ToChild::Shutdown { deadline_ms: n.0 },
            ToChild::Destroy,
            ToChild::Ping,
            ToChild::Credit { messages: n.0, bytes: n.1 },
            ToChild::Answer { id: n.1, status: n.0.cast_signed(), data: text.as_bytes() },
        ];
        let mut stream = Vec::new();
        said.iter().for_each(|frame| frame.encode(&mut stream));
        let frames = cut(&stream, pieces).unwrap();
        let read: Vec<_> = frames.iter().map(|frame| ToChild::decode(frame).unwrap()).collect();
        prop_assert_eq!(&read, &said);
        prop_assert_eq!(frames.iter().filter(|frame| is_call(frame)).count(), said.len() - 2);
    }

    #[test]
    fn what_a_plugins_process_says_reads_back(
        n in any::<(u32, i32, u64)>(), small in any::<(u8, u16, bool)>(), list in items(),
        a in vec(any::<u8>(), 0..50), b in vec(any::<u8>(), 0..50), value in any::<f64>(),
        pieces in vec(1usize..200, 0..60)
    ) {
        let said = [
            FromChild::Reply { status: n.1, accepted: n.0, data: &a },
            FromChild::Inbound { messages: messages(&list) },
            FromChild::Blocked,
            FromChild::Complete { token: n.2, status: n.1, detail: &b },
            FromChild::Writable,
            FromChild::Log { level: small.0, target: &a, json: &b },
            FromChild::Fault { is_in_call: small.2, reason: &a },
            FromChild::SocketSend { socket: n.2, is_text: small.2, data: &b },
            FromChild::SocketClose { socket: n.2, code: small.1, reason: &a },
            FromChild::Timer { id: n.2, after_ms: !n.2 },
            FromChild::Metric { kind: small.0, name: &a, value, labels: &b },
        ];
        let services = [
            Service::KvGet { key: &a },
            Service::KvPut { key: &a, value: &b },
            Service::KvDelete { key: &a },
            Service::KvKeys { prefix: &b },
            Service::Secret { name: &a },
            Service::Principal { link: n.2 },
            Service::WebhookReply { request: n.2, status: small.1, kind: &a, body: &b },
        ];
        let asks = services.map(|service| FromChild::Ask { id: n.2, service });
        let said: Vec<_> = said.into_iter().chain(asks).collect();
        let mut stream = Vec::new();
        said.iter().for_each(|frame| frame.encode(&mut stream));
        let frames = cut(&stream, pieces).unwrap();
        let read: Vec<_> = frames.iter().map(|frame| FromChild::decode(frame).unwrap()).collect();
        prop_assert_eq!(read, said);
    }

    /// A frame that is cut off or goes on is refused, and so is any other change of its length.
    #[test]
    fn a_frame_of_another_length_is_refused(list in items(), at in any::<prop::sample::Index>()) {
        let mut stream = Vec::new();
        FromChild::Inbound { messages: messages(&list) }.encode(&mut stream);
        let frame = &stream[4..];
        prop_assert!(FromChild::decode(&frame[..at.index(frame.len())]).is_err());
        prop_assert!(FromChild::decode(&[frame, &[0]].concat()).is_err());
    }

    /// Garbage is a frame or an error, never a panic, and takes no more memory than it is long.
    #[test]
    fn garbage_is_survived(mut garbage in vec(any::<u8>(), 0..400), kind in 0u8..80, pieces in vec(1usize..90, 0..9)) {
        let _any = cut(&garbage, pieces);
        if let Some(first) = garbage.first_mut() {
            *first = kind;
        }
        if let Ok(FromChild::Inbound { messages }) = FromChild::decode(&garbage) {
            prop_assert!(messages.len() * 22 <= garbage.len());
        }
        let _any = ToChild::decode(&garbage);
    }
}

#[test]
fn a_count_that_cannot_be_true_takes_no_memory() {
    let mut frame = vec![66];
    frame.extend(u32::MAX.to_le_bytes());
    assert_eq!(FromChild::decode(&frame), Err(Malformed::Short));
}

#[test]
fn a_length_beyond_the_limit_is_refused_before_anything_is_read() {
    let mut stream = Vec::from(u32::MAX.to_le_bytes());
    stream.push(66);
    assert_eq!(cut(&stream, Vec::new()), Err(Malformed::Size(u32::MAX as usize)));
    assert_eq!(cut(&[0; 4], Vec::new()), Err(Malformed::Size(0)));
}
