//! A schedule may what its maker may, looked at when it is made and each time that it fires; what it may not is told.

use std::time::Duration;

use tieline_model::{
    Command, EventBody, PrincipalKind, Reply, Scope,
    command::{self, ScheduleCreate, TokenRevoke},
    outcome::Code,
    reply::Tokens,
    schedule::{Misfire, State},
};
use tieline_tests::{Outcomes, World, address, ask, notify, schedule, story};

const MINUTE: Duration = Duration::from_secs(60);

async fn revoke(world: &World, name: &str) {
    let tokens = world.call(world.human(), Command::TokenList(command::TokenList {})).await.reply();
    let Reply::Tokens(Tokens { tokens }) = tokens else { panic!("wanted tokens") };
    let token = tokens.iter().find(|token| token.name == name).expect("a token of that name").token;
    world.call(world.human(), Command::TokenRevoke(TokenRevoke { token })).await.reply();
}

#[actix_rt::test]
async fn a_revoked_token_stops_its_schedules_and_they_say_why() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let start = world.now();
    let id = world.schedule(&alice, schedule("every 1m", notify("bob", "tick"))).await.schedule.unwrap();
    world.advance(MINUTE).await;
    world.wait_runs(world.human(), id, 1).await;
    revoke(&world, "alice").await;
    world.pass(3, MINUTE).await;
    let runs = world.wait_runs(world.human(), id, 2).await;
    assert_eq!(story(&runs, start), ["60 fired", "120 unauthenticated"]);
    let shown = world.shown(world.human(), id).await;
    assert_eq!(shown.state, State::Paused);
    assert_eq!(shown.reason.as_deref(), Some("`alice` has no good token any more"));
    assert_eq!(world.inbox(&bob).await.items.len(), 1);
    let events = world.timeline(alice.home).await;
    assert!(
        events.iter().any(|event| matches!(event.body, EventBody::ScheduleRefused { code: Code::Unauthenticated, .. }))
    );
}

#[actix_rt::test]
async fn what_the_maker_may_not_cannot_be_scheduled() {
    let world = World::start().await;
    let create = command::TokenCreate {
        name: "quiet".into(),
        kind: PrincipalKind::Agent,
        scopes: Some(vec![Scope::SessionOpen, Scope::MessageSend]),
        circles: None,
        expires_in_ms: None,
    };
    let Reply::TokenCreated(created) = world.call(world.human(), Command::TokenCreate(create)).await.reply() else {
        panic!("wanted a token")
    };
    let quiet = world.authenticate(&created.secret).unwrap();
    let give = |command| Command::ScheduleCreate(schedule("in 1m", command));
    let refusal = world.call(&quiet, give(ask("self", "may I?"))).await.refused();
    assert_eq!((refusal.code, refusal.field.as_deref()), (Code::Forbidden, Some("schedule_create.command")));
    world.call(&quiet, give(notify("self", "this I may"))).await.reply();
    // What only a human may, a human does by hand.
    let tokens = world.call(world.human(), Command::TokenList(command::TokenList {})).await.reply();
    let Reply::Tokens(Tokens { tokens }) = tokens else { panic!("wanted tokens") };
    let revoke = Command::TokenRevoke(TokenRevoke { token: tokens[0].token });
    assert_eq!(world.call(world.human(), give(revoke)).await.refused().code, Code::Forbidden);
    for unfit in [
        Command::Whoami(command::Whoami {}),
        Command::PeerDetach(command::PeerDetach::default()),
        give(notify("self", "x")),
    ] {
        let name = unfit.name();
        let refusal = world.call(world.human(), give(unfit)).await.refused();
        assert!(refusal.message.starts_with(&format!("`{name}` cannot be scheduled")), "{refusal:?}");
    }
}

#[actix_rt::test]
async fn a_refusal_of_the_command_is_told_and_the_schedule_goes_on() {
    let world = World::start().await;
    let alice = world.agent("alice").await;
    let work = world.open(&alice, "work").await;
    let start = world.now();
    let id = world.schedule(&alice, schedule("every 1m", notify("work", "tick"))).await.schedule.unwrap();
    let close = command::SessionRef { session: address(&work.id.to_string()) };
    world.call(&alice, Command::SessionClose(close)).await.reply();
    world.advance(MINUTE).await;
    world.wait_runs(&alice, id, 1).await;
    world.open(&alice, "work").await;
    world.advance(MINUTE).await;
    let told = story(&world.wait_runs(&alice, id, 2).await, start);
    assert_eq!(told[1], "120 fired", "a name is looked up each time: {told:?}");
    assert!(["60 session_closed", "60 unknown_session"].contains(&told[0].as_str()), "{told:?}");
    assert_eq!(world.shown(&alice, id).await.state, State::Active);
}

