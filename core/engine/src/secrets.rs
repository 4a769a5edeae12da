//! Secrets that the operator lays down for plugins: a file for each, for the daemon's user alone, or a variable.

use std::{
    collections::HashMap,
    fmt, fs, io,
    io::Read,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;
use tieline_host::limits;

/// What the variables of secrets begin with.
pub const VARIABLE: &str = "TIELINE_SECRET_";

/// Where secrets are looked for.
pub struct Secrets {
    folder: PathBuf,
    variables: HashMap<String, String>,
}

/// Shows no value.
impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// A secret that is there and is not given out.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {what}", path = path.display())]
pub struct Refused {
    path: PathBuf,
    what: String,
}

impl Secrets {
    /// Looks in `folder`, and then among the variables.
    pub fn new(folder: PathBuf, env: &[(String, String)]) -> Self {
        let own = env.iter().filter(|(name, _)| name.starts_with(VARIABLE));
        Self { folder, variables: own.cloned().collect() }
    }

    /// Reads a secret of a plugin: the file `<plugin>/<name>`, without the line break at its end, else the variable.
    pub fn read(&self, plugin: &str, name: &str) -> Result<Option<Vec<u8>>, Refused> {
        // Both were checked long before; together they must stay below the folder.
        debug_assert!(!plugin.contains(['/', '.']) && !name.contains(['/', '.']));
        let folder = self.folder.join(plugin);
        match read(&folder.join(name), &[&self.folder, &folder])? {
            Some(secret) => Ok(Some(secret)),
            None => {
                Ok(variable(plugin, name).and_then(|name| self.variables.get(&name)).map(|v| v.clone().into_bytes()))
            }
        }
    }
}

/// Returns the variable of a secret. Two plugins never share one: what separates a name of a plugin from that of a
/// secret stands in neither.
pub fn variable(plugin: &str, name: &str) -> Option<String> {
    let plain = |text: &str| text.replace('-', "_").to_uppercase();
    let is_clear = |text: &str| text.split(['-', '_']).all(|part| !part.is_empty());
    (is_clear(plugin) && is_clear(name)).then(|| format!("{VARIABLE}{}__{}", plain(plugin), plain(name)))
}

fn read(path: &Path, folders: &[&Path]) -> Result<Option<Vec<u8>>, Refused> {
    let refused = |path: &Path, what: String| Refused { path: path.to_owned(), what };
    let failed = |path: &Path, error: &io::Error| refused(path, format!("failed to read it: {error}"));
    let is_absent = |error: &io::Error| matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
    for folder in folders {
        match fs::symlink_metadata(folder) {
            Ok(meta) => may_read(&meta, 0o022).map_err(|what| refused(folder, what))?,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(failed(folder, &error)),
        }
    }
    // A link would lead to a file that its owner did not mean for this.
    let mut options = fs::OpenOptions::new();
    options.read(true).custom_flags((OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK).bits().cast_signed());
    let file = match options.open(path) {
        Ok(file) => file,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(failed(path, &error)),
    };
    // Asked of what was opened, not of the name.
    let meta = file.metadata().map_err(|error| failed(path, &error))?;
    if !meta.is_file() {
        return Err(refused(path, "it is no file".to_owned()));
    }
    may_read(&meta, 0o077).map_err(|what| refused(path, what))?;
    let mut secret = Vec::new();
    file.take(limits::SECRET_BYTES as u64 + 1).read_to_end(&mut secret).map_err(|error| failed(path, &error))?;
    if secret.len() > limits::SECRET_BYTES {
        return Err(refused(path, format!("it has more than {} bytes", limits::SECRET_BYTES)));
    }
    if secret.ends_with(b"\n") {
        secret.pop();
    }
    Ok(Some(secret))
}

/// Says what is wrong with the owner or the mode.
fn may_read(meta: &fs::Metadata, forbidden: u32) -> Result<(), String> {
    let own = rustix::process::geteuid().as_raw();
    if meta.uid() != own {
        return Err(format!("it belongs to the user {}, and the daemon runs as {own}", meta.uid()));
    }
    if meta.file_type().is_symlink() {
        return Err("it is a link".to_owned());
    }
    let mode = meta.mode() & 0o777;
    if mode & forbidden != 0 {
        let (others, wanted) = if forbidden == 0o077 { ("read or change", 0o600) } else { ("change", 0o700) };
        return Err(format!("it has mode {mode:o}, so that others may {others} it; {wanted:o} is wanted"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    struct Folder {
        root: tempfile::TempDir,
        secrets: Secrets,
    }

    impl Folder {
        fn new(env: &[(&str, &str)]) -> Self {
            let root = tempfile::tempdir().unwrap();
            let env: Vec<_> = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let secrets = Secrets::new(root.path().join("secrets"), &env);
            Self { root, secrets }
        }

        fn path(&self, below: &str) -> PathBuf {
            self.root.path().join("secrets").join(below)
        }

        fn put(&self, below: &str, text: &str, mode: u32) {
            let path = self.path(below);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            self.mode("", 0o700);
            self.mode("echo", 0o700);
            fs::write(&path, text).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }

        fn mode(&self, below: &str, mode: u32) {
            fs::set_permissions(self.path(below), fs::Permissions::from_mode(mode)).unwrap();
        }

        fn read(&self, name: &str) -> Option<String> {
            self.secrets.read("echo", name).unwrap().map(|secret| String::from_utf8(secret).unwrap())
        }

        fn refused(&self, name: &str) -> String {
            self.secrets.read("echo", name).unwrap_err().to_string()
        }
    }

    #[test]
    fn a_file_wins_over_a_variable_and_neither_is_nothing() {
        let folder = Folder::new(&[
            ("TIELINE_SECRET_ECHO__API_KEY", "from the variable"),
            ("TIELINE_SECRET_ECHO__OTHER", "x"),
            ("TIELINE_TOKEN", "not this one"),
        ]);
        assert_eq!(folder.read("api-key").as_deref(), Some("from the variable"));
        folder.put("echo/api-key", "from the file\n", 0o600);
        assert_eq!(folder.read("api-key").as_deref(), Some("from the file"));
        folder.put("echo/api-key", "two\nlines\n\n", 0o400);
        assert_eq!(folder.read("api-key").as_deref(), Some("two\nlines\n"));
        assert_eq!(folder.read("other").as_deref(), Some("x"));
        assert_eq!(folder.read("none"), None);
    }

    #[test]
    fn a_file_that_others_may_read_or_replace_is_refused_with_a_reason() {
        let folder = Folder::new(&[("TIELINE_SECRET_ECHO__KEY", "not instead")]);
        folder.put("echo/key", "canary", 0o640);
        assert!(folder.refused("key").contains("has mode 640, so that others may read or change it; 600 is wanted"));
        folder.put("echo/key", "canary", 0o600);
        folder.mode("echo", 0o770);
        assert!(folder.refused("key").contains("has mode 770, so that others may change it; 700 is wanted"));
        folder.mode("echo", 0o700);
        folder.mode("", 0o722);
        assert!(folder.refused("key").contains("mode 722"));
        folder.mode("", 0o755);
        assert_eq!(folder.read("key").as_deref(), Some("canary"));
        folder.put("echo/large", &"x".repeat(limits::SECRET_BYTES + 1), 0o600);
        assert!(folder.refused("large").contains("more than 65536 bytes"));
        symlink(folder.path("echo/key"), folder.path("echo/link")).unwrap();
        assert!(folder.refused("link").contains("failed to read it"));
        fs::create_dir(folder.path("echo/folder")).unwrap();
        assert!(folder.refused("folder").contains("no file"));
        fs::remove_dir_all(folder.path("echo")).unwrap();
        symlink(folder.root.path(), folder.path("echo")).unwrap();
        assert!(folder.refused("key").contains("a link"));
        assert!(!folder.refused("key").contains("canary"));
    }

    #[test]
    fn two_plugins_never_share_a_variable() {
        assert_eq!(variable("my-echo", "api-key").as_deref(), Some("TIELINE_SECRET_MY_ECHO__API_KEY"));
        assert_ne!(variable("a", "b-c"), variable("a-b", "c"));
        for (plugin, name) in [("a-", "b"), ("a--b", "c"), ("-a", "b"), ("a", "-b")] {
            assert_eq!(variable(plugin, name), None, "{plugin} {name}");
        }
    }
}
