//! Fuzzes the check of a library's file.

use super::{harness::fuzz, input::mark};
use crate::file_check;

#[test]
fn a_file_of_any_content_is_a_library_or_refused() {
    fuzz("file", 10_000, 64 << 10, |bytes| match file_check::check(bytes) {
        Ok(()) => 1,
        Err(refused) => {
            let said = refused.problem.reason.chars().filter(|c| c.is_alphabetic()).take(120).collect::<String>();
            mark((refused.state.as_str(), said))
        }
    });
}
