"""Evidence of the WAF's rules: the newest blocks and hits of each lcore, as values.

Workers overwrite old ones (``struct sb_evidence``). They are samples, not counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dataplane.base.networks import address_text
from dataplane.native import abi


@dataclass(frozen=True)
class Evidence:
    """One request that a rule hit; secrets in its texts are masked already."""

    boot_ms: int
    """Time on the boot clock, to a tenth of a second."""
    rule: int
    """Number of the rule."""
    incident: str
    """The incident number that the client got, 16 hexadecimal digits; empty: none."""
    client: str
    client_port: int
    protected: str
    protected_port: int
    profile: str
    """Name of the profile; empty: it was removed."""
    action: str
    severity: str
    mode: str
    """``enforce``, or ``monitor``: it would have been blocked."""
    target: str
    """The target in which the pattern matched: ``any``, ``path`` and so on."""
    line: str
    """The request line, cut."""
    excerpt: str
    """An excerpt around the match."""

    @property
    def path(self) -> str:
        """The path of the request line, without the query; cut and masked like that."""
        _, _, rest = self.line.partition(" ")
        return rest.partition(" ")[0].partition("?")[0]


def incident_id(number: int) -> str:
    """An incident number in the client's form; empty: there is none."""
    return f"{number:016x}" if number else ""


def read_evidence(content: bytes, sequence: int, profiles: Mapping[int, str]) -> Evidence | None:
    """The value of a copied element; None if it has another sequence number, or is torn.

    ``profiles``: their names by index.
    """
    found = abi.Evidence.from_buffer_copy(content)
    if found.sequence != sequence:
        return None
    try:
        action = abi.WafAction(found.action).name.lower()
        severity = abi.Severity(found.severity).name.lower()
        mode, target = abi.Mode(found.mode).name.lower(), abi.WafClass(found.target).name.lower()
    except ValueError:  # a member that no enum has
        return None
    return Evidence(
        boot_ms=found.boot_ds * 100,
        rule=found.rule,
        incident=incident_id(found.incident),
        client=address_text(bytes(found.client)),
        client_port=found.client_port,
        protected=address_text(bytes(found.protected_address)),
        protected_port=found.protected_port,
        profile=profiles.get(found.profile, ""),
        action=action,
        severity=severity,
        mode=mode,
        target=target,
        line=bytes(found.line)[: found.line_size].decode(errors="backslashreplace"),
        excerpt=bytes(found.excerpt)[: found.excerpt_size].decode(errors="backslashreplace"),
    )
