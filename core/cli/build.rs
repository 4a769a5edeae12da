//! Tells the linker to keep one copy of functions that came out the same, which generic code has many of: a quarter of the
//! binary, and so of the pages that an idle daemon keeps in memory.
#![forbid(unsafe_code)]

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let target = env::var("TARGET").unwrap_or_default();
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    // There rustc links with its own LLD (<https://blog.rust-lang.org/2025/09/01/rust-lld-on-1.90.0-stable/>); others may not
    // know the option. Only code is folded, and nothing here compares the addresses of functions.
    if is_release && target == "x86_64-unknown-linux-gnu" {
        println!("cargo:rustc-link-arg-bins=-Wl,--icf=all");
    }
}
