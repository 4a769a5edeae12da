//! tieline-tests.
