//! What becomes of the file of an index.
#![forbid(unsafe_code)]

mod common;

use std::{fs, path::Path};

use tieline_search::{Forget, Index, IndexError, Opened, Page, WINDOW, search};

use common::{Events, all, document, query, session};

fn events(count: i64) -> Events {
    Events(
        (1..=count)
            .map(|at| document(at, &format!("word{at} common {}", if at % 7 == 0 { "seventh" } else { "" })))
            .collect(),
    )
}

fn fill(index: &Index, events: &mut Events) {
    while index.advance(events, 1_000).expect("a sound index") > 0 {}
}

#[test]
fn an_index_is_kept_and_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it's 100%?#.db");
    let mut events = events(50);
    let (index, opened) = Index::open(&path, "a", 50).unwrap();
    assert_eq!(opened, Opened::Made);
    index.advance(&mut events, 30).unwrap();
    drop(index);
    let (index, opened) = Index::open(&path, "a", 50).unwrap();
    assert_eq!((opened, index.through()), (Opened::Kept, 30));
    fill(&index, &mut events);
    index.check().unwrap();
    assert_eq!(all(&index, &mut events, &query("word31", [1]), 10), [31]);
    assert_eq!(all(&index, &mut events, &query("word7", [1]), 10), [7]);
}

#[test]
fn what_is_damaged_or_of_others_is_made_anew() {
    type Spoil = fn(&Path);
    let spoils: [(&str, Spoil); 4] = [
        ("not a database", |path| fs::write(path, "a file of somebody else's").unwrap()),
        ("version", |path| {
            let mut bytes = fs::read(path).unwrap();
            // The user version is the big-endian number at offset 60.
            bytes[63] ^= 1;
            fs::write(path, bytes).unwrap();
        }),
        ("malformed", |path| {
            let mut bytes = fs::read(path).unwrap();
            bytes[4_096..].fill(0xa5);
            fs::write(path, bytes).unwrap();
        }),
        ("application_id", |path| fs::write(path, []).unwrap()),
    ];
    for (part, spoil) in spoils {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("search.db");
        let mut events = events(200);
        let (index, _) = Index::open(&path, "a", 200).unwrap();
        fill(&index, &mut events);
        drop(index);
        spoil(&path);
        let (index, opened) = Index::open(&path, "a", 200).unwrap();
        let Opened::Rebuilt(why) = opened else { panic!("{part}: {opened:?}") };
        assert!(why.contains(part), "{part}: {why}");
        fill(&index, &mut events);
        assert_eq!(all(&index, &mut events, &query("word150", [1]), 10), [150]);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("search.db");
    let (index, _) = Index::open(&path, "a", 200).unwrap();
    fill(&index, &mut events(200));
    drop(index);
    assert!(matches!(Index::open(&path, "b", 200).unwrap().1, Opened::Rebuilt(_)), "another lineage");
    fill(&Index::open(&path, "b", 200).unwrap().0, &mut events(200));
    assert!(matches!(Index::open(&path, "b", 199).unwrap().1, Opened::Rebuilt(_)), "fewer events than indexed");
}

#[test]
fn damage_that_is_found_later_has_a_name_and_a_cure() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("search.db");
    let mut events = events(3_000);
    let (index, _) = Index::open(&path, "a", 3_000).unwrap();
    fill(&index, &mut events);
    // Has the log written back, so that the damage is not covered by it.
    index.forget(&Forget::Cursors(1..=1)).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[8_192..].fill(0x5a);
    fs::write(&path, bytes).unwrap();
    let found = index.check();
    assert!(matches!(found, Err(IndexError::Damaged(_))), "{found:?}");
    index.rebuild().unwrap();
    assert_eq!(index.through(), 0);
    fill(&index, &mut events);
    index.check().unwrap();
    assert_eq!(all(&index, &mut events, &query("word2999", [1]), 10), [2_999]);
}

#[test]
fn what_is_forgotten_is_nowhere_in_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("search.db");
    let mut events = events(2_000);
    for at in [3, 700, 1_999] {
        events.0[at].session = session(2);
        events.0[at].text = format!("xylophone{at} common");
    }
    let (index, _) = Index::open(&path, "a", 2_000).unwrap();
    while index.advance(&mut events, 300).unwrap() > 0 {}
    assert_eq!(all(&index, &mut events, &query("xylophone*", [1, 2]), 10).len(), 3);
    assert_eq!(index.forget(&Forget::Session(session(2), 701)).unwrap(), 2);
    // The others stay.
    assert_eq!(all(&index, &mut events, &query("xylophone*", [1, 2]), 10), [2_000]);
    assert_eq!(all(&index, &mut events, &query("seventh", [1]), 100).len(), 285);
    assert_eq!(index.forget(&Forget::Cursors(2_000..=2_000)).unwrap(), 1);
    for entry in fs::read_dir(folder.path()).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        for trace in [&b"xylophone"[..], b"ylophone", b"lophone"] {
            assert!(!bytes.windows(trace.len()).any(|window| window == trace), "a trace is left");
        }
    }
    assert_eq!(index.through(), 2_000);
}

#[test]
fn pages_of_a_common_word_have_every_event_once_while_events_come_and_are_indexed() {
    let folder = tempfile::tempdir().unwrap();
    let (index, _) = Index::open(&folder.path().join("search.db"), "a", 0).unwrap();
    let count = i64::try_from(WINDOW).unwrap() * 2 + 150;
    let mut events = events(count);
    let query = query("common", [1]);
    let (mut found, mut place) = (Vec::new(), None);
    loop {
        let page = search(&index, &mut events, &query, Page { limit: 100, place }).unwrap();
        found.extend(page.hits.iter().map(|hit| hit.cursor));
        let next = events.0.last().unwrap().cursor + 1;
        events.0.push(document(next, "common and late"));
        index.advance(&mut events, 170).unwrap();
        match page.next {
            Some(next) => place = Some(next),
            None => break,
        }
    }
    // The newest window comes first.
    assert!(found[..100].iter().all(|at| *at > count - i64::try_from(WINDOW).unwrap()));
    found.sort_unstable();
    assert_eq!(found, (1..=count).collect::<Vec<_>>());
}

#[test]
fn a_hit_says_where_its_words_are_and_how_far_the_index_is_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (index, _) = Index::open(&folder.path().join("search.db"), "a", 0).unwrap();
    let mut events =
        Events(vec![document(1, "far and away, near"), document(2, "nothing"), document(3, "Near and far")]);
    index.advance(&mut events, 1).unwrap();
    let found = search(&index, &mut events, &query("near far", [1]), Page { limit: 9, place: None }).unwrap();
    assert_eq!(found.behind, 2);
    assert_eq!(found.hits.iter().map(|hit| hit.cursor).collect::<Vec<_>>(), [3, 1]);
    let snippet = &found.hits[0].snippet;
    let words: Vec<&str> = snippet.matches.iter().map(|bytes| &snippet.text[bytes.clone()]).collect();
    assert_eq!(words, ["Near", "far"]);
}
