"""Packet buffers: the maximum for each holder, and so the size of the pool.

One pool serves all holders. If one of them took more than its share, the ports would have no
buffers, and would silently receive nothing. The numbers follow from the settings alone, before DPDK
starts. When memory is short, queues and the SYN proxy get less, down to a minimum; the other shares
are fixed.
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
"""Minimum numbers: descriptors of a queue, and packets that the SYN proxy of an lcore holds."""
DESCRIPTORS_FIXED = {"net_af_xdp": 2048}
"""Drivers that use so many buffers per queue, whatever is configured
(XSK_RING_*__DEFAULT_NUM_DESCS); a driver without buffers silently receives nothing."""
_QUEUES = 4  # of an lcore: two ports, two directions
_OTHER_MIB = 8
"""Packet memory beside the buffers: rings, queues, outboxes."""


@dataclass(frozen=True)
class Budget:
    """The maximum of each holder at a time."""

    lcores: int
    descriptors: int
    """Descriptors of each queue."""
    held_max: int
    """Packets that the SYN proxy of each lcore holds for hosts that have not answered yet."""

    @property
    def handover_slots(self) -> int:
        """Slots of the ring from one lcore to another: ``abi.HANDOVER_SLOTS``, divided among the
        other lcores."""
        others = max(self.lcores - 1, 1)
        return 1 << (abi.HANDOVER_SLOTS // others).bit_length() - 1

    @property
    def holders(self) -> dict[str, int]:
        """Buffers of all lcores together, by the name of the holder."""
        lcores = self.lcores
        return {
            "queues": _QUEUES * self.descriptors * lcores,
            # rte_mempool's flush threshold; the control loop has a cache too
            "caches": (lcores + 1) * CACHE_COUNT * 3 // 2,
            "bursts": lcores * abi.BURST_MAX,
            "frames of the node's own": lcores * abi.OUTBOX_BUFFERS,
            "hand-over": lcores * (lcores - 1) * self.handover_slots,
            "SYN proxy": lcores * self.held_max,
        }

    @property
    def total(self) -> int:
        """The number of buffers that are needed."""
        return sum(self.holders.values())


def budget(settings: DataplaneSettings) -> Budget:
    """The shares; ConfigurationError names the holders if they do not fit."""
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
    """The size of the pool: that of the settings, else the number that is needed."""
    return settings.mbufs or planned.total


def _fixed_descriptors(settings: DataplaneSettings) -> int:
    """Software devices have the name of their driver."""
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
    """Halve the larger one of the two shares that can be reduced."""
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
