//! Keeps what runs in step with what lies in the plugin folder.
//!
//! One keeper, behind one lock, does all loading: a change is looked at to its end before the next one.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::Arc,
    time::Instant,
};

use crate::{
    Pending, State, Step,
    folder::{self, Found},
    logs::Logs,
    pipeline::{self, Ready, Way},
    proof,
    slot::{Shared, Slot, Why},
    source, stage,
    status::{Again, Problem, Refused},
};

/// Everything that is known about the plugin folder.
pub(crate) struct Keeper {
    pub(crate) shared: Arc<Shared>,
    pub(crate) logs: Arc<Logs>,
    /// By the name of the file.
    pub(crate) entries: BTreeMap<String, Entry>,
    /// Copies in whose code a thread was left behind.
    pub(crate) spoiled: BTreeSet<PathBuf>,
    /// A plugin was stopped: there may be room for another of its name.
    pub(crate) has_room: bool,
    /// Why the folder could not be read the last time, so that it is not said again and again.
    complaint: Option<io::ErrorKind>,
}

/// One file of the folder.
pub(crate) struct Entry {
    /// As it was when it was looked at last.
    pub found: Found,
    /// What the list shows of it.
    pub slot: Arc<Slot>,
    /// What was given to a driver.
    pub ready: Option<Ready>,
    /// Since when it has been cut off, without a change.
    incomplete_since: Option<Instant>,
    again: Again,
}

/// Why a file is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// It may have changed.
    Change,
    /// A person wants it to be started anew.
    Reload,
}

impl Entry {
    pub(crate) fn new(found: &Found, slot: &Arc<Slot>, ready: Option<Ready>) -> Self {
        let (found, slot) = (found.clone(), Arc::clone(slot));
        Entry { found, slot, ready, incomplete_since: None, again: Again::No }
    }

    /// Tells whether a driver has it.
    pub(crate) fn is_alive(&self) -> bool {
        self.ready.is_some() && !self.slot.status().state.is_final()
    }
}

impl Keeper {
    pub(crate) fn new(shared: Arc<Shared>, logs: Arc<Logs>) -> Self {
        let (entries, spoiled) = (BTreeMap::new(), BTreeSet::new());
        Keeper { shared, logs, entries, spoiled, has_room: false, complaint: None }
    }

    /// Compares the folder with what is known, and does what follows. Returns when to look again although nothing has
    /// changed, if ever.
    pub(crate) fn scan(&mut self) -> Option<Instant> {
        let found = self.list()?;
        let names: BTreeSet<&String> = found.iter().map(|found| &found.file).collect();
        let mut gone: BTreeSet<String> = self.entries.keys().filter(|name| !names.contains(name)).cloned().collect();
        for found in &found {
            if self.is_due(found, Again::Change) {
                self.look(found, Cause::Change, &mut gone);
            }
        }
        for file in gone {
            self.remove(&file);
        }
        // Somebody may wait for a name, or for the path of a socket.
        if std::mem::take(&mut self.has_room) {
            for found in &found {
                if self.is_due(found, Again::Room) {
                    self.look(found, Cause::Change, &mut BTreeSet::new());
                }
            }
        }
        let limit = self.shared.limits.incomplete_limit;
        self.entries.values().filter_map(|entry| entry.incomplete_since).map(|since| since + limit).min()
    }

    /// Lists the folder; nothing when it cannot be read now, and what runs goes on.
    fn list(&mut self) -> Option<Vec<Found>> {
        let dir = &self.shared.settings.plugins_dir;
        let (found, complaint) = match folder::list(dir) {
            Ok(found) => (Some(found), None),
            Err(error) => {
                let is_gone = error.kind() == io::ErrorKind::NotFound;
                if self.complaint != Some(error.kind()) {
                    let what = if is_gone { "there are no plugins" } else { "what runs goes on" };
                    tracing::warn!(path = %dir.display(), %error, "failed to read the plugin folder; {what}");
                }
                (is_gone.then(Vec::new), Some(error.kind()))
            }
        };
        self.complaint = complaint;
        found
    }

    fn is_due(&self, found: &Found, reason: Again) -> bool {
        if self.shared.has_ended() {
            return false;
        }
        let Some(entry) = self.entries.get(&found.file) else { return true };
        let is_over = |since: Instant| since.elapsed() >= self.shared.limits.incomplete_limit;
        // Everything was stopped, and is to run again.
        let has_stopped = entry.slot.status().state == State::Stopped;
        entry.found.print != found.print
            || entry.again == reason
            || entry.incomplete_since.is_some_and(is_over)
            || has_stopped
    }

