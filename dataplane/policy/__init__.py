"""The policy: its document, what is wrong with one, and what the packet path makes of it.

pydantic is loaded with it (13 MB): the data plane imports it only when a policy is applied.
"""

from __future__ import annotations

from dataplane.policy.changes import UNSET, Change, changes
from dataplane.policy.checking import SANITY_REASONS, STRUCTURAL, reasons_of
from dataplane.policy.compiling import CompiledProfile, compile_policy, fill_profile
from dataplane.policy.document import DEFAULT_PROFILE, PolicyDocument, ProfileDocument
from dataplane.policy.parsing import FILE_BYTES_MAX, load_policy_file, parse_policy
from dataplane.policy.rules import RULE_TYPES, Action, GeoRule

__all__ = [
    "DEFAULT_PROFILE",
    "FILE_BYTES_MAX",
    "RULE_TYPES",
    "SANITY_REASONS",
    "STRUCTURAL",
    "UNSET",
    "Action",
    "Change",
    "CompiledProfile",
    "GeoRule",
    "PolicyDocument",
    "ProfileDocument",
    "changes",
    "compile_policy",
    "fill_profile",
    "load_policy_file",
    "parse_policy",
    "reasons_of",
]
