//! The contract as a C compiler sees it: the same layout, and a transport in C that conforms.
#![allow(unsafe_code, clippy::unwrap_used)]

use std::{
    mem::offset_of,
    path::{Path, PathBuf},
    process::Command,
};

use tieline_plugin_sdk::{
    Kind,
    abi::{self, Bytes, HostApi, MsgView, PluginDecl, SocketEvent, WebhookRequest},
    conformance,
};

fn sdk() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn cc(args: &[&str], source: &Path, out: &Path) {
    let output = Command::new("cc")
        .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-I"])
        .arg(sdk().join("include"))
        .args(args)
        .arg("-o")
        .arg(out)
        .arg(source)
        .output()
        .expect("a C compiler named `cc` is needed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Compiles a plugin and reads its declaration.
fn load(args: &[&str], name: &str) -> &'static PluginDecl {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("libplugin.so");
    cc(&[&["-shared", "-fPIC"], args].concat(), &sdk().join(name), &file);
    // SAFETY: our own plugin, which has no constructors; it stays loaded, so the declaration is static.
    let declaration = unsafe {
        let library = Box::leak(Box::new(libloading::Library::new(&file).unwrap()));
        let symbol = library.get::<*const PluginDecl>(abi::SYMBOL.as_bytes()).unwrap();
        PluginDecl::read(*symbol)
    };
    Box::leak(Box::new(declaration.unwrap()))
}

#[test]
fn the_c_echo_conforms() {
    let declaration = load(&[], "examples/echo.c");
    assert!(declaration.timer.is_some() && declaration.webhook.is_none());
    conformance::check(declaration).assert();
}

#[test]
fn a_plugin_of_version_1_0_conforms() {
    let declaration = load(&[], "tests/support/version_1_0.c");
    assert_eq!((declaration.abi_minor, declaration.size as usize), (0, PluginDecl::SIZE_1_0));
    assert!(declaration.timer.is_none() && declaration.webhook.is_none(), "beyond its size is nothing");
    conformance::check(declaration).assert();
}

#[test]
fn a_plugin_that_does_not_look_at_the_size_of_the_host_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("greedy.c");
    let echo = sdk().join("examples/echo.c");
    let greedy =
        "#include <tieline_plugin.h>\n#undef TIELINE_HAS\n#define TIELINE_HAS(host, function) ((host) != NULL)\n";
    std::fs::write(&source, format!("{greedy}#include {echo:?}\n")).unwrap();
    let report = conformance::check(load(&[], source.to_str().unwrap()));
    let failures: Vec<String> = report.failures().filter_map(|check| check.failure.clone()).collect();
    assert_eq!(failures.len(), 1, "{report}");
    assert!(failures[0].contains("`kv_get` was called, which a host of version 1.0 does not have"), "{report}");
}

macro_rules! layout {
    ($($rust:ident as $c:literal { $($field:ident = $name:literal),* $(,)? })*) => {
        vec![$(
            (format!("sizeof({})", $c), size_of::<$rust>()),
            $((format!("offsetof({}, {})", $c, $name), offset_of!($rust, $field)),)*
        )*]
    };
}

