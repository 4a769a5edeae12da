//! The folder that messages are written into, and how far that has come.
//!
//! A message is put there in three steps: its file is written under a hidden name; the cursor, which names it, is written;
//! then it gets its own name. The middle step decides. Whoever dies before it writes the file anew when the message comes
//! again, and whoever dies after it only has to give the name. So a reader may take files away at any time, and none of
//! them ever comes a second time.

use std::{collections::BTreeMap, fs, io, path::PathBuf};

use serde::{Deserialize, Serialize};
use tieline_plugin_sdk::serde_json;

use super::disk;

/// How far each lane of the daemon's log has been written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The log that the numbers belong to.
    pub log_id: String,
    /// The newest number, by lane.
    pub cursors: BTreeMap<String, u64>,
}

/// The folder.
#[derive(Debug)]
pub struct Outbox {
    folder: PathBuf,
    cursor: Option<Cursor>,
}

impl Outbox {
    /// Opens the folder, and ends what an earlier life had begun with.
    pub fn open(folder: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        let cursor = match fs::read(folder.join(".cursor")) {
            Ok(json) => Some(serde_json::from_slice(&json)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let outbox = Outbox { folder, cursor };
        outbox.recover()?;
        Ok(outbox)
    }

    fn recover(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let Some(own) = name.strip_prefix('.').and_then(|name| name.strip_suffix(".part")) else { continue };
            let mut parts = own.split('-');
            let (lane, seq) = (parts.next().unwrap_or_default(), parts.next().and_then(|seq| seq.parse::<u64>().ok()));
            if seq.is_some_and(|seq| seq <= self.at(lane)) {
                fs::rename(self.folder.join(&name), self.folder.join(own))?;
            } else {
                fs::remove_file(self.folder.join(&name))?;
            }
        }
        Ok(())
    }

    /// Returns how far it has come, if it ever began.
    pub fn cursor(&self) -> Option<&Cursor> {
        self.cursor.as_ref()
    }

    /// Returns the newest number of a lane.
    pub fn at(&self, lane: &str) -> u64 {
        self.cursor.as_ref().and_then(|cursor| cursor.cursors.get(lane)).copied().unwrap_or_default()
    }

    /// Begins where the daemon says.
    pub fn begin(&mut self, cursor: Cursor) -> io::Result<()> {
        if self.cursor.as_ref() == Some(&cursor) { Ok(()) } else { self.save(cursor) }
    }

    /// Begins anew with the next log: the numbers of this one mean nothing any more.
    pub fn forget(&mut self) -> io::Result<()> {
        let path = self.folder.join(".cursor");
        fs::rename(&path, self.folder.join(".cursor.before"))?;
        self.cursor = None;
        disk::sync_names(&path)
    }

    /// Puts the message that is next in its lane there.
    pub fn put(&mut self, lane: &str, seq: u64, id: &str, message: &[u8]) -> io::Result<()> {
        let own = format!("{lane}-{seq:09}-{id}.json");
        let (part, path) = (self.folder.join(format!(".{own}.part")), self.folder.join(own));
        disk::write(&part, message)?;
        self.skip(lane, seq)?;
        fs::rename(part, &path)?;
        disk::sync_names(&path)
    }

    /// Leaves out the number that is next in its lane.
    pub fn skip(&mut self, lane: &str, seq: u64) -> io::Result<()> {
        let Some(mut cursor) = self.cursor.clone() else { return Err(io::Error::other("there is no log yet")) };
        cursor.cursors.insert(lane.to_owned(), seq);
        self.save(cursor)
    }

    fn save(&mut self, cursor: Cursor) -> io::Result<()> {
        disk::replace(&self.folder.join(".cursor"), &serde_json::to_vec(&cursor)?)?;
        self.cursor = Some(cursor);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(folder: &std::path::Path) -> Outbox {
        let mut outbox = Outbox::open(folder.to_owned()).unwrap();
        let cursors = [("msg".to_owned(), 4)].into();
        outbox.begin(Cursor { log_id: "log".into(), cursors }).unwrap();
        outbox
    }

    fn names(folder: &std::path::Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| name != ".cursor")
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_message_is_there_under_its_own_name_and_the_cursor_knows_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut outbox = begun(folder.path());
        outbox.put("msg", 5, "msg_a", b"{}").unwrap();
        outbox.skip("msg", 6).unwrap();
        assert_eq!(names(folder.path()), ["msg-000000005-msg_a.json"]);
        // Somebody took it; it does not come back.
        fs::remove_file(folder.path().join("msg-000000005-msg_a.json")).unwrap();
        let later = Outbox::open(folder.path().to_owned()).unwrap();
        assert_eq!((later.at("msg"), later.at("ctl"), names(folder.path()).len()), (6, 0, 0));
    }

    #[test]
    fn what_the_cursor_names_is_ended_and_what_it_does_not_name_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        begun(folder.path());
        for name in [".msg-000000004-msg_a.json.part", ".msg-000000005-msg_b.json.part", ".odd.part"] {
            fs::write(folder.path().join(name), "{}").unwrap();
        }
        Outbox::open(folder.path().to_owned()).unwrap();
        assert_eq!(names(folder.path()), ["msg-000000004-msg_a.json"]);
    }

    #[test]
    fn with_another_log_it_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let mut outbox = begun(folder.path());
        outbox.forget().unwrap();
        assert_eq!(outbox.cursor(), None);
        assert_eq!(Outbox::open(folder.path().to_owned()).unwrap().cursor(), None);
    }
}
