//! Writes frames to the process of a plugin.

use std::{
    io::{self, Write},
    os::unix::net::UnixStream,
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::{lock, process::Process, wire::ToChild};

/// A buffer that has grown beyond this for a large frame is given back.
const KEEP: usize = 1 << 20;

/// The writing end of a connection. Each frame is written as a whole, by whichever thread.
#[derive(Debug)]
pub(crate) struct Pen {
    to: UnixStream,
    process: Arc<Process>,
    frame: Mutex<Vec<u8>>,
}

impl Pen {
    /// A write that makes no progress within the limit fails.
    pub(crate) fn new(to: UnixStream, process: Arc<Process>, limit: Duration) -> io::Result<Pen> {
        to.set_write_timeout(Some(limit))?;
        Ok(Pen { to, process, frame: Mutex::default() })
    }

    /// Writes a frame. After an error the process is gone: one that does not read is killed.
    pub(crate) fn say(&self, said: &ToChild<'_>) -> io::Result<()> {
        let mut frame = lock(&self.frame);
        frame.clear();
        said.encode(&mut frame);
        let written = (&self.to).write_all(&frame);
        frame.shrink_to(KEEP);
        written.inspect_err(|error| {
            if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) {
                self.process.kill("its process does not read what it is told, so it was killed".to_owned());
            }
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{ffi::OsString, path::Path};

    use super::*;

    #[test]
    fn a_process_that_does_not_read_is_killed() {
        let command = ["sh", "-c", "exec sleep 1000"].map(OsString::from);
        let (process, line, _out) = Process::start(&command, Path::new("file")).unwrap();
        let process = Arc::new(process);
        let pen = Pen::new(line, Arc::clone(&process), Duration::from_millis(50)).unwrap();
        let data = vec![0; 64 << 10];
        let failed = (0..1000).any(|id| pen.say(&ToChild::Answer { id, status: 0, data: &data }).is_err());
        assert!(failed, "there is no end to what is written");
        assert_eq!(process.end(), "its process does not read what it is told, so it was killed");
    }
}
