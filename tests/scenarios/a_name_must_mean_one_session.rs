//! A name that means no session, or several, is refused with what the caller may have meant.

use tieline_model::{Code, Command, PrincipalKind, command::SessionDescribe};
use tieline_tests::{Outcomes, World, address, notify};

#[actix_rt::test]
async fn an_unknown_name_lists_what_is_near() {
    let world = World::start().await;
    let alice = world.agent("alice").await;
    world.agent("reviewer").await;
    let refusal = world.call(&alice, notify("reveiwer", "hi")).await.refused();
    assert_eq!((refusal.code, refusal.field.as_deref()), (Code::UnknownSession, Some("notify.to")));
    assert_eq!(refusal.candidates.first().map(String::as_str), Some("reviewer"));
}

#[actix_rt::test]
async fn an_ambiguous_name_lists_the_ids() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let (one, two) = (world.open(&bob, "build").await, world.open(&bob, "build").await);
    let refusal = world.call(&alice, notify("build", "hi")).await.refused();
    assert_eq!((refusal.code, refusal.field.as_deref()), (Code::AmbiguousSession, Some("notify.to")));
    let (one, two) = (one.id.to_string(), two.id.to_string());
    assert_eq!(refusal.candidates, [one.as_str(), two.as_str()]);
    world.notify(&alice, &one, "hi").await;
}

#[actix_rt::test]
async fn a_role_means_the_one_session_that_has_it_also_after_a_restart() {
    let mut world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let describe = SessionDescribe {
        session: address("bob"),
        description: None,
        roles: Some(vec!["critic".into()]),
        project: None,
    };
    world.call(&bob, Command::SessionDescribe(describe)).await.reply();
    world.notify(&alice, "@critic", "hi").await;
    world.restart().await;
    world.notify(&alice, "main/@critic", "hi again").await;
    assert_eq!(world.inbox(&bob).await.items.len(), 2);
    let refusal = world.call(&alice, notify("@critics", "hi")).await.refused();
    assert_eq!((refusal.code, refusal.candidates[0].as_str()), (Code::UnknownSession, "@critic"));
}

#[actix_rt::test]
async fn what_is_out_of_reach_does_not_exist() {
    let world = World::start().await;
    let alice = world.agent("alice").await;
    let far = world.token("far", PrincipalKind::Agent, Some(&["elsewhere"])).await;
    for (to, code) in [
        ("far".to_owned(), Code::UnknownSession),
        (far.home.to_string(), Code::UnknownSession),
        ("elsewhere/far".to_owned(), Code::Forbidden),
    ] {
        assert_eq!(world.call(&alice, notify(&to, "hi")).await.refused().code, code, "{to}");
    }
    let secret = world.notify(&far, "far", "to myself").await;
    let trace = Command::Trace(tieline_model::command::MessageRef { message: secret.message });
    assert_eq!(world.call(&alice, trace).await.refused().code, Code::UnknownMessage);
}
