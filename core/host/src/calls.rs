//! The calls into one instance of a plugin, wherever it runs.

use tieline_plugin_sdk::Kind;

use crate::{
    Outbound,
    queue::{SocketItem, WebhookItem},
};

/// One instance. Its calls never overlap.
pub(crate) trait Calls {
    /// Makes it.
    fn create(&mut self, config: &str) -> Answer;

    /// Starts it.
    fn start(&mut self) -> Answer;

    /// Hands over messages, whose tokens count up from `base`. Returns how many were accepted beside the status.
    fn deliver(&mut self, messages: &[Message<'_>], base: u64) -> Result<(i32, u32), Gone>;

    /// Tells what happened on sockets.
    fn socket_events(&mut self, events: &[SocketNews<'_>]) -> Answer;

    /// Tells that a timer has run out.
    fn timer(&mut self, id: u64) -> Answer;

    /// Hands over a webhook request.
    fn webhook(&mut self, request: &Request<'_>) -> Answer;

    /// Says that there is room for so many messages.
    fn resume(&mut self, credits: u32) -> Answer;

    /// Stops it.
    fn shutdown(&mut self, deadline_ms: u32) -> Answer;

    /// Frees it.
    fn destroy(&mut self) -> Answer;
}

/// A status of the contract.
pub(crate) type Answer = Result<i32, Gone>;

/// There is nobody left to answer: why, as a sentence.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Gone(pub String);

/// A message, borrowed for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    pub kind: u16,
    pub link: u64,
    pub corr: u64,
    pub payload: &'a [u8],
}

impl<'a> Message<'a> {
    pub(crate) fn of(message: &'a Outbound) -> Self {
        let Outbound { link, kind, corr, payload } = message;
        Message { kind: Kind::as_u16(*kind), link: *link, corr: *corr, payload }
    }
}

/// What happened on a socket, borrowed for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SocketNews<'a> {
    pub what: u16,
    pub socket: u64,
    pub data: &'a [u8],
}

impl<'a> SocketNews<'a> {
    pub(crate) fn of(item: &'a SocketItem) -> Self {
        SocketNews { what: item.what, socket: item.socket, data: &item.data }
    }
}

/// A webhook request, borrowed for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Request<'a> {
    pub id: u64,
    pub method: &'a str,
    pub path: &'a str,
    pub query: &'a str,
    pub headers: &'a str,
    pub principal: &'a str,
    pub body: &'a [u8],
}

impl<'a> Request<'a> {
    pub(crate) fn of(WebhookItem { id, request }: &'a WebhookItem) -> Self {
        Request {
            id: *id,
            method: &request.method,
            path: &request.path,
            query: &request.query,
            headers: &request.headers,
            principal: &request.principal,
            body: &request.body,
        }
    }
}
