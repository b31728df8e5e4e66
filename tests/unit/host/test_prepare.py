"""`secbeat host prepare`: hugepages and cpusets."""

from __future__ import annotations

import pytest

from appliance.config import NodeConfig
from appliance.host import cpus
from appliance.host.files import HostError
from appliance.host.prepare import plan
from appliance.host.steps import carry_out
from tests.support.fakes.fake_host import FakeHost
from tests.support.fakes.fake_kernel import FakeKernel, FakeTools
from tests.unit.host.conftest import INSIDE, OUTSIDE, Configure

PAGES = "/sys/kernel/mm/hugepages/hugepages-2048kB"
LARGE = "/sys/kernel/mm/hugepages/hugepages-1048576kB"


def prepare(kernel: FakeKernel, tools: FakeTools, config: NodeConfig) -> list[str]:
    return carry_out(plan(kernel, config, tools))


def pages(fake: FakeHost, place: str, total: int, free: int) -> None:
    fake.write(f"{place}/nr_hugepages", str(total))
    fake.write(f"{place}/free_hugepages", str(free))


@pytest.fixture
def bare(fake: FakeHost, kernel: FakeKernel) -> FakeKernel:
    """Without a hugepage yet."""
    pages(fake, PAGES, 0, 0)
    fake.write("/proc/sys/vm/compact_memory")
    return kernel


@pytest.mark.parametrize(("memory_mib", "count"), [(64, 32), (65, 33), (2048, 1024)])
def test_packet_memory_is_reserved_in_whole_pages(
    bare: FakeKernel, tools: FakeTools, configure: Configure, memory_mib: int, count: int
) -> None:
    prepare(bare, tools, configure(dataplane={"memory_mib": memory_mib}))
    assert bare.number(f"{PAGES}/nr_hugepages") == count


def test_a_second_run_changes_nothing(
    fake: FakeHost, bare: FakeKernel, tools: FakeTools, configure: Configure
) -> None:
    assert len(prepare(bare, tools, configure())) == 4
    for unit in cpus.UNITS:
        fake.write(f"/sys/fs/cgroup/{unit}/cpuset.cpus", "0-2\n")
    bare.told.clear()
    assert prepare(bare, tools, configure()) == []
    assert bare.told == []


def test_a_pool_is_never_made_smaller(
    fake: FakeHost, kernel: FakeKernel, tools: FakeTools, configure: Configure
) -> None:
    pages(fake, PAGES, 500, 3)
    prepare(kernel, tools, configure())
    assert kernel.number(f"{PAGES}/nr_hugepages") == 500


def test_gigabyte_pages_from_the_command_line_are_enough(
    fake: FakeHost, bare: FakeKernel, tools: FakeTools, configure: Configure
) -> None:
    pages(fake, LARGE, 1, 1)
    prepare(bare, tools, configure())
    assert bare.number(f"{PAGES}/nr_hugepages") == 0
    prepare(bare, tools, configure(dataplane={"memory_mib": 1025}))
    assert bare.number(f"{PAGES}/nr_hugepages") == 513


def test_no_hugepages_are_reserved_where_none_are_wanted(
    bare: FakeKernel, tools: FakeTools, configure: Configure
) -> None:
    prepare(bare, tools, configure(dataplane={"hugepages": "off"}))
    assert bare.number(f"{PAGES}/nr_hugepages") == 0


def test_memory_in_pieces_is_moved_together_once_and_too_little_is_told(
    fake: FakeHost, bare: FakeKernel, tools: FakeTools, configure: Configure
) -> None:
    scarce = FakeKernel(bare.root, hugepages_max=20)
    with pytest.raises(HostError) as caught:
        prepare(scarce, tools, configure())
    assert [name for name, _ in scarce.told] == [
        f"{PAGES}/nr_hugepages",
        "/proc/sys/vm/compact_memory",
        f"{PAGES}/nr_hugepages",
    ]
    assert str(caught.value) == (
        f"32 hugepages of 2 MiB in {PAGES}/nr_hugepages: the kernel has memory for 20; lower "
        "dataplane.memory_mib, or give it 'hugepages=32' on its command line"
    )
    assert len(tools.ran) == 3, "what can be done is done all the same"


def test_on_two_numa_nodes_the_nics_and_the_workers_get_pages(
    fake: FakeHost, kernel: FakeKernel, tools: FakeTools, configure: Configure
) -> None:
    for node, cpulist in enumerate(("0-1", "2-3", "", "")):
        place = f"/sys/devices/system/node/node{node}"
        fake.write(f"{place}/cpulist", cpulist)
        pages(fake, f"{place}/hugepages/hugepages-2048kB", 0, 0)
    for address in (OUTSIDE, INSIDE):
        fake.write(f"/sys/bus/pci/devices/{address}/numa_node", "2")

    def reserved() -> list[int | None]:
        place = "/sys/devices/system/node/node{}/hugepages/hugepages-2048kB/nr_hugepages"
        return [kernel.number(place.format(node)) for node in range(4)]

    prepare(kernel, tools, configure())
    assert reserved() == [0, 32, 32, 0]
    prepare(kernel, tools, configure(inside="mac:00:00:00:00:00:09"))
    assert reserved() == [32, 32, 32, 32], "where a NIC not seen yet will be nobody knows"


def test_what_is_not_the_data_plane_is_kept_off_the_workers_cpus(
    kernel: FakeKernel, tools: FakeTools, configure: Configure
) -> None:
    config = configure(dataplane={"lcores": 2, "worker_cpus": [1, 2]})
    prepare(kernel, tools, config)
    assert [command for command in tools.ran if command[0] == "systemctl"] == [
        ("systemctl", "set-property", "--runtime", unit, "AllowedCPUs=0,3")
        for unit in ("init.scope", "system.slice", "user.slice")
    ]
    assert cpus.note(kernel, config) == "CPU 1-2 is the workers' alone, 0,3 everybody else's"


def test_workers_without_cpus_of_their_own_choice_get_the_last_ones(
    kernel: FakeKernel, configure: Configure
) -> None:
    assert cpus.worker_cpus(kernel, configure(dataplane={"lcores": 2})) == (2, 3)


def test_on_a_single_cpu_nothing_is_set_apart_and_that_is_said(
    fake: FakeHost, kernel: FakeKernel, tools: FakeTools, configure: Configure
) -> None:
    fake.write("/sys/devices/system/cpu/online", "0\n")
    prepare(kernel, tools, configure())
    assert tools.ran == []
    assert cpus.note(kernel, configure()).endswith("nothing is set apart")


def test_a_tool_that_fails_is_told_with_what_it_was_for(
    kernel: FakeKernel, tools: FakeTools, configure: Configure
) -> None:
    tools.fails.add("systemctl")
    with pytest.raises(HostError, match=r"init.scope may use CPU 0-2: 'systemctl set-property"):
        prepare(kernel, tools, configure())


def test_planning_changes_nothing(bare: FakeKernel, tools: FakeTools, configure: Configure) -> None:
    assert len(plan(bare, configure(), tools)) == 4
    assert (bare.told, tools.ran) == ([], [])


def test_sets_of_cpus_are_read_and_written_as_the_kernel_does() -> None:
    assert cpus.parse_cpus("0-3,8") == {0, 1, 2, 3, 8}
    assert cpus.parse_cpus("") == set()
    assert cpus.parse_cpus("(null)\n") == set()
    assert cpus.ranges({8, 0, 1, 3}) == "0-1,3,8"
