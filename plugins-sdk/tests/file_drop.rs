//! The file-drop example conforms, and its folders keep what they promise without a daemon.

#![allow(clippy::unwrap_used)]

use serde_json::json;
use tieline_plugin_sdk::{conformance, declaration};

#[path = "../examples/file_drop.rs"]
mod file_drop;

#[test]
fn the_file_drop_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let options =
        conformance::Options { config: json!({"folder": folder.path(), "poll_ms": 10}), ..Default::default() };
    conformance::check_with(declaration::<file_drop::FileDrop>(), &options).assert();
}
