//! Files and folders are for the daemon's user alone, whatever the umask is.

use std::{
    fs,
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::Path,
};

use serde_json::json;
use tieline_tests::{
    daemon::{Home, library},
    socket::Socket,
};

use crate::{says, token};

fn walk(folder: &Path, seen: &mut Vec<(String, u32, bool)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // The write-ahead log comes and goes.
        let Ok(meta) = fs::symlink_metadata(&path) else { continue };
        seen.push((path.display().to_string(), meta.permissions().mode() & 0o7777, meta.is_dir()));
        if meta.is_dir() {
            walk(&path, seen);
        }
    }
}

#[tokio::test]
async fn everything_that_the_daemon_makes_is_for_its_user_alone() {
    let home = Home::bare().umask(0);
    fs::remove_dir_all(home.path().join("config")).unwrap();
    let mut daemon = home.start();
    // It has made the plugin folder; now there is something to stage.
    daemon.home.add_plugin(&library("tieline_transport_websocket"));
    assert!(daemon.stop().success());
    daemon.restart();
    token(&daemon, "guest", json!({"kind": "agent"})).await;
    says(&daemon, "human", json!({"notify": {"to": "guest", "text": "x"}})).await;
    let (_peer, _) = Socket::attach(&daemon.tcp(), &daemon.home.token("agent"), json!({})).await;

    let mut seen = Vec::new();
    walk(daemon.home.path(), &mut seen);
    seen.retain(|(path, ..)| !path.ends_with("daemon.log") && !path.contains("/config/plugins/"));
    for (path, mode, is_dir) in &seen {
        let wanted: &[u32] = if *is_dir { &[0o700] } else { &[0o600, 0o400, 0o500, 0o700] };
        assert!(wanted.contains(mode), "{path} has the mode {mode:o}");
    }
    for part in
        ["config/plugins", "data/tieline.db", "data/tieline.db-wal", "human.token", "tieline.sock", "run/address"]
    {
        assert!(seen.iter().any(|(path, ..)| path.ends_with(part)), "no {part} in {seen:?}");
    }
    assert!(seen.iter().any(|(path, _, is_dir)| path.contains("data/plugins/") && !is_dir), "nothing was staged");
    assert!(fs::symlink_metadata(daemon.home.socket()).unwrap().file_type().is_socket());
}

#[tokio::test]
async fn a_token_that_others_can_read_keeps_the_daemon_from_starting() {
    let mut daemon = Home::new().start();
    assert!(daemon.stop().success());
    let file = daemon.home.token_file("human");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let output = daemon.home.run_to_its_end();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("human.token") && said.contains("644") && said.contains("chmod 600"), "{said}");
    assert!(!said.contains(&daemon.home.token("human")));
}
