"""A client of the WebSocket protocol, written from docs/protocol/websocket.md alone.

It reconnects by itself, sends what is in its outbox until an outcome comes, takes each message once, and
gives receipts for several messages at a time.
"""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from collections.abc import Callable
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection, connect

from tieline_ledger import LANES, Ledger

#: Refusals that may go away by themselves.
RETRY = frozenset({"rate_limited", "busy", "draining", "fault"})
#: Refusals of a hello that may go away by themselves.
RETRY_HELLO = RETRY | {"quota", "storage_full", "writer_held"}
#: How long receipts wait for company, in seconds.
RECEIPT_WAIT = 0.005

Json = dict[str, Any]


class Refused(Exception):
    """The daemon refused a command or the hello."""

    def __init__(self, refusal: Json) -> None:
        super().__init__(f"{refusal.get('code')}: {refusal.get('message')}")
        self.refusal = refusal
        self.code: str = refusal.get("code", "")


class Stopped(Exception):
    """The client has ended and will not reconnect: fenced, not allowed, or a mistake of its own."""


class _Gap(Exception):
    """A number is missing in a lane."""


class _Pending:
    """A command that waits for its outcome."""

    def __init__(self, key: str | None, command: Json) -> None:
        self.key = key
        self.command = command
        self.outcome: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self.attempts = 0


