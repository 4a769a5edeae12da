//! The process that a plugin runs in, from the inside: opens the library, and makes the calls that the host asks for.

mod confine;
mod line;
mod proxy;
mod room;

use std::{path::Path, sync::Arc};

use serde_json::json;
use tieline_plugin_sdk::abi;

use crate::{
    calls::{Answer, Calls},
    library,
    local::Local,
    status::{Problem, Step},
    wire::{PROTOCOL, ToChild},
};
use line::Line;
use proxy::Proxy;

/// Runs the plugin in `file` for the host at the other end of standard input, until that tells it to end or is gone.
/// Meant for a process of its own, as its first act: it closes every descriptor but the standard ones.
pub fn plugin_host(file: &Path) -> ! {
    let begun = confine::take_line().and_then(|line| {
        confine::end_with_the_host()?;
        confine::leave_the_end_to_the_host();
        Line::new(line)
    });
    let code = match begun {
        Ok(line) => serve(&Arc::new(line), file),
        Err(error) => {
            eprintln!("failed to begin the process of a plugin, which only the daemon starts: {error}");
            2
        }
    };
    confine::exit(code)
}

/// Makes one call after the other. Returns the exit code.
fn serve(line: &Arc<Line>, file: &Path) -> i32 {
    let proxy = Arc::new(Proxy::new(Arc::clone(line)));
    let mut local = None;
    loop {
        let frame = line.call();
        let call = match ToChild::decode(&frame) {
            Ok(call) => call,
            Err(error) => {
                eprintln!("the daemon sent {error}");
                return 2;
            }
        };
        let is_last = call == ToChild::Destroy;
        let (status, accepted, data) = match (&call, &mut local) {
            (ToChild::Ping, _) => (abi::OK, 0, Vec::new()),
            (ToChild::Open { protocol, memory_bytes, open_files }, None) => {
                match open(file, *protocol, *memory_bytes, *open_files, &proxy) {
                    Ok((opened, manifest)) => {
                        local = Some(opened);
                        (abi::OK, 0, manifest.as_bytes().to_vec())
                    }
                    Err(Problem { step, reason }) => {
                        (abi::FAILED, 0, json!({"step": step, "reason": reason}).to_string().into_bytes())
                    }
                }
            }
            (_, Some(local)) => {
                let (status, accepted) = make(&call, local, &proxy);
                (status, accepted, Vec::new())
            }
            (_, None) => (abi::INVALID, 0, Vec::new()),
        };
        line.reply(status, accepted, &data);
        if is_last {
            return 0;
        }
    }
}

/// Limits this process, then opens the library. Returns it with its manifest.
fn open(
    file: &Path,
    protocol: u32,
    memory_bytes: u64,
    open_files: u64,
    proxy: &Arc<Proxy>,
) -> Result<(Local, &'static str), Problem> {
    if protocol != PROTOCOL {
        let reason = "the daemon's program was replaced while it runs; restart the daemon";
        return Err(Problem::new(Step::Open, reason));
    }
    confine::limit(memory_bytes, open_files)
        .map_err(|error| Problem::new(Step::Open, format!("failed to limit the plugin's process: {error}")))?;
    let plugin = library::open(file)?;
    proxy.named(&plugin.manifest.name);
    Ok((Local::new(plugin.entries, 1, Arc::clone(proxy) as Arc<_>), plugin.manifest_json))
}

fn make(call: &ToChild<'_>, local: &mut Local, proxy: &Proxy) -> (i32, u32) {
    // A library that is open here is never gone.
    let status = |answer: Answer| (answer.unwrap_or(abi::FAILED), 0);
    match call {
        ToChild::Create { config } => status(local.create(config)),
        ToChild::Start => status(local.start()),
        ToChild::Deliver { base, messages } => local.deliver(messages, *base).unwrap_or((abi::FAILED, 0)),
        ToChild::Sockets { events } => {
            proxy.sockets(events);
            status(local.socket_events(events))
        }
        ToChild::Timer { id } => {
            proxy.fired(*id);
            status(local.timer(*id))
        }
        ToChild::Webhook { request } => status(local.webhook(request)),
        ToChild::Resume { credits, messages, bytes } => {
            proxy.resumed(*messages, *bytes);
            status(local.resume(*credits))
        }
        ToChild::Shutdown { deadline_ms } => status(local.shutdown(*deadline_ms)),
        ToChild::Destroy => status(local.destroy()),
        ToChild::Open { .. } | ToChild::Ping | ToChild::Credit { .. } | ToChild::Answer { .. } => (abi::INVALID, 0),
    }
}