#[actix_rt::test]
async fn a_schedule_of_a_session_that_was_closed_is_paused() {
    let world = World::start().await;
    let alice = world.agent("alice").await;
    let work = world.open(&alice, "work").await;
    let create = ScheduleCreate { session: Some(address("work")), ..schedule("every 1m", notify("alice", "tick")) };
    let id = world.schedule(&alice, create).await.schedule.unwrap();
    let close = command::SessionRef { session: address(&work.id.to_string()) };
    world.call(&alice, Command::SessionClose(close)).await.reply();
    world.advance(MINUTE).await;
    world.wait_runs(&alice, id, 1).await;
    let shown = world.shown(&alice, id).await;
    assert_eq!((shown.state, shown.reason.as_deref()), (State::Paused, Some("its session is closed")));
}

#[actix_rt::test]
async fn a_role_is_whoever_has_it_when_it_fires() {
    let world = World::start().await;
    let (alice, bob, carol) = (world.agent("alice").await, world.agent("bob").await, world.agent("carol").await);
    let take = |roles: &[&str]| {
        Command::SessionDescribe(command::SessionDescribe {
            session: address("self"),
            description: None,
            roles: Some(roles.iter().map(|&role| role.to_owned()).collect()),
            project: None,
        })
    };
    let own = |who: &tieline_model::Principal, command| match command {
        Command::SessionDescribe(describe) => Command::SessionDescribe(command::SessionDescribe {
            session: tieline_model::Address::Session(who.home),
            ..describe
        }),
        other => other,
    };
    world.call(&bob, own(&bob, take(&["critic"]))).await.reply();
    let id = world.schedule(&alice, schedule("every 1m", notify("@critic", "look"))).await.schedule.unwrap();
    world.advance(MINUTE).await;
    world.wait_runs(&alice, id, 1).await;
    // Carol takes over by a schedule of her own.
    world.call(&bob, own(&bob, take(&[]))).await.reply();
    let taking = world.schedule(&carol, schedule("in 30s", take(&["critic"]))).await.schedule.unwrap();
    world.advance(MINUTE / 2).await;
    world.wait_runs(&carol, taking, 1).await;
    world.advance(MINUTE / 2).await;
    world.wait_runs(&alice, id, 2).await;
    let (at_bob, at_carol) = (world.inbox(&bob).await.items.len(), world.inbox(&carol).await.items.len());
    assert_eq!((at_bob, at_carol), (1, 1));
}

#[actix_rt::test]
async fn a_wrong_schedule_is_refused_with_the_field() {
    let world = World::start().await;
    let alice = world.agent("alice").await;
    let fine = || schedule("in 1m", notify("self", "x"));
    for (create, field) in [
        (ScheduleCreate { when: "sometimes".into(), ..fine() }, "schedule_create.when"),
        (ScheduleCreate { zone: Some("Mars".into()), ..fine() }, "schedule_create.zone"),
        (ScheduleCreate { until: Some("every 5m".into()), ..fine() }, "schedule_create.until"),
        (ScheduleCreate { max_runs: Some(0), ..fine() }, "schedule_create.max_runs"),
        (ScheduleCreate { misfire: Misfire::All { max: 101 }, ..fine() }, "schedule_create.misfire.all.max"),
        (ScheduleCreate { catch_up_ms: Some(u64::MAX), ..fine() }, "schedule_create.catch_up_ms"),
        (ScheduleCreate { command: Box::new(notify("nobody", "x")), ..fine() }, "schedule_create.command.notify.to"),
        (ScheduleCreate { title: Some("a/b".into()), ..fine() }, "schedule_create.title"),
        (
            ScheduleCreate { command: Box::new(notify("self", &"x".repeat(1 << 20))), ..fine() },
            "schedule_create.command",
        ),
    ] {
        let refusal = world.call(&alice, Command::ScheduleCreate(create)).await.refused();
        assert_eq!(refusal.field.as_deref(), Some(field), "{refusal:?}");
    }
}
