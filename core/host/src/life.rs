//! The calls into one instance of a plugin.
#![allow(unsafe_code)]

use std::{ffi::c_void, sync::Arc, time::Duration};

use tieline_plugin_sdk::abi::{self, Bytes, MsgView, SocketEvent, WebhookRequest};

use crate::{
    Kind, Outbound, Step, Webhooked, api,
    callbacks::Callbacks,
    inbox::CREDITS,
    inflight::Given,
    instance::Instance,
    library::Plugin,
    lock,
    queue::{SocketItem, Turn, WebhookItem},
    slot::{Shared, Slot},
    status::Problem,
};

/// Why a call was the last one.
#[derive(Debug)]
pub(crate) enum Fatal {
    /// The plugin has panicked or said that it is broken.
    Died(Problem),
    /// The plugin has refused to start.
    Refused(Problem),
    /// The watchdog has given the call up; the plugin is not touched any more.
    Abandoned,
}

/// One instance, on the thread that drives it.
pub(crate) struct Life<'a> {
    pub shared: &'a Shared,
    pub slot: &'a Slot,
    pub plugin: &'a Plugin,
    pub instance: Arc<Instance>,
    raw: *mut c_void,
}

impl<'a> Life<'a> {
    /// Makes an instance and starts it. With an error, it is over already and still has to be finished.
    pub(crate) fn begin(
        shared: &'a Shared,
        slot: &'a Slot,
        plugin: &'a Plugin,
        instance: Arc<Instance>,
        config: &str,
    ) -> (Self, Result<(), Fatal>) {
        instance.drive_here();
        let mut life = Life { shared, slot, plugin, instance, raw: std::ptr::null_mut() };
        let result = life.create(config).and_then(|()| life.start());
        (life, result)
    }

    fn create(&mut self, config: &str) -> Result<(), Fatal> {
        let api = api::open(self.instance.id, Arc::clone(&self.instance) as Arc<dyn Callbacks>);
        let create = self.plugin.entries.create;
        let mut raw = std::ptr::null_mut();
        // SAFETY: the functions live until the process ends, the configuration and the place for the instance for the
        // call.
        let status = self.call(Step::Create, || unsafe { create(api, Bytes::of(config.as_bytes()), &raw mut raw) })?;
        self.raw = if status == abi::OK { raw } else { std::ptr::null_mut() };
        self.expect_ok(Step::Create, status)?;
        if self.raw.is_null() {
            return Err(Fatal::Refused(Problem::new(Step::Create, "`create` says that it worked and made nothing")));
        }
        Ok(())
    }

    fn start(&mut self) -> Result<(), Fatal> {
        let (start, raw) = (self.plugin.entries.start, self.raw);
        // SAFETY: the instance that `create` made.
        let status = self.call(Step::Start, || unsafe { start(raw) })?;
        self.expect_ok(Step::Start, status)
    }

    fn expect_ok(&self, step: Step, status: i32) -> Result<(), Fatal> {
        if status == abi::OK {
            return Ok(());
        }
        let said = self.instance.said();
        let reason = said.unwrap_or_else(|| format!("`{}` answered with status {status}", step.as_str()));
        Err(Fatal::Refused(Problem::new(step, reason)))
    }

    /// Hands over what a turn has.
    pub(crate) fn turn(&self, mut turn: Turn) -> Result<(), Fatal> {
        // First of all: whatever ends this turn, each of its messages gets its answer.
        let base = lock(&self.instance.inflight).open(turn.messages.iter().map(given));
        if turn.fault {
            let said = self.instance.said().unwrap_or_else(|| "it says that it is broken".to_owned());
            return Err(Fatal::Died(Problem::new(Step::Thread, said)));
        }
        if turn.resume {
            self.instance.inbox.resume(&*self.shared.events, &self.instance.plugin);
        }
        if self.instance.inbox.owes_a_resume() {
            let (resume, raw) = (self.plugin.entries.resume, self.raw);
            // SAFETY: the instance that `create` made.
            self.call(Step::Resume, || unsafe { resume(raw, CREDITS) })?;
        }
        if !turn.sockets.is_empty() {
            self.sockets(&turn.sockets)?;
        }
        for id in std::mem::take(&mut turn.timers) {
            self.timer(id)?;
        }
        for item in std::mem::take(&mut turn.webhooks) {
            self.webhook(&item)?;
        }
        if !turn.messages.is_empty() {
            self.deliver(&mut turn, base)?;
        }
        Ok(())
    }

    fn sockets(&self, items: &[SocketItem]) -> Result<(), Fatal> {
        let events: Vec<SocketEvent> = items
            .iter()
            .map(|item| SocketEvent {
                size: size_of::<SocketEvent>() as u32,
                what: item.what,
                _pad: 0,
                socket: item.socket,
                data: Bytes::of(&item.data),
            })
            .collect();
        let (socket_events, raw) = (self.plugin.entries.socket_events, self.raw);
        // SAFETY: the instance that `create` made, and an array that lives for the call.
        self.call(Step::Sockets, || unsafe { socket_events(raw, events.as_ptr(), events.len() as u32) })?;
        // Not taken means not understood; there is nobody to tell but the plugin's own log.
        Ok(())
    }

    fn timer(&self, id: u64) -> Result<(), Fatal> {
        // A plugin of 1.0 cannot have set one.
        let Some(timer) = self.plugin.entries.timer else { return Ok(()) };
        let raw = self.raw;
        // SAFETY: the instance that `create` made.
        self.call(Step::Timer, || unsafe { timer(raw, id) })?;
        Ok(())
    }

