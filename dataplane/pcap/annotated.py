"""Writes a pcapng file with the interface of each packet and a comment about it."""

from __future__ import annotations

from collections.abc import Sequence

from dataplane.base.errors import InvalidInputError
from dataplane.pcap.blocks import (
    APPLICATION,
    COMMENT,
    END_OF_OPTIONS,
    INTERFACE_NAME,
    append_packet,
    interface,
    option,
    section,
)


class AnnotatedCapture:
    """A pcapng file in which each packet has an interface and a comment."""

    def __init__(self, interfaces: Sequence[str], *, comment: str, application: str) -> None:
        """``interfaces``: their names; ``comment``: about the file; ``application``: the writing
        program."""
        options = option(COMMENT, comment.encode()) + option(APPLICATION, application.encode())
        self._parts: list[bytes | bytearray] = [section(options)]
        self._parts += [interface(option(INTERFACE_NAME, name.encode())) for name in interfaces]
        self._numbers = {name: number for number, name in enumerate(interfaces)}

    def add(self, timestamp_ns: int, data: bytes, length: int, *, port: str, comment: str) -> None:
        """Append one packet that had ``length`` bytes on the wire.

        Raises InvalidInputError: there is no such interface.
        """
        number = self._numbers.get(port)
        if number is None:
            known = ", ".join(self._numbers)
            message = f"capture has no interface {port!r}, only {known}"
            raise InvalidInputError(message, field="interface", value=port, limit=known)
        options = option(COMMENT, comment.encode()) + END_OF_OPTIONS
        append_packet(self._parts, timestamp_ns, data, length, number, options)

    def content(self) -> bytes:
        """The file as it is so far."""
        return b"".join(self._parts)
