//! Calls a plugin as the host would.

use std::{
    ffi::c_void,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Options,
    mock::{Mock, Version},
    services::{PRINCIPAL, Services},
};
use crate::{
    Kind,
    abi::{self, Bytes, MsgView, PluginDecl, SocketEvent, WebhookRequest},
};

/// The plugin under test.
pub(crate) struct Subject<'a> {
    pub declaration: &'static PluginDecl,
    pub options: &'a Options,
}

/// One instance of it. Stopped and destroyed when dropped.
pub(crate) struct Instance {
    declaration: &'static PluginDecl,
    raw: *mut c_void,
    limit: Duration,
    next_token: u64,
    next_webhook: u64,
    /// The tokens that were accepted.
    pub accepted: Vec<u64>,
    pub mock: Arc<Mock>,
}

/// The last bytes of a message of a later version.
#[repr(C)]
struct Wide {
    view: MsgView,
    tail: [u64; 2],
}

/// The last bytes of a webhook request of a later version.
#[repr(C)]
struct WideRequest {
    request: WebhookRequest,
    tail: [u64; 2],
}

/// A webhook request to be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hook<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub headers: &'a str,
    pub body: &'a [u8],
}

impl Subject<'_> {
    /// Creates and starts an instance with the options' configuration.
    pub(crate) fn start(&self) -> Result<Instance, String> {
        self.start_with(Version::Own, Services::default())
    }

    /// Creates and starts an instance beside a host of this version, with these services.
    pub(crate) fn start_with(&self, version: Version, services: Services) -> Result<Instance, String> {
        let config = self.options.config.to_string();
        let (instance, status) = self.try_start_with(config.as_bytes(), version, services)?;
        match status {
            abi::OK => Ok(instance),
            status => Err(format!("it did not start: status {status}, {:?}", instance.mock.seen().faults)),
        }
    }

    /// Creates an instance and starts it if that succeeds. Returns the first status that is not OK.
    pub(crate) fn try_start(&self, config: &[u8]) -> Result<(Instance, i32), String> {
        self.try_start_with(config, Version::Own, Services::default())
    }

    /// As [`try_start`](Self::try_start), beside a host of this version, with these services.
    pub(crate) fn try_start_with(
        &self,
        config: &[u8],
        version: Version,
        mut services: Services,
    ) -> Result<(Instance, i32), String> {
        services.secrets.clone_from(&self.options.secrets);
        let (mock, api) = Mock::new(version, services);
        let create = self.declaration.create.ok_or("no `create`")?;
        let mut raw = std::ptr::null_mut();
        // SAFETY: a leaked host, bytes and an out pointer that live for the call.
        let created = unsafe { create(api, Bytes::of(config), &raw mut raw) };
        let limit = self.options.limit;
        let declaration = self.declaration;
        let (next_token, next_webhook, accepted) = (1 << 32, 1, Vec::new());
        let instance = Instance { declaration, raw, limit, next_token, next_webhook, accepted, mock };
        if created != abi::OK {
            return if raw.is_null() {
                Ok((instance, created))
            } else {
                Err("a failed `create` gave an instance".into())
            };
        }
        if raw.is_null() {
            return Err("`create` answered OK and gave no instance".into());
        }
        let start = self.declaration.start.ok_or("no `start`")?;
        // SAFETY: the instance that `create` gave.
        let started = unsafe { start(raw) };
        Ok((instance, started))
    }
}

impl Instance {
    /// Delivers messages as an array of this version. Returns the status.
    pub(crate) fn deliver(&mut self, messages: &[(u16, u64, u64, &str)]) -> Result<i32, String> {
        let views: Vec<MsgView> = messages.iter().map(|m| view(m, size_of::<MsgView>())).collect();
        self.deliver_views(views.as_ptr(), views.len())
    }

    /// Delivers messages as an array of a later version, whose elements are larger.
    pub(crate) fn deliver_wide(&mut self, messages: &[(u16, u64, u64, &str)]) -> Result<i32, String> {
        let views: Vec<Wide> =
            messages.iter().map(|m| Wide { view: view(m, size_of::<Wide>()), tail: [u64::MAX; 2] }).collect();
        debug_assert!(views.iter().all(|wide| wide.tail[0] == wide.tail[1]));
        self.deliver_views(views.as_ptr().cast(), views.len())
    }

