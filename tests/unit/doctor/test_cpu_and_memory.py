"""Instruction set, CPUs, clock, hugepages, memory."""

from __future__ import annotations

import pytest

from appliance.doctor import Status
from appliance.doctor.checks.cpu import V2_FLAGS
from tests.support.fakes.fake_host import FLAGS, FakeHost
from tests.unit.doctor.conftest import Examine

PAGES = "/sys/kernel/mm/hugepages/hugepages-2048kB"
CLOCK = "/sys/devices/system/clocksource/clocksource0/current_clocksource"


@pytest.mark.parametrize("flag", sorted(V2_FLAGS))
def test_each_flag_of_x86_64_v2_is_required(fake: FakeHost, findings: Examine, flag: str) -> None:
    fake.write("/proc/cpuinfo", f"flags : {FLAGS.replace(flag, '')}\n")
    assert findings()["cpu"].status is Status.FAIL
    assert flag in findings()["cpu"].what


def test_wider_instruction_sets_are_noted(fake: FakeHost, findings: Examine) -> None:
    assert findings()["cpu"].what == "x86-64-v2, AVX2, AVX-512"
    fake.write("/proc/cpuinfo", f"flags : {FLAGS.replace('avx2', '')}\n")
    assert findings()["cpu"].what == "x86-64-v2"


@pytest.mark.parametrize(
    ("online", "lcores", "status"),
    [
        ("0-3", 3, Status.OK),
        ("0-3", 4, Status.WARN),
        ("0,2", 3, Status.FAIL),
        ("0", 1, Status.WARN),
    ],
)
def test_workers_want_a_cpu_each_and_one_for_the_rest(
    fake: FakeHost, findings: Examine, online: str, lcores: int, status: Status
) -> None:
    fake.write("/sys/devices/system/cpu/online", online)
    assert findings(dataplane={"lcores": lcores})["cpus"].status is status


def test_a_worker_cpu_that_is_not_online_fails(fake: FakeHost, findings: Examine) -> None:
    found = findings(dataplane={"lcores": 2, "worker_cpus": [3, 9]})["cpus"]
    assert found.status is Status.FAIL
    assert found.what == "dataplane.worker_cpus names 9, online are 0-3"


def test_shared_worker_cpus_are_warned_of(fake: FakeHost, findings: Examine) -> None:
    fake.write("/sys/devices/system/cpu/isolated", "")
    found = findings(dataplane={"worker_cpus": [3]})["isolation"]
    assert found.status is Status.WARN
    assert found.command is not None
    assert found.command.startswith("secbeat host prepare")
    assert "isolcpus=managed_irq,domain,3 nohz_full=3" in found.command
    assert findings()["isolation"].status is Status.OK


def test_worker_cpus_that_cpusets_set_apart_are_well(fake: FakeHost, findings: Examine) -> None:
    fake.write("/sys/devices/system/cpu/isolated", "")
    fake.write("/sys/fs/cgroup/system.slice/cpuset.cpus", "0-2\n")
    assert findings(dataplane={"worker_cpus": [3]})["isolation"].status is Status.OK
    fake.write("/sys/fs/cgroup/system.slice/cpuset.cpus", "0-3\n")
    assert findings(dataplane={"worker_cpus": [3]})["isolation"].status is Status.WARN


@pytest.mark.parametrize(
    ("source", "flags", "status"),
    [
        ("tsc", FLAGS, Status.OK),
        ("hpet", FLAGS, Status.WARN),
        ("tsc", FLAGS.replace("nonstop_tsc", ""), Status.WARN),
    ],
)
def test_time_wants_a_steady_tsc(
    fake: FakeHost, findings: Examine, source: str, flags: str, status: Status
) -> None:
    fake.write(CLOCK, source)
    fake.write("/proc/cpuinfo", f"flags : {flags}\n")
    assert findings()["clock"].status is status


