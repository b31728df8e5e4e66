"""A client of the SYN proxy that is in two places: ``cookie_client.py syn|ack ...``.

``syn DEVICE SOURCE TARGET MAC`` sends a SYN to port 80 and prints the initial sequence number of
the answer. ``ack DEVICE SOURCE TARGET MAC ISN COOKIE`` acknowledges it, asks for a page, prints the
first line of what comes and resets the connection. SOURCE is no address of this host's, whose
kernel would answer for itself.
"""

from __future__ import annotations

import socket
import sys
import time

from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

PORT = 40_123
ISN = 1_000_000
_ETH_P_ALL = 0x0003
_WAIT_S = 5.0
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
        """A segment; a SYN has an MSS."""
        options = [("MSS", 1460)] if "S" in flags else []
        tcp = TCP(sport=PORT, dport=80, flags=flags, options=options, window=65535)
        tcp.seq, tcp.ack = sequence, acknowledged
        self._wire.send(bytes(self._link / self._ip / tcp / payload))

    def receive(self, flags: str) -> TCP:
        """The next segment from the target that has all of these flags, and data if PSH is one."""
        deadline = time.monotonic() + _WAIT_S
        while (left := deadline - time.monotonic()) > 0:
            self._wire.settimeout(left)
            data, address = self._wire.recvfrom(2048)
            frame = Ether(data)
            if address[2] == socket.PACKET_OUTGOING or TCP not in frame:
                continue
            tcp = frame[TCP]
            if tcp.dport == PORT and all(flag in str(tcp.flags) for flag in flags):
                return tcp
        raise TimeoutError(f"no segment with {flags} in {_WAIT_S} s")


def main(verb: str, *arguments: str) -> None:
    """See above."""
    client = Client(*arguments[:4])
    if verb == "syn":
        client.send("S", ISN, 0)
        print(client.receive("SA").seq)
        return
    first = int(arguments[4]) + 1
    client.send("A", ISN + 1, first)
    client.send("PA", ISN + 1, first, _REQUEST)
    page = client.receive("P")
    print(bytes(page.payload).splitlines()[0].decode(), page.seq == first)
    client.send("R", ISN + 1 + len(_REQUEST), 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
