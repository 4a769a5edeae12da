//! A plugin that opens a link of its own has a lasting name and home in the mesh, and may do there what the person who
//! runs the daemon allows.

use tieline_config::{Layers, load};
use tieline_model::{
    Address, Code, Command, EventBody, Lane, PrincipalKind, Scope,
    command::{SessionRef, TokenList},
};
use tieline_tests::{Outcomes, World, address, ask, notify, texts};

fn configure(world: &mut World, scopes: &[&str], circle: &str) {
    let file = Some(("tieline.toml".into(), format!("[plugins.drop]\nscopes = {scopes:?}\ncircle = \"{circle}\"\n")));
    let loaded = load(&Layers { file, ..Layers::default() }).expect("a configuration");
    world.configure(|config| config.plugins = loaded.config.plugins);
}

#[actix_rt::test]
async fn it_is_asked_answers_and_keeps_its_mail_across_restarts() {
    let mut world = World::start().await;
    let alice = world.agent("alice").await;
    let plugin = world.own_link("drop").expect("a link");
    let who = plugin.who.clone();
    assert_eq!((who.kind, who.scopes.clone()), (PrincipalKind::Plugin, PrincipalKind::Plugin.default_scopes()));
    // Its very first command comes right behind the link, before anything is on the disk.
    let attached = plugin.attach().await;
    assert_eq!((attached.session, attached.title.as_str()), (who.home, "drop"));
    plugin.call(notify("alice", "a file came")).await.accepted();
    assert_eq!(world.inbox(&alice).await.items[0].message.from.kind, PrincipalKind::Plugin);
    world.ask(&alice, "drop", "May I?").await;
    assert_eq!(texts(&plugin.wait_deliveries(1).await), ["May I?"]);
    plugin.take(Lane::Msg, 1).await;

    // Away: its mail waits, and it is the same one that comes back.
    world.restart().await;
    world.notify(&alice, "drop", "you were away").await;
    let plugin = world.own_link("drop").expect("a link");
    assert_eq!(plugin.who, who);
    plugin.attach().await;
    assert_eq!(texts(&plugin.wait_deliveries(1).await), ["you were away"]);
    let again = world.own_link("drop").expect("another link");
    assert_eq!(again.who.id, who.id);
    again.attach().await;
    assert_eq!(plugin.wait_down().await.code, 4409, "the newer link of the same plugin takes over");
    // It has no token that anybody could find or steal.
    let tokens = format!("{:?}", world.call(world.human(), Command::TokenList(TokenList {})).await);
    assert!(!tokens.contains(&who.id.to_string()), "{tokens}");
}

#[actix_rt::test]
async fn it_may_do_what_its_configuration_allows_and_nothing_else() {
    let mut world = World::start().await;
    world.agent("alice").await;
    configure(&mut world, &["message:send", "session:open"], "main");
    world.restart().await;
    let plugin = world.own_link("drop").expect("a link");
    assert_eq!(plugin.who.scopes, [Scope::MessageSend, Scope::SessionOpen]);
    plugin.attach().await;
    plugin.call(notify("alice", "x")).await.accepted();
    assert_eq!(plugin.call(ask("alice", "x")).await.refused().code, Code::Forbidden);
    // Another word of the person who runs the daemon counts from the next start on, for the same principal.
    configure(&mut world, &["ask:open"], "main");
    world.restart().await;
    let later = world.own_link("drop").expect("a link");
    assert_eq!((later.who.id, &later.who.scopes[..]), (plugin.who.id, &[Scope::AskOpen][..]));
    later.call(ask("alice", "x")).await.accepted();
    assert_eq!(later.call(notify("alice", "x")).await.refused().code, Code::Forbidden);
}

#[actix_rt::test]
async fn its_home_follows_its_circle() {
    let mut world = World::start().await;
    let alice = world.agent("alice").await;
    let ops = world.token("ops", PrincipalKind::Agent, Some(&["ops"])).await;
    let plugin = world.own_link("drop").expect("a link");
    plugin.attach().await;
    world.notify(&alice, "drop", "in main").await;
    plugin.take(Lane::Msg, 1).await;
    configure(&mut world, &["message:send", "session:open"], "ops");
    world.restart().await;
    let plugin = world.own_link("drop").expect("a link");
    plugin.attach().await;
    assert_eq!(world.session(plugin.who.home).await.circle, "ops");
    assert_eq!(world.call(&alice, notify("drop", "x")).await.refused().code, Code::UnknownSession);
    world.notify(&ops, "drop", "in ops").await;
    assert_eq!(texts(&plugin.wait_deliveries(1).await), ["in ops"]);
    let events = world.timeline(plugin.who.home).await;
    let moved = EventBody::SessionMoved { from: "main".into(), to: "ops".into() };
    assert!(events.iter().any(|event| event.body == moved), "{events:?}");
    assert!(events.iter().zip(1..).all(|(event, seq)| event.seq == seq));
}

#[actix_rt::test]
async fn its_home_is_closed_only_while_it_is_away_and_then_made_anew() {
    let world = World::start().await;
    let plugin = world.own_link("drop").expect("a link");
    plugin.attach().await;
    let home = plugin.who.home;
    let close = || Command::SessionClose(SessionRef { session: Address::Session(home) });
    let refusal = world.call(world.human(), close()).await.refused();
    assert!(refusal.code == Code::Forbidden && refusal.message.contains("`drop`"), "{refusal:?}");
    plugin.lose();
    world.call(world.human(), close()).await.reply();
    let plugin = world.own_link("drop").expect("a link");
    assert_ne!(plugin.who.home, home);
    plugin.attach().await;
    world.notify(world.human(), "drop", "welcome back").await;
    assert_eq!(texts(&plugin.wait_deliveries(1).await), ["welcome back"]);
}

#[actix_rt::test]
async fn a_circle_that_can_be_none_keeps_it_away() {
    let mut world = World::start().await;
    configure(&mut world, &["message:send"], "ses_x");
    world.restart().await;
    let refusal = world.own_link("drop").expect_err("a refusal");
    assert_eq!((refusal.code, refusal.field.as_deref()), (Code::BadInput, Some("plugins.circle")));
    let refusal = world.call(world.human(), notify("drop", "x")).await.refused();
    assert_eq!((refusal.code, address("drop").to_string()), (Code::UnknownSession, "drop".to_owned()));
}
