//! tieline-model.
