//! What is purged is gone, to the last byte of every file; what others said and did stays, and what is needed is not purged.

use std::{path::Path, sync::Arc};

use tieline_model::{
    Code, Command, EventBody, Lane, Principal, PrincipalKind, TimestampMs,
    ask::AskState,
    command::{
        Happened, MemoryDecide, MemoryPropose, MemoryShow, MemorySnapshot, MemoryText, MessageRef, ReceiptState,
        Record, Search, SessionDescribe, SessionLabel, SessionOpen, SessionPurge, SessionRef, SessionRename, TokenList,
        TokenRevoke, TranscriptLine, TranscriptRecord,
    },
    event::{Activity, ChatRole, Source},
    reply::{Reply, SessionState},
};
use tieline_tests::{Outcomes, World, address, done, eventually, job, notify, purge, schedule};

/// What nobody may find any more.
const CANARY: &str = "canarywhocriesinthemine";
/// What everybody has to find.
const KEPT: &str = "keptforgoodwords";

/// Counts a word in the raw bytes of each file of the daemon.
fn in_files(world: &World, word: &str) -> Vec<(String, usize)> {
    let folder = world.database();
    let folder = folder.parent().expect("the database is in a folder");
    let mut found = Vec::new();
    for file in files(folder) {
        let bytes = std::fs::read(&file).expect("a file of the daemon");
        let count = bytes.windows(word.len()).filter(|window| window.eq_ignore_ascii_case(word.as_bytes())).count();
        if count > 0 {
            found.push((file.file_name().expect("a name").to_string_lossy().into_owned(), count));
        }
    }
    found
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder of the daemon").map(|entry| entry.expect("an entry"));
    entries.flat_map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { vec![entry.path()] }).collect()
}

async fn record(world: &World, by: &Arc<Principal>, session: &str, activities: Vec<Activity>) {
    let activities = activities.into_iter().map(|what| Happened { at_ms: None, what }).collect();
    let record = Record { session: Some(address(session)), source: None, activities };
    world.call(by, Command::Record(record)).await.reply();
}

async fn indexed(world: &World) {
    let search = world.engine().search();
    eventually("every event is indexed", || async {
        let newest = world.engine().store().readers().take().last_cursor().expect("the store is open");
        (search.behind(newest) == 0).then_some(())
    })
    .await;
}

async fn hits(world: &World, query: &str) -> usize {
    let search = Search { query: query.into(), limit: Some(100), ..Search::default() };
    match world.call(world.human(), Command::Search(search)).await.reply() {
        Reply::Found(page) => page.hits.len(),
        other => panic!("{other:?}"),
    }
}

fn said(text: &str) -> Activity {
    Activity::Said { role: ChatRole::Assistant, text: text.to_owned(), model: None }
}

