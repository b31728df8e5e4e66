"""Two pages over one connection: ``patient_client.py HOST``; the second after a line on stdin.

Prints ``ready`` after the first, then ``again`` or what has gone wrong.
"""

from __future__ import annotations

import http.client
import sys

_TIMEOUT_S = 20


def main(host: str) -> None:
    """See above."""
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
    # A client that has connected anew would be no proof.
    print("again" if connection.sock.getsockname() == own else "connected anew")


if __name__ == "__main__":
    main(sys.argv[1])
