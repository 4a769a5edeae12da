//! The walk itself: steps, the end of all trouble, and what must hold then.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    time::Duration,
};

use tieline_model::{
    Address, Code, Command, DeliveryState, Failure, Lane, MessageId, MessageKind, Outcome, SessionId,
    command::{Ack, AttachMode, Broadcast, Inbox, MessageRef, PeerAttach, ReceiptState},
    reply::{Accepted, Reply},
};
use tieline_tests::{Client, Outcomes, World, ask, notify, rng::Rng};

use crate::ledger::Receiver;

const PRINCIPALS: usize = 4;

/// A message that somebody sent, or tried to.
#[derive(Debug)]
struct Sent {
    by: usize,
    key: String,
    command: Command,
    /// Where the outcome comes, while it is not known.
    waits_for: Option<(Rc<Client>, u64)>,
    accepted: Option<Accepted>,
}

/// One walk through one world.
#[derive(Debug)]
pub struct Walk {
    seed: u64,
    rng: Rng,
    world: World,
    receivers: Vec<Receiver>,
    /// A link of each principal that only sends: what it says is in line with everything else of its session.
    senders: Vec<Rc<Client>>,
    sent: Vec<Sent>,
    /// Messages whose sender was told that they are withdrawn, with the place of that word.
    withdrawn: BTreeMap<MessageId, (usize, u64)>,
    tried_to_withdraw: BTreeSet<MessageId>,
    life: usize,
}

impl Walk {
    pub async fn start(seed: u64) -> Self {
        let world = World::start_with(|config| {
            config.limits.credit = 6;
            config.delivery.ack_wait_ms = 2_000;
            config.delivery.max_attempts = 1_000_000;
            config.store.batch = 8;
        })
        .await;
        let mut receivers = Vec::new();
        for n in 0..PRINCIPALS {
            let name = format!("agent-{n}");
            receivers.push(Receiver::new(name.clone(), world.agent(&name).await));
        }
        let senders = links(&world, &receivers);
        let (sent, withdrawn, tried_to_withdraw) = (Vec::new(), BTreeMap::new(), BTreeSet::new());
        let rng = Rng::new(seed);
        Self { seed, rng, world, receivers, senders, sent, withdrawn, tried_to_withdraw, life: 0 }
    }

    pub async fn step(&mut self, step: usize) {
        let one = self.rng.below(PRINCIPALS);
        match self.rng.below(100) {
            0..30 => self.send(one, step),
            30..45 => self.attach(one).await,
            45..50 => self.lose(one),
            50..72 => self.receive(one),
            72..78 => self.answer(one, step),
            78..83 => self.withdraw().await,
            83..88 => self.world.advance(Duration::from_millis(500 * (1 + self.rng.below(16) as u64))).await,
            88..92 => self.credit(one),
            92..95 => self.room(),
            95..97 => self.stale(one).await,
            _ => self.kill().await,
        }
        for _ in 0..self.rng.below(4) {
            tokio::task::yield_now().await;
        }
    }

    fn name(&self, n: usize) -> &str {
        &self.receivers[n].name
    }

    // ---- steps ----

    /// Sends a few messages at once, without waiting for their outcomes.
    fn send(&mut self, by: usize, step: usize) {
        for n in 0..1 + self.rng.below(5) {
            let to = (by + 1 + self.rng.below(PRINCIPALS - 1)) % PRINCIPALS;
            let text = format!("{} of step {step} by {by}", n + 1);
            let command = match self.rng.below(10) {
                0 => Command::Broadcast(Broadcast {
                    text,
                    circle: None,
                    exclude: vec![Address::Session(self.world.human().home)],
                    sender: None,
                    expires_in_ms: None,
                }),
                1..4 => ask(self.name(to), &text),
                _ => notify(self.name(to), &text),
            };
            self.submit(by, format!("{step}-{n}"), command);
        }
    }

    fn submit(&mut self, by: usize, key: String, command: Command) {
        let link = &self.senders[by];
        let corr = link.send(Some(&key), command.clone());
        let waits_for = Some((Rc::clone(link), corr));
        self.sent.push(Sent { by, key, command, waits_for, accepted: None });
    }

