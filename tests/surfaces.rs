//! One script of commands through every surface: the same outcomes and the same events.
//!
//! Each surface gets a daemon of its own. All runs are compared with one snapshot, so that no surface can differ.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

#[path = "surfaces/cast.rs"]
mod cast;
#[path = "surfaces/cli.rs"]
mod cli;
#[path = "surfaces/http.rs"]
mod http;
#[path = "surfaces/mcp.rs"]
mod mcp;
#[path = "surfaces/normal.rs"]
mod normal;
#[path = "surfaces/peer.rs"]
mod peer;
#[path = "surfaces/script.rs"]
mod script;
#[path = "surfaces/stdio.rs"]
mod stdio;

use cast::Cast;
use serde_json::Value;

/// A way to give commands, to one cast.
trait Surface {
    /// The commands that it does not have on purpose, or cannot say at all. They go over HTTP in its run.
    fn lacks(&self) -> &[&'static str];

    /// Gives a command as one of the cast, and returns its outcome as JSON. Checks what the surface adds to it: a
    /// status, an exit code, an error flag.
    async fn say(&mut self, who: &'static str, command: &Value) -> Value;
}

async fn compare(cast: &Cast, surface: &mut impl Surface) {
    let told = script::play(cast, surface).await;
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true, sort_maps => true }, {
        insta::assert_json_snapshot!("surfaces", told);
    });
}

#[tokio::test]
async fn over_tcp() {
    let cast = Cast::assemble().await;
    compare(&cast, &mut http::Http::new(&cast, cast.tcp())).await;
}

#[tokio::test]
async fn over_the_unix_socket() {
    let cast = Cast::assemble().await;
    compare(&cast, &mut http::Http::new(&cast, cast.unix())).await;
}

#[tokio::test]
async fn as_mcp_tools_over_http() {
    let cast = Cast::assemble().await;
    compare(&cast, &mut mcp::OverHttp::new(&cast)).await;
}

#[tokio::test]
async fn as_mcp_tools_over_standard_input() {
    let cast = Cast::assemble().await;
    compare(&cast, &mut stdio::OverStdio::start(&cast)).await;
}

#[tokio::test]
async fn on_the_command_line() {
    let cast = Cast::assemble().await;
    compare(&cast, &mut cli::CommandLine::new(&cast)).await;
}

#[tokio::test]
async fn as_a_websocket_peer() {
    let cast = Cast::assemble().await;
    compare(&cast, &mut peer::Peers::attach(&cast).await).await;
}