    /// Looks at a file. `gone` are the files that are no longer there; one of them may be this one.
    pub(crate) fn look(&mut self, found: &Found, cause: Cause, gone: &mut BTreeSet<String>) {
        let looked = catch_unwind(AssertUnwindSafe(|| self.take(found, cause, gone)));
        if looked.is_err() {
            let problem = Problem::new(Step::Elf, "the daemon itself failed while it looked at the file");
            self.refuse(found, None, problem.into());
        }
    }

    fn take(&mut self, found: &Found, cause: Cause, gone: &mut BTreeSet<String>) {
        if !self.entries.contains_key(&found.file) {
            // So that it is seen while it is looked at.
            let slot = Slot::new(pipeline::short_name(&found.file), found.file.clone());
            if !self.shared.enter(&slot, None) {
                return;
            }
            self.entries.insert(found.file.clone(), Entry::new(found, &slot, None));
        }
        let source = match source::read(&found.path) {
            Ok(source) => source,
            Err(mut refused) => {
                if refused.again == Again::Change {
                    // What is mended outside of the folder is not noticed by itself.
                    refused.problem.reason += &format!(", then `tieline plugins reload {}`", self.handle(&found.file));
                }
                return self.refuse(found, None, refused);
            }
        };
        if cause == Cause::Change && (self.is_known(found, &source.hash) || self.adopt(found, &source.hash, gone)) {
            return;
        }
        if let Some(entry) = self.entries.get(&found.file) {
            note_spoiled(&mut self.spoiled, entry);
        }
        let name = self.handle(&found.file);
        let own = self.entries.get(&found.file).map(|entry| Arc::clone(&entry.slot));
        let leaving: Vec<_> = gone.iter().filter_map(|name| self.entries.get(name)).collect();
        let leaving: Vec<_> = leaving.into_iter().map(|entry| Arc::clone(&entry.slot)).collect();
        let way = Way {
            file: &found.file,
            own: own.as_ref(),
            leaving: &leaving,
            name: &name,
            spoiled: &self.spoiled,
            is_forgiven: cause == Cause::Reload,
        };
        match pipeline::prepare(&self.shared, &source, &way) {
            Ok(ready) => {
                self.inherit(found, &ready, gone);
                self.run(found, ready);
            }
            Err(refused) => self.refuse(found, Some(source.hash.to_hex().to_string()), refused),
        }
    }

    /// The file of a plugin is gone, and another of the same plugin is there: it takes the first one's place.
    fn inherit(&mut self, found: &Found, ready: &Ready, gone: &mut BTreeSet<String>) {
        let is_it = |name: &&String| {
            let entry = self.entries.get(*name);
            entry.is_some_and(|entry| entry.is_alive() && entry.slot.name() == ready.manifest.name)
        };
        let Some(name) = gone.iter().find(is_it).cloned() else { return };
        gone.remove(&name);
        if self.entries.get(&found.file).is_some_and(Entry::is_alive) {
            return self.remove(&name);
        }
        if let Some(entry) = self.entries.remove(&name) {
            entry.slot.renamed(&self.shared, &found.file);
            if let Some(own) = self.entries.insert(found.file.clone(), entry) {
                self.shared.forget(&own.slot);
            }
        }
    }

    /// The content is what runs, or what was left alone: then there is nothing to do.
    fn is_known(&mut self, found: &Found, hash: &blake3::Hash) -> bool {
        let Some(entry) = self.entries.get_mut(&found.file) else { return false };
        let is_same = entry.ready.as_ref().is_some_and(|ready| ready.hash == *hash);
        let stays = is_same && (entry.is_alive() || entry.slot.status().state == State::Quarantined);
        if stays {
            entry.found = found.clone();
            (entry.incomplete_since, entry.again) = (None, Again::No);
            entry.slot.set_pending(&self.shared, None);
        }
        stays
    }

