//! One instance as its driver sees it: what is handed over, what comes back, and what ends it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tieline_plugin_sdk::abi;

use crate::{
    Kind, Outbound, Step, Webhooked,
    body::Body,
    calls::{Answer, Gone, Message, Request, SocketNews},
    inbox::CREDITS,
    inflight::Given,
    instance::Instance,
    lock,
    manifest::Manifest,
    queue::{SocketItem, Turn, WebhookItem},
    settings::PluginSettings,
    slot::{Shared, Slot},
    status::Problem,
};

/// Why a call was the last one.
#[derive(Debug)]
pub(crate) enum Fatal {
    /// The plugin has panicked, said that it is broken, or is gone.
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
    pub instance: Arc<Instance>,
    body: Body,
    /// It was made, and there is somebody who could stop it.
    is_made: bool,
}

impl<'a> Life<'a> {
    /// Nothing is called yet.
    pub(crate) fn new(shared: &'a Shared, slot: &'a Slot, instance: Arc<Instance>, body: Body) -> Self {
        instance.drive_here();
        Life { shared, slot, instance, body, is_made: false }
    }

    /// Makes the instance and starts it. With an error, it is over already and still has to be finished.
    pub(crate) fn begin(&mut self, manifest: &Manifest, settings: &PluginSettings) -> Result<(), Fatal> {
        self.open(manifest, settings)?;
        self.create(&settings.config.to_string())?;
        self.start()
    }

    fn open(&mut self, manifest: &Manifest, settings: &PluginSettings) -> Result<(), Fatal> {
        let mut found = Ok(None);
        self.call(Step::Open, |body| {
            found = body.open(settings)?;
            Ok(abi::OK)
        })?;
        match found.map_err(Fatal::Refused)? {
            Some(found) => found.is(manifest).map_err(Fatal::Refused),
            None => Ok(()),
        }
    }

    fn create(&mut self, config: &str) -> Result<(), Fatal> {
        let status = self.call(Step::Create, |body| body.calls().create(config))?;
        self.is_made = status == abi::OK;
        self.expect_ok(Step::Create, status)
    }

    fn start(&mut self) -> Result<(), Fatal> {
        let status = self.call(Step::Start, |body| body.calls().start())?;
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

    /// Waits for the next turn.
    pub(crate) fn next(&mut self, until: Option<Instant>) -> Result<Turn, Fatal> {
        loop {
            match self.body.next(&self.instance, until) {
                Ok(Some(turn)) => return Ok(turn),
                Ok(None) => drop(self.call(Step::Process, Body::ping)?),
                Err(gone) => return Err(self.died(Step::Process, gone)),
            }
        }
    }

    /// Hands over what a turn has.
    pub(crate) fn turn(&mut self, mut turn: Turn) -> Result<(), Fatal> {
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
            self.call(Step::Resume, |body| body.calls().resume(CREDITS))?;
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

    fn sockets(&mut self, items: &[SocketItem]) -> Result<(), Fatal> {
        let events: Vec<SocketNews<'_>> = items.iter().map(SocketNews::of).collect();
        self.call(Step::Sockets, |body| body.calls().socket_events(&events))?;
        // Not taken means not understood; there is nobody to tell but the plugin's own log.
        Ok(())
    }

    fn timer(&mut self, id: u64) -> Result<(), Fatal> {
        self.call(Step::Timer, |body| body.calls().timer(id))?;
        Ok(())
    }

    fn webhook(&mut self, item: &WebhookItem) -> Result<(), Fatal> {
        // Whoever has sent it may have gone meanwhile.
        if !self.instance.webhooks.is_open(item.id) {
            return Ok(());
        }
        let status = self.call(Step::Webhook, |body| body.calls().webhook(&Request::of(item)))?;
        if status != abi::OK {
            let said = self.instance.said().unwrap_or_else(|| format!("`webhook` answered with status {status}"));
            self.instance.webhooks.settle(item.id, Webhooked::Nonsense(said));
        }
        Ok(())
    }

    fn deliver(&mut self, turn: &mut Turn, base: u64) -> Result<(), Fatal> {
        let messages = std::mem::take(&mut turn.messages);
        let lent: Vec<Message<'_>> = messages.iter().map(Message::of).collect();
        let mut accepted = 0;
        let status = self.call(Step::Deliver, |body| {
            let status;
            (status, accepted) = body.calls().deliver(&lent, base)?;
            Ok(status)
        })?;
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
    pub(crate) fn stop(&mut self, deadline: Duration) -> Result<bool, Fatal> {
        if !self.is_made {
            return Ok(false);
        }
        let ms = u32::try_from(deadline.as_millis()).unwrap_or(u32::MAX);
        Ok(self.call(Step::Stop, |body| body.calls().shutdown(ms))? == abi::OK)
    }

    /// Frees the instance. The library stays.
    pub(crate) fn destroy(mut self) -> Result<(), Fatal> {
        self.call(Step::Destroy, |body| body.calls().destroy()).map(|_| ())
    }

    /// Runs one call under the watchdog's eyes, and passes on what the plugin has handed over meanwhile.
    fn call(&mut self, step: Step, f: impl FnOnce(&mut Body) -> Answer) -> Result<i32, Fatal> {
        self.instance.inbox.collect();
        let word = self.slot.call.begin(self.shared.clock, step);
        let answer = f(&mut self.body);
        if !self.slot.call.end(word) {
            return Err(Fatal::Abandoned);
        }
        self.instance.inbox.flush(&*self.shared.events, &self.instance.plugin);
        self.body.settle();
        if self.instance.inbox.wants_a_resume() {
            self.instance.queue.resume();
        }
        match answer {
            Ok(abi::PANIC) => {
                let said = self.instance.said().unwrap_or_else(|| "no message".to_owned());
                Err(Fatal::Died(Problem::new(step, format!("it panicked in `{}`: {said}", step.as_str()))))
            }
            Ok(status) => Ok(status),
            Err(gone) => Err(self.died(step, gone)),
        }
    }

    /// There is nobody left who could be called.
    fn died(&mut self, step: Step, Gone(reason): Gone) -> Fatal {
        self.is_made = false;
        Fatal::Died(Problem::new(step, reason))
    }
}

fn given(message: &Outbound) -> Given {
    Given { link: message.link, kind: message.kind, corr: message.corr }
}
