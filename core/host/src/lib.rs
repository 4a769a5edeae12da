//! tieline-host.
