//! Copies a library to a name of its own, and loads from there.
//!
//! The loader takes a library that is open already for the same when the path is the same; and a file that is replaced
//! while it is open may end the process. So a copy, named after its content, is what gets opened.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    files,
    source::Source,
    status::{Problem, Step},
};

/// Returns where the copy of a content goes: never to one of those that must not be used again.
pub(crate) fn path(dir: &Path, name: &str, hash: &blake3::Hash, spoiled: &BTreeSet<PathBuf>) -> PathBuf {
    let stem = format!("{name}-{}", &hash.to_hex()[..16]);
    let first = dir.join(format!("{stem}.so"));
    let others = (2u32..).map(|n| dir.join(format!("{stem}-{n}.so")));
    std::iter::once(first.clone()).chain(others).find(|path| !spoiled.contains(path)).unwrap_or(first)
}

/// Writes the copy. It need not survive a power cut: whoever finds it later compares its content.
pub(crate) fn copy(source: &Source, path: &Path) -> Result<(), Problem> {
    files::write_for_now(path, &source.bytes)
        .map_err(|error| Problem::new(Step::Stage, format!("failed to write the copy `{}`: {error}", path.display())))
}

/// Removes the copies that nobody needs. One that is still open stays so: only its name goes.
pub(crate) fn sweep(dir: &Path, needed: &BTreeSet<PathBuf>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_copy = entry.file_name().to_str().is_some_and(is_copy);
        if is_copy && !needed.contains(&path.with_extension("so")) {
            // Left over, it only takes up room.
            let _still_there = fs::remove_file(path);
        }
    }
}

/// Tells whether a file has the name of a copy, or of what is remembered about one.
fn is_copy(file: &str) -> bool {
    let Some(stem) = file.strip_suffix(".so").or_else(|| file.strip_suffix(".json")) else { return false };
    let is_hash = |part: &str| part.len() == 16 && part.bytes().all(|b| b.is_ascii_hexdigit());
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let Some((rest, last)) = stem.rsplit_once('-') else { return false };
    is_hash(last) || (is_number(last) && rest.rsplit_once('-').is_some_and(|(_, hash)| is_hash(hash)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_that_must_not_be_used_again_is_passed_over() {
        let (dir, hash) = (Path::new("/d"), blake3::hash(b"x"));
        let stem = format!("/d/echo-{}", &hash.to_hex()[..16]);
        let mut spoiled = BTreeSet::new();
        for name in [format!("{stem}.so"), format!("{stem}-2.so"), format!("{stem}-3.so")] {
            let path = path(dir, "echo", &hash, &spoiled);
            assert_eq!(path, PathBuf::from(name));
            spoiled.insert(path);
        }
    }

    #[test]
    fn only_copies_are_swept_and_only_those_that_nobody_needs() {
        let dir = tempfile::tempdir().unwrap();
        let hash = "0123456789abcdef";
        let needed = dir.path().join(format!("echo-{hash}.so"));
        let kept = [format!("echo-{hash}.so"), format!("echo-{hash}.json"), "trust.toml".into(), "notes-1.so".into()];
        let swept = [format!("slack-{hash}.so"), format!("slack-{hash}-2.so"), format!("slack-{hash}.json")];
        for file in kept.iter().chain(&swept) {
            fs::write(dir.path().join(file), "").unwrap();
        }
        sweep(dir.path(), &[needed].into());
        let mut left: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        left.sort();
        let mut kept = kept.to_vec();
        kept.sort();
        assert_eq!(left, kept);
        sweep(&dir.path().join("absent"), &BTreeSet::new());
    }
}
