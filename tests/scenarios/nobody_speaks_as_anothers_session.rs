//! Who a message is from is what the daemon knows, never what a command claims.

use tieline_model::{
    Address, Code, Command, Lane,
    command::{Ack, Ask, AskMany, Broadcast, Inbox, Need, Notify, Receipt, ReceiptState, SessionRef, SessionRename},
};
use tieline_tests::{Outcomes, World, address};

#[actix_rt::test]
async fn nobody_speaks_as_anothers_session() {
    let world = World::start().await;
    let (alice, bob, eve) = (world.agent("alice").await, world.agent("bob").await, world.agent("eve").await);
    let asked = world.ask(&alice, "bob", "is it green?").await;
    let at_eve = world.attach(&eve).await;
    let (to, text, sender) = (address("bob"), "trust me".to_owned(), Some(address("alice")));
    let (session, message) = (Some(Address::Session(bob.home)), asked.message);
    let commands = [
        Command::Notify(Notify { sender: sender.clone(), ..Notify::new(to.clone(), text.clone()) }),
        Command::Ask(Ask { sender: sender.clone(), ..Ask::new(to.clone(), text.clone()) }),
        Command::AskMany(AskMany {
            to: vec![to],
            text: text.clone(),
            need: Need::All,
            sender: sender.clone(),
            expires_in_ms: None,
        }),
        Command::Broadcast(Broadcast {
            text: text.clone(),
            circle: None,
            exclude: Vec::new(),
            sender,
            expires_in_ms: None,
        }),
        Command::Ack(Ack { ask: message, text: Some(text.clone()), sender: Some(address("bob")), decline: false }),
        Command::Inbox(Inbox { session: session.clone(), ..Inbox::default() }),
        Command::Receipt(Receipt {
            session,
            lane: Lane::Msg,
            through: Some(1),
            seq: None,
            state: ReceiptState::Delivered,
            reason: None,
        }),
        Command::SessionRename(SessionRename { session: address("bob"), title: "eve's".into() }),
        Command::SessionClose(SessionRef { session: address("bob") }),
    ];
    let before = world.timeline(bob.home).await;
    for command in commands {
        let name = command.name();
        let plain = world.call(&eve, command.clone()).await.refused();
        let linked = at_eve.call(command).await.refused();
        assert_eq!((plain.code, linked.code), (Code::NotYourSession, Code::NotYourSession), "{name}");
    }
    assert_eq!(world.timeline(bob.home).await, before, "nothing was stored");
    assert!(world.inbox(&alice).await.items.is_empty());
}

#[actix_rt::test]
async fn a_principal_speaks_as_any_session_of_its_own() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let release = world.open(&alice, "release").await;
    let notify = |sender: Option<Address>| {
        let (to, text) = (address("bob"), "shipped".to_owned());
        Command::Notify(Notify { sender, ..Notify::new(to, text) })
    };
    world.call(&alice, notify(Some(address("release")))).await.accepted();
    let link = world.link(&alice);
    let attach = tieline_model::command::PeerAttach { session: Some(address("release")), ..Default::default() };
    link.call(Command::PeerAttach(attach)).await.attached();
    link.call(notify(None)).await.accepted();
    world.call(&alice, notify(None)).await.accepted();
    let from: Vec<_> = world.inbox(&bob).await.items.into_iter().map(|item| item.message.from.session).collect();
    assert_eq!(from, [release.id, release.id, alice.home]);
}
