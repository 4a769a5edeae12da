//! tieline-transport-websocket.
