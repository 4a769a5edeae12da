//! Why a transport cannot start.

use std::fmt;

/// Why a transport cannot start: a sentence for the person who runs the daemon.
///
/// Anything that is a standard error converts into it with `?`, its chain of causes included.
pub struct Error(String);

impl Error {
    /// Makes an error from a sentence.
    pub fn new(reason: impl fmt::Display) -> Self {
        Error(reason.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// Not a standard error itself: else the conversion below would overlap with `From<T> for T`.
impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        Error(text)
    }
}
