//! Fuzzes how a library's declaration is read.
#![allow(unsafe_code)]

use std::mem::offset_of;

use tieline_plugin_sdk::abi::{Bytes, PluginDecl};

use super::{
    exact::Exact,
    harness::fuzz,
    input::{Input, mark},
    sdk::Actor,
};
use crate::library;

/// The largest size that is accepted.
const MOST: usize = 1 << 16;

#[test]
fn a_declaration_of_any_size_and_content_is_read_or_refused() {
    fuzz("declaration", 10_000, 2048, |bytes| declaration(&mut Input::of(bytes)));
}

fn declaration(input: &mut Input) -> u64 {
    let mut image = good();
    image[offset_of!(PluginDecl, size)..][..4].copy_from_slice(&size(input).to_le_bytes());
    for _ in 0..input.u8() % 4 {
        let (at, byte) = (usize::from(input.u8()) % image.len(), input.u8());
        image[at] = byte;
    }
    let shape = input.u8() % 8;
    let text = Exact::of(&input.rest());
    let manifest = match shape {
        0 => Bytes { ptr: std::ptr::null(), ..text.bytes() },
        1 => Bytes { len: usize::MAX, ..text.bytes() },
        2 => Bytes { len: isize::MAX as usize, ..text.bytes() },
        3 => Bytes { ptr: std::ptr::null(), len: 0 },
        _ => text.bytes(),
    };
    let at = offset_of!(PluginDecl, manifest);
    image[at..at + 8].copy_from_slice(&manifest.ptr.addr().to_le_bytes());
    image[at + 8..at + 16].copy_from_slice(&manifest.len.to_le_bytes());

    let size = u32::from_le_bytes(image[12..16].try_into().expect("four bytes")) as usize;
    // A library has at least its page there; of more than is accepted nothing is read.
    let mut block = Exact::zeros(if (16..=MOST).contains(&size) { size } else { 16 });
    block.put(0, &image);
    // The pointer has to come from the text, not from a number.
    if size >= at + 16 && size <= MOST {
        // SAFETY: within the block, which nothing else uses.
        unsafe { block.ptr::<u8>().add(at).cast::<Bytes>().write(manifest) };
    }
    // SAFETY: aligned, as large as it says as far as that is accepted, and there until the end.
    let read = unsafe { library::declaration(block.ptr()) }.and_then(library::read);
    match read {
        Ok(plugin) => {
            assert!(size >= PluginDecl::SIZE_1_0 && size.is_multiple_of(8), "{size} was accepted");
            for (at, entry) in [
                (offset_of!(PluginDecl, timer), plugin.entries.timer.map(|f| f as usize)),
                (offset_of!(PluginDecl, webhook), plugin.entries.webhook.map(|f| f as usize)),
            ] {
                let field = usize::from_le_bytes(image[at..at + 8].try_into().expect("eight bytes"));
                let wanted = (size >= at + 8 && field != 0).then_some(field);
                assert_eq!(entry, wanted, "what is at {at} of {size} bytes");
            }
            mark((plugin.entries.timer.is_some(), plugin.entries.webhook.is_some(), plugin.manifest.webhooks.len()))
        }
        Err(problem) => {
            mark((problem.step as u8, problem.reason.chars().filter(|c| !c.is_numeric()).take(40).collect::<String>()))
        }
    }
}

fn size(input: &mut Input) -> u32 {
    match input.u8() {
        0 => input.u32(),
        1 => u32::from(input.u16()),
        near => 96 + u32::from(near % 40),
    }
}

/// A declaration as it should be, and room after it for one that is larger.
fn good() -> [u8; 160] {
    let mut image = [0xee; 160];
    let declaration = tieline_plugin_sdk::declaration::<Actor>();
    // SAFETY: all of it is initialised, also its padding.
    let bytes = unsafe { std::slice::from_raw_parts((&raw const *declaration).cast::<u8>(), size_of::<PluginDecl>()) };
    image[..bytes.len()].copy_from_slice(bytes);
    image
}
