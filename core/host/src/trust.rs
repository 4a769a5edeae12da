//! May a plugin run inside the daemon?

use crate::{
    Settings,
    status::{Problem, Step},
};

/// Allows the daemon's own plugins, and those whose configuration says so.
pub(crate) fn check(name: &str, settings: &Settings) -> Result<(), Problem> {
    let asked = settings.plugins.get(name).is_some_and(|plugin| plugin.in_process);
    if asked || settings.stock.iter().any(|stock| stock == name) {
        return Ok(());
    }
    Err(Problem::new(
        Step::Trust,
        format!(
            "`{name}` is not one of the daemon's own plugins, and a plugin can do whatever the daemon can; \
             to let it run inside the daemon, set `isolation = \"in-process\"` in [plugins.{name}]"
        ),
    ))
}
