//! What an agent works by is recorded, changed only by people, shown at any event, and holds together.

use std::{collections::BTreeMap, sync::Arc};

use tieline_model::{
    Command, EventBody, Lane, Principal, PrincipalKind, ProposalId,
    command::{MemoryDecide, MemoryDiff, MemoryLog, MemoryPropose, MemoryShow, MemorySnapshot, MemoryText, NeedsYou},
    memory::{self, Memory},
    outcome::Code,
    reply::{MemoryView, Needed, ProposalState, ProposalView, Reply},
};
use tieline_tests::{Outcomes, World, address, notify};

fn snapshot(origin: &str, files: &[(&str, &str)]) -> Command {
    let file = |(path, text): &(&str, &str)| MemoryText { path: (*path).to_owned(), text: (*text).to_owned() };
    let files = files.iter().map(file).collect();
    Command::MemorySnapshot(MemorySnapshot { session: None, origin: origin.to_owned(), files })
}

fn proposal(session: &str, path: &str) -> MemoryPropose {
    MemoryPropose {
        session: Some(address(session)),
        path: path.to_owned(),
        text: None,
        diff: None,
        remove: false,
        reason: "it was learned".to_owned(),
    }
}

fn rewritten(session: &str, path: &str, text: &str) -> MemoryPropose {
    MemoryPropose { text: Some(text.to_owned()), ..proposal(session, path) }
}

async fn propose(world: &World, by: &Arc<Principal>, propose: MemoryPropose) -> ProposalView {
    match world.call(by, Command::MemoryPropose(propose)).await.reply() {
        Reply::MemoryProposal(view) => *view,
        other => panic!("wanted a proposal, found {other:?}"),
    }
}

fn decide(proposal: ProposalId, allow: bool) -> Command {
    Command::MemoryDecide(MemoryDecide { proposal, allow, reason: Some("as I see it".to_owned()) })
}

async fn show(world: &World, by: &Arc<Principal>, session: &str, at: Option<u64>) -> MemoryView {
    match world.call(by, Command::MemoryShow(MemoryShow { session: address(session), at })).await.reply() {
        Reply::Memory(view) => *view,
        other => panic!("wanted a memory, found {other:?}"),
    }
}

fn texts(view: &MemoryView) -> BTreeMap<&str, &str> {
    view.files.iter().map(|file| (file.path.as_str(), file.text.as_str())).collect()
}

#[actix_rt::test]
async fn what_was_in_force_is_shown_at_any_event() {
    let world = World::start().await;
    let (alice, human) = (world.agent("alice").await, world.human().clone());
    assert_eq!(show(&world, &alice, "alice", None).await.seq, 0, "nothing was recorded yet");
    world.call(&alice, snapshot("start", &[("CLAUDE.md", "one\ntwo\n"), ("rules.md", "be kind\n")])).await.reply();
    let first = show(&world, &alice, "alice", None).await.seq;
    world.call(&alice, notify("human", "something else happens")).await.reply();

    let change = memory::diff("CLAUDE.md", "one\ntwo\n", "one\n2\n");
    let asked = MemoryPropose { diff: Some(change.clone()), ..proposal("alice", "CLAUDE.md") };
    let proposed = propose(&world, &alice, asked).await;
    assert_eq!((proposed.state, &proposed.diff), (ProposalState::Open, &change));
    let now = show(&world, &human, "alice", None).await;
    assert_eq!(texts(&now)["CLAUDE.md"], "one\ntwo\n", "what is proposed is not in force");
    assert_eq!(now.proposals, std::slice::from_ref(&proposed));
    let Reply::Needs(needs) = world.call(&human, Command::NeedsYou(NeedsYou {})).await.reply() else { panic!() };
    assert!(
        needs
            .needs
            .iter()
            .any(|need| matches!(&need.what, Needed::Memory { proposal, .. } if *proposal == proposed.proposal))
    );

    world.call(&human, decide(proposed.proposal, true)).await.reply();
    let after = show(&world, &alice, "alice", None).await;
    assert_eq!(texts(&after), BTreeMap::from([("CLAUDE.md", "one\n2\n"), ("rules.md", "be kind\n")]));
    let since: Vec<u64> = after.files.iter().map(|file| file.since_seq).collect();
    assert_eq!(since, [after.seq, first], "each file names the event that brought it");
    assert_eq!((after.checked, after.missing, after.broken.as_deref()), (3, 0, None));
    let before = show(&world, &alice, "alice", Some(after.seq - 1)).await;
    assert_eq!(texts(&before)["CLAUDE.md"], "one\ntwo\n");
    assert!(show(&world, &alice, "alice", Some(first - 1)).await.files.is_empty());

    // The session's peer learns that there is something to write.
    let told = world.lane(&alice, Lane::Msg).await.items;
    assert!(told[0].message.text.as_deref().unwrap().contains("is in force from event"), "{told:?}");
    let asked = MemoryDiff { session: address("alice"), from: first, to: None };
    let Reply::MemoryDiff(diff) = world.call(&alice, Command::MemoryDiff(asked)).await.reply() else { panic!() };
    assert_eq!(diff.files.len(), 1);
    assert_eq!(diff.files[0].diff, change);
    let log = Command::MemoryLog(MemoryLog { session: address("alice"), before: None, limit: None });
    let Reply::MemoryLog(log) = world.call(&alice, log).await.reply() else { panic!() };
    let kinds: Vec<&str> = log.events.iter().map(|event| event.body.kind()).collect();
    assert_eq!(kinds, ["memory_applied", "memory_proposed", "memory_recorded"]);
}

