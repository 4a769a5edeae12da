//! The store through its own door: real SQLite files, real threads.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    path::Path,
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use tieline_model::{
    DeliveryState, EventBody, Lane, Message, MessageId, MessageKind, Principal, PrincipalId, PrincipalKind, Sender,
    SessionId, TimestampMs,
};
use tieline_store::{Job, JobError, KvUse, NewDelivery, NewSession, OpenError, Options, Store, StoreError, Tx, Writer};

type Work = Box<dyn FnMut(&mut Tx<'_>) -> Result<(), StoreError> + Send>;

struct TestJob {
    name: u32,
    work: Work,
    failed: Option<String>,
}

impl Job for TestJob {
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        (self.work)(tx)
    }
    fn failed(&mut self, error: JobError) {
        self.failed = Some(error.to_string());
    }
}

fn options(folder: &Path) -> Options {
    Options { path: folder.join("tieline.db"), synchronous: Default::default(), readers: 1, wal_limit_bytes: 1 << 20 }
}

fn start(store: &Store) -> (Writer<TestJob>, Receiver<TestJob>) {
    let (done, committed) = channel();
    let on_commit = move |jobs: Vec<TestJob>| jobs.into_iter().for_each(|job| done.send(job).unwrap());
    let writer = Writer::start(store, 1000, 64, on_commit, |error| panic!("{error}")).unwrap();
    (writer, committed)
}

fn submit(
    writer: &Writer<TestJob>,
    name: u32,
    work: impl FnMut(&mut Tx<'_>) -> Result<(), StoreError> + Send + 'static,
) {
    writer.submit(TestJob { name, work: Box::new(work), failed: None }).map_err(|_| "full").unwrap();
}

fn next(committed: &Receiver<TestJob>) -> TestJob {
    committed.recv_timeout(Duration::from_secs(20)).unwrap()
}

fn session(n: u128) -> SessionId {
    SessionId::from_uuid(uuid::Uuid::from_u128(n))
}

fn principal() -> Principal {
    Principal {
        id: PrincipalId::from_uuid(uuid::Uuid::from_u128(1)),
        kind: PrincipalKind::Human,
        name: "p".into(),
        scopes: vec![],
        circles: vec!["main".into()],
        home: session(1),
    }
}

fn new_session(n: u128) -> NewSession {
    NewSession {
        id: session(n),
        title: format!("s{n}"),
        circle: "main".into(),
        roles: vec![],
        description: None,
        project: None,
        owner: principal().id,
        parent: None,
        opened_at: TimestampMs(1),
    }
}

fn notify(tx: &mut Tx<'_>, n: u128, from: SessionId, to: SessionId) -> Result<(), StoreError> {
    let message = Message {
        id: MessageId::from_uuid(uuid::Uuid::from_u128(n)),
        kind: MessageKind::Notify,
        from: Sender { session: from, title: "s".into(), principal: principal().id, kind: PrincipalKind::Human },
        thread: None,
        group: None,
        reply_to: None,
        text: Some(format!("text {n}")),
        notice: None,
        late: false,
        declined: false,
        urgency: None,
        supersedes: None,
        hops: 0,
        reminds_of: Vec::new(),
        wake: None,
        order: None,
        purged: false,
        tells: None,
        sent_at_ms: TimestampMs(5),
        expires_at_ms: Some(TimestampMs(100)),
    };
    let seq = tx.next_seq(to, Lane::Msg)?;
    let (message_no, _) = tx.insert_message(&message, &[(to, seq)])?;
    let new = NewDelivery {
        message_no,
        lane: Lane::Msg,
        bytes: 6,
        accepted_at: TimestampMs(5),
        expires_at: TimestampMs(100),
    };
    assert_eq!(tx.insert_delivery(to, &new)?, seq);
    let body = EventBody::MessageAccepted { message: message.id, kind: message.kind, from, lane: Lane::Msg, seq };
    tx.append_event(to, TimestampMs(5), body)?;
    Ok(())
}

fn with_two_sessions(writer: &Writer<TestJob>, committed: &Receiver<TestJob>) {
    submit(writer, 0, |tx| {
        tx.insert_session(&new_session(1))?;
        tx.insert_session(&new_session(2))?;
        tx.insert_principal(&principal())
    });
    assert_eq!(next(committed).failed, None);
}

#[test]
fn what_was_committed_is_there_after_a_reopen_with_the_same_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let log_id = {
        let store = Store::open(options(folder.path())).unwrap();
        let (writer, committed) = start(&store);
        with_two_sessions(&writer, &committed);
        for n in 1..=20 {
            submit(&writer, 0, move |tx| notify(tx, n, session(1), session(2)));
        }
        for _ in 0..20 {
            assert_eq!(next(&committed).failed, None);
        }
        submit(&writer, 0, |tx| {
            let rows = tx.deliveries(session(2), Lane::Msg, 1, 7)?;
            assert_eq!(rows.len(), 7);
            tx.progress(session(2), Lane::Msg, (1, 7), DeliveryState::Delivered, Some(3), TimestampMs(9))?;
            let head = tx.head(session(2))?.unwrap();
            head.inbox.deliver(Lane::Msg, 7).unwrap();
            head.inbox.settle(7, 42);
            tx.save_cursors(session(2), Lane::Msg)
        });
        assert_eq!(next(&committed).failed, None);
        writer.stop();
        store.log_id().to_owned()
    };
    let store = Store::open(options(folder.path())).unwrap();
    assert_eq!(store.log_id(), log_id);
    let mut reader = store.readers().take();
    let (inbox, _) = reader.inbox(session(2)).unwrap().unwrap();
    assert_eq!((inbox.heads.msg, inbox.delivered.msg, inbox.pending, inbox.pending_bytes), (20, 7, 13, 78));
    let page = reader.inbox_page(session(2), Lane::Msg, 7, 3, true).unwrap();
    assert_eq!(page.iter().map(|row| row.seq).collect::<Vec<_>>(), [8, 9, 10]);
    assert_eq!(page[0].message.text.as_deref(), Some("text 8"));
    let timeline = reader.timeline(session(2), 0, 100).unwrap();
    assert!(timeline.iter().enumerate().all(|(at, event)| event.seq == at as u64 + 1));
    assert_eq!(reader.next_expiry(session(2)).unwrap(), Some(TimestampMs(100)));
    let traced = reader.trace(page[0].message.id).unwrap().unwrap();
    assert_eq!((traced.message.text.as_deref(), traced.ask), (Some("text 8"), None));
    let delivery = &traced.deliveries[0];
    assert_eq!((delivery.session, delivery.seq, delivery.state), (session(2), 8, DeliveryState::Accepted));
}

