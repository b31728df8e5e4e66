"""The types of rules: one file each, in a folder by subject; registered in one list here.

For a new type see "Adding a rule type" in CONTRIBUTING.md.
"""

from __future__ import annotations

from typing import TypeAlias, get_args

from dataplane.policy.rule import Rule
from dataplane.policy.rules.connections.connection_limit import ConnectionLimitRule
from dataplane.policy.rules.connections.connection_state import ConnectionStateRule
from dataplane.policy.rules.detection import DetectionRule
from dataplane.policy.rules.http.http_framing import HttpFramingRule
from dataplane.policy.rules.http.http_slow import HttpSlowRule
from dataplane.policy.rules.http.waf import WafRule
from dataplane.policy.rules.limits.icmp_limit import IcmpLimitRule
from dataplane.policy.rules.limits.rate_limit import RateLimitRule
from dataplane.policy.rules.packets.encapsulation import EncapsulationRule
from dataplane.policy.rules.packets.ethertypes import EthertypesRule
from dataplane.policy.rules.packets.fragments import FragmentsRule
from dataplane.policy.rules.packets.link import LinkRule
from dataplane.policy.rules.packets.ports import PortsRule
from dataplane.policy.rules.packets.protocols import ProtocolsRule
from dataplane.policy.rules.packets.sanity import SanityRule
from dataplane.policy.rules.packets.udp_amplification import UdpAmplificationRule
from dataplane.policy.rules.sources.blacklist import BlacklistRule
from dataplane.policy.rules.sources.bogons import BogonsRule
from dataplane.policy.rules.sources.geo_allow import GeoAllowRule
from dataplane.policy.rules.sources.geo_block import GeoBlockRule

AnyRule: TypeAlias = (
    SanityRule
    | BlacklistRule
    | RateLimitRule
    | IcmpLimitRule
    | FragmentsRule
    | PortsRule
    | UdpAmplificationRule
    | GeoBlockRule
    | GeoAllowRule
    | ConnectionStateRule
    | ConnectionLimitRule
    | EthertypesRule
    | LinkRule
    | EncapsulationRule
    | ProtocolsRule
    | BogonsRule
    | HttpFramingRule
    | HttpSlowRule
    | WafRule
    | DetectionRule
)
"""All types. Messages and the JSON Schema use this order."""

RULES: dict[str, type[Rule]] = {
    get_args(model.model_fields["type"].annotation)[0]: model for model in get_args(AnyRule)
}
"""All types by name."""
