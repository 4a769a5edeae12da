// Written by `tieline setup`; `tieline setup --undo` takes it away. Changes of yours are lost at the next setup.
//
// Tells the mesh what happens in OpenCode, in the words of `tieline hook`. It never holds OpenCode up.
import { spawn } from "node:child_process"

const PROGRAM = "tieline"
const ENVIRONMENT = {}

const tell = (event, session, folder, payload) => {
  if (!session) return
  const body = { session_id: session, cwd: folder, hook_event_name: event, ...payload }
  try {
    const child = spawn(PROGRAM, ["hook", "--agent", "opencode", event], {
      stdio: ["pipe", "ignore", "ignore"],
      env: { ...process.env, ...ENVIRONMENT },
    })
    child.on("error", () => {})
    child.stdin.on("error", () => {})
    child.stdin.end(JSON.stringify(body))
  } catch {
    // A mesh that is away is no reason to stop.
  }
}

export const Tieline = async ({ directory }) => {
  const say = (event, session, payload) => tell(event, session, directory, payload)
  const prompt = (parts) => (parts ?? []).filter((part) => part.type === "text").map((part) => part.text).join("\n")
  return {
    event: async ({ event }) => {
      const what = event.properties ?? {}
      const session = what.sessionID ?? what.info?.id
      if (event.type === "session.created") say("SessionStart", session, { source: "startup" })
      if (event.type === "session.idle") say("Stop", session, {})
      if (event.type === "session.error") say("StopFailure", session, { error: what.error?.name ?? "unknown" })
      if (event.type === "session.deleted") say("SessionEnd", session, { reason: "deleted" })
      if (event.type === "session.compacted") say("PostCompact", session, {})
      if (event.type === "permission.asked") {
        say("PermissionRequest", session, { tool_name: what.permission ?? "tool", tool_input: what.metadata ?? {} })
      }
    },
    "chat.message": async (input, output) => {
      say("UserPromptSubmit", input.sessionID, { prompt: prompt(output?.parts) })
    },
    "tool.execute.before": async (input, output) => {
      const call = { tool_name: input.tool, tool_use_id: input.callID, tool_input: output?.args ?? {} }
      say("PreToolUse", input.sessionID, call)
    },
    "tool.execute.after": async (input, output) => {
      const call = { tool_name: input.tool, tool_use_id: input.callID, tool_input: input.args ?? {} }
      say("PostToolUse", input.sessionID, { ...call, tool_response: output?.output ?? "" })
    },
  }
}
