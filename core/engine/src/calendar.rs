//! Knows when the next schedule is due, and says so then. What is due is decided in the store, again, at that instant.
//!
//! It holds one instant, whatever the number of schedules, and looks again at least every half minute: a clock that was set
//! or a machine that slept is noticed then.

use tieline_model::{TimestampMs, schedule::zone_data_version};
use tieline_store::{Reader, StoreError};
use tokio::sync::watch;

use crate::{door::Door, job::Work};

/// How long it may sleep.
const LOOK_AGAIN_MS: u64 = 30_000;
/// How long it waits when the writer has no room.
const BUSY_MS: u64 = 1_000;

/// Fires schedules until the daemon drains.
pub async fn keep(door: Door) {
    let shared = door.shared();
    let mut changes = shared.schedules.subscribe();
    // What fails here is done when it fires.
    while is_stale(&door).await && submit(&door, &mut changes, || Work::Rezone).await {}
    while !shared.is_draining() {
        // Whatever changes from here on is looked at once more.
        changes.mark_unchanged();
        let due = read(&door, Reader::next_due_schedule).await;
        let now = shared.clock.now();
        if due.is_some_and(|due| due <= now) {
            submit(&door, &mut changes, || Work::Fire).await;
            continue;
        }
        let latest = now.plus_ms(LOOK_AGAIN_MS);
        rest(&door, &mut changes, due.map_or(latest, |due| due.min(latest))).await;
        if due.is_some_and(|due| due <= shared.clock.now()) {
            submit(&door, &mut changes, || Work::Fire).await;
        }
    }
}

async fn is_stale(door: &Door) -> bool {
    read(door, |reader| Ok(reader.has_stale_schedules(zone_data_version())?.then_some(()))).await.is_some()
}

/// Reads where it may block.
async fn read<T: Send + 'static>(
    door: &Door,
    what: impl FnOnce(&mut Reader) -> Result<Option<T>, StoreError> + Send + 'static,
) -> Option<T> {
    let shared = door.shared();
    let readers = shared.readers.clone();
    match shared.runtime.spawn_blocking(move || what(&mut readers.take())).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            shared.fault(format_args!("what is due could not be read: {error}"));
            None
        }
        Err(error) => {
            shared.fault(error);
            None
        }
    }
}

/// Puts work in line and waits until it is done; false when it was lost.
async fn submit(door: &Door, changes: &mut watch::Receiver<u64>, work: impl FnOnce() -> Work) -> bool {
    changes.mark_unchanged();
    let now = door.shared().clock.now();
    let wait = if door.submit(work()) { LOOK_AGAIN_MS } else { BUSY_MS };
    rest(door, changes, now.plus_ms(wait)).await
}

/// Waits until something changes, the time has come, or the daemon drains; true for the first.
async fn rest(door: &Door, changes: &mut watch::Receiver<u64>, until: TimestampMs) -> bool {
    let shared = door.shared();
    tokio::select! {
        // The sender lives as long as the engine.
        _ = changes.changed() => true,
        () = shared.clock.sleep_until(until) => false,
        () = shared.drained() => false,
    }
}
