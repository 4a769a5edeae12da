//! `cargo xtask run`: from sources to a mesh that one can talk to.

use crate::{
    build::{Built, Profile, build},
    daemon::{Daemon, Waited},
    health, plugins,
    workspace::Workspace,
};
use anyhow::{Context, Result, bail};
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use tieline_config::{Config, Home, Layers, environment, load};

/// A debug build starts in a second; the rest is for a machine that is busy.
const START_LIMIT: Duration = Duration::from_secs(60);
/// The longest path of a Unix socket that every system takes.
const SOCKET_PATH_BYTES: usize = 103;

/// Options of `run`.
#[derive(clap::Args)]
pub struct Run {
    /// Build with optimisations.
    #[arg(long)]
    release: bool,
    /// Directory of this mesh [default: $TIELINE_HOME, else tieline-home in the target directory]
    #[arg(long, value_name = "DIR")]
    home: Option<PathBuf>,
    /// Do not play the demo.
    #[arg(long)]
    no_demo: bool,
}

/// A mesh as this command starts it.
struct Mesh {
    root: PathBuf,
    home: Home,
    config: Config,
    binary: PathBuf,
}

impl Run {
    /// Builds, starts, shows, waits.
    pub fn run(self) -> Result<()> {
        let workspace = Workspace::load()?;
        let root = self.root(&workspace)?;
        let home = Home::at(&root);
        let config = config(&home)?;
        check_socket(config.server.socket.as_deref().unwrap_or(&home.socket()))?;
        let Built { binary, plugins } = build(&workspace, Profile::release_or_dev(self.release))?;
        home.create().with_context(|| format!("failed to make the directories in `{}`", root.display()))?;
        plugins::place_all(&plugins, &home.plugins_dir())?;
        Mesh { root, home, config, binary }.run(!self.no_demo)
    }

    fn root(&self, workspace: &Workspace) -> Result<PathBuf> {
        let from_env = || std::env::var_os("TIELINE_HOME").filter(|root| !root.is_empty()).map(PathBuf::from);
        let root = self.home.clone().or_else(from_env).unwrap_or_else(|| workspace.target_dir().join("tieline-home"));
        std::path::absolute(&root).with_context(|| format!("failed to find `{}`", root.display()))
    }
}

impl Mesh {
    fn run(&self, with_demo: bool) -> Result<()> {
        let mut daemon = Daemon::start(self.command("serve"))?;
        let ready =
            daemon.wait_for("answer of /healthz", START_LIMIT, || health::is_ready(&self.socket()).then_some(()));
        let Waited::For(()) = ready? else { return Ok(()) };
        if with_demo {
            match daemon.run_beside(self.command("demo"))? {
                Waited::Stopped => return Ok(()),
                Waited::For(status) if status.success() => {}
                Waited::For(status) => bail!("`tieline demo` failed: {status}"),
            }
        }
        self.introduce();
        daemon.wait()
    }

    /// A call of the binary with this mesh as its home.
    fn command(&self, subcommand: &str) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg(subcommand).env("TIELINE_HOME", &self.root);
        command
    }

    fn socket(&self) -> PathBuf {
        self.config.server.socket.clone().unwrap_or_else(|| self.home.socket())
    }

    fn introduce(&self) {
        let address = match self.config.server.listen {
            listen if listen.port() == 0 => "a free port, which the daemon has printed above".into(),
            listen => format!("http://{listen}"),
        };
        println!("\nThe mesh is running. Ctrl-C stops it.");
        println!("  address  {address}");
        println!("  socket   {}", self.socket().display());
        println!("  home     {}", self.root.display());
        println!("  plugins  {}", self.home.plugins_dir().display());
        println!("  binary   {}", self.binary.display());
        println!("\nTo talk to it from another terminal:");
        println!("  export TIELINE_HOME={}", quoted(&self.root));
        println!("  {} sessions", quoted(&self.binary));
    }
}

/// Reads the configuration that the daemon will read.
fn config(home: &Home) -> Result<Config> {
    let layers = Layers::gather(home, environment(), Vec::new())?;
    Ok(load(&layers)?.config)
}

fn check_socket(socket: &Path) -> Result<()> {
    let length = socket.as_os_str().len();
    if length > SOCKET_PATH_BYTES {
        bail!(
            "the socket `{}` would have a path of {length} bytes, and a Unix socket takes {SOCKET_PATH_BYTES}: \
             name a shorter directory with --home",
            socket.display()
        );
    }
    Ok(())
}

/// Writes a path so that a shell takes it as one word.
fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let is_plain = path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+".contains(c));
    if is_plain { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_for_the_shell() {
        assert_eq!(quoted(Path::new("/a/b-c.d")), "/a/b-c.d");
        assert_eq!(quoted(Path::new("/my mesh/it's")), r"'/my mesh/it'\''s'");
    }

    #[test]
    fn a_home_too_deep_for_a_socket_is_refused_with_the_way_out() {
        assert!(check_socket(Path::new("/run/tieline.sock")).is_ok());
        let error = check_socket(Path::new(&format!("/{}", "x".repeat(103)))).unwrap_err().to_string();
        assert!(error.contains("104 bytes") && error.contains("--home"), "{error}");
    }
}
