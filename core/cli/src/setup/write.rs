//! Writing files of agent programs: whole or not at all, and only if they still are what was shown.

use std::{
    fs::{self, File, Permissions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use super::{Change, plan};
use crate::exit::Failed;

/// The permission bits of a file that is new: settings may hold secrets.
const MODE: u32 = 0o600;

/// Carries changes out. `modes` are permission bits that files are to get back.
pub fn write_all(changes: &[Change], modes: impl Fn(&Path) -> Option<u32>) -> Result<(), Failed> {
    for change in changes {
        let path = &change.draft.path;
        let shown = path.display();
        if plan::text(path)? != change.before {
            return Err(Failed::No(format!(
                "{shown}: it has changed since it was read, perhaps by its program; nothing was written there: run this again"
            )));
        }
        let done = match &change.draft.text {
            Some(text) => {
                path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| replace(path, text, modes(path)))
            }
            None => fs::remove_file(path),
        };
        done.map_err(|error| Failed::Other(anyhow::anyhow!("{shown}: it cannot be written: {error}")))?;
    }
    Ok(())
}

/// Puts a text in a file's place in one step. A link stays a link, and permission bits stay unless others are named.
pub fn replace(path: &Path, text: &str, mode: Option<u32>) -> io::Result<()> {
    let target = if path.is_symlink() { path.canonicalize()? } else { path.to_owned() };
    let kept = || fs::metadata(&target).ok().map(|meta| meta.permissions().mode() & 0o7777);
    let mode = mode.or_else(kept).unwrap_or(MODE);
    let fresh = unfinished(&target);
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(mode).open(&fresh)?;
    // What is there from a run that died may have others.
    file.set_permissions(Permissions::from_mode(mode))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, &target)?;
    target.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Removes what a run left behind that died while it wrote.
pub fn clean(path: &Path) {
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    // Where there is nothing, all is well.
    let _ = fs::remove_file(unfinished(&target));
}

fn unfinished(target: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(".tieline-new");
    target.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_stays_a_link_and_the_mode_stays() {
        let root = tempfile::tempdir().unwrap();
        let (real, link) = (root.path().join("real.json"), root.path().join("link.json"));
        fs::write(&real, "old").unwrap();
        fs::set_permissions(&real, Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        fs::write(root.path().join(".real.json.tieline-new"), "half of it").unwrap();
        replace(&link, "new", None).unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&real).unwrap(), "new");
        assert_eq!(real.metadata().unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_new_file_is_for_its_owner_alone() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("new.json");
        replace(&path, "x", None).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}
