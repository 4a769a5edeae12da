//! Is the file a complete library of this machine? Runs none of its code.
//!
//! A half-copied library ends the process that opens it (the loader touches pages behind the end of the file), so every
//! range that the headers name has to lie within the file.

use object::{Architecture, BinaryFormat, Object, ObjectKind, ObjectSection, ObjectSegment, ObjectSymbol, SymbolKind};
use tieline_plugin_sdk::abi;

use crate::{
    State,
    status::{Problem, Refused, Step},
};

const FORMAT: BinaryFormat = if cfg!(target_vendor = "apple") { BinaryFormat::MachO } else { BinaryFormat::Elf };
const ARCHITECTURE: Architecture =
    if cfg!(target_arch = "aarch64") { Architecture::Aarch64 } else { Architecture::X86_64 };

/// How a library of this machine begins.
const MAGIC: &[u8] = if cfg!(target_vendor = "apple") { b"\xcf\xfa\xed\xfe" } else { b"\x7fELF" };

/// Checks the bytes of a library.
pub(crate) fn check(bytes: &[u8]) -> Result<(), Refused> {
    let file = object::File::parse(bytes).map_err(|error| unreadable(bytes, &error.to_string()))?;
    let wrong = |what: String| Refused::from(Problem::new(Step::Elf, what));
    if (file.format(), file.architecture()) != (FORMAT, ARCHITECTURE) {
        return Err(wrong(format!(
            "the library is {:?} for {:?}; {FORMAT:?} for {ARCHITECTURE:?} is wanted",
            file.format(),
            file.architecture()
        )));
    }
    if file.kind() != ObjectKind::Dynamic {
        return Err(wrong(format!("the file is {:?}; a dynamic library is wanted", file.kind())));
    }
    let mut loaded = 0;
    let segments = file.segments().map(|segment| {
        loaded += 1;
        segment.file_range()
    });
    let sections = file.sections().filter_map(|section| section.file_range());
    for (offset, size) in segments.chain(sections) {
        if offset.checked_add(size).is_none_or(|end| end > bytes.len() as u64) {
            return Err(unreadable(bytes, &format!("it names {size} bytes at {offset}")));
        }
    }
    if loaded == 0 {
        return Err(wrong("the library has nothing to load".to_owned()));
    }
    symbol(&file).map_err(Refused::from)
}

/// A library of which only the beginning is there may be on its way; anything else will never be one.
fn unreadable(bytes: &[u8], detail: &str) -> Refused {
    let found = bytes.len();
    if !begins_like_a_library(bytes) {
        return Problem::new(Step::Elf, format!("the file is not a library ({found} bytes): {detail}")).into();
    }
    let wanted = wanted_bytes(bytes).map(|wanted| format!(", and {wanted} are wanted")).unwrap_or_default();
    let reason = format!("the file is not a complete library yet: it has {found} bytes{wanted} ({detail})");
    Refused::new(State::Waiting, Problem::new(Step::Elf, reason))
}

/// Also zeros begin like one: room that was made before the content comes.
fn begins_like_a_library(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(MAGIC.len())];
    MAGIC.starts_with(start) || start.iter().all(|&byte| byte == 0)
}

/// Returns the size that the header of an ELF file speaks of: its section table comes last.
fn wanted_bytes(bytes: &[u8]) -> Option<u64> {
    let header = bytes.first_chunk::<64>().filter(|header| header.starts_with(b"\x7fELF\x02\x01"))?;
    let sections = u64::from_le_bytes(*header[0x28..].first_chunk()?);
    let [size, count] = [0x3a, 0x3c].map(|at| u64::from(u16::from_le_bytes([header[at], header[at + 1]])));
    sections.checked_add(size * count).filter(|&wanted| wanted > bytes.len() as u64)
}

fn symbol(file: &object::File<'_>) -> Result<(), Problem> {
    // A C name has an underscore in front on macOS.
    let is_wanted = |name: &[u8]| name.strip_prefix(b"_").unwrap_or(name) == abi::SYMBOL.as_bytes();
    if FORMAT == BinaryFormat::Elf {
        let found =
            file.dynamic_symbols().find(|symbol| symbol.is_definition() && symbol.name_bytes().is_ok_and(is_wanted));
        return match found {
            Some(symbol) if symbol.kind() == SymbolKind::Text => {
                Err(Problem::new(Step::Symbol, format!("`{}` is a function; data is wanted", abi::SYMBOL)))
            }
            Some(_) => Ok(()),
            None => Err(missing()),
        };
    }
    let mut exports = file.exports().into_iter().flatten().flatten();
    if exports.any(|export| export.name().name().is_some_and(is_wanted)) { Ok(()) } else { Err(missing()) }
}

fn missing() -> Problem {
    Problem::new(
        Step::Symbol,
        format!("the library does not export `{}`, so it is not a Tieline transport", abi::SYMBOL),
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn refused(bytes: &[u8]) -> (State, String) {
        let refused = check(bytes).unwrap_err();
        assert_eq!(refused.problem.step, Step::Elf);
        (refused.state, refused.problem.reason)
    }

    #[test]
    fn the_beginning_of_a_library_is_waited_for_and_a_text_is_not() {
        for beginning in [&b""[..], b"\x7f", MAGIC, &[0; 5000]] {
            assert_eq!(refused(beginning).0, State::Waiting, "{beginning:?}");
        }
        for other in [&b"x"[..], b"#!/bin/sh\n", b"\x7fELG", b"!<arch>\n"] {
            assert_eq!(refused(other).0, State::Failed, "{other:?}");
        }
        assert!(refused(b"").1.contains("it has 0 bytes"));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_size_that_is_wanted_is_named() {
        let whole = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(wanted_bytes(&whole), None);
        let half = &whole[..whole.len() / 2];
        let (state, reason) = refused(half);
        assert_eq!(state, State::Waiting);
        let said = format!("it has {} bytes, and {} are wanted", half.len(), wanted_bytes(half).unwrap());
        assert!(reason.contains(&said), "{reason}");
    }
}
