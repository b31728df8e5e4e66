"""The lists by number, the kinds of networks on them, and the keys that networks cover."""

from __future__ import annotations

from dataplane.base.networks import KEY_BITS, Network
from dataplane.statelog import ListName

LISTS: tuple[ListName, ...] = ("blacklist", "allowlist")
"""The lists by their numbers in the column ``list``."""
BLACKLIST, ALLOWLIST = range(2)
ADDRESS, PREFIX_IPV4, PREFIX_IPV6 = range(3)
KINDS = ("addresses", "IPv4 prefixes", "IPv6 prefixes")

number = {name: index for index, name in enumerate(LISTS)}


def kind(network: Network) -> int:
    """The data plane's table in which the network takes a place."""
    if network.is_address:
        return ADDRESS
    return PREFIX_IPV4 if network.family == 4 else PREFIX_IPV6  # noqa: PLR2004


def outer_keys(network: Network) -> list[bytes]:
    """The keys of all networks of its family that contain the whole network, itself included."""
    shortest = KEY_BITS - 32 if network.family == 4 else 0  # noqa: PLR2004
    value = int.from_bytes(network.key, "big")
    lengths = range(shortest, network.prefix_length + 1)
    return sorted({(value >> KEY_BITS - n << KEY_BITS - n).to_bytes(16, "big") for n in lengths})


def last_address(network: Network) -> bytes:
    """The key of the network's last address."""
    host_bits = (1 << KEY_BITS - network.prefix_length) - 1
    return (int.from_bytes(network.key, "big") | host_bits).to_bytes(16, "big")
