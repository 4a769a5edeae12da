//! What a Tieline transport is written against.
//!
//! Two levels. [`abi`] is the contract itself: C structs of plain data, which any language can fill in
//! (`include/tieline_plugin.h` is the same in C). Above it stands a safe trait, [`Transport`], for transports
//! in Rust; [`export_transport!`] turns an implementation into the one symbol that the host looks for.
//!
//! The SDK does not know what commands and messages mean: their JSON passes through it unread.

pub mod abi;
#[cfg(feature = "async")]
pub mod asynchronous;
mod completion;
pub mod conformance;
mod error;
mod export;
mod host;
mod kind;
pub mod limits;
mod log;
mod manifest;
mod panics;
pub mod schema;
mod services;
#[doc(hidden)]
pub mod settings;
mod transport;
mod webhook;

pub use completion::Completion;
pub use error::Error;
pub use export::declaration;
#[doc(hidden)]
pub use export::declare;
pub use host::Host;
pub use kind::{Kind, Message};
pub use manifest::Manifest;
/// What settings and the payloads of messages are read and written with.
pub use serde_json;
pub use services::{Secret, ServiceError, TimerId};
pub use settings::{Schema, Settings};
pub use transport::{Config, Flow, Frame, Opened, SocketId, Transport};
pub use webhook::{WebhookReply, WebhookRequest};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// What an author needs in scope.
pub mod prelude {
    pub use crate::{
        Completion, Config, Error, Flow, Frame, Host, Kind, Manifest, Message, Opened, Secret, ServiceError, SocketId,
        TimerId, Transport, WebhookReply, WebhookRequest, export_transport, settings,
    };
    pub use std::time::Duration;
}