/// Says the word in every place that a session has.
async fn plant(world: &World, alice: &Arc<Principal>, bob: &Arc<Principal>, word: &str) {
    let name = format!("{word}-titled");
    let call = async |by: &Arc<Principal>, command: Command| world.call(by, command).await;
    let rename = SessionRename { session: address("alice"), title: name.clone() };
    world.call_once(alice, Some("k1"), Command::SessionRename(rename)).await.reply();
    let describe = SessionDescribe {
        session: address(&name),
        description: Some(format!("all about {word}")),
        roles: Some(vec![word.to_owned()]),
        project: Some(format!("/work/{word}")),
    };
    world.call_once(alice, Some("k2"), Command::SessionDescribe(describe)).await.reply();
    let label = SessionLabel { session: address(&name), add: vec![word.to_owned()], remove: Vec::new() };
    call(alice, Command::SessionLabel(label)).await.reply();
    let text = format!("I said {word}");
    let activities = vec![
        said(&text),
        Activity::ToolCalled { call: word.into(), tool: word.into(), input: text.clone() },
        Activity::ToolEnded { call: word.into(), is_ok: true, output: text.repeat(2_000), duration_ms: None },
        Activity::ApprovalAsked { approval: word.into(), subject: text.clone() },
        Activity::Saying { role: ChatRole::Assistant, text: format!("and {word}") },
    ];
    record(world, alice, &name, activities).await;
    // Messages both ways; one that is rejected, an ask that is answered, one that is cancelled.
    world.call_once(bob, Some("k3"), notify(&name, &format!("to you: {word}"))).await.accepted();
    world.call_once(alice, Some("k4"), notify("bob", &format!("from me: {word}"))).await.accepted();
    world.broadcast(alice, &format!("to all: {word}"), &[]).await;
    let ask = world.ask(bob, &name, &format!("what of {word}?")).await;
    world.ack(alice, ask.message, Some(&format!("{word} indeed"))).await.reply();
    let ask = world.ask(alice, "bob", &format!("and {word}?")).await;
    world.cancel(alice, ask.message).await.reply();
    let link = world.attach(alice).await;
    let waiting = link.wait_deliveries(1).await;
    link.reject(Lane::Msg, waiting[0].seq, &format!("I will have no {word}")).await.reply();
    for lane in Lane::ALL {
        let through = world.lane(alice, lane).await.items.last().map_or(0, |item| item.seq);
        link.receipt(lane, through, ReceiptState::Seen).await.reply();
    }
    link.lose();
    // Memory, jobs, schedules, transcripts.
    let files = vec![MemoryText { path: format!("{word}.md"), text: text.clone() }];
    let snapshot = MemorySnapshot { session: Some(address(&name)), origin: "start".into(), files };
    call(alice, Command::MemorySnapshot(snapshot)).await.reply();
    let propose = MemoryPropose {
        session: Some(address(&name)),
        path: "other.md".into(),
        text: Some(text.clone()),
        diff: None,
        remove: false,
        reason: text.clone(),
    };
    let proposed = world.call_once(bob, Some("k5"), Command::MemoryPropose(propose)).await.reply();
    let Reply::MemoryProposal(proposal) = proposed else { panic!("{proposed:?}") };
    let decide = MemoryDecide { proposal: proposal.proposal, allow: true, reason: Some(text.clone()) };
    call(world.human(), Command::MemoryDecide(decide)).await.reply();
    // What a job is called stays with who gave it.
    let given = tieline_model::command::JobCreate { input: text.clone(), ..job(&name, "a job of bob's") };
    world.job(bob, given).await;
    let take = tieline_model::command::JobTake { session: Some(address(&name)), ..Default::default() };
    let taken = world.take(alice, take).await.expect("the job");
    call(alice, done(taken.job, taken.lease, &text)).await.reply();
    let mut daily = schedule("in 1h", notify("bob", &text));
    (daily.title, daily.session) = (Some(word.to_owned()), Some(address(&name)));
    world.schedule(alice, daily).await;
    let transcript = TranscriptRecord {
        session: address(&name),
        source: Source { vendor: "claude".into(), session: word.into() },
        lines: vec![TranscriptLine {
            hash: "0123456789abcdef".into(),
            activities: vec![Happened { at_ms: None, what: said(&text) }],
        }],
        offset: 9,
        state: format!("at {word}"),
        bad: 0,
        unknown: std::collections::BTreeMap::from([(word.to_owned(), 1)]),
    };
    call(alice, Command::TranscriptRecord(transcript)).await.reply();
}

async fn take_all(world: &World, who: &Arc<Principal>) {
    let link = world.attach(who).await;
    for lane in Lane::ALL {
        let through = world.lane(who, lane).await.items.last().map_or(0, |item| item.seq);
        link.receipt(lane, through, ReceiptState::Seen).await.reply();
    }
    link.lose();
}

