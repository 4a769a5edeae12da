//! What is exported comes back as it was when it is taken in: as history, once, and nobody gets its messages again.

use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use tieline_engine::export::Format;
use tieline_model::{
    Code, Command, EventBody, Message, MessageKind, PrincipalKind, Sender, TimestampMs,
    command::{Happened, ImportItem, Imported, Record, Search, SessionImport},
    event::{Activity, ChatRole, FileChange, Source, Switchable, TurnOutcome},
    export::Header,
    reply::Reply,
};
use tieline_tests::{Outcomes, World, import, notify};

/// How many timelines are made up.
const CASES: u32 = 40;

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z ]{0,40}", "\\PC{0,40}", "[`<|\\n#\\[\\]]{0,20}", Just("\u{0}\u{1b}[2J\r\n\t\"\\".to_owned())]
}

fn name() -> impl Strategy<Value = String> {
    "[a-z]{1,12}"
}

fn activity() -> impl Strategy<Value = Activity> {
    let role = prop_oneof![Just(ChatRole::User), Just(ChatRole::Assistant), Just(ChatRole::Reasoning)];
    let maybe = || proptest::option::of(0..u64::from(u32::MAX));
    prop_oneof![
        name().prop_map(|turn| Activity::TurnStarted { turn }),
        (name(), proptest::option::of(text()), maybe()).prop_map(|(turn, reason, duration_ms)| {
            Activity::TurnEnded { turn, outcome: TurnOutcome::Failed, reason, duration_ms }
        }),
        (role, text(), proptest::option::of(name())).prop_map(|(role, text, model)| Activity::Said {
            role,
            text,
            model
        }),
        (name(), name(), text()).prop_map(|(call, tool, input)| Activity::ToolCalled { call, tool, input }),
        (name(), any::<bool>(), text(), maybe()).prop_map(|(call, is_ok, output, duration_ms)| {
            Activity::ToolEnded { call, is_ok, output, duration_ms }
        }),
        (text(), maybe(), maybe()).prop_map(|(path, added, removed)| Activity::FileChanged {
            path,
            change: FileChange::Modified,
            added,
            removed
        }),
        (name(), text()).prop_map(|(approval, subject)| Activity::ApprovalAsked { approval, subject }),
        (name(), any::<bool>(), proptest::option::of(text()))
            .prop_map(|(approval, is_allowed, reason)| { Activity::ApprovalDecided { approval, is_allowed, reason } }),
        (proptest::option::of(name()), name()).prop_map(|(from, to)| Activity::Switched {
            what: Switchable::Model,
            from,
            to
        }),
        name().prop_map(|from| Activity::Resumed { from }),
        text().prop_map(|summary| Activity::Compacted { summary }),
        (0..9_000u64, 0..9_000u64, maybe()).prop_map(|(input_tokens, output_tokens, cost_micro_usd)| {
            Activity::Spent { model: None, input_tokens, output_tokens, cached_tokens: None, cost_micro_usd }
        }),
        text().prop_map(|text| Activity::Noted { text }),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    let kind = prop_oneof![Just(MessageKind::Ask), Just(MessageKind::Ack), Just(MessageKind::Notify)];
    (kind, proptest::option::of(text()), name(), any::<u128>(), 0..1_800_000_000_000i64, any::<bool>()).prop_map(
        |(kind, text, title, id, at, late)| Message {
            id: tieline_model::MessageId::from_uuid(uuid::Uuid::from_u128(id)),
            kind,
            from: Sender {
                session: tieline_model::SessionId::from_uuid(uuid::Uuid::from_u128(id ^ 1)),
                title,
                principal: tieline_model::PrincipalId::from_uuid(uuid::Uuid::from_u128(id ^ 2)),
                kind: PrincipalKind::Agent,
            },
            thread: None,
            group: None,
            reply_to: None,
            text,
            notice: None,
            late,
            declined: false,
            urgency: None,
            supersedes: None,
            hops: 3,
            reminds_of: Vec::new(),
            tells: None,
            wake: None,
            order: None,
            purged: false,
            sent_at_ms: TimestampMs(at),
            expires_at_ms: None,
        },
    )
}

fn imported() -> impl Strategy<Value = Imported> {
    let source = (name(), name()).prop_map(|(vendor, session)| Source { vendor, session });
    let told = (activity(), 0..1_800_000_000_000i64, proptest::option::weighted(0.3, source));
    prop_oneof![
        4 => told.prop_map(|(what, at, source)| Imported::Activity {
            what,
            happened_at_ms: Some(TimestampMs(at)),
            source,
        }),
        1 => message().prop_map(|message| Imported::Message(Box::new(message))),
    ]
}

/// Activities that name no other source are said to come from the export.
fn with_source(what: Imported, header: &SessionImport) -> Imported {
    match what {
        Imported::Activity { what, happened_at_ms, source } => {
            let usual = || Source { vendor: "tieline".to_owned(), session: header.origin.session.to_string() };
            Imported::Activity { what, happened_at_ms, source: Some(source.unwrap_or_else(usual)) }
        }
        other => other,
    }
}

fn told(items: Vec<ImportItem>) -> Vec<Imported> {
    items.into_iter().map(|item| item.what).filter(|what| *what != Imported::Nothing).collect()
}

fn again(header: Header, items: Vec<ImportItem>) -> SessionImport {
    SessionImport { origin: header.origin, title: header.session.title, ..import("x", items) }
}

#[actix_rt::test]
async fn whatever_is_exported_is_the_same_after_it_was_taken_in() {
    let world = World::start_with(|config| config.redaction.enabled = false).await;
    let mut runner = TestRunner::deterministic();
    for case in 0..CASES {
        let things = proptest::collection::vec(imported(), 0..60).new_tree(&mut runner).expect("a timeline").current();
        let items: Vec<ImportItem> = things
            .iter()
            .enumerate()
            .map(|(n, what)| ImportItem { seq: n as u64 * 2 + 1, at_ms: TimestampMs(1), what: what.clone() })
            .collect();
        let first = SessionImport { again: true, ..import(&format!("case {case}"), items) };
        let wanted: Vec<Imported> = things.into_iter().map(|what| with_source(what, &first)).collect();
        let taken = world.take_in(world.human(), first, 7).await;
        let (header, exported) = world.export_lines(world.human(), taken.session).await;
        assert_eq!(told(exported.clone()), wanted, "case {case}");
        let once_more = world.take_in(world.human(), again(header, exported), 500).await;
        assert!(once_more.is_new);
        let (_, exported) = world.export_lines(world.human(), once_more.session).await;
        assert_eq!(told(exported), wanted, "case {case}, taken in twice");
    }
}

#[actix_rt::test]
async fn a_session_becomes_history_elsewhere_once_and_nobody_gets_it_again() {
    let here = World::start().await;
    let (alice, bob) = (here.agent("alice").await, here.agent("bob").await);
    here.notify(&alice, "bob", "the first").await;
    let ask = here.ask(&alice, "bob", "which way?").await;
    here.ack(&bob, ask.message, Some("this way")).await.reply();
    let what = Activity::Noted { text: "seen".into() };
    let record = Record { session: None, source: None, activities: vec![Happened { at_ms: None, what }] };
    here.call(&alice, Command::Record(record)).await.reply();
    let (header, items) = here.export_lines(here.human(), alice.home).await;
    assert_eq!((header.session.title.as_str(), header.origin.first_seq), ("alice", 1));

    let there = World::start().await;
    let carol = there.agent("carol").await;
    let first = again(header.clone(), items.clone());
    let taken = there.take_in(&carol, first.clone(), 2).await;
    assert!(taken.is_new && taken.through == header.origin.last_seq);
    let events = there.timeline(taken.session).await;
    let words: Vec<String> = events
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::MessageImported(message) => Some(format!("{} {:?}", message.kind.as_str(), message.text)),
            EventBody::Activity(recorded) => Some(format!("{} {:?}", recorded.what.kind(), recorded.what.texts())),
            EventBody::Imported(imported) => {
                assert_eq!((imported.by, &imported.origin), (carol.id, &header.origin));
                None
            }
            _ => None,
        })
        .collect();
    assert_eq!(words, ["ask Some(\"which way?\")", "ack Some(\"this way\")", "noted [\"seen\"]"]);
    assert_eq!(events.iter().filter(|event| event.body.kind() == "imported").count(), 1);
    for who in [&carol, there.human()] {
        let read = there.inbox(who).await;
        assert!(read.items.is_empty(), "{}: {:?}", who.name, read.items);
    }
    // It is found like anything else.
    let search = Search { query: "\"which way\"".into(), ..Search::default() };
    match there.call(&carol, Command::Search(search)).await.reply() {
        Reply::Found(page) => assert_eq!(page.hits.len(), 1),
        other => panic!("{other:?}"),
    }

    // Once more is the same session with nothing new, also when only a part came before.
    let repeated = there.take_in(&carol, first.clone(), 3).await;
    assert_eq!((repeated.session, repeated.is_new), (taken.session, false));
    assert_eq!(there.timeline(taken.session).await, events);
    let copy = there.take_in(&carol, SessionImport { again: true, ..first.clone() }, 500).await;
    assert_ne!(copy.session, taken.session);
    // Another's is another's.
    let theirs = there.take_in(there.human(), first.clone(), 500).await;
    assert!(theirs.is_new);
    let dave = there.agent("dave").await;
    let sly = SessionImport { session: Some(tieline_model::Address::Session(taken.session)), ..first };
    assert_eq!(there.call(&dave, Command::SessionImport(sly)).await.refused().code, Code::NotYourSession);
}

#[actix_rt::test]
async fn what_is_no_timeline_is_refused_and_nothing_is_stored() {
    let world = World::start().await;
    let noted = |seq, text: &str| ImportItem {
        seq,
        at_ms: TimestampMs(1),
        what: Imported::Activity {
            what: Activity::Noted { text: text.to_owned() },
            happened_at_ms: None,
            source: None,
        },
    };
    let before = world.engine().store().readers().take().last_cursor().expect("a cursor");
    let mut nameless = import("x", vec![noted(1, "a")]);
    nameless.origin.log_id = "../x".into();
    let beyond = SessionImport { items: vec![noted(2, "a")], ..import("x", vec![noted(1, "a")]) };
    let saying = ImportItem {
        what: Imported::Activity {
            what: Activity::Saying { role: ChatRole::User, text: "a".into() },
            happened_at_ms: None,
            source: None,
        },
        ..noted(1, "a")
    };
    for (wrong, code, field) in [
        (import("x", vec![noted(3, "a"), noted(3, "b")]), Code::BadInput, "session_import.items[1].seq"),
        (nameless, Code::BadInput, "session_import.origin.log_id"),
        (beyond, Code::BadInput, "session_import.items[0].seq"),
        (import("x", vec![saying]), Code::BadInput, "session_import.items[0].what"),
        (import("", Vec::new()), Code::BadInput, "session_import.title"),
        (
            import("x", vec![noted(1, &"a".repeat(300_000))]),
            Code::TooLarge,
            "session_import.items[0].what.activity[0].what",
        ),
    ] {
        let refusal = world.call(world.human(), Command::SessionImport(wrong)).await.refused();
        assert_eq!((refusal.code, refusal.field.as_deref()), (code, Some(field)), "{refusal:?}");
    }
    assert_eq!(world.engine().store().readers().take().last_cursor().expect("a cursor"), before);
}

#[actix_rt::test]
async fn an_export_is_only_for_those_in_reach_and_ends_where_it_began() {
    let world = World::start().await;
    let alice = world.agent("alice").await;
    let far = world.token("far", PrincipalKind::Agent, Some(&["elsewhere"])).await;
    for n in 0..600 {
        world.call(&alice, notify("human", &format!("`````` <b>number {n}</b>"))).await.accepted();
    }
    assert!(world.export(&far, &alice.home.to_string(), Format::JsonLines).await.is_err());
    let (header, items) = world.export_lines(&alice, world.human().home).await;
    assert_eq!(items.len() as u64, header.origin.last_seq);
    let page = world.export(&alice, "human", Format::Markdown).await.expect("an export");
    assert!(page.starts_with("# human\n"), "{page}");
    assert!(
        page.contains("\n```````text\n`````` <b>number 599</b>\n```````\n"),
        "the fence is longer than what is in it"
    );
    for n in 1..=header.origin.last_seq {
        assert!(page.contains(&format!("<a id=\"seq-{n}\"></a>")), "{n} can be linked to");
    }
}
