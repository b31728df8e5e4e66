"""The message of an event: its body, and the headers that authenticate the sender.

Standard Webhooks: ``webhook-id``, ``webhook-timestamp`` and ``webhook-signature`` over both and the
body. Each attempt gets a new signature, as receivers refuse messages older than five minutes. The
id stays the same, so that receivers can detect repetitions.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from standardwebhooks import Webhook

from api.common.contract.schemas import rfc3339

USER_AGENT = "SecBeat"
_ID_BYTES = 16


@dataclass(frozen=True)
class Message:
    """One event as a receiver gets it."""

    id: str
    body: str

    def headers(self, key: bytes, utc_ms: int) -> dict[str, str]:
        """The headers, signed at that time."""
        # Aware and in UTC: the package drops a zone instead of converting from it.
        at = datetime.fromtimestamp(utc_ms // 1000, UTC)
        return {
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            "webhook-id": self.id,
            "webhook-timestamp": str(utc_ms // 1000),
            "webhook-signature": Webhook(key).sign(self.id, at, self.body),
        }


def message(
    *,
    event_id: str,
    kind: str,
    at_ms: int,
    node_id: str,
    sequence: int | None,
    data: Mapping[str, Any],
) -> Message:
    """The message of an event; without a sequence number the event is not recorded."""
    body = {
        "event": kind,
        "timestamp": rfc3339(at_ms),
        "node_id": node_id,
        "id": event_id,
        "sequence": sequence,
        "data": data,
    }
    return Message(event_id, json.dumps(body, separators=(",", ":"), ensure_ascii=False))


def new_id() -> str:
    """A new event id: ``evt_`` and 128 random bits in 22 characters."""
    return f"evt_{secrets.token_urlsafe(_ID_BYTES)}"
