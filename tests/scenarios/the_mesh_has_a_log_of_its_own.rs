//! The daemon has a session of its own: humans read its timeline, nobody writes to it, and no broadcast goes there.

use std::sync::Arc;

use tieline_engine::{Engine, auth, clock::Clock};
use tieline_model::{
    Code, Command, EventBody, Principal, PrincipalId, PrincipalKind, SessionId, TimestampMs, TokenId,
    command::{Broadcast, Origin, PeerAttach, SessionOpen, SessionRef, SessionRename, Timeline},
    reply::Reply,
};
use tieline_store::{Job, JobError, NewSession, Options, Store, StoreError, Synchronous, Tx, Writer};
use tieline_tests::{Outcomes, World, address, ask, notify};

fn mesh(world: &World) -> SessionId {
    world.engine().door.shared().mesh().expect("the daemon has a session of its own")
}

fn timeline(name: &str) -> Command {
    Command::Timeline(Timeline { sessions: vec![address(name)], ..Timeline::default() })
}

#[actix_rt::test]
async fn it_is_made_once_and_read_by_humans_alone() {
    let mut world = World::start().await;
    let made = mesh(&world);
    world.restart().await;
    assert_eq!(mesh(&world), made);
    let events = world.timeline(made).await;
    assert!(matches!(&events[..], [event] if matches!(event.body, EventBody::SessionOpened { .. })), "{events:?}");
    let view = world.session(made).await;
    assert_eq!((view.title.as_str(), view.circle.as_str()), ("mesh", "mesh"));

    let agent = world.token("far", PrincipalKind::Agent, None).await;
    let everything = Principal {
        scopes: tieline_model::Scope::ALL.to_vec(),
        circles: vec!["main".into(), "mesh".into()],
        ..(*agent).clone()
    };
    let everything = Arc::new(everything);
    for name in ["mesh/mesh", &made.to_string()] {
        assert!(world.call(world.human(), timeline(name)).await.is_ok(), "{name}");
        assert!(world.call(&everything, timeline(name)).await.is_err(), "{name}");
    }
    let Ok(Reply::Sessions(seen)) = world.call(&everything, Command::SessionList(Default::default())).await else {
        panic!("no sessions")
    };
    assert!(seen.sessions.iter().all(|session| session.id != made));
}

#[actix_rt::test]
async fn nobody_writes_to_it() {
    let world = World::start().await;
    let made = mesh(&world);
    let human = world.human();
    let session = address("mesh/mesh");
    let broadcast = |circle: Option<&str>| {
        let (text, circle) = ("x".to_owned(), circle.map(str::to_owned));
        Command::Broadcast(Broadcast { text, circle, exclude: Vec::new(), sender: None, expires_in_ms: None })
    };
    let refused = [
        (notify("mesh/mesh", "x"), Code::Forbidden),
        (ask(&made.to_string(), "x"), Code::Forbidden),
        (broadcast(Some("mesh")), Code::BadInput),
        (Command::SessionClose(SessionRef { session: session.clone() }), Code::Forbidden),
        (Command::SessionRename(SessionRename { session: session.clone(), title: "x".into() }), Code::Forbidden),
        (Command::PeerAttach(PeerAttach { session: Some(session), ..PeerAttach::default() }), Code::Forbidden),
        (
            Command::SessionOpen(SessionOpen {
                title: "x".into(),
                circle: Some("mesh".into()),
                ..SessionOpen::default()
            }),
            Code::BadInput,
        ),
    ];
    for (command, code) in refused {
        let name = command.name();
        assert_eq!(world.call(human, command).await.refused().code, code, "{name}");
    }
    world.agent("alice").await;
    let sent = world.call(human, broadcast(None)).await.accepted();
    assert!(sent.deliveries.iter().all(|delivery| delivery.session != made), "{sent:?}");
    assert_eq!(world.session(made).await.pending, 0);
}

/// Writes what a database of before had: a principal with a home and a token.
struct Before(Principal);

impl Job for Before {
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let (principal, opened_at) = (&self.0, TimestampMs(1));
        tx.insert_principal(principal)?;
        tx.insert_session(&NewSession {
            id: principal.home,
            title: principal.name.clone(),
            circle: principal.circle().to_owned(),
            roles: Vec::new(),
            description: None,
            project: None,
            owner: principal.id,
            parent: None,
            opened_at,
        })?;
        let opened =
            EventBody::SessionOpened { title: principal.name.clone(), circle: "main".into(), by: principal.id };
        tx.append_event(principal.home, opened_at, opened)?;
        let token = TokenId::from_slice(&[3; 16]).expect("an id");
        tx.insert_token(token, principal.id, &auth::hash("secret"), opened_at, None)
    }
    fn failed(&mut self, error: JobError) {
        panic!("the old database could not be made: {error}");
    }
}

#[actix_rt::test]
async fn a_database_from_before_gets_one() {
    let files = tempfile::tempdir().expect("a temporary folder");
    let open = || {
        let path = files.path().join("tieline.db");
        Store::open(Options { path, synchronous: Synchronous::Normal, readers: 1, wal_limit_bytes: 1 << 20 })
            .expect("the store opens")
    };
    let human = Principal {
        id: PrincipalId::from_slice(&[1; 16]).expect("an id"),
        kind: PrincipalKind::Human,
        name: "human".into(),
        scopes: PrincipalKind::Human.default_scopes(),
        circles: vec!["main".into()],
        home: SessionId::from_slice(&[2; 16]).expect("an id"),
    };
    let store = open();
    let writer = Writer::start(&store, 8, 8, |_| {}, |error| panic!("{error}")).expect("the writer starts");
    assert!(writer.submit(Before(human.clone())).is_ok());
    writer.stop();
    drop(store);

    let (clock, _hand) = Clock::simulated(TimestampMs(1_750_000_000_000));
    let config = tieline_config::Config::default();
    let engine = Engine::start(open(), config, clock, |error| panic!("{error}")).await.expect("the engine starts");
    let known = engine.door.authenticate("secret").expect("the old token is good");
    let read = async |name| match engine.door.dispatch(&known, Origin::default(), None, timeline(name)).await {
        Ok(Reply::Timeline(page)) => page.events,
        other => panic!("wanted a timeline, found {other:?}"),
    };
    let events = read("mesh/mesh").await;
    assert_eq!(events.iter().map(|event| (event.seq, event.cursor)).collect::<Vec<_>>(), [(1, 2)]);
    assert_eq!(read("human").await.len(), 1);
    engine.stop().await;
}
