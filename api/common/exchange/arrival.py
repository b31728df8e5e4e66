"""A request's body that may not have arrived yet: the protocol of server and application.

The server calls the application when the head has arrived. An application that needs the body
raises `BodyWanted`; the server collects the body without a thread, and calls the application again
with the same environ. Decisions of the first call (the principal) are kept in the `Arrival`. With a
plain WSGI server, as in tests, there is no `Arrival` and the body is read from ``wsgi.input``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from api.common.contract.errors import ApiError, FieldError, TooLargeError
from api.common.contract.roles import Principal

_KEY = "secbeat.arrival"


class BodyWanted(BaseException):
    """The head is accepted: collect the body, of at most so many bytes, in a file of this
    directory."""

    def __init__(self, bytes_max: int, directory: Path | None) -> None:
        super().__init__(bytes_max)
        self.bytes_max = bytes_max
        self.directory = directory
        """None: in memory."""


@dataclass
class Arrival:
    """The body of one request. The server's event loop fills it, then the application reads it."""

    principal: Principal | None = None
    """The principal, once the head was admitted: a request counts once against its limits."""
    complete: bool = False
    error: ApiError | None = None
    """The error because of which the body can't be read: too large, too late, no room."""
    file: IO[bytes] | None = None
    body: bytearray = field(default_factory=bytearray)
    """The body, if it is in memory."""

    def enter(self, environ: dict[str, Any]) -> None:
        """Store this in the environ of its request."""
        environ[_KEY] = self

    def open(self, directory: Path) -> None:
        """Open the file for the body; it is deleted when it is closed."""
        self.file = tempfile.NamedTemporaryFile(  # noqa: SIM115
            dir=directory, prefix="upload-", buffering=0
        )

    def write(self, data: bytes) -> None:
        """Append to the file. Writes are unbuffered, so an error occurs here and not later."""
        if self.file is None:
            raise RuntimeError("open comes first")
        rest = memoryview(data)
        while rest:
            rest = rest[self.file.write(rest) :]

    def close(self) -> None:
        """Remove the file; may be called again."""
        if self.file is not None:
            self.file.close()


def of(environ: Mapping[str, Any]) -> Arrival | None:
    """The arrival of the request with this environ; None: a plain WSGI server."""
    return cast("Arrival | None", environ.get(_KEY))


def want(environ: Mapping[str, Any], bytes_max: int, directory: Path | None = None) -> Path | None:
    """Return when the body is complete: it is in ``wsgi.input``, or in the returned file.

    Raises `BodyWanted` if it was not requested yet, and the `ApiError` that ended it.
    """
    found = of(environ)
    if found is None:
        return None
    if found.error is not None:
        raise found.error
    if not found.complete:
        raise BodyWanted(bytes_max, directory)
    return None if found.file is None else Path(found.file.name)


def too_large(size_bytes: int | None, bytes_max: int) -> TooLargeError:
    """The error for a body of so many bytes, or of more than fit."""
    what = FieldError("body", size_bytes, f"{bytes_max} bytes", f"at most {bytes_max} bytes")
    return TooLargeError(f"the body is larger than {bytes_max} bytes", errors=[what])
