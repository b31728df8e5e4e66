"""The protocol of orchestrator, provisioner and providers.

A request is one line of JSON. The answer is lines of JSON: any number of ``{"progress": "text"}``,
then one ``{"result": {...}}`` or ``{"error": "text"}``. See ``docs/scaling-providers.md``.
"""

from __future__ import annotations

import json
import re
from typing import Any, Literal

Verb = Literal["create", "destroy", "list", "capacity"]
VERBS: tuple[Verb, ...] = ("create", "destroy", "list", "capacity")
OF_A_NODE: tuple[Verb, ...] = ("create", "destroy")
NODE = re.compile(r"[a-z0-9][a-z0-9-]{0,23}")
"""A node's name: short enough for the names that a provider derives, and never an
option or a path."""
PROVIDER = re.compile(r"[a-z][a-z0-9_-]{0,31}")
LINE_BYTES_MAX = 1 << 19
"""A list of 10,000 nodes is shorter."""
ANSWER_BYTES_MAX = 1 << 20
"""Size limit of all lines of one answer."""
KINDS = {"progress": str, "result": dict, "error": str}


def encode(message: dict[str, Any]) -> bytes:
    """Encode one line."""
    return json.dumps(message, ensure_ascii=True).encode() + b"\n"


def decode(line: bytes) -> tuple[str, Any]:
    """The kind and the value of one line of an answer; raises ValueError."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as exc:
        raise ValueError(f"no JSON: {excerpt(line)}") from exc
    if not isinstance(message, dict) or len(message) != 1:
        raise ValueError(f"no object with one of {', '.join(KINDS)} alone: {excerpt(line)}")
    ((kind, said),) = message.items()
    if kind not in KINDS or not isinstance(said, KINDS[kind]):
        raise ValueError(f"no object with one of {', '.join(KINDS)} alone: {excerpt(line)}")
    return kind, printable(said) if isinstance(said, str) else said


def printable(text: str) -> str:
    """The text without control characters, which a terminal or a database would not handle."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def excerpt(line: bytes) -> str:
    """The beginning of a line, printable."""
    return repr(line[:80].decode("utf-8", "replace"))
