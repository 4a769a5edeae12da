//! What Tieline promises, one file per sentence, each told through a whole engine over a real file.
#![forbid(unsafe_code)]

mod a_bare_ack_closes_an_ask;
mod an_ask_is_answered;
mod an_ask_to_an_offline_session_waits;
