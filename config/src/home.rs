//! Where on disk things live.

use std::{
    io,
    path::{Path, PathBuf},
};

/// The three directories of one mesh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// `tieline.toml` and `plugins/`: what a person edits.
    pub config_dir: PathBuf,
    /// Database, tokens, staged plugins: what must survive.
    pub data_dir: PathBuf,
    /// Sockets: what lives as long as the daemon.
    pub run_dir: PathBuf,
}

/// There is no place for a mesh.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// `TIELINE_HOME` is set to nothing.
    #[error("failed to find the home of the mesh: TIELINE_HOME is empty, wanted a directory")]
    Empty,
    /// The user has no home directory.
    #[error("failed to find the home of the mesh: this user has no home directory, so set TIELINE_HOME to a directory")]
    NoUserHome,
    /// `TIELINE_HOME` is relative and there is no directory that it could be relative to.
    #[error("failed to find the home of the mesh: TIELINE_HOME is `{0}`, and the current directory is gone")]
    NoCurrentDir(PathBuf, #[source] io::Error),
}

impl Home {
    /// Finds the directories: below `TIELINE_HOME` when `env` has it, else where this platform keeps such things.
    pub fn find(env: &[(String, String)]) -> Result<Self, HomeError> {
        match env.iter().find(|(name, _)| name == "TIELINE_HOME").map(|(_, value)| value) {
            Some(root) if root.trim().is_empty() => Err(HomeError::Empty),
            Some(root) => std::path::absolute(root)
                .map(|root| Self::at(&root))
                .map_err(|source| HomeError::NoCurrentDir(root.into(), source)),
            None => Self::of_user(),
        }
    }

    /// Returns the directories below one root.
    pub fn at(root: &Path) -> Self {
        Self { config_dir: root.join("config"), data_dir: root.join("data"), run_dir: root.join("run") }
    }

    fn of_user() -> Result<Self, HomeError> {
        let dirs = directories::ProjectDirs::from("", "", "tieline").ok_or(HomeError::NoUserHome)?;
        Ok(Self::from_platform(dirs.config_dir(), dirs.data_dir(), dirs.runtime_dir()))
    }

    /// macOS keeps config and data in one directory, where `plugins/` of both would meet.
    fn from_platform(config: &Path, data: &Path, runtime: Option<&Path>) -> Self {
        let data_dir = if config == data { data.join("data") } else { data.to_owned() };
        let run_dir = runtime.map_or_else(|| data_dir.join("run"), Path::to_owned);
        Self { config_dir: config.to_owned(), data_dir, run_dir }
    }

    /// Makes the directories that are missing, for this user only.
    pub fn create(&self) -> io::Result<()> {
        let dirs = [
            &self.config_dir,
            &self.plugins_dir(),
            &self.secrets_dir(),
            &self.data_dir,
            &self.tokens_dir(),
            &self.run_dir,
        ];
        dirs.into_iter().try_for_each(|dir| private_dir(dir))
    }

    /// Returns the configuration file, `config/tieline.toml`.
    pub fn config_file(&self) -> PathBuf {
        self.config_dir.join("tieline.toml")
    }

    /// Returns the directory that plugins are dropped into, `config/plugins`.
    pub fn plugins_dir(&self) -> PathBuf {
        self.config_dir.join("plugins")
    }

    /// Returns the directory of the secrets of plugins, one directory each: `config/secrets`.
    pub fn secrets_dir(&self) -> PathBuf {
        self.config_dir.join("secrets")
    }

    /// Returns the database, `data/tieline.db`.
    pub fn database(&self) -> PathBuf {
        self.data_dir.join("tieline.db")
    }

    /// Returns the Unix socket, unless the configuration names another one: `run/tieline.sock`.
    pub fn socket(&self) -> PathBuf {
        self.run_dir.join("tieline.sock")
    }

    /// Returns the directory of the token files, `data/tokens`.
    pub fn tokens_dir(&self) -> PathBuf {
        self.data_dir.join("tokens")
    }

    /// Returns the token file of a kind of principal (`human`, `agent`): `data/tokens/human.token`.
    pub fn token_file(&self, kind: &str) -> PathBuf {
        self.tokens_dir().join(format!("{kind}.token"))
    }

    /// Returns the directory of the copies that plugins are loaded from, `data/plugins`.
    pub fn staging_dir(&self) -> PathBuf {
        self.data_dir.join("plugins")
    }

    /// Returns the directory of the marks that a plugin's crash leaves behind, `data/plugin-markers`.
    pub fn markers_dir(&self) -> PathBuf {
        self.data_dir.join("plugin-markers")
    }

    /// Returns the record of which plugins are trusted, `data/plugins/trust.toml`.
    pub fn trust_file(&self) -> PathBuf {
        self.staging_dir().join("trust.toml")
    }

    /// Returns the file in which a running daemon says where it listens over TCP, `run/address`.
    pub fn address_file(&self) -> PathBuf {
        self.run_dir.join("address")
    }

    /// Returns the lock that keeps a second daemon away from the data, `data/tieline.lock`.
    pub fn lock_file(&self) -> PathBuf {
        self.data_dir.join("tieline.lock")
    }
}

fn private_dir(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn env(root: &str) -> Vec<(String, String)> {
        vec![("TIELINE_HOME".into(), root.into())]
    }

    #[test]
    fn tieline_home_holds_everything() {
        let home = Home::find(&env("/srv/mesh")).unwrap();
        assert_eq!(home, Home::at(Path::new("/srv/mesh")));
        assert_eq!(home.config_file(), Path::new("/srv/mesh/config/tieline.toml"));
        assert_eq!(home.plugins_dir(), Path::new("/srv/mesh/config/plugins"));
        assert_eq!(home.database(), Path::new("/srv/mesh/data/tieline.db"));
        assert_eq!(home.token_file("human"), Path::new("/srv/mesh/data/tokens/human.token"));
        assert_eq!(home.socket(), Path::new("/srv/mesh/run/tieline.sock"));
    }

    #[test]
    fn a_relative_home_becomes_absolute_and_an_empty_one_is_refused() {
        let home = Home::find(&env("mesh")).unwrap();
        assert!(home.data_dir.is_absolute() && home.data_dir.ends_with("mesh/data"));
        assert!(matches!(Home::find(&env(" ")), Err(HomeError::Empty)));
    }

    #[test]
    fn the_platform_directories_never_share_their_plugins_folder() {
        let one = Home::from_platform(Path::new("/lib/tieline"), Path::new("/lib/tieline"), None);
        assert_ne!(one.plugins_dir(), one.staging_dir());
        assert_eq!(one.run_dir, Path::new("/lib/tieline/data/run"));
        let two = Home::from_platform(Path::new("/c"), Path::new("/d"), Some(Path::new("/run/user/1/tieline")));
        assert_eq!(two.run_dir, Path::new("/run/user/1/tieline"));
        assert_eq!(two.data_dir, Path::new("/d"));
    }

    #[test]
    fn directories_are_made_for_this_user_only() {
        let root = tempfile::tempdir().unwrap();
        let home = Home::at(&root.path().join("mesh"));
        home.create().unwrap();
        home.create().unwrap();
        for dir in [home.plugins_dir(), home.secrets_dir(), home.tokens_dir(), home.run_dir] {
            assert_eq!(dir.metadata().unwrap().permissions().mode() & 0o777, 0o700, "{}", dir.display());
        }
    }
}
