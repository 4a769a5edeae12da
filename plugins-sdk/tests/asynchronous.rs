//! The asynchronous example conforms, as an author would test it.

#![allow(unsafe_code, clippy::unwrap_used)]

use tieline_plugin_sdk::{
    abi::{self, PluginDecl},
    asynchronous::Async,
    conformance, declaration,
};

#[path = "../examples/async_echo.rs"]
mod async_echo;

#[test]
fn the_asynchronous_echo_conforms() {
    conformance::check(declaration::<Async<async_echo::AsyncEcho>>()).assert();
    let options = conformance::Options { config: serde_json::json!({"pause_ms": 0}), ..Default::default() };
    conformance::check_with(declaration::<Async<async_echo::AsyncEcho>>(), &options).assert();
}

#[test]
fn the_asynchronous_echo_conforms_as_a_library() {
    let own = std::env::current_exe().unwrap();
    let name = format!("{}async_echo{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let file = own.parent().unwrap().parent().unwrap().join("examples").join(name);
    assert!(file.exists(), "{} was not built; cargo builds examples with the tests of a package", file.display());
    // SAFETY: the library is of this build; its initialisers are those of Rust's standard library. It stays loaded.
    let declaration = unsafe {
        let library = Box::leak(Box::new(libloading::Library::new(&file).unwrap()));
        PluginDecl::read(*library.get::<*const PluginDecl>(abi::SYMBOL.as_bytes()).unwrap())
    };
    conformance::check(Box::leak(Box::new(declaration.unwrap()))).assert();
}
