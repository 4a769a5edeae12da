//! Judges a history by the invariants of delivery.
//!
//! | what | must hold |
//! |---|---|
//! | I1 | what was accepted is stored, and visible at its receivers, in the end |
//! | I2 | what is visible was accepted, for that receiver, with that body |
//! | I3 | nothing is visible twice |
//! | I7 | the numbers of a lane are 1 to n without gaps |
//! | I8 | what one sender sent to one receiver is visible in the order of sending |
//! | I9 | a key has one outcome, however often it is sent |
//!
//! Its own tests show each of them broken and found.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
};

use tieline_model::{DeliveryState, Lane, MessageId, Reply, SessionId, reply::Accepted};

use crate::{
    disk::place,
    history::{Party, Sent, Stored},
};

/// What a history did wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// What is broken.
    pub kind: Kind,
    /// Where.
    pub what: String,
}

/// Which invariant is broken, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// I1: accepted, and not visible or not stored.
    Lost,
    /// I1: a command never got its answer.
    Unanswered,
    /// I2: visible, and nobody sent it there.
    Invented,
    /// I2: visible with other words or another sender.
    Altered,
    /// I3: visible twice.
    Duplicate,
    /// I7: numbers are missing or used twice.
    Gap,
    /// I8: the order of sending was not kept.
    Order,
    /// I9: one key, two outcomes.
    TwoOutcomes,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.what)
    }
}

/// Counts what was broken, by kind.
pub fn counts(violations: &[Violation]) -> BTreeMap<Kind, usize> {
    let mut counts = BTreeMap::new();
    for violation in violations {
        *counts.entry(violation.kind).or_default() += 1;
    }
    counts
}

/// Returns everything that is wrong with what these parties went through.
pub fn check(parties: &[Party]) -> Vec<Violation> {
    let mut judge = Judge::default();
    for party in parties {
        judge.outcomes(party);
    }
    let by_session: HashMap<SessionId, Shelf<'_>> = parties.iter().map(|party| (party.session, shelf(party))).collect();
    let accepted = std::mem::take(&mut judge.accepted);
    for (message, fact) in &accepted {
        judge.kept(*message, fact, &by_session);
    }
    for party in parties {
        judge.invented(party, &accepted);
        judge.twice(party);
        judge.dense(party);
        judge.order(party, &accepted);
    }
    judge.violations
}

/// What a party has, by its place.
struct Shelf<'a> {
    visible: HashSet<(Lane, u64, MessageId)>,
    stored: HashMap<(Lane, u64), &'a Stored>,
}

fn shelf(party: &Party) -> Shelf<'_> {
    Shelf {
        visible: party.visible.iter().map(|seen| (seen.lane, seen.seq, seen.message.id)).collect(),
        stored: party.stored.iter().map(|row| ((row.lane, row.seq), row)).collect(),
    }
}

/// An accepted message with what its sender knows of it.
struct Fact<'a> {
    sender: &'a Party,
    sent: &'a Sent,
    reply: Accepted,
}

#[derive(Default)]
struct Judge<'a> {
    accepted: HashMap<MessageId, Fact<'a>>,
    violations: Vec<Violation>,
}

impl<'a> Judge<'a> {
    fn say(&mut self, kind: Kind, what: String) {
        self.violations.push(Violation { kind, what });
    }

    /// I9, and what was accepted.
    fn outcomes(&mut self, party: &'a Party) {
        let by_key: HashMap<&str, &Sent> = party.sent.iter().map(|sent| (sent.key.as_str(), sent)).collect();
        let mut first: HashMap<&str, &Reply> = HashMap::new();
        for answer in &party.answers {
            let earlier = *first.entry(&answer.key).or_insert(&answer.reply);
            if *earlier != answer.reply {
                let what = format!("`{}` was answered {earlier:?}, then {:?}", answer.key, answer.reply);
                self.say(Kind::TwoOutcomes, what);
            }
            // Also the second one is a promise.
            let (Some(sent), Reply::Accepted(reply)) = (by_key.get(answer.key.as_str()), &answer.reply) else {
                self.say(Kind::Invented, format!("the answer {answer:?} to nothing that was sent"));
                continue;
            };
            let fact = Fact { sender: party, sent, reply: reply.clone() };
            if let Some(other) = self.accepted.insert(reply.message, fact)
                && other.sent.key != answer.key
            {
                let what = format!("`{}` and `{}` are both {}", other.sent.key, answer.key, reply.message);
                self.say(Kind::TwoOutcomes, what);
            }
        }
        for sent in &party.sent {
            if !first.contains_key(sent.key.as_str()) {
                self.say(Kind::Unanswered, format!("`{}` after {} times", sent.key, sent.times));
            }
        }
    }

