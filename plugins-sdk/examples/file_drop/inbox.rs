//! The folder that files are dropped into, and where each goes from there: `sending`, then `done` or `failed`.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, DirEntry, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use serde_json::value::RawValue;
use tieline_plugin_sdk::serde_json;

use super::disk;

/// The commands that a file may hold.
const COMMANDS: [&str; 4] = ["notify", "ask", "ack", "broadcast"];
/// The largest file that is read.
const MOST_BYTES: u64 = 1 << 20;

/// A file on its way into the mesh.
#[derive(Debug)]
pub struct Dropped {
    /// Where it is now.
    path: PathBuf,
    /// The idempotency key: the same for the same file, however often it is sent.
    pub key: String,
    /// The command that it holds, as it stands there.
    pub command: String,
}

/// The folders.
#[derive(Debug)]
pub struct Inbox {
    inbox: PathBuf,
    sending: PathBuf,
    done: PathBuf,
    failed: PathBuf,
    /// How the files looked the last time. Who still writes one changes it.
    seen: HashMap<PathBuf, (u64, i64, i64)>,
}

impl Inbox {
    /// Makes the folders that are missing.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let sub = |name: &str| {
            let path = folder.join(name);
            fs::create_dir_all(&path).map(|()| path)
        };
        Ok(Inbox {
            inbox: sub("inbox")?,
            sending: sub("sending")?,
            done: sub("done")?,
            failed: sub("failed")?,
            seen: HashMap::new(),
        })
    }

    /// Returns the next file to be sent: one that an earlier life had begun with, else the oldest of the inbox. Those
    /// that hold no command go to `failed`.
    pub fn next(&mut self) -> io::Result<Option<Dropped>> {
        self.claim()?;
        let mut waiting: Vec<PathBuf> = entries(&self.sending)?.map(|(entry, _)| entry.path()).collect();
        waiting.sort();
        for path in waiting {
            match read(&path) {
                Ok(command) => return Ok(Some(Dropped { key: key(&path), path, command })),
                Err(reason) => self.fail(&path, &reason)?,
            }
        }
        Ok(None)
    }

    /// The mesh has it.
    pub fn done(&self, dropped: &Dropped) -> io::Result<()> {
        move_into(&self.done, &dropped.path)
    }

    /// The mesh does not want it. The reason is written beside it.
    pub fn failed(&self, dropped: &Dropped, reason: &str) -> io::Result<()> {
        self.fail(&dropped.path, reason)
    }

    fn fail(&self, path: &Path, reason: &str) -> io::Result<()> {
        tracing::warn!(file = %path.display(), reason, "a file was not sent");
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        fs::write(self.failed.join(format!("{name}.reason")), format!("{reason}\n"))?;
        move_into(&self.failed, path)
    }

    /// Takes the files that nobody writes any more out of the inbox. The new name begins with what is the file's own and
    /// stays with it: the time of its last change, which also gives the order, and its number on the disk.
    fn claim(&mut self) -> io::Result<()> {
        let mut seen = HashMap::new();
        for (entry, metadata) in entries(&self.inbox)? {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') || name.ends_with(".part") || name.ends_with(".tmp") {
                continue;
            }
            let look = (metadata.len(), metadata.mtime(), metadata.mtime_nsec());
            if self.seen.get(&entry.path()) != Some(&look) {
                seen.insert(entry.path(), look);
                continue;
            }
            let short: String = name.chars().take(40).collect();
            let (seconds, nanos, number) = (metadata.mtime(), metadata.mtime_nsec(), metadata.ino());
            fs::rename(entry.path(), self.sending.join(format!("{seconds:012}.{nanos:09}-{number}-{short}")))?;
        }
        self.seen = seen;
        Ok(())
    }
}

/// The files of a folder.
fn entries(folder: &Path) -> io::Result<impl Iterator<Item = (DirEntry, Metadata)>> {
    // One that is gone by now is nobody's business.
    let with_metadata = |entry: io::Result<DirEntry>| {
        let entry = entry.ok()?;
        let metadata = entry.metadata().ok()?;
        metadata.is_file().then_some((entry, metadata))
    };
    Ok(fs::read_dir(folder)?.filter_map(with_metadata))
}

/// Returns what the name of a file in `sending` begins with.
fn key(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.splitn(3, '-').take(2).collect::<Vec<_>>().join("-")
}

