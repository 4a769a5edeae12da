//! Asks are reminded of, escalated, declined, superseded, and need as many answers as their asker says.

use std::{sync::Arc, time::Duration};

use tieline_model::{
    Code, Command, EventBody, Lane, MessageId, MessageKind, Principal, Reply, SessionId,
    ask::AskState,
    command::{Ack, Ask, AskMany, Escalation, Happened, Need, Notify, PeerAttach, Record, Urgency},
    event::{Activity, TurnOutcome},
    message::DeliveryState,
    reply::Needed,
};
use tieline_tests::{Client, Outcomes, World, address};

const MINUTE: Duration = Duration::from_secs(60);

async fn turn(world: &World, who: &Arc<Principal>, is_start: bool) {
    let turn = "1".to_owned();
    let what = match is_start {
        true => Activity::TurnStarted { turn },
        false => Activity::TurnEnded { turn, outcome: TurnOutcome::Completed, reason: None, duration_ms: None },
    };
    let activities = vec![Happened { at_ms: None, what }];
    world.call(who, Command::Record(Record { session: None, source: None, activities })).await.reply();
}

/// The reminders that a link got: which asks each of them names.
fn reminders(link: &Client) -> Vec<Vec<MessageId>> {
    let frames = link.deliveries();
    let notices = frames.iter().filter(|frame| frame.message.kind == MessageKind::Notice);
    notices.map(|frame| frame.message.reminds_of.clone()).filter(|asks| !asks.is_empty()).collect()
}

async fn state(world: &World, by: &Arc<Principal>, ask: MessageId) -> AskState {
    world.trace(by, ask).await.ask.expect("an ask").state
}

async fn kinds(world: &World, session: SessionId) -> Vec<&'static str> {
    world.timeline(session).await.iter().map(|event| event.body.kind()).collect()
}

async fn answer(world: &World, by: &Arc<Principal>, ask: MessageId, decline: bool) {
    world.call(by, Command::Ack(Ack { ask, text: Some("no idea".into()), sender: None, decline })).await.reply();
}

#[actix_rt::test]
async fn one_reminder_names_all_open_asks_and_there_are_six_of_them_at_growing_distances() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let link = world.attach(&bob).await;
    let first = world.ask(&alice, "bob", "one?").await.message;
    world.advance(MINUTE).await;
    let second = world.ask(&alice, "bob", "two?").await.message;
    link.wait_deliveries(2).await;
    link.take(Lane::Msg, 2).await;
    world.advance(13 * MINUTE).await;
    world.calm().await;
    assert_eq!(reminders(&link).len(), 0, "nothing is due before 15 minutes");
    let mut seen = 0;
    for minutes in [1, 15, 60, 240, 1440, 1440] {
        world.advance(minutes * MINUTE).await;
        link.wait_deliveries(3 + seen).await;
        world.calm().await;
        seen += 1;
        assert_eq!(reminders(&link).len(), seen, "after {minutes} more minutes");
        link.take(Lane::Ctl, seen as u64).await;
    }
    assert!(reminders(&link).iter().all(|asks| *asks == [first, second]), "{:?}", reminders(&link));
    world.advance(2 * 1440 * MINUTE).await;
    world.calm().await;
    assert_eq!(reminders(&link).len(), 6, "six at most");
}

#[actix_rt::test]
async fn nobody_is_reminded_in_the_middle_of_a_turn_nor_of_what_is_closed() {
    let mut world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let link = world.attach(&bob).await;
    turn(&world, &bob, true).await;
    let ask = world.ask(&alice, "bob", "one?").await.message;
    link.wait_deliveries(1).await;
    link.take(Lane::Msg, 1).await;
    world.advance(20 * MINUTE).await;
    world.calm().await;
    assert_eq!(reminders(&link).len(), 0, "the model works");
    turn(&world, &bob, false).await;
    link.wait_deliveries(2).await;
    assert_eq!(reminders(&link), [[ask]], "at the end of the turn");
    link.take(Lane::Ctl, 1).await;
    turn(&world, &bob, true).await;
    turn(&world, &bob, false).await;
    world.calm().await;
    assert_eq!(reminders(&link).len(), 1, "the end of the next turn is too soon for the second");
    answer(&world, &bob, ask, false).await;
    world.restart().await;
    let link = world.attach(&bob).await;
    world.advance(100 * MINUTE).await;
    world.calm().await;
    assert_eq!(reminders(&link).len(), 0, "the ask is answered");
    assert_eq!(kinds(&world, bob.home).await.iter().filter(|kind| **kind == "asks_reminded").count(), 1);
}