#[test]
fn a_failing_job_takes_nobody_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(options(folder.path())).unwrap();
    let (writer, committed) = start(&store);
    with_two_sessions(&writer, &committed);
    let (go, wait) = channel::<()>();
    let mut wait = Some(wait);
    submit(&writer, 0, move |_| {
        // A job may be run twice; it waits once.
        if let Some(wait) = wait.take() {
            let _ = wait.recv_timeout(Duration::from_secs(20));
        }
        Ok(())
    });
    // These three wait together, so they share a batch.
    submit(&writer, 1, |tx| notify(tx, 1, session(1), session(2)));
    submit(&writer, 2, |tx| {
        notify(tx, 2, session(1), session(2))?;
        panic!("on purpose")
    });
    submit(&writer, 3, |tx| notify(tx, 3, session(1), session(2)));
    submit(&writer, 4, |tx| notify(tx, 3, session(1), session(2)));
    go.send(()).unwrap();
    let ended: Vec<(u32, bool)> =
        (0..5).map(|_| next(&committed)).map(|job| (job.name, job.failed.is_none())).collect();
    assert_eq!(ended, [(0, true), (1, true), (2, false), (3, true), (4, false)]);
    let (inbox, _) = store.readers().take().inbox(session(2)).unwrap().unwrap();
    assert_eq!((inbox.heads.msg, inbox.pending), (2, 2));
    submit(&writer, 5, |tx| {
        assert_eq!(tx.next_seq(session(2), Lane::Msg)?, 3);
        Ok(())
    });
    assert_eq!(next(&committed).failed, None);
    writer.stop();
}

#[test]
fn a_second_daemon_a_foreign_file_and_a_newer_schema_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(options(folder.path())).unwrap();
    let second = Store::open(options(folder.path())).unwrap_err();
    assert!(matches!(&second, OpenError::Locked { pid: Some(pid), .. } if *pid == std::process::id()), "{second}");
    let (writer, committed) = start(&store);
    submit(&writer, 0, |tx| tx.insert_session(&new_session(1)));
    next(&committed);
    writer.stop();
    drop(store);

    let path = folder.path().join("tieline.db");
    assert!(std::process::Command::new("python3")
        .arg("-c")
        .arg("import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.execute(\"insert into __diesel_schema_migrations(version) values('9999')\"); c.commit()")
        .arg(&path)
        .status()
        .unwrap()
        .success());
    let newer = Store::open(options(folder.path())).unwrap_err();
    assert!(matches!(&newer, OpenError::Newer { migration, .. } if migration == "9999"), "{newer}");

    let text = tempfile::tempdir().unwrap();
    std::fs::write(
        text.path().join("tieline.db"),
        "this is a shopping list, not a database, and longer than a header is",
    )
    .unwrap();
    let foreign = Store::open(options(text.path())).unwrap_err();
    assert!(matches!(foreign, OpenError::Foreign { .. }), "{foreign}");

    let other = tempfile::tempdir().unwrap();
    let path = other.path().join("tieline.db");
    assert!(
        std::process::Command::new("python3")
            .args([
                "-c",
                "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.execute('create table t(a)'); c.commit()"
            ])
            .arg(&path)
            .status()
            .unwrap()
            .success()
    );
    let before = std::fs::read(&path).unwrap();
    let foreign = Store::open(options(other.path())).unwrap_err();
    assert!(matches!(foreign, OpenError::Foreign { .. }), "{foreign}");
    assert_eq!(std::fs::read(&path).unwrap(), before, "the foreign file was left alone");
}

