//! What can be checked without a daemon: directories, configuration, token file.

use std::{
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

use tieline_config::Home;

use super::report::Finding;
use crate::{context::Context, exit::Failed};

/// Returns the permission bits of a file.
pub fn mode(path: &Path) -> Option<u32> {
    Some(std::fs::metadata(path).ok()?.permissions().mode() & 0o777)
}

/// Checks that the directories are there and are this user's alone.
pub fn home(home: &Home) -> Finding {
    let dirs = [&home.config_dir, &home.data_dir, &home.run_dir];
    for dir in dirs {
        let shown = dir.display();
        let Ok(meta) = std::fs::metadata(dir) else {
            return Finding::fail(format!("{shown} is not there"), "`tieline serve` makes what is missing");
        };
        if !meta.is_dir() {
            return Finding::fail(format!("{shown} is not a directory"), "set TIELINE_HOME to another one");
        }
        if meta.uid() != rustix::process::getuid().as_raw() {
            return Finding::fail(format!("{shown} belongs to another user"), "set TIELINE_HOME to one of yours");
        }
        let mode = meta.permissions().mode() & 0o777;
        // Configuration is no secret, but whoever may write it chooses the plugins.
        let forbidden = if dir == &home.config_dir { 0o022 } else { 0o077 };
        if mode & forbidden != 0 {
            return Finding::fail(format!("{shown} has mode {mode:o}: others get in"), format!("chmod 700 {shown}"));
        }
    }
    match home.config_dir.parent() {
        Some(root) if home.data_dir.starts_with(root) && home.run_dir.starts_with(root) => {
            Finding::ok(format!("{} is yours alone", root.display()))
        }
        _ => Finding::ok(format!("{} and the others are yours alone", home.data_dir.display())),
    }
}

/// Checks the configuration, and the settings of the plugins that are there.
pub fn configuration(context: &Context) -> Result<Finding, Failed> {
    let file = context.home.config_file();
    Ok(match context.check_all()?.loaded {
        Err(problems) => Finding::fail(
            format!("{} problems, the first: {}", problems.0.len(), problems.0[0]),
            "`tieline config check` shows all of them",
        ),
        Ok(_) if file.exists() => Finding::ok(format!("{} is fine", file.display())),
        Ok(_) => Finding::ok(format!("there is no {}, so the defaults hold", file.display())),
    })
}

/// Checks that the token can be read, by this user alone.
pub fn token(context: &Context) -> Finding {
    let place = context.tokens.describe(&context.home, "human");
    if let Err(failed) = context.tokens.read(&context.home, "human") {
        return Finding::fail(failed.to_string(), "`tieline token create` makes one, when you have another one");
    }
    let Some(file) = context.tokens.file(&context.home, "human") else {
        return Finding::ok(format!("{place}, which every program that this one starts inherits"));
    };
    match mode(&file) {
        Some(mode) if mode & 0o077 != 0 => {
            let todo = format!("chmod 600 {}; then revoke this token, for it may be known", file.display());
            Finding::fail(format!("{place} has mode {mode:o}: others may have read it"), todo)
        }
        _ => Finding::ok(place),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_that_others_may_enter_is_found() {
        let root = tempfile::tempdir().unwrap();
        let place = Home::at(root.path());
        assert_eq!(
            home(&place),
            Finding::fail(
                format!("{} is not there", place.config_dir.display()),
                "`tieline serve` makes what is missing"
            )
        );
        place.create().unwrap();
        assert_eq!(home(&place), Finding::ok(format!("{} is yours alone", root.path().display())));
        std::fs::set_permissions(&place.data_dir, PermissionsExt::from_mode(0o755)).unwrap();
        let shown = place.data_dir.display();
        assert_eq!(
            home(&place),
            Finding::fail(format!("{shown} has mode 755: others get in"), format!("chmod 700 {shown}"))
        );
    }
}
