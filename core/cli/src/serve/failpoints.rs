//! Named points at which a test build can be made to die. A released binary has none.

use anyhow::bail;

/// Which points, as in `store.before_commit=17;link.lost=1`: die at the n-th time that the point is passed.
/// `name=return` turns a planted bug on, and `name=sleep(20)` makes every pass take so many milliseconds.
const VARIABLE: &str = "TIELINE_FAILPOINTS";

/// Arms the points that the environment names.
#[cfg(feature = "failpoints")]
pub fn arm() -> anyhow::Result<()> {
    use std::sync::atomic::{AtomicU64, Ordering};

    let Ok(text) = std::env::var(VARIABLE) else { return Ok(()) };
    for part in text.split(';').filter(|part| !part.is_empty()) {
        let Some((name, action)) = part.split_once('=') else { bail!("{VARIABLE}: `{part}` is not `name=count`") };
        if action == "return" || action.starts_with("sleep(") {
            fail::cfg(name, action).map_err(|error| anyhow::anyhow!("{VARIABLE}: {name}: {error}"))?;
            continue;
        }
        let Ok(last) = action.parse::<u64>() else { bail!("{VARIABLE}: `{action}` is not a count") };
        let passed = AtomicU64::new(0);
        let die = move || {
            if passed.fetch_add(1, Ordering::SeqCst) + 1 == last {
                // As `kill -9`: nothing is flushed, nothing is closed.
                let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            }
        };
        fail::cfg_callback(name, die).map_err(|error| anyhow::anyhow!("{VARIABLE}: {name}: {error}"))?;
    }
    Ok(())
}

/// Refuses to run as if points were armed when there are none.
#[cfg(not(feature = "failpoints"))]
pub fn arm() -> anyhow::Result<()> {
    if std::env::var_os(VARIABLE).is_some() {
        bail!("{VARIABLE} is set, and this build has no fail points");
    }
    Ok(())
}
