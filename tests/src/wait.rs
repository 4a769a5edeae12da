//! Waiting for a state, never for a time.

use std::{future::Future, time::Duration};

use tokio::time::{Instant, sleep};

/// How long anything may take, in real time. Reached only by what would never happen.
pub const LIMIT: Duration = Duration::from_secs(20);
/// How long to wait between two looks.
const PAUSE: Duration = Duration::from_millis(2);

/// Looks until there is something to see; panics when there is nothing within [`LIMIT`].
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(started.elapsed() < LIMIT, "waited {LIMIT:?} in vain until {what}");
        sleep(PAUSE).await;
    }
}
