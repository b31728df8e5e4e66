"""A provider's side of the protocol: reads the request, writes progress and the answer."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from dataplane.base.errors import SecBeatError

Question = dict[str, Any]


def answer(work: Callable[[Question], dict[str, Any]]) -> int:
    """Answer the question on standard input by ``work``; returns the exit code."""
    said: dict[str, Any]
    try:
        said = {"result": work(json.loads(sys.stdin.readline()))}
    except (SecBeatError, OSError, ValueError, KeyError) as error:
        said = {"error": str(error) or type(error).__name__}
    _print(said)
    return 0 if "result" in said else 1


def say(text: str) -> None:
    """A line of progress."""
    _print({"progress": text})


def _print(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)