#[actix_rt::test]
async fn reminders_survive_a_restart_and_may_be_refused() {
    let mut world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let loud = Ask { remind_in_ms: Some(60_000), ..Ask::new(address("bob"), "soon?") };
    let quiet = Ask { remind_in_ms: Some(0), ..Ask::new(address("bob"), "whenever?") };
    let Reply::Accepted(loud) = world.call(&alice, Command::Ask(loud)).await.reply() else { panic!() };
    world.call(&alice, Command::Ask(quiet)).await.reply();
    let link = world.attach(&bob).await;
    link.wait_deliveries(2).await;
    link.take(Lane::Msg, 2).await;
    world.restart().await;
    let link = world.attach(&bob).await;
    world.advance(MINUTE).await;
    link.wait_deliveries(1).await;
    assert_eq!(reminders(&link), [[loud.message]]);
}

#[actix_rt::test]
async fn an_ask_goes_up_its_chain_and_the_first_answer_closes_them_all() {
    let mut world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let (carol, dora) = (world.agent("carol").await, world.agent("dora").await);
    let step = |minutes: u64, to: &str| Escalation { after_ms: minutes * 60_000, to: address(to) };
    let escalate = vec![step(5, "carol"), step(10, "dora")];
    let ask = Ask { escalate, ..Ask::new(address("bob"), "who knows?") };
    let Reply::Accepted(asked) = world.call(&alice, Command::Ask(ask)).await.reply() else { panic!() };
    world.advance(4 * MINUTE).await;
    world.calm().await;
    assert!(world.inbox(&carol).await.items.is_empty(), "not before its time");
    world.restart().await;
    world.advance(MINUTE).await;
    world.calm().await;
    let item = world.inbox(&carol).await.items.remove(0);
    assert_eq!((item.message.text.as_deref(), item.message.reply_to), (Some("who knows?"), Some(asked.message)));
    assert_eq!(item.message.from.session, alice.home);
    world.advance(5 * MINUTE).await;
    world.calm().await;
    let last = world.inbox(&dora).await.items.remove(0).message.id;
    answer(&world, &carol, item.message.id, false).await;
    for (ask, wanted) in
        [(asked.message, AskState::Answered), (item.message.id, AskState::Answered), (last, AskState::Cancelled)]
    {
        assert_eq!(state(&world, &alice, ask).await, wanted);
    }
    assert!(world.inbox(&bob).await.items.is_empty(), "what is answered need not be read");
    let got = world.inbox(&alice).await.items;
    assert_eq!(got.iter().filter(|item| item.message.kind == MessageKind::Ack).count(), 1, "{got:?}");
}

#[actix_rt::test]
async fn when_nobody_else_can_be_asked_the_asker_is_told() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let side = world.open(&bob, "side").await;
    let escalate = vec![Escalation { after_ms: 60_000, to: address("side") }];
    let ask = Ask { escalate, ..Ask::new(address("bob"), "who knows?") };
    world.call(&alice, Command::Ask(ask)).await.reply();
    let close = tieline_model::command::SessionRef { session: address("side") };
    world.call(&bob, Command::SessionClose(close)).await.reply();
    world.advance(MINUTE).await;
    world.calm().await;
    let failed = world
        .timeline(alice.home)
        .await
        .into_iter()
        .any(|event| matches!(event.body, EventBody::AskNotEscalated { to, .. } if to == side.id));
    assert!(failed, "{:?}", kinds(&world, alice.home).await);
    let told = world.inbox(&alice).await.items.remove(0).message.notice.unwrap();
    assert!(told.reason.unwrap().contains("nobody else could be asked"));
}

