//! What a session decides: who may write for it, what its inbox still takes, what its link may carry, in which state it is,
//! what it may use.

pub mod budget;
pub mod inbox;
pub mod lease;
pub mod life;
pub mod progress;
pub mod window;
