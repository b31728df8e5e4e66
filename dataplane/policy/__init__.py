"""The policy: the document, its validation, and its form in the packet path.

The package loads pydantic (13 MB): the data plane imports it only when it applies a policy.
"""

from __future__ import annotations

from dataplane.policy.changes import UNSET, Change, changes
from dataplane.policy.compiling import CompiledProfile, compile_policy, fill_profile
from dataplane.policy.document import DEFAULT_PROFILE, PolicyDocument, ProfileDocument
from dataplane.policy.geo import GeoRule
from dataplane.policy.input.parsing import (
    FILE_BYTES_MAX,
    load_policy_file,
    parse_policy,
    read_policy,
)
from dataplane.policy.input.stored import Stored, neighbors_of, profiles_of, rules_of
from dataplane.policy.neighbors import CompiledNeighbor, NeighborDocument, compile_neighbors
from dataplane.policy.overlay import OVERLAYS_MAX, AnyOverlay, lay_over, parse_overlay
from dataplane.policy.rule import Action
from dataplane.policy.rules import RULES

__all__ = [
    "DEFAULT_PROFILE",
    "FILE_BYTES_MAX",
    "OVERLAYS_MAX",
    "RULES",
    "UNSET",
    "Action",
    "AnyOverlay",
    "Change",
    "CompiledNeighbor",
    "CompiledProfile",
    "GeoRule",
    "NeighborDocument",
    "PolicyDocument",
    "ProfileDocument",
    "Stored",
    "changes",
    "compile_neighbors",
    "compile_policy",
    "fill_profile",
    "lay_over",
    "load_policy_file",
    "neighbors_of",
    "parse_overlay",
    "parse_policy",
    "profiles_of",
    "read_policy",
    "rules_of",
]
