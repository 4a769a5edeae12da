//! Changes of what plugins keep for themselves: decided and written in the writer's transaction, like everything.

use std::{fmt, sync::mpsc};

use tieline_host::{Denied, limits};
use tieline_store::{JobError, KvUse, StoreError, Tx};

use crate::shared::Shared;

/// A change that a plugin asks for.
pub enum KvChange {
    /// Store a value.
    Put {
        /// Under this key.
        key: String,
        /// The value.
        value: Vec<u8>,
    },
    /// Remove a value.
    Delete {
        /// Of this key.
        key: String,
    },
}

/// One change with the plugin's thread that waits for it.
pub struct KvJob {
    plugin: String,
    change: KvChange,
    result: Result<(), Denied>,
    /// Why it was refused.
    reason: Option<String>,
    done: mpsc::Sender<Answer>,
}

/// What became of a change, and for a refusal why.
pub type Answer = (Result<(), Denied>, Option<String>);

/// Shows no value.
impl fmt::Debug for KvJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KvJob").field("plugin", &self.plugin).finish_non_exhaustive()
    }
}

impl KvJob {
    /// Makes a job, and what its answer comes out of. Without an answer it was lost on the way.
    pub fn new(plugin: &str, change: KvChange) -> (Self, mpsc::Receiver<Answer>) {
        let (done, answer) = mpsc::channel();
        (Self { plugin: plugin.to_owned(), change, result: Err(Denied::Failed), reason: None, done }, answer)
    }

    /// Decides and writes.
    pub fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        (self.result, self.reason) = (Ok(()), None);
        match &self.change {
            KvChange::Put { key, value } => {
                let (used, old) = (tx.kv_use(&self.plugin)?, tx.kv_bytes(&self.plugin, key)?);
                match fits(used, old, (key.len() + value.len()) as u64) {
                    Ok(()) => tx.kv_put(&self.plugin, key, value)?,
                    Err(why) => (self.result, self.reason) = (Err(Denied::TooLarge), Some(why)),
                }
            }
            KvChange::Delete { key } => {
                if !tx.kv_delete(&self.plugin, key)? {
                    self.result = Err(Denied::NotFound);
                }
            }
        }
        Ok(())
    }

    /// It was not kept.
    pub fn failed(&mut self, shared: &Shared, error: &JobError) {
        let reason = match error {
            JobError::Store(StoreError::Full) => "the disk is full; nothing was stored".to_owned(),
            other => shared.fault(other).message,
        };
        (self.result, self.reason) = (Err(Denied::Failed), Some(reason));
    }

    /// Tells the plugin's thread.
    pub fn answer(self) {
        // A thread that does not wait any more does not want to know.
        let _ = self.done.send((self.result, self.reason));
    }
}

/// Says what is in the way of a key and value of `new` bytes in the place of `old`.
fn fits(used: KvUse, old: Option<u64>, new: u64) -> Result<(), String> {
    let (keys, space) = (limits::KEYS as u64, limits::SPACE_BYTES as u64);
    if old.is_none() && used.keys >= keys {
        return Err(format!("it has {} keys already; at most {keys} are allowed", used.keys));
    }
    let all = (used.bytes + new).saturating_sub(old.unwrap_or_default());
    if all > space {
        return Err(format!("all of it would have {all} bytes; at most {space} are allowed"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_space_is_limited_in_keys_and_bytes_and_what_is_there_can_be_replaced() {
        let (keys, space) = (limits::KEYS as u64, limits::SPACE_BYTES as u64);
        assert_eq!(fits(KvUse::default(), None, 10), Ok(()));
        assert_eq!(fits(KvUse { keys: keys - 1, bytes: 0 }, None, 10), Ok(()));
        assert!(fits(KvUse { keys, bytes: 0 }, None, 10).unwrap_err().contains("1024 keys already"));
        assert_eq!(fits(KvUse { keys, bytes: 100 }, Some(5), 10), Ok(()));
        assert_eq!(fits(KvUse { keys: 1, bytes: space - 10 }, None, 10), Ok(()));
        assert!(fits(KvUse { keys: 1, bytes: space - 10 }, None, 11).unwrap_err().contains("4194305 bytes"));
        assert_eq!(fits(KvUse { keys: 1, bytes: space }, Some(11), 11), Ok(()));
    }
}