#[actix_rt::test]
async fn who_declines_says_so_and_the_ask_is_closed() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let ask = world.ask(&alice, "bob", "could you?").await.message;
    answer(&world, &bob, ask, true).await;
    assert_eq!(state(&world, &alice, ask).await, AskState::Declined);
    let item = world.inbox(&alice).await.items.remove(0);
    assert!(item.message.declined && item.message.text.as_deref() == Some("no idea"));
}

#[actix_rt::test]
async fn a_message_is_put_in_the_place_of_an_earlier_one() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let ask = world.ask(&alice, "bob", "by noon?").await.message;
    let better = Ask { supersedes: Some(ask), ..Ask::new(address("bob"), "by ten?") };
    world.call(&alice, Command::Ask(better)).await.reply();
    assert_eq!(state(&world, &alice, ask).await, AskState::Superseded);
    let items = world.inbox(&bob).await.items;
    assert_eq!(items.len(), 1);
    assert_eq!((items[0].message.text.as_deref(), items[0].message.supersedes), (Some("by ten?"), Some(ask)));
    let note = world.notify(&alice, "bob", "it is red").await.message;
    let link = world.attach(&bob).await;
    link.wait_deliveries(2).await;
    link.take(Lane::Msg, 3).await;
    let late = Notify { supersedes: Some(note), ..Notify::new(address("bob"), "it is green") };
    let Reply::Accepted(late) = world.call(&alice, Command::Notify(late)).await.reply() else { panic!() };
    assert_eq!(
        world.trace(&alice, note).await.deliveries[0].delivery.state,
        DeliveryState::Delivered,
        "it was too late for that"
    );
    link.wait_deliveries(3).await;
    assert_eq!(link.deliveries()[2].message.supersedes, Some(note));
    let foreign = Notify { supersedes: Some(late.message), ..Notify::new(address("alice"), "x") };
    assert_eq!(world.call(&bob, Command::Notify(foreign)).await.refused().code, Code::UnknownMessage);
}

#[actix_rt::test]
async fn an_ask_of_several_needs_as_many_answers_as_its_asker_says() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let (carol, dora) = (world.agent("carol").await, world.agent("dora").await);
    let many = |need| {
        let to = ["bob", "carol", "dora"].map(address).to_vec();
        Command::AskMany(AskMany { to, text: "agreed?".into(), need, sender: None, expires_in_ms: None })
    };
    for wrong in [0, 4] {
        let refused = world.call(&alice, many(Need::AtLeast(wrong))).await.refused();
        assert_eq!(refused.field.as_deref(), Some("ask_many.need"));
    }
    let Reply::AcceptedMany(asked) = world.call(&alice, many(Need::AtLeast(2))).await.reply() else { panic!() };
    let asks: Vec<MessageId> = asked.asks.iter().map(|ask| ask.message).collect();
    answer(&world, &bob, asks[0], true).await;
    answer(&world, &carol, asks[1], false).await;
    assert!(!kinds(&world, alice.home).await.contains(&"group_resolved"), "one of two");
    answer(&world, &dora, asks[2], false).await;
    let resolved = world.timeline(alice.home).await.into_iter().find_map(|event| match event.body {
        EventBody::GroupResolved { answered, total, .. } => Some((answered, total)),
        _ => None,
    });
    assert_eq!(resolved, Some((2, 3)));
    let Reply::AcceptedMany(asked) = world.call(&alice, many(Need::AtLeast(2))).await.reply() else { panic!() };
    let asks: Vec<MessageId> = asked.asks.iter().map(|ask| ask.message).collect();
    answer(&world, &bob, asks[0], false).await;
    answer(&world, &carol, asks[1], false).await;
    assert_eq!(state(&world, &alice, asks[2]).await, AskState::Cancelled, "enough have answered");
}

