"""Warns of prefixes that are so short that they are probably a mistake.

No organisation has an IPv4 prefix shorter than /8 or an IPv6 prefix shorter than /19, so a shorter
prefix covers unrelated networks. A prefix of a whole family needs ``force``.
"""

from __future__ import annotations

from dataplane.base.errors import InvalidInputError
from dataplane.base.networks import KEY_BITS, Network

IPV4_LENGTH_MIN, IPV6_LENGTH_MIN = 8, 19
_IPV4_BITS = 32
WIDE_BITS = KEY_BITS - _IPV4_BITS + IPV4_LENGTH_MIN
"""In the mapped space, a prefix of this length or more is short in neither family."""
LIMIT = "not all addresses of a family, unless force is true (--force)"


def warnings_about(network: Network) -> tuple[str, ...]:
    """Warnings about a network that is put on a list: one or none."""
    least, length = IPV6_LENGTH_MIN, network.prefix_length
    if network.family == 4:  # noqa: PLR2004
        least, length = IPV4_LENGTH_MIN, length - KEY_BITS + _IPV4_BITS
    if length >= least:
        return ()
    count = 1 << KEY_BITS - network.prefix_length
    many = f"{count:,}" if network.family == 4 else f"2^{count.bit_length() - 1}"  # noqa: PLR2004
    return (f"{network} is shorter than /{least}: it holds {many} addresses",)


def refuse_everything(network: Network, field: str = "ip") -> None:
    """Raise InvalidInputError if the network is all addresses of its family."""
    family = network.family
    if network.prefix_length > (KEY_BITS - _IPV4_BITS if family == 4 else 0):  # noqa: PLR2004
        return
    message = f"{network} is every IPv{family} address; it takes force"
    raise InvalidInputError(message, field=field, value=str(network), limit=LIMIT)
