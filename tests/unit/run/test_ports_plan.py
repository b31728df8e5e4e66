"""From settings to device names, buffer sizes and EAL's command line; no DPDK is started."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from dataplane.base.errors import ConfigurationError
from dataplane.base.settings import DataplaneSettings, PortSettings
from dataplane.run.opening.eal_setup import lcores_argument, plan
from dataplane.run.ports.data_ports import device_name, room_bytes


def settings(**changes: Any) -> DataplaneSettings:
    values: dict[str, Any] = {
        "outside": PortSettings("net_null0"),
        "inside": PortSettings("net_null1"),
        "state_log": Path("/nowhere"),
        "socket": Path("/nowhere/dataplane.sock"),
    }
    return DataplaneSettings(**(values | changes))


def hugepages(root: Path, *, free: int, size_kib: int = 2048) -> Path:
    directory = root / f"hugepages-{size_kib}kB"
    directory.mkdir()
    (directory / "free_hugepages").write_text(f"{free}\n", encoding="ascii")
    return root


@pytest.mark.parametrize(
    ("device", "name"),
    [
        ("0000:01:00.0", "0000:01:00.0"),
        ("01:00.1", "0000:01:00.1"),
        ("0000:0A:00.0", "0000:0a:00.0"),
        ("net_af_packet0,iface=out0", "net_af_packet0"),
        ("net_null0", "net_null0"),
    ],
)
def test_a_device_is_found_by_eals_name_of_it(device: str, name: str) -> None:
    assert device_name(device) == name


@pytest.mark.parametrize(("mtu", "room"), [(1500, 2048), (2026, 2048), (2027, 2112), (9000, 9024)])
def test_a_buffer_holds_a_frame_with_two_vlan_tags(mtu: int, room: int) -> None:
    assert room_bytes(mtu) == room >= mtu + 22


def test_each_worker_sits_on_its_cpu_and_the_control_loop_floats_over_the_others() -> None:
    assert lcores_argument({0, 1, 3, 4}, (3, 1)) == "0@(0,4),1@3,2@1"
    assert lcores_argument({1, 3}, (3, 1)) == "0@(1,3),1@3,2@1"


def test_workers_take_the_last_allowed_cpus() -> None:
    assert plan(settings()).worker_cpus == (max(os.sched_getaffinity(0)),)


def test_enough_free_hugepages_are_used(tmp_path: Path) -> None:
    root = hugepages(tmp_path, free=32)

    assert plan(settings(), root).hugepages
    assert "--in-memory" in plan(settings(), root).arguments
    assert not plan(settings(hugepages="off"), root).hugepages


def limit(root: Path, memory_mib: int) -> int:
    arguments = plan(settings(memory_mib=memory_mib, hugepages="on"), root).arguments
    return int(arguments[arguments.index("--socket-limit") + 1])


def test_packet_memory_is_whole_pages(tmp_path: Path) -> None:
    root = hugepages(tmp_path, free=33)

    assert (limit(root, 64), limit(root, 65)) == (64, 66)


def test_a_gigabyte_page_fits_under_the_limit_beside_the_small_ones(tmp_path: Path) -> None:
    root = hugepages(tmp_path, free=4)
    hugepages(root, free=1, size_kib=1 << 20)

    assert limit(root, 64) == 1024 + 8
    with pytest.raises(ConfigurationError, match="1032 MiB are free, memory_mib is 1025"):
        limit(root, 1025)


def test_too_few_hugepages_mean_none(tmp_path: Path) -> None:
    made = plan(settings(), hugepages(tmp_path, free=31))

    assert not made.hugepages
    assert "--no-huge" in made.arguments
    assert "--in-memory" not in made.arguments


def test_hugepages_that_are_demanded_and_missing_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="62 MiB are free, memory_mib is 64"):
        plan(settings(hugepages="on"), hugepages(tmp_path, free=31))


def test_pci_is_probed_only_for_devices_that_are_named() -> None:
    mixed = plan(settings(inside=PortSettings("01:00.0"))).arguments

    assert "--no-pci" in plan(settings()).arguments
    assert "--no-pci" not in mixed
    assert mixed[mixed.index("-a") + 1] == "0000:01:00.0"
    assert mixed[mixed.index("--vdev") + 1] == "net_null0"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lcores": 0}, "lcores: 0"),
        ({"lcores": 17}, "lcores: 17"),
        ({"worker_cpus": (0, 1)}, "is not 1 different CPUs"),
        ({"worker_cpus": (4095,)}, "not among the allowed CPUs"),
        ({"inside": PortSettings("net_null0")}, "the same device"),
    ],
)
def test_what_can_not_be_names_the_setting(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        plan(settings(**changes))
