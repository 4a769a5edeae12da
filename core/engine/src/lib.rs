//! tieline-engine.
