"""Many clients at once, each with its own address: ``crowd_client.py HOST FIRST COUNT TRY_S``.

Each requests a page until it has received it, ``TRY_S`` seconds per attempt, for at most two
minutes. Prints the number of clients with a page. The COUNT addresses from FIRST on must belong to
this host.
"""

from __future__ import annotations

import asyncio
import sys
from ipaddress import IPv4Address

LONGEST_S = 120.0
REQUEST = "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"


async def fetch(host: str, source: str) -> bool:
    """True if the origin's page was received."""
    reader, writer = await asyncio.open_connection(host, 80, local_addr=(source, 0))
    try:
        writer.write(REQUEST.format(host=host).encode())
        return b" 200 OK\r\n" in await reader.read()
    finally:
        writer.close()


async def client(host: str, source: str, try_s: float) -> bool:
    """Try until the page is received or the time is over."""
    loop = asyncio.get_running_loop()
    end = loop.time() + LONGEST_S
    while loop.time() < end:
        begun = loop.time()
        try:
            if await asyncio.wait_for(fetch(host, source), try_s):
                return True
        except (OSError, TimeoutError):
            await asyncio.sleep(max(0.0, begun + try_s - loop.time()))
    return False


async def main(host: str, first: str, count: int, try_s: float) -> int:
    """Run all clients; returns how many received the page."""
    sources = [str(IPv4Address(first) + number) for number in range(count)]
    served = await asyncio.gather(*(client(host, source, try_s) for source in sources))
    return sum(served)


if __name__ == "__main__":
    _host, _first, _count, _try_s = sys.argv[1:]
    print(asyncio.run(main(_host, _first, int(_count), float(_try_s))))
