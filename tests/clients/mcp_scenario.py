"""The official MCP client, unmodified, uses the tools of Tieline and checks the outcomes.

    mcp_scenario.py --url http://127.0.0.1:8435/mcp --token FILE
    mcp_scenario.py --stdio tieline mcp

One JSON line per step; exit code 0 only if all held. The caller talks to its own session, so that one token
is enough; with --to the messages go to another session, and what that one would have to do is left out.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from steps import check, finish, same, step, tell

Json = dict[str, Any]

WANTED = ("whoami", "session_list", "notify", "ask", "ack", "inbox", "receipt", "recall", "command")
MAX_TOOLS = 10
MAX_LIST_BYTES = 8000


class Tools:
    """The tools of one server."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def outcome(self, name: str, fields: Json) -> Json:
        """Calls a tool and returns its outcome: `{"ok":…}`, `{"refusal":…}` or `{"fault":…}`."""
        result = await self._client.call_tool(name, fields)
        texts = [block.text for block in result.content if block.type == "text"]
        check(texts or result.structured_content, f"content in the result of {name}", result)
        outcome = result.structured_content or json.loads(texts[0])
        check(isinstance(outcome, dict), f"an object from {name}", outcome)
        if not outcome.keys() & {"ok", "refusal", "fault"}:
            # A tool may also answer with the bare reply, and mark a refusal by the error flag.
            outcome = {"refusal" if result.is_error else "ok": outcome}
        same(result.is_error, "ok" not in outcome, f"error flag of {name}")
        return outcome

    async def ok(self, name: str, fields: Json, reply: str) -> Json:
        """Calls a tool that has to succeed, and returns its reply."""
        outcome = await self.outcome(name, fields)
        check("ok" in outcome, f"{name} succeeds", outcome)
        check(reply in outcome["ok"], f"`{reply}` from {name}", outcome["ok"])
        return outcome["ok"][reply]

    async def refused(self, name: str, fields: Json, code: str) -> Json:
        """Calls a tool that has to be refused, and returns the refusal."""
        outcome = await self.outcome(name, fields)
        check("refusal" in outcome, f"{name} is refused", outcome)
        same(outcome["refusal"]["code"], code, f"code of {name}")
        return outcome["refusal"]


@asynccontextmanager
async def server(options: argparse.Namespace) -> AsyncIterator[Client]:
    """Connects to the server, over HTTP or to a child process."""
    if options.stdio:
        command, *arguments = options.stdio
        child = StdioServerParameters(command=command, args=arguments, env=dict(os.environ))
        async with Client(child, mode=options.mode, read_timeout_seconds=30) as client:
            yield client
        return
    headers = {"Authorization": f"Bearer {Path(options.token).read_text().strip()}"}
    async with httpx2.AsyncClient(headers=headers, timeout=30, trust_env=False) as http:
        transport = streamable_http_client(options.url, http_client=http)
        async with Client(transport, mode=options.mode, read_timeout_seconds=30) as client:
            yield client


async def find(tools: Tools, session: str, message: str) -> Json:
    """Waits until a message is in the inbox, and returns its item."""
    async with asyncio.timeout(30):
        while True:
            page = await tools.ok("inbox", {}, "inbox")
            same(page["session"], session, "whose inbox")
            for item in page["items"]:
                if item["message"]["id"] == message:
                    return item
            await asyncio.sleep(0.05)


async def scenario(options: argparse.Namespace) -> None:
    """Runs all steps in one MCP session."""
    run = uuid.uuid4().hex[:12]
    async with server(options) as client:
        tools = Tools(client)
        with step("initialize") as told:
            told["protocol"] = client.protocol_version
            told["server"] = client.server_info.name if client.server_info else None
            check(client.server_capabilities.tools is not None, "the capability `tools`")
        with step("list_tools") as told:
            listed = (await client.list_tools()).tools
            told["tools"] = sorted(tool.name for tool in listed)
            size = sum(len(tool.model_dump_json(by_alias=True, exclude_none=True)) for tool in listed)
            told["bytes"] = size
            missing = [name for name in WANTED if name not in told["tools"]]
            check(not missing, "all tools of the scenario", missing)
            check(len(listed) <= MAX_TOOLS, f"at most {MAX_TOOLS} tools", len(listed))
            check(size <= MAX_LIST_BYTES, f"at most {MAX_LIST_BYTES} bytes", size)
            for tool in listed:
                check(tool.description, f"a description of {tool.name}")
                same(tool.input_schema.get("type"), "object", f"type of the input of {tool.name}")
        with step("whoami") as told:
            me = await tools.ok("whoami", {}, "whoami")
            home = me["principal"]["home"]
            told["kind"] = me["principal"]["kind"]
            same(me["sessions"][0]["id"], home, "first session")
            check("secret" not in json.dumps(me), "no secret")
        with step("session_list"):
            page = await tools.ok("session_list", {}, "sessions")
            check(home in [session["id"] for session in page["sessions"]], "the own session in the list")
        to = options.to or home

        with step("notify") as told:
            accepted = await tools.ok("notify", {"to": to, "text": f"notify {run}"}, "accepted")
            notify = told["message"] = accepted["message"]
            same(accepted["deliveries"][0]["state"], "accepted", "state")
            trace = await tools.ok("command", {"name": "trace", "arguments": {"message": notify}}, "trace")
            same(trace["message"]["text"], f"notify {run}", "text in the trace")
        with step("ask") as told:
            accepted = await tools.ok("ask", {"to": to, "text": f"question {run}"}, "accepted")
            ask = told["ask"] = accepted["message"]
            trace = await tools.ok("command", {"name": "trace", "arguments": {"message": ask}}, "trace")
            same(trace["ask"]["state"], "open", "state of the ask")
        if options.to is None:
            await own_inbox(tools, home, notify, ask, run)
        with step("refusals"):
            wrong = await tools.refused("notify", {"to": f"nobody {run}", "text": "x"}, "unknown_session")
            check(wrong["message"], "a sentence")
            await tools.refused("ack", {"ask": f"msg_{uuid.uuid4().hex}"}, "unknown_message")


