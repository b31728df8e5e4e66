"""Two pages over one connection: ``patient_client.py HOST``. The second request waits for a line on
stdin.

Prints ``ready`` after the first page, then ``again`` or the error.
"""

from __future__ import annotations

import http.client
import sys

_TIMEOUT_S = 20


def main(host: str) -> None:
    """Request both pages."""
    connection = http.client.HTTPConnection(host, timeout=_TIMEOUT_S)
    connection.request("GET", "/")
    connection.getresponse().read()
    own = connection.sock.getsockname()
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
    except (OSError, http.client.HTTPException) as error:
        print(repr(error))
        return
    # A client that opened a new connection would prove nothing.
    print("again" if connection.sock.getsockname() == own else "connected anew")


if __name__ == "__main__":
    main(sys.argv[1])
