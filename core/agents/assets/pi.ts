// Written by `tieline setup`; `tieline setup --undo` takes it away. Changes of yours are lost at the next setup.
//
// Tells the mesh what happens in pi, prompts pi with the mail that comes, and gives it the mesh's tools. It never holds pi up.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

const PROGRAM = "tieline";
const ENVIRONMENT = {};
const LONGEST_PAUSE_MS = 60_000;
const MOST_UNSENT_BYTES = 16 * 1024 * 1024;
const TOOL_LIMIT_MS = 120_000;
const START_LIMIT_MS = 2_000;

// One process stays beside pi: it takes what happens, one JSON object a line, and answers with what to say.
const listener = (hear: (line: any) => void, again: () => void) => {
  let child: any;
  let pause_ms = 500;
  let is_waiting = false;
  let is_over = false;
  const start = () => {
    is_waiting = false;
    if (is_over) return;
    try {
      const begun: any = spawn(PROGRAM, ["hook", "--listen", "--agent", "pi", "Listen"], {
        stdio: ["pipe", "pipe", "ignore"],
        env: { ...process.env, ...ENVIRONMENT },
      });
      const gone = () => {
        if (child !== begun) return;
        child = undefined;
        later();
      };
      child = begun;
      begun.on("error", gone);
      begun.on("exit", gone);
      begun.stdin.on("error", () => {});
      begun.stdout.on("error", () => {});
      createInterface({ input: begun.stdout }).on("line", (line: string) => {
        pause_ms = 500;
        try {
          hear(JSON.parse(line));
        } catch {
          // What cannot be read is found missing by the mesh, and comes again.
        }
      });
      for (const it of [begun, begun.stdin, begun.stdout]) it.unref?.();
    } catch {
      later();
    }
  };
  const later = () => {
    if (is_waiting || is_over) return;
    is_waiting = true;
    const timer = setTimeout(() => {
      start();
      again();
    }, pause_ms);
    timer.unref?.();
    pause_ms = Math.min(pause_ms * 2, LONGEST_PAUSE_MS);
  };
  start();
  return {
    tell: (event: string, payload: object) => {
      // A mesh that is away is no reason to stop, nor to keep everything until it is back.
      if (!child || child.stdin.writableLength > MOST_UNSENT_BYTES) return;
      child.stdin.write(JSON.stringify({ event, payload }) + "\n");
    },
    end: () => {
      is_over = true;
      child?.stdin.end();
    },
  };
};

// The mesh's MCP server, of which pi knows nothing by itself. It is started when it is needed, and again when it has gone.
const server = () => {
  let child: any;
  let ready: Promise<void> | undefined;
  let last = 0;
  const open = new Map<number, { done: (result: any) => void; failed: (error: Error) => void }>();
  // pi may end while nobody waits for an answer, and not while somebody does.
  const hold = () => {
    for (const it of child ? [child, child.stdin, child.stdout] : []) open.size > 0 ? it.ref?.() : it.unref?.();
  };
  const gone = (begun: any) => {
    if (child !== begun) return;
    child = ready = undefined;
    for (const { failed } of open.values()) failed(new Error("the mesh's tools are gone; is `tieline` still there?"));
    open.clear();
  };
  const send = (frame: object) => child?.stdin.write(JSON.stringify({ jsonrpc: "2.0", ...frame }) + "\n");
  const ask = (method: string, params: object) =>
    new Promise<any>((done, failed) => {
      if (!child) return failed(new Error("the mesh's tools are gone"));
      const id = ++last;
      const timer = setTimeout(() => {
        open.delete(id);
        hold();
        failed(new Error(`the mesh has not answered within ${TOOL_LIMIT_MS / 1000} seconds`));
      }, TOOL_LIMIT_MS);
      timer.unref?.();
      const settle = (end: (it: any) => void) => (it: any) => {
        clearTimeout(timer);
        end(it);
      };
      open.set(id, { done: settle(done), failed: settle(failed) });
      hold();
      send({ id, method, params });
    });
  const start = async () => {
    const begun: any = spawn(PROGRAM, ["mcp"], {
      stdio: ["pipe", "pipe", "ignore"],
      env: { ...process.env, ...ENVIRONMENT },
    });
    child = begun;
    begun.on("error", () => gone(begun));
    begun.on("exit", () => gone(begun));
    begun.stdin.on("error", () => {});
    begun.stdout.on("error", () => {});
    createInterface({ input: begun.stdout }).on("line", (line: string) => {
      try {
        const { id, result, error } = JSON.parse(line);
        const asked = open.get(id);
        open.delete(id);
        hold();
        if (error) asked?.failed(new Error(error.message));
        else asked?.done(result);
      } catch {
        // It is no answer to anything.
      }
    });
    const client = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "pi", version: "1" } };
    await ask("initialize", client);
    send({ method: "notifications/initialized" });
  };
  return {
    ask: async (method: string, params: object) => {
      await (ready ??= start());
      return ask(method, params);
    },
    end: () => child?.stdin.end(),
  };
};