    /// Attaches, with or without the receiver's own cursors; what was attached before is fenced or lost.
    async fn attach(&mut self, one: usize) {
        self.receive(one);
        let link = self.world.link(&self.receivers[one].who);
        let receiver = &mut self.receivers[one];
        let cursors = self.rng.chance(50).then_some(receiver.cursor);
        let attach = PeerAttach { session: None, mode: AttachMode::Writer, cursors, ..PeerAttach::default() };
        let corr = link.send(None, Command::PeerAttach(attach));
        let old = receiver.connect(link);
        if let Some(old) = old
            && self.rng.chance(50)
        {
            old.lose();
        }
        if self.rng.chance(70)
            && let Some(link) = &receiver.link
        {
            let welcome = link.outcome(corr).await.attached();
            assert!(receiver.cursor.msg >= welcome.cursors.msg, "{}: it starts after a gap", receiver.name);
        }
    }

    fn lose(&mut self, one: usize) {
        self.receive(one);
        if let Some(link) = self.receivers[one].link.take() {
            link.lose();
        }
    }

    fn receive(&mut self, one: usize) {
        let life = self.life;
        let receiver = &mut self.receivers[one];
        receiver.receive(life);
        for lane in Lane::ALL {
            if self.rng.chance(5) {
                receiver.reject(lane);
            }
            if self.rng.chance(60)
                && let Some(link) = &receiver.link
            {
                let cursor = receiver.cursor[lane];
                let through = cursor - (self.rng.below(3) as u64).min(cursor);
                if is_attached(link) {
                    link.take_silently(lane, through);
                }
            }
        }
    }

    fn answer(&mut self, by: usize, step: usize) {
        self.receive(by);
        let asks = self.receivers[by].asks();
        if asks.is_empty() {
            return;
        }
        let ask = asks[self.rng.below(asks.len())];
        let text = self.rng.chance(80).then(|| format!("answer of step {step} by {by}"));
        self.submit(by, format!("{step}-answer"), Command::Ack(Ack { ask, text, sender: None, decline: false }));
    }

    /// Withdraws some message, over the link of its sender, and waits for the word.
    async fn withdraw(&mut self) {
        self.learn();
        let known: Vec<_> =
            self.sent.iter().filter_map(|sent| Some((sent.by, sent.accepted.as_ref()?.message))).collect();
        if known.is_empty() {
            return;
        }
        // The newest are the ones that may still wait.
        let newest = known.len().min(12);
        let (by, message) = known[known.len() - 1 - self.rng.below(newest)];
        let link = Rc::clone(&self.senders[by]);
        let before = link.heard().len();
        self.tried_to_withdraw.insert(message);
        let corr = link.send(None, Command::Cancel(MessageRef { message }));
        let outcome = link.outcome(corr).await;
        if outcome.is_ok() {
            let is_it = |heard: &tieline_tests::Heard| matches!(heard, tieline_tests::Heard::Outcome { corr: of, .. } if *of == corr);
            let place = link.heard_since(before).into_iter().find(|(_, heard)| is_it(heard)).map(|(place, _)| place);
            self.withdrawn.entry(message).or_insert((self.life, place.expect("it was heard")));
        }
    }

    fn credit(&mut self, one: usize) {
        let lane = Lane::ALL[self.rng.below(3)];
        let credit = u32::try_from(self.rng.below(8)).expect("small");
        if let Some(link) = self.receivers[one].link.as_ref().filter(|link| is_attached(link)) {
            link.credit(lane, credit);
        }
    }

    fn room(&mut self) {
        let room = self.rng.chance(60).then(|| self.rng.below(10));
        self.world.port().set_room(room);
        self.world.engine().links.writable("fake");
    }

    /// A link that was fenced lies about everything, and changes nothing.
    async fn stale(&mut self, one: usize) {
        self.attach(one).await;
        let receiver = &mut self.receivers[one];
        receiver.receive(self.life);
        let fresh = self.world.link(&receiver.who);
        let corr = fresh.send(None, Command::PeerAttach(PeerAttach::default()));
        fresh.outcome(corr).await.attached();
        let Some(old) = receiver.connect(fresh) else { return };
        let head = self.world.lane(&receiver.who, Lane::Msg).await.heads.msg;
        let refusal = old.receipt(Lane::Msg, head, ReceiptState::Delivered).await.refused();
        assert!(matches!(refusal.code, Code::Fenced | Code::NotAttached), "{refusal:?}");
    }

