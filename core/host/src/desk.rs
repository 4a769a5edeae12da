//! Does what the process of a plugin asks for.
//!
//! What may wait for the disk is done on a thread of its own, one after the other, so that nothing else of the plugin waits
//! for it.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
};

use tieline_plugin_sdk::abi;

use crate::{
    Denied,
    instance::Instance,
    pen::Pen,
    service::Services,
    wire::{FromChild, Service, ToChild},
};

/// The services of one instance.
pub(crate) struct Desk {
    instance: Arc<Instance>,
    pen: Arc<Pen>,
    /// Begun when it is needed.
    thread: Option<mpsc::Sender<Vec<u8>>>,
    is_busy: Arc<AtomicBool>,
}

impl Desk {
    pub(crate) fn new(instance: Arc<Instance>, pen: Arc<Pen>) -> Self {
        Desk { instance, pen, thread: None, is_busy: Arc::default() }
    }

    /// Does what a frame asks for, and answers. An error completes "it sent …".
    pub(crate) fn ask(&mut self, frame: &[u8], id: u64, service: &Service<'_>) -> Result<(), String> {
        if !service.may_wait() {
            answer(&self.pen, id, run(&*self.instance, service));
            return Ok(());
        }
        if self.is_busy.swap(true, Ordering::AcqRel) {
            return Err("a second request for the disk before the first was answered".to_owned());
        }
        let begun = match &self.thread {
            Some(_) => Ok(()),
            None => self.begin(),
        };
        let sent = begun.is_ok() && self.thread.as_ref().is_some_and(|thread| thread.send(frame.to_vec()).is_ok());
        if !sent {
            self.is_busy.store(false, Ordering::Release);
            answer(&self.pen, id, Err(Denied::Failed));
        }
        Ok(())
    }

    fn begin(&mut self) -> io::Result<()> {
        let (asks, asked) = mpsc::channel::<Vec<u8>>();
        let (instance, pen, is_busy) = (Arc::clone(&self.instance), Arc::clone(&self.pen), Arc::clone(&self.is_busy));
        std::thread::Builder::new().name(format!("services-{}", instance.plugin)).spawn(move || {
            for frame in asked {
                if let Ok(FromChild::Ask { id, service }) = FromChild::decode(&frame) {
                    let result = catch_unwind(AssertUnwindSafe(|| run(&*instance, &service)));
                    let result = result.unwrap_or_else(|payload| {
                        // Dropping a payload may panic again.
                        std::mem::forget(payload);
                        tracing::error!(plugin.name = %instance.plugin, "a listener of plugin events panicked");
                        Err(Denied::Failed)
                    });
                    is_busy.store(false, Ordering::Release);
                    answer(&pen, id, result);
                }
            }
        })?;
        self.thread = Some(asks);
        Ok(())
    }
}

fn run(services: &dyn Services, service: &Service<'_>) -> Result<Vec<u8>, Denied> {
    let nothing = |result: Result<(), Denied>| result.map(|()| Vec::new());
    match *service {
        Service::KvGet { key } => services.kv_get(key),
        Service::KvPut { key, value } => nothing(services.kv_put(key, value)),
        Service::KvDelete { key } => nothing(services.kv_delete(key)),
        Service::KvKeys { prefix } => services.kv_keys(prefix),
        Service::Secret { name } => services.secret(name),
        Service::Principal { link } => services.principal(link),
        Service::WebhookReply { request, status, kind, body } => {
            nothing(services.webhook_reply(request, status, kind, body))
        }
    }
}

fn answer(pen: &Pen, id: u64, result: Result<Vec<u8>, Denied>) {
    let (status, data) = result.map_or_else(|denied| (denied.status(), Vec::new()), |data| (abi::OK, data));
    // A process that is gone is noticed by whoever reads.
    let _gone = pen.say(&ToChild::Answer { id, status, data: &data });
}
