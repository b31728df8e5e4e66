"""A router's TCP session with the kernel's TCP: ``neighbour.py gtsm|md5|far server|client
ADDRESS``.

gtsm: sends with a TTL of 255 and accepts no smaller one (RFC 5082). md5: signs every segment (RFC
2385). far: BGP's own port, with a TTL as after some routers. The server sends first, then repeats
what it receives. The client prints what it has received, with ``far`` after some messages in both
directions.
"""

from __future__ import annotations

import socket
import struct
import sys
import threading

IP_MINTTL, IPV6_MINHOPCOUNT, TCP_MD5SIG = 21, 73, 14
"""Linux constants that Python has no names for."""
PORT = 1790
FAR_PORT, FAR_TTL, FAR_WORDS = 179, 61, 10
GREETING = b"OPEN"
SECRET = b"between the two of us"


def main(kind: str, role: str, address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family)
    sock.settimeout(30)
    port = FAR_PORT if kind == "far" else PORT
    if kind == "gtsm":
        ask_for_a_neighbour(sock, family)
    elif kind == "far":
        come_from_afar(sock, family)
    else:
        sign(sock, family, address)
    if role == "server":
        serve(sock, port)
    else:
        sock.connect((address, port))
        heard = sock.recv(len(GREETING), socket.MSG_WAITALL)
        for _ in range(FAR_WORDS if kind == "far" else 0):
            sock.sendall(heard)
            heard = sock.recv(len(heard), socket.MSG_WAITALL)
        sys.stdout.write(heard.decode())


def serve(sock: socket.socket, port: int) -> None:
    """Serve until the process is stopped."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("::" if sock.family == socket.AF_INET6 else "", port))
    sock.listen()
    sock.settimeout(None)
    while True:
        peer, _ = sock.accept()
        threading.Thread(target=answer, args=(peer,), daemon=True).start()


def answer(peer: socket.socket) -> None:
    with peer:
        peer.sendall(GREETING)
        while said := peer.recv(len(GREETING)):
            peer.sendall(said)


def ask_for_a_neighbour(sock: socket.socket, family: socket.AddressFamily) -> None:
    if family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 255)
        sock.setsockopt(socket.IPPROTO_IP, IP_MINTTL, 255)
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 255)
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_MINHOPCOUNT, 255)


def come_from_afar(sock: socket.socket, family: socket.AddressFamily) -> None:
    if family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, FAR_TTL)
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, FAR_TTL)


def sign(sock: socket.socket, family: socket.AddressFamily, peer: str) -> None:
    """Sign segments, with ``struct tcp_md5sig`` of linux/tcp.h."""
    packed = socket.inet_pton(family, peer)
    at = 4 if family == socket.AF_INET else 8
    address = struct.pack("=HH", family, 0).ljust(at, b"\0") + packed
    key = struct.pack("=BBHi80s", 0, 0, len(SECRET), 0, SECRET)
    sock.setsockopt(socket.IPPROTO_TCP, TCP_MD5SIG, address.ljust(128, b"\0") + key)


if __name__ == "__main__":
    main(*sys.argv[1:])
