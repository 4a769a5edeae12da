//! Writes frames to the process of a plugin.

use std::{
    io::{self, Write},
    os::unix::net::UnixStream,
    sync::Mutex,
    time::Duration,
};

use crate::{lock, wire::ToChild};

/// The writing end of a connection. Each frame is written as a whole.
#[derive(Debug)]
pub(crate) struct Pen {
    to: UnixStream,
    frame: Mutex<Vec<u8>>,
}

impl Pen {
    /// A write that takes longer than the limit fails: whoever is at the other end does not read.
    pub(crate) fn new(to: UnixStream, limit: Duration) -> io::Result<Pen> {
        to.set_write_timeout(Some(limit))?;
        Ok(Pen { to, frame: Mutex::default() })
    }

    /// Writes a frame. After an error the connection is of no use.
    pub(crate) fn say(&self, said: &ToChild<'_>) -> io::Result<()> {
        let mut frame = lock(&self.frame);
        frame.clear();
        said.encode(&mut frame);
        (&self.to).write_all(&frame)?;
        frame.shrink_to(1 << 20);
        Ok(())
    }
}
