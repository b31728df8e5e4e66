"""The JSON Schema of texts that `Network.parse` accepts, as far as JSON Schema can express it.

It can't exclude set host bits: in IPv6 the last bits may stand anywhere in the text.
"""

from __future__ import annotations

from typing import Any

_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = rf"{_OCTET}(\.{_OCTET}){{3}}"
_GROUP = "[0-9A-Fa-f]{1,4}"
_HEAD, _TAIL = f"({_GROUP}:)", f"(:{_GROUP})"
_IPV6 = "|".join(
    [
        f"{_HEAD}{{7}}{_GROUP}",
        f":({_TAIL}{{1,7}}|:)",
        f"{_HEAD}{{1,7}}:",
        *(f"{_HEAD}{{1,{7 - after}}}{_TAIL}{{1,{after}}}" for after in range(1, 7)),
        f"({_HEAD}{{6}}|::{_HEAD}{{0,5}}){_IPV4}",
        *(f"{_HEAD}{{1,{5 - after}}}:{_HEAD}{{0,{after}}}{_IPV4}" for after in range(5)),
    ]
)
"""RFC 4291, 2.2: eight groups; fewer with a ``::``; the last two may be written as IPv4."""
_ADDRESSES: list[dict[str, Any]] = [
    {"type": "string", "format": "ipv4"},
    {"type": "string", "format": "ipv6"},
]
_BITS = "([12]?[0-9]|3[0-2])", "([1-9]?[0-9]|1[01][0-9]|12[0-8])"


def address_schema(description: str) -> dict[str, Any]:
    """One address."""
    return {"description": description, "anyOf": _ADDRESSES}


def network_schema(description: str, bits: tuple[str, str] = _BITS) -> dict[str, Any]:
    """An address or a prefix; ``bits``: patterns of the lengths in IPv4 and in IPv6."""
    ipv4, ipv6 = bits
    return {
        "description": description,
        "examples": ["192.0.2.100", "203.0.113.0/24", "2001:db8::/32"],
        "anyOf": [
            *_ADDRESSES,
            {"type": "string", "pattern": f"^{_IPV4}/{ipv4}$"},
            {"type": "string", "pattern": f"^({_IPV6})/{ipv6}$"},
        ],
    }
