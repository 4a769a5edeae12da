//! Commands that act on the running daemon: done first, then written down on the mesh's own timeline, then answered.

use tieline_model::{EventBody, Outcome, Reply, reply::PluginView};

use crate::{door::Door, incidents::Incident, port::Unable, request::Request};

/// Carries one out. Blocks until it is done; the outcome goes out once its record is durable.
pub fn carry_out(door: &Door, request: Request) {
    let shared = door.shared();
    let done = match shared.port() {
        Some(port) => port.operate(&request.command, &request.principal),
        None => Err(Unable::Failed("there is nothing that plugins run in".into())),
    };
    match done {
        Ok(plugin) => {
            let body = record(&request, &plugin);
            shared.incidents.note(door, Incident { body, answer: Some((request, Reply::Plugin(plugin))) });
        }
        Err(unable) => {
            let outcome: Outcome = Err(match unable {
                Unable::Refused(refusal) => (*refusal).into(),
                Unable::Failed(what) => shared.fault(what).into(),
            });
            shared.metrics.command(request.command.name(), &outcome);
            request.reply.answer(outcome, None, None);
        }
    }
}

fn record(request: &Request, plugin: &PluginView) -> EventBody {
    EventBody::PluginOperated {
        plugin: plugin.name.clone(),
        file: plugin.file.clone(),
        command: request.command.name().to_owned(),
        hash: plugin.hash.clone(),
        by: request.principal.id,
    }
}
