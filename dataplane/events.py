"""Events as plain values: what the agent reads from the event rings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from dataplane import abi
from dataplane.networks import address_text
from dataplane.ring import Element


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


Event: TypeAlias = DropSample | Notice


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
                return Notice(notice.boot_ms, kind, notice.value, about)
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