#[actix_rt::test]
async fn not_one_byte_of_a_session_that_was_purged_wholly_is_left() {
    let mut world = World::start().await;
    let (alice, bob, carol) = (world.agent("alice").await, world.agent("bob").await, world.agent("carol").await);
    record(&world, &carol, "carol", vec![said(&format!("{KEPT} of mine"))]).await;
    world.notify(&carol, "bob", &format!("{KEPT} to bob")).await;
    plant(&world, &alice, &bob, CANARY).await;
    for who in [&bob, &carol, world.human()] {
        take_all(&world, who).await;
    }
    indexed(&world).await;
    assert!(hits(&world, CANARY).await > 5);
    let carols = world.timeline(carol.home).await;
    let planted: usize = in_files(&world, CANARY).iter().map(|(_, count)| count).sum();
    assert!(planted > 20, "{planted}");

    let title = format!("{CANARY}-titled");
    let all = SessionPurge { all: true, ..purge(&title) };
    let refusal = world.call(world.human(), Command::SessionPurge(all.clone())).await.refused();
    assert_eq!((refusal.code, refusal.field.as_deref()), (Code::StillNeeded, Some("session_purge.all")));
    let refusal = world.call(&alice, Command::SessionPurge(all.clone())).await.refused();
    assert_eq!(refusal.code, Code::Forbidden, "an agent may not");
    let tokens = world.call(world.human(), Command::TokenList(TokenList {})).await.reply();
    let Reply::Tokens(tokens) = tokens else { panic!("{tokens:?}") };
    let token = tokens.tokens.iter().find(|token| token.principal == alice.id).expect("her token").token;
    world.call(world.human(), Command::TokenRevoke(TokenRevoke { token })).await.reply();
    world.call(world.human(), Command::SessionArchive(SessionRef { session: address(&title) })).await.reply();
    // What is put away is found by its id.
    let all = SessionPurge { all: true, ..purge(&alice.home.to_string()) };
    let view = world.purge(world.human(), all).await;
    assert!(view.events > 15 && view.messages >= 5, "{view:?}");

    assert_eq!(in_files(&world, CANARY), [], "right after the answer");
    assert_eq!(hits(&world, CANARY).await, 0);
    let after = world.session(alice.home).await;
    assert_eq!((after.title.as_str(), after.state), ("purged", SessionState::Archived));
    let events = world.timeline(alice.home).await;
    let [event] = events.as_slice() else { panic!("{events:?}") };
    let EventBody::Purged(purged) = &event.body else { panic!("{event:?}") };
    assert_eq!((purged.by, purged.through, purged.all), (Some(world.human().id), view.through, true));
    assert_eq!((event.seq, purged.events), (view.through + 1, view.events));
    // Others have what they had, and see that something is gone.
    assert_eq!(world.timeline(carol.home).await[..carols.len()], carols);
    assert!(hits(&world, KEPT).await >= 2);
    let inbox = world.lane(&bob, Lane::Msg).await;
    assert!(inbox.items.iter().any(|item| item.message.text.as_deref() == Some(&format!("{KEPT} to bob"))));
    let gone: Vec<_> = inbox.items.iter().filter(|item| item.message.purged).collect();
    assert!(gone.len() >= 2 && gone.iter().all(|item| item.message.text.is_none()), "{gone:?}");
    assert!(gone.iter().all(|item| item.message.from.title == "purged"), "{gone:?}");
    let trace = world.call(&bob, Command::Trace(MessageRef { message: gone[0].message.id })).await.trace();
    assert!(trace.message.purged && !trace.deliveries.is_empty());

    world.restart().await;
    indexed(&world).await;
    assert_eq!(in_files(&world, CANARY), [], "after a restart");
    let again = world.lane(&bob, Lane::Msg).await;
    assert_eq!(again, inbox, "a tombstone matches its hash");
    let newest = world.engine().store().readers().take().last_cursor().expect("a cursor");
    record(&world, &carol, "carol", vec![said("more")]).await;
    assert_eq!(world.timeline(carol.home).await.last().expect("an event").cursor, newest + 1, "no cursor comes twice");
}