#[actix_rt::test]
async fn only_people_decide_what_an_agent_works_by() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let human = world.human().clone();
    world.call(&alice, snapshot("start", &[("CLAUDE.md", "one\n")])).await.reply();
    // Another agent may propose, and is told what became of it.
    let proposed = propose(&world, &bob, rewritten("alice", "CLAUDE.md", "bob is right\n")).await;
    for agent in [&alice, &bob] {
        assert_eq!(world.call(agent, decide(proposed.proposal, true)).await.refused().code, Code::Forbidden);
    }
    // Nor does a service with every scope that there is, nor a schedule of a person.
    let service = world.token("service", PrincipalKind::Service, None).await;
    let mut able = Principal::clone(&service);
    able.scopes = tieline_model::Scope::ALL.to_vec();
    let outcome = world.call(&Arc::new(able), decide(proposed.proposal, true)).await;
    assert_eq!(outcome.refused().code, Code::Forbidden);
    let later = tieline_tests::schedule("in 1m", decide(proposed.proposal, true));
    assert_eq!(world.call(&human, Command::ScheduleCreate(later)).await.refused().code, Code::BadInput);

    world.call(&human, decide(proposed.proposal, false)).await.reply();
    assert_eq!(texts(&show(&world, &alice, "alice", None).await)["CLAUDE.md"], "one\n");
    let told = world.lane(&bob, Lane::Msg).await.items;
    assert!(told[0].message.text.as_deref().unwrap().contains("was rejected. It was said: as I see it"), "{told:?}");
    assert_eq!(world.call(&human, decide(proposed.proposal, true)).await.refused().code, Code::TooLate);
}

#[actix_rt::test]
async fn a_proposal_that_was_overtaken_is_not_applied() {
    let world = World::start().await;
    let (alice, human) = (world.agent("alice").await, world.human().clone());
    world.call(&alice, snapshot("start", &[("CLAUDE.md", "one\n")])).await.reply();
    let first = propose(&world, &alice, rewritten("alice", "CLAUDE.md", "first\n")).await;
    let second = propose(&world, &alice, rewritten("alice", "CLAUDE.md", "second\n")).await;
    let gone = propose(&world, &alice, MemoryPropose { remove: true, ..proposal("alice", "CLAUDE.md") }).await;
    world.call(&human, decide(first.proposal, true)).await.reply();
    for late in [&second, &gone] {
        let refusal = world.call(&human, decide(late.proposal, true)).await.refused();
        assert!(refusal.message.contains("has changed since the proposal"), "{}", refusal.message);
        world.call(&human, decide(late.proposal, false)).await.reply();
    }
    let gone = propose(&world, &alice, MemoryPropose { remove: true, ..proposal("alice", "CLAUDE.md") }).await;
    world.call(&human, decide(gone.proposal, true)).await.reply();
    let view = show(&world, &alice, "alice", None).await;
    assert!(view.files.is_empty() && view.broken.is_none(), "{view:?}");
}

