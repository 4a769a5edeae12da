//! The hooks of Claude Code, which Codex speaks as well, and which our own plugins for OpenCode and pi use.
//!
//! Observed with Claude Code 2.1.330 and Codex 0.169.0; none of it is promised.

use serde_json::Value;
use tieline_model::{
    event::{Activity, ChatRole, Switchable, TurnOutcome},
    runtime::Signal,
};

use crate::{
    Agent,
    call::Call,
    hook::{Carrier, Heard, Unheard},
    json::{cut, shown, text},
};

pub fn hear(agent: Agent, event: &str, payload: &Value) -> Result<Heard, Unheard> {
    // Our own plugins for these prompt them. A prompt may wait until a tool has ended, so that others come before it.
    let is_prompted = agent.listens();
    let mut heard = Heard::new(payload, Signal::Noted)?;
    // What happens in a subagent is part of a turn, but words that are brought there do not reach the conversation.
    let is_inner = text(payload, "agent_id").is_some();
    let call = Call::read(payload);
    let turn = || text(payload, "prompt_id").or_else(|| text(payload, "turn_id")).unwrap_or("turn").to_owned();
    match event {
        "SessionStart" => start(&mut heard, payload),
        "UserPromptSubmit" => {
            heard.signal = Signal::Prompted;
            heard.carrier = Some(Carrier::Context);
            heard.is_settled = !is_prompted;
            heard.activities.push(Activity::TurnStarted { turn: turn() });
            if let Some(prompt) = text(payload, "prompt") {
                heard.activities.push(said(ChatRole::User, prompt));
                // OpenCode takes a prompt in long before its model does.
                heard.prompt = (agent != Agent::Opencode).then(|| prompt.to_owned());
            }
        }
        "PromptShown" => {
            heard.signal = Signal::Working;
            heard.prompt = text(payload, "prompt").map(str::to_owned);
        }
        "PreToolUse" => {
            heard.signal = Signal::Working;
            heard.activities.push(call.called());
        }
        "PostToolUse" => {
            heard.signal = Signal::Working;
            heard.carrier = Some(Carrier::Context);
            ended(&mut heard, &call, payload, true);
        }
        "PostToolUseFailure" => {
            heard.signal = Signal::Working;
            ended(&mut heard, &call, payload, false);
        }
        "PermissionRequest" => {
            heard.signal = Signal::Working;
            let approval = text(payload, "permission_id").map_or_else(|| call.key(), str::to_owned);
            heard.activities.push(Activity::ApprovalAsked { approval, subject: call.subject() });
        }
        "PermissionReplied" => {
            heard.signal = Signal::Working;
            if let Some(approval) = text(payload, "permission_id") {
                let is_allowed = text(payload, "reply").is_some_and(|reply| reply != "reject");
                let decided = Activity::ApprovalDecided { approval: approval.to_owned(), is_allowed, reason: None };
                heard.activities.push(decided);
            }
        }
        "PermissionDenied" => {
            heard.signal = Signal::Working;
            let reason = text(payload, "reason").map(cut);
            heard.activities.push(Activity::ApprovalDecided { approval: call.key(), is_allowed: false, reason });
        }
        "Notification" if text(payload, "notification_type") == Some("idle_prompt") => {
            heard.signal = Signal::Rested;
            heard.activities.push(turn_ended(turn(), TurnOutcome::Interrupted, Some("it waits for input")));
        }
        "Stop" => {
            heard.signal = Signal::Rested;
            heard.carrier = Some(Carrier::Continue);
            heard.is_settled = true;
            if let Some(last) = text(payload, "last_assistant_message") {
                heard.activities.push(said(ChatRole::Assistant, last));
            }
            heard.activities.push(turn_ended(turn(), TurnOutcome::Completed, None));
        }
        "StopFailure" => {
            heard.signal = Signal::Rested;
            heard.is_settled = true;
            let reason = text(payload, "last_assistant_message").or_else(|| text(payload, "error"));
            heard.activities.push(turn_ended(turn(), TurnOutcome::Failed, reason));
        }
        // The conversation begins anew in the same process; its next start tells the rest.
        "SessionEnd" if text(payload, "reason") == Some("clear") => {}
        "SessionEnd" => heard.signal = Signal::Ended,
        "SubagentStart" | "SubagentStop" => {
            heard.signal = Signal::Working;
            let kind = text(payload, "agent_type").unwrap_or("subagent");
            let verb = if event == "SubagentStart" { "began" } else { "ended" };
            heard.activities.push(Activity::Noted { text: format!("a subagent ({kind}) {verb}") });
        }
        "PostCompact" => {
            let summary = text(payload, "compact_summary").map(cut).unwrap_or_default();
            heard.activities.push(Activity::Compacted { summary });
        }
        "PostModelSwitch" => {
            if let Some(to) = text(payload, "to_model") {
                let from = text(payload, "from_model").map(str::to_owned);
                heard.activities.push(Activity::Switched { what: Switchable::Model, from, to: to.to_owned() });
            }
        }
        _ => {}
    }
    if is_inner {
        heard.carrier = None;
    } else if is_prompted {
        heard.carrier = heard.carrier.map(|_| Carrier::Prompt);
    }
    Ok(heard)
}