@pytest.mark.parametrize(
    ("wanted", "status"), [("auto", Status.WARN), ("on", Status.FAIL), ("off", Status.OK)]
)
def test_missing_hugepages_matter_as_configured(
    fake: FakeHost, findings: Examine, wanted: str, status: Status
) -> None:
    fake.write(f"{PAGES}/nr_hugepages", "10")
    fake.write(f"{PAGES}/free_hugepages", "4")
    found = findings(dataplane={"hugepages": wanted, "memory_mib": 64})["hugepages"]
    assert found.status is status
    if wanted != "off":
        assert found.what == "8 MiB free, 64 MiB wanted (10 of 2 MiB, 4 free)"
        assert found.command == "secbeat host prepare"


def test_gigabyte_pages_count_too(fake: FakeHost, findings: Examine) -> None:
    fake.write(f"{PAGES}/nr_hugepages", "0")
    fake.write("/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "1")
    fake.write("/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages", "1")
    assert findings()["hugepages"].what == "1 of 1024 MiB, 1 free"


@pytest.mark.parametrize(
    ("available_mib", "status"), [(8000, Status.OK), (400, Status.WARN), (200, Status.FAIL)]
)
def test_memory_must_be_available(
    fake: FakeHost, findings: Examine, available_mib: int, status: Status
) -> None:
    fake.write("/proc/meminfo", f"MemAvailable: {available_mib * 1024} kB\n")
    assert findings()["memory"].status is status


@pytest.mark.parametrize(
    ("limit", "status"),
    [("8388608", Status.WARN), (str(64 << 20), Status.OK), ("unlimited", Status.OK)],
)
def test_locked_memory_must_hold_the_packets(
    fake: FakeHost, findings: Examine, limit: str, status: Status
) -> None:
    fake.write("/proc/self/limits", f"Max locked memory         {limit}   {limit}   bytes\n")
    assert findings()["locked memory"].status is status
    assert findings(config=False)["locked memory"].status is Status.OK


DATAPLANE = "/opt/secbeat/bin/python3 /opt/secbeat/bin/secbeat-dataplane"
IN_A_TREE = "python -m appliance.cli.processes dataplane --config /x.toml"


@pytest.mark.parametrize("wanted", ["on", "auto"])
@pytest.mark.parametrize("command", [DATAPLANE, IN_A_TREE])
def test_the_hugepages_that_the_running_node_holds_are_not_missing(
    fake: FakeHost, findings: Examine, wanted: str, command: str
) -> None:
    fake.write(f"{PAGES}/nr_hugepages", "32")
    fake.write(f"{PAGES}/free_hugepages", "0")
    fake.run_node(77, command, hugepages_mib=64)
    found = findings(dataplane={"hugepages": wanted, "memory_mib": 64})["hugepages"]
    assert found.status is Status.OK
    assert found.what == "32 of 2 MiB, 0 free; 64 MiB held by the node that runs"
    more = findings(dataplane={"hugepages": wanted, "memory_mib": 66})["hugepages"]
    assert more.status is not Status.OK


def test_hugepages_of_another_program_are_missing(fake: FakeHost, findings: Examine) -> None:
    fake.write(f"{PAGES}/free_hugepages", "0")
    fake.run_node(77, "/usr/bin/qemu-system-x86_64 -name secbeat", hugepages_mib=128)
    assert findings(dataplane={"hugepages": "on"})["hugepages"].status is Status.FAIL


def test_the_memory_that_the_running_node_holds_is_not_missing(
    fake: FakeHost, findings: Examine
) -> None:
    fake.write("/proc/meminfo", f"MemAvailable: {200 * 1024} kB\n")
    fake.run_node(77, DATAPLANE, memory_mib=200)
    fake.run_node(78, "/opt/secbeat/bin/python3 /opt/secbeat/bin/secbeat-api", memory_mib=112)
    found = findings()["memory"]
    assert found.status is Status.OK
    assert found.what == "200 MiB available, 312 MiB held by the node that runs"
