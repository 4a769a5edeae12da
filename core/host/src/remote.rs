//! The calls into an instance that lives in a process of its own.
//!
//! Each is a frame and waits for its reply. What the plugin calls meanwhile comes on the same connection before the reply,
//! so it is seen before the call has returned, as with a library. Between calls the driver waits for its queue and for the
//! process at once: no other thread reads, because each hand-over between threads costs as much as the message itself.

use std::{
    ffi::OsString,
    io::{self, PipeReader, Read},
    os::unix::net::UnixStream,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tieline_plugin_sdk::abi;

use crate::{
    callbacks::Callbacks,
    calls::{Answer, Calls, Gone, Message, Request, SocketNews},
    desk::Desk,
    hearing::{Hearing, Reply},
    inbox::{MOST_BYTES, MOST_MESSAGES},
    instance::Instance,
    output::Output,
    pen::Pen,
    process::Process,
    queue::Turn,
    wire::{Frames, MOST_FROM_CHILD, ToChild},
};

/// How many bytes of payloads go into one frame, if it has more than one.
const PART: usize = 8 << 20;
/// Room is given back when at least so much of it was used: rarely enough to cost little.
const GIVE_BACK: (usize, usize) = (MOST_MESSAGES / 4, MOST_BYTES / 4);

/// One instance, and the process that it lives in.
pub(crate) struct Remote {
    process: Arc<Process>,
    output: Output,
    line: UnixStream,
    bell: UnixStream,
    pen: Arc<Pen>,
    frames: Frames,
    hearing: Hearing,
    /// When the process was heard last.
    heard: Instant,
    heartbeat: Duration,
}

/// What a driver has waited for.
pub(crate) enum Next {
    Turn(Turn),
    /// Nothing was heard for so long that it is time to ask.
    Heartbeat,
}

impl Remote {
    /// Starts a process for `file`. Nothing of the file is run yet.
    pub(crate) fn start(
        command: &[OsString],
        file: &Path,
        instance: &Arc<Instance>,
        heartbeat: Duration,
        call_limit: Duration,
    ) -> io::Result<Remote> {
        Remote::with(Process::start(command, file)?, instance, heartbeat, call_limit)
    }

    /// Speaks with a process that was started, over the connection to it.
    pub(crate) fn with(
        (process, line, printed): (Process, UnixStream, PipeReader),
        instance: &Arc<Instance>,
        heartbeat: Duration,
        call_limit: Duration,
    ) -> io::Result<Remote> {
        let (bell, rings) = UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        rings.set_nonblocking(true)?;
        instance.queue.ring(rings);
        let output = Output::listen(printed, Arc::clone(instance) as Arc<dyn Callbacks>)?;
        let process = Arc::new(process);
        let pen = Arc::new(Pen::new(line.try_clone()?, Arc::clone(&process), call_limit)?);
        let desk = Desk::new(Arc::clone(instance), Arc::clone(&pen));
        Ok(Remote {
            process,
            output,
            line,
            bell,
            pen,
            frames: Frames::new(MOST_FROM_CHILD),
            hearing: Hearing { instance: Arc::clone(instance), desk },
            heard: Instant::now(),
            heartbeat,
        })
    }

    /// Returns the process.
    pub(crate) fn process(&self) -> &Arc<Process> {
        &self.process
    }

    /// Lets it limit itself and open the library. The reply has the manifest or the problem.
    pub(crate) fn open(&mut self, memory_bytes: u64, open_files: u64) -> Result<Reply, Gone> {
        self.ask(&ToChild::Open { protocol: crate::wire::PROTOCOL, memory_bytes, open_files })
    }

    /// Asks whether it is there.
    pub(crate) fn ping(&mut self) -> Answer {
        self.call(&ToChild::Ping)
    }

    /// Waits until there is something to do, and passes on what the plugin says meanwhile.
    pub(crate) fn next(&mut self, until: Option<Instant>) -> Result<Next, Gone> {
        loop {
            self.hear()?;
            let until = match self.hearing.instance.queue.look(until) {
                Ok(turn) => return Ok(Next::Turn(turn)),
                Err(until) => until,
            };
            let now = Instant::now();
            let beat = self.heard + self.heartbeat;
            if beat <= now {
                return Ok(Next::Heartbeat);
            }
            let until = until.map_or(beat, |until| until.min(beat));
            let is_said = wait(&self.line, &self.bell, until.saturating_duration_since(now));
            if is_said.map_err(|error| Gone(format!("failed to wait for its process: {error}")))? {
                self.read()?;
            }
            // Only that it rings counts.
            let _silent = (&self.bell).read(&mut [0; 64]);
        }
    }

    /// Gives room back that was used, when it is worth a frame.
    pub(crate) fn give_back(&mut self) {
        if let Some((messages, bytes)) = self.hearing.instance.inbox.passed(GIVE_BACK) {
            // A process that is gone is noticed by whoever reads.
            let _gone = self.say(&ToChild::Credit { messages: messages as u32, bytes: bytes as u64 });
        }
    }

    /// Passes on, as one batch, what was read and belongs to no call.
    fn hear(&mut self) -> Result<(), Gone> {
        let instance = Arc::clone(&self.hearing.instance);
        instance.inbox.collect();
        let heard = loop {
            match self.take() {
                Ok(Some(None)) => {}
                Ok(Some(Some(_))) => break Err("an answer that nobody has asked for".to_owned()),
                Ok(None) => break Ok(()),
                Err(what) => break Err(what),
            }
        };
        instance.inbox.flush(&*instance.events, &instance.plugin);
        self.give_back();
        if instance.inbox.wants_a_resume() {
            instance.queue.resume();
        }
        heard.map_err(|what| self.refuse(&what))
    }

    /// Does what the next frame says; nothing when none is there as a whole.
    fn take(&mut self) -> Result<Option<Option<Reply>>, String> {
        match self.frames.take() {
            Ok(Some(frame)) => self.hearing.hear(frame).map(Some),
            Ok(None) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    fn call(&mut self, frame: &ToChild<'_>) -> Answer {
        self.ask(frame).map(|reply| reply.status)
    }

    /// Sends a frame and waits for its reply.
    fn ask(&mut self, frame: &ToChild<'_>) -> Result<Reply, Gone> {
        self.say(frame)?;
        loop {
            match self.take() {
                Ok(Some(Some(reply))) => return Ok(reply),
                Ok(Some(None)) => {}
                Ok(None) => self.read()?,
                Err(what) => return Err(self.refuse(&what)),
            }
        }
    }

    fn say(&self, frame: &ToChild<'_>) -> Result<(), Gone> {
        self.pen.say(frame).map_err(|_| self.gone())
    }

    fn read(&mut self) -> Result<(), Gone> {
        match self.frames.fill(&mut self.line) {
            Ok(0) | Err(_) => Err(self.gone()),
            Ok(_) => {
                self.heard = Instant::now();
                Ok(())
            }
        }
    }

    /// Ends a process that says what no honest one says.
    fn refuse(&self, what: &str) -> Gone {
        self.process.kill(format!("its process sent {what}, so it was killed"));
        self.gone()
    }

    /// Says how it ended, and what it said last.
    fn gone(&self) -> Gone {
        let how = self.process.end();
        match self.output.last_words().as_str() {
            "" => Gone(how),
            words => Gone(format!("{how}; it printed: {words}")),
        }
    }
}

impl Drop for Remote {
    /// Whoever still watches it is not to find it alive.
    fn drop(&mut self) {
        self.process.end();
    }
}

/// Waits for either, or until the time is up. Tells whether there is something on the line.
fn wait(line: &UnixStream, bell: &UnixStream, limit: Duration) -> io::Result<bool> {
    let mut both = [PollFd::new(line, PollFlags::IN), PollFd::new(bell, PollFlags::IN)];
    // A limit that is too long for the system is none.
    let limit = Timespec::try_from(limit).ok();
    match poll(&mut both, limit.as_ref()) {
        // Also when it is closed.
        Ok(_) => Ok(!both[0].revents().is_empty()),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

impl Calls for Remote {
    fn create(&mut self, config: &str) -> Answer {
        self.call(&ToChild::Create { config })
    }

    fn start(&mut self) -> Answer {
        self.call(&ToChild::Start)
    }

    fn deliver(&mut self, messages: &[Message<'_>], base: u64) -> Result<(i32, u32), Gone> {
        let mut done = 0;
        for part in parts(messages, |message| message.payload.len()) {
            let reply = self.ask(&ToChild::Deliver { base: base + u64::from(done), messages: part.into() })?;
            if reply.status != abi::OK {
                return Ok((reply.status, done + reply.accepted.min(part.len() as u32)));
            }
            done += part.len() as u32;
        }
        Ok((abi::OK, done))
    }

    fn socket_events(&mut self, events: &[SocketNews<'_>]) -> Answer {
        let mut worst = abi::OK;
        for part in parts(events, |event| event.data.len()) {
            match self.call(&ToChild::Sockets { events: part.into() })? {
                abi::OK => {}
                abi::PANIC => return Ok(abi::PANIC),
                status => worst = status,
            }
        }
        Ok(worst)
    }

    fn timer(&mut self, id: u64) -> Answer {
        self.call(&ToChild::Timer { id })
    }

    fn webhook(&mut self, request: &Request<'_>) -> Answer {
        self.call(&ToChild::Webhook { request: *request })
    }

    fn resume(&mut self, credits: u32) -> Answer {
        let (messages, bytes) = self.hearing.instance.inbox.passed((0, 0)).unwrap_or_default();
        self.call(&ToChild::Resume { credits, messages: messages as u32, bytes: bytes as u64 })
    }

    fn shutdown(&mut self, deadline_ms: u32) -> Answer {
        self.call(&ToChild::Shutdown { deadline_ms })
    }

    fn destroy(&mut self) -> Answer {
        self.call(&ToChild::Destroy)
    }
}

/// Cuts a list so that no part is larger than a frame should be, unless it is a single item.
fn parts<T>(items: &[T], size: impl Fn(&T) -> usize) -> impl Iterator<Item = &[T]> {
    let mut rest = items;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |item: &&T| {
            bytes += size(item);
            bytes <= PART
        };
        let n = rest.iter().take_while(fits).count().max(1).min(rest.len());
        let (part, after) = rest.split_at(n);
        rest = after;
        (!part.is_empty()).then_some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_cut_into_parts_that_fit() {
        let cut = |sizes: &[usize]| parts(sizes, |&size| size).map(<[usize]>::len).collect::<Vec<_>>();
        assert_eq!(cut(&[]), [0; 0]);
        assert_eq!(cut(&[1, 2, 3]), [3]);
        assert_eq!(cut(&[PART, 1, PART - 1, 1]), [1, 2, 1]);
        assert_eq!(cut(&[PART + 1, PART + 1]), [1, 1]);
    }
}
