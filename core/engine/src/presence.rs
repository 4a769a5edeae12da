//! Who is there now: links, and the peers attached through them. Soft state, gone with the process.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU32, Ordering},
    },
};

use tieline_model::{
    Lane, LinkId, Principal, PrincipalId, SessionId, TimestampMs,
    command::{AttachMode, Urgency},
    session::{lease::Holder, window::Window},
};
use tokio::sync::Notify;

/// One live connection.
#[derive(Debug)]
pub struct Link {
    /// Its id.
    pub id: LinkId,
    /// The plugin that carries it.
    pub transport: Arc<str>,
    /// Whose it is; fixed when it was opened.
    pub principal: Arc<Principal>,
    /// Commands taken and not yet answered.
    in_flight: AtomicU32,
    answered: Notify,
}

impl Link {
    /// Makes a link without commands in flight.
    pub fn new(id: LinkId, transport: Arc<str>, principal: Arc<Principal>) -> Self {
        Self { id, transport, principal, in_flight: AtomicU32::new(0), answered: Notify::new() }
    }

    /// Counts a command that was taken.
    pub fn took(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a command that was answered.
    pub fn answered(&self) {
        // An answer that was not asked for (a refused receipt) must not wrap round.
        let _ = self.in_flight.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| Some(n.saturating_sub(1)));
        self.answered.notify_waiters();
    }

    /// Waits until at most `limit` commands are in flight: how a link's reader is slowed down.
    pub async fn has_room(&self, limit: u32) {
        loop {
            let answered = self.answered.notified();
            if self.in_flight.load(Ordering::Relaxed) <= limit {
                return;
            }
            answered.await;
        }
    }

    /// Tells whether more than `limit` commands are in flight.
    pub fn is_congested(&self, limit: u32) -> bool {
        self.in_flight.load(Ordering::Relaxed) > limit
    }
}

/// A peer attached through a link.
#[derive(Debug, Clone)]
pub struct Attachment {
    /// Its session.
    pub session: SessionId,
    /// Its link; `None` for one that polls.
    pub link: Option<LinkId>,
    /// The link's transport.
    pub transport: Option<Arc<str>>,
    /// Who.
    pub principal: PrincipalId,
    /// As what.
    pub mode: AttachMode,
    /// The writer's epoch.
    pub epoch: u64,
    /// The most that its runtime can do for an urgent message.
    pub urgency: Urgency,
    /// Since when.
    pub since: TimestampMs,
    /// What its link carries, for a writer with a link.
    pub window: Option<Arc<Mutex<Window>>>,
}

impl Attachment {
    /// Tells whether `seq` was handed to the link and not acknowledged.
    pub fn carries(&self, lane: Lane, seq: u64) -> bool {
        self.window.as_ref().is_some_and(|window| {
            let window = window.lock().unwrap_or_else(PoisonError::into_inner);
            window.unsettled(lane).is_some_and(|(first, last)| (first..=last).contains(&seq))
        })
    }

    fn in_flight(&self) -> u64 {
        self.window.as_ref().map_or(0, |window| window.lock().unwrap_or_else(PoisonError::into_inner).in_flight())
    }

    /// Shows it to callers.
    pub fn view(&self, title: String) -> tieline_model::reply::PeerView {
        tieline_model::reply::PeerView {
            session: self.session,
            title,
            link: self.link,
            transport: self.transport.as_deref().map(str::to_owned),
            principal: self.principal,
            mode: self.mode,
            epoch: self.epoch,
            attached_at_ms: self.since,
            in_flight: self.in_flight(),
        }
    }
}

#[derive(Debug, Default)]
struct Tables {
    links: HashMap<LinkId, Arc<Link>>,
    sessions: HashMap<LinkId, SessionId>,
    writers: HashMap<SessionId, Attachment>,
    observers: BTreeMap<(SessionId, Option<LinkId>), Attachment>,
}

/// All links and attachments.
#[derive(Debug, Default)]
pub struct Presence(RwLock<Tables>);

