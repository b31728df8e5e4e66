"""Packet buffers: who holds how many at most, and so how many there are.

One pool serves everybody; a holder that took more than its share would leave the ports without
buffers, which then receive nothing and do not say so. Decided from the settings alone, before DPDK
starts. Queues and the SYN proxy take less where memory is short, down to a least share; the others
can't.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from dataplane.base.errors import ConfigurationError
from dataplane.base.settings import DataplaneSettings, SynProxyCapacities
from dataplane.dpdk.mempool import CACHE_COUNT, bytes_of
from dataplane.native import abi
from dataplane.run.ports.data_ports import device_name, room_bytes

DESCRIPTORS_MAX = 512
SHARE_MIN = 64
"""Descriptors of a queue, and packets that the SYN proxy of an lcore holds, at the least."""
DESCRIPTORS_FIXED = {"net_af_xdp": 2048}
"""Drivers that take so many per queue, whatever they are asked for (XSK_RING_*__DEFAULT_NUM_DESCS);
one that finds no buffer for them receives nothing and does not say so."""
_QUEUES = 4  # of an lcore: two ports, two directions
_OTHER_MIB = 8
"""Of packet memory, beside the buffers: rings, queues, outboxes."""


@dataclass(frozen=True)
class Budget:
    """What each holder may have at a time."""

    lcores: int
    descriptors: int
    """Of each queue."""
    held_max: int
    """By the SYN proxy of each lcore, for hosts that have not answered yet."""

    @property
    def handover_slots(self) -> int:
        """Of the ring from one lcore to another: to each lcore as many together as one ring has."""
        others = max(self.lcores - 1, 1)
        return 1 << (abi.HANDOVER_SLOTS // others).bit_length() - 1

    @property
    def holders(self) -> dict[str, int]:
        """Buffers of all lcores together, by the name of who holds them."""
        lcores = self.lcores
        return {
            "queues": _QUEUES * self.descriptors * lcores,
            # rte_mempool's flush threshold; the control loop has a cache too.
            "caches": (lcores + 1) * CACHE_COUNT * 3 // 2,
            "bursts": lcores * abi.BURST_MAX,
            "frames of the node's own": lcores * abi.OUTBOX_BUFFERS,
            "hand-over": lcores * (lcores - 1) * self.handover_slots,
            "SYN proxy": lcores * self.held_max,
        }

    @property
    def total(self) -> int:
        """Buffers that there must be."""
        return sum(self.holders.values())


def budget(settings: DataplaneSettings) -> Budget:
    """Who gets how many; ConfigurationError names the holders where they do not fit."""
    fixed = _fixed_descriptors(settings)
    found = Budget(
        settings.lcores,
        fixed or DESCRIPTORS_MAX,
        SynProxyCapacities().held_max if settings.has_syn_proxy else 0,
    )
    most = settings.mbufs or _fitting(settings)
    while found.total > most:
        less = _with_less(found, is_fixed=fixed != 0)
        if less is None:
            raise ConfigurationError(_refusal(settings, found, most))
        found = less
    return found


def pool_size(settings: DataplaneSettings, planned: Budget) -> int:
    """Buffers to make: those that the settings name, else as many as there must be."""
    return settings.mbufs or planned.total


def _fixed_descriptors(settings: DataplaneSettings) -> int:
    """A device that is made in software is named after its driver."""
    names = [device_name(port.device) for port in (settings.outside, settings.inside)]
    return max(
        (
            count
            for driver, count in DESCRIPTORS_FIXED.items()
            for name in names
            if name.startswith(driver)
        ),
        default=0,
    )


def _fitting(settings: DataplaneSettings) -> int:
    room = room_bytes(max(settings.outside.mtu, settings.inside.mtu))
    return max(settings.memory_mib - _OTHER_MIB, 0) * (1 << 20) // bytes_of(room)


def _with_less(found: Budget, *, is_fixed: bool) -> Budget | None:
    """The greater of the two that can give way gives half of it."""
    can_shrink = not is_fixed and found.descriptors > SHARE_MIN
    if can_shrink and _QUEUES * found.descriptors >= found.held_max:
        return replace(found, descriptors=found.descriptors // 2)
    if found.held_max > SHARE_MIN:
        return replace(found, held_max=found.held_max // 2)
    return replace(found, descriptors=found.descriptors // 2) if can_shrink else None


def _refusal(settings: DataplaneSettings, least: Budget, most: int) -> str:
    what = f"memory_mib: {settings.memory_mib}, which is {most} packet buffers"
    if settings.mbufs:
        what = f"mbufs: {settings.mbufs}"
    holders = ", ".join(f"{holder} {count}" for holder, count in least.holders.items() if count)
    return f"{what}, for {settings.lcores} lcores; at least {least.total}: {holders}"
