"""The receiver in docs/webhooks.md, run as it stands there."""

from __future__ import annotations

from pathlib import Path

import requests

from api.webhooks import secret
from api.webhooks.message import Message
from dataplane.base.clock import SystemClock
from tests.support.servers.documented_receiver import documented_receiver

KEY = bytes(range(32))
MESSAGE = Message("evt_1", '{"event":"test","id":"evt_1","data":{"n":1}}')


def test_it_takes_what_is_signed_once_and_nothing_else(tmp_path: Path) -> None:
    with documented_receiver(tmp_path, secret.encode(KEY)) as receiver:
        now_ms = SystemClock().utc_ms()
        signed = MESSAGE.headers(KEY, now_ms)
        assert _post(receiver.url, signed) == _post(receiver.url, signed) == 204
        assert _post(receiver.url, MESSAGE.headers(bytes(32), now_ms)) == 401
        assert _post(receiver.url, MESSAGE.headers(KEY, now_ms - 3_600_000)) == 401
        assert _post(receiver.url, {}) == 401
        assert receiver.events("test") == [{"n": 1}]
    assert len((tmp_path / "receiver.py").read_text().splitlines()) < 30


def _post(url: str, headers: dict[str, str]) -> int:
    return requests.post(url, data=MESSAGE.body.encode(), headers=headers, timeout=60).status_code
