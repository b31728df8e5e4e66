"""Events as plain values, for the agent, which reads the event rings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from dataplane.base.networks import address_text
from dataplane.native import abi
from dataplane.shared.evidence import Evidence, incident_id
from dataplane.shared.transport.ring import Element


@dataclass(frozen=True)
class DropSample:
    """A packet that was dropped, or would have been; a sample, not a count."""

    boot_ms: int
    """Time on the boot clock, to a tenth of a second."""
    client: str
    protected: str
    profile: int
    reason: str
    mode: str
    port: str
    protocol: int
    """IP protocol number."""


@dataclass(frozen=True)
class Notice:
    """An event of the node."""

    boot_ms: int
    kind: str
    """Name of ``enum sb_notice_kind`` in lower case."""
    value: int
    """Revision, port, user id, errno or rate, by kind."""
    address: str = ""
    """The address or network that it is about, if any."""
    profile: int = 0
    """Index of the profile; only for events of the SYN proxy."""


@dataclass(frozen=True)
class RuleTriggered:
    """A hit of a WAF rule; a sample if there are many.

    The rule's own name is not on the pages: the API has it (``GET /rules/{id}``) as long as the
    rule exists.
    """

    rule: int
    """Number of the rule."""
    incident: str
    """The incident number that the client got, 16 hexadecimal digits; empty: none."""
    client: str
    profile: int
    action: str
    severity: str
    mode: str
    lcore: int
    sequence: int
    """Sequence number of its evidence on that lcore."""
    group_index: int
    group: str = ""
    """Name of the group with that index; empty: the rule has none."""
    hits: int | None = None
    """Hits of the rule in requests; None: the data plane does not have the rule any more."""
    evidence: Evidence | None = None
    """None: it was overwritten before it was read."""


Event: TypeAlias = DropSample | Notice | RuleTriggered


def decode_event(element: Element) -> Event | None:
    """The event; None: this version does not know its kind."""
    try:
        match element.kind:
            case abi.Message.DROP_SAMPLE:
                return _drop_sample(abi.DropSample.from_buffer_copy(element.payload))
            case abi.Message.NOTICE:
                notice = abi.Notice.from_buffer_copy(element.payload)
                kind = abi.NoticeKind(notice.notice).name.lower()
                address = bytes(notice.address)
                about = address_text(address) if any(address) else ""
                return Notice(notice.boot_ms, kind, notice.value, about, notice.profile)
            case abi.Message.RULE_TRIGGERED:
                return _rule_triggered(abi.RuleTriggered.from_buffer_copy(element.payload))
    except ValueError:  # a member that no enum has
        return None
    return None


def _drop_sample(sample: abi.DropSample) -> DropSample:
    return DropSample(
        boot_ms=sample.boot_ds * 100,
        client=address_text(bytes(sample.client)),
        protected=address_text(bytes(sample.protected_address)),
        profile=sample.profile,
        reason=abi.Reason(sample.reason).name.lower(),
        mode=abi.Mode(sample.mode).name.lower(),
        port=abi.Port(sample.port).name.lower(),
        protocol=sample.protocol,
    )


def _rule_triggered(event: abi.RuleTriggered) -> RuleTriggered:
    return RuleTriggered(
        rule=event.rule,
        incident=incident_id(event.incident),
        client=address_text(bytes(event.client)),
        profile=event.profile,
        action=abi.WafAction(event.action).name.lower(),
        severity=abi.Severity(event.severity).name.lower(),
        mode=abi.Mode(event.mode).name.lower(),
        lcore=event.lcore,
        sequence=event.sequence,
        group_index=event.group,
    )
