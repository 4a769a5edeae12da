//! Which agent programs there are, where they keep their files, and where `tieline` is itself.

use std::{
    collections::BTreeMap,
    env,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use tieline_agents::{
    Agent,
    setup::{Roots, Wiring},
};

use crate::exit::Failed;

/// An agent program of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Which one.
    pub agent: Agent,
    /// Where it is.
    pub program: PathBuf,
}

/// Finds the agent programs on the PATH: all that are there, or those that are named, which have to be there.
pub fn find(named: &[Agent]) -> Result<Vec<Found>, Failed> {
    let path = env::var_os("PATH").unwrap_or_default();
    let wanted = if named.is_empty() { Agent::ALL.to_vec() } else { named.to_vec() };
    let mut found: Vec<Found> = Vec::new();
    for agent in wanted {
        match on_path(agent.as_str(), &path) {
            Some(_) if found.iter().any(|other| other.agent == agent) => {}
            Some(program) => found.push(Found { agent, program }),
            None if named.is_empty() => {}
            None => {
                return Err(Failed::Input(format!(
                    "{} was not found: there is no program `{agent}` in {}",
                    agent.title(),
                    folders(&path)
                )));
            }
        }
    }
    if found.is_empty() {
        let names = Agent::ALL.map(|agent| format!("`{agent}`")).join(", ");
        return Err(Failed::No(format!("no agent program was found: none of {names} is in {}", folders(&path))));
    }
    Ok(found)
}

/// Returns the folders of their files.
pub fn roots() -> Result<Roots, Failed> {
    let mut roots = Roots::new(&user_home()?, |name| env::var(name).ok());
    // Codex names the file of a hook that it trusts by its real path when this variable leads there, and only then.
    if env::var_os("CODEX_HOME").is_some_and(|value| !value.is_empty()) {
        roots.codex = roots.codex.canonicalize().unwrap_or(roots.codex);
    }
    Ok(roots)
}

/// Returns the user's home, below which agent programs keep their files.
pub fn user_home() -> Result<PathBuf, Failed> {
    let home = env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    home.filter(|home| home.is_absolute()).ok_or_else(|| {
        Failed::Input("HOME is not set to an absolute path, so the files of agents cannot be found".into())
    })
}

/// Returns what the agent programs have to know. `env` are the variables of this process that are ours.
pub fn wiring(env: &[(String, String)]) -> Result<Wiring, Failed> {
    Ok(Wiring { program: own_program()?, env: mesh(env)?, may_use_tools: false, keeps_codex_daemon: false })
}

/// Returns what has to be in the environment so that this mesh is found and no other: nothing for one at the usual places.
pub fn mesh(env: &[(String, String)]) -> Result<BTreeMap<String, String>, Failed> {
    let Some((name, root)) = env.iter().find(|(name, _)| name == "TIELINE_HOME") else { return Ok(BTreeMap::new()) };
    let root = std::path::absolute(root)?;
    Ok(BTreeMap::from([(name.clone(), text(&root)?)]))
}

/// Returns the absolute path of this program: the one on the PATH when that is this one, since it stays the same when a new
/// version comes.
pub fn own_program() -> Result<String, Failed> {
    let own = env::current_exe()?;
    let stable = on_path("tieline", &env::var_os("PATH").unwrap_or_default());
    let same = |path: &PathBuf| Some(path.canonicalize().ok()? == own.canonicalize().ok()?);
    let program = stable.filter(|path| same(path).unwrap_or(false)).unwrap_or(own);
    if !program.exists() {
        return Err(Failed::Input(format!(
            "{} is gone, which this program was started from; run it again from where it is now",
            program.display()
        )));
    }
    text(&program)
}

fn text(path: &Path) -> Result<String, Failed> {
    let say = || Failed::Input(format!("{} is not UTF-8, which the files of agents have to be", path.display()));
    path.to_str().map(str::to_owned).ok_or_else(say)
}

fn on_path(name: &str, path: &std::ffi::OsStr) -> Option<PathBuf> {
    let candidates = env::split_paths(path).filter(|folder| folder.is_absolute()).map(|folder| folder.join(name));
    candidates
        .into_iter()
        .find(|file| file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0))
}

fn folders(path: &std::ffi::OsStr) -> String {
    let folders: Vec<String> = env::split_paths(path).map(|folder| folder.display().to_string()).collect();
    if folders.is_empty() { "the PATH, which is empty".into() } else { folders.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_an_executable_file_in_the_first_folder_that_has_it() {
        let root = tempfile::tempdir().unwrap();
        let folder = |name: &str| root.path().join(name);
        for (name, mode) in [("a", 0o644), ("b", 0o755), ("c", 0o755)] {
            std::fs::create_dir(folder(name)).unwrap();
            let file = folder(name).join("codex");
            std::fs::write(&file, "").unwrap();
            std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
        }
        let path = env::join_paths([Path::new("relative"), &folder("a"), &folder("b"), &folder("c")]).unwrap();
        assert_eq!(on_path("codex", &path), Some(folder("b").join("codex")));
        assert_eq!(on_path("claude", &path), None);
    }

    #[test]
    fn only_a_mesh_with_a_home_of_its_own_has_to_be_named() {
        assert!(mesh(&[("TIELINE_SERVER__LISTEN".into(), "x".into())]).unwrap().is_empty());
        let own = mesh(&[("TIELINE_HOME".into(), "mesh".into())]).unwrap();
        assert!(own["TIELINE_HOME"].starts_with('/') && own["TIELINE_HOME"].ends_with("/mesh"));
    }
}
