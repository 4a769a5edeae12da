//! What is stored is found at once, whether it is indexed or not, after a restart, and from an index that was made anew; and
//! nobody finds what is out of reach.

use std::sync::Arc;

use tieline_model::{
    Code, Command, Principal, PrincipalKind, Reply, TimestampMs,
    command::{Happened, Recall, Record, Search, SessionMove, SessionRef},
    event::{Activity, ChatRole},
    reply::{FoundPage, Recalled, SearchHit},
};
use tieline_tests::{Outcomes, World, address, eventually};

fn search(query: &str) -> Search {
    Search { query: query.to_owned(), ..Search::default() }
}

async fn page(world: &World, by: &Arc<Principal>, search: Search) -> FoundPage {
    match world.call(by, Command::Search(search)).await.reply() {
        Reply::Found(page) => page,
        other => panic!("{other:?}"),
    }
}

async fn hits(world: &World, by: &Arc<Principal>, query: &str) -> Vec<SearchHit> {
    page(world, by, search(query)).await.hits
}

/// What the words that were looked for are in the snippets.
fn marked(hits: &[SearchHit]) -> Vec<&str> {
    hits.iter().flat_map(|hit| hit.matches.iter().map(|at| &hit.snippet[at.start..at.end])).collect()
}

async fn record(world: &World, by: &Arc<Principal>, activities: Vec<Activity>) {
    let activities = activities.into_iter().map(|what| Happened { at_ms: None, what }).collect();
    let record = Record { session: None, source: None, activities };
    world.call(by, Command::Record(record)).await.reply();
}

fn said(role: ChatRole, text: &str) -> Activity {
    Activity::Said { role, text: text.to_owned(), model: None }
}

async fn indexed(world: &World) {
    let search = world.engine().search();
    eventually("every event is indexed", || async {
        let newest = world.engine().store().readers().take().last_cursor().expect("the store is open");
        (search.behind(newest) == 0).then_some(())
    })
    .await;
}

#[actix_rt::test]
async fn a_committed_event_is_found_at_once_while_the_indexer_is_held_back() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    indexed(&world).await;
    world.engine().search().hold(true);
    for n in 0..30 {
        world.notify(&alice, "bob", &format!("the xylophone number {n} is tuned")).await;
        assert_eq!(hits(&world, &bob, &format!("\"number {n}\" xylo*")).await.len(), 1, "{n}");
    }
    let tail = page(&world, &bob, Search { limit: Some(100), ..search("xylophone") }).await;
    assert!(tail.behind >= 30 && tail.hits.len() == 30 && tail.next.is_none(), "{}", tail.behind);
    world.engine().search().hold(false);
    indexed(&world).await;
    let index = page(&world, &bob, Search { limit: Some(100), ..search("xylophone") }).await;
    assert_eq!((index.behind, &index.hits), (0, &tail.hits));
    assert!(marked(&index.hits).iter().all(|word| *word == "xylophone"));
    assert_eq!(index.hits[0].link, format!("tieline://{}/{}", index.hits[0].session, index.hits[0].cursor));
}

#[actix_rt::test]
async fn an_index_survives_a_restart_and_one_that_is_made_anew_says_the_same() {
    let mut world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    for n in 0..40 {
        world
            .notify(&alice, "bob", &format!("message {n} of the {} kind", if n % 2 == 0 { "even" } else { "odd" }))
            .await;
    }
    let asked = world.ask(&bob, "alice", "which kind was the last?").await;
    world.ack(&alice, asked.message, Some("an odd one")).await.reply();
    record(&world, &alice, vec![said(ChatRole::User, "count the kinds"), said(ChatRole::Assistant, "twenty each")])
        .await;
    record(
        &world,
        &alice,
        vec![
            Activity::ApprovalAsked { approval: "a1".into(), subject: "delete the odd kind".into() },
            Activity::ToolEnded { call: "c1".into(), is_ok: false, output: "no such kind".into(), duration_ms: None },
        ],
    )
    .await;
    let queries = [
        "kind",
        "kind even",
        "\"odd kind\"",
        "ki* -even -odd",
        "kind:ask",
        "author:alice kind",
        "author:assistant",
        "has:approval",
        "has:error",
        "session:alice kind",
        "circle:main odd",
        "is:open message",
        "is:closed",
        "kind:session_opened alice",
        "",
    ];
    let mut answers = Vec::new();
    indexed(&world).await;
    for query in queries {
        answers.push(page(&world, &alice, Search { limit: Some(100), ..search(query) }).await);
    }
    let counts: Vec<usize> = answers.iter().map(|page| page.hits.len()).collect();
    assert_eq!(counts[..7], [43, 20, 21, 3, 1, 42, 1], "{counts:?}");
    assert_eq!(counts[7..13], [1, 1, 3, 22, 40, 0], "{counts:?}");

    type Spoil = fn(&std::path::Path);
    let spoils: [(&str, Spoil); 3] = [
        ("as it was left", |_| {}),
        ("damaged", |path| std::fs::write(path, "no database").unwrap()),
        ("missing", |path| std::fs::remove_file(path).unwrap()),
    ];
    for (how, spoil) in spoils {
        world.kill().await;
        spoil(&world.database().with_file_name("search.db"));
        world.restart().await;
        for is_indexed in [false, true] {
            if is_indexed {
                indexed(&world).await;
            }
            for (query, wanted) in queries.iter().zip(&answers) {
                let found = page(&world, &alice, Search { limit: Some(100), ..search(query) }).await;
                assert_eq!(found.hits, wanted.hits, "{how}, {is_indexed}: {query}");
            }
        }
    }
}