fn start(heard: &mut Heard, payload: &Value) {
    // Summing up happens in the middle of a turn.
    let is_compacting = text(payload, "source") == Some("compact");
    heard.signal = if is_compacting { Signal::Working } else { Signal::Started };
    heard.is_start = true;
    heard.is_settled = true;
    if text(payload, "source") == Some("resume") {
        heard.activities.push(Activity::Resumed { from: heard.native.clone() });
    }
    if let Some(model) = text(payload, "model").filter(|_| !is_compacting) {
        heard.activities.push(Activity::Switched { what: Switchable::Model, from: None, to: model.to_owned() });
    }
}

fn ended(heard: &mut Heard, call: &Call<'_>, payload: &Value, is_ok: bool) {
    let decided = Activity::ApprovalDecided { approval: call.key(), is_allowed: true, reason: None };
    heard.activities.push(decided);
    let output = payload.get(if is_ok { "tool_response" } else { "error" }).map(shown).unwrap_or_default();
    let duration_ms = payload.get("duration_ms").and_then(Value::as_u64);
    heard.activities.push(Activity::ToolEnded { call: call.id(), is_ok, output, duration_ms });
    if is_ok {
        heard.activities.extend(call.changes());
    }
}

pub(crate) fn said(role: ChatRole, words: &str) -> Activity {
    Activity::Said { role, text: cut(words), model: None }
}

