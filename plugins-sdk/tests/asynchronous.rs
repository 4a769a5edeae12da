//! The asynchronous example conforms, as an author would test it.

use tieline_plugin_sdk::{asynchronous::Async, conformance, declaration};

#[path = "../examples/async_echo.rs"]
mod async_echo;

#[test]
fn the_asynchronous_echo_conforms() {
    conformance::check(declaration::<Async<async_echo::AsyncEcho>>()).assert();
    let options = conformance::Options { config: serde_json::json!({"pause_ms": 0}), ..Default::default() };
    conformance::check_with(declaration::<Async<async_echo::AsyncEcho>>(), &options).assert();
}
