"""Two peers talk over the WebSocket transport, and every promise of the protocol page is checked.

    ws_scenario.py --url ws://127.0.0.1:8435/ws --token-a FILE --token-b FILE [--dir DIR] [--phase 1|2|all]

One JSON line per step; exit code 0 only if all held. The daemon may be killed and restarted at any time:
the clients wait and reconnect. Phase 1 leaves work behind in DIR that phase 2, usually after a kill -9 of
the daemon, must find undone and do once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

from steps import check, finish, same, step, tell
from tieline_client import Client, Refused, Stopped
from tieline_ledger import Ledger

Json = dict[str, Any]


class Stage:
    """Two peers, their ledgers, and what the phases tell each other."""

    def __init__(self, options: argparse.Namespace, directory: Path) -> None:
        self.options = options
        self.directory = directory
        self.notes_file = directory / "notes.json"
        self.notes: Json = json.loads(self.notes_file.read_text()) if self.notes_file.exists() else {}
        self.run = self.notes.setdefault("run", uuid.uuid4().hex[:12])
        self.ledgers = {name: Ledger(directory / f"{name}.db") for name in "ab"}

    def client(self, name: str, **more: Any) -> Client:
        """Makes the client of peer `a` or `b`."""
        token = Path(getattr(self.options, f"token_{name}")).read_text().strip()

        def on_event(event: str, details: Json) -> None:
            tell({"event": event, "peer": name, **details})

        return Client(
            self.options.url, token, self.ledgers[name], max_back_off=self.options.max_back_off, on_event=on_event, **more
        )

    def note(self, **notes: Any) -> None:
        """Keeps something for the other phase."""
        self.notes.update(notes)
        beside = self.notes_file.with_suffix(".new")
        beside.write_text(json.dumps(self.notes))
        beside.replace(self.notes_file)

    def text(self, what: str) -> str:
        """A text that only this run uses."""
        return f"{what} {self.run}"


def is_text(text: str) -> Any:
    """Finds a message by its text."""
    return lambda message: message.get("text") == text


def answers(ask: str) -> Any:
    """Finds the acks of an ask."""
    return lambda message: message["kind"] == "ack" and message.get("thread") == ask


async def refused(work: Any, code: str, what: str) -> Json:
    """Checks that a command is refused with a code."""
    try:
        found: object = await work
    except Refused as refusal:
        same(refusal.code, code, f"code of {what}")
        return refusal.refusal
    raise AssertionError(f"wanted: {what} is refused with {code}; found: {found!r}")


async def phase_1(stage: Stage) -> None:
    """Everything that two attached peers can do with each other."""
    async with stage.client("a") as a, stage.client("b", use_subprotocol=True, credit=4) as b:
        with step("attach") as told:
            home_a, home_b = (await a.attached())["session"], (await b.attached())["session"]
            told["log_id"] = a.welcome["log_id"]
            same(a.welcome["mode"], "writer", "mode")
            check(a.welcome["epoch"] >= 1, "an epoch from 1", a.welcome["epoch"])
            check(home_a != home_b, "two sessions", home_a)
            stage.note(home_a=home_a, home_b=home_b, log_id=a.welcome["log_id"])
        with step("whoami"):
            whoami = (await a.call({"whoami": {}}))["whoami"]
            same(whoami["principal"]["home"], home_a, "home")
            same(whoami["sessions"][0]["id"], home_a, "first session")
            check(whoami["sessions"][0]["online"], "that a is online", whoami["sessions"][0])

        with step("notify") as told:
            accepted = await a.notify(home_b, stage.text("notify"), key=f"{stage.run}-notify")
            told["message"] = accepted["message"]
            (delivery,) = accepted["deliveries"]
            same((delivery["session"], delivery["lane"], delivery["state"]), (home_b, "msg", "accepted"), "delivery")
            got = await b.wait_for(is_text(stage.text("notify")))
            same((got["id"], got["kind"], got["from"]["session"]), (accepted["message"], "notify", home_a), "message")
            stage.note(notify=accepted["message"])
        with step("same_key_twice"):
            again = await a.notify(home_b, stage.text("notify"), key=f"{stage.run}-notify")
            same(again["message"], accepted["message"], "message of the repeat")
            other = a.notify(home_b, stage.text("another"), key=f"{stage.run}-notify")
            await refused(other, "idempotency_conflict", "another command with the same key")

        with step("ask_ack") as told:
            ask = (await a.ask(home_b, stage.text("question")))["message"]
            told["ask"] = ask
            got = await b.wait_for(is_text(stage.text("question")))
            same((got["id"], got["kind"], got["thread"]), (ask, "ask", ask), "ask")
            await b.ack(ask, stage.text("answer"))
            answer = await a.wait_for(answers(ask))
            same((answer["text"], answer.get("late", False)), (stage.text("answer"), False), "answer")
            same(answer["from"]["session"], home_b, "who answered")
        with step("trace"):
            trace = (await a.call({"trace": {"message": ask}}))["trace"]
            same((trace["ask"]["state"], trace["ask"]["answer"]), ("answered", answer["id"]), "ask")
            same(trace["deliveries"][0]["delivery"]["state"], "answered", "state of the delivery")
            check(trace["deliveries"][0]["evidence"], "evidence")
        with step("late_ack"):
            reply = await b.ack(ask, stage.text("afterthought"))
            same(reply.get("late"), True, "late in the reply")
            late = await a.wait_for(is_text(stage.text("afterthought")))
            same((late.get("late"), late["thread"]), (True, ask), "late answer")
        with step("bare_ack"):
            bare = (await a.ask(home_b, stage.text("please note")))["message"]
            await b.wait_for(is_text(stage.text("please note")))
            await b.ack(bare)
            answer = await a.wait_for(answers(bare))
            check("text" not in answer, "no text in a bare ack", answer)
            await refused(b.ack(bare), "ask_closed", "a bare ack to a closed ask")
        with step("only_the_asked_may_answer"):
            third = (await a.ask(home_b, stage.text("to b alone")))["message"]
            await refused(a.ack(third, "me too"), "not_addressee", "an ack of the asker")
            await b.ack(third)
        with step("refusals"):
            missing = await refused(a.notify(f"no such {stage.run}", "x"), "unknown_session", "an unknown session")
            check(missing["message"], "a sentence")
            wrong = await refused(a.call({"notify": {"to": home_b, "txt": "x"}}), "bad_input", "an unknown field")
            check("notify" in wrong.get("field", ""), "the path of the field", wrong)
            check(a.is_connected, "that a refused command closes nothing")

        with step("broadcast") as told:
            sent = await a.broadcast(stage.text("to all"))
            told["recipients"] = len(sent["deliveries"])
            recipients = {delivery["session"] for delivery in sent["deliveries"]}
            check(home_b in recipients and home_a not in recipients, "b and not a among the recipients", recipients)
            got = await b.wait_for(is_text(stage.text("to all")))
            same((got["kind"], got["id"]), ("broadcast", sent["message"]), "broadcast")

        await storm(stage, a, b, home_b)

        with step("receipts"):
            await all_delivered(b)
        with step("fencing"):
            ledger = Ledger(stage.directory / f"fencing-{uuid.uuid4().hex}.db")
            token = Path(stage.options.token_b).read_text().strip()
            async with Client(stage.options.url, token, ledger, max_back_off=stage.options.max_back_off) as newer:
                same((await newer.attached())["session"], home_b, "session of the newer attach")
                # The older one, unless the daemon was killed in between: then whoever came back first.
                ends = [asyncio.create_task(one.ended()) for one in (b, newer)]
                done, rest = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                for one in rest:
                    one.cancel()
                why = done.pop().result()
                check(isinstance(why, Stopped) and "newer attach" in str(why), "closed with 4409", str(why))

    async with stage.client("a") as a:
        await a.connected()
        with step("while_b_is_away") as told:
            await until_offline(a, home_b)
            ask = await a.ask(home_b, stage.text("are you back?"), key=f"{stage.run}-across")
            same(ask["deliveries"][0]["reachability"], "offline", "reachability")
            for number in range(5):
                await a.notify(home_b, stage.text(f"missed {number}"))
            told["ask"] = ask["message"]
            stage.note(across=ask["message"])


async def storm(stage: Stage, a: Client, b: Client, home_b: str) -> None:
    """Many notifies at once. A good moment to kill the daemon."""
    count = stage.options.storm
    tell({"event": "storm_begins", "count": count})
    with step("storm") as told:
        keys = [f"{stage.run}-storm-{number}" for number in range(count)]
        work = [a.notify(home_b, stage.text(f"storm {number}"), key=keys[number]) for number in range(count)]
        accepted = await asyncio.gather(*work)
        same(len({one["message"] for one in accepted}), count, "different messages")
        for number in range(count):
            await b.wait_for(is_text(stage.text(f"storm {number}")), limit=120)
        told["repeats_dropped"] = b.repeats
        once(stage)


async def phase_2(stage: Stage) -> None:
    """What was left is done, once, by clients that know only their ledgers."""
    home_a, home_b, ask = (stage.notes[name] for name in ("home_a", "home_b", "across"))
    async with stage.client("a") as a, stage.client("b") as b:
        with step("attach_again") as told:
            same((await a.attached())["session"], home_a, "session of a")
            same((await b.attached())["session"], home_b, "session of b")
            same(a.welcome["log_id"], stage.notes["log_id"], "lineage")
            told["epoch"] = a.welcome["epoch"]
        with step("what_was_missed_arrives"):
            got = await b.wait_for(is_text(stage.text("are you back?")))
            same((got["id"], got["from"]["session"]), (ask, home_a), "ask")
            for number in range(5):
                await b.wait_for(is_text(stage.text(f"missed {number}")))
        with step("keys_are_remembered"):
            again = await a.ask(home_b, stage.text("are you back?"), key=f"{stage.run}-across")
            same(again["message"], ask, "message of the repeat")
            again = await a.notify(home_b, stage.text("notify"), key=f"{stage.run}-notify")
            same(again["message"], stage.notes["notify"], "message of the repeat")
        with step("answer_across"):
            await b.ack(ask, stage.text("I am back"), key=f"{stage.run}-back")
            answer = await a.wait_for(answers(ask))
            same(answer["text"], stage.text("I am back"), "answer")
        with step("each_message_once") as told:
            await all_delivered(b)
            told["taken"] = once(stage)


async def all_delivered(client: Client) -> None:
    """Waits until the daemon has the receipts of everything that the client took."""
    async with asyncio.timeout(60):
        while True:
            page = (await client.call({"inbox": {}}))["inbox"]
            if not page["items"] and page["delivered"] == client.cursors:
                return
            await asyncio.sleep(0.05)


async def until_offline(client: Client, session: str) -> None:
    """Waits until no writer is attached to a session."""
    async with asyncio.timeout(60):
        while (await client.call({"session_get": {"session": session}}))["session"]["online"]:
            await asyncio.sleep(0.05)


def once(stage: Stage) -> int:
    """Checks that no ledger has a message twice. Returns how many messages there are."""
    total = 0
    for name, ledger in stage.ledgers.items():
        counts = Counter(message["id"] for _, _, _, message in ledger.taken())
        twice = [message for message, count in counts.items() if count > 1]
        check(not twice, f"each message once at {name}", twice)
        total += len(counts)
    ours = [message.get("text", "") for _, _, _, message in stage.ledgers["b"].taken()]
    storm_texts = [text for text in ours if text.startswith("storm ") and text.endswith(stage.run)]
    same(len(storm_texts), len(set(storm_texts)), "number of storm messages without repeats")
    return total


async def main(options: argparse.Namespace, directory: Path) -> None:
    """Runs the phases."""
    stage = Stage(options, directory)
    async with asyncio.timeout(options.limit):
        if options.phase in ("1", "all"):
            await phase_1(stage)
        if options.phase in ("2", "all"):
            await phase_2(stage)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True, help="ws://host:port/ws")
    parser.add_argument("--token-a", required=True, metavar="FILE", help="file with the token of the first peer")
    parser.add_argument("--token-b", required=True, metavar="FILE", help="file with the token of the second peer")
    parser.add_argument("--dir", type=Path, help="where ledgers and notes are kept; needed to run the phases apart")
    parser.add_argument("--phase", choices=["1", "2", "all"], default="all")
    parser.add_argument("--storm", type=int, default=40, help="how many notifies are sent at once")
    parser.add_argument("--limit", type=float, default=300.0, help="seconds after which the scenario has failed")
    parser.add_argument("--max-back-off", type=float, default=2.0, help="longest wait before a reconnect, in seconds")
    chosen = parser.parse_args()
    has_failed = False
    try:
        if chosen.dir is not None:
            chosen.dir.mkdir(parents=True, exist_ok=True)
            asyncio.run(main(chosen, chosen.dir))
        else:
            with tempfile.TemporaryDirectory() as scratch:
                asyncio.run(main(chosen, Path(scratch)))
    except (Exception, KeyboardInterrupt) as failure:
        tell({"event": "failed", "error": f"{type(failure).__name__}: {failure}"})
        has_failed = True
    finish(has_failed)
