//! tieline-plugin-sdk.
