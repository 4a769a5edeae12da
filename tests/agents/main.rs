//! Real agent programs, in pinned versions from npm, against a scripted model on this machine: set up by `tieline setup`,
//! reached through their own hooks, and woken in a terminal. What holds for which is kept for `docs/agents.md`.
#![forbid(unsafe_code)]

mod matrix;
mod model;
mod pane;
mod program;
mod stage;

mod a_composer_with_words_in_it;
mod a_dialog_is_never_typed_into;
mod a_listener_may_die;
mod a_program_gets_its_mail;
mod a_program_is_spawned;
mod a_program_is_woken_by_its_own_door;
mod claude_asks_codex;
mod doctor_sees_a_message_arrive;
mod pi_has_the_tools_of_the_mesh;
mod setup_leaves_no_trace;
mod two_programs_in_one_folder;