#[test]
fn a_database_that_was_only_begun_is_as_good_as_new() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tieline.db");
    assert!(
        std::process::Command::new("python3")
            .args(["-c", "import sqlite3,sys; sqlite3.connect(sys.argv[1]).execute('pragma journal_mode = wal')"])
            .arg(&path)
            .status()
            .unwrap()
            .success()
    );
    assert!(std::fs::metadata(&path).unwrap().len() > 0, "it has a header without a name");
    Store::open(options(folder.path())).unwrap();
}

#[test]
fn a_flipped_byte_in_a_text_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    {
        let store = Store::open(options(folder.path())).unwrap();
        let (writer, committed) = start(&store);
        with_two_sessions(&writer, &committed);
        submit(&writer, 0, |tx| notify(tx, 1, session(1), session(2)));
        next(&committed);
        writer.stop();
    }
    assert!(std::process::Command::new("python3")
        .args(["-c", "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.execute(\"update messages set body=replace(body,'text 1','text 2')\"); c.commit()"])
        .arg(folder.path().join("tieline.db"))
        .status()
        .unwrap()
        .success());
    let store = Store::open(options(folder.path())).unwrap();
    let mut reader = store.readers().take();
    let due = reader.due(session(2), Lane::Msg, 1, 10).unwrap();
    assert!(due[0].message.is_err());
    assert!(matches!(reader.inbox_page(session(2), Lane::Msg, 0, 10, true), Err(StoreError::Damaged { .. })));
}

#[test]
fn files_are_for_their_owner_alone_and_the_log_is_bounded() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let store = Store::open(options(&data)).unwrap();
    let (writer, committed) = start(&store);
    with_two_sessions(&writer, &committed);
    let mut largest = 0;
    for n in 1..=3000 {
        submit(&writer, 0, move |tx| notify(tx, n, session(1), session(2)));
        next(&committed);
        largest = largest.max(std::fs::metadata(data.join("tieline.db-wal")).map_or(0, |meta| meta.len()));
    }
    // One commit may pass the limit of 1 MiB; the next thing the writer does is to copy the log back.
    assert!(largest < 3 << 20, "{largest}");
    for name in ["tieline.db", "tieline.db-wal", "tieline.lock"] {
        assert_eq!(std::fs::metadata(data.join(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    assert_eq!(std::fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
    store.quick_check().unwrap();
    writer.stop();
}

#[test]
fn what_a_plugin_keeps_is_there_after_a_restart_and_counted_in_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(options(folder.path())).unwrap();
    let (writer, committed) = start(&store);
    submit(&writer, 1, |tx| {
        assert_eq!(tx.kv_use("echo")?, KvUse::default());
        for (plugin, key, value) in
            [("echo", "b", "1"), ("echo", "é", "22"), ("echo", "b", "4444"), ("other", "b", ""), ("echo", "ba", "")]
        {
            tx.kv_put(plugin, key, value.as_bytes())?;
        }
        assert_eq!(tx.kv_use("echo")?, KvUse { keys: 3, bytes: 1 + 4 + 2 + 2 + 2 });
        assert_eq!(tx.kv_bytes("echo", "b")?, Some(5));
        assert_eq!(tx.kv_bytes("echo", "none")?, None);
        Ok(())
    });
    assert_eq!(next(&committed).failed, None);
    // What was rolled back is not counted.
    submit(&writer, 2, |tx| {
        tx.kv_put("echo", "c", b"x")?;
        Err(StoreError::Closed)
    });
    assert!(next(&committed).failed.is_some());
    submit(&writer, 3, |tx| {
        assert_eq!(tx.kv_use("echo")?.keys, 3);
        assert!(tx.kv_delete("echo", "ba")?);
        assert!(!tx.kv_delete("echo", "ba")?);
        assert_eq!(tx.kv_use("echo")?, KvUse { keys: 2, bytes: 9 });
        Ok(())
    });
    assert_eq!(next(&committed).failed, None);
    writer.stop();
    drop(store);

    let store = Store::open(options(folder.path())).unwrap();
    let mut reader = store.readers().take();
    assert_eq!(reader.kv_get("echo", "b").unwrap().as_deref(), Some(&b"4444"[..]));
    assert_eq!(reader.kv_get("echo", "c").unwrap(), None);
    assert_eq!(reader.kv_get("other", "b").unwrap().as_deref(), Some(&b""[..]));
    assert_eq!(reader.kv_keys("echo", "").unwrap(), ["b", "é"]);
    assert_eq!(reader.kv_keys("echo", "b").unwrap(), ["b"]);
    assert_eq!(reader.kv_keys("echo", "bb").unwrap(), [""; 0]);
}
