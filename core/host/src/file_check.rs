//! Is the file a complete library of this machine? Runs none of its code.
//!
//! A half-copied library ends the process that opens it (the loader touches pages behind the end of the file), so every
//! range that the headers name has to lie within the file.

use object::{Architecture, BinaryFormat, Object, ObjectKind, ObjectSection, ObjectSegment, ObjectSymbol, SymbolKind};
use tieline_plugin_sdk::abi;

use crate::status::{Problem, Step};

const FORMAT: BinaryFormat = if cfg!(target_vendor = "apple") { BinaryFormat::MachO } else { BinaryFormat::Elf };
const ARCHITECTURE: Architecture =
    if cfg!(target_arch = "aarch64") { Architecture::Aarch64 } else { Architecture::X86_64 };

/// Checks the bytes of a library.
pub(crate) fn check(bytes: &[u8]) -> Result<(), Problem> {
    let wrong = |what: String| Problem::new(Step::Elf, what);
    let file = object::File::parse(bytes)
        .map_err(|error| wrong(format!("the file is not a complete library ({} bytes): {error}", bytes.len())))?;
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
            return Err(wrong(format!(
                "the file is cut off: it has {} bytes and names {size} bytes at {offset}",
                bytes.len()
            )));
        }
    }
    if loaded == 0 {
        return Err(wrong("the library has nothing to load".to_owned()));
    }
    symbol(&file)
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
