"""An application that records what it has read: a line of JSON for each request, in the
file SEEN."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from typing import Any


def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """The WSGI application."""
    body = environ["wsgi.input"].read()
    fields = {name: value for name, value in environ.items() if name.startswith("HTTP_")}
    said = [environ["REQUEST_METHOD"], environ["RAW_URI"], environ["PATH_INFO"], fields]
    text = json.dumps([*said, body.decode("latin-1")])
    with open(os.environ["SEEN"], "a") as file:  # noqa: PTH123
        file.write(text + "\n")
    answer = text.encode()
    fields_back = [("Content-Type", "text/plain"), ("Content-Length", str(len(answer)))]
    start_response("200 OK", fields_back)
    return [answer]
