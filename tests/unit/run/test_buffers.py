"""Packet buffers: every holder has its share, and what does not fit is refused by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dataplane.base.errors import ConfigurationError
from dataplane.base.settings import DataplaneSettings, PortSettings, SynProxyCapacities
from dataplane.dpdk.mempool import CACHE_COUNT, bytes_of
from dataplane.native import abi
from dataplane.run.opening.buffers import DESCRIPTORS_MAX, SHARE_MIN, Budget, budget, pool_size

PLENTY = DataplaneSettings(
    outside=PortSettings("0000:01:00.0"),
    inside=PortSettings("0000:01:00.1"),
    state_log=Path("/x"),
    socket=Path("/y"),
    memory_mib=1024,
)
HELD_MAX = SynProxyCapacities().held_max


def on(lcores: int, settings: DataplaneSettings = PLENTY, **changes: object) -> DataplaneSettings:
    return replace(settings, lcores=lcores, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("lcores", "slots", "total"),
    [(1, 1024, 3936), (2, 1024, 9536), (4, 256, 17_664), (8, 128, 35_968)],
)
def test_there_are_buffers_for_all_holders_at_once(lcores: int, slots: int, total: int) -> None:
    planned = budget(on(lcores))
    assert (planned.descriptors, planned.held_max) == (DESCRIPTORS_MAX, HELD_MAX)
    assert planned.handover_slots == slots
    assert planned.holders == {
        "queues": 4 * DESCRIPTORS_MAX * lcores,
        "caches": (lcores + 1) * CACHE_COUNT * 3 // 2,
        "bursts": lcores * abi.BURST_MAX,
        "frames of the node's own": lcores * abi.OUTBOX_BUFFERS,
        "hand-over": lcores * (lcores - 1) * slots,
        "SYN proxy": lcores * HELD_MAX,
    }
    assert pool_size(on(lcores), planned) == planned.total == total


@pytest.mark.parametrize("lcores", range(1, abi.LCORES_MAX + 1))
def test_what_waits_for_one_lcore_is_as_much_as_one_ring_has(lcores: int) -> None:
    slots = Budget(lcores, DESCRIPTORS_MAX, HELD_MAX).handover_slots
    others = max(lcores - 1, 1)
    assert slots & (slots - 1) == 0
    assert slots * others <= abi.HANDOVER_SLOTS < 2 * slots * others


@pytest.mark.parametrize("lcores", [1, 2, 4, 8])
def test_where_memory_is_short_queues_and_proxy_take_less(lcores: int) -> None:
    full = budget(on(lcores))
    least = replace(full, descriptors=SHARE_MIN, held_max=SHARE_MIN)
    for mbufs in (full.total, full.total - 1, (full.total + least.total) // 2, least.total):
        planned = budget(on(lcores, mbufs=mbufs))
        assert planned.total <= mbufs == pool_size(on(lcores, mbufs=mbufs), planned)
        assert planned.descriptors >= SHARE_MIN
        assert planned.held_max >= SHARE_MIN
    assert budget(on(lcores, mbufs=least.total)) == least


@pytest.mark.parametrize("lcores", [1, 2, 4, 8])
def test_what_does_not_fit_is_refused_with_the_least_and_its_holders(lcores: int) -> None:
    least = replace(budget(on(lcores)), descriptors=SHARE_MIN, held_max=SHARE_MIN)
    with pytest.raises(ConfigurationError) as caught:
        budget(on(lcores, mbufs=least.total - 1))
    message = str(caught.value)
    assert message.startswith(
        f"mbufs: {least.total - 1}, for {lcores} lcores; at least {least.total}: "
    )
    for holder, count in least.holders.items():
        assert (f"{holder} {count}" in message) is (count > 0), message


@pytest.mark.parametrize("lcores", [1, 2, 4, 8])
def test_as_many_as_fit_the_memory_are_made(lcores: int) -> None:
    settings = on(lcores, memory_mib=64)
    planned = budget(settings)
    assert pool_size(settings, planned) * bytes_of(2048) < 64 << 20
    assert planned.descriptors >= DESCRIPTORS_MAX // 8


def test_memory_for_too_few_is_refused_by_the_name_of_the_setting() -> None:
    with pytest.raises(ConfigurationError, match=r"^memory_mib: 16, which is 3\d{3} packet buff"):
        budget(on(2, memory_mib=16))


def test_a_larger_mtu_leaves_room_for_fewer() -> None:
    jumbo = replace(PLENTY, memory_mib=64, outside=PortSettings("0000:01:00.0", mtu=9000))
    assert budget(jumbo).total < budget(replace(PLENTY, memory_mib=64)).total * 2
    assert budget(jumbo).total * bytes_of(9024) < 64 << 20


def test_a_driver_with_queues_of_its_own_size_needs_buffers_for_them() -> None:
    settings = replace(PLENTY, outside=PortSettings("net_af_xdp0,iface=eth0"))
    planned = budget(settings)
    assert (planned.descriptors, planned.held_max) == (2048, HELD_MAX)
    least = replace(planned, held_max=SHARE_MIN)
    assert budget(replace(settings, mbufs=least.total)) == least
    with pytest.raises(ConfigurationError, match=f"at least {least.total}: queues 8192"):
        budget(replace(settings, mbufs=least.total - 1))


def test_without_a_syn_proxy_nothing_is_set_aside_for_it() -> None:
    assert budget(replace(PLENTY, has_syn_proxy=False)).holders["SYN proxy"] == 0