    /// A running plugin's file has only changed its name.
    fn adopt(&mut self, found: &Found, hash: &blake3::Hash, gone: &mut BTreeSet<String>) -> bool {
        let is_it = |name: &&String| {
            let entry = self.entries.get(*name);
            entry.is_some_and(|entry| entry.is_alive() && entry.ready.as_ref().is_some_and(|ready| ready.hash == *hash))
        };
        let Some(old_name) = gone.iter().find(is_it).cloned() else { return false };
        gone.remove(&old_name);
        if let Some(own) = self.entries.remove(&found.file) {
            self.end(&own, Why::Removed);
            self.shared.forget(&own.slot);
        }
        if let Some(Entry { slot, ready, .. }) = self.entries.remove(&old_name) {
            tracing::info!(plugin.name = slot.name(), "`{old_name}` is called `{}` now", found.file);
            slot.renamed(&self.shared, &found.file);
            slot.set_pending(&self.shared, None);
            self.entries.insert(found.file.clone(), Entry::new(found, &slot, ready));
        }
        true
    }

    /// Notes why the content of a file does not run. What ran before goes on.
    pub(crate) fn refuse(&mut self, found: &Found, hash: Option<String>, mut refused: Refused) {
        let Some(entry) = self.entries.get_mut(&found.file) else { return };
        let limit = self.shared.limits.incomplete_limit;
        let since = entry.incomplete_since.filter(|_| entry.found.print == found.print).unwrap_or_else(Instant::now);
        entry.incomplete_since = (refused.state == State::Waiting).then_some(since);
        if refused.state == State::Waiting && since.elapsed() >= limit {
            entry.incomplete_since = None;
            refused.state = State::Failed;
            refused.problem.reason += &format!("; nothing has changed for {limit:?}");
        }
        entry.found = found.clone();
        entry.again = refused.again;
        let Problem { step, reason } = refused.problem;
        if entry.is_alive() {
            return entry.slot.set_pending(&self.shared, Some(Pending { hash, step, reason }));
        }
        let now = entry.slot.status();
        if (now.state, now.step, &now.reason, &now.hash) == (refused.state, Some(step), &Some(reason.clone()), &hash) {
            return;
        }
        if now.state != State::Starting || entry.ready.is_some() {
            let slot = Slot::like(now);
            if !self.shared.enter(&slot, Some(&entry.slot)) {
                return;
            }
            note_spoiled(&mut self.spoiled, entry);
            (entry.slot, entry.ready) = (slot, None);
        }
        entry.slot.hashed(hash);
        entry.slot.set(&self.shared, refused.state, Some(Problem::new(step, reason)));
    }

    /// A file is gone, and its plugin with it.
    fn remove(&mut self, file: &str) {
        let Some(entry) = self.entries.remove(file) else { return };
        self.end(&entry, Why::Removed);
        self.shared.forget(&entry.slot);
        let name = entry.slot.name();
        if self.entries.values().all(|other| other.slot.name() != name) {
            self.logs.forget(&name);
        }
    }

    /// Stops what runs of an entry, and tells everyone of its end in any case.
    fn end(&mut self, entry: &Entry, why: Why) {
        if entry.is_alive() {
            self.stop(&entry.slot, why);
        } else {
            entry.slot.removed(&self.shared);
        }
        note_spoiled(&mut self.spoiled, entry);
    }

    /// Writes down that a content runs, and removes the copies that nobody needs any more.
    pub(crate) fn settle(&mut self, file: &str) {
        if let Some(ready) = self.entries.get_mut(file).and_then(|entry| entry.ready.as_mut())
            && !ready.is_proven
        {
            ready.is_proven = true;
            proof::write(&ready.path, &ready.hash, &ready.manifest);
        }
        let needed = self.entries.values().filter_map(|entry| entry.ready.as_ref()).map(|ready| ready.path.clone());
        stage::sweep(&self.shared.settings.staging_dir, &needed.collect());
    }

    /// Returns what a person calls the plugin of a file: its name, unless another one has it too.
    fn handle(&self, file: &str) -> String {
        let name = self.entries.get(file).map_or_else(|| pipeline::short_name(file), |entry| entry.slot.name());
        let is_shared = self.entries.iter().any(|(other, entry)| other != file && entry.slot.name() == name);
        if is_shared { file.to_owned() } else { name }
    }
}

/// A thread that was left behind in a library keeps others from using it.
pub(crate) fn note_spoiled(spoiled: &mut BTreeSet<PathBuf>, entry: &Entry) {
    if let Some(ready) = entry.ready.as_ref().filter(|_| entry.slot.is_spoiled()) {
        spoiled.insert(ready.path.clone());
    }
}
