//! The example conforms, as an author would test it.

use tieline_plugin_sdk::{conformance, declaration};

#[path = "../examples/echo.rs"]
mod echo;

#[test]
fn the_rust_echo_conforms() {
    conformance::check(declaration::<echo::Echo>()).assert();
}

#[test]
fn a_configuration_reaches_the_transport() {
    let options = conformance::Options { config: serde_json::json!({"prefix": "> "}), ..Default::default() };
    conformance::check_with(declaration::<echo::Echo>(), &options).assert();
    let options = conformance::Options { config: serde_json::json!({"prefix": 7}), ..Default::default() };
    let report = conformance::check_with(declaration::<echo::Echo>(), &options);
    assert!(report.to_string().contains("prefix: found 7, wanted text"), "{report}");
}
