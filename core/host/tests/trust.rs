//! Nothing of a file runs before somebody has said yes to its very content, and nobody else can have written it.
#![allow(clippy::unwrap_used)]

mod support;

use std::{fs, os::unix::fs::PermissionsExt, path::Path, sync::Arc};

use serde_json::json;
use support::{Bench, c_plugin, hash, version};
use tieline_host::{FirstParty, Host, Operation, OperationError, State, Status, Step, TrustFile, TrustPolicy};

fn with(policy: TrustPolicy) -> Bench {
    let mut bench = Bench::with_fault(json!({}));
    bench.settings.trust = policy;
    bench
}

fn permit(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn record(bench: &Bench) -> TrustFile {
    TrustFile::load(&bench.settings.trust_file).unwrap()
}

/// Loads the only file, which has to be refused for lack of trust, and returns why.
fn distrusted(bench: &Bench) -> (Arc<Host>, String) {
    let (host, status) = bench.load();
    assert_eq!((status.state, status.step), (State::Quarantined, Some(Step::Trust)), "{status:?}");
    (host, status.reason.unwrap())
}

fn trust(host: &Host, hash: Option<&str>) -> Result<Status, OperationError> {
    let hash = hash.map(str::to_owned);
    host.operate(Operation::Trust { name: "fault".into(), hash, by: "a test".into() })
        .map(|mut status| status.remove(0))
}

#[test]
fn an_unknown_file_waits_for_a_word_and_none_of_it_runs() {
    let mut bench = Bench::new();
    bench.settings.trust = TrustPolicy::FirstParty;
    let trace = bench.dir.path().join("has-run");
    let run = format!(
        "#include <fcntl.h>\n__attribute__((constructor)) static void c(void) {{ open(\"{}\", O_CREAT, 0600); }}",
        trace.display()
    );
    let library = bench.compile("c", &c_plugin(&run));
    let (host, reason) = distrusted(&bench);
    let content = hash(&fs::read(&library).unwrap());
    assert!(reason.contains(&content) && reason.contains("`tieline plugins trust c`"), "{reason}");
    assert_eq!(host.status()[0].hash, Some(content.clone()));
    assert!(!trace.exists(), "not even its constructors");
    host.load_all();
    assert_eq!(bench.seen.seen().changes.len(), 1, "it is said once");

    let status = host
        .operate(Operation::Trust { name: "libc.so".into(), hash: Some(content.clone()), by: "a test".into() })
        .unwrap();
    assert_eq!((status.len(), status[0].state), (1, State::Running));
    assert!(trace.exists());
    let record = record(&bench);
    let trusted = record.find(&content).unwrap();
    assert_eq!((trusted.name.as_str(), trusted.file.as_str(), trusted.trusted_at_ms), ("c", "libc.so", 1));
    assert_eq!(bench.run().status()[0].state, State::Running, "the next daemon knows");
}

#[test]
fn a_file_that_changed_waits_while_the_one_before_runs() {
    let bench = with(TrustPolicy::Ask);
    let (host, _) = distrusted(&bench);
    assert_eq!(trust(&host, None).unwrap().state, State::Running);
    bench.put("libfault.so", &version(1));
    host.load_all();
    let status = host.status().remove(0);
    let (pending, was, is) = (status.pending.unwrap(), hash(&version(0)), hash(&version(1)));
    assert_eq!((status.state, pending.step, status.hash), (State::Running, Step::Trust, Some(was.clone())));
    let said = format!("it changed since it was trusted: its BLAKE3 hash was {was}, and is {is};");
    assert!(pending.reason.contains(&said) && pending.reason.contains("tieline plugins trust fault"), "{pending:?}");
    assert_eq!((pending.hash, bench.seen.seen().lost), (Some(is.clone()), 0));
    // The next daemon does not run it at all.
    let (_next, reason) = distrusted(&bench);
    assert!(reason.contains(&said), "{reason}");

    let wrong = trust(&host, Some(&was)).unwrap_err();
    assert!(matches!(&wrong, OperationError::WrongHash { found, .. } if *found == is), "{wrong}");
    assert!(host.status()[0].pending.is_some());
    let status = trust(&host, Some(&is.to_uppercase())).unwrap();
    assert_eq!((status.state, status.hash, status.pending), (State::Running, Some(is), None));
    // It may go back to what was trusted before.
    bench.put("libfault.so", &version(0));
    host.load_all();
    assert_eq!(host.status()[0].hash, Some(was));
}

#[test]
fn what_was_trusted_offline_runs() {
    let bench = with(TrustPolicy::Ask);
    let trusted = TrustFile::trust(&bench.settings.trust_file, &bench.path("libfault.so"), "a test", 7).unwrap();
    assert_eq!((trusted.name.as_str(), trusted.by.as_str()), ("fault", "a test"));
    bench.run();
}

#[test]
fn what_came_with_the_daemon_runs_unless_one_wants_to_be_asked() {
    let mut bench = with(TrustPolicy::FirstParty);
    let path = bench.dir.path().join(FirstParty::FILE);
    let mut first_party = FirstParty::default();
    first_party.add(&bench.path("libfault.so")).unwrap();
    first_party.save(&path).unwrap();
    bench.settings.first_party = vec![bench.dir.path().join("absent.toml"), path.clone()];
    bench.run();
    bench.put("libfault.so", &version(1));
    distrusted(&bench);
    bench.put("libfault.so", &version(0));
    bench.settings.trust = TrustPolicy::Ask;
    distrusted(&bench);

    // A record that others can write says nothing.
    bench.settings.trust = TrustPolicy::FirstParty;
    permit(&path, 0o666);
    let (_host, reason) = distrusted(&bench);
    assert!(reason.contains("first-party.toml") && reason.contains("0666"), "{reason}");
}

#[test]
fn with_any_only_the_owner_counts() {
    let bench = with(TrustPolicy::Any);
    bench.run();
    permit(&bench.path("libfault.so"), 0o664);
    let (host, reason) = distrusted(&bench);
    let path = fs::canonicalize(bench.path("libfault.so")).unwrap();
    assert!(reason.contains(&format!("`{}` can be written by its group (mode 0664)", path.display())), "{reason}");
    assert!(reason.contains(&format!("chmod g-w '{}'", path.display())), "{reason}");
    let refused = trust(&host, None).unwrap_err();
    assert!(matches!(&refused, OperationError::NotNow { reason } if reason.contains("chmod")), "{refused}");
    permit(&bench.path("libfault.so"), 0o644);
    host.load_all();
    assert_eq!(host.status()[0].state, State::Running);
}

#[test]
fn every_folder_above_has_to_be_the_users_own() {
    let mut bench = with(TrustPolicy::Any);
    let root = bench.dir.path().join("a");
    let dir = root.join("b/plugins");
    fs::create_dir_all(&dir).unwrap();
    fs::rename(bench.path("libfault.so"), dir.join("libfault.so")).unwrap();
    bench.settings.plugins_dir = dir.clone();
    for folder in [&dir, &root.join("b"), &root] {
        permit(folder, 0o757);
        let (_host, reason) = distrusted(&bench);
        let folder_found = fs::canonicalize(folder).unwrap();
        assert!(reason.contains(&format!("`{}` can be written by others", folder_found.display())), "{reason}");
        permit(folder, 0o755);
    }
    // As /tmp is.
    permit(&root, 0o1777);
    bench.run();
}

#[test]
fn a_link_is_judged_where_it_stands_and_where_it_leads() {
    let bench = with(TrustPolicy::Any);
    let outside = bench.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    permit(&outside, 0o755);
    fs::rename(bench.path("libfault.so"), outside.join("real.so")).unwrap();
    std::os::unix::fs::symlink(outside.join("real.so"), bench.path("libfault.so")).unwrap();
    bench.run();
    permit(&outside, 0o777);
    assert!(distrusted(&bench).1.contains("outside` can be written"));
    permit(&outside, 0o755);
    permit(&bench.settings.plugins_dir, 0o777);
    assert!(distrusted(&bench).1.contains("plugins` can be written"));
}

#[test]
fn copies_that_others_could_change_are_not_opened() {
    let bench = with(TrustPolicy::Any);
    drop(bench.run());
    permit(&bench.settings.staging_dir, 0o777);
    assert!(distrusted(&bench).1.contains("staged` can be written"));
}

#[test]
fn a_record_that_does_not_count_is_told_and_nothing_runs() {
    let bench = with(TrustPolicy::Ask);
    TrustFile::trust(&bench.settings.trust_file, &bench.path("libfault.so"), "a test", 7).unwrap();
    permit(&bench.settings.trust_file, 0o602);
    let (host, reason) = distrusted(&bench);
    assert!(reason.contains("trust.toml") && reason.contains("chmod o-w"), "{reason}");
    let refused = trust(&host, None).unwrap_err();
    assert!(matches!(refused, OperationError::NotNow { .. }), "{refused}");
    permit(&bench.settings.trust_file, 0o600);
    fs::write(&bench.settings.trust_file, "nonsense").unwrap();
    assert!(distrusted(&bench).1.contains("does not make sense"));
}

#[test]
fn a_pipe_or_a_device_is_no_plugin_and_holds_nothing_up() {
    let bench = Bench::new();
    let status = std::process::Command::new("mkfifo").arg(bench.path("libpipe.so")).status().unwrap();
    assert!(status.success());
    let (_host, status) = bench.load();
    assert_eq!((status.state, status.step), (State::Failed, Some(Step::Elf)));
    assert!(status.reason.unwrap().contains("not a regular file"));
}
