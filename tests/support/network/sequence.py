"""A sender and a receiver of numbered datagrams at a fixed rate, for a peer's namespace.

``sequence.py send ADDRESS PORT RATE_PPS`` sends until SIGTERM, then prints the number sent.
``sequence.py receive PORT`` reads from standard input how many were sent, receives until it has
them or until nothing more arrives, then prints how many different ones it has received.
"""

from __future__ import annotations

import select
import signal
import socket
import sys
import time

_SO_RCVBUFFORCE = 33  # asm-generic/socket.h
_BUFFER_BYTES = 16 << 20
_SILENCE_S = 15.0

_stopped = False


def _stop(*_: object) -> None:
    global _stopped  # noqa: PLW0603 - a script's only state
    _stopped = True


def send(address: str, port: int, rate_pps: int) -> int:
    """Send numbered datagrams at a fixed rate; returns how many."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    number, start = 0, time.monotonic()
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        while not _stopped:
            due = int((time.monotonic() - start) * rate_pps)
            # After a pause of the machine, the missing ones are not sent as one burst.
            for _ in range(min(due - number, 4)):
                number += 1
                sender.sendto(number.to_bytes(8), (address, port))
            start = max(start, time.monotonic() - (number + 4) / rate_pps)
            time.sleep(1 / rate_pps)
    return number


def receive(port: int) -> int:
    """Receive datagrams; returns the number of different ones."""
    seen: set[bytes] = set()
    sent: int | None = None
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as receiver:
        receiver.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        # Datagrams that wait here while this process does not run have passed the node.
        receiver.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
        receiver.bind(("::", port))
        print("listening", flush=True)
        while sent is None or len(seen) < sent:
            sources = [receiver, sys.stdin] if sent is None else [receiver]
            readable, _, _ = select.select(sources, [], [], None if sent is None else _SILENCE_S)
            if receiver in readable:
                seen.add(receiver.recv(64))
            elif readable:
                sent = int(sys.stdin.readline())
            else:
                break
    return len(seen)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)
    if sys.argv[1] == "send":
        print(send(sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
    else:
        print(receive(int(sys.argv[2])))
