//! Noticing that two sessions change the same files, and telling both: once for a pair and a file in half an hour.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use tieline_model::{
    EventBody, MessageKind, SessionId, TimestampMs,
    command::Report,
    event::{Activity, Claim, CollidedFile, FileCollision},
    file,
    message::Tells,
};
use tieline_store::StoreError;

use super::{Decision, send::Draft};
use crate::shared::Shared;

/// For how long a changed file counts as one that is being worked on, and a collision as told, in milliseconds.
pub(super) const WINDOW_MS: u64 = 30 * 60_000;
/// How long the notice is worth delivering: whoever comes back the day after should still know.
const TTL_MS: u64 = 24 * 60 * 60 * 1000;
/// The most files of one report that are looked at.
const MAX_FILES: usize = 100;
/// The most files that a notice names.
const MAX_NAMED: usize = 20;

impl Decision<'_, '_> {
    /// Looks at the files that a session's program has changed.
    pub(super) fn collide(&mut self, session: SessionId, report: &Report) -> Result<(), StoreError> {
        let paths = self.changed(session, report)?;
        if paths.is_empty() {
            return Ok(());
        }
        let (now, since) = (self.now, self.now.minus_ms(WINDOW_MS));
        self.tx.forget_files(now, since)?;
        let mut collisions: BTreeMap<SessionId, Vec<CollidedFile>> = BTreeMap::new();
        for path in paths {
            for (other, claim, claimed_at_ms) in self.claims(session, &path, since)? {
                if self.tx.note_file_collision(&path, (session, other), now, since)? {
                    let file = CollidedFile { path: path.clone(), claim, claimed_at_ms };
                    collisions.entry(other).or_default().push(file);
                }
            }
            self.tx.set_file_change(&path, session, now)?;
        }
        for (other, files) in collisions {
            self.tell_collision(session, other, &files)?;
        }
        Ok(())
    }

    /// Returns the files that a report says were changed just now. What is caught up with from a record is not news.
    fn changed(&mut self, session: SessionId, report: &Report) -> Result<BTreeSet<String>, StoreError> {
        let since = self.now.minus_ms(WINDOW_MS);
        let mut paths = BTreeSet::new();
        let mut project = report.folder.clone();
        for happened in &report.activities {
            let Activity::FileChanged { path, .. } = &happened.what else { continue };
            if happened.at_ms.is_some_and(|at| at <= since) || paths.len() == MAX_FILES {
                continue;
            }
            if project.is_none() {
                project = self.tx.project(session)?;
            }
            // A path that names no file is on the timeline as it was told; there is nothing to compare.
            if let Ok(path) = file::absolute(path, project.as_deref(), "report.activities") {
                paths.insert(self.cleaned(&path));
            }
        }
        Ok(paths)
    }

    /// Finds who else in the circle has to do with a file, each once; a lease says more than a change.
    fn claims(
        &mut self,
        session: SessionId,
        path: &str,
        since: TimestampMs,
    ) -> Result<Vec<(SessionId, Claim, TimestampMs)>, StoreError> {
        let mut claims: Vec<(SessionId, Claim, TimestampMs)> = Vec::new();
        for lease in self.tx.file_leases_on(path, self.now)? {
            let is_known = claims.iter().any(|(other, ..)| *other == lease.session);
            if lease.session != session && !is_known && self.is_beside(session, lease.session)? {
                claims.push((lease.session, Claim::Leased, lease.since));
            }
        }
        for (other, at) in self.tx.file_changes(path, since)? {
            let is_known = claims.iter().any(|(known, ..)| *known == other);
            if other != session && !is_known && self.is_beside(session, other)? && self.has_live_program(other)? {
                claims.push((other, Claim::Changed, at));
            }
        }
        Ok(claims)
    }

    fn has_live_program(&mut self, session: SessionId) -> Result<bool, StoreError> {
        Ok(self.tx.runtime(session)?.is_some_and(|runtime| !self.is_left(&runtime)))
    }

    fn tell_collision(&mut self, by: SessionId, with: SessionId, files: &[CollidedFile]) -> Result<(), StoreError> {
        let title = |head: Option<&mut tieline_store::Head>| head.map(|head| head.title.clone()).unwrap_or_default();
        let (changer, claimer) = (title(self.tx.head(by)?), title(self.tx.head(with)?));
        let now = file::clock(self.now);
        let mut for_changer = format!("You have changed files at {now} that `{claimer}` works on, too:");
        let mut for_claimer = format!("`{changer}` has changed files at {now} that you work on, too:");
        for file in files.iter().take(MAX_NAMED) {
            let did = match file.claim {
                Claim::Leased => "leased it",
                Claim::Changed => "changed it",
            };
            let at = file::clock(file.claimed_at_ms);
            let _ = write!(for_changer, "\n- {}: `{claimer}` {did} at {at}", file.path);
            let _ = write!(for_claimer, "\n- {}: you {did} at {at}", file.path);
        }
        if let Some(left) = files.len().checked_sub(MAX_NAMED).filter(|left| *left > 0) {
            let _ = write!(for_changer, "\n- and {left} more");
            let _ = write!(for_claimer, "\n- and {left} more");
        }
        let _ = write!(for_changer, "\nRead them again before you go on, and talk to `{claimer}`.");
        let _ = write!(for_claimer, "\nRead them again before you go on, and talk to `{changer}`.");
        fail::fail_point!("collide.before_telling");
        self.tell_side(by, (by, with), for_changer, files)?;
        fail::fail_point!("collide.between");
        self.tell_side(with, (by, with), for_claimer, files)
    }

    fn tell_side(
        &mut self,
        to: SessionId,
        (by, with): (SessionId, SessionId),
        text: String,
        files: &[CollidedFile],
    ) -> Result<(), StoreError> {
        let from = if to == by { with } else { by };
        let tells = Some(Box::new(Tells::FileCollision { by, with, files: files.to_vec() }));
        let draft = Draft { text: Some(text), tells, ..Draft::default() };
        let message = self.message(MessageKind::Notice, from, &Shared::system(), draft, Some(TTL_MS))?;
        let collision = FileCollision { by, with, files: files.to_vec(), notice: message.id };
        self.event(to, EventBody::FileCollision(Box::new(collision)))?;
        self.post(&message, &[to])?;
        Ok(())
    }
}