export default function (pi: any) {
  let context: any;
  let primer: string | undefined;
  let tools: ReturnType<typeof server> | undefined;
  const offer = async () => {
    tools = server();
    const of = tools;
    const listed = await of.ask("tools/list", {});
    for (const { name, description, inputSchema } of listed.tools) {
      pi.registerTool({
        name: `tieline_${name}`,
        label: `tieline ${name}`,
        description,
        parameters: inputSchema,
        execute: async (_: string, given: object) => {
          const { content, isError } = await of.ask("tools/call", { name, arguments: given });
          // An error is what a tool throws; what it says is for the model.
          if (isError) throw new Error(words(content));
          return { content, details: {} };
        },
      });
    }
  };
  let mesh: ReturnType<typeof listener> | undefined;
  const is_idle = () => {
    try {
      return context.isIdle();
    } catch {
      return true;
    }
  };
  const hear = (line: any) => {
    if (line.context) primer = line.context;
    if (!line.prompt) return;
    const say = () => pi.sendUserMessage(line.prompt, { deliverAs: "steer" });
    // A turn that is just ending takes nothing in any more, although it is not over.
    if (line.hook !== "Stop") return say();
    let looks = 0;
    const look = () => (is_idle() || looks++ > 100 ? say() : setTimeout(look, 20));
    look();
  };
  const tell = (event: string, now: any, payload: object) => {
    let session: string | undefined;
    let transcript: string | undefined;
    try {
      session = now.sessionManager.getSessionId();
      transcript = now.sessionManager.getSessionFile();
    } catch {
      return;
    }
    if (!session) return;
    context = now;
    mesh ??= listener(hear, () => context && tell("Listen", context, { busy: !is_idle() }));
    const said = { session_id: session, transcript_path: transcript, cwd: now.cwd, hook_event_name: event, ...payload };
    mesh.tell(event, said);
  };
  const call = (event: any) => ({
    tool_name: event.toolName,
    tool_use_id: event.toolCallId,
    tool_input: event.input ?? event.args ?? {},
  });
  const words = (content: any) =>
    typeof content === "string" ? content : (content ?? []).map((part: any) => part.text ?? "").join("\n");
  pi.on("session_start", async (event: any, now: any) => {
    tell("SessionStart", now, { source: event.reason === "resume" ? "resume" : "startup" });
    if (tools) return;
    // Without its tools pi works as before, and when they come later it has them then.
    let late: any;
    const long_enough = new Promise((done) => (late = setTimeout(done, START_LIMIT_MS)));
    await Promise.race([offer().catch(() => {}), long_enough]);
    clearTimeout(late);
  });
  pi.on("before_agent_start", async (event: any) =>
    primer && event.systemPrompt ? { systemPrompt: `${event.systemPrompt}\n\n${primer}` } : undefined);
  pi.on("session_shutdown", async (event: any, now: any) => {
    tell("SessionEnd", now, { reason: (event.reason ?? "quit") === "quit" ? "exit" : "clear" });
    mesh?.end();
    mesh = undefined;
    tools?.end();
    tools = undefined;
  });
  pi.on("session_compact", async (_: any, now: any) => tell("PostCompact", now, {}));
  pi.on("message_end", async (event: any, now: any) => {
    if (event.message?.role === "user") tell("UserPromptSubmit", now, { prompt: words(event.message.content) });
  });
  pi.on("agent_end", async (_: any, now: any) => tell("Stop", now, { is_last: now.hasUI === false }));
  pi.on("tool_call", async (event: any, now: any) => tell("PreToolUse", now, call(event)));
  pi.on("tool_result", async (event: any, now: any) => {
    const name = event.isError ? "PostToolUseFailure" : "PostToolUse";
    tell(name, now, { ...call(event), tool_response: event.content ?? "", error: event.isError ? "failed" : undefined });
  });
}
