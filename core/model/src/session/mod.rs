//! What a session decides: who may write for it, what its inbox still takes, what its link may carry.

pub mod inbox;
pub mod lease;
pub mod window;
