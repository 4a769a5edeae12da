"""What both scenarios share: steps that are told as JSON lines, and a check that says what it saw."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def step(name: str) -> Iterator[dict[str, Any]]:
    """Runs one step and prints how it went. What is put into the given dict is printed too."""
    details: dict[str, Any] = {}
    start = time.monotonic()
    try:
        yield details
    except BaseException as error:
        # A group of one, as task groups raise it, is told as the error it holds.
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        told = f"{type(error).__name__}: {error}"
        tell({"step": name, "ok": False, "ms": _ms_since(start), "error": told, **details})
        raise
    tell({"step": name, "ok": True, "ms": _ms_since(start), **details})


def tell(line: dict[str, Any]) -> None:
    """Prints one JSON line at once."""
    print(json.dumps(line), flush=True)


def check(holds: object, what: str, found: object = None) -> None:
    """Fails the step unless `holds`. Unlike `assert` it is never optimised away."""
    if not holds:
        raise AssertionError(f"wanted: {what}; found: {found!r}")


def same(found: object, wanted: object, what: str) -> None:
    """Fails the step unless both are equal."""
    check(found == wanted, f"{what} = {wanted!r}", found)


def finish(failed: bool) -> None:
    """Ends the program: 0 only if all held."""
    tell({"step": "end", "ok": not failed})
    sys.exit(1 if failed else 0)


def _ms_since(start: float) -> int:
    return round((time.monotonic() - start) * 1000)