#[actix_rt::test]
async fn a_part_is_purged_and_the_rest_keeps_its_numbers() {
    let mut world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    for text in [CANARY, KEPT] {
        let files = vec![MemoryText { path: "CLAUDE.md".into(), text: format!("mind the {text}") }];
        let snapshot = MemorySnapshot { session: None, origin: "start".into(), files };
        world.call(&alice, Command::MemorySnapshot(snapshot)).await.reply();
    }
    for n in 0..1_200 {
        let text = if n < 900 { format!("{CANARY} {n}") } else { format!("{KEPT} {n}") };
        record(&world, &alice, "alice", vec![said(&text)]).await;
        if n % 100 == 0 {
            world.notify(&alice, "bob", &text).await;
            world.notify(&bob, "alice", &text).await;
        }
        if n == 899 {
            for who in [&alice, &bob] {
                take_all(&world, who).await;
            }
            world.advance(std::time::Duration::from_secs(10)).await;
        }
    }
    indexed(&world).await;
    let before = world.timeline(alice.home).await;
    let first = before
        .iter()
        .position(|event| serde_json::to_string(event).expect("JSON").contains(&format!("{KEPT} 900")))
        .expect("what is kept");
    let through = before[first - 1].seq;
    let view = world.purge(world.human(), SessionPurge { through: Some(through), ..purge("alice") }).await;
    assert_eq!((view.through, view.events, view.messages), (through, through, 18));
    assert_eq!(in_files(&world, CANARY), []);
    let show = Command::MemoryShow(MemoryShow { session: address("alice"), at: None });
    let Reply::Memory(memory) = world.call(world.human(), show).await.reply() else { panic!("the memory") };
    assert!(format!("{memory:?}").contains(&format!("mind the {KEPT}")), "what is in force stays: {memory:?}");
    for life in 0..2 {
        let after = world.timeline(alice.home).await;
        assert_eq!(after[..before.len() - first], before[first..], "what is kept is as it was, life {life}");
        assert_eq!(after[before.len() - first].body.kind(), "purged");
        assert!(after.windows(2).all(|pair| pair[1].seq == pair[0].seq + 1), "and goes on without a gap");
        assert_eq!(hits(&world, CANARY).await, 0);
        assert_eq!(hits(&world, &format!("\"{KEPT} 1100\"")).await, 2 + 1);
        world.restart().await;
        record(&world, &alice, "alice", vec![said("and on")]).await;
        indexed(&world).await;
    }
    // The same once more is no mistake of anybody's: there is nothing there.
    let refusal =
        world.call(world.human(), Command::SessionPurge(SessionPurge { through: Some(through), ..purge("alice") }));
    assert_eq!(refusal.await.refused().code, Code::BadInput);
    take_all(&world, &alice).await;
    take_all(&world, &bob).await;
    let before_ms = Some(TimestampMs(world.now().0 + 1));
    let rest = world.purge(world.human(), SessionPurge { before_ms, ..purge("alice") }).await;
    assert!(rest.events > 300, "{rest:?}");
    assert_eq!(world.timeline(alice.home).await.len(), 1, "all is gone but that it was purged");
}

#[actix_rt::test]
async fn what_is_needed_is_not_purged() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let through = async || SessionPurge {
        through: world.timeline(alice.home).await.last().map(|event| event.seq),
        ..purge("alice")
    };
    let refused = async || world.call(world.human(), Command::SessionPurge(through().await)).await.refused();
    let waiting = world.notify(&bob, "alice", "wait for me").await;
    let refusal = refused().await;
    assert_eq!(refusal.code, Code::StillNeeded);
    assert!(refusal.message.contains(&waiting.message.to_string()), "{refusal:?}");
    take_all(&world, &alice).await;
    let ask = world.ask(&alice, "bob", "why?").await;
    let refusal = refused().await;
    assert!(refusal.code == Code::StillNeeded && refusal.message.contains(&ask.message.to_string()), "{refusal:?}");
    world.ack(&bob, ask.message, Some("because")).await.reply();
    assert_eq!(refused().await.code, Code::StillNeeded, "the answer is still to be delivered");
    take_all(&world, &alice).await;
    take_all(&world, &bob).await;
    let view = world.purge(world.human(), through().await).await;
    assert_eq!(view.messages, 3);
    let trace = world.call(world.human(), Command::Trace(MessageRef { message: ask.message })).await.trace();
    assert_eq!(trace.ask.expect("an ask").state, AskState::Answered, "that it was answered is known");
}

#[actix_rt::test]
async fn only_people_purge_and_only_what_is_theirs() {
    let world = World::start().await;
    let alice = world.agent("alice").await;
    let open = SessionOpen { title: "mine".into(), ..SessionOpen::default() };
    world.call(&alice, Command::SessionOpen(open)).await.session();
    let command = || Command::SessionPurge(SessionPurge { through: Some(1), ..purge("mine") });
    assert_eq!(world.call(&alice, command()).await.refused().code, Code::Forbidden);
    let person = world.token("person", PrincipalKind::Human, None).await;
    let scopes = person.scopes.iter().copied().filter(|scope| *scope != tieline_model::Scope::SessionManage).collect();
    let person = Arc::new(Principal { scopes, ..(*person).clone() });
    assert_eq!(world.call(&person, command()).await.refused().code, Code::NotYourSession);
    for (wrong, field) in [
        (purge("mine"), "session_purge"),
        (SessionPurge { through: Some(1), all: true, ..purge("mine") }, "session_purge"),
        (SessionPurge { through: Some(99), ..purge("mine") }, "session_purge.through"),
    ] {
        let refusal = world.call(world.human(), Command::SessionPurge(wrong)).await.refused();
        assert_eq!((refusal.code, refusal.field.as_deref()), (Code::BadInput, Some(field)), "{refusal:?}");
    }
    assert_eq!(world.purge(world.human(), SessionPurge { through: Some(1), ..purge("mine") }).await.events, 1);
}
