//! Reads that show plugins.

use tieline_model::{
    Reply, command, plugin,
    reply::{PluginLogs, PluginView},
};

use super::{Query, limit};
use crate::decide::Stop;

impl Query<'_> {
    pub(super) fn plugins(&self) -> Vec<PluginView> {
        self.shared.port().map(|port| port.plugins()).unwrap_or_default()
    }

    pub(super) fn plugin(&self, name: &str, field: &str) -> Result<PluginView, Stop> {
        Ok(plugin::find(&self.plugins(), name, field)?.clone())
    }

    /// The newest records, or the first ones after a number, so that a follower misses none.
    pub(super) fn plugin_logs(&self, logs: &command::PluginLogs) -> Result<Reply, Stop> {
        let limit = limit(logs.limit, 100, 500, "plugin_logs.limit")? as usize;
        let plugin = self.plugin(&logs.name, "plugin_logs.name")?;
        let mut records = self.shared.port().map(|port| port.plugin_logs(&plugin.file)).unwrap_or_default();
        match logs.after {
            Some(after) => {
                records.retain(|record| record.seq > after);
                records.truncate(limit);
            }
            None => drop(records.drain(..records.len().saturating_sub(limit))),
        }
        Ok(Reply::PluginLogs(PluginLogs { name: plugin.name, records }))
    }
}
