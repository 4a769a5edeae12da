//! `tieline memory` as people use it: files are recorded, a change is proposed and allowed, and written where the caller says.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

use std::{fs, path::Path, process::Output};

use tieline_tests::daemon::{Daemon, Home};

fn run(home: &Home, folder: &Path, args: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = home.tieline(args).current_dir(folder).output().unwrap();
    (status.code(), String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr))
}

#[test]
fn a_change_goes_from_a_proposal_through_a_person_into_a_file() {
    let daemon = Daemon::start();
    let (home, folder) = (&daemon.home, tempfile::tempdir().unwrap());
    let folder = folder.path();
    fs::write(folder.join("CLAUDE.md"), "be kind\n").unwrap();
    let ok = |args: &[&str]| {
        let (code, shown) = run(home, folder, args);
        assert_eq!(code, Some(0), "{args:?}: {shown}");
        shown
    };
    ok(&["memory", "snapshot", "--origin", "start", "CLAUDE.md"]);
    fs::write(folder.join("new.md"), "be kind\ntests first\n").unwrap();
    ok(&["memory", "propose", "CLAUDE.md", "--file", "new.md", "--reason", "a bug came back"]);
    let needs = ok(&["needs"]);
    assert!(needs.contains("would change what it works by") && needs.contains("a bug came back"), "{needs}");
    let id = needs.split_whitespace().find(|word| word.starts_with("prp_")).unwrap();

    // Nothing is in force before a person has said so, and nothing is written before somebody says where.
    let apply = ["memory", "apply", "human", "CLAUDE.md", "--to", "CLAUDE.md"];
    assert!(ok(&apply).contains("is as it should be"));
    ok(&["memory", "decide", id, "allow", "well seen"]);
    let (code, shown) = run(home, folder, &apply);
    assert_eq!(code, Some(1), "{shown}");
    assert!(shown.contains("+tests first") && shown.contains("--yes"), "{shown}");
    assert_eq!(fs::read_to_string(folder.join("CLAUDE.md")).unwrap(), "be kind\n");
    ok(&[&apply[..], &["--yes"]].concat());
    assert_eq!(fs::read_to_string(folder.join("CLAUDE.md")).unwrap(), "be kind\ntests first\n");

    let shown = ok(&["memory", "show", "human"]);
    assert!(shown.contains("tests first") && shown.contains("the story holds together (3 events)"), "{shown}");
    assert!(ok(&["memory", "log", "human"]).lines().count() == 3);
    assert!(ok(&["memory", "diff", "human", "0"]).contains("+be kind"));
    let (code, shown) = run(home, folder, &["memory", "apply", "human", "other.md", "--to", "x"]);
    assert_eq!(code, Some(2), "{shown}");
}
