//! Whatever is indexed and whatever is asked: the same events are found as by looking at each of them.
#![forbid(unsafe_code)]

mod common;

use proptest::prelude::*;
use tieline_model::TimestampMs;
use tieline_search::{Author, Document, Flag, Index, PART, Query, Term};

use common::{Events, all, document, principal, session};

/// Few words, so that they meet; some that share a beginning, an accent, a script without spaces.
const WORDS: [&str; 9] = ["ab", "abc", "Abcd", "é", "e", "検索", "x=y", "s", "=ksaid"];
const KINDS: [&str; 3] = ["said", "noted", "message_accepted"];

fn text() -> impl Strategy<Value = String> {
    let joined = prop_oneof![5 => Just(" ".to_owned()), 1 => Just(format!(" {PART} ")), 1 => Just("-".to_owned())];
    prop::collection::vec((prop::sample::select(&WORDS[..]), joined), 0..8)
        .prop_map(|parts| parts.into_iter().flat_map(|(word, gap)| [word.to_owned(), gap]).collect())
}

fn author() -> impl Strategy<Value = Author> {
    prop_oneof![(0..3_u128).prop_map(|n| Author::Principal(principal(n))), Just(Author::Role("user".into()))]
}

fn documents() -> impl Strategy<Value = Vec<Document>> {
    let one = (
        (0..12_u128, 0..3_u8, 1..4_i64, 0..40_i64),
        prop::sample::select(&KINDS[..]),
        prop::option::of(author()),
        prop::option::of(prop::sample::select(&Flag::ALL[..])),
        text(),
    );
    prop::collection::vec(one, 1..60).prop_map(|all| {
        let mut cursor = 0;
        all.into_iter()
            .map(|((of, circle, step, at), kind, author, flag, text)| {
                cursor += step;
                Document {
                    session: session(of),
                    circle: format!("c{circle}"),
                    at_ms: TimestampMs(at),
                    kinds: vec![kind],
                    authors: author.into_iter().collect(),
                    flags: flag.into_iter().collect(),
                    ..document(cursor, &text)
                }
            })
            .collect()
    })
}

fn term() -> impl Strategy<Value = Term> {
    let word = prop::sample::select(&["ab", "abc", "abcd", "e", "検", "索", "x", "y", "s", "zz"][..]);
    let words = prop::collection::vec(word.prop_map(str::to_owned), 1..3);
    (words, any::<bool>()).prop_map(|(words, is_prefix)| Term { words, is_prefix })
}

fn queries() -> impl Strategy<Value = Query> {
    (
        prop::collection::vec(term(), 0..3),
        prop::collection::vec(term(), 0..2),
        prop::collection::vec(prop::sample::select(&KINDS[..]), 0..2),
        prop::option::weighted(0.2, prop::collection::vec(author(), 0..3)),
        prop::option::weighted(0.2, prop::sample::select(&Flag::ALL[..])),
        prop::option::weighted(0.3, 0..40_i64),
        prop::option::weighted(0.3, 0..40_i64),
        prop::collection::hash_set(0..14_u128, 0..14),
    )
        .prop_map(|(terms, without, kinds, authors, flag, after, before, sessions)| Query {
            terms,
            without,
            kinds: kinds.into_iter().map(str::to_owned).collect(),
            authors,
            flags: flag.into_iter().collect(),
            after: after.map(TimestampMs),
            before: before.map(TimestampMs),
            sessions: sessions.into_iter().map(session).collect(),
        })
}

/// Looks at every document, with another idea of a phrase than the crate has.
fn scan(events: &[Document], query: &Query) -> Vec<i64> {
    let has = |document: &Document, term: &Term| {
        document.text.split(PART).any(|part| {
            let words = words(part);
            words.windows(term.words.len()).any(|window| {
                let (last, first) = window.split_last().expect("a window is not empty");
                let (wanted_last, wanted_first) = term.words.split_last().expect("a term is not empty");
                let is_last = if term.is_prefix { last.starts_with(wanted_last.as_str()) } else { last == wanted_last };
                first == wanted_first && is_last
            })
        })
    };
    let is_wanted = |document: &&Document| {
        query.sessions.contains(&document.session)
            && query.terms.iter().all(|term| has(document, term))
            && !query.without.iter().any(|term| has(document, term))
            && (query.kinds.is_empty() || query.kinds.iter().any(|kind| document.kinds.contains(&kind.as_str())))
            && query.authors.as_ref().is_none_or(|any| any.iter().any(|one| document.authors.contains(one)))
            && query.flags.iter().all(|flag| document.flags.contains(flag))
            && query.after.is_none_or(|after| document.at_ms >= after)
            && query.before.is_none_or(|before| document.at_ms < before)
    };
    events.iter().filter(is_wanted).map(|document| document.cursor).collect()
}

fn words(text: &str) -> Vec<String> {
    let spaced = text.replace('é', "e").replace('検', " 検 ").replace('索', " 索 ").to_lowercase();
    spaced.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_same_events_are_found_however_much_of_them_is_indexed(
        documents in documents(),
        queries in prop::collection::vec(queries(), 1..12),
        indexed in 0..60_usize,
        limit in 1..6_usize,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (index, _) = Index::open(&folder.path().join("search.db"), "a", 0).unwrap();
        let mut events = Events(documents);
        index.advance(&mut events, indexed.div_ceil(2)).unwrap();
        index.advance(&mut events, indexed / 2).unwrap();
        for query in queries {
            let mut found = all(&index, &mut events, &query, limit);
            found.sort_unstable();
            prop_assert_eq!(found, scan(&events.0, &query), "{:?}", query);
        }
    }
}
