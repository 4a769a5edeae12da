//! The daemon that people run cannot be made to die by an environment variable.

use crate::{
    a_planted_bug_is_found::BUG,
    built,
    daemon::{FAIL_POINTS, Home},
};

#[tokio::test]
async fn it_refuses_to_run_as_if_it_had_them() {
    let home = Home::new(&[]);
    let end = home.spawn(&built::daemon(), Some("store.before_commit=1")).listening().await;
    let Err(status) = end else { panic!("it runs with {FAIL_POINTS} set") };
    assert!(status.code().is_some_and(|code| code != 0), "{status}");
    let said = home.log();
    assert!(said.contains(FAIL_POINTS) && said.contains("no fail points"), "{said}");
}

#[test]
fn their_names_are_not_in_it() {
    let text = |file| String::from_utf8_lossy(&std::fs::read(file).expect("a built binary")).into_owned();
    let (released, armed) = (text(built::daemon()), text(built::daemon_with_fail_points()));
    for name in built::fail_points() {
        assert!(!released.contains(&name), "`{name}` is in the released daemon");
    }
    assert!(armed.contains(BUG), "this way of looking does not find a name that is there");
}