async def own_inbox(tools: Tools, home: str, notify: str, ask: str, run: str) -> None:
    """Reads, takes and answers what the caller sent to itself."""
    with step("inbox"):
        first, second = await find(tools, home, notify), await find(tools, home, ask)
        same((first["lane"], second["lane"]), ("msg", "msg"), "lanes")
        check(first["seq"] < second["seq"], "the order of sending", (first["seq"], second["seq"]))
        again = await find(tools, home, notify)
        same(again["seq"], first["seq"], "number, read again: the inbox changes nothing")
    with step("receipt"):
        through = second["seq"]
        await tools.ok("receipt", {"lane": "msg", "through": through, "state": "delivered"}, "done")
        page = await tools.ok("inbox", {}, "inbox")
        check(page["delivered"]["msg"] >= through, f"delivered up to {through}", page["delivered"])
        left = [item["message"]["id"] for item in page["items"]]
        check(notify not in left and ask not in left, "nothing of it left", left)
        trace = await tools.ok("command", {"name": "trace", "arguments": {"message": notify}}, "trace")
        same(trace["deliveries"][0]["delivery"]["state"], "delivered", "state of the notify")
    with step("ack"):
        accepted = await tools.ok("ack", {"ask": ask, "text": f"answer {run}"}, "accepted")
        check(not accepted.get("late"), "not late", accepted)
        answer = await find(tools, home, accepted["message"])
        same((answer["message"]["kind"], answer["message"]["thread"]), ("ack", ask), "answer")
        same(answer["message"]["text"], f"answer {run}", "text of the answer")
    with step("trace"):
        trace = await tools.ok("command", {"name": "trace", "arguments": {"message": ask}}, "trace")
        same((trace["ask"]["state"], trace["ask"]["answer"]), ("answered", accepted["message"]), "ask")
        states = [evidence["state"] for evidence in trace["deliveries"][0]["evidence"]]
        check("accepted" in states and "delivered" in states, "evidence for accepted and delivered", states)
    with step("closed_ask"):
        await tools.refused("ack", {"ask": ask}, "ask_closed")
        late = await tools.ok("ack", {"ask": ask, "text": f"afterthought {run}"}, "accepted")
        same(late.get("late"), True, "late")


async def main(options: argparse.Namespace) -> None:
    """Runs the scenario within its limit."""
    async with asyncio.timeout(options.limit):
        await scenario(options)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="http://host:port/mcp")
    parser.add_argument("--token", metavar="FILE", help="file with the token, for --url")
    parser.add_argument("--to", help="a session to talk to instead of the own one")
    parser.add_argument("--mode", default="auto", help="how the client agrees on a version: auto (default) or legacy")
    parser.add_argument("--limit", type=float, default=120.0, help="seconds after which the scenario has failed")
    parser.add_argument("--stdio", nargs=argparse.REMAINDER, metavar="CMD", help="the server to start; comes last")
    chosen = parser.parse_args()
    if bool(chosen.url) == bool(chosen.stdio) or (chosen.url and not chosen.token):
        parser.error("wanted either --url with --token, or --stdio CMD…")
    has_failed = False
    try:
        asyncio.run(main(chosen))
    except (Exception, KeyboardInterrupt) as failure:
        while isinstance(failure, BaseExceptionGroup) and len(failure.exceptions) == 1:
            failure = failure.exceptions[0]
        tell({"event": "failed", "error": f"{type(failure).__name__}: {failure}"})
        has_failed = True
    finish(has_failed)
