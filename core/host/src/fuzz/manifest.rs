//! Fuzzes how a manifest is read.

use super::{harness::fuzz, input::mark};
use crate::manifest::Manifest;

#[test]
fn a_manifest_of_any_content_is_read_or_refused() {
    fuzz("manifest", 10_000, 4096, |bytes| match Manifest::parse(bytes) {
        Ok(manifest) => {
            assert!(manifest.is(&manifest).is_ok());
            let again = serde_json::to_vec(&manifest).expect("what was read can be written");
            assert_eq!(Manifest::parse(&again).ok().as_ref(), Some(&manifest));
            let of = |result: Result<(), _>| result.is_ok();
            let settings = of(manifest.check_settings(&serde_json::json!({"port": 1})));
            mark((settings, of(manifest.check_reserved(&["/v1".to_owned()])), manifest.sockets.len().min(2)))
        }
        Err(problem) => mark(problem.reason.chars().filter(|c| c.is_alphabetic()).take(60).collect::<String>()),
    });
}
