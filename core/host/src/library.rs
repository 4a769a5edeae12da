//! Opens a library and reads its declaration.
#![allow(unsafe_code)]

use std::{ffi::c_void, path::Path};

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use tieline_plugin_sdk::abi::{self, Bytes, HostApi, MsgView, PluginDecl, SocketEvent, WebhookRequest};

use crate::{
    manifest::Manifest,
    status::{Problem, Step},
};

/// An open library. It stays open until the process ends.
#[derive(Debug, Clone)]
pub(crate) struct Plugin {
    pub manifest: Manifest,
    /// The manifest as the plugin wrote it.
    pub manifest_json: &'static str,
    pub entries: Entries,
}

/// The functions of a plugin: those of 1.0, each of them there, and what came later.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entries {
    pub create: unsafe extern "C" fn(*const HostApi, Bytes, *mut *mut c_void) -> i32,
    pub start: unsafe extern "C" fn(*mut c_void) -> i32,
    pub deliver: unsafe extern "C" fn(*mut c_void, *const MsgView, u32, u64, *mut u32) -> i32,
    pub socket_events: unsafe extern "C" fn(*mut c_void, *const SocketEvent, u32) -> i32,
    pub resume: unsafe extern "C" fn(*mut c_void, u32) -> i32,
    pub shutdown: unsafe extern "C" fn(*mut c_void, u32) -> i32,
    pub destroy: unsafe extern "C" fn(*mut c_void),
    pub timer: Option<unsafe extern "C" fn(*mut c_void, u64) -> i32>,
    pub webhook: Option<unsafe extern "C" fn(*mut c_void, *const WebhookRequest) -> i32>,
}

/// Opens a library. Runs its constructors, and none of its functions.
pub(crate) fn open(path: &Path) -> Result<Plugin, Problem> {
    // SAFETY: opening runs constructors of the library. It was probed in a child before, and the person who runs the
    // daemon trusts it.
    let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }
        .map_err(|error| Problem::new(Step::Open, format!("the loader refuses the library: {}", chain(&error))))?;
    // SAFETY: only the address is taken here; what it points to is checked below.
    let symbol = unsafe { library.get::<*const PluginDecl>(abi::SYMBOL.as_bytes()) }
        .map(|symbol| symbol.into_raw().cast::<PluginDecl>().cast_const())
        .map_err(|error| Problem::new(Step::Symbol, format!("`{}` was not found: {}", abi::SYMBOL, chain(&error))));
    // Never closed: threads, destructors of threads and our own pointers may refer to it.
    std::mem::forget(library);
    let symbol = symbol?;
    if symbol.is_null() || !symbol.is_aligned() {
        return Err(Problem::new(Step::Symbol, format!("`{}` is not at a possible address", abi::SYMBOL)));
    }
    // SAFETY: a data symbol of an open library that is never closed.
    read(unsafe { declaration(symbol) }?)
}

/// Writes an error with its causes: the loader's own words are one.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Reads a declaration field by field, the ones that tell whether the next may be read first.
///
/// # Safety
/// `symbol` is aligned and points to static data of a library that stays open.
pub(crate) unsafe fn declaration(symbol: *const PluginDecl) -> Result<PluginDecl, Problem> {
    // SAFETY: see above; a library with this symbol maps at least a page there.
    let (magic, major, minor, size) = unsafe {
        (
            (&raw const (*symbol).magic).read(),
            (&raw const (*symbol).abi_major).read(),
            (&raw const (*symbol).abi_minor).read(),
            (&raw const (*symbol).size).read() as usize,
        )
    };
    let wrong = |what: String| Err(Problem::new(Step::Version, what));
    if magic != abi::MAGIC {
        return wrong(format!("the declaration does not begin with the magic number (found {magic:#018x})"));
    }
    if major != abi::ABI_MAJOR {
        return wrong(format!(
            "the plugin is made for version {major}.{minor} of the plugin contract; this daemon has version {}.{}",
            abi::ABI_MAJOR,
            abi::ABI_MINOR
        ));
    }
    if !(PluginDecl::SIZE_1_0..=1 << 16).contains(&size) || !size.is_multiple_of(align_of::<PluginDecl>()) {
        return wrong(format!(
            "the declaration has {size} bytes; at least {} are wanted, and a multiple of {}",
            PluginDecl::SIZE_1_0,
            align_of::<PluginDecl>()
        ));
    }
    // SAFETY: see above.
    unsafe { PluginDecl::read(symbol) }
        .ok_or_else(|| Problem::new(Step::Version, "the declaration has changed while it was read"))
}

/// Reads what a declaration speaks of.
pub(crate) fn read(declaration: PluginDecl) -> Result<Plugin, Problem> {
    if declaration.panic_unwind != 1 {
        return Err(Problem::new(
            Step::Version,
            "the plugin is built with panic = \"abort\", so that a panic in it would end the daemon; \
             build it with panic = \"unwind\"",
        ));
    }
    let json = Some(declaration.manifest).filter(|json| json.len <= 1 << 20);
    // SAFETY: static data of a library that stays open.
    let json: Option<&'static [u8]> = json.and_then(|json| unsafe { json.as_slice() });
    let json = json
        .and_then(|json| std::str::from_utf8(json).ok())
        .ok_or_else(|| Problem::new(Step::Manifest, "the manifest is not text"))?;
    let (manifest, entries) = (Manifest::parse(json.as_bytes())?, entries(&declaration)?);
    if !manifest.webhooks.is_empty() && entries.webhook.is_none() {
        return Err(Problem::new(Step::Manifest, "the manifest names webhooks, and the declaration has no `webhook`"));
    }
    Ok(Plugin { manifest, manifest_json: json, entries })
}

fn entries(declaration: &PluginDecl) -> Result<Entries, Problem> {
    fn present<F>(name: &str, entry: Option<F>) -> Result<F, Problem> {
        entry.ok_or_else(|| Problem::new(Step::Version, format!("the declaration has no `{name}`")))
    }
    let d = declaration;
    present("command", d.command)?;
    Ok(Entries {
        create: present("create", d.create)?,
        start: present("start", d.start)?,
        deliver: present("deliver", d.deliver)?,
        socket_events: present("socket_events", d.socket_events)?,
        resume: present("resume", d.resume)?,
        shutdown: present("shutdown", d.shutdown)?,
        destroy: present("destroy", d.destroy)?,
        timer: d.timer,
        webhook: d.webhook,
    })
}