#[actix_rt::test]
async fn a_chain_of_messages_is_shown_from_its_first_one_wherever_one_starts() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let ask = world.ask(&alice, "bob", "ready?").await.message;
    let back = Ask { reply_to: Some(ask), ..Ask::new(address("alice"), "for what?") };
    let Reply::Accepted(back) = world.call(&bob, Command::Ask(back)).await.reply() else { panic!() };
    answer(&world, &alice, back.message, false).await;
    answer(&world, &bob, ask, false).await;
    answer(&world, &bob, ask, false).await;
    let last = world.inbox(&alice).await.items.last().unwrap().message.id;
    for from in [ask, back.message, last] {
        let thread = Command::Thread(tieline_model::command::MessageRef { message: from });
        let Reply::Thread(thread) = world.call(&alice, thread).await.reply() else { panic!() };
        let shown: Vec<_> = thread.messages.iter().map(|one| (one.depth, one.message.kind, one.message.late)).collect();
        let wanted = [
            (0, MessageKind::Ask, false),
            (1, MessageKind::Ask, false),
            (2, MessageKind::Ack, false),
            (1, MessageKind::Ack, false),
            (1, MessageKind::Ack, true),
        ];
        assert_eq!(shown, wanted, "from {from}");
    }
}

#[actix_rt::test]
async fn a_person_sees_what_waits_for_it_and_an_agent_only_its_own_asks() {
    let world = World::start().await;
    let human = Arc::clone(world.human());
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let ask = world.ask(&alice, "human", "may I merge?").await.message;
    let to_bob = world.ask(&alice, "bob", "ready?").await.message;
    let what = Activity::ApprovalAsked { approval: "a1".into(), subject: "rm -r build".into() };
    let activities = vec![Happened { at_ms: None, what }];
    world.call(&bob, Command::Record(Record { session: None, source: None, activities })).await.reply();
    let needs = async |who: &Arc<Principal>| {
        let needs = Command::NeedsYou(tieline_model::command::NeedsYou {});
        let Reply::Needs(needs) = world.call(who, needs).await.reply() else { panic!() };
        let name = |need: &tieline_model::reply::NeedView| match &need.what {
            Needed::Answer { ask, .. } => (need.session, ask.to_string()),
            Needed::Approval { approval, .. } => (need.session, approval.clone()),
            Needed::Plugin { name, .. } => (None, name.clone()),
            Needed::Memory { proposal, .. } => (need.session, proposal.to_string()),
        };
        let mut found: Vec<_> = needs.needs.iter().map(name).collect();
        found.sort();
        found
    };
    let mut wanted = vec![(Some(alice.home), ask.to_string()), (Some(bob.home), "a1".to_owned())];
    wanted.sort();
    assert_eq!(needs(&human).await, wanted);
    assert_eq!(needs(&bob).await, [(Some(alice.home), to_bob.to_string())]);
    answer(&world, &human, ask, false).await;
    let what = Activity::ApprovalDecided { approval: "a1".into(), is_allowed: false, reason: None };
    let activities = vec![Happened { at_ms: None, what }];
    world.call(&bob, Command::Record(Record { session: None, source: None, activities })).await.reply();
    assert_eq!(needs(&human).await, []);
}

#[actix_rt::test]
async fn urgency_is_given_as_far_as_the_receivers_runtime_can() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let urgent = |urgency| Command::Notify(Notify { urgency: Some(urgency), ..Notify::new(address("bob"), "stop") });
    let given = async |urgency| {
        let Reply::Accepted(accepted) = world.call(&alice, urgent(urgency)).await.reply() else { panic!() };
        let view = accepted.deliveries[0].urgency.clone().unwrap();
        let traced = world.trace(&alice, accepted.message).await.deliveries.remove(0).delivery.urgency;
        assert_eq!(traced.as_ref(), Some(&view));
        (view.given, view.reason.is_some())
    };
    assert_eq!(given(Urgency::Interrupt).await, (None, true), "nobody is there");
    let link = world.link(&bob);
    let attach = PeerAttach { urgency: Some(Urgency::NextToolCall), ..PeerAttach::default() };
    link.call(Command::PeerAttach(attach)).await.attached();
    assert_eq!(given(Urgency::Interrupt).await, (Some(Urgency::NextToolCall), true));
    assert_eq!(given(Urgency::NextToolCall).await, (Some(Urgency::NextToolCall), false));
    assert_eq!(
        link.wait_deliveries(3).await[0].message.urgency,
        Some(Urgency::Interrupt),
        "the wish is told to the peer"
    );
    let plain = world.notify(&alice, "bob", "no hurry").await;
    assert_eq!(plain.deliveries[0].urgency, None);
}