    fn deliver_views(&mut self, first: *const MsgView, n: usize) -> Result<i32, String> {
        let deliver = self.declaration.deliver.ok_or("no `deliver`")?;
        let base = self.next_token;
        self.next_token += n as u64;
        let mut accepted = 0;
        // SAFETY: the instance that `create` gave; `n` elements of the size that they name.
        let status = unsafe { deliver(self.raw, first, n as u32, base, &raw mut accepted) };
        if accepted as usize > n {
            return Err(format!("`deliver` was given {n} messages and says that it accepted {accepted}"));
        }
        match status {
            abi::OK if accepted as usize != n => {
                return Err(format!("`deliver` answered OK and accepted {accepted} of {n}"));
            }
            abi::OK | abi::WOULD_BLOCK | abi::CLOSED | abi::INVALID | abi::FAILED => {}
            abi::PANIC => return Err(format!("`deliver` panicked: {:?}", self.mock.seen().faults)),
            other => return Err(format!("`deliver` returned {other}, which is no status")),
        }
        self.accepted.extend(base..base + u64::from(accepted));
        Ok(status)
    }

    /// Tells what happened on a socket. Returns the status.
    pub(crate) fn socket(&self, events: &[(u16, u64, &[u8])]) -> Result<i32, String> {
        for (what, socket, _) in events {
            let open = &mut self.mock.seen().services.open;
            match *what {
                abi::SOCKET_OPEN => drop(open.insert(*socket)),
                abi::SOCKET_CLOSED => drop(open.remove(socket)),
                _ => {}
            }
        }
        let socket_events = self.declaration.socket_events.ok_or("no `socket_events`")?;
        let events: Vec<SocketEvent> = events
            .iter()
            .map(|&(what, socket, data)| SocketEvent {
                size: size_of::<SocketEvent>() as u32,
                what,
                _pad: 0,
                socket,
                data: Bytes::of(data),
            })
            .collect();
        // SAFETY: the instance that `create` gave; an array that lives for the call.
        let status = unsafe { socket_events(self.raw, events.as_ptr(), events.len() as u32) };
        self.sane("socket_events", status)
    }

    /// Says that there is room for inbound messages again.
    pub(crate) fn resume(&self) -> Result<i32, String> {
        let resume = self.declaration.resume.ok_or("no `resume`")?;
        // SAFETY: the instance that `create` gave.
        let status = unsafe { resume(self.raw, 1024) };
        self.sane("resume", status)
    }

    /// Says that a timer has run out. Returns the status, or nothing when it has no timers.
    pub(crate) fn timer(&self, id: u64) -> Result<Option<i32>, String> {
        let Some(timer) = self.declaration.timer else { return Ok(None) };
        self.mock.seen().services.timers.remove(&id);
        // SAFETY: the instance that `create` gave.
        let status = unsafe { timer(self.raw, id) };
        self.sane("timer", status).map(Some)
    }

    /// Sends a webhook request, also as one of a later version. Returns its id and the status, or nothing when it has
    /// no webhooks.
    pub(crate) fn webhook(&mut self, hook: &Hook<'_>, is_wide: bool) -> Result<Option<(u64, i32)>, String> {
        let Some(webhook) = self.declaration.webhook else { return Ok(None) };
        let id = self.next_webhook;
        self.next_webhook += 1;
        self.mock.seen().services.webhooks.insert(id, Vec::new());
        let size = if is_wide { size_of::<WideRequest>() } else { size_of::<WebhookRequest>() };
        let request = WebhookRequest {
            size: size as u32,
            _pad: 0,
            id,
            method: Bytes::of(hook.method.as_bytes()),
            path: Bytes::of(hook.path.as_bytes()),
            query: Bytes::of(b"a=1&b"),
            headers: Bytes::of(hook.headers.as_bytes()),
            principal: Bytes::of(PRINCIPAL.as_bytes()),
            body: Bytes::of(hook.body),
        };
        let wide = WideRequest { request, tail: [u64::MAX; 2] };
        debug_assert!(wide.tail[0] == wide.tail[1]);
        // SAFETY: the instance that `create` gave; a request of the size that it names, which lives for the call.
        let status = unsafe { webhook(self.raw, (&raw const wide).cast()) };
        self.sane("webhook", status).map(|status| Some((id, status)))
    }

