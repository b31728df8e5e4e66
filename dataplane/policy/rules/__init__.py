"""The types of rules: one file each, and the one list in which they are registered.

"Adding a rule type" in CONTRIBUTING.md says what belongs to one.
"""

from __future__ import annotations

from typing import TypeAlias, get_args

from dataplane.policy.rule import Rule
from dataplane.policy.rules.blacklist import BlacklistRule
from dataplane.policy.rules.bogons import BogonsRule
from dataplane.policy.rules.connection_limit import ConnectionLimitRule
from dataplane.policy.rules.connection_state import ConnectionStateRule
from dataplane.policy.rules.detection import DetectionRule
from dataplane.policy.rules.ethertypes import EthertypesRule
from dataplane.policy.rules.fragments import FragmentsRule
from dataplane.policy.rules.geo_allow import GeoAllowRule
from dataplane.policy.rules.geo_block import GeoBlockRule
from dataplane.policy.rules.http_framing import HttpFramingRule
from dataplane.policy.rules.http_slow import HttpSlowRule
from dataplane.policy.rules.icmp_limit import IcmpLimitRule
from dataplane.policy.rules.link import LinkRule
from dataplane.policy.rules.ports import PortsRule
from dataplane.policy.rules.protocols import ProtocolsRule
from dataplane.policy.rules.rate_limit import RateLimitRule
from dataplane.policy.rules.sanity import SanityRule
from dataplane.policy.rules.udp_amplification import UdpAmplificationRule
from dataplane.policy.rules.waf import WafRule

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
    | ProtocolsRule
    | BogonsRule
    | HttpFramingRule
    | HttpSlowRule
    | WafRule
    | DetectionRule
)
"""The list. Its order is that of messages and of the JSON Schema."""

RULES: dict[str, type[Rule]] = {
    get_args(model.model_fields["type"].annotation)[0]: model for model in get_args(AnyRule)
}
"""By type."""
