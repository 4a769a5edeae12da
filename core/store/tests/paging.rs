//! Pages of timelines, against the whole list of events cut by hand.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::mpsc::channel;

use proptest::prelude::*;
use tieline_model::{Event, EventBody, PrincipalId, SessionId, TimestampMs};
use tieline_store::{Job, JobError, NewSession, Options, Side, Store, StoreError, Synchronous, Tx, Writer};

/// Sessions with events in the given order.
struct Fill(Vec<usize>);

impl Job for Fill {
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        for n in 0..SESSIONS {
            tx.insert_session(&NewSession {
                id: session(n),
                title: n.to_string(),
                circle: "main".into(),
                roles: Vec::new(),
                description: None,
                project: None,
                owner: PrincipalId::from_slice(&[1; 16]).unwrap(),
                parent: None,
                opened_at: TimestampMs(0),
            })?;
        }
        for (at, n) in self.0.iter().enumerate() {
            let body = EventBody::SessionPinned { pinned: at % 2 == 0 };
            tx.append_event(session(*n), TimestampMs(i64::try_from(at).unwrap()), body)?;
        }
        Ok(())
    }

    fn failed(&mut self, error: JobError) {
        panic!("{error}");
    }
}

const SESSIONS: usize = 4;

fn session(n: usize) -> SessionId {
    SessionId::from_slice(&[u8::try_from(n).unwrap() + 1; 16]).unwrap()
}

fn filled(order: &[usize]) -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tieline.db");
    let store =
        Store::open(Options { path, synchronous: Synchronous::Normal, readers: 1, wal_limit_bytes: 1 << 20 }).unwrap();
    let (done, committed) = channel();
    let writer =
        Writer::start(&store, 10, 10, move |jobs: Vec<Fill>| done.send(jobs.len()).unwrap(), |error| panic!("{error}"))
            .unwrap();
    writer.submit(Fill(order.to_vec())).map_err(|_| "full").unwrap();
    committed.recv().unwrap();
    (folder, store)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_page_is_a_piece_of_the_whole(
        order in prop::collection::vec(0..SESSIONS, 1..120),
        asks in prop::collection::vec((prop::sample::subsequence((0..SESSIONS).collect::<Vec<_>>(), 1..=SESSIONS), any::<bool>(), -2i64..130, 1usize..50), 20),
    ) {
        let (_folder, store) = filled(&order);
        let mut reader = store.readers().take();
        let all: Vec<Event> = reader.events_after(0, 1000).unwrap();
        prop_assert_eq!(all.len(), order.len());
        for (chosen, is_after, cursor, limit) in asks {
            let ids: Vec<SessionId> = chosen.iter().map(|n| session(*n)).collect();
            let of: Vec<Event> = all.iter().filter(|event| ids.contains(&event.session)).cloned().collect();
            let (side, wanted): (Side, Vec<Event>) = if is_after {
                (Side::After(cursor), of.into_iter().filter(|event| event.cursor > cursor).take(limit).collect())
            } else {
                let earlier: Vec<Event> = of.into_iter().filter(|event| event.cursor < cursor).collect();
                let from = earlier.len().saturating_sub(limit);
                (Side::Before(Some(cursor)), earlier[from..].to_vec())
            };
            prop_assert_eq!(reader.timelines(&ids, side, limit).unwrap(), wanted);
        }
    }
}