class Client:
    """One peer. Use it as an asynchronous context manager."""

    def __init__(
        self,
        url: str,
        token: str,
        ledger: Ledger,
        *,
        session: str | None = None,
        credit: int | None = None,
        use_subprotocol: bool = False,
        max_back_off: float = 60.0,
        on_event: Callable[[str, Json], None] = lambda name, details: None,
    ) -> None:
        self._url, self._token, self._ledger = url, token, ledger
        self._session, self._credit = session, credit
        self._use_subprotocol = use_subprotocol
        self._max_back_off = max_back_off
        self._tell = on_event
        self._socket: ClientConnection | None = None
        self._attempt = 0
        self._next_corr = 0
        self._by_corr: dict[int, _Pending] = {}
        self._waiting: list[_Pending] = []
        self._due: dict[str, int] = {}
        self._errors: list[Json] = []
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._helpers: set[asyncio.Task[None]] = set()
        #: The newest welcome.
        self.welcome: Json | None = None
        #: How many deliveries came that were already taken.
        self.repeats = 0
        #: Hints about own messages, newest state per (message, session).
        self.progress: dict[tuple[str, str], str] = {}

    async def __aenter__(self) -> Client:
        for key, command in self._ledger.promised():
            self._waiting.append(_Pending(key, command))
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        if self._socket is not None and not self._task.done():
            try:
                await self._send_receipts(0)
                await self._socket.send('{"bye":{}}')
                await asyncio.wait_for(self._socket.wait_closed(), 2)
            except (websockets.ConnectionClosed, TimeoutError):
                pass
        for task in (self._task, *self._helpers):
            task.cancel()
        await asyncio.gather(self._task, *self._helpers, return_exceptions=True)
        self._task = None

    # What a user of the client calls.

    async def attached(self) -> Json:
        """Waits for the first welcome and returns the newest."""
        await self._until(lambda: self.welcome is not None)
        assert self.welcome is not None
        return self.welcome

    async def connected(self) -> None:
        """Waits until a connection is attached."""
        await self._until(lambda: self.is_connected)

    @property
    def is_connected(self) -> bool:
        """Whether a connection is attached now."""
        return self._socket is not None

    async def ended(self) -> Exception:
        """Waits until the client has stopped for good, and returns why."""
        assert self._task is not None
        await asyncio.wait([self._task])
        error = self._task.exception()
        assert isinstance(error, Exception)
        return error

    @property
    def cursors(self) -> dict[str, int]:
        """The last number taken, per lane."""
        return self._ledger.cursors

    async def send(self, command: Json, key: str | None = None) -> Json:
        """Carries out a command that changes something, once, however often the connection breaks.

        Returns what is in `ok`; raises Refused. What may go away by itself is tried again.
        """
        key = key or f"py-{uuid.uuid4().hex}"
        self._ledger.promise(key, command)
        pending = next((one for one in self._all_pending() if one.key == key), None)
        return await self._carry_out(pending or _Pending(key, command), is_new=pending is None)

    async def call(self, command: Json) -> Json:
        """Carries out a command that only reads. Returns what is in `ok`; raises Refused."""
        return await self._carry_out(_Pending(None, command), is_new=True)

    async def ask(self, to: str, text: str, **more: Any) -> Json:
        """Asks a session. Returns `accepted`."""
        return await self._accepted("ask", {"to": to, "text": text}, more)

    async def ack(self, ask: str, text: str | None = None, **more: Any) -> Json:
        """Answers an ask; without text it is a bare ack. Returns `accepted`."""
        return await self._accepted("ack", {"ask": ask} | ({} if text is None else {"text": text}), more)

    async def notify(self, to: str, text: str, **more: Any) -> Json:
        """Tells a session something. Returns `accepted`."""
        return await self._accepted("notify", {"to": to, "text": text}, more)

    async def broadcast(self, text: str, **more: Any) -> Json:
        """Tells a circle something. Returns `accepted`."""
        return await self._accepted("broadcast", {"text": text}, more)

    async def wait_for(self, wanted: Callable[[Json], bool], limit: float = 30.0) -> Json:
        """Waits for a taken message and returns it; one taken before counts too."""
        found: list[Json] = []
        place = 0

        def look() -> bool:
            nonlocal place
            for place, _, _, message in self._ledger.taken(place):
                if wanted(message):
                    found.append(message)
            return bool(found)

        await asyncio.wait_for(self._until(look), limit)
        return found[0]

    def reject(self, lane: str, seq: int, reason: str) -> None:
        """Refuses one message for good."""
        frame = {"receipt": {"lane": lane, "seq": seq, "state": "rejected", "reason": reason}}
        self._in_background(self._say(frame))

    def seen(self, lane: str, through: int) -> None:
        """Says that everything up to a number entered the context or was looked at."""
        self._in_background(self._say({"receipt": {"lane": lane, "through": through, "state": "seen"}}))

    # The connection.

    async def _run(self) -> None:
        try:
            while True:
                wait = await self._connect_once()
                self._socket = None
                self._changed_now()
                await asyncio.sleep(wait)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            self._socket = None
            for pending in self._all_pending():
                if not pending.outcome.done():
                    pending.outcome.set_exception(Stopped(str(error)))
                    pending.outcome.exception()  # nobody may be waiting for one of an earlier run
            self._changed_now()
            raise

    async def _connect_once(self) -> float:
        """Connects, stays until the connection ends, and returns how long to wait before the next."""
        self._errors.clear()
        headers, subprotocols = {"Authorization": f"Bearer {self._token}"}, None
        if self._use_subprotocol:
            headers, subprotocols = {}, ["tieline.v1", f"tieline.bearer.{self._token}"]
        try:
            async with connect(
                self._url,
                additional_headers=headers,
                subprotocols=subprotocols,
                compression=None,
                max_size=8 << 20,
                proxy=None,
                open_timeout=10,
                close_timeout=2,
            ) as socket:
                await self._talk(socket)
        except websockets.InvalidStatus as error:
            if error.response.status_code in (401, 403):
                raise Stopped(f"the daemon refuses this token or origin: {error.response.status_code}") from None
            self._tell("unreachable", {"why": f"status {error.response.status_code}"})
            return self._back_off()
        except websockets.ConnectionClosed as closed:
            return self._after_close(closed.rcvd.code if closed.rcvd else 1006)
        except _Gap as gap:
            self._tell("gap", {"what": str(gap)})
            return self._back_off()
        except (OSError, TimeoutError, websockets.WebSocketException) as error:
            self._tell("unreachable", {"why": type(error).__name__})
            return self._back_off()
        return self._back_off()

    def _after_close(self, code: int) -> float:
        last = self._errors[-1] if self._errors else {}
        self._tell("closed", {"code": code, "error": last.get("code")})
        if code == 4409:
            raise Stopped("a newer attach took the session over")
        if code == 4401:
            raise Stopped("the token was revoked")
        if code == 4400:
            raise Stopped(f"the daemon calls a frame malformed: {last}")
        if code == 4403 and last.get("code") == "cursor_beyond_head":
            self._forget_lineage()
            return 0.0
        if code == 4403 and last.get("code") not in RETRY_HELLO:
            raise Refused(last)
        return max(self._back_off(), last.get("retry_after_ms", 0) / 1000)

    def _back_off(self) -> float:
        self._attempt += 1
        return random.uniform(0, min(self._max_back_off, 2.0 ** (self._attempt - 1)))

    def _forget_lineage(self) -> None:
        self._tell("log_restored", {})
        self._ledger.forget_lineage()

    async def _talk(self, socket: ClientConnection) -> None:
        hello: Json = {"protocol": 1}
        if self._session is not None:
            hello["session"] = self._session
        if self._credit is not None:
            hello["credit"] = self._credit
        if (log_id := self._ledger.log_id) is not None:
            hello |= {"cursors": self._ledger.cursors, "log_id": log_id}
        await socket.send(json.dumps({"hello": hello}))
        while True:
            for name, body in json.loads(await socket.recv()).items():
                if name == "welcome":
                    if not await self._welcomed(socket, body):
                        return
                elif name == "outcome":
                    self._settle(body)
                elif name == "deliver":
                    self._take(body["lane"], body["seq"], body["message"])
                elif name == "skip":
                    self._take(body["lane"], body["seq"], None)
                elif name == "progress":
                    self.progress[body["message"], body["session"]] = body["state"]
                    self._changed_now()
                elif name in ("error", "bye"):
                    self._errors.append(body)
                    self._tell(name, {"code": body.get("code"), "field": body.get("field")})

    async def _welcomed(self, socket: ClientConnection, welcome: Json) -> bool:
        known = self._ledger.log_id
        if known is not None and known != welcome["log_id"]:
            # The numbers of this welcome were counted from cursors of another lineage: start over without.
            self._forget_lineage()
            return False
        if known is None:
            self._ledger.begin_lineage(welcome["log_id"])
        for lane in LANES:
            if welcome["cursors"][lane] > self._ledger.cursors[lane]:
                self._ledger.take(lane, welcome["cursors"][lane], None)
        self.welcome, self._socket, self._attempt, self._due = welcome, socket, 0, {}
        self._waiting = self._all_pending()
        self._by_corr = {}
        self._tell("welcome", {"epoch": welcome["epoch"], "again": len(self._waiting)})
        self._changed_now()
        await self._flush()
        return True

    def _all_pending(self) -> list[_Pending]:
        return [*self._by_corr.values(), *self._waiting]

    # Sending.

    async def _accepted(self, name: str, fields: Json, more: Json) -> Json:
        key = more.pop("key", None)
        if "sender" in more:
            more["as"] = more.pop("sender")
        return (await self.send({name: fields | more}, key))["accepted"]

    async def _carry_out(self, pending: _Pending, is_new: bool) -> Json:
        if self._task is not None and self._task.done():
            raise Stopped("the client has ended")
        if is_new:
            self._waiting.append(pending)
            await self._flush()
        outcome = await asyncio.shield(pending.outcome)
        if "ok" in outcome:
            return outcome["ok"]
        raise Refused(outcome.get("refusal") or {"code": "fault", **outcome.get("fault", {})})

    async def _flush(self) -> None:
        """Sends what waits, in order. A broken connection leaves it for the next one."""
        while self._socket is not None and self._waiting:
            pending = self._waiting.pop(0)
            self._next_corr += 1
            self._by_corr[self._next_corr] = pending
            frame: Json = {"corr": self._next_corr, "command": pending.command}
            if pending.key is not None:
                frame["key"] = pending.key
            await self._say({"command": frame})

    async def _say(self, frame: Json) -> None:
        if self._socket is not None:
            try:
                await self._socket.send(json.dumps(frame))
            except websockets.ConnectionClosed:
                pass  # the reader sees it too, and reconnects

    def _settle(self, body: Json) -> None:
        pending = self._by_corr.pop(body["corr"], None)
        if pending is None:
            return
        outcome = body["outcome"]
        trouble = outcome.get("refusal") or ("fault" in outcome and {"code": "fault"}) or {}
        if trouble.get("code") in RETRY and pending.attempts < 100:
            pending.attempts += 1
            back_off = random.uniform(0.05, min(5.0, 0.1 * 2.0 ** min(pending.attempts, 6)))
            self._in_background(self._again(pending, max(back_off, trouble.get("retry_after_ms", 0) / 1000)))
            return
        if pending.key is not None:
            self._ledger.keep_promise(pending.key)
        if not pending.outcome.done():
            pending.outcome.set_result(outcome)

    async def _again(self, pending: _Pending, wait: float) -> None:
        # It stays among those that wait, under a number that no frame uses, so that a reconnect sends it.
        self._next_corr += 1
        place = self._next_corr
        self._by_corr[place] = pending
        await asyncio.sleep(wait)
        if self._by_corr.get(place) is pending:
            del self._by_corr[place]
            self._waiting.append(pending)
            await self._flush()

    # Receiving.

    def _take(self, lane: str, seq: int, message: Json | None) -> None:
        cursor = self._ledger.cursors.get(lane)
        if cursor is None:
            return  # a lane of a newer daemon
        if seq > cursor + 1:
            raise _Gap(f"{lane} {seq} came after {cursor}")
        if seq == cursor + 1:
            self._ledger.take(lane, seq, message)
            self._changed_now()
        elif message is not None:
            self.repeats += 1
        if not self._due:
            self._in_background(self._send_receipts(RECEIPT_WAIT))
        self._due[lane] = self._ledger.cursors[lane]

    async def _send_receipts(self, wait: float) -> None:
        await asyncio.sleep(wait)
        due, self._due = self._due, {}
        for lane, through in due.items():
            await self._say({"receipt": {"lane": lane, "through": through, "state": "delivered"}})

    # Waiting.

    def _in_background(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._helpers.add(task)
        task.add_done_callback(self._helpers.discard)

    def _changed_now(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            if self._task is not None and self._task.done():
                self._task.result()
                raise Stopped("the client has ended")
            await self._changed.wait()

