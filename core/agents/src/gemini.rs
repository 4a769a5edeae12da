//! The hooks of Gemini CLI. Observed with 0.61.0; none of it is promised.

use serde_json::{Value, json};
use tieline_model::{
    event::{Activity, ChatRole, TurnOutcome},
    runtime::Signal,
};

use crate::{
    call::{self, Call},
    hook::{Carrier, Heard, Unheard},
    json::{shown, text},
    usual::{said, turn_ended},
};

/// The program tells no id of a turn, and there is one at a time.
const TURN: &str = "turn";

pub fn hear(event: &str, payload: &Value) -> Result<Heard, Unheard> {
    let mut heard = Heard::new(payload, Signal::Noted)?;
    let call = Call::read(payload);
    match event {
        "SessionStart" => {
            heard.signal = Signal::Started;
            heard.is_start = true;
            heard.is_settled = true;
            if text(payload, "source") == Some("resume") {
                heard.activities.push(Activity::Resumed { from: heard.native.clone() });
            }
        }
        "BeforeAgent" => {
            heard.signal = Signal::Prompted;
            heard.carrier = Some(Carrier::Context);
            heard.is_settled = true;
            heard.activities.push(Activity::TurnStarted { turn: TURN.into() });
            if let Some(prompt) = text(payload, "prompt") {
                heard.activities.push(said(ChatRole::User, prompt));
                heard.prompt = Some(prompt.to_owned());
            }
        }
        "BeforeTool" => {
            heard.signal = Signal::Working;
            heard.activities.push(call.called());
        }
        "AfterTool" => {
            heard.signal = Signal::Working;
            heard.carrier = Some(Carrier::Context);
            let response = payload.get("tool_response").unwrap_or(&Value::Null);
            let is_ok = response.get("error").is_none_or(Value::is_null);
            let output = shown(response.get("llmContent").unwrap_or(response));
            heard.activities.push(Activity::ApprovalDecided { approval: call.key(), is_allowed: true, reason: None });
            heard.activities.push(Activity::ToolEnded { call: call.id(), is_ok, output, duration_ms: None });
            heard.activities.extend(call.changes());
        }
        "Notification" if text(payload, "notification_type") == Some("ToolPermission") => {
            heard.signal = Signal::Working;
            let details = payload.get("details").unwrap_or(&Value::Null);
            let input = match (text(details, "command"), text(details, "filePath")) {
                (Some(command), _) => json!({"command": command}),
                (None, Some(path)) => json!({"file_path": path}),
                (None, None) => details.clone(),
            };
            let kind = text(details, "type").unwrap_or("tool");
            let subject =
                format!("{kind}: {}", shown(input.get("command").or(input.get("file_path")).unwrap_or(details)));
            heard.activities.push(Activity::ApprovalAsked { approval: call::key(kind, &input), subject });
        }
        "AfterAgent" => {
            heard.signal = Signal::Rested;
            heard.carrier = Some(Carrier::Continue);
            heard.is_settled = true;
            if let Some(last) = text(payload, "prompt_response") {
                heard.activities.push(said(ChatRole::Assistant, last));
            }
            heard.activities.push(turn_ended(TURN.into(), TurnOutcome::Completed, None));
        }
        "SessionEnd" if text(payload, "reason") == Some("clear") => {}
        "SessionEnd" => heard.signal = Signal::Ended,
        _ => {}
    }
    Ok(heard)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_for_a_command_is_open_until_the_tool_has_run() {
        let asked = json!({"session_id": "s", "notification_type": "ToolPermission",
            "details": {"type": "exec", "command": "touch g", "rootCommand": "touch"}});
        let ran = json!({"session_id": "s", "tool_name": "run_shell_command",
            "tool_input": {"command": "touch g", "description": "d"}, "tool_response": {"llmContent": "ok"}});
        let asked = hear("Notification", &asked).unwrap();
        let ran = hear("AfterTool", &ran).unwrap();
        let [Activity::ApprovalAsked { approval, subject }] = asked.activities.as_slice() else { panic!("{asked:?}") };
        assert_eq!(subject, "exec: touch g");
        let Activity::ApprovalDecided { approval: decided, .. } = &ran.activities[0] else { panic!("{ran:?}") };
        assert_eq!(approval, decided);
    }

    #[test]
    fn the_end_of_a_turn_can_make_it_go_on() {
        let heard = hear("AfterAgent", &json!({"session_id": "s", "prompt_response": "done"})).unwrap();
        assert_eq!((heard.signal, heard.carrier), (Signal::Rested, Some(Carrier::Continue)));
    }
}
