//! tieline-config.