    /// Sends a command.
    pub(crate) fn command(&self, json: &[u8]) -> Result<i32, String> {
        let command = self.declaration.command.ok_or("no `command`")?;
        // SAFETY: the instance that `create` gave.
        let status = unsafe { command(self.raw, Bytes::of(json), u64::MAX) };
        self.sane("command", status)
    }

    /// Stops it. Returns how long that took.
    pub(crate) fn shutdown(&self) -> Result<Duration, String> {
        let shutdown = self.declaration.shutdown.ok_or("no `shutdown`")?;
        let begun = Instant::now();
        // SAFETY: the instance that `create` gave.
        let status = unsafe { shutdown(self.raw, u32::try_from(self.limit.as_millis()).unwrap_or(u32::MAX)) };
        self.sane("shutdown", status)?;
        Ok(begun.elapsed())
    }

    /// Waits until every accepted message has been answered, and checks that none was answered twice or without having
    /// been accepted.
    pub(crate) fn all_answered(&self) -> Result<(), String> {
        self.mock.wait(self.limit, |seen| self.accepted.iter().all(|token| seen.completions.contains_key(token)));
        let seen = self.mock.seen();
        let missing = self.accepted.iter().filter(|token| !seen.completions.contains_key(token)).count();
        if missing > 0 {
            return Err(format!("{missing} of {} accepted messages were not answered", self.accepted.len()));
        }
        if let Some((token, count)) = seen.completions.iter().find(|&(_, count)| *count > 1) {
            return Err(format!("message {token} was answered {count} times"));
        }
        if let Some((token, _)) = seen.completions.iter().find(|(token, _)| !self.accepted.contains(token)) {
            return Err(format!("token {token} was answered and not accepted"));
        }
        Ok(())
    }

    /// Waits until a webhook request that was taken has been answered, and checks that this was done once.
    pub(crate) fn webhook_answered(&self, id: u64) -> Result<(), String> {
        let answers = |services: &Services| services.webhooks.get(&id).map_or(0, Vec::len);
        self.mock.wait(self.limit, |seen| answers(&seen.services) > 0);
        match answers(&self.mock.seen().services) {
            0 => Err("a webhook request was taken and not answered".to_owned()),
            1 => Ok(()),
            n => Err(format!("a webhook request was answered {n} times")),
        }
    }

    /// Fails when the plugin has reported a fault or passed something that makes no sense.
    pub(crate) fn no_complaints(&self) -> Result<(), String> {
        let seen = self.mock.seen();
        match (seen.faults.first(), seen.wrong.first()) {
            (None, None) => Ok(()),
            (Some(fault), _) => Err(format!("it reported a fault: {fault}")),
            (_, Some(wrong)) => Err(wrong.clone()),
        }
    }

    fn sane(&self, call: &str, status: i32) -> Result<i32, String> {
        match status {
            abi::OK | abi::WOULD_BLOCK | abi::CLOSED | abi::INVALID | abi::FAILED => Ok(status),
            abi::PANIC => Err(format!("`{call}` panicked: {:?}", self.mock.seen().faults)),
            other => Err(format!("`{call}` returned {other}, which is no status")),
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if self.raw.is_null() {
            return;
        }
        if let (Some(shutdown), Some(destroy)) = (self.declaration.shutdown, self.declaration.destroy) {
            // SAFETY: the instance that `create` gave, for the last time. A second shutdown is allowed.
            unsafe {
                shutdown(self.raw, u32::try_from(self.limit.as_millis()).unwrap_or(u32::MAX));
                destroy(self.raw);
            }
        }
    }
}

fn view(&(kind, link, corr, payload): &(u16, u64, u64, &str), size: usize) -> MsgView {
    MsgView { size: size as u32, kind, flags: 0, link, corr, payload: Bytes::of(payload.as_bytes()) }
}

/// A payload that a message of this kind may have.
pub(crate) fn sample(kind: Kind) -> &'static str {
    match kind {
        Kind::Outcome => r#"{"ok":{"done":{}}}"#,
        Kind::Skip => r#"{"lane":"msg","seq":1,"reason":"expired"}"#,
        Kind::LinkDown => r#"{"code":4409,"reason":"fenced by a newer attach"}"#,
        Kind::Progress => r#"{"message":"msg_1","session":"ses_1","state":"delivered"}"#,
        _ => r#"{"lane":"msg","seq":1,"attempt":1,"maybe_sent":false,"message":{"text":"x"}}"#,
    }
}
