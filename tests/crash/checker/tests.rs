//! Each invariant broken once, in an otherwise sound history, and found.

use tieline_model::{
    Command, DeliveryState, Lane, Message, MessageId, MessageKind, PrincipalId, PrincipalKind, Reply, Sender,
    SessionId, TimestampMs,
    command::Notify,
    reply::{Accepted, DeliveryView},
};

use super::{Kind, check, counts};
use crate::{
    disk::to,
    history::{Answer, Party, Sent, Stored, Visible},
};

const MESSAGES: usize = 3;

fn id<T: std::str::FromStr>(prefix: &str, number: usize) -> T {
    let Ok(id) = format!("{prefix}_{number:032x}").parse() else { panic!("`{prefix}` {number} is an id") };
    id
}

fn message(number: usize) -> Message {
    let session: SessionId = id("ses", 1);
    let principal: PrincipalId = id("prn", 1);
    Message {
        id: id("msg", number),
        kind: MessageKind::Notify,
        from: Sender { session, title: "sender".to_owned(), principal, kind: PrincipalKind::Agent },
        thread: None,
        group: None,
        reply_to: None,
        text: Some(format!("words {number}")),
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
        sent_at_ms: TimestampMs(1),
        expires_at_ms: None,
    }
}

fn reply(number: usize, seq: usize) -> Reply {
    let message: MessageId = id("msg", number);
    let delivery = DeliveryView {
        session: id("ses", 2),
        title: "receiver".to_owned(),
        lane: Lane::Msg,
        seq: seq as u64,
        state: DeliveryState::Accepted,
        reachability: None,
        urgency: None,
    };
    Reply::Accepted(Accepted { message, deliveries: vec![delivery], late: false })
}

fn party(title: &str, session: usize) -> Party {
    Party {
        title: title.to_owned(),
        session: id("ses", session),
        sent: Vec::new(),
        answers: Vec::new(),
        visible: Vec::new(),
        stored: Vec::new(),
    }
}

/// A sender and a receiver, and messages 1 to 3 between them.
fn sound() -> [Party; 2] {
    let (mut sender, mut receiver) = (party("sender", 1), party("receiver", 2));
    for number in 1..=MESSAGES {
        let text = format!("words {number}");
        let (to, key) = (to(receiver.session), format!("sender/{number}"));
        let command = Command::Notify(Notify::new(to, text));
        sender.sent.push(Sent { key: key.clone(), number: number as u64, command, times: 1 });
        sender.answers.push(Answer { key, reply: reply(number, number) });
        let (lane, seq, message) = (Lane::Msg, number as u64, message(number));
        receiver.visible.push(Visible { lane, seq, message: message.clone() });
        receiver.stored.push(Stored { lane, seq, state: DeliveryState::Delivered, message });
    }
    [sender, receiver]
}

/// Breaks the sound history and asserts that this, at least, is found.
fn assert_found(kind: Kind, break_it: impl FnOnce(&mut Party, &mut Party)) {
    let [mut sender, mut receiver] = sound();
    break_it(&mut sender, &mut receiver);
    let found = counts(&check(&[sender, receiver]));
    assert!(found.contains_key(&kind), "{kind:?} was not found, but {found:?}");
}

#[test]
fn a_sound_history_is_sound() {
    assert_eq!(check(&sound()), []);
}

#[test]
fn what_was_accepted_and_is_not_visible_is_lost() {
    assert_found(Kind::Lost, |_, receiver| drop(receiver.visible.pop()));
}

#[test]
fn what_was_accepted_and_is_not_stored_is_lost() {
    assert_found(Kind::Lost, |_, receiver| drop(receiver.stored.pop()));
}

#[test]
fn what_another_message_took_the_place_of_is_lost() {
    assert_found(Kind::Lost, |_, receiver| receiver.stored[1].message = message(9));
}

#[test]
fn what_was_given_up_is_lost() {
    assert_found(Kind::Lost, |_, receiver| receiver.stored[1].state = DeliveryState::Dead);
}

#[test]
fn a_command_without_an_answer_is_told() {
    assert_found(Kind::Unanswered, |sender, _| drop(sender.answers.pop()));
}

#[test]
fn what_nobody_sent_is_invented() {
    assert_found(Kind::Invented, |_, receiver| {
        receiver.visible.push(Visible { lane: Lane::Msg, seq: 4, message: message(4) });
    });
}

#[test]
fn what_was_sent_to_somebody_else_is_invented() {
    assert_found(Kind::Invented, |sender, receiver| {
        sender.visible.push(Visible { seq: 1, ..receiver.visible[0].clone() });
    });
}

#[test]
fn other_words_are_found() {
    assert_found(Kind::Altered, |_, receiver| receiver.visible[1].message.text = Some("others".to_owned()));
    assert_found(Kind::Altered, |_, receiver| receiver.stored[1].message.text = None);
}

#[test]
fn another_sender_is_found() {
    assert_found(Kind::Altered, |_, receiver| receiver.visible[1].message.from.session = receiver.session);
}

#[test]
fn the_same_message_twice_is_found() {
    assert_found(Kind::Duplicate, |_, receiver| {
        receiver.visible.push(Visible { seq: 4, ..receiver.visible[0].clone() });
    });
}

#[test]
fn the_same_words_under_two_ids_are_found() {
    assert_found(Kind::Duplicate, |_, receiver| {
        let twin = Message { id: id("msg", 9), ..message(1) };
        receiver.visible.push(Visible { lane: Lane::Msg, seq: 4, message: twin });
    });
}

#[test]
fn a_missing_number_is_found() {
    assert_found(Kind::Gap, |_, receiver| drop(receiver.visible.remove(1)));
    assert_found(Kind::Gap, |_, receiver| drop(receiver.stored.remove(1)));
}

#[test]
fn another_order_is_found() {
    assert_found(Kind::Order, |_, receiver| {
        receiver.visible.swap(0, 1);
        (receiver.visible[0].seq, receiver.visible[1].seq) = (1, 2);
    });
}

#[test]
fn two_outcomes_of_one_key_are_found() {
    assert_found(Kind::TwoOutcomes, |sender, _| {
        sender.answers.push(Answer { key: "sender/1".to_owned(), reply: reply(9, 9) });
    });
}

#[test]
fn one_message_for_two_keys_is_found() {
    assert_found(Kind::TwoOutcomes, |sender, _| sender.answers[1].reply = reply(1, 2));
}
