//! Programs in Python that tests compare with.

use std::path::PathBuf;

use crate::daemon::build_dir;

/// Returns the interpreter with the libraries of `tests/clients`; `cargo xtask test` makes its environment.
pub fn python() -> PathBuf {
    let python = build_dir().parent().expect("the target folder").join("venv/bin/python");
    assert!(python.exists(), "`{}` is missing; `cargo xtask test` makes it", python.display());
    python
}
