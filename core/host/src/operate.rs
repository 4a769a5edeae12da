//! Carries out what a person asks of a plugin.

use std::collections::BTreeSet;

use crate::{
    Operation, OperationError, State, Status, Step, TrustFile, TrustFileError, Trusted, file_check,
    folder::Found,
    keeper::{Cause, Keeper},
    slot::{DISABLED, Why},
    source,
    status::{Problem, Refused},
};

impl Keeper {
    /// Does it, and returns the plugin that it was about.
    pub(crate) fn operate(&mut self, operation: &Operation) -> Result<Vec<Status>, OperationError> {
        if self.shared.has_ended() {
            return Err(not_now("the daemon is stopping"));
        }
        // A file may have come, or may have changed, just before.
        self.scan();
        let file = self.file_of(operation.name())?;
        let Some(entry) = self.entries.get(&file) else { return Ok(Vec::new()) };
        let (found, name) = (entry.found.clone(), entry.slot.name());
        match operation {
            Operation::Reload { .. } => self.reload(&found, &name)?,
            Operation::Enable { .. } => self.enable(&found, &name)?,
            Operation::Disable { .. } => self.disable(&found, &name)?,
            Operation::Trust { hash, by, .. } => self.trust(&found, &name, hash.as_deref(), by)?,
        }
        // Another may wait for what has become free.
        self.scan();
        Ok(self.entries.get(&file).map(|entry| entry.slot.status()).into_iter().collect())
    }

    /// Finds the file that a name means.
    fn file_of(&self, name: &str) -> Result<String, OperationError> {
        if self.entries.contains_key(name) {
            return Ok(name.to_owned());
        }
        let called_so = || self.entries.iter().filter(|(_, entry)| entry.slot.name() == name);
        let running: Vec<_> = called_so().filter(|(_, entry)| entry.is_alive()).map(|(file, _)| file.clone()).collect();
        let all: Vec<_> = called_so().map(|(file, _)| file.clone()).collect();
        match (running.as_slice(), all.as_slice()) {
            ([file], _) | (_, [file]) => Ok(file.clone()),
            (_, []) => {
                let mut candidates: Vec<String> = self.entries.values().map(|entry| entry.slot.name()).collect();
                candidates.sort();
                candidates.dedup();
                Err(OperationError::Unknown { name: name.to_owned(), candidates })
            }
            _ => Err(OperationError::Ambiguous { name: name.to_owned(), files: all }),
        }
    }

    fn configured_on(&self, name: &str) -> Result<(), OperationError> {
        if self.shared.is_configured_off(name) {
            return Err(OperationError::ConfiguredOff { key: format!("plugins.{name}.enabled") });
        }
        Ok(())
    }

    fn reload(&mut self, found: &Found, name: &str) -> Result<(), OperationError> {
        self.configured_on(name)?;
        if self.record()?.is_disabled(name) {
            return Err(not_now(format!("`{name}` is switched off; run `tieline plugins enable {name}`")));
        }
        self.look(found, Cause::Reload, &mut BTreeSet::new());
        Ok(())
    }

    fn enable(&mut self, found: &Found, name: &str) -> Result<(), OperationError> {
        self.configured_on(name)?;
        let mut record = self.record()?;
        if record.set_disabled(name, false) {
            record.save().map_err(failed)?;
        }
        self.look(found, Cause::Change, &mut BTreeSet::new());
        Ok(())
    }

    fn disable(&mut self, found: &Found, name: &str) -> Result<(), OperationError> {
        let mut record = self.record()?;
        if record.set_disabled(name, true) {
            record.save().map_err(failed)?;
        }
        let Some(entry) = self.entries.get(&found.file) else { return Ok(()) };
        if entry.is_alive() {
            let slot = std::sync::Arc::clone(&entry.slot);
            self.stop(&slot, Why::Disabled);
            slot.set_pending(&self.shared, None);
        } else if !self.shared.is_configured_off(name) {
            let hash = entry.slot.status().hash;
            self.refuse(found, hash, Refused::new(State::Disabled, Problem::new(Step::Trust, DISABLED)));
        }
        Ok(())
    }

    fn trust(&mut self, found: &Found, name: &str, wanted: Option<&str>, by: &str) -> Result<(), OperationError> {
        let source = source::read(&found.path).map_err(|refused| not_now(refused.problem.reason))?;
        file_check::check(&source.bytes).map_err(|refused| not_now(refused.problem.reason))?;
        let hash = source.hash.to_hex().to_string();
        if let Some(wanted) = wanted.filter(|wanted| !wanted.eq_ignore_ascii_case(&hash)) {
            return Err(OperationError::WrongHash { found: hash, wanted: wanted.to_owned() });
        }
        let mut record = self.record()?;
        record.record(Trusted {
            hash,
            name: name.to_owned(),
            file: found.file.clone(),
            trusted_at_ms: (self.shared.settings.now_ms)(),
            by: by.to_owned(),
        });
        record.save().map_err(failed)?;
        self.look(found, Cause::Change, &mut BTreeSet::new());
        Ok(())
    }

    fn record(&self) -> Result<TrustFile, OperationError> {
        TrustFile::load(&self.shared.settings.trust_file).map_err(failed)
    }
}

fn not_now(reason: impl Into<String>) -> OperationError {
    OperationError::NotNow { reason: reason.into() }
}

fn failed(error: TrustFileError) -> OperationError {
    match error {
        TrustFileError::Read { path, source } | TrustFileError::Write { path, source } => {
            OperationError::Io { path, source }
        }
        other => not_now(other.to_string()),
    }
}
