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

#[test]
fn the_readme_shows_the_example() {
    let readme = include_str!("../README.md");
    let shown = readme.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next());
    let example = include_str!("../examples/echo.rs").split_once("\n\n").map(|(_about, code)| code);
    assert_eq!(shown, example);
}
