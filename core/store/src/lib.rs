//! tieline-store.
