//! The first start makes a token for the human and one for agents, each in a file for the owner alone.

use std::{
    fs,
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use anyhow::Context;
use tieline_config::Home;
use tieline_engine::Engine;
use tieline_model::PrincipalKind;

/// Makes the first principals when nobody is known yet. The files are written before the tokens are good, and the
/// tokens become good in one step: a crash before it leaves files that the next start replaces.
pub async fn run(engine: &Engine, home: &Home) -> anyhow::Result<()> {
    if !engine.is_first_start()? {
        return check_modes(home);
    }
    let mut principals = Vec::new();
    for (kind, name) in [(PrincipalKind::Human, "human"), (PrincipalKind::Agent, "agent")] {
        let secret = engine.new_secret()?;
        write_secret(&home.token_file(name), &secret)?;
        fail::fail_point!("first_start.written");
        principals.push((engine.newcomer(kind, name), secret));
    }
    engine.issue_all(principals).await?;
    fail::fail_point!("first_start.issued");
    tracing::info!(folder = %home.tokens_dir().display(), "the first tokens were made");
    Ok(())
}

fn write_secret(path: &Path, secret: &str) -> anyhow::Result<()> {
    let say = || format!("{}: the token could not be written", path.display());
    let fresh = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&fresh).with_context(say)?;
    writeln!(file, "{secret}").and_then(|()| file.sync_all()).with_context(say)?;
    fs::rename(&fresh, path).with_context(say)
}

/// Refuses to start while others could read a token.
fn check_modes(home: &Home) -> anyhow::Result<()> {
    for name in ["human", "agent"] {
        let path = home.token_file(name);
        let Ok(meta) = fs::metadata(&path) else { continue };
        let mode = meta.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let path = path.display();
            anyhow::bail!(
                "{path}: its mode is {mode:o}, so others may have read it; revoke the token, then `chmod 600 {path}`"
            );
        }
    }
    Ok(())
}
