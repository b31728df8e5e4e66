"""The tables that stages read: the entries of the lists, and the countries of addresses."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from dataplane.native.abi import DEADLINE_NEVER, ListKind


@dataclass
class ListEntry:
    """One address or prefix on one of the two lists.

    An IPv4 network covers IPv4 clients only, an IPv6 network, ``::/0`` included, IPv6 clients only.
    Networks within ``::ffff:0:0/96`` are IPv4.
    """

    network: IPv4Network | IPv6Network
    kind: ListKind
    deadline_ds: int = DEADLINE_NEVER
    """The end of the entry, on the clock of ``boot_ds``."""
    hits: int = 0

    def is_over(self, boot_ds: int) -> bool:
        """Whether the entry has ended: from its deadline on."""
        return self.deadline_ds != DEADLINE_NEVER and boot_ds >= self.deadline_ds


@dataclass
class Countries:
    """The country of every address: ranges of each family, ascending, the first one from address 0.

    The control loop writes it, ``country`` reads it. C has tries of the same ranges.
    """

    ipv4: list[tuple[int, int]]
    """First address and number of a country, valid until the next range begins."""
    ipv6: list[tuple[int, int]]

    def find(self, client: bytes) -> int:
        """The country of an address of 4 or 16 bytes.

        An IPv6 address that contains IPv4 has that address's country, as in MMDB files: mapped (RFC
        4291, section 2.5.5.2), 6to4 (RFC 3056, section 2), Teredo by its server (RFC 4380, 4).
        """
        address = ip_address(client)
        if isinstance(address, IPv6Address):
            teredo = address.teredo
            held = address.ipv4_mapped or address.sixtofour or (teredo and teredo[0])
            address = held or address
        ranges = self.ipv4 if address.version == 4 else self.ipv6
        return max((first, number) for first, number in ranges if first <= int(address))[1]


@dataclass
class Lists:
    """Both lists of a node, unordered.

    The control loop writes them, ``lists`` reads them. C has hash and range tables of the same
    entries.
    """

    entries: list[ListEntry] = field(default_factory=list)

    def decide(self, client: IPv4Address | IPv6Address, boot_ds: int) -> ListEntry | None:
        """The entry that decides about a client; None: no entry contains its address.

        Allowed if any entry allows, else banned if any bans; the prefix length is not relevant for
        that. Of the list that decides, the longest entry counts the hit.
        """
        speaking = [
            entry
            for entry in self.entries
            if client in entry.network and not entry.is_over(boot_ds)
        ]
        allowing = [entry for entry in speaking if entry.kind is ListKind.ALLOWLIST]
        return max(allowing or speaking, key=lambda e: e.network.prefixlen, default=None)
