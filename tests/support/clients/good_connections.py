"""Well-behaved connections at a fixed rate: ``good_connections.py HOST COUNT PER_SECOND``.

Each requests a page. Prints, as JSON, how many failed, and the seconds that each of the others
took.
"""

from __future__ import annotations

import json
import socket
import sys
import time

_REQUEST = b"GET / HTTP/1.0\r\n\r\n"
_TIMEOUT_S = 30


def run(host: str, count: int, per_s: float) -> tuple[int, list[float]]:
    """Open the connections one after the other, each at its scheduled time."""
    failed, took, due = 0, [], time.monotonic()
    for _ in range(count):
        due += 1 / per_s
        begun = time.monotonic()
        try:
            with socket.create_connection((host, 80), timeout=_TIMEOUT_S) as one:
                one.sendall(_REQUEST)
                failed += not one.recv(4096).startswith(b"HTTP/1.1 200")
                took.append(time.monotonic() - begun)
        except OSError:
            failed += 1
        time.sleep(max(0.0, due - time.monotonic()))
    return failed, took


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))))