pub(crate) fn turn_ended(turn: String, outcome: TurnOutcome, reason: Option<&str>) -> Activity {
    Activity::TurnEnded { turn, outcome, reason: reason.map(cut), duration_ms: None }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn heard(event: &str, fields: &Value) -> Heard {
        let mut payload = json!({"session_id": "s", "transcript_path": "/t", "cwd": "/p", "prompt_id": "1"});
        payload.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        hear(Agent::Claude, event, &payload).unwrap()
    }

    fn kinds(heard: &Heard) -> Vec<&'static str> {
        heard.activities.iter().map(Activity::kind).collect()
    }

    #[test]
    fn a_prompt_begins_a_turn_and_stop_ends_it() {
        let prompt = heard("UserPromptSubmit", &json!({"prompt": "hi"}));
        assert_eq!((prompt.signal, kinds(&prompt)), (Signal::Prompted, vec!["turn_started", "said"]));
        assert_eq!(prompt.carrier, Some(Carrier::Context));
        let stop = heard("Stop", &json!({"last_assistant_message": "done"}));
        assert_eq!((stop.signal, kinds(&stop)), (Signal::Rested, vec!["said", "turn_ended"]));
        assert_eq!((stop.carrier, stop.is_settled), (Some(Carrier::Continue), true));
    }

    #[test]
    fn a_permission_is_open_from_its_request_to_the_end_of_the_tool() {
        let input = json!({"tool_name": "Bash", "tool_input": {"command": "touch x", "description": "d"}});
        let asked = heard("PermissionRequest", &input);
        let done = heard(
            "PostToolUse",
            &json!({"tool_name": "Bash", "tool_input": {"command": "touch x"}, "tool_use_id": "t"}),
        );
        let [Activity::ApprovalAsked { approval, subject }] = asked.activities.as_slice() else { panic!("{asked:?}") };
        assert_eq!(subject, "Bash: touch x");
        let Activity::ApprovalDecided { approval: decided, is_allowed: true, .. } = &done.activities[0] else {
            panic!("{done:?}")
        };
        assert_eq!(approval, decided);
    }

    #[test]
    fn an_edit_tells_its_file() {
        let edit = json!({"tool_name": "Edit", "tool_input": {"file_path": "/p/a.rs"}, "tool_use_id": "t"});
        assert_eq!(kinds(&heard("PostToolUse", &edit)), ["approval_decided", "tool_ended", "file_changed"]);
        assert_eq!(kinds(&heard("PostToolUseFailure", &edit)), ["approval_decided", "tool_ended"]);
    }

    #[test]
    fn a_program_that_listens_is_prompted_and_never_told_what_a_hook_would_print() {
        let payload = json!({"session_id": "s", "prompt": "hi"});
        let carrier = |agent, event| hear(agent, event, &payload).unwrap().carrier;
        for event in ["UserPromptSubmit", "PostToolUse", "Stop"] {
            assert_eq!(carrier(Agent::Opencode, event), Some(Carrier::Prompt));
            assert_eq!(carrier(Agent::Pi, event), Some(Carrier::Prompt));
            assert_ne!(carrier(Agent::Codex, event), Some(Carrier::Prompt));
        }
        assert_eq!(carrier(Agent::Pi, "PreToolUse"), None);
    }

    #[test]
    fn another_prompt_does_not_prove_that_ours_is_lost() {
        let payload = json!({"session_id": "s", "prompt": "hi"});
        assert!(!hear(Agent::Pi, "UserPromptSubmit", &payload).unwrap().is_settled);
        assert!(hear(Agent::Pi, "Stop", &payload).unwrap().is_settled);
    }

    #[test]
    fn a_prompt_that_opencode_took_in_is_shown_only_when_its_model_answers() {
        let payload = json!({"session_id": "s", "prompt": "hi"});
        let prompt = |event| hear(Agent::Opencode, event, &payload).unwrap().prompt;
        assert_eq!(prompt("UserPromptSubmit"), None);
        assert_eq!(prompt("PromptShown").as_deref(), Some("hi"));
    }

    #[test]
    fn a_permission_with_an_id_of_its_own_is_open_until_that_is_replied_to() {
        let said = |event, fields: Value| {
            let mut payload = json!({"session_id": "s", "permission_id": "per_1"});
            payload.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            hear(Agent::Opencode, event, &payload).unwrap().activities.remove(0)
        };
        let asked = said("PermissionRequest", json!({"tool_name": "edit", "tool_input": {"diff": "x"}}));
        assert!(matches!(asked, Activity::ApprovalAsked { approval, .. } if approval == "per_1"));
        for (reply, allowed) in [("once", true), ("always", true), ("reject", false)] {
            let replied = said("PermissionReplied", json!({"reply": reply}));
            let Activity::ApprovalDecided { approval, is_allowed, .. } = replied else { panic!("{replied:?}") };
            assert_eq!((approval.as_str(), is_allowed), ("per_1", allowed));
        }
    }

    #[test]
    fn words_are_not_brought_into_a_subagent() {
        let inner = heard("PostToolUse", &json!({"tool_name": "Read", "agent_id": "a1"}));
        assert_eq!(inner.carrier, None);
    }

    #[test]
    fn clearing_the_conversation_does_not_end_the_program() {
        assert_eq!(heard("SessionEnd", &json!({"reason": "clear"})).signal, Signal::Noted);
        assert_eq!(heard("SessionEnd", &json!({"reason": "prompt_input_exit"})).signal, Signal::Ended);
    }

    #[test]
    fn summing_up_in_the_middle_of_a_turn_leaves_the_turn_running() {
        let compact = heard("SessionStart", &json!({"source": "compact", "model": "m"}));
        assert_eq!((compact.signal, compact.is_start), (Signal::Working, true));
        let resumed = heard("SessionStart", &json!({"source": "resume", "model": "m"}));
        assert_eq!((resumed.signal, kinds(&resumed)), (Signal::Started, vec!["resumed", "switched"]));
    }
}
