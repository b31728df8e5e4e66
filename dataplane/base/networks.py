"""Addresses and prefixes in the form of the tables: 16 bytes and a length, IPv4 mapped into IPv6.

All networks from users, files and requests are parsed here, so that one network has one spelling.
This module depends on no list and no table.
"""

from __future__ import annotations

import socket
from typing import Literal, NamedTuple

from dataplane.base.errors import InvalidInputError

KEY_BITS = 128
MAPPED_PREFIX = bytes(10) + b"\xff\xff"
"""``::ffff:0:0/96``, where IPv4 lies (RFC 4291 section 2.5.5.2)."""
_MAPPED_BITS = 96
_TEXT_MAX = 64
_RULE = "an IPv4 or IPv6 address, or a prefix in CIDR form"


class Network(NamedTuple):
    """One address or prefix; ordered by key, then by length.

    A named tuple because a million of them are made, hashed and compared during an import.
    """

    key: bytes
    """16 bytes in network order; IPv4 mapped; bits beyond the prefix are 0."""
    prefix_length: int
    """0 to 128 in the mapped space: an IPv4 /24 is 120."""

    @classmethod
    def parse(cls, text: str) -> Network:
        """Parse text: ``203.0.113.7``, ``203.0.113.0/24``, ``2001:db8::/32``.

        ``::ffff:`` mapped IPv4 becomes IPv4. Refused, with `InvalidInputError` on the field ``ip``:
        host bits set (the message names the network), zone ids, leading zeros, netmasks.
        """
        try:  # the fast path: about 0.6 us
            return cls(MAPPED_PREFIX + socket.inet_pton(socket.AF_INET, text), KEY_BITS)
        except (OSError, ValueError):
            return _parse_other(cls, text)
        except TypeError as exc:
            raise _refusal(text, f"{text!r} is not text") from exc

    @property
    def family(self) -> Literal[4, 6]:
        """4 if it lies within the mapped space, else 6."""
        mapped = self.prefix_length >= _MAPPED_BITS and self.key.startswith(MAPPED_PREFIX)
        return 4 if mapped else 6

    @property
    def is_address(self) -> bool:
        """Whether the network is one address and not a prefix."""
        return self.prefix_length == KEY_BITS

    def contains(self, other: Network) -> bool:
        """Whether the network contains every address of another network of the same family."""
        if self.prefix_length > other.prefix_length or self.family != other.family:
            return False
        shift = KEY_BITS - self.prefix_length
        mine, theirs = int.from_bytes(self.key, "big"), int.from_bytes(other.key, "big")
        return mine >> shift == theirs >> shift

    def __str__(self) -> str:
        return network_text(*self)


def network_text(key: bytes, prefix_length: int) -> str:
    """Text of a network: the same as that of a `Network`, which costs as much to create."""
    if prefix_length == KEY_BITS:
        return address_text(key)
    if prefix_length >= _MAPPED_BITS and key.startswith(MAPPED_PREFIX):
        return f"{address_text(key)}/{prefix_length - _MAPPED_BITS}"
    return f"{socket.inet_ntop(socket.AF_INET6, key)}/{prefix_length}"


def address_text(key: bytes) -> str:
    """Text of one address of 16 bytes; IPv4 in dotted form."""
    if key.startswith(MAPPED_PREFIX):
        return socket.inet_ntop(socket.AF_INET, key[12:])
    return socket.inet_ntop(socket.AF_INET6, key)


def _parse_other(cls: type[Network], text: str) -> Network:
    """Parse everything except a plain IPv4 address."""
    if len(text) > _TEXT_MAX:
        raise _refusal(text[:_TEXT_MAX], f"an address of {len(text)} characters")
    address, slash, length_text = text.partition("/")
    key, bits = _parse_address(address, text)
    if not slash:
        return cls(key, KEY_BITS)
    length = _parse_length(length_text, bits, text)
    prefix_length = KEY_BITS - bits + length
    if key.startswith(MAPPED_PREFIX) and bits == KEY_BITS and prefix_length < _MAPPED_BITS:
        raise _refusal(text, f"{text!r} is a mapped IPv4 address with a prefix shorter than /96")
    network = cls(_cleared(key, prefix_length), prefix_length)
    if network.key != key:
        raise _refusal(text, f"{text!r} has host bits set; the network is {network}")
    return network


def _parse_address(address: str, text: str) -> tuple[bytes, int]:
    """The key, and the number of bits of the written family."""
    try:
        if ":" in address:
            return socket.inet_pton(socket.AF_INET6, address), KEY_BITS
        return MAPPED_PREFIX + socket.inet_pton(socket.AF_INET, address), 32
    except (OSError, ValueError) as exc:
        raise _refusal(text, f"{text!r} is not an IP address or prefix") from exc


def _parse_length(length_text: str, bits: int, text: str) -> int:
    digits = length_text.isascii() and length_text.isdigit() and len(length_text) <= 3  # noqa: PLR2004
    if not digits or str(int(length_text)) != length_text or int(length_text) > bits:
        raise _refusal(text, f"{text!r} has no prefix length from 0 to {bits}")
    return int(length_text)


def _cleared(key: bytes, prefix_length: int) -> bytes:
    shift = KEY_BITS - prefix_length
    return (int.from_bytes(key, "big") >> shift << shift).to_bytes(16, "big")


def _refusal(value: object, message: str) -> InvalidInputError:
    return InvalidInputError(message, field="ip", value=value, limit=_RULE)
