//! Follows the plugin folder: waits for changes, lets them settle, and has the keeper look.
//!
//! While nothing happens nothing runs: the thread waits without a time, unless a file is cut off, or the system cannot
//! tell of changes and the folder has to be looked at now and then.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    time::Instant,
};

use notify::{
    EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode},
};

use crate::{Limits, folder, keeper::Keeper, lock};

/// With changes that never cease the folder is looked at all the same, after so many quiet times.
const MOST_QUIET_TIMES: u32 = 25;

/// The way to end it.
#[derive(Debug)]
pub(crate) struct Watch {
    wake: SyncSender<()>,
    has_ended: Arc<AtomicBool>,
}

impl Watch {
    /// The thread ends as soon as it has done what it is at.
    pub(crate) fn end(&self) {
        self.has_ended.store(true, Ordering::Release);
        // Full means that it wakes anyway; closed, that it is over.
        let _wakes_anyway = self.wake.try_send(());
    }
}

/// Looks once, on this thread, and then follows the folder on a thread of its own.
pub(crate) fn begin(keeper: &Arc<Mutex<Keeper>>, dir: &Path, limits: &Limits) -> io::Result<Watch> {
    let (wake, woken) = sync_channel(1);
    let has_ended = Arc::new(AtomicBool::new(false));
    let mut follower = Follower {
        keeper: Arc::clone(keeper),
        dir: dir.to_owned(),
        limits: limits.clone(),
        wake: wake.clone(),
        woken,
        has_ended: Arc::clone(&has_ended),
        source: None,
        has_complained: false,
    };
    // First the watch, then the look: what comes in between is not missed.
    follower.follow();
    let look_at = lock(keeper).scan();
    std::thread::Builder::new().name("plugin-keeper".to_owned()).spawn(move || follower.run(look_at))?;
    Ok(Watch { wake, has_ended })
}

struct Follower {
    keeper: Arc<Mutex<Keeper>>,
    dir: PathBuf,
    limits: Limits,
    wake: SyncSender<()>,
    woken: Receiver<()>,
    has_ended: Arc<AtomicBool>,
    /// Tells of changes in this very folder, by device and inode.
    source: Option<(RecommendedWatcher, (u64, u64))>,
    has_complained: bool,
}

impl Follower {
    fn run(mut self, mut look_at: Option<Instant>) {
        while self.wait(look_at) {
            look_at = lock(&self.keeper).scan();
            if self.follow() {
                // Whatever changed before the folder was followed is seen now.
                look_at = lock(&self.keeper).scan();
            }
        }
    }

    /// Waits until there may be something new and it has settled. False when it is over.
    fn wait(&self, look_at: Option<Instant>) -> bool {
        let poll = self.source.is_none().then(|| Instant::now() + self.limits.poll);
        // Whatever the keeper says, it is not asked again and again without a pause.
        let look_at = look_at.map(|at| at.max(Instant::now() + self.limits.quiet));
        let woken = match [look_at, poll].into_iter().flatten().min() {
            None => self.woken.recv().is_ok(),
            Some(at) => match self.woken.recv_timeout(at.saturating_duration_since(Instant::now())) {
                Ok(()) => true,
                Err(RecvTimeoutError::Timeout) => return !self.is_over(),
                Err(RecvTimeoutError::Disconnected) => false,
            },
        };
        woken && self.settle()
    }

    fn settle(&self) -> bool {
        let until = Instant::now() + self.limits.quiet * MOST_QUIET_TIMES;
        while !self.is_over() && Instant::now() < until && self.woken.recv_timeout(self.limits.quiet).is_ok() {}
        !self.is_over()
    }

    fn is_over(&self) -> bool {
        self.has_ended.load(Ordering::Acquire)
    }

    /// Makes sure that changes of the folder are told, if the system can. True when they were not before.
    fn follow(&mut self) -> bool {
        let now = identity(&self.dir);
        if self.source.as_ref().is_some_and(|(_, then)| Some(*then) == now) {
            return false;
        }
        self.source = None;
        let watched = now.ok_or_else(|| notify::Error::path_not_found().add_path(self.dir.clone())).and_then(|now| {
            let mut watcher = notify::recommended_watcher(self.ear())?;
            watcher.watch(&self.dir, RecursiveMode::NonRecursive)?;
            Ok((watcher, now))
        });
        match watched {
            Ok(source) => {
                self.source = Some(source);
                self.has_complained = false;
            }
            Err(error) if !self.has_complained => {
                self.has_complained = true;
                let (path, every) = (self.dir.display(), self.limits.poll);
                tracing::warn!(%path, %error, "changes of the plugin folder are not told; it is looked at every {every:?}");
            }
            Err(_) => {}
        }
        self.source.is_some()
    }

    /// Hears what the system tells, and wakes the thread.
    fn ear(&self) -> impl FnMut(notify::Result<notify::Event>) + Send + 'static {
        let (wake, dir) = (self.wake.clone(), self.dir.clone());
        move |event| {
            if event.map_or(true, |event| is_news(&event, &dir)) {
                // Full means that it wakes anyway.
                let _wakes_anyway = wake.try_send(());
            }
        }
    }
}

/// Reading is no news: the keeper reads, too.
fn is_news(event: &notify::Event, dir: &Path) -> bool {
    let is_change = match event.kind {
        EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
        _ => true,
    };
    let concerns_us = |path: &PathBuf| path == dir || folder::is_library(path);
    is_change && (event.paths.is_empty() || event.paths.iter().any(concerns_us))
}

fn identity(dir: &Path) -> Option<(u64, u64)> {
    fs::metadata(dir).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}
