//! The transport behaves as the SDK's kit wants it of every transport.
#![forbid(unsafe_code)]

use tieline_plugin_sdk::{conformance, declaration};
use tieline_transport_websocket::WebSocket;

#[test]
fn the_transport_conforms() {
    conformance::check(declaration::<WebSocket>()).assert();
}
