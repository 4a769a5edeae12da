//! May anybody but the daemon's user and root change a file, or put another in its place?

use std::{
    fmt,
    fs::{self, File, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// What others may write.
const OTHERS_WRITE: u32 = 0o022;
/// Of which the group.
const GROUP_WRITES: u32 = 0o020;
/// In a sticky folder only the owner of a file may rename or remove it.
const STICKY: u32 = 0o1000;

/// A place that somebody else may write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Loose {
    path: PathBuf,
    found: String,
    mend: String,
}

/// Why it is not known, or not so.
#[derive(Debug)]
pub(crate) enum Doubt {
    /// At least one.
    Loose(Vec<Loose>),
    Io(PathBuf, io::Error),
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Doubt::Loose(all) => {
                let found: Vec<_> = all.iter().map(|one| format!("`{}` {}", one.path.display(), one.found)).collect();
                let mend: Vec<_> = all.iter().map(|one| format!("{} '{}'", one.mend, one.path.display())).collect();
                let (found, mend) = (found.join(", "), mend.join(" && "));
                write!(f, "{found}, so that somebody else can decide what runs; to mend that, run `{mend}`")
            }
            Doubt::Io(path, error) => write!(f, "failed to look at `{}`: {error}", path.display()),
        }
    }
}

/// Checks an open file and the folders of its path, which is canonical.
pub(crate) fn check(file: &File, path: &Path) -> Result<(), Doubt> {
    let metadata = file.metadata().map_err(|error| Doubt::Io(path.to_owned(), error))?;
    let mut loose = Vec::from_iter(judge(path, &metadata, false));
    if let Some(folder) = path.parent() {
        loose.extend(loose_folders(folder)?);
    }
    none_of(loose)
}

/// Checks a folder and those that it lies in.
pub(crate) fn check_folder(folder: &Path) -> Result<(), Doubt> {
    none_of(loose_folders(folder)?)
}

fn none_of(loose: Vec<Loose>) -> Result<(), Doubt> {
    if loose.is_empty() { Ok(()) } else { Err(Doubt::Loose(loose)) }
}

fn loose_folders(folder: &Path) -> Result<Vec<Loose>, Doubt> {
    let canonical = fs::canonicalize(folder).map_err(|error| Doubt::Io(folder.to_owned(), error))?;
    let mut loose = Vec::new();
    for folder in canonical.ancestors() {
        let metadata = fs::symlink_metadata(folder).map_err(|error| Doubt::Io(folder.to_owned(), error))?;
        loose.extend(judge(folder, &metadata, true));
    }
    Ok(loose)
}

fn judge(path: &Path, metadata: &Metadata, is_folder: bool) -> Option<Loose> {
    let own = rustix::process::geteuid().as_raw();
    let (found, mend) = flaw(own, (metadata.uid(), metadata.gid()), metadata.mode(), is_folder)?;
    Some(Loose { path: path.to_owned(), found, mend })
}

/// Says what is wrong, and the command that mends it.
///
/// A group whose number is the user's own is that user's alone, by the convention of user private groups
/// (<https://wiki.debian.org/UserPrivateGroups>), and systems that have it let new files be written by it.
fn flaw(own: u32, (owner, group): (u32, u32), mode: u32, is_folder: bool) -> Option<(String, String)> {
    if owner != own && owner != 0 {
        let wanted = if own == 0 { "root".to_owned() } else { format!("user {own} or root") };
        return Some((format!("belongs to user {owner}, not to {wanted}"), format!("chown {own}")));
    }
    let is_private = owner == own && group == own && own != 0;
    let written_by = mode & if is_private { OTHERS_WRITE & !GROUP_WRITES } else { OTHERS_WRITE };
    if written_by == 0 || (is_folder && mode & STICKY != 0) {
        return None;
    }
    let (who, mend) = match written_by {
        0o020 => ("its group", "chmod g-w"),
        0o002 => ("others", "chmod o-w"),
        _ => ("its group and others", "chmod go-w"),
    };
    Some((format!("can be written by {who} (mode {:04o})", mode & 0o7777), mend.to_owned()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_the_users_or_roots_and_nobody_elses_to_write() {
        let good = |own, owner, mode, is_folder| assert_eq!(flaw(own, owner, mode, is_folder), None);
        good(1000, (1000, 100), 0o100_755, false);
        good(1000, (0, 0), 0o100_644, false);
        good(1000, (0, 0), 0o041_777, true);
        good(1000, (1000, 1000), 0o040_775, true);
        let flaw = |own, owner, mode, is_folder| flaw(own, owner, mode, is_folder).unwrap();
        let text = |found: &str, mend: &str| (found.to_owned(), mend.to_owned());
        let by_group = text("can be written by its group (mode 0775)", "chmod g-w");
        assert_eq!(flaw(1000, (1000, 100), 0o100_775, false), by_group);
        assert_eq!(flaw(1000, (0, 1000), 0o100_775, false), by_group, "root's, and a group's of one user");
        let by_others = text("can be written by others (mode 0777)", "chmod o-w");
        assert_eq!(flaw(1000, (1000, 1000), 0o040_777, true), by_others);
        assert_eq!(flaw(1000, (0, 0), 0o040_757, true), text("can be written by others (mode 0757)", "chmod o-w"));
        assert_eq!(flaw(0, (0, 0), 0o101_777, false).1, "chmod go-w", "a sticky file protects nothing");
        assert_eq!(
            flaw(1000, (1001, 1001), 0o100_700, false),
            text("belongs to user 1001, not to user 1000 or root", "chown 1000")
        );
        assert_eq!(flaw(0, (1001, 0), 0o041_700, true).0, "belongs to user 1001, not to root");
    }

    #[test]
    fn every_place_that_others_may_write_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("a/b");
        fs::create_dir_all(&folder).unwrap();
        let path = fs::canonicalize(&folder).unwrap().join("x.so");
        fs::write(&path, "x").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let file = File::open(&path).unwrap();
        check(&file, &path).unwrap();

        let a = path.parent().unwrap().parent().unwrap();
        fs::set_permissions(a, fs::Permissions::from_mode(0o777)).unwrap();
        let doubt = check(&file, &path).unwrap_err().to_string();
        let wanted = format!("`{0}` can be written by its group and others (mode 0777)", a.display());
        assert!(
            doubt.starts_with(&wanted) && doubt.ends_with(&format!("run `chmod go-w '{}'`", a.display())),
            "{doubt}"
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o664)).unwrap();
        let doubt = check(&file, &path).unwrap_err().to_string();
        let mend = format!("chmod g-w '{}' && chmod go-w '{}'", path.display(), a.display());
        assert!(doubt.contains(&mend), "{doubt}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        fs::set_permissions(a, fs::Permissions::from_mode(0o1777)).unwrap();
        check(&file, &path).unwrap();
    }
}