    /// Kills the daemon, mostly while commands are under way, and starts it again. Senders repeat what they do not
    /// know the outcome of.
    async fn kill(&mut self) {
        for one in 0..PRINCIPALS {
            self.receive(one);
        }
        self.world.kill().await;
        for receiver in &mut self.receivers {
            receiver.receive(self.life);
            receiver.link = None;
        }
        self.learn();
        self.world.restart().await;
        self.life += 1;
        self.senders = links(&self.world, &self.receivers);
        self.repeat_unknown().await;
    }

    // ---- what became of what was sent ----

    /// Takes note of the outcomes that came in.
    fn learn(&mut self) {
        for sent in &mut self.sent {
            let Some((link, corr)) = &sent.waits_for else { continue };
            if let Some(outcome) = link.answer(*corr) {
                sent.waits_for = None;
                note(sent, outcome);
            }
        }
    }

    async fn repeat_unknown(&mut self) {
        for sent in &mut self.sent {
            // Some that are known are repeated too: they must be answered as before.
            let is_known = sent.waits_for.take().is_none();
            if is_known && (sent.accepted.is_none() || !self.rng.chance(3)) {
                continue;
            }
            let who = &self.receivers[sent.by].who;
            let outcome = self.world.call_once(who, Some(&sent.key), sent.command.clone()).await;
            note(sent, outcome);
        }
    }

    // ---- the end ----

    /// Ends all trouble and waits until every inbox is empty.
    pub async fn settle(&mut self) {
        self.world.port().set_room(None);
        self.world.engine().links.writable("fake");
        for n in 0..self.sent.len() {
            if let Some((link, corr)) = self.sent[n].waits_for.take() {
                let outcome = link.outcome(corr).await;
                note(&mut self.sent[n], outcome);
            }
        }
        for one in 0..PRINCIPALS {
            self.receive(one);
            let link = self.world.attach(&self.receivers[one].who).await;
            self.receivers[one].connect(link);
        }
        for round in 0.. {
            if round == 200 {
                let peers = self.world.call(self.world.human(), Command::PeerList(Default::default())).await;
                panic!("seed {}: an inbox never empties: {:?}; {peers:#?}", self.seed, self.waiting().await);
            }
            for receiver in &mut self.receivers {
                receiver.receive(self.life);
                for lane in Lane::ALL {
                    if let Some(link) = &receiver.link {
                        link.take_silently(lane, receiver.cursor[lane]);
                    }
                }
            }
            self.world.calm().await;
            if self.waiting().await.is_empty() {
                break;
            }
        }
    }

    /// The sessions whose receiver does not have everything, or whose daemon does not know that it has.
    async fn waiting(&self) -> Vec<String> {
        let mut waiting = Vec::new();
        for receiver in &self.receivers {
            let page = self.world.inbox(&receiver.who).await;
            if page.heads != receiver.cursor || page.delivered != receiver.cursor || !page.items.is_empty() {
                let (heads, delivered) = (page.heads, page.delivered);
                waiting.push(format!("{}: {heads:?} {delivered:?} {:?}", receiver.name, receiver.cursor));
            }
        }
        waiting
    }

    pub async fn check(&self) {
        let mut places: BTreeMap<(SessionId, Lane, u64), MessageId> = BTreeMap::new();
        for sent in &self.sent {
            let Some(accepted) = &sent.accepted else { continue };
            for delivery in &accepted.deliveries {
                let place = (delivery.session, delivery.lane, delivery.seq);
                let other = places.insert(place, accepted.message);
                assert_eq!(other, None, "seed {}: two messages have the place {place:?}", self.seed);
                self.check_delivery(sent, accepted.message, place).await;
            }
        }
        for receiver in &self.receivers {
            self.check_receiver(receiver, &places).await;
        }
        self.check_order();
    }

