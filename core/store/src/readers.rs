//! Read-only connections that work beside the writer, each on one caller at a time.

use std::{
    fmt,
    path::Path,
    sync::{Arc, Condvar, Mutex, PoisonError},
};

use diesel::SqliteConnection;

use crate::{OpenError, pragma};

/// A small pool. Clones share it.
#[derive(Clone)]
pub struct Readers(Arc<Pool>);

struct Pool {
    free: Mutex<Vec<SqliteConnection>>,
    returned: Condvar,
}

impl fmt::Debug for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Readers")
    }
}

/// One connection, given back when dropped.
pub struct Reader {
    pool: Readers,
    conn: Option<SqliteConnection>,
}

impl Readers {
    pub(crate) fn open(path: &Path, count: usize) -> Result<Self, OpenError> {
        let free = (0..count).map(|_| pragma::reader(path)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self(Arc::new(Pool { free: Mutex::new(free), returned: Condvar::new() })))
    }

    /// Takes a connection, waiting for one. Blocks: not for an async thread's long reads.
    pub fn take(&self) -> Reader {
        let mut free = self.0.free.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(conn) = free.pop() {
                return Reader { pool: self.clone(), conn: Some(conn) };
            }
            free = self.0.returned.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Reader {
    pub(crate) fn conn(&mut self) -> Result<&mut SqliteConnection, crate::StoreError> {
        self.conn.as_mut().ok_or(crate::StoreError::Closed)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take() {
            self.pool.0.free.lock().unwrap_or_else(PoisonError::into_inner).push(conn);
            self.pool.0.returned.notify_one();
        }
    }
}
