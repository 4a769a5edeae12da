//! What no other plugin of this process would survive.
#![allow(unsafe_code)]

use std::{fs::File, hint::black_box, io::Write, os::fd::FromRawFd};

use tieline_plugin_sdk::prelude::*;

/// Does what the message asks for, if it is one of these. Most of them do not return.
pub fn crash(what: &str, host: Host) -> Option<String> {
    match what {
        "abort" => std::process::abort(),
        // SAFETY: none; this is the crash that is asked for.
        "segv" => unsafe { std::ptr::without_provenance_mut::<u8>(8).write_volatile(1) },
        "overflow" => drop(black_box(overflow(1))),
        "exit" => std::process::exit(9),
        "eat" => eat(),
        "spin" => spin(),
        "spin-thread" => drop(std::thread::spawn(spin)),
        "leak" => return Some(leak()),
        "close-descriptors" => each_descriptor(|descriptor| {
            // SAFETY: none; whoever owns it is to find it closed.
            unsafe { libc::close(descriptor) };
        }),
        "hang-up" => each_descriptor(|descriptor| {
            // SAFETY: a number; what is no socket is left alone.
            unsafe { libc::shutdown(descriptor, libc::SHUT_RDWR) };
        }),
        "scribble" => each_descriptor(|descriptor| {
            // SAFETY: none; somebody else writes to it as well, which is the crash that is asked for.
            let mut file = unsafe { File::from_raw_fd(descriptor) };
            let _not_writable = file.write_all(&[0xaa; 100]);
            std::mem::forget(file);
        }),
        "print" => {
            println!("a line on standard output");
            eprintln!("a line on standard error");
        }
        "look" => return Some(look()),
        "fault" => host.fault("it says so during a call"),
        _ => return None,
    }
    Some(String::new())
}

#[allow(unconditional_recursion)]
fn overflow(n: u64) -> [u64; 512] {
    let mut frame = black_box([n; 512]);
    frame[0] += overflow(n + 1)[1];
    frame
}

/// Ten gigabytes, each page of them touched.
fn eat() {
    let mut all: Vec<Vec<u8>> = Vec::new();
    for _ in 0..160 {
        all.push(black_box(vec![1; 64 << 20]));
    }
}

fn spin() {
    loop {
        std::hint::spin_loop();
    }
}

/// Opens files until it cannot.
fn leak() -> String {
    let mut count = 0;
    loop {
        match File::open("/dev/null") {
            Ok(file) => std::mem::forget(file),
            Err(error) => return format!("{count}: {error}"),
        }
        count += 1;
    }
}

/// Lists the open descriptors and the names of the environment.
fn look() -> String {
    let mut open: Vec<String> = Vec::new();
    each_descriptor(|descriptor| open.push(descriptor.to_string()));
    let names: Vec<String> = std::env::vars().map(|(name, _)| name).collect();
    serde_json::json!({ "descriptors": open, "environment": names }).to_string()
}

/// Runs `f` for every descriptor but the standard ones.
fn each_descriptor(mut f: impl FnMut(i32)) {
    for descriptor in 3..256 {
        // SAFETY: asks about a number.
        if unsafe { libc::fcntl(descriptor, libc::F_GETFD) } >= 0 {
            f(descriptor);
        }
    }
}