    /// Nothing that was accepted is lost, unless somebody who may ended it.
    async fn check_delivery(&self, sent: &Sent, message: MessageId, (session, lane, seq): (SessionId, Lane, u64)) {
        let seed = self.seed;
        let Some(receiver) = self.receivers.iter().find(|receiver| receiver.who.home == session) else { return };
        let trace = self.world.trace(self.world.human(), message).await;
        let row = trace.deliveries.iter().find(|row| row.delivery.session == session).expect("its row");
        let state = row.delivery.state;
        let seen = receiver.seen.get(&(lane, seq));
        if let Some(seen) = seen {
            assert_eq!(seen.message, trace.message, "seed {seed}: it is not what was sent");
            assert_eq!(seen.message.id, message, "seed {seed}: another message has its place");
            if let Some(told) = self.withdrawn.get(&message).filter(|_| state == DeliveryState::Cancelled) {
                assert!(seen.at < *told, "seed {seed}: {message} was handed over after it was withdrawn");
            }
        }
        match state {
            DeliveryState::Delivered | DeliveryState::Seen | DeliveryState::Answered => {
                assert!(seen.is_some(), "seed {seed}: {message} is {state:?} and was never seen: {:?}", sent.command);
            }
            DeliveryState::Cancelled => {
                assert!(self.tried_to_withdraw.contains(&message), "seed {seed}: nobody withdrew {message}");
            }
            DeliveryState::Dead => {
                assert!(receiver.rejected.contains(&(lane, seq)), "seed {seed}: nobody refused {message}");
            }
            other => panic!("seed {seed}: {message} ended as {other:?}"),
        }
    }

    /// Numbers are dense, and nothing was made up.
    async fn check_receiver(&self, receiver: &Receiver, places: &BTreeMap<(SessionId, Lane, u64), MessageId>) {
        let (seed, session) = (self.seed, receiver.who.home);
        for lane in Lane::ALL {
            let mut next = 1;
            loop {
                let inbox = Inbox { session: None, lane: Some(lane), after: Some(next - 1), limit: Some(200) };
                let page = self.world.call(&receiver.who, Command::Inbox(inbox)).await.inbox();
                for item in &page.items {
                    assert_eq!(item.seq, next, "seed {seed}: {lane:?} of {} has a gap", receiver.name);
                    next += 1;
                }
                if !page.has_more {
                    assert_eq!(page.heads[lane], next - 1, "seed {seed}: {lane:?} of {}", receiver.name);
                    break;
                }
            }
        }
        for ((lane, seq), seen) in &receiver.seen {
            let is_known = places.get(&(session, *lane, *seq)) == Some(&seen.message.id);
            let is_notice = seen.message.kind == MessageKind::Notice;
            assert!(is_known || is_notice, "seed {seed}: nobody sent {:?}", seen.message);
        }
        let mut messages: Vec<MessageId> = receiver.seen.values().map(|seen| seen.message.id).collect();
        let count = messages.len();
        messages.sort_unstable();
        messages.dedup();
        assert_eq!(messages.len(), count, "seed {seed}: {} saw a message twice", receiver.name);
        let seqs: Vec<u64> = self.world.timeline(session).await.iter().map(|event| event.seq).collect();
        assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>(), "seed {seed}: a gap in a timeline");
    }

    /// From one sender to one receiver, a lane keeps the order in which it was sent.
    fn check_order(&self) {
        let mut last: BTreeMap<(usize, SessionId, Lane), (u64, usize)> = BTreeMap::new();
        for (n, sent) in self.sent.iter().enumerate() {
            for delivery in sent.accepted.iter().flat_map(|accepted| &accepted.deliveries) {
                let pair = (sent.by, delivery.session, delivery.lane);
                let before = last.insert(pair, (delivery.seq, n));
                let is_after = before.is_none_or(|(seq, _)| seq < delivery.seq);
                assert!(is_after, "seed {}: {:?} overtook {before:?}", self.seed, sent);
            }
        }
    }
}

fn links(world: &World, receivers: &[Receiver]) -> Vec<Rc<Client>> {
    receivers.iter().map(|receiver| Rc::new(world.link(&receiver.who))).collect()
}

/// Tells whether the link's hello was answered: before that it has no say.
fn is_attached(link: &Client) -> bool {
    matches!(link.answer(1), Some(Ok(Reply::Attached(_))))
}

/// Takes note of an outcome; the same key must never be answered with another message.
fn note(sent: &mut Sent, outcome: Outcome) {
    match outcome {
        Ok(Reply::Accepted(accepted)) => {
            if let Some(before) = &sent.accepted {
                assert_eq!(*before, accepted, "a repeat was answered otherwise");
            }
            sent.accepted = Some(accepted);
        }
        // A bare ack to an ask that was closed in the meantime.
        Err(Failure::Refusal(refusal)) if refusal.code == Code::AskClosed => {}
        other => panic!("{:?} was answered with {other:?}", sent.command),
    }
}
