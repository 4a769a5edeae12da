// Written by `tieline setup`; `tieline setup --undo` takes it away. Changes of yours are lost at the next setup.
//
// Tells the mesh what happens in pi, in the words of `tieline hook`. It never holds pi up.
import { spawn } from "node:child_process";

const PROGRAM = "tieline";
const ENVIRONMENT = {};

const tell = (event: string, context: any, payload: object) => {
  let session: string | undefined;
  let transcript: string | undefined;
  try {
    session = context.sessionManager.getSessionId();
    transcript = context.sessionManager.getSessionFile();
  } catch {
    return;
  }
  if (!session) return;
  const body = { session_id: session, transcript_path: transcript, cwd: context.cwd, hook_event_name: event, ...payload };
  try {
    const child = spawn(PROGRAM, ["hook", "--agent", "pi", event], {
      stdio: ["pipe", "ignore", "ignore"],
      env: { ...process.env, ...ENVIRONMENT },
    });
    child.on("error", () => {});
    child.stdin.on("error", () => {});
    child.stdin.end(JSON.stringify(body));
  } catch {
    // A mesh that is away is no reason to stop.
  }
};

export default function (pi: any) {
  const call = (event: any) => ({
    tool_name: event.toolName,
    tool_use_id: event.toolCallId,
    tool_input: event.input ?? event.args ?? {},
  });
  pi.on("session_start", async (_: any, context: any) => tell("SessionStart", context, { source: "startup" }));
  pi.on("session_shutdown", async (_: any, context: any) => tell("SessionEnd", context, { reason: "exit" }));
  pi.on("session_compact", async (_: any, context: any) => tell("PostCompact", context, {}));
  pi.on("input", async (event: any, context: any) => tell("UserPromptSubmit", context, { prompt: event.text ?? "" }));
  pi.on("agent_end", async (_: any, context: any) => tell("Stop", context, {}));
  pi.on("tool_call", async (event: any, context: any) => tell("PreToolUse", context, call(event)));
  pi.on("tool_result", async (event: any, context: any) => {
    const name = event.isError ? "PostToolUseFailure" : "PostToolUse";
    tell(name, context, { ...call(event), tool_response: event.content ?? "", error: event.isError ? "failed" : undefined });
  });
}
