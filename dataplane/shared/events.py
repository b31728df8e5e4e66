"""Events as plain values: what the agent reads from the event rings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from dataplane.base.networks import address_text
from dataplane.native import abi
from dataplane.shared.evidence import Evidence, incident_id
from dataplane.shared.transport.ring import Element


@dataclass(frozen=True)
class DropSample:
    """One packet that was dropped, or would have been; a sample, never a count."""

    boot_ms: int
    """When, on the boot clock, to a tenth of a second."""
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
    """Something happened to the node."""

    boot_ms: int
    kind: str
    """Name of ``enum sb_notice_kind`` in lower case."""
    value: int
    """Revision, port, user id, errno or rate, by kind."""
    address: str = ""
    """What it is about, where that is one."""
    profile: int = 0
    """Index of the profile that it is about; of the SYN proxy alone."""


@dataclass(frozen=True)
class RuleTriggered:
    """A rule of the WAF has hit a request; a sample where there are many.

    The rule's own name is not on the pages: whoever shows an event asks the API for it
    (``GET /rules/{id}``), where it is as long as the rule is there.
    """

    rule: int
    """Its number."""
    incident: str
    """What the client was told, 16 hexadecimal digits; empty: nothing."""
    client: str
    profile: int
    action: str
    severity: str
    mode: str
    lcore: int
    sequence: int
    """Of its evidence on that lcore."""
    group_index: int
    group: str = ""
    """Its name, by that index; empty: the rule has none."""
    hits: int | None = None
    """Requests that the rule has hit; None: the data plane does not have it any more."""
    evidence: Evidence | None = None
    """None: it was written over before anybody looked."""


Event: TypeAlias = DropSample | Notice | RuleTriggered


def decode_event(element: Element) -> Event | None:
    """None for what this version does not know."""
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
