//! Finds the daemon with fail points, which is no part of the usual build, and the names of the points.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

pub use tieline_tests::daemon::binary as daemon;
use tieline_tests::daemon::build_dir;

/// The folders that the daemon is made of.
const SOURCES: [&str; 4] = ["config", "core", "plugins-sdk", "migrations"];
/// How it is made.
const MADE_BY: &str = "cargo xtask test` makes it, or by hand: `cargo build --workspace --features tieline-cli/failpoints \
                      && cp target/debug/tieline target/debug/tieline-failpoints && cargo build --workspace";

/// Returns the daemon with fail points, and refuses one that is older than the sources.
pub fn daemon_with_fail_points() -> PathBuf {
    let file = build_dir().join("tieline-failpoints");
    assert!(file.exists(), "there is no `{}`: `{MADE_BY}`", file.display());
    let built = modified(&file);
    for folder in SOURCES {
        for source in files(&root().join(folder)) {
            assert!(
                modified(&source) <= built,
                "`{}` is older than `{}`: `{MADE_BY}`",
                file.display(),
                source.display()
            );
        }
    }
    file
}

/// Returns the names of all fail points, as they stand in the sources.
pub fn fail_points() -> BTreeSet<String> {
    const MARK: &str = "fail_point!(\"";
    let sources = SOURCES.iter().flat_map(|folder| files(&root().join(folder)));
    let mut names = BTreeSet::new();
    for source in sources.filter(|file| file.extension().is_some_and(|extension| extension == "rs")) {
        let text = fs::read_to_string(&source).unwrap_or_else(|error| panic!("{}: {error}", source.display()));
        for rest in text.split(MARK).skip(1) {
            names.extend(rest.split('"').next().map(str::to_owned));
        }
    }
    names
}

/// Returns the workspace's root folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are a folder of the workspace").to_owned()
}

/// Returns all files under a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for path in entries.map(|entry| entry.expect("an entry of a source folder").path()) {
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found
}

fn modified(file: &Path) -> SystemTime {
    let modified = fs::metadata(file).and_then(|meta| meta.modified());
    modified.unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