#[actix_rt::test]
async fn memory_stays_small() {
    let world = World::start().await;
    let alice = world.agent("alice").await;
    let large = "x".repeat(memory::FILE_BYTES);
    let larger = format!("{large}x");
    let refusal = world.call(&alice, snapshot("start", &[("a", "a"), ("b", &larger)])).await.refused();
    assert_eq!((refusal.code, refusal.field.as_deref()), (Code::TooLarge, Some("memory_snapshot.files[1].text")));
    assert_eq!(refusal.message, "a file of 65537 bytes; at most 65536 are allowed");
    let four = [("a", large.as_str()), ("b", &large), ("c", &large), ("d", &large)];
    world.call(&alice, snapshot("start", &four)).await.reply();
    let more = rewritten("alice", "e", "one more");
    let refusal = world.call(&alice, Command::MemoryPropose(more)).await.refused();
    assert_eq!(refusal.code, Code::TooLarge);
    assert_eq!(refusal.message, "262152 bytes in 5 files; at most 262144 are allowed together");
    let twice = world.call(&alice, snapshot("start", &[("a", "1"), ("a", "2")])).await.refused();
    assert_eq!(twice.field.as_deref(), Some("memory_snapshot.files[1].path"));
    for wrong in [
        proposal("alice", "a"),
        MemoryPropose { remove: true, ..rewritten("alice", "a", "x") },
        MemoryPropose { remove: true, ..proposal("alice", "nothing") },
        rewritten("alice", "a", &large),
        MemoryPropose { diff: Some("@@ -1 +1 @@\n-y\n+z\n".into()), ..proposal("alice", "a") },
    ] {
        assert_eq!(world.call(&alice, Command::MemoryPropose(wrong)).await.refused().code, Code::BadInput);
    }
}

#[actix_rt::test]
async fn what_is_shown_at_each_event_is_the_fold_of_the_events() {
    let mut world = World::start().await;
    let (alice, human) = (world.agent("alice").await, world.human().clone());
    let paths = ["a.md", "b.md", "c.md"];
    let mut open = Vec::new();
    let mut random = 7_u64;
    for turn in 0..60 {
        // A generator of our own, so that each run is the same.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let dice = random >> 33;
        let path = paths[usize::try_from(dice % 3).unwrap()];
        let text = format!("{}\n", dice % 5);
        match dice % 7 {
            0 => drop(world.call(&alice, snapshot("resume", &[(path, &text)])).await.reply()),
            1 => drop(world.call(&alice, notify("human", "noise")).await.reply()),
            2 | 3 if !open.is_empty() => {
                let id = open.remove(usize::try_from(dice).unwrap() % open.len());
                drop(world.call(&human, decide(id, !dice.is_multiple_of(4))).await);
            }
            _ => {
                let outcome = world.call(&alice, Command::MemoryPropose(rewritten("alice", path, &text))).await;
                if let Ok(Reply::MemoryProposal(view)) = outcome {
                    open.push(view.proposal);
                }
            }
        }
        if turn == 30 {
            world.restart().await;
        }
    }
    let mut folded = Memory::default();
    let events = world.timeline(alice.home).await;
    assert!(events.iter().filter(|event| matches!(event.body, EventBody::MemoryApplied(_))).count() > 3);
    for event in events {
        folded.fold(event.seq, &event.body).unwrap();
        let shown = show(&world, &alice, "alice", Some(event.seq)).await;
        assert_eq!((shown.hash.as_str(), shown.broken), (folded.hash().as_str(), None), "at event {}", event.seq);
        let since = |view: &[tieline_model::reply::MemoryFileView]| -> Vec<(String, u64)> {
            view.iter().map(|file| (file.path.clone(), file.since_seq)).collect()
        };
        let wanted: Vec<(String, u64)> =
            folded.files.iter().map(|(path, held)| (path.clone(), held.since_seq)).collect();
        assert_eq!(since(&shown.files), wanted);
    }
}

#[actix_rt::test]
async fn a_story_that_was_changed_on_the_disk_is_found() {
    let mut world = World::start().await;
    let (alice, human) = (world.agent("alice").await, world.human().clone());
    world.call(&alice, snapshot("start", &[("CLAUDE.md", "one\n")])).await.reply();
    let proposed = propose(&world, &alice, rewritten("alice", "CLAUDE.md", "two\n")).await;
    world.call(&human, decide(proposed.proposal, true)).await.reply();
    world.kill().await;
    let mut bytes = std::fs::read(world.database()).unwrap();
    let (said, claimed) = (b"it was learned", b"it was ordered");
    let places: Vec<usize> = (0..bytes.len() - said.len()).filter(|at| bytes[*at..].starts_with(said)).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + said.len()].copy_from_slice(claimed);
    }
    std::fs::write(world.database(), bytes).unwrap();
    world.restart().await;
    let broken = show(&world, &alice, "alice", None).await.broken.unwrap();
    assert!(broken.contains("its own link"), "{broken}");
    let at_first = show(&world, &alice, "alice", Some(proposed.seq - 1)).await;
    assert_eq!(at_first.broken, None, "what was before it holds");
}
