//! tieline-server.