/// Reads the command that a file holds, or says why it holds none.
fn read(path: &Path) -> Result<String, String> {
    let size = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > MOST_BYTES {
        return Err(format!("it has {size} bytes; at most {MOST_BYTES} are read"));
    }
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let wanted = r#"wanted one command, such as {"notify":{"to":"human","text":"hello"}}"#;
    let command: BTreeMap<String, &RawValue> =
        serde_json::from_str(&text).map_err(|error| format!("it is not read: {error}; {wanted}"))?;
    match command.keys().map(String::as_str).collect::<Vec<_>>()[..] {
        [name] if COMMANDS.contains(&name) => Ok(text),
        [name] => Err(format!("it holds `{name}`; wanted one of {}", COMMANDS.join(", "))),
        _ => Err(format!("it holds {} commands; {wanted}", command.len())),
    }
}

fn move_into(folder: &Path, path: &Path) -> io::Result<()> {
    let to = folder.join(path.file_name().unwrap_or_default());
    fs::rename(path, &to)?;
    disk::sync_names(&to)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &str = r#"{"notify":{"to":"human","text":"hello"}}"#;

    fn drop_file(folder: &Path, name: &str, content: &str) {
        fs::write(folder.join("inbox").join(name), content).unwrap();
    }

    fn count(folder: &Path, name: &str) -> usize {
        fs::read_dir(folder.join(name)).unwrap().count()
    }

    #[test]
    fn a_file_is_taken_when_it_stays_as_it_is_and_keeps_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let mut inbox = Inbox::open(folder.path()).unwrap();
        drop_file(folder.path(), "a-b.json", "{");
        assert!(inbox.next().unwrap().is_none(), "somebody may still write");
        drop_file(folder.path(), "a-b.json", HELLO);
        assert!(inbox.next().unwrap().is_none(), "it has changed");
        let dropped = inbox.next().unwrap().unwrap();
        assert_eq!((dropped.command.as_str(), count(folder.path(), "inbox")), (HELLO, 0));

        // Another life finds it in `sending`, under the same key.
        let mut later = Inbox::open(folder.path()).unwrap();
        let again = later.next().unwrap().unwrap();
        assert_eq!(again.key, dropped.key);
        later.done(&again).unwrap();
        assert_eq!((count(folder.path(), "sending"), count(folder.path(), "done")), (0, 1));
        assert!(later.next().unwrap().is_none());
    }

    #[test]
    fn what_is_no_command_goes_to_failed_with_a_reason_beside_it() {
        for (content, says) in [
            ("hello", "wanted one command"),
            ("{}", "it holds 0 commands"),
            (r#"{"token_list":{}}"#, "`token_list`; wanted one of notify"),
            (r#"{"ask":{},"ack":{}}"#, "it holds 2 commands"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let mut inbox = Inbox::open(folder.path()).unwrap();
            drop_file(folder.path(), "x", content);
            assert!(inbox.next().unwrap().is_none() && inbox.next().unwrap().is_none());
            let failed: Vec<_> =
                entries(&folder.path().join("failed")).unwrap().map(|(entry, _)| entry.path()).collect();
            assert_eq!(failed.len(), 2, "{failed:?}");
            let reason = failed.iter().find(|path| path.extension().is_some_and(|end| end == "reason")).unwrap();
            let reason = fs::read_to_string(reason).unwrap();
            assert!(reason.contains(says), "{content}: {reason}");
        }
    }

    #[test]
    fn files_go_in_the_order_of_their_last_change_and_half_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let mut inbox = Inbox::open(folder.path()).unwrap();
        for (name, seconds) in [("a", 3), ("b", 1), ("c", 2), (".d", 1), ("e.part", 1)] {
            drop_file(folder.path(), name, &format!(r#"{{"notify":{{"text":"{name}"}}}}"#));
            let file = fs::File::options().write(true).open(folder.path().join("inbox").join(name)).unwrap();
            file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds)).unwrap();
        }
        assert!(inbox.next().unwrap().is_none());
        let mut order = String::new();
        while let Some(dropped) = inbox.next().unwrap() {
            order += &dropped.command.replace(r#"{"notify":{"text":""#, "").replace(r#""}}"#, "");
            inbox.done(&dropped).unwrap();
        }
        assert_eq!((order.as_str(), count(folder.path(), "inbox")), ("bca", 2));
    }
}