impl Presence {
    fn read<T>(&self, f: impl FnOnce(&Tables) -> T) -> T {
        f(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, f: impl FnOnce(&mut Tables) -> T) -> T {
        f(&mut self.0.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds a link.
    pub fn open(&self, link: Arc<Link>) {
        self.write(|tables| tables.links.insert(link.id, link));
    }

    /// Removes a link; returns the session that it was attached to.
    pub fn close(&self, link: LinkId) -> Option<SessionId> {
        self.write(|tables| {
            tables.links.remove(&link);
            tables.observers.retain(|(_, of), _| *of != Some(link));
            tables.sessions.remove(&link)
        })
    }

    /// Returns a link.
    pub fn link(&self, link: LinkId) -> Option<Arc<Link>> {
        self.read(|tables| tables.links.get(&link).cloned())
    }

    /// Returns the links of a transport, or of a principal.
    pub fn links_where(&self, wanted: impl Fn(&Link) -> bool) -> Vec<Arc<Link>> {
        self.read(|tables| tables.links.values().filter(|link| wanted(link)).cloned().collect())
    }

    /// Returns the session that a link is attached to.
    pub fn session_of(&self, link: LinkId) -> Option<SessionId> {
        self.read(|tables| tables.sessions.get(&link).copied())
    }

    /// Enters an attachment; false when its link is gone.
    pub fn attach(&self, attachment: Attachment) -> bool {
        self.write(|tables| {
            if let Some(link) = attachment.link {
                if !tables.links.contains_key(&link) {
                    return false;
                }
                // Only a writer's link speaks as its session; an observer's may watch another's.
                if attachment.mode == AttachMode::Writer {
                    tables.sessions.insert(link, attachment.session);
                }
            }
            match attachment.mode {
                AttachMode::Writer => drop(tables.writers.insert(attachment.session, attachment)),
                AttachMode::Observer => {
                    drop(tables.observers.insert((attachment.session, attachment.link), attachment));
                }
            }
            true
        })
    }

    /// Removes the writer of `session` if it is this one; a late goodbye removes nobody else.
    pub fn detach(&self, session: SessionId, epoch: u64) -> Option<Attachment> {
        self.write(|tables| {
            let is_it = tables.writers.get(&session).is_some_and(|writer| writer.epoch == epoch);
            let removed = is_it.then(|| tables.writers.remove(&session)).flatten();
            if let Some(link) = removed.as_ref().and_then(|writer| writer.link)
                && tables.sessions.get(&link) == Some(&session)
            {
                tables.sessions.remove(&link);
            }
            removed
        })
    }

    /// Removes an observer.
    pub fn unobserve(&self, session: SessionId, link: Option<LinkId>) -> bool {
        self.write(|tables| tables.observers.remove(&(session, link)).is_some())
    }

    /// Returns the session's writer.
    pub fn writer(&self, session: SessionId) -> Option<Attachment> {
        self.read(|tables| tables.writers.get(&session).cloned())
    }

    /// Tells the most that the runtime of a session's writer can do for an urgent message; `None` without a writer.
    pub fn can(&self, session: SessionId) -> Option<Urgency> {
        self.read(|tables| tables.writers.get(&session).map(|writer| writer.urgency))
    }

    /// Tells whether a writer with a link is there.
    pub fn is_online(&self, session: SessionId) -> bool {
        self.read(|tables| tables.writers.get(&session).is_some_and(|writer| writer.link.is_some()))
    }

    /// Tells whether a delivery is on a link now.
    pub fn carries(&self, session: SessionId, lane: Lane, seq: u64) -> bool {
        self.read(|tables| tables.writers.get(&session).is_some_and(|writer| writer.carries(lane, seq)))
    }

    /// A number was committed for a session: until its link's thread has looked at it, it may be on its way.
    pub fn announce(&self, session: SessionId, lane: Lane, seq: u64) {
        self.window_of(session, |window| window.announce(lane, seq));
    }

    /// Keeps a number from going out while it is being withdrawn; false when it may be on its way.
    pub fn withhold(&self, session: SessionId, lane: Lane, seq: u64) -> bool {
        self.window_of(session, |window| window.withhold(lane, seq)).unwrap_or(true)
    }

    /// Lets a number go that was withheld.
    pub fn release(&self, session: SessionId, lane: Lane, seq: u64) {
        self.window_of(session, |window| window.release(lane, seq));
    }

    fn window_of<T>(&self, session: SessionId, f: impl FnOnce(&mut Window) -> T) -> Option<T> {
        self.read(|tables| {
            let window = tables.writers.get(&session)?.window.as_ref()?;
            Some(f(&mut window.lock().unwrap_or_else(PoisonError::into_inner)))
        })
    }

    /// Returns all attachments, writers first.
    pub fn all(&self) -> Vec<Attachment> {
        self.read(|tables| tables.writers.values().chain(tables.observers.values()).cloned().collect())
    }

    /// Counts links and writers.
    pub fn counts(&self) -> (usize, usize) {
        self.read(|tables| (tables.links.len(), tables.writers.len()))
    }
}

/// The writer leases, kept by the writer's thread alone; see `model::session::lease`.
///
/// They change inside a transaction, so they follow it: what was set is given back when it is rolled back.
#[derive(Debug, Default)]
pub struct Leases(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    holders: HashMap<SessionId, Holder>,
    /// What stood before each change since the last commit, oldest first.
    before: Vec<(SessionId, Option<Holder>)>,
}

impl Held {
    fn set(&mut self, session: SessionId, holder: Option<Holder>) -> Option<Holder> {
        match holder {
            Some(holder) => self.holders.insert(session, holder),
            None => self.holders.remove(&session),
        }
    }
}

impl Leases {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns who holds a session's lease.
    pub fn holder(&self, session: SessionId) -> Option<Holder> {
        self.held().holders.get(&session).copied()
    }

    /// Tells whether a peer writes for a session over a link.
    pub fn is_on_a_link(&self, session: SessionId) -> bool {
        self.holder(session).is_some_and(|holder| holder.link.is_some())
    }

    /// Returns the sessions whose lease a link holds.
    pub fn of_link(&self, link: LinkId) -> Vec<SessionId> {
        let held = self.held();
        held.holders.iter().filter(|(_, holder)| holder.link == Some(link)).map(|(session, _)| *session).collect()
    }

    /// Sets or clears it.
    pub fn set(&self, session: SessionId, holder: Option<Holder>) {
        let mut held = self.held();
        let before = held.set(session, holder);
        held.before.push((session, before));
    }

    /// What was set is durable.
    pub fn commit(&self) {
        self.held().before.clear();
    }

    /// Nothing was set since the last commit.
    pub fn roll_back(&self) {
        let mut held = self.held();
        while let Some((session, before)) = held.before.pop() {
            held.set(session, before);
        }
    }
}
