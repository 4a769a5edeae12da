//! The protocol page against the code: what it shows is what is read and written here.

use serde_json::Value;

use crate::{
    close,
    frames::{MAX_CORR, PROTOCOL, read},
};

const PAGE: &str = include_str!("../../../docs/protocol/websocket.md");

/// The JSON examples of the page: every object of every `json` block, with `…` filled in.
fn examples() -> Vec<Value> {
    let blocks = PAGE.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next());
    let filled = blocks.map(|block| block.replace("{…}", "{}").replace("[…]", "[]"));
    let examples = filled.flat_map(|block| {
        let values: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(&block).into_iter().collect();
        values.unwrap_or_else(|error| panic!("an example is not JSON: {error}\n{block}"))
    });
    examples.collect()
}

#[test]
fn the_client_frames_of_the_page_are_read() {
    let kinds = ["hello", "command", "receipt", "credit", "bye"];
    let mut seen = Vec::new();
    for example in examples() {
        let Some(kind) = kinds.into_iter().find(|kind| example.get(kind).is_some()) else { continue };
        read(&example.to_string()).unwrap_or_else(|problem| panic!("{example}: {problem:?}"));
        seen.push(kind);
    }
    assert!(kinds.iter().all(|kind| seen.contains(kind)), "the page shows only {seen:?}");
}

#[test]
fn the_page_names_every_frame_and_close_code() {
    for frame in
        ["hello", "command", "receipt", "credit", "bye", "welcome", "outcome", "deliver", "skip", "progress", "error"]
    {
        assert!(PAGE.contains(&format!("| `{frame}` |")), "{frame}");
    }
    let codes = [
        close::NORMAL,
        close::ABNORMAL,
        close::FAULT,
        close::DRAINING,
        close::MALFORMED,
        close::REFUSED,
        close::NO_HELLO,
    ];
    for code in codes {
        assert!(PAGE.lines().any(|line| line.starts_with('|') && line.contains(&code.to_string())), "{code}");
    }
    assert!(PAGE.contains(&format!("version {PROTOCOL}")));
    assert_eq!(MAX_CORR, 2u64.pow(53) - 1);
    assert!(PAGE.contains("2^53 − 1"));
}
