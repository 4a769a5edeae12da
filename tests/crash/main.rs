//! The daemon dies or its transport is replaced, at any moment, and nothing that it accepted is lost, seen twice or out
//! of order.
//!
//! Real processes: the built `tieline`, killed with SIGKILL or dying at a named fail point, and clients that keep a
//! durable outbox and ledger by the rules of `docs/protocol/websocket.md`. What they saw is judged by [`checker`].
#![forbid(unsafe_code)]

mod an_ask_is_reminded_of_once;
mod an_import_is_taken_in_once;
mod built;
mod chance;
mod checker;
mod daemon;
mod disk;
mod history;
mod mesh;
mod node;
mod traffic;
mod wire;

mod a_drain_loses_nothing;
mod a_first_start_that_dies;
mod a_job_is_done_once;
mod a_planted_bug_is_found;
mod a_purge_is_finished;
mod a_replaced_transport_loses_nothing;
mod a_schedule_fires_once;
mod every_fail_point;
mod mail_comes_through_a_hook_once;
mod random_kills;
mod side_by_side_is_told_once;
mod the_release_has_no_fail_points;