    /// I1.
    fn kept(&mut self, message: MessageId, fact: &Fact<'_>, shelves: &HashMap<SessionId, Shelf<'_>>) {
        for delivery in &fact.reply.deliveries {
            let Some(shelf) = shelves.get(&delivery.session) else {
                self.say(Kind::Lost, format!("{message} went to `{}`, whom nobody knows", delivery.title));
                continue;
            };
            let at = (delivery.lane, delivery.seq);
            let name = || format!("`{}` as {message}, {} of `{}`", fact.sent.key, place(at.0, at.1), delivery.title);
            if !shelf.visible.contains(&(at.0, at.1, message)) {
                self.say(Kind::Lost, format!("{} is not visible", name()));
            }
            match shelf.stored.get(&at) {
                Some(row) if row.message.id == message => {
                    if row.message.text.as_deref() != fact.sent.text() {
                        self.say(Kind::Altered, format!("{} is stored with other words", name()));
                    }
                    if !matches!(row.state, DeliveryState::Delivered | DeliveryState::Seen | DeliveryState::Answered) {
                        self.say(Kind::Lost, format!("{} ended as {:?}", name(), row.state));
                    }
                }
                Some(row) => self.say(Kind::Lost, format!("{}: {} is stored there", name(), row.message.id)),
                None => self.say(Kind::Lost, format!("{} is not stored", name())),
            }
        }
    }

    /// I2.
    fn invented(&mut self, party: &Party, accepted: &HashMap<MessageId, Fact<'_>>) {
        for seen in &party.visible {
            let at = format!("{} of `{}`", place(seen.lane, seen.seq), party.title);
            let Some(fact) = accepted.get(&seen.message.id) else {
                self.say(Kind::Invented, format!("{at}: {:?}", seen.message));
                continue;
            };
            let is_for = |delivery: &tieline_model::reply::DeliveryView| {
                (delivery.session, delivery.lane, delivery.seq) == (party.session, seen.lane, seen.seq)
            };
            if !fact.reply.deliveries.iter().any(is_for) {
                self.say(Kind::Invented, format!("{at}: `{}` was not sent there", fact.sent.key));
            }
            if seen.message.text.as_deref() != fact.sent.text() || seen.message.from.session != fact.sender.session {
                self.say(Kind::Altered, format!("{at}: `{}` came as {:?}", fact.sent.key, seen.message));
            }
        }
    }

    /// I3: neither a message nor its words. Each command of these tests has words of its own.
    fn twice(&mut self, party: &Party) {
        let (mut ids, mut texts) = (HashSet::new(), HashSet::new());
        for seen in &party.visible {
            let is_new = ids.insert(seen.message.id);
            if !texts.insert(seen.message.text.as_deref()) || !is_new {
                let at = place(seen.lane, seen.seq);
                self.say(Kind::Duplicate, format!("{at} of `{}`: {:?}", party.title, seen.message.text));
            }
        }
    }

    /// I7, in the ledger and in the store.
    fn dense(&mut self, party: &Party) {
        for lane in Lane::ALL {
            let visible = party.visible.iter().filter(|seen| seen.lane == lane).map(|seen| seen.seq);
            let stored = party.stored.iter().filter(|row| row.lane == lane).map(|row| row.seq);
            for (whose, numbers) in [("ledger", visible.collect::<Vec<_>>()), ("store", stored.collect())] {
                let gap = numbers.iter().zip(1..).find(|(seq, place)| *seq != place);
                if let Some((found, wanted)) = gap {
                    let what = format!("{}: the {whose} has {}, not {wanted}", party.title, place(lane, *found));
                    self.say(Kind::Gap, what);
                }
            }
        }
    }

    /// I8.
    fn order(&mut self, party: &Party, accepted: &HashMap<MessageId, Fact<'_>>) {
        let mut last: HashMap<(SessionId, Lane), u64> = HashMap::new();
        for seen in &party.visible {
            let Some(fact) = accepted.get(&seen.message.id) else { continue };
            let last = last.entry((fact.sender.session, seen.lane)).or_default();
            if fact.sent.number <= *last {
                let what = format!("`{}` is visible at `{}` after number {last}", fact.sent.key, party.title);
                self.say(Kind::Order, what);
            }
            *last = fact.sent.number.max(*last);
        }
    }
}

#[cfg(test)]
mod tests;