#[actix_rt::test]
async fn nobody_finds_what_is_out_of_reach_even_when_a_session_moves() {
    let world = World::start().await;
    let human = Arc::clone(world.human());
    let alice = world.agent("alice").await;
    let stranger = world.token("stranger", PrincipalKind::Agent, Some(&["ops"])).await;
    let work = world.open(&alice, "work").await;
    world.notify(&human, "work", "the zebra is out").await;
    let secret = hits(&world, &alice, "zebra").await;
    assert_eq!(secret.len(), 1);
    let refuses = |query: &'static str| {
        let (world, stranger) = (&world, &stranger);
        async move { world.call(stranger, Command::Search(search(query))).await.refused() }
    };
    for is_indexed in [false, true] {
        if is_indexed {
            indexed(&world).await;
        }
        for query in ["zebra", "author:human zebra", "is:open zebra", "kind:notify", "-nothing zebra", "zeb*"] {
            assert!(hits(&world, &stranger, query).await.is_empty(), "{query}");
        }
        assert_eq!(refuses("circle:main zebra").await.code, Code::Forbidden);
        assert_eq!(refuses("session:work zebra").await.code, Code::UnknownSession);
        assert_eq!(refuses("session:main/work zebra").await.code, Code::Forbidden);
    }
    // What moves into reach is found there and no longer where it was, though it was indexed long ago.
    let session = address(&work.id.to_string());
    world.call(&human, Command::SessionMove(SessionMove { session, circle: "ops".into() })).await.reply();
    indexed(&world).await;
    assert_eq!(hits(&world, &stranger, "zebra").await.len(), 1);
    assert_eq!(hits(&world, &stranger, "circle:ops zebra").await.len(), 1);
    // Not even by the one that opened it, for it is not her home.
    assert!(hits(&world, &alice, "zebra").await.is_empty());
    world.notify(&human, "alice", "another zebra").await;
    assert_eq!(hits(&world, &alice, "zebra").await.len(), 1);
}

#[actix_rt::test]
async fn pages_follow_each_other_without_gap_or_repetition_while_events_come() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    for n in 0..23 {
        world.notify(&alice, "bob", &format!("brick {n}")).await;
    }
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let ask = Search { limit: Some(5), next, ..search("brick") };
        let page = page(&world, &bob, ask).await;
        found.extend(page.hits.into_iter().map(|hit| hit.snippet));
        world.notify(&alice, "bob", "brick, a late one").await;
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    found.sort_unstable();
    let mut wanted: Vec<String> = (0..23).map(|n| format!("brick {n}")).collect();
    wanted.sort_unstable();
    assert_eq!(found, wanted);
}

#[actix_rt::test]
async fn filters_say_what_is_wrong_with_them_and_is_open_means_now() {
    let world = World::start().await;
    let alice = world.agent("alice").await;
    world.open(&alice, "side work").await;
    world.notify(&alice, "side work", "a marmot").await;
    assert_eq!(hits(&world, &alice, "is:open marmot").await.len(), 1);
    world.call(&alice, Command::SessionClose(SessionRef { session: address("side work") })).await.reply();
    assert!(hits(&world, &alice, "is:open marmot").await.is_empty());
    assert_eq!(hits(&world, &alice, "is:closed marmot").await.len(), 1);
    for (query, part) in [("\"mar mot", "without a second"), ("has:luck", "has:luck"), ("after:soon", "2026-11-20")] {
        let refusal = world.call(&alice, Command::Search(search(query))).await.refused();
        assert_eq!((refusal.code, refusal.field.as_deref()), (Code::BadInput, Some("search.query")), "{query}");
        assert!(refusal.message.contains(part), "{}", refusal.message);
    }
    let later = Search { after_ms: Some(TimestampMs(world.now().0 + 1)), ..search("marmot") };
    assert!(page(&world, &alice, later).await.hits.is_empty());
    let earlier = Search { before_ms: Some(TimestampMs(world.now().0 + 1)), ..search("marmot after:1d") };
    assert_eq!(page(&world, &alice, earlier).await.hits.len(), 1);
}

#[actix_rt::test]
async fn a_recall_fits_its_budget_and_leads_to_the_events() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    for n in 0..50 {
        world.notify(&alice, "bob", &format!("rollout {n} was stopped because of {}", "reasons ".repeat(20))).await;
    }
    record(&world, &alice, vec![said(ChatRole::Assistant, "the rollout was stopped by hand")]).await;
    let recall = |budget_tokens: Option<u32>| {
        let (world, bob) = (&world, &bob);
        async move {
            let recall = Recall { query: "rollout stopped".into(), budget_tokens };
            match world.call(bob, Command::Recall(recall)).await.reply() {
                Reply::Recalled(recalled) => recalled,
                other => panic!("{other:?}"),
            }
        }
    };
    let mut before = 0;
    for budget in [200, 600, 1_500, 8_000] {
        let Recalled { digest, hits, tokens, has_more } = recall(Some(budget)).await;
        assert!(tokens <= budget && digest.len() <= budget as usize * 4, "{tokens} of {budget}");
        assert!(hits > before, "{hits} in {budget}");
        assert_eq!(has_more, hits < 51);
        before = hits;
    }
    let digest = recall(None).await.digest;
    assert!(digest.contains(&format!("## bob, {}", bob.home)), "{digest}");
    let refusal = {
        let recall = Recall { query: "x".into(), budget_tokens: Some(8_001) };
        world.call(&bob, Command::Recall(recall)).await.refused()
    };
    assert_eq!(refusal.field.as_deref(), Some("recall.budget_tokens"));
    let nothing = Recall { query: "xylophone".into(), budget_tokens: None };
    let Reply::Recalled(nothing) = world.call(&bob, Command::Recall(nothing)).await.reply() else { panic!() };
    assert_eq!((nothing.digest.as_str(), nothing.hits, nothing.has_more), ("Nothing was found.\n", 0, false));
}
