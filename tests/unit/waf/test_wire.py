"""Frames on the compile helper's socket."""

from __future__ import annotations

import pytest

from dataplane.waf.exchange.wire import FRAME_BYTES_MAX, Decoder, WireError, encode

MESSAGES: list[dict[str, object]] = [{"a": "é"}, {}, {"b": [1, None, {"c": "x" * 1000}]}]


def test_frames_come_out_however_they_were_cut() -> None:
    data = b"".join(map(encode, MESSAGES))
    for size in (1, 2, 3, 5, 7, 1000, len(data)):
        decoder, found = Decoder(), []
        for start in range(0, len(data), size):
            decoder.feed(data[start : start + size])
            while (message := decoder.next()) is not None:
                found.append(message)
        assert found == MESSAGES


@pytest.mark.parametrize(
    "data",
    [
        (FRAME_BYTES_MAX + 1).to_bytes(4, "big"),
        b"\0\0\0\0",
        b"\0\0\0\1{",
        b"\0\0\0\2[]",
        b"\0\0\0\1\xff",
        (100_000).to_bytes(4, "big") + b"[" * 100_000,
    ],
)
def test_what_is_no_frame_is_an_error(data: bytes) -> None:
    decoder = Decoder()
    decoder.feed(data)
    with pytest.raises(WireError):
        decoder.next()


def test_a_frame_that_is_too_long_is_not_sent() -> None:
    with pytest.raises(WireError, match=str(FRAME_BYTES_MAX)):
        encode({"a": "x" * FRAME_BYTES_MAX})
