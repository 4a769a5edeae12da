//! Where an instance lives: in this process, or in one of its own.

use std::{path::Path, sync::Arc, time::Instant};

use crate::{
    PluginSettings,
    callbacks::Callbacks,
    calls::{Answer, Calls, Gone},
    instance::Instance,
    library::Entries,
    local::Local,
    manifest::Manifest,
    process::Process,
    queue::Turn,
    remote::{Next, Remote},
    slot::Shared,
    status::{Problem, Step},
};

/// What the instances of a plugin are made from.
pub(crate) enum Source<'a> {
    /// A library that is open here.
    Library(Entries),
    /// A file that each instance opens in a process of its own.
    File(&'a Path),
}

/// One instance, where it lives.
pub(crate) enum Body {
    Here(Local),
    Apart(Box<Remote>),
}

impl Body {
    /// Makes what an instance lives in; nothing of the plugin is called yet.
    pub(crate) fn new(shared: &Shared, source: &Source<'_>, instance: &Arc<Instance>) -> Result<Body, Problem> {
        match source {
            Source::Library(entries) => {
                let callbacks = Arc::clone(instance) as Arc<dyn Callbacks>;
                Ok(Body::Here(Local::new(*entries, instance.id, callbacks)))
            }
            Source::File(file) => {
                let command = &shared.settings.plugin_host;
                let remote =
                    Remote::start(command, file, instance, shared.limits.heartbeat, shared.settings.call_limit);
                let remote = remote.map_err(|error| {
                    let program = command.first().map(Path::new).unwrap_or(Path::new(""));
                    let reason = format!("failed to start a process for it with `{}`: {error}", program.display());
                    Problem::new(Step::Process, reason)
                })?;
                Ok(Body::Apart(Box::new(remote)))
            }
        }
    }

    /// Returns the process, when it is not this one.
    pub(crate) fn process(&self) -> Option<&Arc<Process>> {
        match self {
            Body::Here(_) => None,
            Body::Apart(remote) => Some(remote.process()),
        }
    }

    /// Returns the calls.
    pub(crate) fn calls(&mut self) -> &mut dyn Calls {
        match self {
            Body::Here(local) => local,
            Body::Apart(remote) => &mut **remote,
        }
    }

    /// Opens the file in the process, if there is one. Returns the manifest that was found there.
    pub(crate) fn open(&mut self, settings: &PluginSettings) -> Result<Result<Option<Manifest>, Problem>, Gone> {
        let Body::Apart(remote) = self else { return Ok(Ok(None)) };
        let reply = remote.open(settings.memory_mib << 20, settings.open_files)?;
        Ok(match reply.status {
            tieline_plugin_sdk::abi::OK => Manifest::parse(&reply.data).map(Some),
            _ => Err(Problem::read(&reply.data).unwrap_or_else(|| {
                Problem::new(Step::Open, format!("its process answered with status {}", reply.status))
            })),
        })
    }

    /// Waits for the next turn; nothing when it is time to ask whether the process is there.
    pub(crate) fn next(&mut self, instance: &Instance, until: Option<Instant>) -> Result<Option<Turn>, Gone> {
        match self {
            Body::Here(_) => Ok(Some(instance.queue.next(until))),
            Body::Apart(remote) => Ok(match remote.next(until)? {
                Next::Turn(turn) => Some(turn),
                Next::Heartbeat => None,
            }),
        }
    }

    /// Asks the process whether it is there.
    pub(crate) fn ping(&mut self) -> Answer {
        match self {
            Body::Here(_) => Ok(tieline_plugin_sdk::abi::OK),
            Body::Apart(remote) => remote.ping(),
        }
    }

    /// A call has ended, and what came meanwhile was passed on.
    pub(crate) fn settle(&mut self) {
        if let Body::Apart(remote) = self {
            remote.give_back();
        }
    }
}
