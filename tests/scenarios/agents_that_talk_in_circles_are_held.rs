//! Brakes hold agents that talk in circles or spend too much. People are not held, and each brake says why.

use std::sync::Arc;

use tieline_model::{
    Code, Command, EventBody, MessageId, Outcome, Principal, Reply,
    command::{Happened, Notify, Record, SessionBudget, SessionFork},
    event::{Activity, Brake},
};
use tieline_tests::{Outcomes, World, address};

async fn say(world: &World, from: &Arc<Principal>, to: &str, text: &str, reply_to: Option<MessageId>) -> Outcome {
    world.call(from, Command::Notify(Notify { reply_to, ..Notify::new(address(to), text) })).await
}

async fn brakes(world: &World, who: &Arc<Principal>) -> Vec<Brake> {
    let timeline = world.timeline(who.home).await;
    let held = timeline.into_iter().filter_map(|event| match event.body {
        EventBody::Braked { brake, .. } => Some(brake),
        _ => None,
    });
    held.collect()
}

#[actix_rt::test]
async fn the_same_words_twice_and_thanks_for_thanks_are_held_and_written_down_once() {
    let usual = tieline_config::Config::default().brakes;
    let world = World::start_with(|config| config.brakes = usual).await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let first = say(&world, &alice, "bob", "the build is green", None).await.accepted();
    for _ in 0..3 {
        let refusal = say(&world, &alice, "bob", "the build is green", None).await.refused();
        assert_eq!(refusal.code, Code::Braked);
        assert!(refusal.message.contains(&first.message.to_string()), "{}", refusal.message);
    }
    say(&world, &bob, "alice", "thanks!", None).await.accepted();
    let refusal = say(&world, &alice, "bob", "you are welcome", None).await.refused();
    assert_eq!(refusal.code, Code::Braked);
    assert_eq!(brakes(&world, &alice).await, [Brake::Duplicate, Brake::AcknowledgementOnly]);
    let human = Arc::clone(world.human());
    for _ in 0..3 {
        say(&world, &human, "bob", "ok", None).await.accepted();
    }
    let taken_back = say(&world, &alice, "bob", "look at this", None).await.accepted();
    world.cancel(&alice, taken_back.message).await.reply();
    say(&world, &alice, "bob", "look at this", None).await.accepted();
    assert_eq!(world.inbox(&bob).await.items.len(), 5, "nothing of what was held came in");
}

#[actix_rt::test]
async fn a_chain_of_messages_has_an_end() {
    let world = World::start_with(|config| config.brakes.hops = 3).await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let mut last = say(&world, &alice, "bob", "0", None).await.accepted().message;
    for n in 1..=3 {
        let (from, to) = if n % 2 == 1 { (&bob, "alice") } else { (&alice, "bob") };
        last = say(&world, from, to, &n.to_string(), Some(last)).await.accepted().message;
    }
    assert_eq!(world.trace(&alice, last).await.message.hops, 3);
    let refusal = say(&world, &alice, "bob", "4", Some(last)).await.refused();
    assert_eq!(refusal.code, Code::Braked);
    assert_eq!(brakes(&world, &alice).await, [Brake::Hops]);
    say(&world, world.human(), "bob", "4", Some(last)).await.accepted();
}

#[actix_rt::test]
async fn a_pair_has_a_rate_of_its_own() {
    let world = World::start_with(|config| {
        config.brakes.pair_burst = 3;
        config.brakes.pair_per_minute = 60;
    })
    .await;
    let (alice, _bob) = (world.agent("alice").await, world.agent("bob").await);
    world.agent("carol").await;
    for n in 0..3 {
        say(&world, &alice, "bob", &n.to_string(), None).await.accepted();
    }
    let refusal = say(&world, &alice, "bob", "3", None).await.refused();
    assert_eq!((refusal.code, refusal.retry_after_ms), (Code::RateLimited, Some(1000)));
    say(&world, &alice, "carol", "3", None).await.accepted();
    world.advance(std::time::Duration::from_secs(1)).await;
    say(&world, &alice, "bob", "3", None).await.accepted();
}

#[actix_rt::test]
async fn a_budget_holds_a_session_with_its_forks_until_it_is_raised() {
    let mut world = World::start().await;
    let (alice, _bob) = (world.agent("alice").await, world.agent("bob").await);
    let budget =
        |tokens| Command::SessionBudget(SessionBudget { session: address("alice"), tokens, cost_micro_usd: None });
    assert_eq!(world.call(&alice, budget(Some(100))).await.refused().code, Code::Forbidden, "only people set budgets");
    let human = Arc::clone(world.human());
    world.call(&human, budget(Some(100))).await.reply();
    let fork = SessionFork { session: address("alice"), title: "fork".into(), seq: None };
    let Reply::Session(fork) = world.call(&alice, Command::SessionFork(fork)).await.reply() else { panic!() };
    let speak =
        |text: &str| Command::Notify(Notify { sender: Some(address("fork")), ..Notify::new(address("bob"), text) });
    world.call(&alice, speak("one")).await.accepted();
    let spent =
        Activity::Spent { model: None, input_tokens: 60, output_tokens: 40, cached_tokens: None, cost_micro_usd: None };
    let activities = vec![Happened { at_ms: None, what: spent }];
    let session = Some(address(&fork.id.to_string()));
    world.call(&alice, Command::Record(Record { session, source: None, activities })).await.reply();
    world.restart().await;
    for command in [speak("two"), Command::Notify(Notify::new(address("bob"), "two"))] {
        let refusal = world.call(&alice, command).await.refused();
        assert_eq!(refusal.code, Code::Braked);
        assert!(refusal.message.contains("100 of 100 tokens"), "{}", refusal.message);
    }
    world.call(&human, budget(Some(200))).await.reply();
    world.call(&alice, speak("two")).await.accepted();
}
