"""A client of the SYN proxy in two separate runs: ``cookie_client.py syn|ack ...``.

``syn DEVICE SOURCE TARGET MAC WAIT_S`` sends a SYN to port 80 and prints the initial sequence
number of the answer. ``ack DEVICE SOURCE TARGET MAC WAIT_S COOKIE`` acknowledges it, requests a
page, prints the first line of the response and resets the connection. Segments without an answer
are repeated for WAIT_S seconds. SOURCE must not be an address of this host, because the kernel
would answer.
"""

from __future__ import annotations

import select
import socket
import sys
import time
from collections.abc import Callable

from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

PORT = 40_123
ISN = 1_000_000
_ETH_P_ALL = 0x0003
_AGAIN_S = 0.3
_REQUEST = b"GET / HTTP/1.0\r\n\r\n"


class Client:
    """Sends and receives frames on one device."""

    def __init__(self, device: str, source: str, target: str, target_mac: str) -> None:
        self._wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        self._wire.bind((device, _ETH_P_ALL))
        own = self._wire.getsockname()[4].hex(":")
        self._link = Ether(src=own, dst=target_mac)
        self._ip = IP(src=source, dst=target)

    def send(self, flags: str, sequence: int, acknowledged: int, payload: bytes = b"") -> None:
        """Send a segment; a SYN has an MSS."""
        options = [("MSS", 1460)] if "S" in flags else []
        tcp = TCP(sport=PORT, dport=80, flags=flags, options=options, window=65535)
        tcp.seq, tcp.ack = sequence, acknowledged
        self._wire.send(bytes(self._link / self._ip / tcp / payload))

    def ask(self, send: Callable[[], None], is_answer: Callable[[TCP], bool], wait_s: float) -> TCP:
        """Send until there is an answer; raises TimeoutError."""
        end = time.monotonic() + wait_s
        while time.monotonic() < end:
            send()
            answer = self._receive(is_answer)
            if answer is not None:
                return answer
        raise TimeoutError(f"no answer in {wait_s} s")

    def _receive(self, is_answer: Callable[[TCP], bool]) -> TCP | None:
        """The next such segment from the target within a short time; None: there is none."""
        end = time.monotonic() + _AGAIN_S
        while select.select([self._wire], [], [], max(0.0, end - time.monotonic()))[0]:
            data, address = self._wire.recvfrom(2048)
            frame = Ether(data)
            if address[2] == socket.PACKET_OUTGOING or TCP not in frame:
                continue
            if frame[TCP].dport == PORT and is_answer(frame[TCP]):
                return frame[TCP]
        return None


def main(verb: str, *arguments: str) -> None:
    """Run ``syn`` or ``ack``."""
    client, wait_s = Client(*arguments[:4]), float(arguments[4])
    if verb == "syn":
        answer = client.ask(lambda: client.send("S", ISN, 0), _has("SA"), wait_s)
        print(answer.seq)
        return
    first = int(arguments[5]) + 1

    def request() -> None:
        client.send("A", ISN + 1, first)
        client.send("PA", ISN + 1, first, _REQUEST)

    # The client acknowledges nothing, so the host repeats the page's later segments, too.
    page = client.ask(request, lambda tcp: _has("P")(tcp) and tcp.seq == first, wait_s)
    print(bytes(page.payload).splitlines()[0].decode())
    client.send("R", ISN + 1 + len(_REQUEST), 0)


def _has(flags: str) -> Callable[[TCP], bool]:
    return lambda tcp: all(flag in str(tcp.flags) for flag in flags)


if __name__ == "__main__":
    main(*sys.argv[1:])
