//! Who may know whom, and what no source may contain: the drawing in `ARCHITECTURE.md`, held against the workspace.
#![forbid(unsafe_code)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// Which crates of ours each crate may use. The crates under `tests/` may use all; nobody may use them.
const MAY_USE: [(&str, &[&str]); 19] = [
    ("tieline-config", &[]),
    ("tieline-model", &[]),
    ("tieline-process", &[]),
    ("tieline-plugin-sdk", &[]),
    ("tieline-store", &["tieline-model", "tieline-process"]),
    ("tieline-search", &["tieline-model"]),
    ("tieline-agents", &["tieline-model"]),
    ("tieline-ingest", &["tieline-model"]),
    ("tieline-host", &["tieline-plugin-sdk"]),
    (
        "tieline-engine",
        &["tieline-config", "tieline-host", "tieline-model", "tieline-process", "tieline-search", "tieline-store"],
    ),
    ("tieline-server", &["tieline-config", "tieline-engine", "tieline-model"]),
    (
        "tieline-cli",
        &[
            "tieline-agents",
            "tieline-config",
            "tieline-engine",
            "tieline-host",
            "tieline-ingest",
            "tieline-model",
            "tieline-process",
            "tieline-server",
            "tieline-store",
        ],
    ),
    ("tieline-transport-doors", &["tieline-process"]),
    ("tieline-transport-home", &["tieline-plugin-sdk"]),
    ("tieline-transport-native", &["tieline-plugin-sdk", "tieline-transport-doors", "tieline-transport-home"]),
    ("tieline-transport-terminal", &["tieline-plugin-sdk", "tieline-process", "tieline-transport-home"]),
    ("tieline-transport-websocket", &["tieline-plugin-sdk"]),
    ("tieline-fault-plugin", &["tieline-plugin-sdk"]),
    ("xtask", &["tieline-config", "tieline-host"]),
];

/// What a crate may use for its own tests besides.
const MAY_USE_IN_TESTS: [(&str, &[&str]); 1] = [("tieline-host", &["tieline-fault-plugin"])];

/// The crates with `unsafe` in them, or made to misbehave. In all of them every block says why it is sound, which clippy
/// sees to.
const MAY_BE_UNSAFE: [&str; 3] = ["tieline-plugin-sdk", "tieline-host", "tieline-fault-plugin"];

/// The tests with `unsafe` in them: they load a library as the host does.
const TESTS_MAY_BE_UNSAFE: [&str; 1] = ["conformance"];

/// Crates outside of ours that only one may use: each stands for something that has one place.
const ONLY_IN: [(&str, &[&str]); 4] = [
    ("diesel", &["tieline-search", "tieline-store"]),
    ("libsqlite3-sys", &["tieline-search", "tieline-store"]),
    ("libloading", &["tieline-host", "tieline-plugin-sdk"]),
    ("actix-web", &["tieline-server"]),
];

fn workspace() -> Metadata {
    MetadataCommand::new().no_deps().other_options(["--offline".to_owned()]).exec().expect("cargo metadata")
}

fn root(metadata: &Metadata) -> &Path {
    metadata.workspace_root.as_std_path()
}

/// The crates of the house itself, without those that test it from outside.
fn crates(metadata: &Metadata) -> Vec<&Package> {
    let tests = root(metadata).join("tests");
    let is_test = |package: &Package| package.manifest_path.as_std_path().starts_with(&tests);
    metadata.packages.iter().filter(|package| !is_test(package)).collect()
}

#[test]
fn every_crate_uses_only_what_it_may() {
    let metadata = workspace();
    let ours: BTreeSet<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    let table: BTreeMap<_, _> = MAY_USE.into();
    let in_tests: BTreeMap<_, _> = MAY_USE_IN_TESTS.into();
    let mut wrong = Vec::new();
    for package in crates(&metadata) {
        let name = package.name.as_str();
        let Some(&may) = table.get(name) else {
            wrong.push(format!("`{name}` has no line in the table"));
            continue;
        };
        let also = in_tests.get(name).copied().unwrap_or_default();
        for used in package.dependencies.iter().filter(|used| ours.contains(used.name.as_str())) {
            let is_for_tests = used.kind == DependencyKind::Development;
            let is_fine = may.contains(&used.name.as_str()) || (is_for_tests && also.contains(&used.name.as_str()));
            if !is_fine {
                wrong.push(format!("`{name}` may not use `{}`", used.name));
            }
        }
    }
    for name in table.keys().filter(|name| !ours.contains(**name)) {
        wrong.push(format!("`{name}` is in the table and not in the workspace"));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_has_one_place_stays_there() {
    let metadata = workspace();
    let table: BTreeMap<_, _> = ONLY_IN.into();
    let mut wrong = Vec::new();
    for package in crates(&metadata) {
        for used in &package.dependencies {
            if let Some(places) = table.get(used.name.as_str())
                && !places.contains(&package.name.as_str())
            {
                wrong.push(format!("`{}` uses `{}`, which belongs to {places:?}", package.name, used.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_crate_but_those_of_the_boundary_is_unsafe() {
    let metadata = workspace();
    let mut wrong = Vec::new();
    let may_not = |package: &&Package| !MAY_BE_UNSAFE.contains(&package.name.as_str());
    for package in metadata.packages.iter().filter(may_not) {
        for target in &package.targets {
            let source = fs::read_to_string(&target.src_path).expect("a source");
            let may = target.is_test() && TESTS_MAY_BE_UNSAFE.contains(&target.name.as_str());
            if !may && !source.contains("#![forbid(unsafe_code)]") {
                wrong.push(format!("{} does not say #![forbid(unsafe_code)]", target.src_path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A lint that is off in one place is off for what comes to stand there later.
#[test]
fn the_lints_about_unsafe_code_hold_everywhere() {
    let metadata = workspace();
    let manifest = fs::read_to_string(root(&metadata).join("Cargo.toml")).expect("the workspace's manifest");
    let mut wrong = Vec::new();
    for lint in ["unsafe_code", "undocumented_unsafe_blocks", "missing_safety_doc"] {
        if !manifest.contains(&format!("{lint} = \"deny\"")) {
            wrong.push(format!("the workspace does not deny `{lint}`"));
        }
    }
    for package in &metadata.packages {
        let manifest = fs::read_to_string(&package.manifest_path).expect("a manifest");
        if !manifest.contains("[lints]\nworkspace = true") {
            wrong.push(format!("`{}` has lints of its own", package.name));
        }
    }
    let off =
        [["allow(clippy::undocumented", "_unsafe_blocks"].concat(), ["allow(clippy::missing", "_safety_doc"].concat()];
    for file in sources(root(&metadata)) {
        let source = fs::read_to_string(&file).expect("a source");
        wrong.extend(off.iter().filter(|off| source.contains(*off)).map(|off| format!("{}: {off}", file.display())));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_source_does_what_is_forbidden() {
    // Put together here, so that this file does not find itself.
    let forbidden = [(["do_", "send("].concat(), "it ignores the mailbox limit: use try_send or send")];
    let metadata = workspace();
    let mut wrong = Vec::new();
    for file in sources(root(&metadata)) {
        let source = fs::read_to_string(&file).expect("a source");
        for (line, text) in source.lines().enumerate() {
            for (pattern, reason) in forbidden.iter().filter(|(pattern, _)| text.contains(pattern)) {
                wrong.push(format!("{}:{}: `{pattern}`: {reason}", file.display(), line + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Every Rust source of the workspace, also of tests and examples.
fn sources(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the workspace") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() && !name.starts_with('.') && name != "target" && name != "node_modules" {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 50, "the sources are somewhere else");
    found
}
