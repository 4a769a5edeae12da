//! What was shown for which program: kept beside the build, for `cargo xtask agents` to make `docs/agents.md` of.

use std::fs;

use crate::program::{Kind, programs};

/// Notes that something was shown. The name is a column of the page.
pub fn holds(kind: Kind, what: &str) {
    let folder = programs().join("../../shown");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join(format!("{}.{what}", kind.name())), "").expect("a file");
}
