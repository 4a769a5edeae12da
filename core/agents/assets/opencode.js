// Written by `tieline setup`; `tieline setup --undo` takes it away. Changes of yours are lost at the next setup.
//
// Tells the mesh what happens in OpenCode, and prompts OpenCode with the mail that comes. It never holds OpenCode up.
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"

const PROGRAM = "tieline"
const ENVIRONMENT = {}
const MARK = "[tieline message "
const LONGEST_PAUSE_MS = 60_000
const MOST_UNSENT_BYTES = 16 * 1024 * 1024

// One process stays beside OpenCode: it takes what happens, one JSON object a line, and answers with what to say.
const listener = (hear, again) => {
  let child
  let pause_ms = 500
  let is_waiting = false
  const start = () => {
    is_waiting = false
    try {
      const begun = spawn(PROGRAM, ["hook", "--listen", "--agent", "opencode", "Listen"], {
        stdio: ["pipe", "pipe", "ignore"],
        env: { ...process.env, ...ENVIRONMENT },
      })
      const gone = () => {
        if (child !== begun) return
        child = undefined
        later()
      }
      child = begun
      begun.on("error", gone)
      begun.on("exit", gone)
      begun.stdin.on("error", () => {})
      begun.stdout.on("error", () => {})
      createInterface({ input: begun.stdout }).on("line", (line) => {
        pause_ms = 500
        try {
          hear(JSON.parse(line))
        } catch {
          // What cannot be read is found missing by the mesh, and comes again.
        }
      })
      for (const it of [begun, begun.stdin, begun.stdout]) it.unref?.()
    } catch {
      later()
    }
  }
  const later = () => {
    if (is_waiting) return
    is_waiting = true
    const timer = setTimeout(() => {
      start()
      again()
    }, pause_ms)
    timer.unref?.()
    pause_ms = Math.min(pause_ms * 2, LONGEST_PAUSE_MS)
  }
  start()
  return (event, payload) => {
    // A mesh that is away is no reason to stop, nor to keep everything until it is back.
    if (!child || child.stdin.writableLength > MOST_UNSENT_BYTES) return
    child.stdin.write(JSON.stringify({ event, payload }) + "\n")
  }
}

export const Tieline = async ({ client, directory }) => {
  // Sessions of subagents are a part of the turn that began them.
  const inner = new Set()
  // By session: who prompts it with which model, whether it works, which permissions are open, what waits for
  // them, which of our prompts have not gone to the model or go now, and what that is to know.
  const sessions = new Map()
  let current
  const of = (session) => {
    if (!sessions.has(session)) sessions.set(session, { settings: {}, is_busy: false, asked: new Set(), held: [], unshown: [], going: [], context: undefined })
    return sessions.get(session)
  }
  const bring = async (session) => {
    const known = of(session)
    // Nothing is said past a question that is open.
    while (known.asked.size === 0 && known.held.length > 0) {
      const parts = [{ type: "text", text: known.held.shift() }]
      try {
        await client.session.promptAsync({ path: { id: session }, body: { ...known.settings, parts } })
      } catch {
        // It is not in the conversation then, and comes again.
      }
    }
  }
  const hear = (line) => {
    if (line.context) of(line.session).context = line.context
    if (!line.prompt) return
    of(line.session).held.push(line.prompt)
    bring(line.session)
  }
  const tell = listener(hear, () => current && say("Listen", current, { busy: of(current).is_busy }))
  const say = (event, session, payload) => {
    if (!session || inner.has(session)) return
    current = session
    tell(event, { session_id: session, cwd: directory, hook_event_name: event, ...payload })
  }
  const words = (parts) => (parts ?? []).filter((part) => part.type === "text").map((part) => part.text).join("\n")
  return {
    event: async ({ event }) => {
      const what = event.properties ?? {}
      const session = what.sessionID ?? what.part?.sessionID ?? what.info?.id
      if (event.type === "session.created" && what.info?.parentID) inner.add(session)
      if (!session || inner.has(session)) return
      if (event.type === "session.created") say("SessionStart", session, { source: "startup" })
      if (event.type === "session.idle") {
        of(session).is_busy = false
        of(session).asked.clear()
        say("Stop", session, {})
        bring(session)
      }
      if (event.type === "session.error") say("StopFailure", session, { error: what.error?.name ?? "unknown" })
      if (event.type === "session.deleted") say("SessionEnd", session, { reason: "deleted" })
      // The model answers: it has what went to it.
      if (event.type === "message.part.updated" && what.part?.type === "step-start") {
        for (const prompt of of(session).going.splice(0)) say("PromptShown", session, { prompt })
      }
      if (event.type === "session.compacted") say("PostCompact", session, {})
      if (event.type === "permission.asked") {
        of(session).asked.add(what.id)
        const call = { tool_name: what.permission ?? "tool", tool_input: what.metadata ?? {} }
        say("PermissionRequest", session, { permission_id: what.id, ...call })
      }
      if (event.type === "permission.replied") {
        of(session).asked.delete(what.requestID)
        say("PermissionReplied", session, { permission_id: what.requestID, reply: what.reply })
        bring(session)
      }
    },
    "chat.message": async (input, output) => {
      const { agent, model } = output?.message ?? {}
      if (!inner.has(input.sessionID)) Object.assign(of(input.sessionID), { settings: { agent, model }, is_busy: true })
      const prompt = words(output?.parts)
      if (prompt.includes(MARK)) of(input.sessionID).unshown.push(prompt)
      say("UserPromptSubmit", input.sessionID, { prompt })
    },
    // What goes to the model now.
    "experimental.chat.messages.transform": async (_, output) => {
      for (const { info, parts } of output?.messages ?? []) {
        const known = info?.role === "user" && sessions.get(info.sessionID)
        if (!known || known.unshown.length === 0) continue
        const prompt = words(parts)
        const at = known.unshown.indexOf(prompt)
        if (at < 0) continue
        known.going.push(...known.unshown.splice(at, 1))
      }
    },
    "experimental.chat.system.transform": async (input, output) => {
      const context = sessions.get(input.sessionID)?.context
      if (context) output.system.push(context)
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
