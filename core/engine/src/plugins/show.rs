//! How the host's words for a plugin look to callers.

use tieline_host::{LogRecord, Status};
use tieline_model::{
    TimestampMs, plugin,
    reply::{PendingPlugin, PluginLogRecord, PluginView},
};

/// Shows a plugin, with what to do about it.
pub fn plugin(status: Status) -> PluginView {
    let mut view = PluginView {
        name: status.name,
        file: status.file,
        version: status.version,
        state: status.state.as_str().to_owned(),
        isolation: status.isolation.map(|isolation| isolation.as_str().to_owned()),
        pid: status.pid,
        step: status.step.map(|step| step.as_str().to_owned()),
        reason: status.reason,
        advice: None,
        hash: status.hash,
        pending: status.pending.map(|pending| PendingPlugin {
            hash: pending.hash,
            step: pending.step.as_str().to_owned(),
            reason: pending.reason,
        }),
        since_ms: TimestampMs(status.since_ms),
        restarts: status.restarts,
        reloads: status.reloads,
    };
    view.advice = plugin::advice(&view);
    view
}

/// Shows what a plugin has logged.
pub fn log_record(record: LogRecord) -> PluginLogRecord {
    let LogRecord { seq, at_ms, level, target, fields } = record;
    PluginLogRecord { seq, at_ms: TimestampMs(at_ms), level: level.to_owned(), target, fields }
}
