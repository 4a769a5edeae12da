//! The WebSocket transport: what `docs/protocol/websocket.md` describes.

#![forbid(unsafe_code)]

mod close;
mod frames;
pub mod machine;
