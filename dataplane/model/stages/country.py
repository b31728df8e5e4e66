"""Country: judges packets from outside by the country of their source: blocked or not allowed.

Without a database, no source has a country, and all packets pass. Sources that the database does
not have are of country 0, which a profile can name like any other.
"""

from __future__ import annotations

from collections.abc import Iterator

from dataplane.model.packet import Packet
from dataplane.model.policy import Profile
from dataplane.model.state import Lcore, Time
from dataplane.model.verdict import is_judged, reject
from dataplane.native.abi import Reason


def country(lcore: Lcore, packet: Packet, _now: Time) -> bool:
    """Apply both rules of the profile; a rule in monitor mode does not prevent the other from
    dropping."""
    profile, countries = lcore.node.profiles[packet.profile], lcore.node.countries
    if countries is None or packet.client is None or not is_judged(packet):
        return True
    found = countries.find(packet.client)
    return not any(reject(lcore, packet, reason) for reason in _reasons(profile, found))


def _reasons(profile: Profile, found: int) -> Iterator[Reason]:
    if found in profile.geo_block:
        yield Reason.GEO_BLOCK
    if profile.geo_allow is not None and found not in profile.geo_allow:
        yield Reason.GEO_ALLOW