#[test]
fn the_header_has_the_layout_and_the_numbers_of_the_crate() {
    let mut wanted = layout! {
        Bytes as "tieline_bytes" { ptr = "ptr", len = "len" }
        MsgView as "tieline_msg" {
            size = "size", kind = "kind", flags = "flags", link = "link", corr = "corr", payload = "payload",
        }
        SocketEvent as "tieline_socket_event" {
            size = "size", what = "what", _pad = "pad", socket = "socket", data = "data",
        }
        PluginDecl as "tieline_plugin" {
            magic = "magic", abi_major = "abi_major", abi_minor = "abi_minor", size = "size",
            panic_unwind = "panic_unwind", _pad = "pad", manifest = "manifest", create = "create", start = "start",
            deliver = "deliver", socket_events = "socket_events", resume = "resume", command = "command",
            shutdown = "shutdown", destroy = "destroy", timer = "timer", webhook = "webhook",
        }
        HostApi as "tieline_host" {
            size = "size", abi_minor = "abi_minor", _pad = "pad", ctx = "ctx", inbound = "inbound",
            complete = "complete", writable = "writable", log = "log", fault = "fault",
            socket_send = "socket_send", socket_close = "socket_close", kv_get = "kv_get", kv_put = "kv_put",
            kv_delete = "kv_delete", kv_keys = "kv_keys", secret = "secret", timer = "timer", metric = "metric",
            principal = "principal", webhook_reply = "webhook_reply",
        }
        WebhookRequest as "tieline_webhook_request" {
            size = "size", _pad = "pad", id = "id", method = "method", path = "path", query = "query",
            headers = "headers", principal = "principal", body = "body",
        }
    };
    let number = |name: &str, value: u64| (name.to_owned(), usize::try_from(value).unwrap());
    wanted.extend([
        number("TIELINE_MAGIC", abi::MAGIC),
        number("TIELINE_ABI_MAJOR", abi::ABI_MAJOR.into()),
        number("TIELINE_ABI_MINOR", abi::ABI_MINOR.into()),
        number("TIELINE_OK", abi::OK as u64),
        number("TIELINE_WOULD_BLOCK", abi::WOULD_BLOCK as u64),
        number("TIELINE_CLOSED", abi::CLOSED as u64),
        number("TIELINE_INVALID", abi::INVALID as u64),
        number("TIELINE_PANIC", abi::PANIC as u64),
        number("TIELINE_FAILED", abi::FAILED as u64),
        number("TIELINE_NOT_FOUND", abi::NOT_FOUND as u64),
        number("TIELINE_TOO_LARGE", abi::TOO_LARGE as u64),
        number("TIELINE_MOST_AT_ONCE", abi::MOST_AT_ONCE.into()),
        number("TIELINE_METRIC_COUNTER", abi::METRIC_COUNTER.into()),
        number("TIELINE_METRIC_GAUGE", abi::METRIC_GAUGE.into()),
        number("TIELINE_TIMER_CANCEL", abi::TIMER_CANCEL),
        number("TIELINE_PLUGIN_SIZE_1_0", PluginDecl::SIZE_1_0 as u64),
        number("TIELINE_HOST_SIZE_1_0", HostApi::SIZE_1_0 as u64),
        number("TIELINE_COMMAND", Kind::Command.as_u16().into()),
        number("TIELINE_OUTCOME", Kind::Outcome.as_u16().into()),
        number("TIELINE_DELIVERY", Kind::Delivery.as_u16().into()),
        number("TIELINE_RECEIPT", Kind::Receipt.as_u16().into()),
        number("TIELINE_SKIP", Kind::Skip.as_u16().into()),
        number("TIELINE_LINK_UP", Kind::LinkUp.as_u16().into()),
        number("TIELINE_LINK_DOWN", Kind::LinkDown.as_u16().into()),
        number("TIELINE_CREDIT", Kind::Credit.as_u16().into()),
        number("TIELINE_PROGRESS", Kind::Progress.as_u16().into()),
        number("TIELINE_SOCKET_OPEN", abi::SOCKET_OPEN.into()),
        number("TIELINE_SOCKET_TEXT", abi::SOCKET_TEXT.into()),
        number("TIELINE_SOCKET_BINARY", abi::SOCKET_BINARY.into()),
        number("TIELINE_SOCKET_CLOSED", abi::SOCKET_CLOSED.into()),
    ]);

    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("layout.c");
    let prints: String =
        wanted.iter().map(|(what, _)| format!("printf(\"%llu\\n\", (unsigned long long)({what}));\n")).collect();
    let code = format!("#include <stdio.h>\n#include <tieline_plugin.h>\nint main(void) {{\n{prints}return 0;\n}}\n");
    std::fs::write(&source, code).unwrap();
    let program = dir.path().join("layout");
    cc(&[], &source, &program);
    let output = Command::new(&program).output().unwrap();
    let found = String::from_utf8(output.stdout).unwrap();
    let found: Vec<usize> = found.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(found.len(), wanted.len());
    for ((what, wanted), found) in wanted.iter().zip(found) {
        assert_eq!(found, *wanted, "{what}");
    }
}
