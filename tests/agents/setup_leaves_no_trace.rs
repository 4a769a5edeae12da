//! What `tieline setup` writes for real programs is taken out again byte by byte, also after they have run.

use std::fs;

use crate::{program::Kind, stage::Stage};

/// The files that a person has, before and after.
const FILES: [&str; 4] =
    [".claude.json", ".codex/config.toml", ".gemini/settings.json", ".config/opencode/opencode.json"];
/// The files that are there only while the programs are set up.
const OURS: [&str; 4] = [
    ".claude/settings.json",
    ".codex/hooks.json",
    ".config/opencode/plugin/tieline.js",
    ".pi/agent/extensions/tieline.ts",
];

#[tokio::test]
async fn setup_and_undo_leave_the_files_as_they_were() {
    let stage = Stage::with(&Kind::ALL).await;
    let read = |file: &str| fs::read_to_string(stage.person.path().join(file)).expect("a file");
    let set_up = FILES.map(read);
    assert!(set_up.iter().all(|text| text.contains("tieline")), "{set_up:#?}");
    let again = stage.setup(&Kind::ALL, &["--yes", "--approve-tools"]);
    assert_eq!(FILES.map(read), set_up, "a second time changes nothing: {again}");

    stage.setup(&Kind::ALL, &["--yes", "--undo"]);
    let undone = FILES.map(read);
    for kind in Kind::ALL {
        kind.furnish(stage.person.path(), &stage.folder(), &stage.model.url());
    }
    assert_eq!(undone, FILES.map(read), "byte by byte");
    for file in OURS {
        assert!(!stage.person.path().join(file).exists(), "{file} was not there before");
    }
}
