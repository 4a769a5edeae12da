//! Memory of exactly so many bytes, so that a sanitizer notices who goes beyond it.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc_zeroed, dealloc};

use tieline_plugin_sdk::abi::Bytes;

/// A block of the heap, aligned as the structs of the contract are.
pub(super) struct Exact {
    at: *mut u8,
    len: usize,
}

impl Exact {
    /// Takes a block of zeros.
    pub(super) fn zeros(len: usize) -> Exact {
        // SAFETY: at least one byte.
        let at = unsafe { alloc_zeroed(layout(len)) };
        assert!(!at.is_null(), "no memory");
        Exact { at, len }
    }

    /// Takes a block as large as the bytes.
    pub(super) fn of(bytes: &[u8]) -> Exact {
        let mut exact = Exact::zeros(bytes.len());
        exact.put(0, bytes);
        exact
    }

    /// Writes what fits.
    pub(super) fn put(&mut self, at: usize, bytes: &[u8]) {
        let at = at.min(self.len);
        let n = bytes.len().min(self.len - at);
        // SAFETY: `at + n` is at most `len`, and the block is not borrowed.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.at.add(at), n) };
    }

    pub(super) fn ptr<T>(&self) -> *mut T {
        self.at.cast()
    }

    /// Lends it.
    pub(super) fn bytes(&self) -> Bytes {
        Bytes { ptr: self.at, len: self.len }
    }
}

impl Drop for Exact {
    fn drop(&mut self) {
        // SAFETY: taken with the same layout.
        unsafe { dealloc(self.at, layout(self.len)) };
    }
}

fn layout(len: usize) -> Layout {
    Layout::from_size_align(len.max(1), 8).expect("a small block")
}
