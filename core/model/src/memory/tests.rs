//! What the memory of a session promises: the fold, the chain, and diffs that come back.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{
    PrincipalId, ProposalId,
    event::{MemoryApplied, MemoryProposed, MemoryRecorded, MemoryRejected},
};

fn who() -> PrincipalId {
    PrincipalId::from_uuid(Uuid::from_u128(1))
}

fn proposal() -> ProposalId {
    ProposalId::from_uuid(Uuid::from_u128(2))
}

/// What is done, without its links.
#[derive(Debug, Clone)]
enum Deed {
    Record(Vec<(u8, u8)>),
    Propose(u8),
    Apply(u8, Option<u8>),
    Reject,
}

fn file(path: u8, text: u8) -> MemoryFile {
    MemoryFile::new(format!("{path}.md"), &format!("text {text}"))
}

/// Tells it as the engine does: the change first, then the event that names its hash, then the link.
fn tell(memory: &mut Memory, seq: u64, deed: &Deed) -> EventBody {
    let (before, after, reason) = (String::new(), String::new(), "because".to_owned());
    let link = memory.link.clone();
    let mut body = match deed {
        Deed::Record(files) => {
            let files: BTreeMap<u8, u8> = files.iter().copied().collect();
            let files: Vec<MemoryFile> = files.iter().map(|(path, text)| file(*path, *text)).collect();
            memory.replace(&files, "start", seq);
            let (hash, origin) = (memory.hash(), "start".to_owned());
            EventBody::MemoryRecorded(Box::new(MemoryRecorded { origin, hash, files, by: who(), before, after }))
        }
        Deed::Propose(path) => EventBody::MemoryProposed(Box::new(MemoryProposed {
            proposal: proposal(),
            path: format!("{path}.md"),
            to: None,
            diff: String::new(),
            reason,
            author: who(),
            before,
            after,
        })),
        Deed::Apply(path, text) => {
            let (path, to) = (format!("{path}.md"), text.map(|text| file(*path, text)));
            memory.set(&path, to.as_ref(), seq);
            EventBody::MemoryApplied(Box::new(MemoryApplied {
                proposal: proposal(),
                path,
                to,
                hash: memory.hash(),
                diff: String::new(),
                reason,
                author: who(),
                by: who(),
                note: None,
                before,
                after,
            }))
        }
        Deed::Reject => EventBody::MemoryRejected(Box::new(MemoryRejected {
            proposal: proposal(),
            path: "1.md".into(),
            author: who(),
            by: who(),
            note: None,
            before,
            after,
        })),
    };
    memory.link = seal(&mut body, &link);
    body
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        prop::collection::vec((0..4_u8, 0..3_u8), 0..4).prop_map(Deed::Record),
        (0..4_u8).prop_map(Deed::Propose),
        (0..4_u8, prop::option::of(0..3_u8)).prop_map(|(path, text)| Deed::Apply(path, text)),
        Just(Deed::Reject),
    ]
}

fn lines() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a\n", "b\n", "c\n", "\n", "-x\n", "+y\n", "\\z\n"]), 0..30)
        .prop_flat_map(|lines| (Just(lines.concat()), any::<bool>()))
        .prop_map(|(text, is_bare)| if is_bare { text.trim_end_matches('\n').to_owned() } else { text })
}

proptest! {
    /// At every event, the fold of the events is what was in force when they were told.
    #[test]
    fn the_fold_of_the_events_is_what_was_in_force(deeds in prop::collection::vec(deed(), 0..30)) {
        let (mut memory, mut folded) = (Memory::default(), Memory::default());
        for (at, deed) in deeds.iter().enumerate() {
            let seq = at as u64 + 1;
            let body = tell(&mut memory, seq, deed);
            prop_assert_eq!(folded.fold(seq, &body), Ok(()));
            prop_assert_eq!(&folded, &memory);
        }
    }

    /// An event that is left out, or says something else, is found.
    #[test]
    fn a_story_that_was_changed_does_not_hold_together(
        deeds in prop::collection::vec(deed(), 2..12),
        which in any::<prop::sample::Index>(),
        is_left_out in any::<bool>(),
    ) {
        let mut memory = Memory::default();
        let mut bodies: Vec<EventBody> =
            deeds.iter().enumerate().map(|(at, deed)| tell(&mut memory, at as u64 + 1, deed)).collect();
        // The last one that is left out is not missed: nothing comes after it.
        let at = which.index(bodies.len() - 1);
        if is_left_out {
            bodies.remove(at);
        } else {
            match &mut bodies[at] {
                EventBody::MemoryRecorded(it) => it.origin.push('x'),
                EventBody::MemoryProposed(it) => it.reason.push('x'),
                EventBody::MemoryApplied(it) => it.diff.push('x'),
                EventBody::MemoryRejected(it) => it.note = Some("x".into()),
                _ => {}
            }
        }
        let mut folded = Memory::default();
        let broken = bodies.iter().enumerate().any(|(at, body)| folded.fold(at as u64 + 1, body).is_err());
        prop_assert!(broken);
    }

    /// A diff of two texts, carried out on the first, gives the second.
    #[test]
    fn a_diff_leads_from_one_text_to_the_other(from in lines(), to in lines()) {
        let change = diff("CLAUDE.md", &from, &to);
        if from == to {
            prop_assert_eq!(change, "");
        } else {
            prop_assert_eq!(patch(&from, &change), Ok(to), "{}", change);
        }
    }

    /// Nothing that is no diff does any harm.
    #[test]
    fn any_text_is_refused_or_carried_out(text in lines(), change in "(@@ -[0-9]{1,2}(,[0-9]{1,2})? \\+1(,[0-9])? @@\n)?([ +-@\\\\][ab]?\n){0,6}") {
        let _ = patch(&text, &change);
    }
}

#[test]
fn a_diff_that_does_not_fit_is_refused_with_the_line() {
    let change = diff("f", "one\ntwo\nthree\n", "one\n2\nthree\n");
    assert_eq!(patch("one\ntwo\nthree\n", &change).unwrap(), "one\n2\nthree\n");
    let error = patch("one\nTWO\nthree\n", &change).unwrap_err();
    assert_eq!(error.to_string(), "line 5 of the diff: the text has `TWO` in line 2; wanted `two`");
    assert!(patch("x", "not a diff").unwrap_err().to_string().contains("wanted a unified diff"));
    assert!(patch("x\n", "@@ -1 +1 @@\n-x\n").unwrap_err().to_string().contains("lacks"));
}

#[test]
fn a_file_that_has_not_changed_keeps_the_event_that_brought_it() {
    let mut memory = Memory::default();
    memory.replace(&[file(1, 1), file(2, 1)], "start", 3);
    memory.replace(&[file(1, 1), file(2, 2)], "resume", 9);
    let since: Vec<(u64, &str)> = memory.files.values().map(|held| (held.since_seq, held.origin.as_str())).collect();
    assert_eq!(since, [(3, "start"), (9, "resume")]);
}
