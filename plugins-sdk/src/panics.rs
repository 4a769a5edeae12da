//! Catches panics at the boundary and keeps what they said.

use std::{
    cell::{Cell, RefCell},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Once,
};

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
    static SAID: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Installs the hook that notes where a guarded panic happened. The hook is this library's own: every dynamic library
/// has its own standard library. Panics elsewhere go to the hook that was there before.
pub(crate) fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if GUARDED.try_with(Cell::get).unwrap_or(false) {
                let said = describe(info.payload());
                let said = match info.location() {
                    Some(at) => format!("{said} (at {}:{})", at.file(), at.line()),
                    None => said,
                };
                let _thread_is_ending = SAID.try_with(|slot| slot.replace(Some(said)));
            } else {
                before(info);
            }
        }));
    });
}

/// Runs `f`; a panic becomes its message.
pub(crate) fn caught<R>(f: impl FnOnce() -> R) -> Result<R, String> {
    let before = GUARDED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(f));
    GUARDED.set(before);
    result.map_err(|payload| {
        let said = SAID.take().unwrap_or_else(|| describe(&*payload));
        // Dropping a payload may panic again.
        std::mem::forget(payload);
        said
    })
}

fn describe(payload: &(dyn std::any::Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}