    fn webhook(&self, WebhookItem { id, request }: &WebhookItem) -> Result<(), Fatal> {
        // Whoever has sent it may have gone meanwhile; and only who has this function has paths.
        let Some(webhook) = self.plugin.entries.webhook.filter(|_| self.instance.webhooks.is_open(*id)) else {
            return Ok(());
        };
        let view = WebhookRequest {
            size: size_of::<WebhookRequest>() as u32,
            _pad: 0,
            id: *id,
            method: Bytes::of(request.method.as_bytes()),
            path: Bytes::of(request.path.as_bytes()),
            query: Bytes::of(request.query.as_bytes()),
            headers: Bytes::of(request.headers.as_bytes()),
            principal: Bytes::of(request.principal.as_bytes()),
            body: Bytes::of(&request.body),
        };
        let raw = self.raw;
        // SAFETY: the instance that `create` made, and a request that lives for the call.
        let status = self.call(Step::Webhook, || unsafe { webhook(raw, &raw const view) })?;
        if status != abi::OK {
            let said = self.instance.said().unwrap_or_else(|| format!("`webhook` answered with status {status}"));
            self.instance.webhooks.settle(*id, Webhooked::Nonsense(said));
        }
        Ok(())
    }

    fn deliver(&self, turn: &mut Turn, base: u64) -> Result<(), Fatal> {
        let messages = std::mem::take(&mut turn.messages);
        let views: Vec<MsgView> = messages.iter().map(view).collect();
        let (deliver, raw) = (self.plugin.entries.deliver, self.raw);
        let mut accepted = 0u32;
        // SAFETY: the instance that `create` made, an array and a counter that live for the call.
        let status = self.call(Step::Deliver, || unsafe {
            deliver(raw, views.as_ptr(), views.len() as u32, base, &raw mut accepted)
        })?;
        drop(views);
        let accepted = match status {
            abi::OK => messages.len(),
            // Garbage cannot make it more than there are.
            _ => (accepted as usize).min(messages.len()),
        };
        let rest = self.not_accepted(&messages, accepted, base, status);
        let of = |messages: &[Outbound]| {
            let deliveries = messages.iter().filter(|message| message.kind == Kind::Delivery);
            deliveries.fold((0, 0), |(n, bytes), message| (n + 1, bytes + message.payload.len()))
        };
        let (all, back) = (of(&messages), of(&rest));
        if self.instance.queue.settle(turn, (all.0 - back.0, all.1 - back.1), rest) {
            self.shared.events.writable(&self.instance.plugin);
        }
        Ok(())
    }

    /// Returns the messages that come again; those that never will are answered.
    fn not_accepted(&self, messages: &[Outbound], accepted: usize, base: u64, status: i32) -> Vec<Outbound> {
        let mut rest = Vec::new();
        for (i, message) in messages.iter().enumerate().skip(accepted) {
            // One that was answered already, although it was not accepted, does not come again.
            let Some(given) = lock(&self.instance.inflight).close(base + i as u64) else { continue };
            if status == abi::WOULD_BLOCK {
                rest.push(message.clone());
            } else {
                let detail = self.instance.said().unwrap_or_else(|| format!("`deliver` answered with status {status}"));
                self.instance.answer(given, false, &detail);
            }
        }
        rest
    }

    /// Stops the plugin. Returns whether it may be destroyed.
    pub(crate) fn stop(&self, deadline: Duration) -> Result<bool, Fatal> {
        let (shutdown, raw) = (self.plugin.entries.shutdown, self.raw);
        if raw.is_null() {
            return Ok(false);
        }
        let ms = u32::try_from(deadline.as_millis()).unwrap_or(u32::MAX);
        // SAFETY: the instance that `create` made.
        Ok(self.call(Step::Stop, || unsafe { shutdown(raw, ms) })? == abi::OK)
    }

    /// Frees the instance. The library stays.
    pub(crate) fn destroy(mut self) -> Result<(), Fatal> {
        let (destroy, raw) = (self.plugin.entries.destroy, std::mem::replace(&mut self.raw, std::ptr::null_mut()));
        // SAFETY: the instance that `create` made, stopped, for the last time.
        self.call(Step::Destroy, || {
            unsafe { destroy(raw) };
            abi::OK
        })
        .map(|_| ())
    }

    /// Runs one call under the watchdog's eyes, and passes on what the plugin has handed over meanwhile.
    fn call(&self, step: Step, f: impl FnOnce() -> i32) -> Result<i32, Fatal> {
        self.instance.inbox.collect();
        let word = self.slot.call.begin(self.shared.clock, step);
        let status = f();
        if !self.slot.call.end(word) {
            return Err(Fatal::Abandoned);
        }
        self.instance.inbox.flush(&*self.shared.events, &self.instance.plugin);
        if self.instance.inbox.wants_a_resume() {
            self.instance.queue.resume();
        }
        if status == abi::PANIC {
            let said = self.instance.said().unwrap_or_else(|| "no message".to_owned());
            return Err(Fatal::Died(Problem::new(step, format!("it panicked in `{}`: {said}", step.as_str()))));
        }
        Ok(status)
    }
}

fn view(message: &Outbound) -> MsgView {
    MsgView {
        size: size_of::<MsgView>() as u32,
        kind: message.kind.as_u16(),
        flags: 0,
        link: message.link,
        corr: message.corr,
        payload: Bytes::of(&message.payload),
    }
}

fn given(message: &Outbound) -> Given {
    Given { link: message.link, kind: message.kind, corr: message.corr }
}
